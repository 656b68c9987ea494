package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	mostQueued   = 16 << 20  // bytes of packets that wait to be sent
	mostPacket   = 256 << 10 // bytes of one
	atOnce       = 500       // packets in one pipeline
	lanes        = 16        // of a cluster
	firstRetry   = 50 * time.Millisecond
	longestRetry = 2 * time.Second
)

// Bus is a node's place on Redis.
type Bus struct {
	cfg     Config
	servers *servers
	at      notices.Place
	queue   *notices.Queue
	over    chan struct{} // closed when Run has ended

	mu       sync.Mutex
	runs     bool    // Run has begun, and has not ended
	lanes    []*lane // the last is that of all nodes; none: how the servers are is not known yet
	followed map[chat.RoomID]bool
	down     map[*lane]error // those that are not connected, and why
}

var (
	_ ports.Bus     = (*Bus)(nil)
	_ ports.Checker = (*Bus)(nil)
)

// New returns a bus. It fails where the URL makes no sense.
func New(cfg Config) (*Bus, error) {
	for name, std := range map[*string]string{&cfg.Prefix: "parley", &cfg.Name: "parley"} {
		if *name == "" {
			*name = std
		}
	}
	if cfg.OnFault == nil {
		cfg.OnFault = func(error) {}
	}
	servers, err := cfg.servers()
	if err != nil {
		return nil, err
	}
	return &Bus{
		cfg: cfg, servers: servers, at: notices.Place{Self: ports.NodeID(rand.Text()), Log: cfg.Log, Foreign: cfg.Foreign}, queue: notices.NewQueue(mostQueued),
		over: make(chan struct{}), followed: map[chat.RoomID]bool{}, down: map[*lane]error{},
	}, nil
}

// Run implements ports.Bus.
func (b *Bus) Run(ctx context.Context, listener ports.Listener) error {
	defer b.end()
	b.mu.Lock()
	b.runs = true
	b.mu.Unlock()
	var wg sync.WaitGroup
	defer wg.Wait()
	sharded, ok := b.look(ctx)
	if !ok {
		return nil
	}
	for _, l := range b.begin(sharded) {
		wg.Go(func() { b.keep(ctx, l, listener) })
	}
	wg.Go(func() { b.send(ctx, sharded, listener) })
	return nil
}

// end runs once nothing is under way any more.
func (b *Bus) end() {
	b.mu.Lock()
	b.runs = false
	b.mu.Unlock()
	b.queue.Shut()
	close(b.over)
	b.servers.close()
}

// look finds out whether the servers have sharded publish and subscribe. It tries until they answer, or ctx ends.
func (b *Bus) look(ctx context.Context) (sharded, ok bool) {
	for wait := firstRetry; ctx.Err() == nil; wait = pause(ctx, wait) {
		if !b.servers.cluster {
			return false, true
		}
		info, _, err := b.servers.ask(ctx, "COMMAND", "INFO", "SSUBSCRIBE")
		if list, is := info.([]any); err == nil && is {
			return len(list) == 1 && list[0] != nil, true
		}
		b.fault(err, "ask Redis")
	}
	return false, false
}

// begin makes the lanes, and follows what was followed before.
func (b *Bus) begin(sharded bool) []*lane {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 1 // single servers have one for all
	if sharded {
		n = lanes + 1
	}
	for range n {
		l := newLane(sharded)
		b.lanes = append(b.lanes, l)
		b.down[l] = errStill
	}
	b.lanes[n-1].follow(b.toAll())
	for room := range b.followed {
		l, channel := b.place(room)
		l.follow(channel)
	}
	return b.lanes
}

var errStill = errors.New("not connected yet")

// place returns the lane and channel of a room. b.mu is held, and there are lanes.
func (b *Bus) place(room chat.RoomID) (*lane, string) {
	if len(b.lanes) == 1 {
		return b.lanes[0], b.cfg.Prefix + ":room:" + string(room)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(room))
	i := h.Sum32() % lanes
	return b.lanes[i], fmt.Sprintf("%s:{%d}:room:%s", b.cfg.Prefix, i, room)
}

// toAll returns the channel of all nodes. b.mu is held, and there are lanes.
func (b *Bus) toAll() string {
	if len(b.lanes) == 1 {
		return b.cfg.Prefix + ":node"
	}
	return b.cfg.Prefix + ":{node}:node"
}

// keep has a lane connected until ctx ends.
func (b *Bus) keep(ctx context.Context, l *lane, listener ports.Listener) {
	heard := func(channel, payload string) {
		p, err := notices.Parse([]byte(payload))
		if err != nil {
			listener.Deaf()
			b.cfg.OnFault(chat.Wrap(chat.Internal, err, "read what came by "+channel))
			return
		}
		p.Tell(b.at, listener)
	}
	joined := func() {
		b.note(l, nil)
		listener.Deaf()
	}
	wait := firstRetry
	for ctx.Err() == nil {
		if l.idle() { // it needs no connection
			b.note(l, nil)
			select {
			case <-ctx.Done():
				return
			case <-l.wake:
				continue
			}
		}
		began := time.Now()
		err := l.serve(ctx, b.servers, heard, joined)
		if ctx.Err() != nil {
			return
		}
		b.note(l, err)
		b.fault(err, "subscribe to Redis")
		b.servers.forget()
		if time.Since(began) > longestRetry {
			wait = firstRetry
		}
		wait = pause(ctx, wait)
	}
}

