package feed

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/ports"
)

// Config configures a Node. Log, Encoder and Open are required.
type Config struct {
	Log      ports.Log
	Encoder  ports.Encoder
	Packer   ports.Packer       // nil: frames are not packed
	Bus      ports.Bus          // nil: this node is alone
	Observer ports.FeedObserver // nil: nobody is told

	// Open makes the readers of a new feed. It must not wait.
	Open func(*Feed) Readers

	RingBytes      int           // max bytes of a feed's ring, without packed frames; 0: 256 KiB
	RingBytesTotal int64         // max bytes of all rings, with packed frames; 0: 256 MiB
	AntiEntropy    time.Duration // between comparisons of the feeds with the log; 0: 2 s
}

func (c Config) withDefaults() Config {
	if c.Observer == nil {
		c.Observer = ports.Unobserved{}
	}
	if c.RingBytes <= 0 {
		c.RingBytes = 256 << 10
	}
	if c.RingBytesTotal <= 0 {
		c.RingBytesTotal = 256 << 20
	}
	if c.AntiEntropy <= 0 {
		c.AntiEntropy = 2 * time.Second
	}
	return c
}

// Node keeps the feeds of a node. Make one with New.
type Node struct {
	cfg    Config
	budget budget
	fills  *work.Queue   // for feeds that wait for the log, with all their readers
	later  work.Later    // what is tried again after a while
	deaf   chan struct{} // holds one: notices may have been lost

	mu    sync.RWMutex
	feeds map[chat.RoomID]*Feed
	idle  int // feeds that nobody had acquired at the last sweep
}

// New returns a node without feeds. They can be acquired before Run, but no gap is filled until
// then.
func New(cfg Config) *Node {
	cfg = cfg.withDefaults()
	return &Node{
		cfg: cfg, budget: budget{max: cfg.RingBytesTotal}, fills: work.NewQueue(),
		deaf: make(chan struct{}, 1), feeds: map[chat.RoomID]*Feed{},
	}
}

// Run fills gaps, compares the feeds with the log, and closes those that nobody needs, until ctx
// ends. It is called once.
func (n *Node) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range fillWorkers {
		wg.Go(func() { n.fills.Run(ctx) })
	}
	wg.Go(func() { n.watchHeads(ctx) })
	wg.Go(func() { n.watchIdle(ctx) })
	wg.Wait()
	n.later.Close()
	return nil
}

// Get returns the feed of a room, or nil if none is open.
func (n *Node) Get(room chat.RoomID) *Feed {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.feeds[room]
}

// All returns the feeds that are open.
func (n *Node) All() []*Feed {
	n.mu.RLock()
	defer n.mu.RUnlock()
	all := make([]*Feed, 0, len(n.feeds))
	for _, f := range n.feeds {
		all = append(all, f)
	}
	return all
}

// Acquire returns the open feed of a room and keeps it open until Release. For a new feed it waits
// for the log, and is Unavailable if that does not answer before ctx ends.
func (n *Node) Acquire(ctx context.Context, room chat.RoomID) (*Feed, error) {
	n.mu.Lock()
	f, known := n.feeds[room]
	if !known {
		f = newFeed(n, room)
		n.feeds[room] = f
	}
	f.mu.Lock()
	f.refs++
	f.mu.Unlock()
	n.mu.Unlock()
	if !known {
		n.open(ctx, f)
	}
	select {
	case <-f.ready:
	case <-ctx.Done():
		f.Release()
		return nil, chat.Wrap(chat.Unavailable, ctx.Err(), "open the feed")
	}
	if f.err != nil {
		f.Release()
		return nil, f.err
	}
	return f, nil
}

// open finds the head of a new feed. First it follows the room on the bus, then it asks for the
// head, so that no entry is missed in between.
func (n *Node) open(ctx context.Context, f *Feed) {
	defer close(f.ready)
	if n.cfg.Bus != nil {
		if err := n.cfg.Bus.Follow(ctx, f.room); err != nil {
			// Comparing heads finds what is missed.
			n.cfg.Observer.Fault(ctx, "follow a room on the bus", err)
		}
	}
	heads, err := n.cfg.Log.Heads(ctx, []chat.RoomID{f.room})
	if err != nil {
		f.err = err
		n.mu.Lock()
		f.Readers.Close(true)
		n.close(f)
		n.mu.Unlock()
		return
	}
	f.start(heads[f.room])
	f.publish()
	n.seek(f, earlyWait, false)
}

// Release is the opposite of Node.Acquire. The feed stays open for a while.
func (f *Feed) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refs--
	if f.refs == 0 {
		f.idle = time.Now()
	}
}

// close removes a feed. n.mu is held, so that opening the room again follows it on the bus after
// this.
func (n *Node) close(f *Feed) {
	delete(n.feeds, f.room)
	if n.cfg.Bus != nil {
		n.cfg.Bus.Unfollow(f.room)
	}
}

// Entries tells of appended entries, ascending per room. Some of them may be known already. The
// slice is not kept. It does not wait.
func (n *Node) Entries(entries []chat.Entry) {
	for i := range entries {
		e := &entries[i]
		f := n.Get(e.Room)
		if f == nil {
			continue
		}
		f.Readers.Adding(e)
		switch f.extend(e) {
		case early:
			n.seek(f, earlyWait, true)
		case another:
			n.compare(f, e.Seq)
		}
	}
	for i := range entries {
		if f := n.Get(entries[i].Room); f != nil {
			f.Readers.Added(&entries[i])
			f.publish()
		}
	}
}

// Head tells that a room's log reaches at least to seq. It does not wait.
func (n *Node) Head(room chat.RoomID, seq chat.Seq) {
	if f := n.Get(room); f != nil && f.reaches(seq) {
		n.seek(f, 0, false)
	}
}

// Deaf tells that notices may have been lost until now. It does not wait.
func (n *Node) Deaf() {
	select {
	case n.deaf <- struct{}{}:
	default:
	}
}
