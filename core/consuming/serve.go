package consuming

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/recent"
	"github.com/parley-chat/parley/ports"
)

const (
	turns     = 8    // batches of a pair before others have their turn
	passed    = 1000 // after so many entries that are passed over, the cursor is written
	faultWait = time.Second
	soon      = 10 * time.Second // later tries than that are left to the sweep

	retryFirst = 5 * time.Second
	retryMost  = time.Hour
	retryTold  = 24 * time.Hour // max wait that a consumer can ask for
	stalledAge = 7 * 24 * time.Hour
	// When another node looks at a pair that this node has begun to catch up.
	keptFor = time.Minute

	pauseStd  = 5 * time.Second
	pauseMost = time.Hour
)

var (
	errLost    = errors.New("the share is another node's")
	errChanged = errors.New("the cursor was changed meanwhile")
	errWaits   = errors.New("more is to be gathered")
)

// attempt serves one pair for a while. One goroutine runs it, and owns the pair meanwhile.
type attempt struct {
	*pair
	r        *Runner
	lease    ports.Lease
	consumer Consumer
	limits   Limits
	ctx      context.Context // ends when the consumer is set again or removed
	rowed    bool            // it only writes a row by which the pair is found
	reached  chat.Seq        // the room's head at the last move, or before a batch is tried again
}

// serve takes batches of the pair. again says that there may be more.
func (a *attempt) serve() (again bool) {
	a.due = time.Time{}
	err := a.load()
	var b *Batch
	for turn := 0; err == nil && turn < turns && !a.rests(time.Now()) && !a.lingers() && !a.r.stops(a.of); turn++ {
		if b, err = a.next(); b != nil && err == nil {
			b, err = a.present(b)
		}
		if b == nil || err != nil {
			break
		}
		err = a.try(b)
	}
	// The last batch was taken, but its cursor is not written yet.
	if err == nil && a.cursor.UpTo > a.cursor.Seq && a.at > a.cursor.Seq {
		err = a.move(ports.Cursor{Seq: a.at}, a.keeping())
	}
	switch {
	case err == nil:
	case errors.Is(err, errLost):
		a.r.lose(a.lease)
	case errors.Is(err, errChanged):
		a.forget()
		return true
	case errors.Is(err, errWaits):
	default:
		a.later(faultWait)
		if a.ctx.Err() == nil {
			a.r.cfg.Observer.Fault(a.ctx, "run a consumer", fmt.Errorf("%s in %s: %w", a.of.name, a.room.id, err))
		}
	}
	return false
}

// later leaves the pair alone for a while. Nothing of that is stored.
func (a *attempt) later(wait time.Duration) {
	a.due = time.Now().Add(wait)
	a.r.retryIn(a.pair, wait)
}

// forget makes the cursor be read from the store again.
func (a *attempt) forget() {
	a.loaded, a.placed, a.stored, a.kept, a.cursor = false, false, false, false, ports.Cursor{}
}

// load finds out where the pair is, from the store if need be.
func (a *attempt) load() error {
	if !a.loaded {
		ctx, cancel := context.WithTimeout(a.ctx, storeTime)
		defer cancel()
		all, err := a.r.cfg.Cursors.Load(ctx, []chat.RoomID{a.room.id})
		if err != nil {
			return err
		}
		a.loaded = true
		for i := range all {
			if all[i].Consumer == a.of.name {
				a.is(all[i])
			}
		}
	}
	if a.placed {
		return nil
	}
	at, err := a.begin(a.consumer.From().Time())
	a.at, a.placed = at, err == nil
	return err
}

// begin returns the last entry before a time.
func (a *attempt) begin(from time.Time) (chat.Seq, error) {
	head, lastAt := a.r.headOf(a.room)
	switch {
	case from.IsZero():
		return 0, nil
	case !lastAt.IsZero() && lastAt.Before(from):
		return head, nil
	}
	return a.r.before(a.ctx, a.room.id, from, head)
}

// next returns the batch that is to be tried, or nil if there is none. What was done before is
// written together with its bounds, or alone if there is no batch.
func (a *attempt) next() (*Batch, error) {
	if a.cursor.UpTo > a.cursor.Seq && a.at == a.cursor.Seq {
		head, err := a.r.headNow(a.ctx, a.room)
		if err != nil {
			return nil, err
		}
		a.reached = head // so that the batch is read as it is now
		return a.again()
	}
	b, err := a.find()
	if err != nil {
		return nil, err
	}
	if b != nil {
		if a.gathers(b) {
			return nil, errWaits
		}
		b.Sealed = sealed(a.consumer.Seal(*b))
		to := ports.Cursor{Seq: b.First - 1, UpTo: b.Last, Head: b.Head, Sealed: b.Sealed}
		return b, a.move(to, a.keeping())
	}
	if a.kept {
		if more, err := a.r.grows(a.ctx, a.room, a.at); more || err != nil {
			if err != nil {
				return nil, err
			}
			return a.next()
		}
	}
	if a.cursor.UpTo != 0 || a.kept {
		a.kept = false
		return nil, a.move(ports.Cursor{Seq: a.at}, 0)
	}
	return nil, nil
}

