package bus_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var errDown = errors.New("it is down")

// server is a fake server with groups. A room that begins with a digit is in that group; others are
// in the first.
type server struct {
	groups int

	mu      sync.Mutex
	down    bool  // dialling fails
	mute    bool  // it answers nothing
	unknown bool  // Groups fails
	refuses error // reported as refused at each connection
	dials   []time.Time
	conns   []*conn // open ones, by group
	sent    []bus.Message
}

// conn is a connection to a fake server.
type conn struct {
	*server
	group  int
	events bus.Events
	came   chan []byte
	cut    chan struct{}

	log []string // requests; guarded by server.mu
}

func (s *server) Groups(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unknown {
		return 0, errDown
	}
	s.conns = make([]*conn, s.groups)
	return s.groups, nil
}

func (s *server) Group(room chat.RoomID) int {
	if g := int(room[0] - '0'); 0 <= g && g < s.groups {
		return g
	}
	return 0
}

func (s *server) Close() {}

func (s *server) Dial(_ context.Context, group int, events bus.Events) (bus.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, time.Now())
	if s.down {
		return nil, errDown
	}
	c := &conn{
		server: s, group: group, events: events,
		came: make(chan []byte, 16), cut: make(chan struct{}),
	}
	s.conns[group] = c
	if s.refuses != nil {
		events.Refused(s.refuses)
	}
	return c, nil
}

func (s *server) set(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *server) conn(group int) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[group]
}

// dialled returns the times of all dials.
func (s *server) dialled() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dials)
}

// breaks ends a group's connection.
func (c *conn) breaks() { close(c.cut) }

// answer waits until the server answers, which may be never.
func (c *conn) answer(ctx context.Context, note string) error {
	c.mu.Lock()
	c.log = append(c.log, note)
	mute := c.mute
	c.mu.Unlock()
	if !mute {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (c *conn) Subscribe(ctx context.Context, rooms []chat.RoomID) error {
	slices.Sort(rooms)
	for _, room := range rooms {
		if err := c.answer(ctx, "+"+string(room)); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) Unsubscribe(ctx context.Context, rooms []chat.RoomID) error {
	for _, room := range rooms {
		_ = c.answer(ctx, "-"+string(room))
	}
	return nil
}

func (c *conn) Ping(ctx context.Context) error { return c.answer(ctx, "ping") }

func (c *conn) Receive(ctx context.Context) ([]byte, error) {
	select {
	case packet := <-c.came:
		return packet, nil
	case <-c.cut:
		return nil, errDown
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *conn) Publish(_ context.Context, messages []bus.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, messages...)
	return nil
}

func (c *conn) Close() {}

// asked returns the connection's requests, without pings.
func (c *conn) asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.log), func(note string) bool { return note == "ping" })
}

// node is a bus over a fake server, with what its listener received.
type node struct {
	*bus.Bus
	*server
	t    *testing.T
	stop func()

	mu     sync.Mutex
	deaf   int
	heads  map[chat.RoomID]chat.Seq
	heard  []ports.Notice
	faults []error
	tried  []time.Time // when it reported them
}

// bubble runs a test with a node over a server, which the test may change before the node runs.
func bubble(t *testing.T, s *server, test func(t *testing.T, n *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.groups = max(s.groups, 1)
		n := &node{server: s, t: t, heads: map[chat.RoomID]chat.Seq{}}
		place := notices.NewPlace(nil, nil)
		n.Bus = bus.New(s, bus.Config{
			Server: "Fake", Place: place, Outbox: bus.NewPackets(place), OnFault: n.fault,
		})
		n.stop = func() {}
		test(t, n)
		n.stop()
	})
}

// runs runs the node, and waits until nothing happens any more.
func (n *node) runs() *node {
	n.t.Helper()
	ctx, cancel := context.WithCancel(n.t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx, n) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return n
}

func (n *node) follows(room chat.RoomID) {
	n.t.Helper()
	if err := n.Follow(n.t.Context(), room); err != nil {
		n.t.Errorf("Follow: %v", err)
	}
}

func (n *node) note(what func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	what()
}

func (n *node) fault(err error) {
	n.note(func() { n.faults, n.tried = append(n.faults, err), append(n.tried, time.Now()) })
}
func (n *node) Deaf()                               { n.note(func() { n.deaf++ }) }
func (n *node) Head(room chat.RoomID, seq chat.Seq) { n.note(func() { n.heads[room] = seq }) }
func (n *node) Entries(entries []chat.Entry)        { n.Head(entries[0].Room, entries[0].Seq) }

// told returns the faults that the node reported, and when.
func (n *node) told() ([]error, []time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.faults), slices.Clone(n.tried)
}

func (n *node) Hear(notice ports.Notice) {
	n.note(func() { n.heard = append(n.heard, notice) })
}

// wasDeaf checks how often the node was deaf, once nothing happens any more.
func (n *node) wasDeaf(want int) {
	n.t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deaf != want {
		n.t.Errorf("deaf %d times, want %d", n.deaf, want)
	}
}

// saysOf checks the error of Check; an empty want means no error.
func (n *node) saysOf(what, want string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Second)
	defer cancel()
	got := ""
	if err := n.Check(ctx); err != nil {
		got = err.Error()
		if !errors.Is(err, chat.Unavailable) {
			n.t.Errorf("%s: %v is not unavailable", what, err)
		}
	}
	if got != want {
		n.t.Errorf("%s: %q, want %q", what, got, want)
	}
}
