package consuming

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	sweepEvery = 2 * time.Second
	sweepPause = 50 * time.Millisecond // between sweeps while there is more to find
	perShare   = 16                    // max rooms, and cursors, of a share that a sweep looks at
	quietFor   = 5 * time.Second       // how long a room must be quiet until its bit is cleared

	walkEvery = 2 * time.Second
	walkPage  = 1000 // how many rooms a walk looks at at a time
)

// sweep is one look at pending rooms, and how far the looks before it have come.
type sweep struct {
	after map[ports.Share]chat.RoomID
	more  bool // more rooms are pending after these
	moved bool // there was something to do
}

// keepSweeping finds the pairs that are behind, until ctx ends.
func (r *Runner) keepSweeping(ctx context.Context) {
	s := sweep{after: map[ports.Share]chat.RoomID{}}
	for {
		r.recent.Prune()
		wait := sweepEvery
		if r.busy.Load() {
			if err := r.sweep(ctx, &s); err != nil && ctx.Err() == nil {
				r.cfg.Observer.Fault(ctx, "look for rooms where consumers are behind", err)
			} else if s.more && s.moved {
				wait = sweepPause
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-r.sought:
			select { // many may nudge at once
			case <-ctx.Done():
				return
			case <-time.After(sweepPause):
			}
		}
	}
}

func (r *Runner) sweep(ctx context.Context, s *sweep) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	begun, err := r.begin(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	shares, none := r.shares(), len(r.consumers) == 0
	r.mu.Unlock()
	if len(shares) == 0 || none {
		return nil
	}
	if err := r.failures(ctx, shares); err != nil {
		return err
	}
	pending, err := r.pending(ctx, s, shares)
	if err != nil {
		return err
	}
	s.moved = false
	if err := r.load(ctx, pending); err != nil {
		return err
	}
	return r.settle(ctx, s, pending, begun)
}

// begin registers the consumers that are new in the store. It returns all that have begun.
func (r *Runner) begin(ctx context.Context) (ports.Begun, error) {
	begun, err := r.cfg.Consumers.Begun(ctx)
	if err != nil {
		return begun, err
	}
	var fresh []string
	r.mu.Lock()
	for name := range r.consumers {
		if _, ok := begun.Walked[name]; !ok {
			fresh = append(fresh, name)
		}
	}
	r.mu.Unlock()
	for _, name := range fresh {
		if err := r.cfg.Consumers.Begin(ctx, name); err != nil {
			return begun, err
		}
	}
	if len(fresh) == 0 {
		return begun, nil
	}
	return r.cfg.Consumers.Begun(ctx)
}

// pending returns the next rooms that are pending. The next call goes on after them.
func (r *Runner) pending(ctx context.Context, s *sweep, shares []ports.Share) ([]ports.PendingRoom, error) {
	asked := make([]ports.SharePlace, len(shares))
	for i, share := range shares {
		asked[i] = ports.SharePlace{Share: share, After: s.after[share]}
	}
	rooms, err := r.cfg.Cursors.Pending(ctx, asked, perShare)
	if err != nil {
		return nil, err
	}
	clear(s.after)
	found := map[ports.Share]int{}
	for i := range rooms {
		share := ports.ShareOf(rooms[i].Room)
		if found[share]++; found[share] == perShare {
			s.after[share] = rooms[i].Room
		}
	}
	s.more = len(s.after) > 0
	return rooms, nil
}

// resume queues pairs whose time has come.
func (r *Runner) resume(ctx context.Context, waiting []ports.Cursor) error {
	if len(waiting) == 0 {
		return nil
	}
	ids := make([]chat.RoomID, len(waiting))
	for i := range waiting {
		ids[i] = waiting[i].Room
	}
	heads, err := r.cfg.Log.Heads(ctx, ids)
	if err != nil {
		return err
	}
	var unwanted []ports.CursorMove
	r.mu.Lock()
	for _, c := range waiting {
		share := ports.ShareOf(c.Room)
		lease, held := r.lease(share)
		if !held {
			continue
		}
		rm := r.know(c.Room, share)
		if rm == nil {
			continue
		}
		rm.reach(heads[c.Room], time.Time{})
		p := rm.pairs[c.Consumer]
		switch {
		case p == nil && r.consumers[c.Consumer] != nil:
			unwanted = append(unwanted, ports.CursorMove{Lease: lease, Was: &ports.CursorState{Seq: c.Seq, UpTo: c.UpTo}, To: c})
		case p != nil && p.state == idle:
			p.is(c)
			p.due = time.Time{}
			r.enqueue(rm) //nolint:contextcheck // a batch under way ends by itself, and not with the sweep
		}
	}
	r.mu.Unlock()
	return r.moves.all(unwanted) // nobody looks at these pairs any more
}

// load asks the store for the cursors of pairs that are not loaded yet.
func (r *Runner) load(ctx context.Context, pending []ports.PendingRoom) error {
	var unknown []chat.RoomID
	r.mu.Lock()
	for _, is := range pending {
		share := ports.ShareOf(is.Room)
		if _, held := r.lease(share); !held {
			continue
		}
		rm := r.know(is.Room, share)
		if rm == nil {
			continue
		}
		if rm.reach(is.Head, is.LastAt); rm.head == is.Head {
			rm.lastAt = is.LastAt
		}
		for _, p := range rm.pairs {
			if p.state == idle && !p.loaded {
				unknown = append(unknown, is.Room)
				break
			}
		}
	}
	r.mu.Unlock()
	if len(unknown) == 0 {
		return nil
	}
	cursors, err := r.cfg.Cursors.Load(ctx, unknown)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded(unknown, cursors)
	return nil
}

// loaded takes the cursors of rooms that were read from the store. r.mu is held.
func (r *Runner) loaded(rooms []chat.RoomID, cursors []ports.Cursor) {
	asked := func(p *pair) bool { return p.state == idle && !p.loaded }
	for _, c := range cursors {
		if rm := r.rooms[c.Room]; rm != nil {
			if p := rm.pairs[c.Consumer]; p != nil && asked(p) {
				p.is(c)
			}
		}
	}
	for _, id := range rooms {
		rm := r.rooms[id]
		if rm == nil {
			continue
		}
		for _, p := range rm.pairs {
			if !asked(p) {
				continue
			}
			p.loaded = true
			if from := p.of.From().Time(); !rm.lastAt.IsZero() && rm.lastAt.Before(from) {
				p.at, p.placed = rm.head, true // all entries are before the consumer's beginning
			}
		}
	}
}

// settle queues the pairs that are behind, and clears the bits of rooms where none is.
func (r *Runner) settle(ctx context.Context, s *sweep, pending []ports.PendingRoom, begun ports.Begun) error {
	var quiet []ports.RoomHead
	var late sync.WaitGroup
	var failed atomic.Bool
	r.mu.Lock()
	// Whether this node knows all consumers that have begun. One that it does not know may be
	// behind anywhere.
	known := true
	for name := range begun.Walked {
		known = known && r.consumers[name] != nil
	}
	for _, is := range pending {
		rm := r.rooms[is.Room]
		if rm == nil {
			continue
		}
		before := r.inFlight
		r.enqueue(r.know(is.Room, rm.share)) //nolint:contextcheck // the same
		s.moved = s.moved || r.inFlight > before
		if !known || is.Quiet < quietFor || rm.head != is.Head || !rm.settled() {
			continue
		}
		quiet = append(quiet, ports.RoomHead{Room: is.Room, Head: is.Head})
		for _, a := range r.unwritten(rm) {
			late.Go(func() { //nolint:contextcheck // the same
				if a.write() != nil {
					failed.Store(true)
				}
				r.ended(a.pair, false)
			})
		}
	}
	r.mu.Unlock()
	late.Wait()
	if len(quiet) == 0 || failed.Load() { // the bits stay, and it is tried again
		return nil
	}
	if err := r.cfg.Cursors.Clear(ctx, quiet, begun.Generation); err != nil {
		return err
	}
	s.moved = true
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, is := range quiet {
		if rm := r.rooms[is.Room]; rm != nil && rm.head == is.Head && rm.quiet() {
			delete(r.rooms, is.Room)
		}
	}
	return nil
}

// settled reports whether each pair of the room is at its head, or is found without the bit. r.mu
// is held.
func (rm *room) settled() bool {
	for _, p := range rm.pairs {
		if !p.settled(rm.head) && !p.parks() {
			return false
		}
	}
	return true
}

// parks reports whether the pair must get a row by which it is found, because its consumer rests or
// is away. Otherwise the room would stay pending for long. r.mu is held.
func (p *pair) parks() bool { return p.state == idle && p.loaded && (p.of.rests() || p.of.away) }

// write stores where the pair is. If the pair is parked, its row makes it be found as soon as its
// consumer is served again.
func (a *attempt) write() error {
	if !a.rowed {
		return a.move(ports.Cursor{Seq: a.at}, 0)
	}
	if err := a.load(); err != nil {
		return err
	}
	to := ports.Cursor{Seq: a.at}
	if a.cursor.UpTo > a.cursor.Seq && a.at == a.cursor.Seq {
		to = a.cursor
	}
	a.kept = true
	err := a.move(to, time.Microsecond)
	if errors.Is(err, errChanged) {
		a.forget()
	}
	return err
}

// unwritten begins to write two sorts of pairs: those that have passed over entries without storing
// that, and those that are to be parked. r.mu is held.
func (r *Runner) unwritten(rm *room) (list []*attempt) {
	lease, held := r.lease(rm.share)
	for _, p := range rm.pairs {
		parks := !p.settled(rm.head)
		if !held || !parks && p.at <= p.cursor.Seq || p.cursor.Stalled || p.kept {
			continue
		}
		if !parks && !p.stored && p.of.From().Time().After(rm.lastAt) {
			continue // all entries are before the consumer's beginning: nothing needs to be stored
		}
		p.state, p.tenure = running, r.held[rm.share]
		p.tenure.running++
		p.of.inFlight++
		r.inFlight++
		list = append(list, &attempt{r: r, pair: p, lease: lease, consumer: p.of.Consumer, limits: p.of.limits, ctx: p.of.ctx, rowed: parks})
	}
	return list
}

// keepWalking looks through all rooms, on one of the nodes, until ctx ends.
func (r *Runner) keepWalking(ctx context.Context) {
	tick := time.NewTicker(walkEvery)
	defer tick.Stop()
	after := chat.RoomID("")
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !r.busy.Load() || !r.first() {
			continue
		}
		err := r.walkNew(ctx)
		if err == nil {
			var woken ports.Woken
			if woken, err = r.wake(ctx, ports.WakeQuery{After: after, Limit: walkPage}); err == nil {
				after = woken.Next
			}
		}
		if err != nil && ctx.Err() == nil {
			r.cfg.Observer.Fault(ctx, "look through the rooms for consumers", err)
		}
	}
}

