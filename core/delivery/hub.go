package delivery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/presence"
	"github.com/parley-chat/parley/ports"
)

// MaxRooms is how many rooms a session may have joined at once, unless it is configured.
const MaxRooms = 500

// Config is what a Hub works with. The ports but Bus and Observer are needed; everything else has a usable zero value.
type Config struct {
	Log      ports.Log
	Reader   ports.Reader
	Writer   ports.Writer
	Verifier ports.TokenVerifier
	Limiter  ports.Limiter // nil: no limit
	Encoder  ports.Encoder
	Bus      ports.Bus      // nil: this node is alone
	Observer ports.Observer // nil: nobody is told

	// Which tells which log the store keeps, for clients to know to which one their cursors belong; nil: they are not told.
	Which func() chat.LogID

	Shards    int           // writer shards; 0: one
	Linger    time.Duration // most that a feed with many readers waits for more to go out by one write; 0: 5 ms; negative: never
	Heartbeat time.Duration // between pings; a client silent for two is closed; 0: 25 s
	AuthTime  time.Duration // for the token of a session that began without; 0: 10 s

	Replay          int // most entries that a join goes back behind its cursor; 0: 10,000
	Reactions       int // most different emoji that a message may have at once, which clients are told; 0: chat.MaxReactions
	RoomsPerSession int // most rooms joined at once; 0: MaxRooms
	MaxSessions     int // most sessions of this node; 0: no limit
	SessionsPerUser int // most sessions of a user on this node; 0: no limit
	Joins           int // most joins that ask the store at once; more wait for their turn; 0: 64
	FrameBytes      int // the largest message that a client may send, told in the welcome
	AnswerBytes     int // the largest frame that a client gets, told in the welcome; 0: 256 KiB

	Features []string // what this node can do beyond protocol v1 as it was first published

	RingBytes      int   // most bytes of a feed's ring; 0: 256 KiB
	RingBytesTotal int64 // most bytes of all rings; 0: 256 MiB

	CatchUps    int           // readers served from the log at once; 0: 8
	AntiEntropy time.Duration // between comparisons of the feeds with the log; 0: 2 s
}

func (c Config) withDefaults() Config {
	if c.Observer == nil {
		c.Observer = ports.Unobserved{}
	}
	if c.Limiter == nil {
		c.Limiter = ports.Unlimited{}
	}
	if c.Which == nil {
		c.Which = func() chat.LogID { return "" }
	}
	or(&c.Shards, 1)
	if c.Linger == 0 {
		c.Linger = 5 * time.Millisecond
	}
	or(&c.Heartbeat, 25*time.Second)
	or(&c.AuthTime, 10*time.Second)
	or(&c.Replay, 10_000)
	or(&c.Reactions, chat.MaxReactions)
	or(&c.RoomsPerSession, MaxRooms)
	or(&c.FrameBytes, 64<<10)
	or(&c.AnswerBytes, 256<<10)
	or(&c.RingBytes, 256<<10)
	or(&c.RingBytesTotal, 256<<20)
	or(&c.Joins, 64)
	or(&c.CatchUps, 8)
	or(&c.AntiEntropy, 2*time.Second)
	return c
}

func or[T int | int64 | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// Hub keeps the feeds and sessions of a node.
type Hub struct {
	cfg       Config
	shards    []*shard
	budget    *budget
	reads     *waitlist // who waits for the log
	checks    *waitlist // of whom it is asked whether they may still read
	fills     *queue    // feeds that wait for the log, and all of their readers with them
	additions additions
	chores    *queue // what concerns many sessions, and waits for nothing: ending those of a user
	joins     *gate
	outgoing  chan chat.Signal
	deaf      chan struct{} // holds one: notices may have been missed
	next      atomic.Uint32 // counts sessions, to spread them over the shards
	presence  *presence.Node

	mu        sync.RWMutex
	feeds     map[chat.RoomID]*feed
	idle      int // feeds that nobody followed when they were looked at last
	sessions  map[*session]struct{}
	users     map[chat.UserID]int // sessions of each user
	strangers strangers
	draining  bool
}

var (
	_ ports.Sessions = (*Hub)(nil)
	_ ports.Listener = (*Hub)(nil)
)

// New returns a hub. Sessions may be opened before Run, but nothing is written until then.
func New(cfg Config) *Hub {
	cfg = cfg.withDefaults()
	h := &Hub{
		cfg: cfg, budget: &budget{most: cfg.RingBytesTotal}, reads: newWaitlist(), checks: newWaitlist(), fills: newQueue(), chores: newQueue(), joins: newGate(cfg.Joins),
		outgoing: make(chan chat.Signal, 1024), deaf: make(chan struct{}, 1),
		feeds: map[chat.RoomID]*feed{}, sessions: map[*session]struct{}{}, users: map[chat.UserID]int{},
		strangers: newStrangers(cfg.MaxSessions),
	}
	h.presence = presence.New(presence.Config{
		Readers: h, Bus: cfg.Bus, Observer: cfg.Observer, AnswerBytes: cfg.AnswerBytes, Features: cfg.Features,
	})
	for i := range cfg.Shards {
		h.shards = append(h.shards, newShard(i, cfg.Linger, cfg.Observer))
	}
	return h
}

// Run serves the sessions until ctx ends. Drain comes before that where clients are to be told. It is called once.
func (h *Hub) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	var err error
	for _, w := range h.shards {
		wg.Go(func() { w.run(ctx) })
	}
	for range h.cfg.CatchUps {
		wg.Go(func() { h.serveReaders(ctx) })
	}
	for range checkWorkers {
		wg.Go(func() { h.watchRights(ctx) })
	}
	for range fillWorkers {
		wg.Go(func() { h.fills.run(ctx) })
	}
	wg.Go(func() { h.chores.run(ctx) })
	wg.Go(func() { h.watchSessions(ctx) })
	wg.Go(func() { h.watchHeads(ctx) })
	wg.Go(func() { h.passSignals(ctx) })
	wg.Go(func() { err = h.presence.Run(ctx) })
	wg.Wait()
	return err
}

