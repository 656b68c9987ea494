package delivery

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// Audience is who follows a feed on this node: its readers, spread over the shards.
type Audience struct {
	*feed.Feed
	node    *Node
	counted atomic.Int64 // the head when the readers that are behind were last counted

	mu     sync.Mutex
	parts  []part   // one per shard
	danger chat.Seq // the last entry that may have ended somebody's right to read
}

var _ feed.Readers = (*Audience)(nil)

func newAudience(n *Node, f *feed.Feed) *Audience {
	a := &Audience{Feed: f, node: n, parts: make([]part, len(n.shards))}
	for i := range a.parts {
		a.parts[i].audience = a
	}
	return a
}

// audienceOf returns the audience of a feed.
func audienceOf(f *feed.Feed) *Audience { return f.Readers.(*Audience) }

// Adding implements feed.Readers.
func (a *Audience) Adding(e *chat.Entry) { a.node.cfg.Rooms.Adding(a, e) }

// Added implements feed.Readers.
func (a *Audience) Added(e *chat.Entry) { a.node.cfg.Rooms.Added(e) }

// Moved implements feed.Readers.
func (a *Audience) Moved(since time.Time, entries []feed.Traced) {
	a.mu.Lock()
	defer a.mu.Unlock()
	traced := a.trace(entries)
	for i, w := range a.node.shards {
		if len(a.parts[i].followers) > 0 {
			w.queuePassing(&a.parts[i], since, traced)
		}
	}
}

// GoBack implements feed.Readers.
func (a *Audience) GoBack(seq chat.Seq) {
	a.counted.Store(min(a.counted.Load(), int64(seq)))
	for _, fl := range a.Of("") {
		fl.goBack(seq)
	}
}

// Close implements feed.Readers.
func (a *Audience) Close(late bool) bool { return a.node.cfg.Rooms.Closing(a.Room(), late) }

// spread gives a signal to the readers, or only to those who asked, except origin.
func (a *Audience) spread(signal chat.Signal, origin string, asked bool) {
	sig := pendingSignal{Signal: signal, origin: origin, asked: asked}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, w := range a.node.shards {
		p := &a.parts[i]
		if len(p.followers) == 0 || asked && p.asked == 0 {
			continue
		}
		if sig.frame == nil {
			sig.frame = a.node.cfg.Encoder.Frame(nil, ports.SignalFrame{Signal: signal})
		}
		w.queueSignal(p, sig)
	}
}

// Add makes fl one of the readers of the feed, from the cursor on. It returns the last entry that
// may have ended somebody's right to read, or 0. If the caller checked that right before this
// entry, it must check again. Reader.Begin must follow. The reader's lock is held.
func (a *Audience) Add(fl *Follow, cursor chat.Seq) (danger chat.Seq) {
	fl.cursor = cursor
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &a.parts[fl.Reader.shard.index]
	fl.pos = len(p.followers)
	p.followers = append(p.followers, fl)
	return a.danger
}

// remove is the opposite of Add.
func (a *Audience) remove(fl *Follow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &a.parts[fl.Reader.shard.index]
	last := len(p.followers) - 1
	p.followers[fl.pos] = p.followers[last]
	p.followers[fl.pos].pos = fl.pos
	p.followers[last] = nil
	p.followers = p.followers[:last]
	if fl.asked {
		p.asked--
	}
}

// followers returns how many readers follow the feed. a.mu is held.
func (a *Audience) followers() (n int) {
	for i := range a.parts {
		n += len(a.parts[i].followers)
	}
	return n
}

// Of returns the follows of a user, or of everybody if user is empty.
func (a *Audience) Of(user chat.UserID) (follows []*Follow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.followsOf(user)
}

// Endangered notes that the entry seq may have ended a user's right to read, or everybody's if
// user is empty, and returns their follows.
func (a *Audience) Endangered(seq chat.Seq, user chat.UserID) []*Follow {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.danger = max(a.danger, seq)
	return a.followsOf(user)
}

// followsOf is Of with a.mu held.
func (a *Audience) followsOf(user chat.UserID) (follows []*Follow) {
	for i := range a.parts {
		for _, fl := range a.parts[i].followers {
			if user == "" || fl.Who.ID == user {
				follows = append(follows, fl)
			}
		}
	}
	return follows
}

// part is an audience's readers on one shard.
type part struct {
	audience  *Audience
	followers []*Follow // guarded by Audience.mu
	asked     int       // how many of them asked; guarded by Audience.mu

	// Guarded by the shard's mu.
	queued  bool
	moved   bool      // entries came since the shard looked
	since   time.Time // when the oldest entry that this shard has not passed on became durable
	traced  []*delivery
	signals []pendingSignal

	// Only the shard's goroutine uses these, and its helper while it passes this feed.
	passing passing
	readers []*Follow // of the present pass
	left    []*Follow // those of them that are not served yet
	began   time.Time // of the present pass, or of the last one
	ended   time.Time // of the last pass
	took    time.Duration
	entries int           // the highest number that a reader got in it
	due     time.Time     // when a lingering feed is served; zero: it does not linger now
	urgent  bool          // entries are due, or more signals than may wait
	came    bool          // entries came since the last look
	telling time.Duration // what it counts for in shard.telling
	patience
}

// passing is one pass over a part's readers.
type passing struct {
	since            time.Time
	traced           []*delivery
	told             told      // what those are told who asked
	common           told      // what all are told
	readers, entries int       // how many readers got entries, and the highest number that one got
	first            time.Time // when the first of them was written to
}

// Look returns the state of the audience and its feed, without how far its followers are behind.
func (a *Audience) Look() ports.FeedSeen {
	is := a.Feed.Look()
	a.mu.Lock()
	defer a.mu.Unlock()
	return ports.FeedSeen{
		Room: a.Room(), Head: is.Head, Ring: is.Floor, RingBytes: is.RingBytes, Idle: is.Idle,
		Followers: a.followers(),
	}
}

// Lag returns how far the followers are behind head.
func (a *Audience) Lag(head chat.Seq) (l ports.Lag) {
	for _, fl := range a.Of("") {
		fl.Reader.Lock()
		n := fl.Lag(head)
		fl.Reader.Unlock()
		if n > 0 {
			l.Sessions++
			l.Entries += n
			l.Most = max(l.Most, n)
		}
	}
	return l
}
