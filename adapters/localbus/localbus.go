// Package localbus is the bus within one process: for a node that is alone, and for tests that run several nodes side by side.
package localbus

import (
	"context"
	"sync"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Bus is one node's place on a local bus.
type Bus struct {
	line *line

	mu       sync.Mutex
	followed map[chat.RoomID]bool
	listener ports.Listener
}

var (
	_ ports.Bus     = (*Bus)(nil)
	_ ports.Checker = (*Bus)(nil)
)

// line connects the nodes of one process.
type line struct {
	mu    sync.RWMutex
	nodes []*Bus
}

// New returns the bus of a node that is alone.
func New() *Bus { return (&Bus{line: &line{}}).Node() }

// Node returns the place of another node on the same bus.
func (b *Bus) Node() *Bus {
	node := &Bus{line: b.line, followed: map[chat.RoomID]bool{}}
	b.line.mu.Lock()
	defer b.line.mu.Unlock()
	b.line.nodes = append(b.line.nodes, node)
	return node
}

// Run implements ports.Bus.
func (b *Bus) Run(ctx context.Context, listener ports.Listener) error {
	b.listen(listener)
	defer b.listen(nil)
	<-ctx.Done()
	return nil
}

func (b *Bus) listen(l ports.Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listener = l
}

// Follow implements ports.Bus.
func (b *Bus) Follow(_ context.Context, room chat.RoomID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.followed[room] = true
	return nil
}

// Unfollow implements ports.Bus.
func (b *Bus) Unfollow(room chat.RoomID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.followed, room)
}

// Announce implements ports.Bus.
func (b *Bus) Announce(_ context.Context, entries []chat.Entry) error {
	for i := range entries {
		b.others(entries[i].Room, func(l ports.Listener) { l.Entries(entries[i : i+1]) })
	}
	return nil
}

// Signal implements ports.Bus.
func (b *Bus) Signal(_ context.Context, signal chat.Signal) error {
	b.others(signal.Room, func(l ports.Listener) { l.Signal(signal) })
	return nil
}

// Check implements ports.Checker. A bus within the process is always there.
func (b *Bus) Check(context.Context) error { return nil }

// others tells each other node that follows room.
func (b *Bus) others(room chat.RoomID, tell func(ports.Listener)) {
	b.line.mu.RLock()
	defer b.line.mu.RUnlock()
	for _, node := range b.line.nodes {
		if node == b {
			continue
		}
		node.mu.Lock()
		l, follows := node.listener, node.followed[room]
		node.mu.Unlock()
		if l != nil && follows {
			tell(l)
		}
	}
}
