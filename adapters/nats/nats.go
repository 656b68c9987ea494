package nats

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	mostQueued   = 16 << 20 // bytes of packets that wait to be sent
	mostPending  = 16 << 10 // packets that came and wait to be taken
	mostPacket   = 256 << 10
	pingEvery    = 2 * time.Second // two without an answer end a connection
	writeTime    = 2 * time.Second // for a server to take what is written
	dialTime     = 2 * time.Second
	confirmTime  = 5 * time.Second
	firstRetry   = 50 * time.Millisecond
	longestRetry = 2 * time.Second
)

// Bus is a node's place on NATS.
type Bus struct {
	cfg     Config
	self    ports.NodeID
	options []nats.Option
	servers string

	queue    *notices.Queue
	incoming chan *nats.Msg
	confirms chan chan error // follows that wait until the server knows of them
	back     chan struct{}   // holds one: the connection is there, anew
	deaf     chan struct{}   // holds one: something was lost
	over     chan struct{}   // closed when Run has ended

	mu       sync.Mutex
	conn     *nats.Conn // nil: Run has not begun, or has ended
	followed map[chat.RoomID]*nats.Subscription
}

var (
	_ ports.Bus     = (*Bus)(nil)
	_ ports.Checker = (*Bus)(nil)
)

// New returns a bus. It fails where the URL makes no sense.
func New(cfg Config) (*Bus, error) {
	servers, options, err := cfg.servers()
	if err != nil {
		return nil, err
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "parley"
	}
	if cfg.Name == "" {
		cfg.Name = "parley"
	}
	if cfg.OnFault == nil {
		cfg.OnFault = func(error) {}
	}
	b := &Bus{
		cfg: cfg, self: ports.NodeID(rand.Text()), servers: strings.Join(servers, ","),
		queue: notices.NewQueue(mostQueued), incoming: make(chan *nats.Msg, mostPending), confirms: make(chan chan error, 1024),
		back: make(chan struct{}, 1), deaf: make(chan struct{}, 1), over: make(chan struct{}),
		followed: map[chat.RoomID]*nats.Subscription{},
	}
	b.options = append(options, b.behaviour()...)
	return b, nil
}

// behaviour is how the connection is kept.
func (b *Bus) behaviour() []nats.Option {
	retry := func(tries int) time.Duration {
		wait := min(firstRetry<<min(tries, 10), longestRetry)
		return wait/2 + mathrand.N(wait/2)
	}
	return []nats.Option{
		nats.Name(b.cfg.Name), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(retry), nats.Timeout(dialTime), nats.FlusherTimeout(writeTime),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1), // what is told to nobody is stale once somebody is there
		nats.ConnectHandler(func(*nats.Conn) { nudge(b.back) }),
		nats.ReconnectHandler(func(*nats.Conn) { nudge(b.back) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.queue.Shut()
			if err != nil {
				b.cfg.OnFault(chat.Wrap(chat.Unavailable, err, "the connection to NATS"))
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			nudge(b.deaf)
			b.cfg.OnFault(chat.Wrap(chat.Unavailable, err, "NATS"))
		}),
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run implements ports.Bus.
func (b *Bus) Run(ctx context.Context, listener ports.Listener) error {
	conn, err := nats.Connect(b.servers, b.options...)
	if err != nil {
		return chat.Wrap(chat.Internal, err, "begin with NATS")
	}
	defer b.end(conn)
	if err := b.begin(conn); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { b.hear(ctx, listener) })
	wg.Go(func() { b.send(ctx, conn) })
	wg.Go(func() { b.confirm(ctx, conn) })
	b.watch(ctx, conn, listener)
	wg.Wait()
	return nil
}

// begin follows what was followed before.
func (b *Bus) begin(conn *nats.Conn) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conn = conn
	if _, err := conn.ChanSubscribe(b.cfg.Prefix+".node", b.incoming); err != nil {
		return chat.Wrap(chat.Internal, err, "subscribe")
	}
	for room := range b.followed {
		if err := b.subscribe(room); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bus) end(conn *nats.Conn) {
	b.mu.Lock()
	b.conn = nil
	b.mu.Unlock()
	b.queue.Shut()
	close(b.over)
	closed := conn.StatusChanged(nats.CLOSED)
	conn.Close()
	select {
	case <-closed:
	case <-time.After(writeTime):
	}
}

// watch tells the listener that it was deaf, whenever the connection is there anew: once the server knows again what is followed.
func (b *Bus) watch(ctx context.Context, conn *nats.Conn, listener ports.Listener) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.back:
			b.queue.Open()
			if err := flush(ctx, conn); err != nil {
				continue // it is gone again, and will be back
			}
		case <-b.deaf:
		}
		listener.Deaf()
	}
}

// flush returns when the server has taken all that was asked of it.
func flush(ctx context.Context, conn *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	return conn.FlushWithContext(ctx)
}

