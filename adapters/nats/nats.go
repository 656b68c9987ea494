package nats

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	mostQueued  = 16 << 20 // bytes of packets that wait to be sent
	mostPending = 16 << 20 // bytes of packets that came and wait to be taken
	mostPacket  = 256 << 10
)

// Bus is a node's place on NATS. Its methods leave all that may wait for a server to the goroutines of Run: the library holds its lock
// while it writes and while it dials.
type Bus struct {
	cfg        Config
	at         notices.Place
	connection nats.Options
	creds      string // a file, or empty

	out    *notices.Queue // open while connected
	in     *notices.Queue
	wake   chan struct{} // holds one: there are wishes
	missed chan error    // holds one: why something was missed

	mu       sync.Mutex // never held while something waits
	followed map[chat.RoomID]struct{}
	running  bool
	wishes   []wish // in their order, while it runs
	link     *link  // nil while it is not connected
	why      error  // that it is not
}

// link is a connection, from when it is there until it is gone.
type link struct {
	ctx     context.Context // ends with it
	cut     context.CancelFunc
	most    int   // bytes of a packet
	refused error // what the server does not allow; guarded by Bus.mu
}

// wish is what is asked of the server: to follow a room, or no longer, or to answer. done is told once the server has done it; nobody
// waits for it where it is nil.
type wish struct {
	room   chat.RoomID // empty: to answer
	follow bool
	done   chan error // holds one
}

var (
	_ ports.Bus     = (*Bus)(nil)
	_ ports.Checker = (*Bus)(nil)
)

// New returns a bus. It fails where the URL or the prefix makes no sense, or a file that the URL names,
// but for credentials, cannot be used.
func New(cfg Config) (*Bus, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = "parley"
	}
	if cfg.Name == "" {
		cfg.Name = "parley"
	}
	if cfg.OnFault == nil {
		cfg.OnFault = func(error) {}
	}
	connection, creds, err := cfg.connection()
	if err != nil {
		return nil, err
	}
	if err := checkPrefix(cfg.Prefix); err != nil {
		return nil, err
	}
	return &Bus{
		cfg: cfg, at: notices.Place{Self: ports.NodeID(rand.Text()), Log: cfg.Log, Foreign: cfg.Foreign}, connection: connection, creds: creds,
		out: notices.NewQueue(mostQueued), in: notices.NewQueue(mostPending),
		wake: make(chan struct{}, 1), missed: make(chan error, 1),
		followed: map[chat.RoomID]struct{}{},
	}, nil
}

// Run implements ports.Bus.
func (b *Bus) Run(ctx context.Context, listener ports.Listener) error {
	b.runs(true)
	defer b.runs(false)
	b.in.Open()
	defer b.in.Shut()
	var wg sync.WaitGroup
	wg.Go(func() { b.hear(ctx, listener) })
	wg.Go(func() { b.confess(ctx, listener) })
	defer wg.Wait()
	for {
		err := b.session(ctx, listener)
		if ctx.Err() != nil {
			return nil
		}
		b.because(err) // the library gives up after some errors
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause(mostTries)):
		}
	}
}

func (b *Bus) runs(running bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running, b.wishes = running, nil
}

// hear tells the listener what comes.
func (b *Bus) hear(ctx context.Context, listener ports.Listener) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.in.Wake():
		}
		for _, m := range b.in.Take() {
			p, err := notices.Parse(m.Packet)
			if err != nil {
				b.miss(chat.Wrap(chat.Internal, err, "read a packet"))
				continue
			}
			p.Tell(b.at, listener)
		}
	}
}

// miss takes note that something was missed.
func (b *Bus) miss(why error) {
	select {
	case b.missed <- why:
	default:
	}
}

// confess tells the listener that it was deaf when something was missed: after all of it, and not for each.
func (b *Bus) confess(ctx context.Context, listener ports.Listener) {
	for {
		select {
		case <-ctx.Done():
			return
		case why := <-b.missed:
			listener.Deaf()
			b.cfg.OnFault(why)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(deafEvery):
		}
	}
}

