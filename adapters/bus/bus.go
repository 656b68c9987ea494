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

// Config is what a Bus works with. OnFault may be nil; all others are needed.
type Config struct {
	Server  string        // name of the servers in errors: "NATS"
	Place   notices.Place // of the node; the outbox makes its packets too
	Outbox  Outbox
	OnFault func(error) // called with errors in the background; it must not block
}

// Bus is a node's place on a bus with servers. Its methods do not wait for servers themselves: the
// goroutines of Run do.
type Bus struct {
	cfg    Config
	driver Driver
	open   atomic.Bool // the first connection is up and publishes
	missed chan error  // holds one: why packets were missed

	mu       sync.Mutex // never held while something waits
	followed map[chat.RoomID]struct{}
	running  bool
	links    []*link // one for each group; none until the number of groups is known
	why      error   // why the number is not known
}

var (
	_ ports.Bus     = (*Bus)(nil)
	_ ports.Checker = (*Bus)(nil)
)

var errNotYet = errors.New("not connected yet")

// ErrClosed is the error of Announce and Tell while nothing can be sent.
var ErrClosed = chat.Errorf(chat.Unavailable, "the bus cannot be reached")

// New returns a bus over a driver, which the bus owns from then on.
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

// found stores the number of groups.
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

// retry calls try until it succeeds or ctx ends, with a pause after each failure, which it reports.
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

// miss records that packets were missed.
func (b *Bus) miss(why error) {
	select {
	case b.missed <- why:
	default:
	}
}

// tellDeaf tells the listener that it was deaf after packets were missed: once for all of them. It
// runs in a goroutine of its own, because the receiving one may be held up.
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
	case <-gone: // the next connection will subscribe to it
		return nil
	case <-ctx.Done():
		return chat.Wrap(chat.Unavailable, ctx.Err(), "follow a room on "+b.cfg.Server)
	}
}

// follow adds a room. subscribed is closed once the server has subscribed to it; gone is closed
// when the connection has ended, and nil if there is none.
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

// change makes the room's link pass the change to the server, and returns the link. It returns nil
// if there is none. b.mu must be held.
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

// Check implements ports.Checker: it succeeds if the server answers, allows all that the bus needs,
// and has subscribed to all followed rooms.
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

// check makes the first connection be pinged, unless an error is known already. answered is closed
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
