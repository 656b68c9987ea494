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
	probeEvery = 15 * time.Second // to twice that: how often a pair that failed is tried then
	freshEvery = time.Second      // how often a pair that has not failed is tried then
	awayAtOnce = 2                // max batches under way then, and at first once it is back

	wakeWithin = 3 * time.Second  // over which tries of pairs that waited are spread then
	wakeEvery  = 30 * time.Second // how often such pairs are looked for
	wakePage   = 500              // how many pairs are read at a time
	wakePages  = 4                // max pages of pairs in one sweep
	probePages = 4                // max pages that are read to find a pair to probe

	// toldWhen ends the text of a failure if the consumer has said when to try again.
	toldWhen = ", and says when to try again"
)

// breaker is a circuit breaker: it knows how a consumer fares on this node. While the consumer is
// away, its pairs are left alone, except for a few that probe it. The first success wakes the pairs
// that wait, on all nodes. From then on each success lets one more batch be under way at once. r.mu
// guards it.
type breaker struct {
	failed int // failures in a row
	away   bool
	window int       // batches that may be under way at once
	probe  time.Time // while it is away: no pair that waits is tried before this time,
	fresh  time.Time // and none that has not failed before this one
	asked  chat.RoomID
	// An operator has set the cursor in this room: it is tried even while the consumer is away.
	sought chat.RoomID

	doubt  bool        // pairs may wait since before this node had their shares
	wakes  bool        // pairs that wait are to be woken,
	behind chat.RoomID // in rooms after this one
	woken  time.Time   // when waking last began
}

// rests reports whether a consumer does not want to be given anything for now. r.mu is held.
func (f *following) rests() bool { return f.limits.Rests != "" }

// room returns how many batches of the consumer may be under way at once. r.mu is held.
func (f *following) room() int { return min(f.limits.Rooms, f.window) }

// admits reports whether a pair may be queued now. r.mu is held.
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

// idles takes all pairs of a consumer out of its queue. They are found again, as their rooms are
// pending or they have rows in the store. r.mu is held.
func (f *following) idles() {
	for _, p := range f.queue {
		p.state = idle
	}
	f.queue = nil
}

// leaves notes that a consumer is away from now on. r.mu is held.
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

// failures is the part of a sweep that deals with failed pairs.
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

// seeking returns the consumers whose waiting pairs are to be looked for.
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

// doubts treats a consumer as away until more is known, if pairs wait that this node has not seen
// fail. Otherwise the node would not notice when they need not wait any more. If the last attempt
// of the consumer on this node failed, the question waits until it is away, or succeeds.
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

// waits finds a pair of this node that failed and waits, in a room after the given one.
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

// wakes reports whether a pair waits only because it failed. If the consumer has said when to try
// again, it does not.
func wakes(c *ports.Cursor) bool {
	return c.Tries > 0 && !c.Stalled && !c.Next.IsZero() && !strings.HasSuffix(c.Error, toldWhen)
}

// probe tries a pair that waits, if it is time for that. It takes another pair each time.
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

// wakeThose makes the pairs of a consumer that wait due soon, on all nodes. It does so once the
// consumer is back.
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

// hasten makes those pairs of a consumer due soon that wanted selects. It reads at most so many
// pages. next is the after of the next call, and empty at the end.
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

// Retry makes a consumer try again where it failed: in one room, or in all if room is empty. This
// includes rooms where it has stalled, and those where it has said when to try again. Its failures
// there are forgotten, but the batches stay the same. If the consumer is away, each node tries one
// room first.
func (r *Runner) Retry(ctx context.Context, consumer string, room chat.RoomID) error {
	if room != "" {
		err := r.cfg.Retries.Retry(ctx, consumer, []chat.RoomID{room}, 0, true)
		r.lookAt(ctx, consumer, room)
		return err
	}
	err := r.hastenAll(ctx, consumer, func(c *ports.Cursor) bool { return c.Tries > 0 }, true)
	r.retries(consumer, wakeWithin) // they do not look as if they wait now: they are found when due
	return err
}

// Hasten makes a consumer try again soon where it waits, as when its endpoint has changed. told
// also includes the rooms where the consumer has said when to try again.
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

// lookAt looks at a pair whose cursor an operator has set. While its consumer is away, a sweep
// would look at it only with the next probe.
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

// retries sets when this node tries a consumer that is away the next time.
func (r *Runner) retries(consumer string, after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.consumers[consumer]; f != nil {
		f.probe = time.Now().Add(after)
	}
	nudge(r.sought)
}
