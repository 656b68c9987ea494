package consuming

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	maxRooms    = 4096 // rooms kept in memory; for others, the store knows that they are pending
	maxUnderWay = 256  // batches under way, of all consumers
	fairUnder   = 4    // batches that each consumer may have under way, however many there are

	tellEvery = 50 * time.Millisecond // how often other nodes are told which rooms have grown
	maxGrown  = 1024                  // max rooms to tell of each time; others are found by sweeps
)

// room is a room where consumers may be behind. r.mu guards it.
type room struct {
	id       chat.RoomID
	share    ports.Share
	head     chat.Seq  // the log reaches at least to this entry
	lastAt   time.Time // when the last known entry was made; zero: not known
	version  int       // the Runner.version that pairs were made for
	pairs    map[string]*pair
	gather   time.Time  // until when lingering pairs wait
	trace    chat.Trace // of traceSeq
	traceSeq chat.Seq
}

type state uint8

const (
	idle state = iota
	queued
	running // a goroutine serves it, and owns most of its fields
)

// pair is a consumer in a room. r.mu guards it unless it is running; then its goroutine owns it.
type pair struct {
	of   *following
	room *room
	// r.mu always guards these.
	state  state
	tenure *tenure // the tenure under which it runs

	cursor ports.Cursor // as it is stored
	loaded bool         // the store was asked for the cursor
	stored bool         // the store has the cursor
	placed bool         // at is known
	at     chat.Seq     // entries after it are yet to be looked at; cursor.Seq or later
	// Its row has a Next until the pair is at the head, as the room may not be pending.
	kept bool
	due  time.Time // nothing is tried before this time; zero: at once
	// Before this time a batch is fixed only if it is full. Zero: it does not gather.
	gather time.Time
}

// rests reports whether the pair is left alone for now: it waits or has stalled. It is found by its
// row when its time comes.
func (p *pair) rests(now time.Time) bool { return p.cursor.Stalled || now.Before(p.due) }

// behind reports whether there is something to do.
func (p *pair) behind(now time.Time) bool {
	switch {
	case p.rests(now), now.Before(p.gather) && p.room.head-p.at < chat.Seq(p.of.limits.Entries):
		return false
	}
	return !p.placed || p.at < p.room.head || p.cursor.UpTo > p.cursor.Seq || p.kept
}

// is sets the pair's state from a cursor as the store has it.
func (p *pair) is(c ports.Cursor) {
	p.cursor, p.loaded, p.stored, p.placed, p.at = c, true, true, true, c.Seq
	p.kept, p.due = !c.Next.IsZero(), time.Time{}
	if c.Tries > 0 {
		p.due = c.Next
	}
}

// settled reports whether the pair is found even if its room is not pending. head is the room's
// head. r.mu is held.
func (p *pair) settled(head chat.Seq) bool {
	return p.state == idle && p.loaded && (p.cursor.Stalled || p.kept || p.placed && p.at >= head && p.cursor.UpTo <= p.cursor.Seq)
}

// know returns a room of a share that this node holds. It returns nil if too many rooms are in
// memory. r.mu is held.
func (r *Runner) know(id chat.RoomID, share ports.Share) *room {
	rm := r.rooms[id]
	if rm == nil {
		if len(r.rooms) >= maxRooms && !r.makePlace() {
			return nil
		}
		rm = &room{id: id, share: share, pairs: map[string]*pair{}, version: -1}
		r.rooms[id] = rm
	}
	if rm.version != r.version {
		r.pair(rm)
	}
	return rm
}

// pair gives a room a pair for each consumer that wants it, and removes the others. A pair that
// runs stays until it ends. r.mu is held.
func (r *Runner) pair(rm *room) {
	rm.version = r.version
	for name, p := range rm.pairs {
		if f := r.consumers[name]; p.state != running && (f != p.of || !f.Wants(rm.id)) {
			r.unqueue(p)
			delete(rm.pairs, name)
		}
	}
	for name, f := range r.consumers {
		if rm.pairs[name] == nil && f.Wants(rm.id) {
			rm.pairs[name] = &pair{of: f, room: rm}
		}
	}
}

