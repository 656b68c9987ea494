package nats

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/core/chat"
)

var errSlow = chat.Errorf(chat.Unavailable,
	"packets come faster than they are taken, and some are lost")

// conn is one connection of the library.
type conn struct {
	*driver
	events bus.Events
	lib    *nats.Conn
	subs   map[chat.RoomID]*nats.Subscription

	came    chan *nats.Msg
	moving  sync.WaitGroup
	in      *bus.Queue    // received packets, bounded in bytes
	taken   []bus.Message // taken from in
	done    chan struct{} // closed when the library and its handlers are done
	closing chan struct{}
	silent  bool // the server did not answer
}

// optionsFor returns the options of a connection. The library calls the handlers one after the
// other.
func (c *conn) optionsFor(to server, dial nats.CustomDialer) (nats.Options, error) {
	o := c.options
	o.Servers = []string{to.url.String()}
	o.Name, o.NoEcho = c.cfg.Name, true
	o.AllowReconnect = false
	o.ReconnectOnFlusherError = true // a failed write ends the connection
	o.CustomDialer, o.SkipHostLookup = dial, true
	o.Timeout, o.FlusherTimeout = dialTime, writeTime
	o.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { c.failed(err) }
	o.ClosedCB = func(*nats.Conn) { close(c.done) }
	if to.tlsName != "" {
		if o.TLSConfig = o.TLSConfig.Clone(); o.TLSConfig == nil {
			o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		o.TLSConfig.ServerName = to.tlsName
	}
	if c.creds != "" {
		if err := nats.UserCredentials(c.creds)(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}

// failed receives the errors that have no other handler in the library.
func (c *conn) failed(err error) {
	switch {
	case errors.Is(err, nats.ErrSlowConsumer):
		c.events.Missed(errSlow)
	case errors.Is(err, nats.ErrPermissionViolation):
		c.events.Refused(err)
	default:
		c.cfg.OnFault(chat.Wrap(chat.Unavailable, err, "NATS"))
	}
}

// move moves packets to the queue, which is bounded in bytes.
func (c *conn) move() {
	for {
		select {
		case <-c.closing:
			return
		case m := <-c.came:
			err := c.in.Put(bus.Message{Packet: m.Data})
			// If this channel is full, the library reports only the first message that it loses,
			// for each subscription.
			if err != nil || len(c.came) >= cap(c.came)-1 {
				c.events.Missed(errSlow)
			}
		}
	}
}

// Receive implements bus.Conn.
func (c *conn) Receive(ctx context.Context) ([]byte, error) {
	for len(c.taken) == 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.done:
			return nil, c.why(nats.ErrConnectionClosed)
		case <-c.in.Wake():
			c.taken = c.in.Take()
		}
	}
	packet := c.taken[0].Packet
	c.taken = c.taken[1:]
	return packet, nil
}

// why returns err, or its cause if the connection is closed.
func (c *conn) why(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) {
		return cmp.Or(c.lib.LastError(), err)
	}
	return err
}

// Subscribe implements bus.Conn.
func (c *conn) Subscribe(ctx context.Context, rooms []chat.RoomID) error {
	for _, room := range rooms {
		sub, err := c.lib.ChanSubscribe(c.subject(room), c.came)
		if err != nil {
			return c.why(err)
		}
		c.subs[room] = sub
	}
	return c.Ping(ctx)
}

// Unsubscribe implements bus.Conn.
func (c *conn) Unsubscribe(_ context.Context, rooms []chat.RoomID) error {
	for _, room := range rooms {
		_ = c.subs[room].Unsubscribe() // it fails if the connection is closed
		delete(c.subs, room)
	}
	return nil
}

// Ping implements bus.Conn.
func (c *conn) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTime) // the library requires a deadline
	defer cancel()
	err := c.lib.FlushWithContext(ctx)
	c.silent = err != nil
	return c.why(err)
}

// Publish implements bus.Conn. The library combines messages that are published together into few
// writes.
func (c *conn) Publish(_ context.Context, messages []bus.Message) error {
	for _, m := range messages {
		err := c.lib.Publish(c.subject(m.Room), m.Packet)
		switch {
		case err == nil:
		case errors.Is(err, nats.ErrMaxPayload): // the limit of the last server was higher
			c.cfg.OnFault(chat.Wrap(chat.Internal, err, "publish"))
		default:
			return c.why(err)
		}
	}
	return nil
}

// Close implements bus.Conn.
func (c *conn) Close() {
	if !c.silent {
		_ = c.lib.FlushTimeout(farewellTime)
	}
	c.learn(c.lib.DiscoveredServers())
	c.lib.Close()
	<-c.done
	close(c.closing)
	c.moving.Wait()
}