// walkNew makes rooms pending in which new consumers have to begin.
func (r *Runner) walkNew(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, storeTime)
	begun, err := r.cfg.Consumers.Begun(asking)
	cancel()
	if err != nil {
		return err
	}
	since := map[string]time.Time{}
	r.mu.Lock()
	for name, f := range r.consumers {
		if walked, ok := begun.Walked[name]; ok && !walked {
			since[name] = f.From().Time()
		}
	}
	r.mu.Unlock()
	for name, from := range since {
		if err := r.walk(ctx, name, from); err != nil {
			return err
		}
	}
	return nil
}

// walk makes rooms pending in which a new consumer has to begin. If the store could not do that for
// a room, as somebody else had locked it, the walk is repeated later.
func (r *Runner) walk(ctx context.Context, name string, from time.Time) error {
	query, held := ports.WakeQuery{Limit: walkPage, Since: &from}, 0
	for {
		woken, err := r.wake(ctx, query)
		if err != nil {
			return err
		}
		held += woken.Held
		if query.After = woken.Next; query.After == "" {
			break
		}
	}
	if held > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return r.cfg.Consumers.Walked(ctx, name)
}

func (r *Runner) wake(ctx context.Context, query ports.WakeQuery) (ports.Woken, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	woken, err := r.cfg.Cursors.Wake(ctx, query)
	if woken.Count > 0 {
		nudge(r.sought)
	}
	return woken, err
}