// present returns a batch without what any node has deleted before its bounds were written.
func (a *attempt) present(b *Batch) (*Batch, error) {
	ctx, cancel := context.WithTimeout(a.ctx, storeTime)
	defer cancel()
	if holds, err := a.r.recent.Holds(ctx, a.room.id, &b.page, a.reached); err != nil || holds {
		return b, err
	}
	return a.again()
}

// keeping returns after how long another node looks at the pair even if the room is not pending, or
// 0.
func (a *attempt) keeping() time.Duration {
	if a.kept {
		return keptFor
	}
	return 0
}

// again returns the batch whose bounds were fixed before, with its entries in their present form.
// If the consumer takes none of them any more, the batch is passed over.
func (a *attempt) again() (*Batch, error) {
	c := &a.cursor
	b := a.batch(c.Seq+1, c.UpTo, c.Head)
	b.Sealed, b.Tries = c.Sealed, c.Tries
	page, err := a.read(ports.Span{After: c.Seq, Before: c.UpTo + 1, Limit: int(c.UpTo - c.Seq)})
	if err != nil {
		return nil, err
	}
	b.page, _ = a.filter(page, len(page.Entries))
	b.Entries, b.Forms = b.page.Entries, b.page.Forms
	if len(b.Entries) == 0 {
		a.at = c.UpTo
		return a.next()
	}
	return b, nil
}

func (a *attempt) batch(first, last, head chat.Seq) *Batch {
	b := &Batch{Room: a.room.id, First: first, Last: last, Head: max(head, last)}
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	if first <= a.room.traceSeq && a.room.traceSeq <= last {
		b.Trace = a.room.trace
	}
	return b
}

// find returns the next run with entries that the consumer takes. It passes over what comes before
// that.
func (a *attempt) find() (*Batch, error) {
	limit := a.limits.Entries
	for {
		head, _ := a.r.headOf(a.room)
		if a.at >= head {
			return nil, nil
		}
		page, err := a.read(ports.Span{After: a.at, Limit: limit, Bytes: a.limits.Bytes})
		if err != nil {
			return nil, err
		}
		if len(page.Entries) == 0 { // somebody told of entries that do not exist
			a.r.ends(a.room, head, a.at)
			return nil, nil
		}
		taken, last := a.filter(page, a.limits.Entries)
		if len(taken.Entries) > 0 {
			b := a.batch(taken.Entries[0].Seq, last, head)
			b.page, b.Entries, b.Forms = taken, taken.Entries, taken.Forms
			a.at = b.First - 1
			return b, nil
		}
		a.at, limit = last, maxEntries
		if a.at-a.cursor.Seq >= passed {
			if err := a.move(ports.Cursor{Seq: a.at}, a.keeping()); err != nil {
				return nil, err
			}
		}
	}
}

// filter returns the entries of a page that the consumer takes, at most limit, and the last entry
// that was looked at.
func (a *attempt) filter(page recent.Page, limit int) (taken recent.Page, last chat.Seq) {
	n := 0 // the first n are those that are taken
	for i := range page.Entries {
		if last = page.Entries[i].Seq; !a.consumer.Filter(&page.Entries[i]) {
			continue
		}
		if page.Entries[n] = page.Entries[i]; page.Forms != nil {
			page.Forms[n] = page.Forms[i]
		}
		if n++; n == limit {
			break
		}
	}
	page.Entries = page.Entries[:n]
	if page.Forms != nil {
		page.Forms = page.Forms[:n]
	}
	return page, last
}

func (a *attempt) read(span ports.Span) (recent.Page, error) {
	ctx, cancel := context.WithTimeout(a.ctx, storeTime)
	defer cancel()
	head, _ := a.r.headOf(a.room)
	return a.r.recent.Read(ctx, a.room.id, span, max(head, a.reached))
}

// gathers reports whether a batch must wait for more entries.
func (a *attempt) gathers(b *Batch) bool {
	now := time.Now()
	switch {
	case a.limits.Gather == 0 || len(b.Entries) >= a.limits.Entries || a.kept:
	case a.gather.IsZero():
		a.gather = now.Add(a.limits.Gather)
		a.r.retryIn(a.pair, a.limits.Gather)
		return true
	case now.Before(a.gather):
		return true
	}
	a.gather = time.Time{}
	return false
}

