package delivery

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// A log may be another one than it was: renewed or restored under the node (Anew), or without its last entries, as when a standby took
// over that had not got them (suspect). The log is right, whatever a feed has heard of it.

const (
	doubtAgain  = time.Second      // a log that cannot be asked is asked again after that
	mostRenewed = 10 * time.Second // over which at most sessions come back that Anew ends
)

// Anew has all begin anew, because the store keeps another log: nothing that feeds have is served any more, sessions end and are told to
// come back, so that their clients learn which log it is, and feeds begin where that stands. It does not wait for the store.
func (h *Hub) Anew() {
	h.mu.RLock()
	feeds := slices.Collect(maps.Values(h.feeds))
	h.mu.RUnlock()
	for _, f := range feeds {
		f.suspend()
	}
	sessions := h.all()
	window := min(max(drainMin, time.Duration(len(sessions))*drainEach), mostRenewed)
	for _, s := range sessions {
		s.renew(rand.N(window) + time.Millisecond)
	}
	for _, f := range feeds {
		h.fills.put(func(ctx context.Context) { h.begin(ctx, f) })
	}
}

// renew ends a session whose client has something to start anew with. One that has no identity yet has heard of no log.
func (s *session) renew(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.identity != nil && !s.closing {
		s.put(ports.Drain{ReconnectIn: after})
		s.close(ports.CloseRenewed, nil)
	}
}

// suspect has the log asked whether it is still the one that the feed knows, unless somebody asks already.
func (h *Hub) suspect(f *feed) {
	f.mu.Lock()
	asks := f.opened && !f.doubted
	f.doubted = f.doubted || asks
	f.mu.Unlock()
	if asks {
		h.compare(f, 0)
	}
}

// compare asks the log on behalf of a feed that is doubted. told is the entry that a notice told of, or 0 where the log itself casts the doubt.
func (h *Hub) compare(f *feed, told chat.Seq) {
	h.fills.put(func(ctx context.Context) {
		if err := h.settle(ctx, f, told); err != nil {
			h.cfg.Observer.Fault(ctx, "compare a feed with the log", err)
			time.AfterFunc(doubtAgain, func() { h.compare(f, told) })
		}
	})
}

// settle asks the log for the entry at the head of a doubted feed. Where that is the same one, so are all before it, and the doubt was
// without reason. Otherwise the feed begins anew.
func (h *Hub) settle(ctx context.Context, f *feed, told chat.Seq) error {
	f.mu.Lock()
	head, last, doubted := f.ring.now.head, f.ring.last, f.doubted
	f.mu.Unlock()
	if !doubted {
		return nil // it has begun anew meanwhile
	}
	asking, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	e, err := h.cfg.Log.Entry(asking, f.room, head)
	same := err == nil && (!last.known || last.print == printOf(&e))
	switch {
	case err != nil && !errors.Is(err, chat.NotFound):
		return err
	case !same:
		return h.part(ctx, f)
	case told != 0:
		h.cfg.Observer.Fault(ctx, "take a notice", chat.Errorf(chat.Internal,
			"a notice tells of another entry %d of %s than the log has: is a copy of this log used on the same bus? parley log renew gives it an identity of its own",
			told, f.room))
	}
	f.trust(h.cfg.Encoder, h.traced)
	f.publish(h.shards)
	h.seek(f, earlyWait, false)
	return nil
}

// trust ends a doubt, and takes what has come meanwhile.
func (f *feed) trust(enc ports.Encoder, traced func(*chat.Entry) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.doubted = false
	f.catchUp(enc, traced)
}

// part has a feed begin anew whose log is another one from some entry on.
func (h *Hub) part(ctx context.Context, f *feed) error {
	from, err := h.parting(ctx, f)
	if err != nil {
		return err
	}
	h.cfg.Observer.Fault(ctx, "keep to the log", chat.Errorf(chat.Internal,
		"the log of %s has not what it had at %d: the store has lost entries that it had stored, as when a standby takes over that was behind. "+
			"Readers get what it has now; parley log renew has all clients start anew, those too that were told of the lost entries", f.room, from))
	h.restart(ctx, f, from)
	return nil
}

// parting returns the first entry that the log has otherwise than the feed, or not at all: as far as the feed knows what it had.
func (h *Hub) parting(ctx context.Context, f *feed) (chat.Seq, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	f.mu.Lock()
	at, head := f.ring.now.floor, f.ring.now.head
	f.mu.Unlock()
	heads, err := h.cfg.Log.Heads(ctx, []chat.RoomID{f.room})
	if err != nil {
		return 0, err
	}
	at = max(min(at, head-1), 0)
	for at < min(heads[f.room], head) {
		entries, err := h.cfg.Log.Read(ctx, f.room, ports.Span{After: at, Limit: fetchEntries})
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

// same returns up to where entries of the log, which come behind at, are the feed's.
func (f *feed) same(at chat.Seq, entries []chat.Entry) chat.Seq {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range entries {
		seq := at + 1
		if entries[i].Seq != seq || seq > f.ring.now.head {
			break
		}
		if has, known := f.ring.printAt(seq); !known || has != printOf(&entries[i]) {
			break
		}
		at = seq
	}
	return at
}

// restart has a feed begin anew, and its readers, from the entry from on, read what the log has.
func (h *Hub) restart(ctx context.Context, f *feed, from chat.Seq) {
	f.suspend()
	for _, fl := range f.of("") {
		fl.goBack(from - 1)
	}
	h.begin(ctx, f)
}

// begin starts a feed that was suspended, where the log stands.
func (h *Hub) begin(ctx context.Context, f *feed) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	heads, err := h.cfg.Log.Heads(ctx, []chat.RoomID{f.room})
	if err != nil {
		h.cfg.Observer.Fault(ctx, "begin a feed anew", err)
		time.AfterFunc(doubtAgain, func() {
			h.fills.put(func(ctx context.Context) { h.begin(ctx, f) })
		})
		return
	}
	f.start(heads[f.room], h.cfg.Encoder, h.traced)
	f.publish(h.shards)
	h.seek(f, earlyWait, false)
}

// suspend has nobody served by the feed until it is started anew; what it is told of meanwhile waits.
func (f *feed) suspend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened, f.doubted = false, false
	f.gap = gap{waiting: f.gap.waiting, filling: f.gap.filling}
	f.ring.restart(0)
	f.ring.now.life++
	f.counted.Store(0)
	f.view.Store(f.ring.snapshot())
}

// goBack has a follow go on behind seq, if it is beyond.
func (fl *follow) goBack(seq chat.Seq) {
	fl.session.mu.Lock()
	defer fl.session.mu.Unlock()
	fl.cursor = min(fl.cursor, seq)
}
