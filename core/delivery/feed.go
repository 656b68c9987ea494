package delivery

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// feed is a room that sessions of this node follow.
type feed struct {
	room  chat.RoomID
	ready chan struct{} // closed when the head is known, or err says why it is not
	err   error

	view    atomic.Pointer[view] // what readers read: ring as it was last published
	counted atomic.Int64         // the head when the sessions that are behind were last counted

	mu      sync.Mutex
	opened  bool // the head is known
	doubted bool // somebody asks the log whether it is still the one that the feed knows; nothing is added until then
	ring    ring
	gap     gap
	frame   []byte      // scratch for encoding
	touched bool        // entries were added that are not published
	since   time.Time   // when the oldest of them became durable
	traced  []*delivery // those of them that belong to a trace
	parts   []part      // one a shard
	refs    int         // sessions that follow the room or are about to
	idle    time.Time   // since when refs is 0
	quiet   chat.Seq    // the head at the last sweep
	danger  chat.Seq    // the last entry that may have taken somebody's right to read
}

// part is a feed's readers on one shard.
type part struct {
	feed      *feed
	followers []*follow // guarded by feed.mu

	// Guarded by the shard's mu.
	queued  bool
	since   time.Time // when the oldest entry became durable that this shard has not passed on
	traced  []*delivery
	signals []pendingSignal

	// Only the shard's goroutine uses these.
	passing passing
	readers []*follow // of the pass under way
	left    []*follow // those of them that are not served yet
	began   time.Time // of the pass under way, or of the last one
	ended   time.Time // of the last pass
	took    time.Duration
	entries int       // that a reader got in it, at most
	due     time.Time // while the feed is left alone: until when
	urgent  bool      // has entries due, or more signals than may wait
}

// passing is one pass over a part's readers.
type passing struct {
	since            time.Time
	traced           []*delivery
	signals          []pendingSignal
	readers, entries int       // how many got entries, and how many at most
	first            time.Time // when the first of them was written to
}

func newFeed(room chat.RoomID, shards int, ringBytes int, total *budget) *feed {
	f := &feed{room: room, ready: make(chan struct{}), parts: make([]part, shards)}
	for i := range f.parts {
		f.parts[i].feed = f
	}
	f.ring = ring{bound: ringBytes, total: total}
	f.view.Store(&view{})
	return f
}

// extension is what became of an entry that a feed was told of.
type extension uint8

const (
	known   extension = iota // the feed has it
	added                    // it is new
	early                    // the feed lacks what comes before it
	another                  // the feed has another one in its place, and waits for the log to say which is right
)

// extend takes an entry that may be new; how its readers get it is told where it is traced. publish makes what was added seen.
func (f *feed) extend(e *chat.Entry, enc ports.Encoder, traced func(*chat.Entry) bool) extension {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.doubted || !f.opened || e.Seq > f.ring.now.head+1:
		f.wait(e)
		return early
	case e.Seq <= f.ring.now.head && f.ring.doubts(e):
		f.doubted = true
		return another
	case e.Seq <= f.ring.now.head:
		return known
	}
	f.add1(e, enc, traced)
	f.catchUp(enc, traced)
	return added
}

// add1 adds the entry behind the head. f.mu is held.
func (f *feed) add1(e *chat.Entry, enc ports.Encoder, traced func(*chat.Entry) bool) {
	f.ring.changed(e.Seq, e.Fact)
	f.frame = enc.Entry(f.frame[:0], e)
	f.ring.add(e, f.frame)
	f.touched = true
	if at := durable(e); f.since.IsZero() || at.Before(f.since) {
		f.since = at
	}
	if traced(e) {
		f.traced = append(f.traced, &delivery{room: f.room, seq: e.Seq, trace: e.Trace})
	}
}

// durable returns when an entry became so: by this process' clock, or, where it came from elsewhere, by the store's.
func durable(e *chat.Entry) time.Time {
	if e.Committed.IsZero() {
		return e.At
	}
	return e.Committed
}

// mostLate bounds how late an entry counts: beyond it the clocks are wrong rather than the entry late.
const mostLate = time.Minute

// takeSince returns when the oldest of the entries that are being published became durable. The store's clock may differ from this
// process': what would lie ahead is now. f.mu is held.
func (f *feed) takeSince(now time.Time) time.Time {
	since := f.since
	f.since = time.Time{}
	switch {
	case since.IsZero() || since.After(now):
		return now
	case now.Sub(since) > mostLate:
		return now.Add(-mostLate)
	}
	return since
}

// start sets where the log of a new feed stands, and takes what has come meanwhile.
func (f *feed) start(head chat.Seq, enc ports.Encoder, traced func(*chat.Entry) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = true
	f.ring.restart(head)
	f.touched = true
	f.catchUp(enc, traced)
}

// reaches notes that the log reaches to seq at least, and reports whether the feed does not.
func (f *feed) reaches(seq chat.Seq) (behind bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gap.known = max(f.gap.known, seq)
	return seq > f.ring.now.head
}

// publish shows what was added to the readers' shards.
func (f *feed) publish(shards []*shard) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.touched {
		return
	}
	f.touched = false
	f.view.Store(f.ring.snapshot())
	now := time.Now()
	since, traced := f.takeSince(now), f.takeTraced(now)
	for i, w := range shards {
		if len(f.parts[i].followers) > 0 {
			w.queueFeed(&f.parts[i], since, traced)
		}
	}
}

