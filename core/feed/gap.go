package feed

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// How long an entry that came early waits for those before it.
	earlyWait = 25 * time.Millisecond
	maxEarly  = 256 // entries of a feed that wait so
	// A feed that lacks more entries starts anew, and its readers read the log.
	maxFilled   = 2000
	fillWorkers = 4
	fillBytes   = 256 << 10 // Span.Bytes of a read
	maxFetched  = 200       // entries of a read
)

// StoreTime is how long a call of the store may take.
const StoreTime = 10 * time.Second

// gap is what a feed knows that it lacks. Notices of two nodes may arrive in another order than the
// entries have. Or the commit of an earlier entry is still on its way. So an entry that came early
// waits a moment for those before it. Then the log is read, once for all readers.
type gap struct {
	early   []chat.Entry // after head+1, ascending
	known   chat.Seq     // the log reaches at least to this
	waiting bool         // a timer runs, after which the gap is filled
	filling bool         // the gap is being filled
	lost    bool         // the node should have been told of the missing entries
}

// wait takes an entry that came early. f.mu is held.
func (f *Feed) wait(e *chat.Entry) {
	g := &f.gap
	g.known = max(g.known, e.Seq)
	at, found := slices.BinarySearchFunc(g.early, e.Seq, bySeq)
	if !found && len(g.early) < maxEarly {
		g.early = slices.Insert(g.early, at, *e)
	}
}

func bySeq(e chat.Entry, seq chat.Seq) int { return int(e.Seq - seq) }

// catchUp adds the early entries whose turn has come, and drops those that were added already. f.mu
// is held.
func (f *Feed) catchUp() {
	g := &f.gap
	if f.doubted {
		return
	}
	taken := 0
	for taken < len(g.early) && g.early[taken].Seq <= f.ring.now.Head+1 {
		if e := &g.early[taken]; e.Seq == f.ring.now.Head+1 {
			f.add(e)
		}
		taken++
	}
	clear(g.early[:taken])
	if g.early = g.early[taken:]; len(g.early) == 0 {
		g.early = nil
	}
}

// seek starts filling the gap, at once or after a while. It does nothing if there is no gap, or if
// that is being done already. lost says that the feed should have been told of what it lacks.
func (n *Node) seek(f *Feed, after time.Duration, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := &f.gap
	if g.known <= f.ring.now.Head || g.filling || !f.opened || f.doubted {
		return
	}
	switch {
	case after == 0:
		g.filling, g.lost = true, lost
		n.fills.Put(func(ctx context.Context) { n.fill(ctx, f) })
	case !g.waiting:
		g.waiting = true
		n.later.Do(after, func() {
			f.mu.Lock()
			g.waiting = false
			f.mu.Unlock()
			n.seek(f, 0, lost)
		})
	}
}

// fill reads from the log what a feed lacks, until it lacks nothing.
func (n *Node) fill(ctx context.Context, f *Feed) {
	for {
		l := f.lacks()
		if l.missing == 0 {
			return
		}
		var err error
		if l.missing > maxFilled {
			err = n.skip(ctx, f, l)
		} else {
			err = n.fillFrom(ctx, f, l)
		}
		if errors.Is(err, errParted) {
			f.giveUp()
			n.suspect(f)
			return
		}
		if err != nil {
			n.cfg.Observer.Fault(ctx, "read what a feed lacks", err)
			f.giveUp() // comparing heads finds it again
			return
		}
		f.publish()
	}
}

var errParted = chat.Errorf(chat.Internal, "the log has no entry after the head of the feed")

// fillFrom adds entries of the log after the feed's head. The head must still be the log's: if the
// log has lost it, the entries after it belong to another history.
func (n *Node) fillFrom(ctx context.Context, f *Feed, l lack) error {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	span := ports.Span{After: l.head, Limit: maxFetched, Bytes: fillBytes}
	if l.last.known {
		span.After, span.Limit = l.head-1, maxFetched+1
	}
	entries, err := n.cfg.Log.Read(ctx, f.room, span)
	if err != nil {
		return err
	}
	if l.last.known {
		if len(entries) == 0 || entries[0].Seq != l.head || printOf(&entries[0]) != l.last.print {
			return errParted
		}
		entries = entries[1:]
	}
	if len(entries) == 0 || entries[0].Seq != l.head+1 {
		return chat.Errorf(chat.Internal, "the log has no entry after %d in %s", l.head, f.room)
	}
	for i := range entries {
		f.Readers.Adding(&entries[i])
		f.Readers.Added(&entries[i])
	}
	if count := f.fill(entries, l.life); l.lost && count > 0 {
		n.cfg.Observer.Missed(f.room, count)
	}
	return nil
}

// skip starts the feed anew at the log's head. Its readers read the log.
func (n *Node) skip(ctx context.Context, f *Feed, l lack) error {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	if l.last.known {
		e, err := n.cfg.Log.Entry(ctx, f.room, l.head)
		switch {
		case errors.Is(err, chat.NotFound) || err == nil && printOf(&e) != l.last.print:
			return errParted
		case err != nil:
			return err
		}
	}
	heads, err := n.cfg.Log.Heads(ctx, []chat.RoomID{f.room})
	if err != nil {
		return err
	}
	if count := f.skipTo(heads[f.room]); l.lost && count > 0 {
		n.cfg.Observer.Missed(f.room, count)
	}
	return nil
}

// skipTo starts the feed anew at head, and returns how many entries it leaves out.
func (f *Feed) skipTo(head chat.Seq) (left int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if head > f.ring.now.Head && f.opened {
		left = int(head - f.ring.now.Head)
		f.ring.restart(head)
		f.touched = true
	}
	f.gap.known = f.ring.now.Head
	f.catchUp()
	return left
}

// lack is how many entries a feed lacks after its head.
type lack struct {
	head, missing chat.Seq
	lost          bool // it should have been told of them
	last          newest
	life          int
}

func (f *Feed) lacks() lack {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := &f.gap
	l := lack{head: f.ring.now.Head, lost: g.lost, last: f.ring.last, life: f.ring.now.life}
	if f.opened && !f.doubted {
		l.missing = max(g.known-l.head, 0)
	}
	g.filling, g.lost = l.missing > 0, l.lost && l.missing > 0
	return l
}

// giveUp forgets what the feed lacks, for now.
func (f *Feed) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gap = gap{waiting: f.gap.waiting}
}

// fill adds entries that were read from the log, and returns how many were new. The ring does not
// serve those that are not in their first form any more. life is the feed's life when they were
// read.
func (f *Feed) fill(entries []chat.Entry, life int) (added int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		if e.Seq != f.ring.now.Head+1 || f.doubted || life != f.ring.now.life {
			continue // it was added meanwhile, or the feed has begun anew
		}
		f.add(e)
		if changed(e) {
			f.ring.empty()
		}
		f.ring.now.Primed = e.Seq // its author may have no answer for it yet
		added++
	}
	f.catchUp()
	return added
}
