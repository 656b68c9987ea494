package presence_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/presence"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const room = chat.RoomID("tea")

// longEnough is for presence to come to all nodes.
const longEnough = 500 * time.Millisecond

// aCrowd is until all readers are told of a crowd that came at once.
const aCrowd = 3 * time.Second

// cluster is nodes on one bus.
type cluster struct {
	t     testing.TB
	line  *localbus.Bus
	nodes []*node
}

// node is a node that follows a room, and what its readers there are told.
type node struct {
	*presence.Node
	t    testing.TB
	bus  *localbus.Bus
	stop func()

	passed chan chat.Signal
	asked  atomic.Int64 // signals for those who have asked

	mu    sync.Mutex
	deaf  bool
	told  []told
	arose []chat.Signal
	count int // notices of presence that the bus was told of
	users int // who were named in them
}

// told is a signal that readers were given, and the reader that was left out.
type told struct {
	chat.Signal
	origin string
}

func newCluster(t testing.TB, nodes int, tweaks ...func(*presence.Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, line: localbus.New()}
	for range nodes {
		c.starts(tweaks...)
	}
	return c
}

// starts starts one more node.
func (c *cluster) starts(tweaks ...func(*presence.Config)) *node {
	c.t.Helper()
	n := &node{t: c.t, bus: c.line.Node(), passed: make(chan chat.Signal, 100)}
	cfg := presence.Config{Readers: n, Bus: telling{n.bus, n}}
	for _, tweak := range tweaks {
		tweak(&cfg)
	}
	n.Node = presence.New(cfg)
	n.opens(room)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { n.bus.Run(ctx, listener{n}) })
	wg.Go(func() { n.Run(ctx) })
	wg.Go(func() { n.passes(ctx) })
	n.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	c.t.Cleanup(n.stop)
	c.nodes = append(c.nodes, n)
	synctest.Wait()
	return n
}

func (n *node) opens(id chat.RoomID) {
	n.Open(id)
	if err := n.bus.Follow(context.Background(), id); err != nil {
		n.t.Fatal(err)
	}
}

// arrives lets a user's session begin to follow the room.
func (n *node) arrives(user, session string) {
	n.Arrive(room, chat.Author{ID: chat.UserID(user)}, session)
}

// departs is the opposite; broken tells that the connection broke.
func (n *node) departs(user, session string, broken bool) {
	n.Depart(room, chat.Author{ID: chat.UserID(user)}, session, broken)
}

// Spread implements presence.Readers.
func (n *node) Spread(signal chat.Signal, origin string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, told{signal, origin})
}

// SpreadAsked implements presence.Readers: nobody here has asked, so it only counts.
func (n *node) SpreadAsked(chat.Signal, string) { n.asked.Add(1) }

// Arose implements presence.Readers.
func (n *node) Arose(signal chat.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.arose = append(n.arose, signal)
}

// Tell implements presence.Readers.
func (n *node) Tell(signal chat.Signal, origin string) {
	n.Spread(signal, origin)
	n.Arose(signal)
	n.passed <- signal
}

func (n *node) passes(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case signal := <-n.passed:
			n.bus.Tell(ctx, ports.Signalled{Signal: signal})
		}
	}
}

// takes returns the signals that have come until now.
func (n *node) takes() []told {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.told
	n.told = nil
	return taken
}

// first returns what arose on a node until now, in its order.
func (n *node) first() (list []string) {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.arose {
		word := sign(s.On) + string(s.User)
		if s.Kind == chat.SignalTyping {
			word += " types"
		}
		list = append(list, word)
	}
	n.arose = nil
	return list
}

// news returns who came and went until now, sorted, in one line: the order of several users is not
// fixed.
func (n *node) news() string {
	var words []string
	for _, s := range n.takes() {
		if s.Kind == chat.SignalPresence {
			words = append(words, sign(s.On)+string(s.User))
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func sign(on bool) string {
	if on {
		return "+"
	}
	return "-"
}

// shows returns who is present, in one line.
func (n *node) shows() string {
	p := n.Present(room)
	names := make([]string, 0, len(p.Users))
	for _, u := range p.Users {
		names = append(names, string(u.ID))
	}
	return fmt.Sprintf("%s of %d", strings.Join(names, " "), p.Total)
}

// deafen stops a node from hearing notices, and nobody is told that.
func (n *node) deafen(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deaf = on
}

// listener hears the bus for a node.
type listener struct{ *node }

func (listener) Entries([]chat.Entry)       {}
func (listener) Head(chat.RoomID, chat.Seq) {}
func (l listener) Hear(notice ports.Notice) {
	l.mu.Lock()
	deaf := l.deaf
	l.mu.Unlock()
	if deaf {
		return
	}
	if s, ok := notice.(ports.Signalled); ok {
		l.Types(s.Signal, 0, "")
		return
	}
	l.node.Hear(notice)
}

// telling counts what the bus is told of presence.
type telling struct {
	ports.Bus
	node *node
}

func (b telling) Tell(ctx context.Context, notice ports.Notice) error {
	if p, ok := notice.(ports.NodePresence); ok {
		b.node.mu.Lock()
		b.node.count++
		b.node.users += len(p.Users)
		b.node.mu.Unlock()
	}
	return b.Bus.Tell(ctx, notice)
}

func mustSay(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
