//go:build unix

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/bench/proc"
)

// start starts a role that becomes ready. The test must stop it.
func start(t *testing.T, spec proc.Spec) *proc.Process {
	t.Helper()
	p, err := proc.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mustSay fails the test unless err contains all of these.
func mustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

func TestAProcessIsReadyWhenItSaysSoAndEndsWhenToldTo(t *testing.T) {
	t.Parallel()
	p := start(t, roleOf("well", ""))
	if got := p.Output(); got != "ready" {
		t.Errorf("output is %q", got)
	}
	select {
	case <-p.Exited():
		t.Error("it has ended by itself")
	default:
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	select {
	case <-p.Exited():
	default:
		t.Error("it lives after Stop")
	}
	if got := p.Output(); got != "ready\nclosed" {
		t.Errorf("output is %q", got)
	}
	if _, err := p.Usage(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("usage of what has ended: %v", err)
	}
	if _, err := p.TreeUsage(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("usage of the tree of what has ended: %v", err)
	}
}

func TestStopMayBeCalledOftenAndAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t, roleOf("badly", ""))
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = p.Stop() })
	}
	wg.Wait()
	mustSay(t, errs[0], "stop "+filepath.Base(os.Args[0]), "exit status 4", "cannot close")
	for _, err := range errs {
		if !errors.Is(err, errs[0]) {
			t.Errorf("got %v and %v", errs[0], err)
		}
	}
}

