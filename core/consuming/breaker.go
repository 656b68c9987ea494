package consuming

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	awayAfter  = 3                // failures in a row after which a consumer is away
	probeEvery = 15 * time.Second // to twice that: how often a pair that waits is tried then
	freshEvery = time.Second      // how often one that has not failed is
	awayAtOnce = 2                // batches under way then, and at first once it is back

	wakeWithin = 3 * time.Second  // over which those that waited are spread
	wakeEvery  = 30 * time.Second // how often they are woken
	wakePage   = 500              // how many at a time
	wakePages  = 4                // in one sweep
	probePages = 4                // that are looked through for a pair to probe

	// toldWhen ends the text of a failure where the consumer has said when to try again.
	toldWhen = ", and says when to try again"
)

// breaker is a circuit breaker: how a consumer fares on this node. While it is away its pairs are
// left alone but for a few, which probe it. The first success wakes those that wait, on all nodes,
// and what is under way at once grows by one with each success. r.mu guards it.
type breaker struct {
	failed int // in a row
	away   bool
	window int       // batches that may be under way at once
	probe  time.Time // while it is away no pair that waits is tried before,
	fresh  time.Time // and none that has not failed before this
	asked  chat.RoomID
	sought chat.RoomID // an operator has set the cursor there: it is tried all the same

	doubt  bool        // there may be pairs that wait since before this node had them
	wakes  bool        // pairs that wait are to be woken,
	behind chat.RoomID // those of rooms behind this one
	woken  time.Time   // when that was begun last
}

// rests reports whether a consumer is given nothing for now, by its own will. r.mu is held.
func (f *following) rests() bool { return f.limits.Rests != "" }

// room returns how many batches may be under way at once. r.mu is held.
func (f *following) room() int { return min(f.limits.Rooms, f.window) }

// admits reports whether a pair may take its turn now. r.mu is held.
func (f *following) admits(p *pair, now time.Time) bool {
	switch {
	case f.rests():
		return false
	case !f.away:
		return true
	case f.inFlight >= awayAtOnce || len(f.queue) > 0:
		return false
	case p.room.id == f.sought:
		f.sought = ""
	case p.kept || p.cursor.Tries > 0:
		if now.Before(f.probe) {
			return false
		}
		f.probe = now.Add(probeWait())
	default:
		if now.Before(f.fresh) {
			return false
		}
		f.fresh = now.Add(freshEvery)
	}
	return true
}

func probeWait() time.Duration { return probeEvery + rand.N(probeEvery) }

// idles takes the turn from all pairs of a consumer that wait for it. Their rooms are pending, or
// they have rows. r.mu is held.
func (f *following) idles() {
	for _, p := range f.queue {
		p.state = idle
	}
	f.queue = nil
}

// leaves has a consumer be away. r.mu is held.
func (f *following) leaves(probe time.Time) {
	f.away, f.window, f.probe = true, awayAtOnce, probe
	f.idles()
}

// fails notes that a batch was not taken.
func (r *Runner) fails(f *following) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.failed++; f.failed >= awayAfter && !f.away {
		f.leaves(time.Now().Add(probeWait()))
	}
}

// succeeds notes that a batch was taken.
func (r *Runner) succeeds(f *following) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.failed = 0; f.window < f.limits.Rooms {
		f.window++
	}
	if f.away {
		f.away, f.wakes, f.behind = false, true, ""
		nudge(r.sought)
	}
}

