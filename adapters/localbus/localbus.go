// Package localbus is the bus within one process: for a single node, and for tests that run several
// nodes in one process.
package localbus

import (
	"context"
	"sync"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Bus is one node's place on a local bus.
type Bus struct {
	nodes *nodes

	mu       sync.Mutex
	log      func() chat.LogID // nil: unknown
	foreign  func(chat.LogID)
	followed map[chat.RoomID]bool
	listener ports.Listener
	cut      bool
}

var (
	_ ports.Bus     = (*Bus)(nil)
	_ ports.Checker = (*Bus)(nil)
)

// nodes are all nodes on one bus.
type nodes struct {
	mu  sync.RWMutex
	all []*Bus
}

// New returns the bus of a single node.
func New() *Bus { return (&Bus{nodes: &nodes{}}).Node() }

// Node returns the place of another node on the same bus.
func (b *Bus) Node() *Bus {
	node := &Bus{nodes: b.nodes, followed: map[chat.RoomID]bool{}}
	b.nodes.mu.Lock()
	defer b.nodes.mu.Unlock()
	b.nodes.all = append(b.nodes.all, node)
	return node
}

// Keeps sets the identity of the node's log. The node then hears only nodes of this log or of an
// unknown one, and foreign is called for others. Call it before Run. It returns the node.
func (b *Bus) Keeps(log func() chat.LogID, foreign func(chat.LogID)) *Bus {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log, b.foreign = log, foreign
	return b
}

// kept returns the node's log, or an empty identity if it is unknown.
func (b *Bus) kept() chat.LogID {
	b.mu.Lock()
	log := b.log
	b.mu.Unlock()
	if log == nil {
		return ""
	}
	return log()
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

// Cut takes the node off the bus until Mend, for tests.
func (b *Bus) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = true
}

// Mend ends Cut.
func (b *Bus) Mend() {
	b.mu.Lock()
	l, was := b.listener, b.cut
	b.cut = false
	b.mu.Unlock()
	if was && l != nil {
		l.Deaf()
	}
}

var (
	errCut        = chat.Errorf(chat.Unavailable, "this node is cut off from the bus")
	errNotRunning = chat.Errorf(chat.Unavailable, "the bus does not run yet")
)

// Announce implements ports.Bus.
func (b *Bus) Announce(_ context.Context, entries []chat.Entry) error {
	if err := b.may(); err != nil {
		return err
	}
	for i := range entries {
		b.others(entries[i].Room, func(l ports.Listener) { l.Entries(entries[i : i+1]) })
	}
	return nil
}

// Tell implements ports.Bus.
func (b *Bus) Tell(_ context.Context, notice ports.Notice) error {
	if err := b.may(); err != nil {
		return err
	}
	b.others(notice.About(), func(l ports.Listener) { l.Hear(notice) })
	return nil
}

// Check implements ports.Checker. It fails only before Run, and after Cut.
func (b *Bus) Check(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener == nil {
		return errNotRunning
	}
	return b.connected()
}

// connected fails while the node is cut off. b.mu must be held.
func (b *Bus) connected() error {
	if b.cut {
		return errCut
	}
	return nil
}

// may fails if the node cannot send to others.
func (b *Bus) may() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connected()
}

// others calls tell for each other node that follows room, or for all others if room is empty.
func (b *Bus) others(room chat.RoomID, tell func(ports.Listener)) {
	log := b.kept()
	b.nodes.mu.RLock()
	defer b.nodes.mu.RUnlock()
	for _, node := range b.nodes.all {
		if node == b {
			continue
		}
		if l := node.hearing(room); l != nil && node.takes(log) {
			tell(l)
		}
	}
}

// takes reports whether the node accepts notices of a node with that log.
func (b *Bus) takes(theirs chat.LogID) bool {
	own := b.kept()
	if theirs == "" || own == "" || theirs == own {
		return true
	}
	if b.foreign != nil {
		b.foreign(theirs)
	}
	return false
}

// hearing returns the node's listener if it hears of room now, or nil.
func (b *Bus) hearing(room chat.RoomID) ports.Listener {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut || room != "" && !b.followed[room] {
		return nil
	}
	return b.listener
}
