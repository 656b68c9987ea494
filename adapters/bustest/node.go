package bustest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Bus is what a bus adapter implements.
type Bus interface {
	ports.Bus
	ports.Checker
}

// Node is a node on a bus, which runs until the test ends. It records what it hears: the heads of
// rooms, and how often it was deaf.
type Node struct {
	Bus
	t testing.TB

	mu    sync.Mutex
	of    map[chat.RoomID]chat.Seq
	count int // entries
	deaf  int
}

var _ ports.Listener = (*Node)(nil)

// Run runs a bus.
func Run(t testing.TB, bus Bus) *Node {
	t.Helper()
	n := &Node{Bus: bus, t: t, of: map[chat.RoomID]chat.Seq{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := bus.Run(ctx, n); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return n
}

// Connected waits until the node is connected.
func (n *Node) Connected() *Node {
	n.t.Helper()
	Eventually(n.t, "it is connected", func() bool { return n.Check(n.t.Context()) == nil })
	return n
}

// Entries implements ports.Listener.
func (n *Node) Entries(entries []chat.Entry) {
	n.mu.Lock()
	n.count += len(entries)
	n.mu.Unlock()
	for i := range entries {
		n.Head(entries[i].Room, entries[i].Seq)
	}
}

// Head implements ports.Listener.
func (n *Node) Head(room chat.RoomID, seq chat.Seq) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of[room] = max(n.of[room], seq)
}

// Hear implements ports.Listener.
func (n *Node) Hear(ports.Notice) {}

// Deaf implements ports.Listener.
func (n *Node) Deaf() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deaf++
}

// Heard returns the head of a room, as far as the node has heard.
func (n *Node) Heard(room chat.RoomID) chat.Seq {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.of[room]
}

func (n *Node) counted() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.count
}

// Deafened returns how often it was deaf.
func (n *Node) Deafened() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.deaf
}

// HearsOf waits until the node hears another one, in a room that it follows for this purpose.
func (n *Node) HearsOf(other *Node) {
	n.t.Helper()
	const room = "tea"
	if err := n.Follow(n.t.Context(), room); err != nil {
		n.t.Fatal(err)
	}
	defer n.Unfollow(room)
	from := n.Heard(room)
	seq := from
	Eventually(n.t, "what is said is heard", func() bool {
		seq++
		_ = other.Announce(n.t.Context(), []chat.Entry{Message(room, seq, 10)})
		return n.Heard(room) > from
	})
}

// Eventually waits until ok returns true.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// Message makes an entry with a body of size characters.
func Message(room chat.RoomID, seq chat.Seq, size int) chat.Entry {
	return chat.Entry{Room: room, Seq: seq, At: time.Now(), Author: chat.Author{ID: "alice"}, Fact: chat.Message{Body: strings.Repeat("x", size)}}
}

// Benchmark measures how entries go from one node to another, with several sizes of batches and
// bodies.
func Benchmark(b *testing.B, open func() Bus) {
	for _, size := range []struct {
		name         string
		batch, rooms int
	}{{"batch=1/rooms=1", 1, 1}, {"batch=64/rooms=1", 64, 1}, {"batch=64/rooms=64", 64, 64}} {
		b.Run(size.name, func(b *testing.B) {
			from, to := Run(b, open()).Connected(), Run(b, open()).Connected()
			entries := make([]chat.Entry, size.batch)
			for i := range entries {
				entries[i] = Message(chat.RoomID("room"+strings.Repeat("x", i%size.rooms)), 0, 64)
			}
			for i := range size.rooms {
				if err := to.Follow(b.Context(), entries[i].Room); err != nil {
					b.Fatal(err)
				}
			}
			last := entries[size.batch-1].Room
			var seq chat.Seq
			for b.Loop() {
				seq++
				for i := range entries {
					entries[i].Seq = seq
				}
				if err := from.Announce(b.Context(), entries); err != nil {
					b.Fatal(err)
				}
				for seq-to.Heard(last) > 256 { // bounds the entries under way
					time.Sleep(50 * time.Microsecond)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size.batch), "ns/entry")
			Eventually(b, "the last is heard", func() bool { return to.Heard(last) >= seq })
			if told, heard := int(seq)*size.batch, to.counted(); heard > 0 && heard < told { // buses of heads deliver no entries
				b.Errorf("%d of %d entries were lost", told-heard, told)
			}
		})
	}
}
