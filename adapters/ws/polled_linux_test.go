package ws

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/ports"
)

var polledWay = with(func(c *Config) { c.Polled = true })

// number returns the number of a connection's file.
func (c *polled) number() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fd
}

func TestAnEventOfAnEarlierFileIsIgnored(t *testing.T) {
	t.Parallel()
	h := newHub()
	s := serve(t, h, polledWay)
	p, session := s.joins(h)
	p.sends(whole(say("a")))
	p.wants(`said "a"`)
	c := session.conn.(*polled)
	stale := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLHUP, Fd: c.number(), Pad: int32(c.mark) - 1}
	for _, events := range [][]syscall.EpollEvent{{stale}, {stale, stale}} {
		s.adapter.poller.pass(events, nil)
	}
	if c.state.Load()&hungUp != 0 {
		t.Error("an event of a file that had the number before was taken for its own")
	}
	p.sends(whole(say("b")))
	p.wants(`said "b"`)
	p.Close()
	receive(t, "the session's end", session.closed)
	s.adapter.poller.pass([]syscall.EpollEvent{{Events: syscall.EPOLLIN, Fd: stale.Fd, Pad: int32(c.mark)}}, nil) // of no connection now
}

func TestWhatHappensDuringATurnLeadsToAnother(t *testing.T) {
	t.Parallel()
	var c polled
	if !c.note(readable) {
		t.Fatal("a connection at rest is to be queued for its turn")
	}
	c.state.And(^again) // its turn begins
	if c.note(resumed) {
		t.Error("a connection that has its turn must not be queued for another worker")
	}
	if c.rest() {
		t.Error("a turn ended though something had happened since it began")
	}
	c.state.And(^again)
	if !c.rest() || !c.note(closing) {
		t.Error("a connection at rest is to be queued again")
	}
}

// TestATimerThatComesTooLateTouchesNothing ends a goodbye when the connection is over and its
// file's number may be used again.
func TestATimerThatComesTooLateTouchesNothing(t *testing.T) {
	t.Parallel()
	h := newHub()
	a := adapter(h, polledWay)
	server, client := connected(t)
	a.carry(server, &ports.Opening{}, nil)
	c := receive(t, "the session", h.opened).conn.(*polled)
	number := c.number()
	client.Close()
	await(t, "the connection's end", a.Wait)
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.giveUp()
	c.Close(ports.CloseSlow)
	if n, err := c.TryWrite([]byte("x")); n > 0 || err == nil {
		t.Errorf("a connection that is over took %d bytes, %v", n, err)
	}
	if _, err := syscall.Write(pair[0], []byte("x")); err != nil {
		t.Errorf("a file of another (%d, the connection's was %d) is broken: %v", pair[0], number, err)
	}
	for _, fd := range pair {
		_ = syscall.Close(fd)
	}
	if c.number() >= 0 {
		t.Error("the connection keeps the number of a file that is not its own")
	}
}

// TestNothingIsKeptBetweenMessages looks at a connection during a message, and after it.
func TestNothingIsKeptBetweenMessages(t *testing.T) {
	t.Parallel()
	h := newHub()
	p, session := serve(t, h, polledWay).joins(h)
	c := session.conn.(*polled)
	frame := whole(say("a"))
	p.sends(join(frame, frame[:9]))
	p.wants(`said "a"`)
	if kept(c) == nil {
		t.Error("half a message is forgotten")
	}
	p.sends(frame[9:])
	p.wants(`said "a"`)
	if kept(c) != nil {
		t.Error("something is kept of what is over")
	}
}

// kept waits until a connection has no turn, and returns its state of an incomplete message.
func kept(c *polled) *reading {
	for c.state.Load()&taken != 0 {
	}
	r := c.reading
	c.state.Or(0) // orders this read before the next turn, which begins with the state
	return r
}

