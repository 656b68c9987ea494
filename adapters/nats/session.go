package nats

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	pingEvery    = 1500 * time.Millisecond
	mostPings    = 2               // without an answer; the next ends the connection, after 3 to 4.5 seconds of silence
	writeTime    = 2 * time.Second // for a server to take what is written
	dialTime     = 2 * time.Second // and for it to say who it is
	confirmTime  = 5 * time.Second
	farewellTime = time.Second
	firstRetry   = 50 * time.Millisecond
	longestRetry = 2 * time.Second
	mostTries    = 6 // that make the pause longer
	deafEvery    = 100 * time.Millisecond
	incoming     = 64 << 10 // packets between the library and the queue: a burst outruns the goroutine that moves them by thousands
)

var errSlow = chat.Errorf(chat.Unavailable, "packets come faster than they are taken, and some are lost")

// pause returns how long to wait after so many tries.
func pause(tries int) time.Duration {
	wait := min(firstRetry<<min(max(tries-1, 0), mostTries), longestRetry)
	return wait/2 + rand.N(wait/2)
}

// session is one life of the library's connection: it reconnects by itself, but for errors that it takes for final.
type session struct {
	*Bus
	ctx    context.Context
	conn   atomic.Pointer[nats.Conn] // nil until the library has tried once
	came   chan *nats.Msg
	back   chan struct{} // holds one: it is connected, anew
	closed chan struct{} // closed once the library is done, its handlers too
	subs   map[chat.RoomID]*nats.Subscription
}

// session runs until ctx ends, or the library gives up: then it returns why.
func (b *Bus) session(ctx context.Context, listener ports.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &session{
		Bus: b, ctx: ctx, came: make(chan *nats.Msg, incoming), back: make(chan struct{}, 1), closed: make(chan struct{}),
		subs: map[chat.RoomID]*nats.Subscription{},
	}
	b.enter()
	defer b.disconnected(nil)
	o := s.options()
	if b.creds != "" {
		if err := nats.UserCredentials(b.creds)(&o); err != nil {
			return err
		}
	}
	conn, err := o.Connect()
	if err != nil {
		return err
	}
	s.conn.Store(conn)
	if _, err = conn.ChanSubscribe(b.subject(""), s.came); err == nil {
		var wg sync.WaitGroup
		wg.Go(s.take)
		wg.Go(func() { s.send(conn) })
		wg.Go(func() { s.tend(ctx, conn, listener) })
		select {
		case <-ctx.Done():
		case <-s.closed:
			err = conn.LastError()
		}
		stop()
		wg.Wait()
	}
	conn.Close()
	<-s.closed
	if err == nil {
		err = nats.ErrConnectionClosed
	}
	return err
}

// enter begins with what is followed.
func (b *Bus) enter() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wishes = nil
	for room := range b.followed {
		b.wishFor(wish{room: room, follow: true})
	}
}

// options is how the connection is kept. The handlers are called one after the other.
func (s *session) options() nats.Options {
	o := s.connection
	o.Name, o.NoEcho = s.cfg.Name, true
	o.RetryOnFailedConnect, o.MaxReconnect, o.IgnoreAuthErrorAbort, o.ReconnectOnFlusherError = true, -1, true, true
	o.ReconnectBufSize = -1 // what is told to nobody is stale once somebody is there
	o.CustomDialer, o.SkipHostLookup = dialer{s.ctx}, true
	o.Timeout, o.FlusherTimeout, o.PingInterval, o.MaxPingsOut = dialTime, writeTime, pingEvery, mostPings
	o.CustomReconnectDelayCB = func(tries int) time.Duration {
		if conn := s.conn.Load(); conn != nil && conn.LastError() != nil {
			s.because(conn.LastError()) // not all that fails has a handler
		}
		return pause(tries)
	}
	o.ConnectedCB, o.ReconnectedCB = s.connected, s.connected
	o.ReconnectErrCB = func(_ *nats.Conn, err error) { s.because(err) }
	o.DisconnectedErrCB = func(_ *nats.Conn, err error) { s.disconnected(err) }
	o.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { s.failed(err) }
	o.ClosedCB = func(*nats.Conn) { close(s.closed) }
	return o
}