// try lets the consumer take a batch, and notes the result.
func (a *attempt) try(b *Batch) error {
	ctx, cancel := context.WithTimeout(a.ctx, a.limits.Time)
	defer cancel()
	began := time.Now()
	taken, err := a.consumer.Take(ctx, *b)
	took := time.Since(began)
	if err == nil && taken.UpTo < b.First {
		err = errNothing
	}
	tell := func(result ports.TakeResult) { a.r.cfg.Observer.Took(a.of.name, len(b.Entries), took, result) }
	pause, pauses := errors.AsType[Pause](err)
	left, leaves := errors.AsType[Left](err)
	switch {
	case err == nil:
		tell(ports.TakeOK)
		a.r.succeeds(a.of)
		a.at = min(taken.UpTo, b.Last)
		if a.limits.Gather == 0 {
			a.gather = a.r.linger(a.room)
		}
		return nil
	case a.ctx.Err() != nil: // it was given up here: that is no failure of the consumer
		return a.ctx.Err()
	case leaves:
		return a.leave(bounded(left.For, retryMost, retryTold))
	case pauses:
		tell(ports.TakePaused)
		a.r.pause(a.of, bounded(pause.For, pauseStd, pauseMost))
		a.later(bounded(pause.For, pauseStd, pauseMost))
		return nil
	}
	return a.fail(err, tell)
}

// leave leaves the batch to somebody else. That is no failure.
func (a *attempt) leave(wait time.Duration) error {
	to := a.cursor
	to.Tries, to.Error = 0, ""
	a.kept = true
	if err := a.move(to, wait); err != nil {
		return err
	}
	a.due = time.Now().Add(wait)
	return nil
}

// fail notes that the batch was not taken, and when it is tried again.
func (a *attempt) fail(why error, tell func(ports.TakeResult)) error {
	to := a.cursor
	to.Tries, to.Error = to.Tries+1, clip(why.Error(), MaxError)
	if retry, ok := errors.AsType[Retry](why); ok && retry.After > 0 {
		to.Error = clip(why.Error(), MaxError-len(toldWhen)) + toldWhen
	} else {
		a.r.fails(a.of)
	}
	if to.Since.IsZero() {
		to.Since = time.Now()
	}
	if to.Stalled = time.Since(to.Since) >= stalledAge; to.Stalled {
		tell(ports.TakeStalled)
		a.kept = false
		return a.move(to, 0)
	}
	tell(ports.TakeFailed)
	wait := waitAfter(to.Tries, why)
	a.kept = true
	if err := a.move(to, wait); err != nil {
		return err
	}
	a.due = time.Now().Add(wait)
	if wait <= soon {
		a.r.retryIn(a.pair, wait)
	}
	return nil
}

// waitAfter returns how long a pair waits after a failure. The wait is random up to a limit (full
// jitter), so that pairs that failed together do not come back together:
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func waitAfter(tries int, err error) time.Duration {
	if retry, ok := errors.AsType[Retry](err); ok && retry.After > 0 {
		return min(retry.After, retryTold)
	}
	limit := retryMost
	if n := tries - 1; n < 10 {
		limit = min(retryFirst<<n, retryMost)
	}
	return min(time.Second+rand.N(limit), retryMost)
}

// move writes where the pair is now.
func (a *attempt) move(to ports.Cursor, wait time.Duration) error {
	to.Consumer, to.Room = a.of.name, a.room.id
	m := ports.CursorMove{Lease: a.lease, To: to, Wait: wait}
	if a.stored {
		m.Was = &ports.CursorState{Seq: a.cursor.Seq, UpTo: a.cursor.UpTo}
	}
	is, err := a.r.moves.move(m)
	switch {
	case err != nil:
		a.forget() // it is unknown what is stored
		return err
	case is.Outcome == ports.MoveLost:
		return errLost
	case is.Outcome == ports.MoveChanged:
		return errChanged
	}
	a.reached = is.Head
	if to.Tries == 0 {
		to.Since = time.Time{}
	}
	a.cursor, a.stored = to, true
	return nil
}

// sealed returns the part of a seal that is stored.
func sealed(seal []byte) []byte {
	if len(seal) == 0 {
		return nil
	}
	return seal[:min(len(seal), MaxSeal)]
}

// clip returns the text of a failure as it is stored: one line of valid text, at most limit bytes.
func clip(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > limit {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
