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

// Defaults of a Spec's times.
const (
	defaultWithin = 30 * time.Second
	defaultGrace  = 10 * time.Second
)

// pipeDelay is how long a process's output is read after its end if one of its children keeps the
// pipe open.
const pipeDelay = time.Second

// Spec describes a process to start. Only Path is needed.
type Spec struct {
	Path string
	Args []string // without the program's name
	Env  []string // the whole environment; nil: that of this process
	Dir  string   // empty: this process's
	// Ready is called with each line that the process writes, to standard output or standard error,
	// until it returns true. It is not called concurrently, nor after Start has returned; it must
	// not block. Lines have no line end and are cut at 4 KiB. Nil: the process is ready as soon as
	// it runs.
	Ready  func(line string) bool
	Within time.Duration // max time until it is ready; 0: 30 s
	Grace  time.Duration // max time to end after SIGTERM; 0: 10 s
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
// time, or ctx is done, Start ends it and returns an error with its last lines. ctx has no effect
// on a process that is ready: that runs until Stop, or, on Linux only, until this process ends,
// even by a kill. On Linux Ctrl-C in the terminal does not reach the process: end it with Stop.
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

// live starts the process and waits for its end, on a thread of its own: for the system, the end of
// the thread that started a process is the death of the parent, and Go may end threads at any time.
func (p *Process) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.exited)
	err := p.cmd.Start()
	if err == nil {
		p.pid = p.cmd.Process.Pid
		p.birth, _ = birthOf(p.pid) // it may have ended, but its id is not used again before Wait
	}
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // the result is in ProcessState
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
	_ = p.cmd.Process.Kill() // on an error it is gone already
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

// Exited is closed when the process has ended and all its output was read. For an attached process
// it is nil.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Output returns the last lines that the process wrote, up to a hundred.
func (p *Process) Output() string { return p.lines.String() }

// Stop asks the process to end (SIGTERM), waits for its Grace, then kills it, and returns when it
// is gone. It returns an error, with the last lines, if the process had ended before, reports a
// failure, or had to be killed. Further calls return the same result. Stop does not look for
// children that the process leaves behind.
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