func (b *Bus) note(l *lane, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		delete(b.down, l)
	} else {
		b.down[l] = err
	}
}

func (b *Bus) fault(err error, doing string) {
	if err != nil {
		b.cfg.OnFault(chat.Wrap(chat.Unavailable, err, doing))
	}
}

// pause waits, and returns how long to wait the next time.
func pause(ctx context.Context, wait time.Duration) time.Duration {
	select {
	case <-ctx.Done():
	case <-time.After(wait/2 + mathrand.N(wait/2)):
	}
	return min(2*wait, longestRetry)
}

// send publishes what was queued, for as long as there is somebody to publish to.
func (b *Bus) send(ctx context.Context, sharded bool, listener ports.Listener) {
	for wait := firstRetry; ctx.Err() == nil; wait = pause(ctx, wait) {
		_, _, err := b.servers.ask(ctx, "PING")
		if err == nil {
			b.queue.Open()
			wait = firstRetry
			err = b.publishing(ctx, sharded)
			b.queue.Shut()
			listener.Deaf() // what was lost is to be told again
		}
		if ctx.Err() == nil {
			b.fault(err, "publish by Redis")
		}
	}
}

// publishing publishes until that fails or ctx ends.
func (b *Bus) publishing(ctx context.Context, sharded bool) error {
	p := newPublisher(b.servers, sharded)
	defer p.close()
	for {
		select {
		case <-ctx.Done():
			return b.publish(context.WithoutCancel(ctx), p) // the last words of a node that stops
		case <-b.queue.Wake():
			if err := b.publish(ctx, p); err != nil {
				return err
			}
		}
	}
}

func (b *Bus) publish(ctx context.Context, p *publisher) error {
	for packets := range slices.Chunk(b.queue.Take(), atOnce) {
		some := make([]packet, len(packets))
		for i, m := range packets {
			some[i] = packet{b.channel(m.Room), m.Packet}
		}
		if err := b.within(ctx, p, some); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bus) within(ctx context.Context, p *publisher, some []packet) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return p.publish(ctx, some)
}

func (b *Bus) channel(room chat.RoomID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room == "" {
		return b.toAll()
	}
	_, channel := b.place(room)
	return channel
}

// Follow implements ports.Bus.
func (b *Bus) Follow(ctx context.Context, room chat.RoomID) error {
	b.mu.Lock()
	b.followed[room] = true
	if !b.runs || len(b.lanes) == 0 {
		b.mu.Unlock()
		return nil
	}
	l, channel := b.place(room)
	there := l.follow(channel)
	b.mu.Unlock()
	if there == nil {
		return nil
	}
	select {
	case <-there:
		return nil
	case <-b.over:
		return nil
	case <-ctx.Done():
		return chat.Wrap(chat.Unavailable, ctx.Err(), "follow a room on Redis")
	}
}

// Unfollow implements ports.Bus.
func (b *Bus) Unfollow(room chat.RoomID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.followed, room)
	if len(b.lanes) > 0 {
		l, channel := b.place(room)
		l.unfollow(channel)
	}
}

// Announce implements ports.Bus.
func (b *Bus) Announce(_ context.Context, entries []chat.Entry) (err error) {
	b.at.Split(entries, mostPacket, func(room chat.RoomID, packet []byte) {
		if failed := b.queue.Put(notices.Message{Room: room, Packet: packet}); failed != nil {
			err = failed
		}
	})
	return err
}

// Tell implements ports.Bus.
func (b *Bus) Tell(_ context.Context, notice ports.Notice) error {
	return b.queue.Put(notices.Message{Room: notice.About(), Packet: b.at.Fit(notice, mostPacket)})
}

// Check implements ports.Checker: a server answers, and all that is followed comes.
func (b *Bus) Check(ctx context.Context) error {
	b.mu.Lock()
	runs := b.runs
	b.mu.Unlock()
	if !runs {
		return chat.Errorf(chat.Unavailable, "the bus does not run")
	}
	if _, _, err := b.servers.ask(ctx, "PING"); err != nil {
		return chat.Wrap(chat.Unavailable, err, "ask Redis")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lanes) == 0 {
		return chat.Wrap(chat.Unavailable, errStill, "reach Redis")
	}
	for _, err := range b.down {
		return chat.Wrap(chat.Unavailable, err, "subscribe to Redis")
	}
	if err := b.queue.Ready(); err != nil {
		return err
	}
	return nil
}
