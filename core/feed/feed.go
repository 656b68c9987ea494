package feed

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Feed is a room that this node follows.
type Feed struct {
	// Readers are whom the feed serves. Config.Open made them, and they never change.
	Readers Readers

	node  *Node
	room  chat.RoomID
	ready chan struct{} // closed when the head is known, or err is set
	err   error
	view  atomic.Pointer[View] // what readers read: ring as it was last published

	mu      sync.Mutex
	opened  bool // the head is known
	doubted bool // the log is being asked whether it is still the one that the feed knows
	ring    ring
	gap     gap
	frame   []byte    // scratch for encoding
	touched bool      // entries were added that are not published yet
	since   time.Time // when the oldest of them became durable
	traced  []Traced  // those of them that belong to a trace
	refs    int       // how often it was acquired and not yet released
	idle    time.Time // since when refs is 0
	quiet   chat.Seq  // the head at the last sweep
}

// Traced is an entry whose trace is followed.
type Traced struct {
	Seq   chat.Seq
	Trace chat.Trace
}

// Readers are whom a feed serves on this node.
type Readers interface {
	// Adding tells of an entry before any reader can get it, so that readers who may lose the right
	// to read by it can be held. The same entry may come again. No lock of the feed is held.
	Adding(e *chat.Entry)

	// Added tells of an entry that was added, or was known already, before it is published. No lock
	// of the feed is held.
	Added(e *chat.Entry)

	// Moved tells that the feed's view has changed. since is when the oldest of its new entries
	// became durable. The feed's lock is held: Moved must not call the feed, nor wait.
	Moved(since time.Time, traced []Traced)

	// GoBack moves cursors that are beyond seq back to it: the log has something else there.
	GoBack(seq chat.Seq)

	// Close tells that the feed is to be closed, as nobody has acquired it for long. It returns
	// false if the feed is still needed. If late is true the feed is closed in any case. The
	// node's lock is held: Close must not call the node, nor wait.
	Close(late bool) (closes bool)
}

func newFeed(n *Node, room chat.RoomID) *Feed {
	f := &Feed{node: n, room: room, ready: make(chan struct{})}
	f.ring = ring{bound: n.cfg.RingBytes, total: &n.budget, packer: n.cfg.Packer}
	f.view.Store(&View{})
	f.Readers = n.cfg.Open(f)
	return f
}

// Room returns the feed's room.
func (f *Feed) Room() chat.RoomID { return f.room }

// View returns the feed's present view.
func (f *Feed) View() *View { return f.view.Load() }

// State is the state of a feed at one moment, for operators.
type State struct {
	Head, Floor chat.Seq
	RingBytes   int
	Idle        time.Time // since when nobody has acquired it; zero while somebody has
}

// Look returns the feed's state.
func (f *Feed) Look() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.view.Load()
	s := State{Head: v.Head, Floor: v.Floor, RingBytes: f.ring.bytes}
	if f.refs == 0 {
		s.Idle = f.idle
	}
	return s
}

// extension is the result of an entry that a feed was told of.
type extension uint8

const (
	known   extension = iota // the feed has it
	added                    // it is new
	early                    // the feed lacks what comes before it
	another                  // the feed has another one in its place: ask the log which is right
)

// extend takes an entry that may be new. publish then shows what was added.
func (f *Feed) extend(e *chat.Entry) extension {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.doubted || !f.opened || e.Seq > f.ring.now.Head+1:
		f.wait(e)
		return early
	case e.Seq <= f.ring.now.Head && f.ring.doubts(e):
		f.doubted = true
		return another
	case e.Seq <= f.ring.now.Head:
		return known
	}
	f.add(e)
	f.catchUp()
	return added
}

// add adds the entry after the head. f.mu is held.
func (f *Feed) add(e *chat.Entry) {
	f.ring.changed(e.Seq, e.Fact)
	f.frame = f.node.cfg.Encoder.Entry(f.frame[:0], e)
	f.ring.add(e, f.frame)
	f.touched = true
	if at := durable(e); f.since.IsZero() || at.Before(f.since) {
		f.since = at
	}
	if e.Trace != "" && f.node.cfg.Observer.Follows(e.Trace) {
		f.traced = append(f.traced, Traced{e.Seq, e.Trace})
	}
}

// durable returns when an entry became durable: by this process' clock, or, where it came from
// elsewhere, by the store's.
func durable(e *chat.Entry) time.Time {
	if e.Committed.IsZero() {
		return e.At
	}
	return e.Committed
}

// maxLate bounds how late an entry counts. If it seems later, the clocks are probably wrong.
const maxLate = time.Minute

// takeSince returns when the oldest of the entries that are published now became durable. The
// store's clock may differ from this process': a time in the future counts as now. f.mu is held.
func (f *Feed) takeSince(now time.Time) time.Time {
	since := f.since
	f.since = time.Time{}
	switch {
	case since.IsZero() || since.After(now):
		return now
	case now.Sub(since) > maxLate:
		return now.Add(-maxLate)
	}
	return since
}

// start sets the head of a new feed, and adds entries that came meanwhile.
func (f *Feed) start(head chat.Seq) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = true
	f.ring.restart(head)
	f.touched = true
	f.catchUp()
}

// reaches notes that the log reaches at least to seq, and reports whether the feed does not.
func (f *Feed) reaches(seq chat.Seq) (behind bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gap.known = max(f.gap.known, seq)
	return seq > f.ring.now.Head
}

// publish makes the entries that were added visible to readers.
func (f *Feed) publish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.touched {
		return
	}
	f.touched = false
	f.view.Store(f.ring.snapshot())
	traced := f.traced
	f.traced = nil
	f.Readers.Moved(f.takeSince(time.Now()), traced)
}

// forget empties the ring. Readers that are behind then read the log.
func (f *Feed) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ring.empty()
	f.view.Store(f.ring.snapshot())
}

// Prime puts entries that were read from the log, while the feed was at v, into the ring, so that
// the next reader need not read them. It takes those from where the ring begins back to the first
// one that it may not serve.
func (f *Feed) Prime(v *View, entries []chat.Entry) {
	entries = primers(entries, v.Floor)
	if len(entries) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	// If an entry came in between, it may have changed one of these since they were read.
	now := &f.ring.now
	same := now.Head == v.Head && now.Floor == v.Floor && now.life == v.life
	if same && f.ring.prime(entries, f.node.cfg.Encoder) {
		f.view.Store(f.ring.snapshot())
	}
}

// primers returns the last run of entries up to floor that are in their first form and end nobody's
// right to read. It returns none where the entries do not reach up to floor.
func primers(entries []chat.Entry, floor chat.Seq) []chat.Entry {
	if len(entries) == 0 || entries[0].Seq > floor || entries[len(entries)-1].Seq < floor {
		return nil
	}
	entries = entries[:floor-entries[0].Seq+1]
	first := len(entries)
	for first > 0 && !changed(&entries[first-1]) && !chat.EndsReading(entries[first-1].Fact, "") {
		first--
	}
	return entries[first:]
}

// changed reports whether an entry of the log is not in its first form any more.
func changed(e *chat.Entry) bool {
	m, ok := e.Fact.(chat.Message)
	return ok && (!m.EditedAt.IsZero() || !m.DeletedAt.IsZero() || len(m.Reactions) > 0 || len(m.Slots) > 0)
}