// dialer connects until its context ends. It looks names up itself, as the library would without a limit of time.
type dialer struct{ ctx context.Context }

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: dialTime}).DialContext(d.ctx, network, address)
}

func (s *session) connected(conn *nats.Conn) {
	l := &link{most: mostPacket}
	if limit := conn.MaxPayload(); limit > 0 {
		l.most = int(min(limit, mostPacket))
	}
	l.ctx, l.cut = context.WithCancel(s.ctx)
	s.mu.Lock()
	s.link, s.why = l, nil
	s.mu.Unlock()
	s.out.Open()
	nudge(s.back)
}

func (b *Bus) disconnected(why error) {
	b.out.Shut()
	b.mu.Lock()
	if b.link != nil {
		b.link.cut()
		b.link, b.why = nil, nil
	}
	b.mu.Unlock()
	if why != nil {
		b.because(why)
	}
}

// failed hears what the library has no other handler for.
func (s *session) failed(err error) {
	switch {
	case errors.Is(err, nats.ErrSlowConsumer):
		s.miss(errSlow)
		return
	case errors.Is(err, nats.ErrPermissionViolation):
		s.mu.Lock()
		if s.link != nil {
			s.link.refused = err
		}
		s.mu.Unlock()
	}
	s.because(err)
}

// take moves what comes to the queue, which is bounded in bytes.
func (s *session) take() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case m := <-s.came:
			err := s.in.Put(notices.Message{Packet: m.Data})
			// The library tells of the first message only that it lost for want of room here, by subscription.
			if err != nil || len(s.came) >= cap(s.came)-1 {
				s.miss(errSlow)
			}
		}
	}
}

// send publishes what was queued. The library gathers what is published at once into few writes.
func (s *session) send(conn *nats.Conn) {
	for {
		select {
		case <-s.ctx.Done():
			s.publish(conn) // the last words of a node that stops
			if s.current() != nil {
				_ = conn.FlushTimeout(farewellTime)
			}
			return
		case <-s.out.Wake():
			s.publish(conn)
		}
	}
}

func (s *session) publish(conn *nats.Conn) {
	for _, m := range s.out.Take() {
		err := conn.Publish(s.subject(m.Room), m.Packet)
		switch {
		case err == nil:
		case errors.Is(err, nats.ErrMaxPayload): // that of another server, by now
			s.cfg.OnFault(chat.Wrap(chat.Internal, err, "publish"))
		default:
			return // it is not connected, and what waits is stale
		}
	}
}

// tend carries out what is wished, and tells the listener that it was deaf whenever the connection is there anew: once the server knows
// again what is followed.
func (s *session) tend(ctx context.Context, conn *nats.Conn, listener ports.Listener) {
	for {
		back := false
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-s.back:
			back = true
		}
		waiting := s.carryOut(conn)
		if len(waiting) == 0 && !back {
			continue
		}
		err := s.confirm(ctx, conn) // one round trip for all who wait
		for _, done := range waiting {
			done <- err
		}
		switch {
		case !back:
		case err == nil:
			listener.Deaf()
		case s.current() != nil:
			nudge(s.back)
		}
	}
}

// carryOut carries the wishes out and returns those who wait for the server to have done it.
func (s *session) carryOut(conn *nats.Conn) (waiting []chan error) {
	for _, w := range s.takeWishes() {
		var err error
		sub := s.subs[w.room]
		switch {
		case w.room == "":
		case w.follow && sub == nil:
			if sub, err = conn.ChanSubscribe(s.subject(w.room), s.came); err == nil {
				s.subs[w.room] = sub
			}
		case !w.follow && sub != nil:
			_ = sub.Unsubscribe() // it fails where the connection is closed for good
			delete(s.subs, w.room)
		}
		switch {
		case w.done == nil:
		case err != nil:
			w.done <- err
		default:
			waiting = append(waiting, w.done)
		}
	}
	return waiting
}

// confirm returns when the server has taken all that was asked of it, or the connection is gone.
func (s *session) confirm(ctx context.Context, conn *nats.Conn) error {
	l := s.current()
	if l == nil {
		return nats.ErrConnectionClosed
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	stop := context.AfterFunc(l.ctx, cancel) //nolint:contextcheck // the connection has an end of its own
	defer stop()
	return conn.FlushWithContext(ctx)
}