func (h *Hub) feed(room chat.RoomID) *feed {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.feeds[room]
}

// Followed implements ports.Audience. A room is so for as long as its feed is open, which is a while longer than somebody follows it.
func (h *Hub) Followed(room chat.RoomID) bool { return h.feed(room) != nil }

// acquire returns the open feed of a room and keeps it open until release.
func (h *Hub) acquire(ctx context.Context, room chat.RoomID) (*feed, error) {
	h.mu.Lock()
	f, known := h.feeds[room]
	if !known {
		f = newFeed(room, len(h.shards), h.cfg.RingBytes, h.budget)
		h.feeds[room] = f
		h.presence.Open(room)
	}
	f.mu.Lock()
	f.refs++
	f.mu.Unlock()
	h.mu.Unlock()
	if !known {
		h.open(ctx, f)
	}
	select {
	case <-f.ready:
	case <-ctx.Done():
		h.release(f)
		return nil, chat.Wrap(chat.Unavailable, ctx.Err(), "open the feed")
	}
	if f.err != nil {
		h.release(f)
		return nil, f.err
	}
	return f, nil
}

// open finds where a new feed's log stands: first it follows the bus, then it asks for the head, so that nothing falls between.
func (h *Hub) open(ctx context.Context, f *feed) {
	defer close(f.ready)
	if h.cfg.Bus != nil {
		if err := h.cfg.Bus.Follow(ctx, f.room); err != nil {
			h.cfg.Observer.Fault(ctx, "follow a room on the bus", err) // comparing heads makes up for it
		}
	}
	heads, err := h.cfg.Log.Heads(ctx, []chat.RoomID{f.room})
	if err != nil {
		f.err = err
		h.mu.Lock()
		delete(h.feeds, f.room)
		h.presence.Close(f.room, true)
		h.unfollow(f.room)
		h.mu.Unlock()
		return
	}
	f.start(heads[f.room], h.cfg.Encoder, h.traced)
	f.publish(h.shards)
	h.seek(f, earlyWait, false)
}

func (h *Hub) release(f *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refs--
	if f.refs == 0 {
		f.idle = time.Now()
	}
}

func (h *Hub) unfollow(room chat.RoomID) {
	if h.cfg.Bus != nil {
		h.cfg.Bus.Unfollow(room)
	}
}

// Entries implements ports.Listener.
func (h *Hub) Entries(entries []chat.Entry) {
	for i := range entries {
		e := &entries[i]
		f := h.feed(e.Room)
		if f == nil {
			continue
		}
		h.checkMembers(f, e)
		switch f.extend(e, h.cfg.Encoder, h.traced) {
		case early:
			h.seek(f, earlyWait, true)
		case another:
			h.compare(f, e.Seq)
		}
	}
	for i := range entries {
		if f := h.feed(entries[i].Room); f != nil {
			h.presence.Said(&entries[i])
			f.publish(h.shards)
		}
	}
}

// traced reports whether somebody follows how an entry reaches its readers.
func (h *Hub) traced(e *chat.Entry) bool { return e.Trace != "" && h.cfg.Observer.Follows(e.Trace) }

// Head implements ports.Listener.
func (h *Hub) Head(room chat.RoomID, seq chat.Seq) {
	if f := h.feed(room); f != nil && f.reaches(seq) {
		h.seek(f, 0, false)
	}
}

// Deaf implements ports.Listener.
func (h *Hub) Deaf() {
	h.presence.Deaf()
	select {
	case h.deaf <- struct{}{}:
	default:
	}
}
