package messaging

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/ports"
)

// retryAfter is what a client is told to wait when the log is out of reach or the journal is full.
const retryAfter = time.Second

// journal commits proposals in batches: each lane takes those that came while its last commit ran.
type journal struct {
	cfg       Config
	standings *standings
	spread    ports.Spread
	lanes     []*lane
	sharing   sharing
	asides    sync.WaitGroup // the goroutines of rooms that are aside
	asking    chan struct{}  // has one value for each aside that asks the log
	groups    atomic.Uint64  // the last number of a group
	limits    work.Limits    // for the time of an append
	proposals sync.Pool      // of *[]chat.Proposal, empty, for appends
}

// draft is a proposal on its way into the log.
type draft struct {
	proposal chat.Proposal
	done     func(ports.Outcome, error)
	written  func(ports.Receipt, error) // in place of done, for callers that only want the receipt
	made     *ports.RoomMade            // for the receipt
	trace    chat.Trace                 // of the step that proposes it
	lost     time.Time                  // when the first try with unknown outcome began; zero: none
	held     error                      // why it waits aside
}

// answer tells the draft's author what became of it.
func (d *draft) answer(o ports.Outcome, err error) {
	switch {
	case d.done != nil:
		d.done(o, err)
	case err != nil:
		d.written(ports.Receipt{}, err)
	default:
		d.written(receipt(d.proposal.Room, &o, d.made), nil)
	}
}

type lane struct {
	wake chan struct{} // of capacity one: there may be drafts, or the lane closes

	mu     sync.Mutex
	queue  []draft
	busy   bool // drafts that were taken are being committed
	asides map[chat.RoomID]*aside
	aside  int // how many drafts wait in asides
	closed bool
}

func newJournal(cfg Config, st *standings) *journal {
	j := &journal{cfg: cfg, standings: st, spread: cfg.Spread, asking: make(chan struct{}, maxAsking)}
	if j.spread == nil {
		j.spread = ownSpread{maphash.MakeSeed(), cfg.Lanes}
	}
	j.lanes = make([]*lane, j.spread.Lanes())
	for i := range j.lanes {
		j.lanes[i] = &lane{wake: make(chan struct{}, 1), asides: map[chat.RoomID]*aside{}}
	}
	j.sharing.start(len(j.lanes), j.spread.Apart())
	return j
}

// ownSpread spreads rooms by a hash of this process.
type ownSpread struct {
	seed  maphash.Seed
	lanes int
}

// Lanes implements ports.Spread.
func (s ownSpread) Lanes() int { return s.lanes }

// Apart implements ports.Spread.
func (s ownSpread) Apart() int { return 1 }

// Lane implements ports.Spread.
func (s ownSpread) Lane(room chat.RoomID) int {
	return int(maphash.String(s.seed, string(room)) % uint64(s.lanes))
}

// submit queues drafts of one room next to each other. If it cannot queue them, it answers them at
// once.
func (j *journal) submit(drafts ...draft) {
	room, n := drafts[0].proposal.Room, len(drafts)
	at := j.spread.Lane(room)
	l := j.lanes[at]
	full := func(waiting, limit int) bool { return waiting > 0 && waiting+n > max(1, limit) }
	l.mu.Lock()
	var refused error
	a := l.asides[room]
	switch {
	case l.closed:
		refused = &chat.Error{Kind: chat.Unavailable, Reason: "this node is going away; try again", RetryAfter: retryAfter}
	case a != nil && (full(l.aside, j.cfg.MaxQueue) || full(len(a.queue), j.cfg.MaxQueue/asideShare)):
		refused = roomHeld()
	case a != nil:
		for i := range drafts {
			l.putAside(a, drafts[i])
		}
		j.cfg.Observer.Queued(n)
	case full(len(l.queue), j.cfg.MaxQueue):
		refused = &chat.Error{Kind: chat.Unavailable, Reason: "too much waits to be written; try again", RetryAfter: retryAfter}
	default:
		l.queue = append(l.queue, drafts...)
		j.cfg.Observer.Queued(n) // before the lane can take them, and report that
	}
	l.mu.Unlock()
	switch {
	case refused != nil:
		fail(drafts, refused)
	case a == nil:
		j.lanes[at%j.sharing.step()].nudge()
	}
}

func (l *lane) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take moves drafts that may be committed together into batch: those of lane at, and of the lanes
// that go with it, of which another one is the first in each turn. Their lanes are added to from,
// and are busy until they are released. open is false when the lane is closed and empty.
func (j *journal) take(at, turn int, batch []draft, from []*lane) (_ []draft, _ []*lane, open bool) {
	batch, from = batch[:0], from[:0]
	step := j.sharing.step()
	closed, busy := j.lanes[at].state()
	if closed {
		step = len(j.lanes) // each goes alone
	}
	if at >= step {
		j.lanes[at%step].nudge()
		return batch, from, true
	}
	group := (len(j.lanes) - at + step - 1) / step
	for i := 0; i < group && len(batch) < j.cfg.MaxBatch; i++ {
		l, before := j.lanes[at+(turn+i)%group*step], len(batch)
		if batch = l.take(batch, j.cfg.MaxBatch-before); len(batch) > before {
			from = append(from, l)
		}
	}
	return batch, from, !closed || busy || len(batch) > 0
}