// current returns the connection, or nil.
func (b *Bus) current() *link {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.link
}

// because takes note of why there is no connection, and tells of it if that is news.
func (b *Bus) because(err error) {
	b.mu.Lock()
	news := b.link != nil || b.why == nil || b.why.Error() != err.Error()
	if b.link == nil {
		b.why = err
	}
	b.mu.Unlock()
	if news {
		b.cfg.OnFault(chat.Wrap(chat.Unavailable, err, "NATS"))
	}
}

// wishFor adds a wish and returns the connection, or nil: then it is carried out with the next. b.mu is held.
func (b *Bus) wishFor(w wish) *link {
	if !b.running {
		return nil
	}
	b.wishes = append(b.wishes, w)
	nudge(b.wake)
	return b.link
}

func (b *Bus) takeWishes() []wish {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.wishes
	b.wishes = nil
	return all
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Follow implements ports.Bus.
func (b *Bus) Follow(ctx context.Context, room chat.RoomID) error {
	done := make(chan error, 1)
	b.mu.Lock()
	b.followed[room] = struct{}{}
	l := b.wishFor(wish{room: room, follow: true, done: done})
	b.mu.Unlock()
	if l == nil {
		return nil
	}
	select {
	case err := <-done:
		gone := l.ctx.Err() != nil || errors.Is(err, nats.ErrConnectionClosed)
		if err != nil && !gone { // with the next connection it is followed
			return chat.Wrap(chat.Unavailable, err, "follow a room on NATS")
		}
		return nil
	case <-l.ctx.Done():
		return nil
	case <-ctx.Done():
		return chat.Wrap(chat.Unavailable, ctx.Err(), "follow a room on NATS")
	}
}

// Unfollow implements ports.Bus.
func (b *Bus) Unfollow(room chat.RoomID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.followed, room)
	b.wishFor(wish{room: room})
}

// Announce implements ports.Bus.
func (b *Bus) Announce(_ context.Context, entries []chat.Entry) (err error) {
	l := b.current()
	if l == nil {
		return notices.ErrShut
	}
	b.at.Split(entries, l.most, func(room chat.RoomID, packet []byte) {
		if failed := b.out.Put(notices.Message{Room: room, Packet: packet}); failed != nil {
			err = failed
		}
	})
	return err
}

// Tell implements ports.Bus.
func (b *Bus) Tell(_ context.Context, notice ports.Notice) error {
	l := b.current()
	if l == nil {
		return notices.ErrShut
	}
	return b.out.Put(notices.Message{Room: notice.About(), Packet: b.at.Fit(notice, l.most)})
}

// subject returns where a message goes.
func (b *Bus) subject(room chat.RoomID) string {
	if room == "" {
		return b.cfg.Prefix + ".node"
	}
	return b.cfg.Prefix + ".room." + strings.ReplaceAll(string(room), ".", "=")
}

// Check implements ports.Checker: the server answers, and allows what the bus needs.
func (b *Bus) Check(ctx context.Context) error {
	done := make(chan error, 1)
	b.mu.Lock()
	running, why := b.running, b.why
	l := b.wishFor(wish{done: done})
	if l != nil {
		why = l.refused
	}
	b.mu.Unlock()
	switch {
	case !running:
		return chat.Errorf(chat.Unavailable, "the bus does not run")
	case why != nil:
		return chat.Wrap(chat.Unavailable, why, "reach NATS")
	case l == nil:
		return chat.Errorf(chat.Unavailable, "NATS was not reached yet")
	}
	select {
	case err := <-done:
		if err != nil {
			return chat.Wrap(chat.Unavailable, err, "ask NATS")
		}
		return nil
	case <-l.ctx.Done():
		return chat.Errorf(chat.Unavailable, "the connection to NATS is gone")
	case <-ctx.Done():
		return chat.Wrap(chat.Unavailable, ctx.Err(), "ask NATS")
	}
}
