package delivery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/ports"
)

// Config configures a Node. Log, Encoder and Rooms are required.
type Config struct {
	Log      ports.Log
	Encoder  ports.Encoder
	Packer   ports.Packer // nil: nothing is packed
	Rooms    Rooms
	Bus      ports.Bus              // nil: this node is alone
	Observer ports.DeliveryObserver // nil: nobody is told

	Shards int // writer shards, each with a goroutine and a helper; 0: one
	// Max wait of a feed with many readers for more entries to share a write; 0: 5 ms; negative:
	// never.
	Linger   time.Duration
	CatchUps int // readers served from the log at once; 0: 8

	RingBytes      int           // max bytes of a feed's ring, without packed frames; 0: 256 KiB
	RingBytesTotal int64         // max bytes of all rings, with packed frames; 0: 256 MiB
	AntiEntropy    time.Duration // between comparisons of the feeds with the log; 0: 2 s
}

func (c Config) withDefaults() Config {
	if c.Observer == nil {
		c.Observer = ports.Unobserved{}
	}
	if c.Linger == 0 {
		c.Linger = 5 * time.Millisecond
	}
	if c.RingBytes <= 0 {
		c.RingBytes = 256 << 10
	}
	c.Shards = max(c.Shards, 1)
	if c.CatchUps <= 0 {
		c.CatchUps = 8
	}
	return c
}

// Rooms is told of the rooms that are followed on this node. Its methods must not wait, nor call
// the node unless they say so.
type Rooms interface {
	// Opened tells that a room's feed is being opened.
	Opened(room chat.RoomID)
	// Adding tells of an entry before any reader can get it, so that the follows of users who may
	// lose the right to read by it can be held. No lock is held: it may call the audience and lock
	// its readers.
	Adding(a *Audience, e *chat.Entry)
	// Added tells of an entry before it is passed on. No lock is held: it may call Node.Spread.
	Added(e *chat.Entry)
	// Closing tells that a room's feed is to be closed, and returns whether it may be. If late is
	// true it is closed in any case.
	Closing(room chat.RoomID, late bool) bool
}

// Node delivers to the readers of a node. Make one with New.
type Node struct {
	*feed.Node
	cfg    Config
	shards []*shard
	reads  *work.Waitlist[*Follow] // that wait for the log
	next   atomic.Uint32           // counts readers, to spread them over the shards
}

// New returns a node. It can be given readers before Run, but nothing is written until then.
func New(cfg Config) *Node {
	cfg = cfg.withDefaults()
	n := &Node{cfg: cfg, reads: work.NewWaitlist[*Follow]()}
	for i := range cfg.Shards {
		n.shards = append(n.shards, newShard(i, cfg.Linger, cfg.Observer))
	}
	n.Node = feed.New(feed.Config{
		Log: cfg.Log, Encoder: cfg.Encoder, Packer: cfg.Packer, Bus: cfg.Bus, Observer: cfg.Observer, Open: n.open,
		RingBytes: cfg.RingBytes, RingBytesTotal: cfg.RingBytesTotal, AntiEntropy: cfg.AntiEntropy,
	})
	return n
}

// open makes the audience of a new feed.
func (n *Node) open(f *feed.Feed) feed.Readers {
	n.cfg.Rooms.Opened(f.Room())
	return newAudience(n, f)
}

// Run delivers until ctx ends. It is called once.
func (n *Node) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, w := range n.shards {
		wg.Go(func() { w.run(ctx) })
	}
	for range n.cfg.CatchUps {
		wg.Go(func() { n.serveReaders(ctx) })
	}
	err := n.Node.Run(ctx)
	wg.Wait()
	return err
}

// Entries tells of appended entries, as feed.Node.Entries does. Answers that wait for theirs wait
// no longer.
func (n *Node) Entries(entries []chat.Entry) {
	n.Node.Entries(entries)
	for _, w := range n.shards {
		w.release()
	}
}

// Audience returns the audience of a room, or nil if it has none.
func (n *Node) Audience(room chat.RoomID) *Audience {
	if f := n.Get(room); f != nil {
		return audienceOf(f)
	}
	return nil
}

// Audiences returns the audiences of all open feeds.
func (n *Node) Audiences() []*Audience {
	feeds := n.All()
	all := make([]*Audience, len(feeds))
	for i, f := range feeds {
		all[i] = audienceOf(f)
	}
	return all
}

// Join returns the audience of a room, and keeps its feed open until Audience.Release. It fails as
// feed.Node.Acquire does.
func (n *Node) Join(ctx context.Context, room chat.RoomID) (*Audience, error) {
	f, err := n.Acquire(ctx, room)
	if err != nil {
		return nil, err
	}
	return audienceOf(f), nil
}

// Spread gives a signal to the readers of its room, except origin. With asked, only those get it
// who asked. It does not wait.
func (n *Node) Spread(signal chat.Signal, origin string, asked bool) {
	if a := n.Audience(signal.Room); a != nil {
		a.spread(signal, origin, asked)
	}
}

// Counted notes the heads of all feeds, which Reader.Behind compares cursors with.
func (n *Node) Counted() {
	for _, a := range n.Audiences() {
		a.counted.Store(int64(a.View().Head))
	}
}
