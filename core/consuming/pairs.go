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
	maxRooms    = 4096 // rooms that are kept in mind; of others the store knows that they are pending
	maxUnderWay = 256  // batches under way, of all consumers
	fairUnder   = 4    // batches that a consumer may have under way however many there are

	tellEvery = 50 * time.Millisecond // how often other nodes are told of rooms
	maxGrown  = 1024                  // rooms that they are told of each time; others they find by themselves
)

// room is a room where consumers may be behind. r.mu guards all of it.
type room struct {
	id       chat.RoomID
	share    ports.Share
	head     chat.Seq  // the log reaches that far at least
	lastAt   time.Time // of the last entry that is known; zero: not known
	version  int       // of the consumers that pairs are for
	pairs    map[string]*pair
	gather   time.Time  // until when pairs that linger do so
	trace    chat.Trace // of traceSeq
	traceSeq chat.Seq
}

type state uint8

const (
	idle state = iota
	queued
	running // what follows is of who runs it
)

// pair is a consumer in a room. r.mu guards it unless it is running.
type pair struct {
	of   *following
	room *room
	// These are guarded by r.mu always.
	state  state
	tenure *tenure // under which it runs

	cursor ports.Cursor // as it is stored
	loaded bool         // it was looked for
	stored bool         // it is there
	placed bool         // at says where it is
	at     chat.Seq     // what is behind it is to be looked at; cursor.Seq or more
	kept   bool         // its row has a Next until it is at the head, as the room may not be pending
	due    time.Time    // nothing is tried before; zero: at once
	gather time.Time    // no batch is fixed before that has fewer entries than there may be; zero: not begun
}

// rests reports whether the pair is left alone by now: it waits, or has stalled, and is found by
// its row when its time comes.
func (p *pair) rests(now time.Time) bool { return p.cursor.Stalled || now.Before(p.due) }

// behind reports whether there is something to do.
func (p *pair) behind(now time.Time) bool {
	switch {
	case p.rests(now), now.Before(p.gather) && p.room.head-p.at < chat.Seq(p.of.limits.Entries):
		return false
	}
	return !p.placed || p.at < p.room.head || p.cursor.UpTo > p.cursor.Seq || p.kept
}

// is takes a cursor as it is stored.
func (p *pair) is(c ports.Cursor) {
	p.cursor, p.loaded, p.stored, p.placed, p.at = c, true, true, true, c.Seq
	p.kept, p.due = !c.Next.IsZero(), time.Time{}
	if c.Tries > 0 {
		p.due = c.Next
	}
}

// settled reports whether the room need not be pending for the pair to be found, if its head is
// that one. r.mu is held.
func (p *pair) settled(head chat.Seq) bool {
	return p.state == idle && p.loaded && (p.cursor.Stalled || p.kept || p.placed && p.at >= head && p.cursor.UpTo <= p.cursor.Seq)
}

// know returns a room of a share that is held, or nil where too many are known. r.mu is held.
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

// pair gives a room the pairs of those who want it. One that runs stays until it ends. r.mu is
// held.
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

// unqueue has a pair that waits for its turn have none. r.mu is held.
func (r *Runner) unqueue(p *pair) {
	if p.state == queued {
		p.of.queue = slices.DeleteFunc(p.of.queue, func(q *pair) bool { return q == p })
		p.state = idle
	}
}

// makePlace forgets a room where nothing is under way. r.mu is held.
func (r *Runner) makePlace() bool {
	for id, rm := range r.rooms {
		if rm.quiet() {
			delete(r.rooms, id)
			return true
		}
	}
	return false
}

// reach takes that the log reaches to an entry, with its time, or zero where that is not known.
// r.mu is held.
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

// drop forgets a room. What runs there ends as its cursor allows. r.mu is held.
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

// enqueue has the pairs of a room take their turn that are behind. r.mu is held.
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

// dispatch begins with a consumer's pairs whose turn it is. r.mu is held.
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

// ended takes a pair back that was served. again: it has more to do, and goes behind the others.
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

// headOf returns how far a room's log is known to reach, and the time of its last entry; zero where
// that is not known.
func (r *Runner) headOf(rm *room) (chat.Seq, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return rm.head, rm.lastAt
}

// grows asks the log whether it reaches beyond a place by now.
func (r *Runner) grows(ctx context.Context, rm *room, at chat.Seq) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	heads, err := r.cfg.Log.Heads(ctx, []chat.RoomID{rm.id})
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rm.reach(heads[rm.id], time.Time{})
	return rm.head > at, nil
}

// ends takes that a room's log ends at a place, though it was said to reach to a head.
func (r *Runner) ends(rm *room, head, at chat.Seq) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rm.head == head {
		rm.head, rm.lastAt = at, time.Time{}
	}
}

// pause has a consumer begin nothing for a while.
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

// retryIn has a pair take its turn again after a while, unless it has done so by then.
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

// reaches takes that a room's log reaches to an entry at least, and reports whether that concerns
// this node. r.mu is held.
func (r *Runner) reaches(e *chat.Entry) (here bool) {
	share := ports.ShareOf(e.Room)
	if _, here = r.lease(share); !here {
		return false
	}
	rm := r.know(e.Room, share)
	if rm == nil || e.Seq <= rm.head {
		return true
	}
	r.recent.Add(e)
	if rm.reach(e.Seq, e.At); e.Trace != "" {
		rm.trace, rm.traceSeq = e.Trace, e.Seq
	}
	r.enqueue(rm)
	return true
}

// keepTelling tells the other nodes which rooms have grown of which this node does not run the
// consumers, until ctx ends.
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