// take adds up to limit drafts that may be committed together to batch. Then the lane is busy.
func (l *lane) take(batch []draft, limit int) []draft {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy {
		return batch
	}
	n := together(l.queue, limit)
	batch = append(batch, l.queue[:n]...)
	rest := copy(l.queue, l.queue[n:])
	clear(l.queue[rest:])
	l.queue = l.queue[:rest]
	l.busy = n > 0
	return batch
}

// state reports whether the lane is closed, and whether drafts of it are being committed.
func (l *lane) state() (closed, busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed, l.busy
}

// waiting returns how many drafts wait in the lane.
func (l *lane) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// free notes that what was taken is committed.
func (l *lane) free() {
	l.mu.Lock()
	l.busy = false
	more := len(l.queue) > 0 || l.closed
	l.mu.Unlock()
	if more {
		l.nudge()
	}
}

// together returns how many of the first drafts may be committed together: at most limit. It stops
// before the first reaction or set that sets the same value as an earlier one. Groups are not
// split, even if one is larger than limit.
func together(drafts []draft, limit int) int {
	n := cut(drafts, clash(drafts[:min(limit, len(drafts))]))
	if n == 0 && len(drafts) > 0 {
		n = groupEnd(drafts, 0)
	}
	return n
}

// cut returns the last place up to n where no group is split.
func cut(drafts []draft, n int) int {
	for n > 0 && n < len(drafts) && sameGroup(drafts, n) {
		n--
	}
	return n
}

// groupEnd returns where the group that begins at at ends.
func groupEnd(drafts []draft, at int) int {
	for at++; at < len(drafts) && sameGroup(drafts, at); {
		at++
	}
	return at
}

// sameGroup reports whether the draft at at belongs to the group of the one before it.
func sameGroup(drafts []draft, at int) bool {
	group := drafts[at].proposal.Group
	return group != 0 && drafts[at-1].proposal.Group == group
}

// clash returns the place of the first draft that sets the same value as an earlier one, or the
// end. The earlier of two such drafts may store nothing, as its value is set already. If the
// outcomes of both were then lost, a retry would store the earlier draft after the later one.
func clash(drafts []draft) int {
	type slot struct {
		room   chat.RoomID
		author chat.UserID
		target chat.Seq
		emoji  string
		of     chat.SetType
		slot   string
	}
	var set map[slot]bool
	for i := range drafts {
		p := &drafts[i].proposal
		is := slot{room: p.Room, target: chat.Target(p.Fact)}
		switch f := p.Fact.(type) {
		case chat.Reacted:
			is.author, is.emoji = p.Author.ID, chat.EmojiID(f.Emoji)
		case chat.Set:
			is.of, is.slot = f.Type, f.Slot
		default:
			continue
		}
		if set[is] {
			return i
		}
		if set == nil {
			set = map[slot]bool{}
		}
		set[is] = true
	}
	return len(drafts)
}

// release frees lanes whose drafts were committed, but for those that are held.
func (j *journal) release(ctx context.Context, from []*lane, held []draft, listener ports.Listener) {
	for _, l := range from {
		if len(held) > 0 {
			j.setAside(ctx, l, j.of(l, held), listener)
		}
		l.free()
	}
}

// of returns those of drafts that are of a lane.
func (j *journal) of(l *lane, drafts []draft) (own []draft) {
	for _, d := range drafts {
		if j.lanes[j.spread.Lane(d.proposal.Room)] == l {
			own = append(own, d)
		}
	}
	return own
}

func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.nudge()
}

// run drives the lanes until ctx ends and everything that was queued before is answered.
func (j *journal) run(ctx context.Context, listener ports.Listener) {
	var wg sync.WaitGroup
	for i := range j.lanes {
		wg.Go(func() { j.drive(ctx, i, listener) })
	}
	wg.Go(func() { j.share(ctx) })
	<-ctx.Done()
	for _, l := range j.lanes {
		l.close()
	}
	wg.Wait()
	j.asides.Wait()
}

// drive commits a lane's drafts. Once ctx has ended, each batch has one try. When one fails, the
// rest is refused. So a node whose log is out of reach stops after the time of one try, not of one
// for each batch.
func (j *journal) drive(ctx context.Context, at int, listener ports.Listener) {
	var batch []draft
	var from []*lane
	var gone error
	for range j.lanes[at].wake {
		for turn := 0; ; turn++ {
			var open bool
			if batch, from, open = j.take(at, turn, batch, from); !open {
				return
			}
			if len(batch) == 0 {
				break
			}
			j.cfg.Observer.Queued(-len(batch))
			stopping := ctx.Err() != nil
			if gone != nil {
				fail(batch, gone)
				j.release(ctx, from, nil, listener)
				clear(batch)
				continue
			}
			began := time.Now()
			held, err := j.commit(ctx, batch, listener)
			took := time.Since(began)
			if stopping {
				gone = err
			}
			j.release(ctx, from, held, listener)
			if err == nil && !stopping {
				j.gather(at, len(batch), took)
			}
			clear(batch)
		}
	}
}