// failures is the part of a sweep that has to do with what failed.
func (r *Runner) failures(ctx context.Context, shares []ports.Share) error {
	r.mu.Lock()
	all := slices.Collect(maps.Values(r.consumers))
	r.mu.Unlock()
	for _, f := range all {
		if err := r.doubts(ctx, f); err != nil {
			return err
		}
	}
	if names := r.seeking(); len(names) > 0 {
		waiting, err := r.cfg.Cursors.Waiting(ctx, shares, names, perShare)
		if err != nil {
			return err
		}
		if err := r.resume(ctx, waiting); err != nil {
			return err
		}
	}
	for _, f := range all {
		if err := r.probe(ctx, f); err != nil {
			return err
		}
		if err := r.wakeThose(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// seeking returns the consumers whose pairs are looked for that wait.
func (r *Runner) seeking() (names []string) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, f := range r.consumers {
		if !f.rests() && (!f.away || !now.Before(f.probe)) {
			names = append(names, name)
		}
	}
	return names
}

// doubts has a consumer be away until it is known better, where pairs wait that this node has not
// seen fail: it would not know when they need not wait any more. While the consumer fails on this
// node the question waits: it is away soon, or what waits is of others once it succeeds.
func (r *Runner) doubts(ctx context.Context, f *following) error {
	r.mu.Lock()
	asks := f.doubt && f.failed == 0 && !f.away && !f.rests()
	r.mu.Unlock()
	if !asks {
		return nil
	}
	_, some, err := r.waits(ctx, f.name, "")
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.doubt = false; some && !f.away {
		f.leaves(time.Now())
	}
	return nil
}

// waits finds a pair of this node that failed and waits, in a room behind one of them.
func (r *Runner) waits(ctx context.Context, consumer string, after chat.RoomID) (found ports.Cursor, some bool, err error) {
	for range probePages {
		list, err := r.cfg.Consumers.Stuck(ctx, consumer, after, wakePage)
		if err != nil {
			return found, false, err
		}
		r.mu.Lock()
		for _, c := range list {
			if _, held := r.lease(ports.ShareOf(c.Room)); held && wakes(&c) {
				r.mu.Unlock()
				return c, true, nil
			}
		}
		r.mu.Unlock()
		if len(list) < wakePage {
			break
		}
		after = list[len(list)-1].Room
	}
	return found, false, nil
}

// wakes reports whether a pair waits only because it failed: not as the consumer said.
func wakes(c *ports.Cursor) bool {
	return c.Tries > 0 && !c.Stalled && !c.Next.IsZero() && !strings.HasSuffix(c.Error, toldWhen)
}

// probe tries a pair that waits, if that is due: another one each time.
func (r *Runner) probe(ctx context.Context, f *following) error {
	r.mu.Lock()
	now, after := time.Now(), f.asked
	due := f.away && !f.rests() && !now.Before(f.probe) && f.inFlight < awayAtOnce
	r.mu.Unlock()
	if !due {
		return nil
	}
	c, some, err := r.waits(ctx, f.name, after)
	if err == nil && !some && after != "" {
		c, some, err = r.waits(ctx, f.name, "")
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	if f.asked = c.Room; !some {
		f.probe = now.Add(probeWait())
	}
	r.mu.Unlock()
	if !some {
		return nil
	}
	return r.resume(ctx, []ports.Cursor{c})
}

// wakeThose has the pairs of a consumer tried soon that wait, on all nodes, once it is back.
func (r *Runner) wakeThose(ctx context.Context, f *following) error {
	r.mu.Lock()
	now := time.Now()
	if f.wakes && f.behind == "" {
		if now.Sub(f.woken) < wakeEvery {
			r.mu.Unlock()
			return nil
		}
		f.woken = now
	}
	f.wakes = f.wakes && !f.away
	due, after := f.wakes && !f.rests(), f.behind
	r.mu.Unlock()
	if !due {
		return nil
	}
	next, err := r.hasten(ctx, f.name, after, wakePages, wakes, false)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.wakes, f.behind = next != "", next
	nudge(r.sought)
	return nil
}

// hasten has those pairs of a consumer looked at soon that are wanted, some pages of them. next is
// the after of the next call, empty at the end.
func (r *Runner) hasten(ctx context.Context, consumer string, after chat.RoomID, pages int, wanted func(*ports.Cursor) bool, anew bool) (next chat.RoomID, err error) {
	for range pages {
		list, err := r.cfg.Consumers.Stuck(ctx, consumer, after, wakePage)
		if err != nil {
			return after, err
		}
		var rooms []chat.RoomID
		for i := range list {
			if wanted(&list[i]) {
				rooms = append(rooms, list[i].Room)
			}
		}
		if len(rooms) > 0 {
			if err := r.cfg.Retries.Retry(ctx, consumer, rooms, wakeWithin, anew); err != nil {
				return after, err
			}
		}
		if len(list) < wakePage {
			return "", nil
		}
		after = list[len(list)-1].Room
	}
	return after, nil
}

// Retry has a consumer tried again where it failed, in a room or, where that is empty, in all:
// also where it has stalled, and where it said when. Its failures there are forgotten; the batches
// stay. While it is away a node tries one room first.
func (r *Runner) Retry(ctx context.Context, consumer string, room chat.RoomID) error {
	if room != "" {
		err := r.cfg.Retries.Retry(ctx, consumer, []chat.RoomID{room}, 0, true)
		r.lookAt(ctx, consumer, room)
		return err
	}
	err := r.hastenAll(ctx, consumer, func(c *ports.Cursor) bool { return c.Tries > 0 }, true)
	r.retries(consumer, wakeWithin) // nothing shows any more that they wait: they are found when they are due
	return err
}

// Hasten has a consumer tried soon where it waits, as when what it needs is another one now. told
// is whether that is so where it said when to try again, too.
func (r *Runner) Hasten(ctx context.Context, consumer string, told bool) error {
	err := r.hastenAll(ctx, consumer, func(c *ports.Cursor) bool { return wakes(c) || told && c.Tries > 0 && !c.Stalled }, false)
	r.retries(consumer, 0)
	return err
}

func (r *Runner) hastenAll(ctx context.Context, consumer string, wanted func(*ports.Cursor) bool, anew bool) error {
	for after := chat.RoomID(""); ; {
		next, err := r.hasten(ctx, consumer, after, 1, wanted, anew)
		if after = next; err != nil || after == "" {
			return err
		}
	}
}

// lookAt has a pair looked at whose cursor an operator has set. While its consumer is away, a sweep
// would come to it only with the next probe.
func (r *Runner) lookAt(ctx context.Context, consumer string, room chat.RoomID) {
	defer nudge(r.sought)
	r.mu.Lock()
	f := r.consumers[consumer]
	away := f != nil && f.away
	if away {
		f.sought = room
	}
	r.mu.Unlock()
	if !away {
		return
	}
	all, err := r.cfg.Cursors.Load(ctx, []chat.RoomID{room})
	all = slices.DeleteFunc(all, func(c ports.Cursor) bool { return c.Consumer != consumer })
	if err == nil {
		err = r.resume(ctx, all)
	}
	if err != nil {
		r.cfg.Observer.Fault(ctx, "look at what an operator has set", err) // a sweep does it later
	}
}

// retries has a consumer that is away be tried after that time on this node.
func (r *Runner) retries(consumer string, after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.consumers[consumer]; f != nil {
		f.probe = time.Now().Add(after)
	}
	nudge(r.sought)
}
