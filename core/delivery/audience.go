package delivery

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// audience is who follows a feed on this node: its readers, spread over the shards.
type audience struct {
	*feed.Feed
	hub     *Hub
	counted atomic.Int64 // the head when the sessions that are behind were last counted

	mu     sync.Mutex
	parts  []part   // one a shard
	danger chat.Seq // the last entry that may have taken somebody's right to read
}

var _ feed.Readers = (*audience)(nil)

func newAudience(h *Hub, f *feed.Feed) *audience {
	a := &audience{Feed: f, hub: h, parts: make([]part, len(h.shards))}
	for i := range a.parts {
		a.parts[i].audience = a
	}
	return a
}

// audienceOf returns the audience of a feed.
func audienceOf(f *feed.Feed) *audience { return f.Readers.(*audience) }

// audience returns the audience of a room, or nil where it has no feed.
func (h *Hub) audience(room chat.RoomID) *audience {
	if f := h.feeds.Get(room); f != nil {
		return audienceOf(f)
	}
	return nil
}

// Adding implements feed.Readers.
func (a *audience) Adding(e *chat.Entry) { a.hub.checkMembers(a, e) }

// Added implements feed.Readers.
func (a *audience) Added(e *chat.Entry) { a.hub.presence.Said(e) }

// Moved implements feed.Readers.
func (a *audience) Moved(since time.Time, entries []feed.Traced) {
	a.mu.Lock()
	defer a.mu.Unlock()
	traced := a.trace(entries)
	for i, w := range a.hub.shards {
		if len(a.parts[i].followers) > 0 {
			w.queuePassing(&a.parts[i], since, traced)
		}
	}
}

// GoBack implements feed.Readers.
func (a *audience) GoBack(seq chat.Seq) {
	a.counted.Store(min(a.counted.Load(), int64(seq)))
	for _, fl := range a.of("") {
		fl.goBack(seq)
	}
}

// Close implements feed.Readers.
func (a *audience) Close(late bool) bool { return a.hub.presence.Close(a.Room(), late) }

// spread gives a signal to the readers but the session origin.
func (a *audience) spread(signal chat.Signal, origin string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.followed() {
		return
	}
	frame := a.hub.cfg.Encoder.Frame(nil, ports.SignalFrame{Signal: signal})
	sig := pendingSignal{Signal: signal, origin: origin, frame: frame}
	for i, w := range a.hub.shards {
		if len(a.parts[i].followers) > 0 {
			w.queueSignal(&a.parts[i], sig)
		}
	}
}

// add lets fl hear of the feed. It reports whether its user may have lost the right to read since
// that was looked at.
func (a *audience) add(fl *follow, shard int) (inDanger bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &a.parts[shard]
	fl.pos = len(p.followers)
	p.followers = append(p.followers, fl)
	return a.danger > fl.cleared
}

// remove is the opposite of add.
func (a *audience) remove(fl *follow, shard int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &a.parts[shard]
	last := len(p.followers) - 1
	p.followers[fl.pos] = p.followers[last]
	p.followers[fl.pos].pos = fl.pos
	p.followers[last] = nil
	p.followers = p.followers[:last]
}

// followed reports whether sessions follow the feed. a.mu is held.
func (a *audience) followed() bool { return a.followers() > 0 }

// followers returns how many sessions follow the feed. a.mu is held.
func (a *audience) followers() (n int) {
	for i := range a.parts {
		n += len(a.parts[i].followers)
	}
	return n
}

// of returns the follows of a user, or of everybody where user is empty.
func (a *audience) of(user chat.UserID) (follows []*follow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.followsOf(user)
}

// endangered notes that the entry seq may have taken the right to read from a user, or from everybody
// where user is empty, and returns their follows.
func (a *audience) endangered(seq chat.Seq, user chat.UserID) []*follow {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.danger = max(a.danger, seq)
	return a.followsOf(user)
}

// followsOf is of with a.mu held.
func (a *audience) followsOf(user chat.UserID) (follows []*follow) {
	for i := range a.parts {
		for _, fl := range a.parts[i].followers {
			if user == "" || fl.who.ID == user {
				follows = append(follows, fl)
			}
		}
	}
	return follows
}

// part is an audience's readers on one shard.
type part struct {
	audience  *audience
	followers []*follow // guarded by audience.mu

	// Guarded by the shard's mu.
	queued  bool
	since   time.Time // when the oldest entry became durable that this shard has not passed on
	traced  []*delivery
	signals []pendingSignal

	// Only the shard's goroutine uses these.
	passing passing
	readers []*follow // of the pass under way
	left    []*follow // those of them that are not served yet
	began   time.Time // of the pass under way, or of the last one
	ended   time.Time // of the last pass
	took    time.Duration
	entries int       // that a reader got in it, at most
	due     time.Time // while the feed is left alone: until when
	urgent  bool      // has entries due, or more signals than may wait
}

// passing is one pass over a part's readers.
type passing struct {
	since            time.Time
	traced           []*delivery
	signals          []pendingSignal
	readers, entries int       // how many got entries, and how many at most
	first            time.Time // when the first of them was written to
}