func TestAProcessGetsItsFolderAndEnvironment(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spec := roleOf("tell", "")
	spec.Dir, spec.Env = dir, append(spec.Env, "PARLEY_TEST_WORD=a word")
	var heard string
	spec.Ready = func(line string) bool { heard = line; return true }
	p := start(t, spec)
	defer p.Stop()
	if want := "ready with a word in " + dir; heard != want {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

func TestAProcessThatEndsEarlyTellsWhy(t *testing.T) {
	t.Parallel()
	_, err := proc.Start(t.Context(), roleOf("fail", ""))
	mustSay(t, err, "before it was ready", "exit status 3", "line 299\nthe port is taken")
	if strings.Contains(err.Error(), "line 200\n") {
		t.Errorf("there are more than the last lines: %v", err)
	}
}

func TestAProgramThatIsNotThereCannotStart(t *testing.T) {
	t.Parallel()
	_, err := proc.Start(t.Context(), proc.Spec{Path: filepath.Join(t.TempDir(), "nothing")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// silent is a role that never becomes ready, with a way to get its id.
func silent(t *testing.T) (proc.Spec, <-chan int) {
	t.Helper()
	spec := roleOf("leave", "")
	pid := make(chan int, 1)
	spec.Ready = func(line string) bool {
		word, number, _ := strings.Cut(line, " ")
		if n, err := strconv.Atoi(number); err == nil && word == "left" {
			pid <- n
		}
		return false
	}
	return spec, pid
}

func TestAProcessThatIsNotReadyInTimeIsKilled(t *testing.T) {
	t.Parallel()
	spec := roleOf("silent", "")
	spec.Within = time.Millisecond
	_, err := proc.Start(t.Context(), spec)
	mustSay(t, err, "not ready within 1ms")
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	spec := roleOf("deaf", "")
	// The start is canceled after the process runs and ignores SIGTERM.
	spec.Ready = func(string) bool { cancel(cause); return false }
	if _, err := proc.Start(ctx, spec); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestAProcessOutlivesTheContextOfItsStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a, err := startActor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	a.does(t, "hello")
	if err := a.process.Stop(); err != nil { // the role ends by SIGTERM, which is not an error
		t.Error(err)
	}
	a.conn.Close()
}

func TestAProcessThatOverhearsIsKilled(t *testing.T) {
	t.Parallel()
	spec := roleOf("deaf", "")
	spec.Grace = time.Millisecond
	p := start(t, spec)
	mustSay(t, p.Stop(), "had to be killed", "within 1ms")
	<-p.Exited()
}

func TestAProcessThatHadEndedIsNoGoodEnd(t *testing.T) {
	t.Parallel()
	a := newActor(t)
	if _, err := a.tell("exit 0"); err == nil {
		t.Fatal("it answers")
	}
	<-a.process.Exited()
	mustSay(t, a.process.Stop(), "had ended before", "exit status 0", "ready")
}

func TestAChildThatKeepsTheOutputDoesNotKeepTheProcess(t *testing.T) {
	t.Parallel()
	spec, child := silent(t)
	_, err := proc.Start(t.Context(), spec)
	mustSay(t, err, "before it was ready", "exit status 0")
	left, err := os.FindProcess(<-child)
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Kill(); err != nil {
		t.Errorf("the child is not there: %v", err)
	}
}

func TestOutputIsCutIntoLines(t *testing.T) {
	t.Parallel()
	spec := roleOf("chatty", "")
	var heard []string
	spec.Ready = func(line string) bool { heard = append(heard, line); return line == "ready" }
	p := start(t, spec)
	defer p.Stop()
	if len(heard) != 4 || heard[0] != "first" || len(heard[1]) != 4096 || heard[2] != "" || heard[3] != "ready" {
		t.Errorf("heard %d lines: %.50q", len(heard), heard)
	}
	if got := p.Output(); !strings.HasPrefix(got, "first\nsecxxx") || !strings.Contains(got, "x\n\nready") {
		t.Errorf("output is %.50q", got)
	}
}

func TestWithoutAQuestionAProcessIsReadyAtOnce(t *testing.T) {
	t.Parallel()
	spec := roleOf("silent", "")
	spec.Ready = nil
	p := start(t, spec)
	if p.PID() <= 0 || p.PID() == os.Getpid() {
		t.Errorf("its id is %d", p.PID())
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestAttachedProcessesAreOnlyAsked(t *testing.T) {
	t.Parallel()
	a := newActor(t)
	p, err := proc.Attach(a.process.PID())
	if err != nil {
		t.Fatal(err)
	}
	if p.PID() != a.process.PID() || p.Exited() != nil || p.Output() != "" {
		t.Errorf("id %d, output %q", p.PID(), p.Output())
	}
	if u, err := p.Usage(); err != nil || u.Resident <= 0 || u.Processes != 1 {
		t.Errorf("usage is %+v, %v", u, err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	a.does(t, "hello")
	if _, err := a.tell("exit 0"); err == nil {
		t.Fatal("it answers")
	}
	<-a.process.Exited()
	if _, err := p.Usage(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("usage of what has ended: %v", err)
	}
	if _, err := p.TreeUsage(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("usage of the tree of what has ended: %v", err)
	}
	if _, err := proc.Attach(a.process.PID()); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("attaching to what has ended: %v", err)
	}
}

func TestACorpseIsNoProcess(t *testing.T) {
	t.Parallel()
	spec := roleOf("silent", "")
	child, err := os.StartProcess(spec.Path, []string{spec.Path}, &os.ProcAttr{Env: spec.Env})
	if err != nil {
		t.Fatal(err)
	}
	p, err := proc.Attach(child.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	// Nobody waits for it, so its id stays in use. It takes a moment to end.
	for {
		if _, err = p.Usage(); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("got %v", err)
	}
	if _, err := proc.Attach(child.Pid); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("attaching: got %v", err)
	}
	if state, err := child.Wait(); err != nil || state.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v, %v", state, err)
	}
}

func ExampleProcess_Usage() {
	self, err := proc.Attach(os.Getpid())
	if err != nil {
		fmt.Println(err)
		return
	}
	before, err := self.Usage()
	if err != nil {
		fmt.Println(err)
		return
	}
	// … load …
	after, err := self.Usage()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(after.Sub(before).CPU() >= 0)
	// Output: true
}