// unqueue takes a pair out of the queue, if it is in it. r.mu is held.
func (r *Runner) unqueue(p *pair) {
	if p.state == queued {
		p.of.queue = slices.DeleteFunc(p.of.queue, func(q *pair) bool { return q == p })
		p.state = idle
	}
}

// makePlace forgets a room where nothing is under way. It reports false if there is none. r.mu is
// held.
func (r *Runner) makePlace() bool {
	for id, rm := range r.rooms {
		if rm.quiet() {
			delete(r.rooms, id)
			return true
		}
	}
	return false
}

// reach notes that the log reaches to an entry, and when that was made; zero: not known. r.mu is
// held.
func (rm *room) reach(head chat.Seq, at time.Time) {
	if head > rm.head {
		rm.head, rm.lastAt = head, at
	}
}

// quiet reports whether nothing is under way in the room. r.mu is held.
func (rm *room) quiet() bool {
	for _, p := range rm.pairs {
		if p.state != idle {
			return false
		}
	}
	return true
}

// drop forgets a room. Batches that are under way there end when their cursors cannot be moved.
// r.mu is held.
func (r *Runner) drop(id chat.RoomID) {
	for _, p := range r.rooms[id].pairs {
		r.unqueue(p)
	}
	delete(r.rooms, id)
}

// dropShare forgets the rooms of a share. r.mu is held.
func (r *Runner) dropShare(share ports.Share) {
	for id, rm := range r.rooms {
		if rm.share == share {
			r.drop(id)
		}
	}
}

// enqueue queues the pairs of a room that are behind and may be served. r.mu is held.
func (r *Runner) enqueue(rm *room) {
	now := time.Now()
	for _, p := range rm.pairs {
		if p.state == idle && p.behind(now) && p.of.admits(p, now) {
			p.state = queued
			p.of.queue = append(p.of.queue, p)
			r.dispatch(p.of)
		}
	}
}

// dispatch starts serving a consumer's queued pairs, as far as its limits allow. r.mu is held.
func (r *Runner) dispatch(f *following) {
	for len(f.queue) > 0 && !r.closing && f.inFlight < f.room() && !time.Now().Before(f.paused) &&
		(r.inFlight < maxUnderWay || f.inFlight < fairUnder) {
		p := f.queue[0]
		f.queue[0] = nil
		f.queue = f.queue[1:]
		lease, held := r.lease(p.room.share)
		if !held {
			p.state = idle
			continue
		}
		p.state = running
		f.inFlight++
		r.inFlight++
		p.tenure = r.held[p.room.share]
		p.tenure.running++
		a := &attempt{r: r, pair: p, lease: lease, consumer: f.Consumer, limits: f.limits, ctx: f.ctx}
		r.running.Go(func() { r.ended(p, a.serve()) })
	}
}

// ended takes back a pair that was served. If again is true, it has more to do and is queued after
// the others.
func (r *Runner) ended(p *pair, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.state = idle
	p.of.inFlight--
	r.inFlight--
	p.tenure.running--
	if rm := p.room; r.rooms[rm.id] == rm && !r.closing {
		if p.of != r.consumers[p.of.name] {
			delete(rm.pairs, p.of.name)
			rm.version = -1
		}
		if r.know(rm.id, rm.share); again || p.due.IsZero() {
			r.enqueue(rm)
		}
	}
	for _, f := range r.consumers {
		r.dispatch(f)
	}
}

// headOf returns how far a room's log is known to reach, and when its last entry was made; zero if
// that is not known.
func (r *Runner) headOf(rm *room) (chat.Seq, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return rm.head, rm.lastAt
}

// headNow asks the log for the head of a room.
func (r *Runner) headNow(ctx context.Context, rm *room) (chat.Seq, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	heads, err := r.cfg.Log.Heads(ctx, []chat.RoomID{rm.id})
	return heads[rm.id], err
}