// hear tells the listener what comes.
func (b *Bus) hear(ctx context.Context, listener ports.Listener) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-b.incoming:
			p, err := notices.Parse(m.Data)
			if err != nil {
				nudge(b.deaf)
				b.cfg.OnFault(chat.Wrap(chat.Internal, err, "read what came by "+m.Subject))
				continue
			}
			p.Tell(b.self, listener)
		}
	}
}

// send publishes what was queued. The library gathers what is published at once into few writes.
func (b *Bus) send(ctx context.Context, conn *nats.Conn) {
	for {
		select {
		case <-ctx.Done():
			b.publish(conn) // the last words of a node that stops
			_ = conn.FlushTimeout(time.Second)
			return
		case <-b.queue.Wake():
			b.publish(conn)
		}
	}
}

func (b *Bus) publish(conn *nats.Conn) {
	for _, m := range b.queue.Take() {
		subject := b.cfg.Prefix + ".node"
		if m.Room != "" {
			subject = b.subject(m.Room)
		}
		if err := conn.Publish(subject, m.Packet); err != nil {
			b.cfg.OnFault(chat.Wrap(chat.Unavailable, err, "publish"))
			return
		}
	}
}

// confirm answers those who wait until the server knows what they follow: one round trip for all who wait at once.
func (b *Bus) confirm(ctx context.Context, conn *nats.Conn) {
	for {
		var waiting []chan error
		select {
		case <-ctx.Done():
			return
		case first := <-b.confirms:
			waiting = append(waiting, first)
		}
		for len(b.confirms) > 0 {
			waiting = append(waiting, <-b.confirms)
		}
		err := flush(ctx, conn)
		for _, w := range waiting {
			w <- err
		}
	}
}

// Follow implements ports.Bus.
func (b *Bus) Follow(ctx context.Context, room chat.RoomID) error {
	b.mu.Lock()
	b.followed[room] = nil
	conn := b.conn
	if conn == nil {
		b.mu.Unlock()
		return nil
	}
	err := b.subscribe(room)
	b.mu.Unlock()
	if err != nil || !conn.IsConnected() {
		return err // once it is connected, the library subscribes
	}
	done := make(chan error, 1)
	select {
	case b.confirms <- done:
	case <-b.over:
		return nil
	case <-ctx.Done():
		return waited(ctx, conn)
	}
	select {
	case err := <-done:
		if err != nil && conn.IsConnected() {
			return chat.Wrap(chat.Unavailable, err, "follow a room on NATS")
		}
		return nil
	case <-b.over:
		return nil
	case <-ctx.Done():
		return waited(ctx, conn)
	}
}

// waited is the error of who has waited for the server as long as they may, if it is there at all.
func waited(ctx context.Context, conn *nats.Conn) error {
	if !conn.IsConnected() {
		return nil
	}
	return chat.Wrap(chat.Unavailable, ctx.Err(), "follow a room on NATS")
}

// subscribe subscribes to a room's subject. b.mu is held.
func (b *Bus) subscribe(room chat.RoomID) error {
	s, err := b.conn.ChanSubscribe(b.subject(room), b.incoming)
	if err != nil {
		return chat.Wrap(chat.Unavailable, err, "subscribe")
	}
	b.followed[room] = s
	return nil
}

func (b *Bus) subject(room chat.RoomID) string {
	return b.cfg.Prefix + ".room." + strings.ReplaceAll(string(room), ".", "=")
}

// Unfollow implements ports.Bus.
func (b *Bus) Unfollow(room chat.RoomID) {
	b.mu.Lock()
	s := b.followed[room]
	delete(b.followed, room)
	b.mu.Unlock()
	if s != nil {
		_ = s.Unsubscribe() // it fails where the connection is closed for good
	}
}

// Announce implements ports.Bus.
func (b *Bus) Announce(_ context.Context, entries []chat.Entry) (err error) {
	notices.Split(b.self, entries, b.most(), func(room chat.RoomID, packet []byte) {
		if failed := b.queue.Put(notices.Message{Room: room, Packet: packet}); failed != nil {
			err = failed
		}
	})
	return err
}

// Tell implements ports.Bus.
func (b *Bus) Tell(_ context.Context, notice ports.Notice) error {
	return b.queue.Put(notices.Message{Room: notice.About(), Packet: notices.Fit(b.self, notice, b.most())})
}

// most returns how large a packet may be.
func (b *Bus) most() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil && b.conn.MaxPayload() > 0 {
		return int(min(b.conn.MaxPayload(), mostPacket))
	}
	return mostPacket
}

// Check implements ports.Checker: the server answers.
func (b *Bus) Check(ctx context.Context) error {
	b.mu.Lock()
	conn := b.conn
	b.mu.Unlock()
	if conn == nil {
		return chat.Errorf(chat.Unavailable, "the bus does not run")
	}
	if !conn.IsConnected() {
		why := conn.LastError()
		if why == nil {
			why = errors.New("not connected")
		}
		return chat.Wrap(chat.Unavailable, why, "reach NATS")
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	if err := conn.FlushWithContext(ctx); err != nil {
		return chat.Wrap(chat.Unavailable, err, "ask NATS")
	}
	return nil
}
