package proc_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/bench/proc"
)

// told is the CPU time that an actor has reported.
func told(t *testing.T, answer string) time.Duration {
	t.Helper()
	n, err := strconv.ParseInt(answer, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Microsecond
}

func TestNothingOutlivesThisProcess(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	spec := roleOf("parent", ln.Addr().String())
	parent := exec.Command(spec.Path)
	parent.Env = spec.Env
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The thread that called Start is gone by then, which must not matter.
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the parent says %q, %v", line, err)
	}
	child := &actor{conn: conn, answers: bufio.NewReader(conn)}
	child.does(t, "hello")

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Error("the parent ended well")
	}
	// When the child ends, so does its connection.
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the child lives: %v", err)
	}
}

func TestUsageCountsCPUTimeExactly(t *testing.T) {
	t.Parallel()
	a := newActor(t)
	before := a.usage(t)
	own := told(t, a.does(t, "burn 100"))
	between := a.usage(t)
	// Its own value is between the values before and after.
	if between.CPU() < own || before.CPU() > own-100*time.Millisecond {
		t.Errorf("%v before and %v after it had used %v, 100ms of them in between", before.CPU(), between.CPU(), own)
	}
	if used := between.Sub(before); used.User <= 0 || used.System < 0 {
		t.Errorf("used %+v", used)
	}
	// With ticks of 10 ms this would rarely be visible.
	a.does(t, "burn 1")
	if used := a.usage(t).Sub(between).CPU(); used < time.Millisecond {
		t.Errorf("of a millisecond it shows %v", used)
	}
}

func TestUsageCountsMemoryFilesAndThreads(t *testing.T) {
	t.Parallel()
	a := newActor(t)
	before := a.usage(t)
	a.does(t, "hold 64")
	a.does(t, "open 150")
	a.does(t, "pass 50")
	after := a.usage(t)
	more := after.Sub(before)
	const held = 64 << 20
	if more.Resident < held*9/10 || more.Private < held*9/10 || more.Proportional < held*9/10 {
		t.Errorf("64 MiB show as %d bytes of resident, %d of private, %d of proportional memory", more.Resident, more.Private, more.Proportional)
	}
	if after.Private > after.Proportional || after.Proportional > after.Resident || after.Resident > after.PeakResident {
		t.Errorf("private %d, proportional %d, resident %d, peak %d: not in order", after.Private, after.Proportional, after.Resident, after.PeakResident)
	}
	if more.Files < 150 || more.Files > 160 {
		t.Errorf("150 files show as %d", more.Files)
	}
	if after.Threads < 20 {
		t.Errorf("20 threads show as %d", after.Threads)
	}
	// 20 threads wait for each other, 50 times each. The first thread alone has almost none of
	// these switches.
	if more.Voluntary < 500 {
		t.Errorf("1000 waits show as %d voluntary switches", more.Voluntary)
	}
	if more.Processes != 0 || after.Processes != 1 {
		t.Errorf("it is %d processes", after.Processes)
	}
}

func TestTreeUsageAddsUpDescendantsAndThoseThatHaveEnded(t *testing.T) {
	t.Parallel()
	a := newActor(t)
	tree := func() proc.Usage {
		u, err := a.process.TreeUsage()
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	alone := tree()
	if alone.Processes != 1 {
		t.Errorf("alone it is %d processes", alone.Processes)
	}
	a.does(t, "child 60")
	a.does(t, "child 60")
	three, root := tree(), a.usage(t)
	if three.Processes != 3 || root.Processes != 1 {
		t.Errorf("with two children it is %d processes, and itself %d", three.Processes, root.Processes)
	}
	if used := three.Sub(alone).CPU(); used < 120*time.Millisecond {
		t.Errorf("120ms of children show as %v", used)
	}
	if three.Resident <= root.Resident || three.Threads <= root.Threads {
		t.Errorf("three processes have %d bytes and %d threads, the first alone %d and %d", three.Resident, three.Threads, root.Resident, root.Threads)
	}
	a.does(t, "reap")
	after := tree()
	// The times of ended processes are exact to 10 ms, each for user and system time.
	if lost := three.CPU() - after.CPU(); after.Processes != 1 || lost > 40*time.Millisecond {
		t.Errorf("with the children gone, %d processes have used %v, before %v", after.Processes, after.CPU(), three.CPU())
	}
	if used := a.usage(t).CPU(); used > after.CPU()-100*time.Millisecond {
		t.Errorf("of %v, the first process alone is said to have used %v", after.CPU(), used)
	}
}