func TestWhatCannotBePolledHasAGoroutine(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]serviceOption{"tls": overTLS(t), "in memory": inMemory()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub()
			s := serve(t, h, option, polledWay)
			p, session := s.joins(h)
			if _, polls := session.conn.(*polled); polls {
				t.Error("it is polled")
			}
			p.sends(whole(say("a")))
			p.wants(`said "a"`)
		})
	}
}

func TestAPollerLivesWithItsAdapter(t *testing.T) {
	t.Parallel()
	h := newHub()
	a := adapter(h, polledWay)
	a.Wait() // there was never a connection
	a = adapter(h, polledWay)
	var clients []net.Conn
	var sessions []*session
	for range 3 {
		server, client := connected(t)
		a.carry(server, &ports.Opening{}, nil)
		clients = append(clients, client)
		sessions = append(sessions, receive(t, "the session", h.opened))
	}
	for i, client := range clients {
		client.Close()
		receive(t, "the session's end", sessions[i].closed)
	}
	await(t, "the end of all", a.Wait)
	if n, current, _ := a.poller.workers.count(); n+current != 0 {
		t.Errorf("%d workers are left", n)
	}
	server, client := connected(t)
	a.carry(server, &ports.Opening{}, nil) // too late, but harmless
	last := receive(t, "the session", h.opened)
	if _, polls := last.conn.(*polled); polls {
		t.Error("it is polled by a poller that has ended")
	}
	client.Close()
	receive(t, "the last session's end", last.closed)
	await(t, "the end of all", a.Wait)
}

// TestTurnsAllocateNothing has a client send whole messages to sessions that allocate nothing.
func TestTurnsAllocateNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	if underRace {
		t.Skip("the race detector has pools forget")
	}
	f := &frugal{replied: make(chan struct{}, 1)}
	a := New(Config{Sessions: f, Verifier: tokens{}, Polled: true})
	server, client := connected(t)
	a.carry(server, &ports.Opening{}, nil)
	frame := pingFrame("hello")
	talk := func() {
		client.Write(frame)
		<-f.replied
	}
	if n := testing.AllocsPerRun(200, talk); n > 0 {
		t.Errorf("a turn allocates %v times", n)
	}
	client.Close()
	await(t, "the connection's end", a.Wait)
}

// TestGuardAWriteIsACallForSockets counts the writes to files of a thread that writes to a socket.
func TestGuardAWriteIsACallForSockets(t *testing.T) {
	t.Parallel()
	c, client := carried(t, polledWay, time.Second, 0)
	go io.Copy(io.Discard, client)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := fileWrites(t)
	for range 100 {
		if n, err := c.TryWrite([]byte("hello")); n != 5 || err != nil {
			t.Fatalf("wrote %d bytes, %v", n, err)
		}
	}
	if n := fileWrites(t) - before; n > 0 {
		t.Errorf("100 writes to a socket are %d writes to a file for the system", n)
	}
}

// fileWrites returns how many calls of write this thread has made.
func fileWrites(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/io")
	if err != nil {
		t.Skip("this system does not count:", err)
	}
	_, after, _ := strings.Cut(string(text), "\nsyscw: ")
	if _, err := fmt.Sscan(after, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestASocketTellsWhatItCannotDo(t *testing.T) {
	t.Parallel()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1<<10)
	if n, err := tryReceive(pair[0], p); n != 0 || err != syscall.EAGAIN { //nolint:errorlint // just this
		t.Errorf("where nothing has come: read %d bytes, %v", n, err)
	}
	written := 0
	for err == nil {
		var n int
		n, err = trySend(pair[0], p)
		written += n
	}
	if written == 0 || err != syscall.EAGAIN { //nolint:errorlint // just this
		t.Errorf("wrote %d bytes, then %v", written, err)
	}
	_ = syscall.Close(pair[1])
	if n, err := trySend(pair[0], p); n != 0 || err != syscall.EPIPE { //nolint:errorlint // just this
		t.Errorf("to one who has gone: wrote %d bytes, %v", n, err)
	}
	_ = syscall.Close(pair[0])
}