// grows asks the log whether it reaches beyond an entry by now.
func (r *Runner) grows(ctx context.Context, rm *room, at chat.Seq) (bool, error) {
	head, err := r.headNow(ctx, rm)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rm.reach(head, time.Time{})
	return rm.head > at, nil
}

// ends notes that a room's log ends at at, though it was said to reach to head.
func (r *Runner) ends(rm *room, head, at chat.Seq) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rm.head == head {
		rm.head, rm.lastAt = at, time.Time{}
	}
}

// pause stops serving a consumer for a while. Batches under way go on.
func (r *Runner) pause(f *following, wait time.Duration) {
	r.mu.Lock()
	f.paused = time.Now().Add(wait)
	r.mu.Unlock()
	r.later.Do(wait, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.dispatch(f)
	})
}

// retryIn queues a pair again after a while, unless that has happened before.
func (r *Runner) retryIn(p *pair, after time.Duration) {
	r.later.Do(after, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if rm := r.rooms[p.room.id]; rm == p.room && !r.closing {
			r.enqueue(rm)
		}
	})
}

// Appended tells the runner of entries that this node has appended, ascending per room. It does not
// wait, and keeps nothing of the slice.
func (r *Runner) Appended(entries []chat.Entry) { r.take(entries, true) }

// Entries implements ports.Listener, for entries that other nodes have appended.
func (r *Runner) Entries(entries []chat.Entry) { r.take(entries, false) }

// Head implements ports.Listener.
func (r *Runner) Head(id chat.RoomID, seq chat.Seq) {
	r.take([]chat.Entry{{Room: id, Seq: seq}}, false)
}

// Hear implements ports.Listener: it takes ports.Grown, and ignores all else.
func (r *Runner) Hear(notice ports.Notice) {
	grown, ok := notice.(ports.Grown)
	if !ok || !r.busy.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range grown.Rooms {
		r.reaches(&chat.Entry{Room: h.Room, Seq: h.Head})
	}
}

// Deaf implements ports.Listener. The next sweep finds what was missed.
func (r *Runner) Deaf() { nudge(r.sought) }

var _ ports.Listener = (*Runner)(nil)

func (r *Runner) take(entries []chat.Entry, own bool) {
	if !r.busy.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if own {
		r.rate.Add(len(entries))
	}
	for i := range entries {
		e := &entries[i]
		if here := r.reaches(e); here || !own || r.cfg.Bus == nil || r.nodes == 1 {
			continue
		}
		if _, known := r.grown[e.Room]; known || len(r.grown) < maxGrown {
			r.grown[e.Room] = max(r.grown[e.Room], e.Seq)
			nudge(r.untold)
		}
	}
}

// reaches notes that a room's log reaches at least to an entry. It reports whether this node serves
// that room. r.mu is held.
func (r *Runner) reaches(e *chat.Entry) (here bool) {
	share := ports.ShareOf(e.Room)
	if _, here = r.lease(share); !here {
		return false
	}
	rm := r.know(e.Room, share)
	if rm == nil {
		return true
	}
	if r.recent.Add(e); e.Seq <= rm.head {
		return true
	}
	if rm.reach(e.Seq, e.At); e.Trace != "" {
		rm.trace, rm.traceSeq = e.Trace, e.Seq
	}
	r.enqueue(rm)
	return true
}

// keepTelling tells the other nodes, until ctx ends, which rooms have grown whose consumers they
// run.
func (r *Runner) keepTelling(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.untold:
		}
		r.mu.Lock()
		grown := r.grown
		r.grown = map[chat.RoomID]chat.Seq{}
		r.mu.Unlock()
		for some := range slices.Chunk(slices.Collect(maps.Keys(grown)), ports.MaxGrown) {
			notice := ports.Grown{}
			for _, id := range some {
				notice.Rooms = append(notice.Rooms, ports.RoomHead{Room: id, Head: grown[id]})
			}
			err := r.cfg.Bus.Tell(ctx, notice)
			if err != nil && !errors.Is(err, chat.Unavailable) && ctx.Err() == nil {
				r.cfg.Observer.Fault(ctx, "tell the other nodes which rooms have grown", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(tellEvery):
		}
	}
}
