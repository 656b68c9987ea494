package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/delivery"
	"github.com/parley-chat/parley/core/presence"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/ports"
)

// MaxRooms is how many rooms a session may have joined at once, unless it is configured.
const MaxRooms = 500

// Config configures a Hub. Log, Reader, Writer, Verifier and Encoder are required; everything else
// has a usable zero value.
type Config struct {
	Log      ports.Log
	Reader   ports.Reader
	Writer   ports.Writer
	Verifier ports.TokenVerifier
	Limiter  ports.Limiter  // nil: no limit
	Profiles ports.Profiles // nil: nobody can be asked about
	Encoder  ports.Encoder
	Packer   ports.Packer          // nil: nothing is packed
	Bus      ports.Bus             // nil: this node is alone
	Observer ports.SessionObserver // nil: nobody is told
	Searcher ports.Searcher        // nil: nobody can search

	// Which returns the id of the store's log. Clients are told it with their cursors; nil: they
	// are not told.
	Which func() chat.LogID

	// Arose is told of each signal of a room that arises on this node; nil: nobody is. It does not
	// wait, and calls nothing of the hub.
	Arose func(chat.Signal)

	Shards int // writer shards; 0: one
	// How long a feed with many readers waits at most for more entries to share a write. 0: 5 ms;
	// negative: not at all.
	Linger    time.Duration
	Heartbeat time.Duration // between pings; a client silent for two is closed; 0: 25 s
	AuthTime  time.Duration // for the token of a session that began without; 0: 10 s

	Replay int // max entries that a join replays from its cursor; 0: 10,000
	// Max different emoji on a message at once, told in the welcome; 0: chat.MaxReactions.
	Reactions       int
	RoomsPerSession int // max rooms joined at once; 0: MaxRooms
	MaxSessions     int // max sessions of this node; 0: no limit
	SessionsPerUser int // max sessions of a user on this node; 0: no limit
	Joins           int // max joins that ask the store at once; more wait for their turn; 0: 64
	FrameBytes      int // max bytes of a frame that a client sends, told in the welcome
	AnswerBytes     int // max bytes of a frame that a client gets, told in the welcome; 0: 256 KiB

	Features []string // of this node, beyond the first published protocol v1
	Alone    bool     // no other node serves this log, whatever Bus there is

	RingBytes      int   // max bytes of a feed's ring; 0: 256 KiB
	RingBytesTotal int64 // max bytes of all rings; 0: 256 MiB

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
	or(&c.Heartbeat, 25*time.Second)
	or(&c.AuthTime, 10*time.Second)
	or(&c.Replay, 10_000)
	or(&c.Reactions, chat.MaxReactions)
	or(&c.RoomsPerSession, MaxRooms)
	or(&c.FrameBytes, 64<<10)
	or(&c.AnswerBytes, 256<<10)
	or(&c.Joins, 64)
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
	checks    *work.Waitlist[*follow] // of the users' right to read
	later     work.Later
	additions additions
	chores    *work.Queue // that look at many sessions, such as ending a user's; they do not wait
	joins     *joinLimiter
	outgoing  chan chat.Signal
	presence  *presence.Node
	delivery  *delivery.Node
	watchers  watchers

	mu        sync.RWMutex
	sessions  map[*session]struct{}
	users     map[chat.UserID]int // sessions of each user
	strangers strangers
	draining  bool
}

var (
	_ ports.Sessions = (*Hub)(nil)
	_ ports.Audience = (*Hub)(nil)
	_ delivery.Rooms = (*Hub)(nil)
)

// New returns a hub. Sessions may be opened before Run, but nothing is written until then.
func New(cfg Config) *Hub {
	cfg = cfg.withDefaults()
	h := &Hub{
		cfg: cfg, checks: work.NewWaitlist[*follow](), chores: work.NewQueue(),
		joins: newJoinLimiter(cfg.Joins), outgoing: make(chan chat.Signal, 1024), sessions: map[*session]struct{}{}, users: map[chat.UserID]int{},
		strangers: newStrangers(cfg.MaxSessions), watchers: newWatchers(),
	}
	h.presence = presence.New(presence.Config{
		Readers: h, Bus: cfg.Bus, Observer: cfg.Observer, AnswerBytes: cfg.AnswerBytes, Features: cfg.Features, Alone: cfg.Alone,
	})
	h.delivery = delivery.New(delivery.Config{
		Log: cfg.Log, Encoder: cfg.Encoder, Packer: cfg.Packer, Rooms: h, Bus: cfg.Bus, Observer: cfg.Observer,
		Shards: cfg.Shards, Linger: cfg.Linger, CatchUps: cfg.CatchUps,
		RingBytes: cfg.RingBytes, RingBytesTotal: cfg.RingBytesTotal, AntiEntropy: cfg.AntiEntropy,
	})
	return h
}

// Run serves the sessions until ctx ends. Call Drain before ctx ends, so that clients are told. Run
// is called once.
func (h *Hub) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range checkWorkers {
		wg.Go(func() { h.watchRights(ctx) })
	}
	wg.Go(func() { h.chores.Run(ctx) })
	wg.Go(func() { h.watchSessions(ctx) })
	wg.Go(func() { h.passSignals(ctx) })
	wg.Go(func() { h.tellNews(ctx) })
	var failed [2]error
	wg.Go(func() { failed[0] = h.presence.Run(ctx) })
	wg.Go(func() { failed[1] = h.delivery.Run(ctx) })
	wg.Wait()
	h.later.Close()
	return errors.Join(failed[:]...)
}

// Followed implements ports.Audience. It is true while the room's feed is open. A feed stays open
// for half a minute after the last reader has left, for clients that reconnect.
func (h *Hub) Followed(room chat.RoomID) bool { return h.delivery.Get(room) != nil }

// Has implements ports.Audience.
func (h *Hub) Has(feature string) bool { return slices.Contains(h.presence.Features(), feature) }

// searches reports whether messages can be searched for, on all nodes.
func (h *Hub) searches() bool { return h.cfg.Searcher != nil && h.Has(ports.FeatureSearch) }

// Entries implements ports.Listener.
func (h *Hub) Entries(entries []chat.Entry) { h.delivery.Entries(entries) }

// Head implements ports.Listener.
func (h *Hub) Head(room chat.RoomID, seq chat.Seq) { h.delivery.Head(room, seq) }

// Deaf implements ports.Listener.
func (h *Hub) Deaf() {
	h.presence.Deaf()
	h.delivery.Deaf()
	h.watchers.doubt()
}

// Opened implements delivery.Rooms.
func (h *Hub) Opened(room chat.RoomID) { h.presence.Open(room) }

// Adding implements delivery.Rooms.
func (h *Hub) Adding(a *delivery.Audience, e *chat.Entry) { h.checkMembers(a, e) }

// Added implements delivery.Rooms.
func (h *Hub) Added(e *chat.Entry) { h.presence.Said(e) }

// Closing implements delivery.Rooms.
func (h *Hub) Closing(room chat.RoomID, late bool) bool { return h.presence.Close(room, late) }
