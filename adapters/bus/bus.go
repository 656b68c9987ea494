package bus

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	firstRetry = 50 * time.Millisecond
	maxRetry   = 2 * time.Second
	deafEvery  = 100 * time.Millisecond
)

// Config is what a Bus works with. OnFault may be nil, all else is needed.
type Config struct {
	Server  string        // what the servers are called in errors: "NATS"
	Place   notices.Place // of the node; the outbox makes its packets too
	Outbox  Outbox
	OnFault func(error) // told of what goes wrong in the background; it does not block
}

// Bus is a node's place on a bus by servers. Its methods leave all that may wait for a server to
// the goroutines of Run.
type Bus struct {
	cfg    Config
	driver Driver
	open   atomic.Bool // the first connection is up, and publishes
	missed chan error  // holds one: why something was missed

	mu       sync.Mutex // never held while something waits
	followed map[chat.RoomID]struct{}
	running  bool
	links    []*link // one for each group; none while it is not known how many there are
	why      error   // that it is not known
}

var (
	_ ports.Bus     = (*Bus)(nil)
	_ ports.Checker = (*Bus)(nil)
)

var errNotYet = errors.New("not connected yet")

// ErrClosed is what Announce and Tell return while nothing can be sent.
var ErrClosed = chat.Errorf(chat.Unavailable, "the bus cannot be reached")

// New returns a bus over a driver, which is the bus's from then on.
func New(driver Driver, cfg Config) *Bus {
	if cfg.OnFault == nil {
		cfg.OnFault = func(error) {}
	}
	return &Bus{
		cfg: cfg, driver: driver, missed: make(chan error, 1),
		followed: map[chat.RoomID]struct{}{}, why: errNotYet,
	}
}

// Run implements ports.Bus.
func (b *Bus) Run(ctx context.Context, listener ports.Listener) error {
	b.begin()
	defer b.driver.Close()
	defer b.end()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { b.tellDeaf(ctx, listener) })
	b.retry(ctx, func() error {
		groups, err := b.driver.Groups(ctx)
		b.found(groups, err)
		return err
	})
	for _, l := range b.links {
		wg.Go(func() { b.retry(ctx, func() error { return l.serve(ctx, listener) }) })
	}
	return nil
}

func (b *Bus) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = true
}

func (b *Bus) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running, b.links = false, nil
}

// found takes note of how many groups there are.
func (b *Bus) found(groups int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.why = err
	if err != nil {
		return
	}
	for group := range groups {
		l := &link{Bus: b, group: group, wake: make(chan struct{}, 1), why: errNotYet}
		b.links = append(b.links, l)
	}
}

// retry calls try until it succeeds or ctx ends, with a pause after each failure, of which it
// tells.
func (b *Bus) retry(ctx context.Context, try func() error) {
	for wait := firstRetry; ; wait = min(2*wait, maxRetry) {
		began := time.Now()
		err := try()
		if err == nil || ctx.Err() != nil {
			return
		}
		b.cfg.OnFault(b.unreached(err))
		if time.Since(began) > maxRetry {
			wait = firstRetry
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
	}
}

func (b *Bus) unreached(err error) error {
	return chat.Wrap(chat.Unavailable, err, "reach "+b.cfg.Server)
}

// miss takes note that something was missed.
func (b *Bus) miss(why error) {
	select {
	case b.missed <- why:
	default:
	}
}

// tellDeaf tells the listener that it was deaf when something was missed: after all of it, and not
// for each. It has a goroutine of its own, as the one that hears may be held up.
func (b *Bus) tellDeaf(ctx context.Context, listener ports.Listener) {
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

// Follow implements ports.Bus.
func (b *Bus) Follow(ctx context.Context, room chat.RoomID) error {
	subscribed, gone := b.follow(room)
	if gone == nil {
		return nil
	}
	select {
	case <-subscribed:
		return nil
	case <-gone: // with the next connection it is followed
		return nil
	case <-ctx.Done():
		return chat.Wrap(chat.Unavailable, ctx.Err(), "follow a room on "+b.cfg.Server)
	}
}

// follow takes note of a room. subscribed is closed once it comes, gone when the connection has
// ended, and nil where there is none.
func (b *Bus) follow(room chat.RoomID) (subscribed, gone <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.followed[room] = struct{}{}
	l := b.change(room)
	if l == nil {
		return nil, nil
	}
	done := make(chan struct{})
	l.waiting = append(l.waiting, done)
	return done, l.gone
}

// Unfollow implements ports.Bus.
func (b *Bus) Unfollow(room chat.RoomID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.followed, room)
	b.change(room)
}

// change has the room's connection ask for what has changed, and returns it, or nil where there is
// none. b.mu is held.
func (b *Bus) change(room chat.RoomID) *link {
	if len(b.links) == 0 {
		return nil
	}
	l := b.links[b.driver.Group(room)]
	if l.gone == nil {
		return nil
	}
	l.changed = append(l.changed, room)
	nudge(l.wake)
	return l
}

// Announce implements ports.Bus.
func (b *Bus) Announce(_ context.Context, entries []chat.Entry) error {
	if !b.open.Load() {
		return ErrClosed
	}
	return b.cfg.Outbox.Announce(entries)
}

// Tell implements ports.Bus.
func (b *Bus) Tell(_ context.Context, notice ports.Notice) error {
	if !b.open.Load() {
		return ErrClosed
	}
	return b.cfg.Outbox.Tell(notice)
}

// Check implements ports.Checker: the server answers, allows what the bus needs, and all that is
// followed comes.
func (b *Bus) Check(ctx context.Context) error {
	answered, gone, err := b.check()
	if err != nil {
		return err
	}
	select {
	case <-answered:
		return nil
	case <-gone:
		return chat.Errorf(chat.Unavailable, "the connection to %s is gone", b.cfg.Server)
	case <-ctx.Done():
		return chat.Wrap(chat.Unavailable, ctx.Err(), "ask "+b.cfg.Server)
	}
}

// check has the first connection pinged, unless something is known to be wrong. answered is closed
// when the server has answered, gone when the connection has ended.
func (b *Bus) check() (answered, gone <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.running:
		return nil, nil, chat.Errorf(chat.Unavailable, "the bus does not run")
	case b.why != nil:
		return nil, nil, b.unreached(b.why)
	}
	for _, l := range b.links {
		if why := cmp.Or(l.why, l.refused); why != nil {
			return nil, nil, b.unreached(why)
		}
	}
	done := make(chan struct{})
	l := b.links[0]
	l.checks = append(l.checks, done)
	nudge(l.wake)
	return done, l.gone, nil
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
