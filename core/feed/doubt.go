package feed

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const doubtAgain = time.Second // the pause before a log that could not be read is asked again

// Anew starts all feeds anew, because the store keeps another log: their entries are not served any
// more, and each begins at the head of the new log. end is called in between, to end readers that
// were served from the old log. Anew does not wait for the store.
func (n *Node) Anew(end func()) {
	feeds := n.All()
	for _, f := range feeds {
		f.suspend()
	}
	end()
	for _, f := range feeds {
		n.fills.Put(func(ctx context.Context) { n.begin(ctx, f) })
	}
}

// suspect has the log asked whether it is still the one that the feed knows, unless that is being
// done already.
func (n *Node) suspect(f *Feed) {
	f.mu.Lock()
	asks := f.opened && !f.doubted
	f.doubted = f.doubted || asks
	f.mu.Unlock()
	if asks {
		n.compare(f, 0)
	}
}

// compare asks the log about a feed that is doubted. told is the entry of a notice that caused the
// doubt, or 0 if the log itself did.
func (n *Node) compare(f *Feed, told chat.Seq) {
	n.fills.Put(func(ctx context.Context) {
		if err := n.settle(ctx, f, told); err != nil {
			n.cfg.Observer.Fault(ctx, "compare a feed with the log", err)
			n.later.Do(doubtAgain, func() { n.compare(f, told) })
		}
	})
}

// settle reads the entry at the head of a doubted feed from the log. If it is the same one, so are
// all before it, and the doubt was unfounded. Otherwise the feed begins anew.
func (n *Node) settle(ctx context.Context, f *Feed, told chat.Seq) error {
	f.mu.Lock()
	head, last, doubted := f.ring.now.Head, f.ring.last, f.doubted
	f.mu.Unlock()
	if !doubted {
		return nil // it has begun anew meanwhile
	}
	asking, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	e, err := n.cfg.Log.Entry(asking, f.room, head)
	same := err == nil && (!last.known || last.print == printOf(&e))
	switch {
	case err != nil && !errors.Is(err, chat.NotFound):
		return err
	case !same:
		return n.part(ctx, f)
	case told != 0:
		n.cfg.Observer.Fault(ctx, "take a notice", chat.Errorf(chat.Internal,
			"a notice tells of another entry %d of %s than the log has: is a copy of this log used on the same bus? parley log renew gives it an identity of its own",
			told, f.room))
	}
	f.trust()
	f.publish()
	n.seek(f, earlyWait, false)
	return nil
}

// trust ends a doubt, and adds entries that came meanwhile.
func (f *Feed) trust() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.doubted = false
	f.catchUp()
}

// part starts a feed anew. Its log differs from some entry on.
func (n *Node) part(ctx context.Context, f *Feed) error {
	from, err := n.parting(ctx, f)
	if err != nil {
		return err
	}
	n.cfg.Observer.Fault(ctx, "keep to the log", chat.Errorf(chat.Internal,
		"the log of %s has not what it had at %d: the store has lost entries that it had stored, as when a standby takes over that was behind. "+
			"Readers get what it has now; parley log renew has all clients start anew, those too that were told of the lost entries", f.room, from))
	n.restart(ctx, f, from)
	return nil
}

// parting returns the first entry that the log does not have, or has in another form than the feed.
// It compares only entries that the feed still knows.
func (n *Node) parting(ctx context.Context, f *Feed) (chat.Seq, error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	f.mu.Lock()
	at, head := f.ring.now.Floor, f.ring.now.Head
	f.mu.Unlock()
	heads, err := n.cfg.Log.Heads(ctx, []chat.RoomID{f.room})
	if err != nil {
		return 0, err
	}
	at = max(min(at, head-1), 0)
	for at < min(heads[f.room], head) {
		entries, err := n.cfg.Log.Read(ctx, f.room, ports.Span{After: at, Limit: maxFetched})
		if err != nil {
			return 0, err
		}
		if same := f.same(at, entries); same < at+chat.Seq(len(entries)) || len(entries) == 0 {
			return min(same, heads[f.room]) + 1, nil
		}
		at += chat.Seq(len(entries))
	}
	return min(at, heads[f.room]) + 1, nil
}

// same compares entries of the log, which follow at, with those of the feed. It returns the last
// seq up to which they are the same.
func (f *Feed) same(at chat.Seq, entries []chat.Entry) chat.Seq {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range entries {
		seq := at + 1
		if entries[i].Seq != seq || seq > f.ring.now.Head {
			break
		}
		if has, known := f.ring.printAt(seq); !known || has != printOf(&entries[i]) {
			break
		}
		at = seq
	}
	return at
}

// restart starts a feed anew. Its readers go back to from, to read from there what the log has.
func (n *Node) restart(ctx context.Context, f *Feed, from chat.Seq) {
	f.suspend()
	f.Readers.GoBack(from - 1)
	n.begin(ctx, f)
}

// begin starts a feed that was suspended, at the head of the log.
func (n *Node) begin(ctx context.Context, f *Feed) {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	heads, err := n.cfg.Log.Heads(ctx, []chat.RoomID{f.room})
	if err != nil {
		n.cfg.Observer.Fault(ctx, "begin a feed anew", err)
		n.later.Do(doubtAgain, func() {
			n.fills.Put(func(ctx context.Context) { n.begin(ctx, f) })
		})
		return
	}
	f.start(heads[f.room])
	f.publish()
	n.seek(f, earlyWait, false)
}

// suspend stops the feed from serving readers until it is started anew. Entries that come meanwhile
// wait.
func (f *Feed) suspend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened, f.doubted = false, false
	f.gap = gap{waiting: f.gap.waiting, filling: f.gap.filling}
	f.ring.restart(0)
	f.ring.now.life++
	f.view.Store(f.ring.snapshot())
}