// forget empties the ring: readers that are behind read the log.
func (f *feed) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ring.empty()
	f.view.Store(f.ring.snapshot())
}

// prime takes entries that were read from the log while the feed was at v, so that who comes next need not read them: those from where the
// ring begins back to the first that the ring may not serve.
func (f *feed) prime(v *view, entries []chat.Entry, enc ports.Encoder) {
	entries = primers(entries, v.floor)
	if len(entries) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	// With an entry in between, one of these may have been changed since it was read.
	if now := &f.ring.now; now.head == v.head && now.floor == v.floor && now.life == v.life && f.ring.prime(entries, enc) {
		f.view.Store(f.ring.snapshot())
	}
}

// primers returns the entries up to floor of which each is as it was at first and takes from nobody the right to read; none where they do
// not reach up to it.
func primers(entries []chat.Entry, floor chat.Seq) []chat.Entry {
	if len(entries) == 0 || entries[0].Seq > floor || entries[len(entries)-1].Seq < floor {
		return nil
	}
	entries = entries[:floor-entries[0].Seq+1]
	first := len(entries)
	for first > 0 && !changed(&entries[first-1]) && !endangers(entries[first-1].Fact, "") {
		first--
	}
	return entries[first:]
}

// changed reports whether an entry of the log is not what it was at first.
func changed(e *chat.Entry) bool {
	m, ok := e.Fact.(chat.Message)
	return ok && (!m.EditedAt.IsZero() || !m.DeletedAt.IsZero() || len(m.Reactions) > 0)
}

// follow is one session's place in one room.
type follow struct {
	session *session
	feed    *feed
	who     chat.Author
	pos     int // in the part's followers; guarded by feed.mu

	// Guarded by the session's mu.
	cursor   chat.Seq      // the last entry that was handed to the connection or its outbox
	until    chat.Seq      // with bounded: the last entry that the session may have, for now or for good
	sent     chat.Seq      // the last entry that the session was told is its own
	cleared  chat.Seq      // whether the user may read was looked at when the room's log reached here
	refused  error         // why they may not: the follow ends with the entry until
	reading  *list.Element // its place among those that wait for the log
	asking   *list.Element // its place among those of whom it is asked whether they may still read
	check    check
	tries    uint8
	bounded  bool // until counts
	unmade   bool // there was no such room yet: with its first entry it is another one, and the user may have no right to it
	due      bool // is in the session's due list
	fetching bool // a worker reads the log for it
	held     bool // waits for the answer to a send of this session that the log has already
	gone     bool // ended
}

// follows are a session's, in the order of their rooms: few, as a rule, and then a map would be most of what an idle session costs.
type follows []*follow

func (l *follows) find(room chat.RoomID) (at int, found bool) {
	return slices.BinarySearchFunc(*l, room, func(fl *follow, room chat.RoomID) int { return cmp.Compare(fl.feed.room, room) })
}

// in returns the follow of a room, or nil.
func (l *follows) in(room chat.RoomID) *follow {
	if at, found := l.find(room); found {
		return (*l)[at]
	}
	return nil
}

// put adds a follow; the room has none.
func (l *follows) put(fl *follow) {
	at, _ := l.find(fl.feed.room)
	if *l == nil {
		*l = make(follows, 0, 1)
	}
	*l = slices.Insert(*l, at, fl)
}

// remove takes a follow out, if it is there.
func (l *follows) remove(fl *follow) {
	if at, found := l.find(fl.feed.room); found && (*l)[at] == fl {
		*l = slices.Delete(*l, at, at+1)
	}
}

// add lets fl hear of the feed. It reports whether its user may have lost the right to read since that was looked at.
func (f *feed) add(fl *follow, shard int) (inDanger bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &f.parts[shard]
	fl.pos = len(p.followers)
	p.followers = append(p.followers, fl)
	return f.danger > fl.cleared
}

// remove is the opposite of add.
func (f *feed) remove(fl *follow, shard int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &f.parts[shard]
	last := len(p.followers) - 1
	p.followers[fl.pos] = p.followers[last]
	p.followers[fl.pos].pos = fl.pos
	p.followers[last] = nil
	p.followers = p.followers[:last]
}

// followed reports whether sessions follow the feed. f.mu is held.
func (f *feed) followed() bool {
	for i := range f.parts {
		if len(f.parts[i].followers) > 0 {
			return true
		}
	}
	return false
}

// of returns the follows of a user, or of everybody where user is empty.
func (f *feed) of(user chat.UserID) (follows []*follow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.followsOf(user)
}

// endangered notes that the entry seq may have taken the right to read from a user, or from everybody where user is empty, and returns
// their follows.
func (f *feed) endangered(seq chat.Seq, user chat.UserID) []*follow {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.danger = max(f.danger, seq)
	return f.followsOf(user)
}

// followsOf is of with f.mu held.
func (f *feed) followsOf(user chat.UserID) (follows []*follow) {
	for i := range f.parts {
		for _, fl := range f.parts[i].followers {
			if user == "" || fl.who.ID == user {
				follows = append(follows, fl)
			}
		}
	}
	return follows
}
