//go:build unix

package proc_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/cmd/bench/proc"
)

// roleVar makes this test binary another program that tests run; the value is one of roles.
const roleVar = "PARLEY_TEST_ROLE"

// addrVar is the address that the role obey connects to.
const addrVar = "PARLEY_TEST_ADDR"

var roles = map[string]func(){
	"obey":   obey,
	"fail":   fail,
	"silent": func() { select {} },
	"deaf":   func() { signal.Ignore(syscall.SIGTERM); fmt.Println("ready"); select {} },
	"parent": parent,
	"leave":  leave,
	"tell":   func() { serve("ready with " + os.Getenv("PARLEY_TEST_WORD") + " in " + cwd()) },
	"well":   func() { serve("ready"); fmt.Println("closed") },
	"badly":  func() { serve("ready"); fmt.Println("cannot close"); os.Exit(4) },
	"chatty": chatty,
}

// The main thread never ends. This goroutine stays on it, so that no other gets there: see parent.
func init() {
	if os.Getenv(roleVar) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVar)]; role != nil {
		time.AfterFunc(2*time.Minute, func() { panic("nobody has ended this process") })
		role()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// serve prints that it is ready, and returns when it should end.
func serve(ready string) {
	done := make(chan os.Signal, 1)
	signal.Notify(done, syscall.SIGTERM)
	fmt.Println(ready)
	<-done
}

func cwd() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}

func fail() {
	for i := range 300 {
		fmt.Println("line", i)
	}
	fmt.Fprintln(os.Stderr, "the port is taken")
	os.Exit(3)
}

func chatty() {
	fmt.Print("first\r\nsec", strings.Repeat("x", 100_000), "ond\n\n")
	fmt.Fprint(os.Stderr, "ready\nopen end")
	select {}
}

// leave ends while a child keeps its output open.
func leave() {
	child := roleOf("silent", "")
	attr := &os.ProcAttr{Env: child.Env, Files: []*os.File{nil, os.Stdout, os.Stderr}}
	p, err := os.StartProcess(child.Path, []string{child.Path}, attr)
	if err != nil {
		panic(err)
	}
	fmt.Println("left", p.Pid)
}

// parent starts a process that obeys, from a thread that ends, and then waits to be killed.
func parent() {
	thread := make(chan int)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread ends with the goroutine
		if _, err := proc.Start(context.Background(), roleOf("obey", os.Getenv(addrVar))); err != nil {
			panic(err)
		}
		thread <- threadID()
	}()
	awaitEndOfThread(<-thread)
	fmt.Println("ready")
	select {}
}

// obey executes commands from a connection, and answers each with "done" and the result.
func obey() {
	conn, err := net.Dial("tcp", os.Getenv(addrVar))
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	in := bufio.NewScanner(conn)
	for in.Scan() {
		command, number, _ := strings.Cut(in.Text(), " ")
		n, _ := strconv.Atoi(number)
		do := commands[command]
		if do == nil {
			panic("unknown command " + command)
		}
		fmt.Fprintf(conn, "done %s\n", do(n))
	}
}

var commands = map[string]func(n int) string{
	"hello": func(int) string { return "hello" },
	"burn":  burn,
	"hold":  hold,
	"open":  openMany,
	"pass":  pass,
	"child": startChild,
	"reap":  reap,
	"exit":  func(n int) string { os.Exit(n); return "" },
}

var (
	kept  []any // memory that must not be freed
	burnt int   // so that the compiler does not remove the work
)

// burn uses n milliseconds of CPU time, and returns the process's CPU time in microseconds.
func burn(n int) string {
	until := cpuTime() + time.Duration(n)*time.Millisecond
	for sum := 0; cpuTime() < until; {
		for i := range 100_000 {
			sum += i
		}
		burnt = sum
	}
	return strconv.FormatInt(cpuTime().Microseconds(), 10)
}

// hold fills n MiB of memory.
func hold(n int) string {
	b := make([]byte, n<<20)
	for i := range b {
		b[i] = byte(i)
	}
	kept = append(kept, b)
	return ""
}

func openMany(n int) string {
	for range n {
		f, err := os.Open(os.DevNull)
		if err != nil {
			panic(err)
		}
		kept = append(kept, f)
	}
	return ""
}

// pass has 20 threads that pass a token round n times, and then stay.
func pass(n int) string {
	const threads = 20
	ring := make([]chan int, threads)
	for i := range ring {
		ring[i] = make(chan int)
	}
	done := make(chan struct{})
	for i := range ring {
		go func() {
			runtime.LockOSThread()
			for left := range ring[i] {
				if left == 0 {
					close(done)
					break
				}
				ring[(i+1)%threads] <- left - 1
			}
			select {}
		}()
	}
	ring[0] <- n * threads
	<-done
	return ""
}

// children are the processes that startChild has started: connections to them.
var children []*actor

// startChild starts a process that obeys, which burns n milliseconds.
func startChild(n int) string {
	a, err := startActor(context.Background())
	if err != nil {
		panic(err)
	}
	children = append(children, a)
	answer, err := a.tell(fmt.Sprintf("burn %d", n))
	if err != nil {
		panic(err)
	}
	return answer
}

// reap ends all children and returns when they have been waited for.
func reap(int) string {
	for _, child := range children {
		child.conn.Close()
		<-child.process.Exited()
	}
	children = nil
	return ""
}

// roleOf returns the Spec of this binary in a role.
func roleOf(role, addr string) proc.Spec {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	// If two variables have one name, a process may see the first.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, roleVar+"=") || strings.HasPrefix(v, addrVar+"=")
	})
	return proc.Spec{
		Path:  self,
		Env:   append(env, roleVar+"="+role, addrVar+"="+addr, "GORACE=atexit_sleep_ms=0"),
		Ready: func(line string) bool { return strings.HasPrefix(line, "ready") },
	}
}

// actor is a process that obeys.
type actor struct {
	process *proc.Process
	conn    net.Conn
	answers *bufio.Reader
}

func startActor(ctx context.Context) (*actor, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	p, err := proc.Start(ctx, roleOf("obey", ln.Addr().String()))
	if err != nil {
		return nil, err
	}
	conn, err := ln.Accept() // it has connected before it was ready
	if err != nil {
		return nil, err
	}
	return &actor{p, conn, bufio.NewReader(conn)}, nil
}

// tell sends the actor a command and returns its answer.
func (a *actor) tell(command string) (string, error) {
	if _, err := fmt.Fprintln(a.conn, command); err != nil {
		return "", err
	}
	line, err := a.answers.ReadString('\n')
	if err != nil {
		return "", err
	}
	answer, ok := strings.CutPrefix(strings.TrimSpace(line), "done")
	if !ok {
		return "", fmt.Errorf("answered %q", line)
	}
	return strings.TrimSpace(answer), nil
}

// does is tell for tests.
func (a *actor) does(t *testing.T, command string) string {
	t.Helper()
	answer, err := a.tell(command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return answer
}

func (a *actor) usage(t *testing.T) proc.Usage {
	t.Helper()
	u, err := a.process.Usage()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// newActor starts an actor, and ends it with the test.
func newActor(t *testing.T) *actor {
	t.Helper()
	a, err := startActor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.conn.Close()
		<-a.process.Exited()
	})
	return a
}
