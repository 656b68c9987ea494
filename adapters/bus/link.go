package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	pingEvery  = 1500 * time.Millisecond
	answerTime = 3 * time.Second // how long the server may take to answer
)

// link keeps a group connected, by one connection after the other.
type link struct {
	*Bus
	group    int
	wake     chan struct{} // holds one; there is a request for the server
	received atomic.Uint64 // number of packets

	// Used by serve and its callees: rooms that this connection has subscribed to.
	asked map[chat.RoomID]struct{}

	// Guarded by Bus.mu.
	gone    <-chan struct{} // closed when the connection has ended; nil if there is none
	why     error           // why it is not up; nil: it is up
	refused error           // error of what the server does not allow
	changed []chat.RoomID   // rooms that were followed or unfollowed since the last request
	waiting []chan struct{} // calls of Follow that wait for the server
	checks  []chan struct{} // calls of Check that wait for the server
}

// serve keeps one connection until it breaks or ctx ends.
func (l *link) serve(ctx context.Context, listener ports.Listener) error {
	l.begin()
	conn, err := l.driver.Dial(ctx, l.group, l)
	if err != nil {
		l.ended(err)
		return err
	}
	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	var receiving, sending sync.WaitGroup
	receiving.Go(func() { end(l.receive(life, conn, listener)) })
	l.dialled(life.Done())
	if err = l.ask(life, conn, true); err == nil {
		l.up()
		if l.group == 0 || len(l.asked) > 0 {
			listener.Deaf()
		}
		if l.group == 0 {
			sending.Go(func() { end(l.send(ctx, life, conn)) })
		}
		err = l.tend(life, conn)
	}
	end(err)
	err = context.Cause(life) // the first of several errors
	l.ended(err)
	sending.Wait()
	conn.Close()
	receiving.Wait()
	return err
}

// begin clears the error of what the last connection was not allowed.
func (l *link) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = nil
}

// dialled records a new connection, which must subscribe to all followed rooms.
func (l *link) dialled(gone <-chan struct{}) {
	l.asked = map[chat.RoomID]struct{}{}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = gone
	l.changed, l.waiting, l.checks = nil, nil, nil
	for room := range l.followed {
		if l.driver.Group(room) == l.group {
			l.changed = append(l.changed, room)
		}
	}
}

// up records that the connection has subscribed to all followed rooms.
func (l *link) up() {
	if l.group == 0 {
		l.cfg.Outbox.Take() // messages left by the last connection are stale
		l.open.Store(true)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.why = nil
}

// ended records that there is no connection.
func (l *link) ended(why error) {
	if l.group == 0 {
		l.open.Store(false)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone, l.why = nil, why
}

// tend passes changes to the server, and pings it regularly.
func (l *link) tend(ctx context.Context, conn Conn) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		ping := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.wake:
		case <-tick.C:
			ping = true
		}
		if err := l.ask(ctx, conn, ping); err != nil {
			return err
		}
	}
}

// ask passes the changes to the server, and pings it if ping is set or a check waits: once for all
// that wait.
func (l *link) ask(ctx context.Context, conn Conn, ping bool) (err error) {
	on, off, waiting, checks := l.changes()
	if len(on) > 0 {
		err = l.await(ctx, func(ctx context.Context) error { return conn.Subscribe(ctx, on) })
	}
	if len(off) > 0 && err == nil {
		err = conn.Unsubscribe(ctx, off)
	}
	if (ping || len(checks) > 0) && err == nil {
		err = l.await(ctx, conn.Ping)
	}
	if err != nil {
		return err // waiting calls see that the connection is gone
	}
	for _, done := range append(waiting, checks...) {
		close(done)
	}
	return nil
}

// changes returns the rooms to subscribe to and to unsubscribe from, and the calls that wait.
func (l *link) changes() (on, off []chat.RoomID, waiting, checks []chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, room := range l.changed {
		_, wanted := l.followed[room]
		_, asked := l.asked[room]
		switch {
		case wanted && !asked:
			l.asked[room] = struct{}{}
			on = append(on, room)
		case !wanted && asked:
			delete(l.asked, room)
			off = append(off, room)
		}
	}
	waiting, checks = l.waiting, l.checks
	l.changed, l.waiting, l.checks = nil, nil, nil
	return on, off, waiting, checks
}

// await calls question, which waits for the server. It fails if nothing at all is received for
// answerTime.
func (l *link) await(ctx context.Context, question func(context.Context) error) error {
	const steps = 3
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan error, 1)
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { answer <- question(ctx) })
	before := l.received.Load()
	for silent := 0; silent < steps; silent++ {
		select {
		case err := <-answer:
			return err
		case <-time.After(answerTime / steps):
		}
		if now := l.received.Load(); now != before { // it sends other packets before the answer
			before, silent = now, -1
		}
	}
	cancel()
	if err := <-answer; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s does not answer", l.cfg.Server)
}

// receive passes packets to the listener.
func (l *link) receive(ctx context.Context, conn Conn, listener ports.Listener) error {
	for {
		packet, err := conn.Receive(ctx)
		if err != nil {
			return err
		}
		l.received.Add(1)
		p, err := notices.Parse(packet)
		if err != nil {
			l.Missed(chat.Wrap(chat.Internal, err, "read a packet from "+l.cfg.Server))
			continue
		}
		l.keepFollowed(&p)
		p.Tell(l.cfg.Place, listener)
	}
}

// keepFollowed drops heads, signals and presences of rooms that this node does not follow: not all
// servers filter them. Servers of buses that carry entries do.
func (b *Bus) keepFollowed(p *notices.Packet) {
	ofRoom := p.Notice != nil && p.Notice.About() != ""
	if len(p.Heads) == 0 && !ofRoom {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	stranger := func(room chat.RoomID) bool { _, followed := b.followed[room]; return !followed }
	p.Heads = slices.DeleteFunc(p.Heads, func(h notices.Head) bool { return stranger(h.Room) })
	if ofRoom && stranger(p.Notice.About()) {
		p.Notice = nil
	}
}

// send publishes messages until the connection breaks or ctx ends.
func (l *link) send(ctx, life context.Context, conn Conn) error {
	for {
		select {
		case <-l.cfg.Outbox.Wake():
			if err := conn.Publish(life, l.cfg.Outbox.Take()); err != nil {
				return err
			}
		case <-life.Done():
			if ctx.Err() == nil {
				return nil
			}
			// The last messages of a node that stops.
			return conn.Publish(context.WithoutCancel(ctx), l.cfg.Outbox.Take())
		}
	}
}

// Missed implements Events.
func (l *link) Missed(why error) { l.miss(why) }

// Refused implements Events.
func (l *link) Refused(why error) {
	l.mu.Lock()
	l.refused = why
	l.mu.Unlock()
	l.cfg.OnFault(l.unreached(why))
}
