package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// What stands for a time that a Spec leaves open.
const (
	defaultWithin = 30 * time.Second
	defaultGrace  = 10 * time.Second
)

// pipeDelay is how long a process's output is still read when it has ended itself but one of its
// children holds the pipe.
const pipeDelay = time.Second

// Spec says what to start. Path alone is needed.
type Spec struct {
	Path string
	Args []string // without the program's name
	Env  []string // all of the environment; nil: that of this process
	Dir  string   // empty: this process's
	// Ready is asked about each line that the process writes, to standard output or standard error,
	// until it says true. It is never called twice at once, and not any more once Start has
	// returned; it must not wait for anything. Lines come without their end and are cut at 4 KiB.
	// Nil: the process is ready as soon as it runs.
	Ready  func(line string) bool
	Within time.Duration // in which it must be ready; 0: 30 s
	Grace  time.Duration // which it has to end after SIGTERM; 0: 10 s
}

// Process is a process whose usage can be asked for. Its methods may be called from any goroutine.
type Process struct {
	pid    int
	birth  birth
	name   string
	grace  time.Duration
	lines  *lines
	cmd    *exec.Cmd     // nil: attached
	exited chan struct{} // nil: attached

	stop    sync.Once
	stopErr error
}

// Start starts a process and returns when it is ready. If it ends before that, is not ready in
// time, or ctx is done, it is gone by the time of the error, which has its last lines. ctx means
// nothing to a process that is ready: that runs until Stop, or until this process ends. On Linux
// the system sees to the latter, even if this process is killed; elsewhere it does not. A Ctrl-C in
// the terminal does not reach the process on Linux: Stop is how it is to end.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), spec.Path, spec.Args...) //nolint:gosec // the caller's own program
	p := &Process{name: filepath.Base(spec.Path), grace: spec.Grace, cmd: cmd, exited: make(chan struct{}), lines: newLines(spec.Ready)}
	if p.grace == 0 {
		p.grace = defaultGrace
	}
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	// One writer for both, so that lines come in order, and from one goroutine.
	cmd.Stdout, cmd.Stderr = p.lines, p.lines
	cmd.WaitDelay = pipeDelay
	cmd.SysProcAttr = attributes()
	started := make(chan error, 1)
	go p.live(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	within := spec.Within
	if within == 0 {
		within = defaultWithin
	}
	if err := p.await(ctx, within); err != nil {
		return nil, p.told(err)
	}
	return p, nil
}

// live is with the process from its start to its end. Its thread does nothing else: the system
// takes the end of the thread that started a process for the death of the parent, and Go ends
// threads as it sees fit.
func (p *Process) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.exited)
	err := p.cmd.Start()
	if err == nil {
		p.pid = p.cmd.Process.Pid
		p.birth, _ = birthOf(p.pid) // it may have ended, but nobody else has its id until Wait
	}
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // ProcessState says how it ended
	}
}

// await returns when the process is ready. Otherwise it is gone.
func (p *Process) await(ctx context.Context, within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	var err error
	select {
	case <-p.lines.ready:
		return nil
	case <-p.exited:
		return fmt.Errorf("start %s: it ended before it was ready (%v)", p.name, p.cmd.ProcessState)
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		err = fmt.Errorf("it was not ready within %v", within)
	}
	p.kill()
	return fmt.Errorf("start %s: %w", p.name, err)
}

// kill ends the process at once and returns when it is gone.
func (p *Process) kill() {
	_ = p.cmd.Process.Kill() // an error says that it is gone already
	<-p.exited
}

// told adds the last lines to an error.
func (p *Process) told(err error) error {
	if output := p.Output(); output != "" {
		return fmt.Errorf("%w; its output ends:\n%s", err, output)
	}
	return err
}

// Attach returns a process that is running already. Its usage can be asked for; Stop and Output do
// nothing.
func Attach(pid int) (*Process, error) {
	birth, err := birthOf(pid)
	if err != nil {
		return nil, fmt.Errorf("attach to process %d: %w", pid, err)
	}
	return &Process{pid: pid, birth: birth, name: fmt.Sprint("process ", pid), lines: newLines(nil)}, nil
}

// PID returns the process's id.
func (p *Process) PID() int { return p.pid }

// Exited is closed when the process has ended and all its output is there. For an attached process
// it is nil.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Output returns the last lines that the process wrote, up to a hundred.
func (p *Process) Output() string { return p.lines.String() }

// Stop asks the process to end (SIGTERM), waits for as long as its grace is, then kills it, and
// returns when it is gone. It is an error, with the last lines, if the process had ended before it
// was asked to, reports a failure, or had to be killed. Further calls return what the first one
// did. Children that the process leaves behind are not looked for.
func (p *Process) Stop() error {
	if p.cmd == nil {
		return nil
	}
	p.stop.Do(func() {
		if err := p.end(); err != nil {
			p.stopErr = p.told(fmt.Errorf("stop %s: %w", p.name, err))
		}
	})
	return p.stopErr
}

func (p *Process) end() error {
	select {
	case <-p.exited:
		return p.early()
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		<-p.exited
		return p.early()
	}
	timer := time.NewTimer(p.grace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.kill()
		return fmt.Errorf("it had to be killed, as it did not end within %v", p.grace)
	}
	state := p.cmd.ProcessState
	status, ok := state.Sys().(syscall.WaitStatus)
	if state.Success() || ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
		return nil
	}
	return fmt.Errorf("it ended with %v", state)
}

func (p *Process) early() error { return fmt.Errorf("it had ended before (%v)", p.cmd.ProcessState) }

// gone reports whether a process that was started here has ended.
func (p *Process) gone() bool {
	select {
	case <-p.exited:
		return true
	default: // for an attached one too
		return false
	}
}
