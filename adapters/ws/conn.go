package ws

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/ports"
)

const (
	goodbye     = time.Second     // for a client to answer a close frame
	lastAnswers = 2 * time.Second // for one that sends no more to take what it asked for
	waitingStep = 16 << 10        // bytes of a write that waits, where what has gone of it cannot be seen: a TLS record
)

// conn is a client's connection after the handshake, with a goroutine that reads it. Its session
// writes; its goroutine ends it: that alone knows when nothing uses the connection any more.
type conn struct {
	debt

	raw    net.Conn
	socket *socket // nil where a write cannot but wait: TLS, a pipe, a system without
	stall  time.Duration

	wake    chan struct{} // holds one, for the reading goroutine: one of these, or the debt, is to be looked at anew
	resumed atomic.Bool
	closing atomic.Bool // Close was called

	once    sync.Once
	timer   *time.Timer // ends a goodbye that takes too long; nil without one; written before closing
	parting atomic.Bool // there is nothing to wait for but closing
}

var (
	_ ports.Conn = (*conn)(nil)
	_ line       = (*conn)(nil)
)

func newConn(raw net.Conn, stall time.Duration) *conn {
	return &conn{raw: raw, socket: newSocket(raw), stall: stall, wake: make(chan struct{}, 1)}
}

// below returns the connection, or the one below its TLS.
func (c *conn) below() net.Conn {
	if secure, ok := c.raw.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return c.raw
}

// TryWrite implements ports.Conn.
func (c *conn) TryWrite(p []byte) (int, error) {
	if c.socket == nil {
		return 0, nil
	}
	n, err := c.socket.tryWrite(p)
	if n > 0 {
		c.progress()
	}
	return n, err
}

// Write implements ports.Conn. Whatever the client takes renews its time; where that cannot be seen
// it is a step of 16 KiB.
func (c *conn) Write(p []byte) error {
	defer c.raw.SetWriteDeadline(time.Time{}) //nolint:errcheck // a connection that is gone tells the next write
	for len(p) > 0 {
		if err := c.raw.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return err
		}
		n, err := c.writeSome(p)
		switch {
		case isTimeout(err):
			return ports.ErrSlow
		case err != nil:
			return err
		}
		p = p[n:]
		c.progress()
	}
	return nil
}

func (c *conn) writeSome(p []byte) (int, error) {
	if c.socket != nil {
		return c.socket.write(p)
	}
	return c.raw.Write(p[:min(len(p), waitingStep)])
}

func (c *conn) progress() {
	if c.pay() {
		c.nudge()
	}
}

// Resume implements ports.Conn.
func (c *conn) Resume() {
	c.resumed.Store(true)
	c.nudge()
}

func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Close implements ports.Conn.
func (c *conn) Close(reason ports.CloseReason) {
	c.once.Do(func() {
		below := c.below()
		switch {
		case reason == ports.CloseSlow:
			// What it has not taken is dropped at once, and not kept by the system for minutes.
			if tcp, ok := below.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = below.Close()
		case reason != ports.CloseGone:
			c.timer = time.AfterFunc(goodbye, func() { _ = below.Close() })
		case !c.parting.Load():
			_ = below.Close()
		}
		c.closing.Store(true)
		c.nudge()
	})
}

// read is the connection's life: it brings r what the client sends, beginning with what came early,
// until one of them or the session ends it.
func (c *conn) read(r *reader, early []byte) {
	from := newSource(c)
	defer from.release()
	defer func() {
		if v := recover(); v != nil {
			r.panicked(v)
			c.discard()
		}
	}()
	c.feed(r, early)
	var late *time.Timer // ends a client that sends no more and does not take its answers
	for !r.ended {
		data, err := from.next()
		if len(data) > 0 {
			c.feed(r, data)
			from.release()
		}
		switch {
		case r.ended:
		case isTimeout(err) && !c.closing.Load():
			r.expire()
		case errors.Is(err, io.EOF) && !c.closing.Load():
			r.hangUp()
			late = time.AfterFunc(lastAnswers, func() { _ = c.below().Close() })
		case err != nil:
			return
		}
	}
	if r.parting {
		c.parting.Store(true)
		c.await(func() bool { return false })
		if late != nil {
			late.Stop()
		}
	} else {
		c.discard()
	}
}

// feed gives data to r, and waits whenever that wants no more for now.
func (c *conn) feed(r *reader, data []byte) {
	if len(data) == 0 {
		return
	}
	for rest := r.hear(data); r.hold != holdNone; rest = r.proceed(rest) {
		freed := func() bool { return c.resumed.Swap(false) }
		if r.hold == holdPongs {
			freed = func() bool { return !c.tooMany() }
		}
		if !c.await(freed) {
			r.ended = true
			return
		}
	}
}

// await waits until what it waits for has happened; false when the connection is closing.
func (c *conn) await(happened func() bool) bool {
	for !c.closing.Load() {
		if happened() {
			return true
		}
		<-c.wake
	}
	return false
}

// wakeBy implements line.
func (c *conn) wakeBy(due time.Time) { _ = c.raw.SetReadDeadline(due) }

// discard waits for Close and reads to no use what the client still sends, until it goes or its
// time is over: a connection that is closed with bytes unread is reset, and the client might never
// see the close frame.
func (c *conn) discard() {
	c.await(func() bool { return false })
	if c.timer == nil {
		return // it is closed
	}
	if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.raw.SetReadDeadline(time.Time{})
	lent := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(lent)
	for {
		if _, err := c.raw.Read(*lent); err != nil {
			return
		}
	}
}

// end closes the connection. Nothing uses it any more.
func (c *conn) end() {
	c.once.Do(func() { c.closing.Store(true) })
	_ = c.raw.Close()
	if c.timer != nil {
		c.timer.Stop()
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && e.Timeout()
}
