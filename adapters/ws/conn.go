package ws

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/ports"
)

const (
	goodbye     = time.Second // for a client to answer a close frame
	waitingStep = 16 << 10    // bytes of a write that waits, where what has gone of it cannot be seen: a TLS record
)

// conn is a client's connection after the handshake. Its session writes; its reader reads, and ends it: it alone knows when nothing
// uses the connection any more.
type conn struct {
	raw    net.Conn
	below  net.Conn // raw, or what is below its TLS
	socket *socket  // nil where a write cannot but wait: TLS, a pipe, a system without
	stall  time.Duration

	resumed chan struct{} // holds one
	wrote   atomic.Uint64 // writes that the client took something of
	watched atomic.Bool   // somebody waits for moved
	moved   chan struct{} // holds one

	once    sync.Once
	closing chan struct{} // closed by Close
	parting atomic.Bool   // the reader has nothing to wait for but closing
	timer   *time.Timer   // ends a goodbye that takes too long; nil without one; guarded by closing
}

var _ ports.Conn = (*conn)(nil)

// newConn returns the connection that stands behind one that fasthttp has hijacked, or any other.
func newConn(in net.Conn, stall time.Duration) *conn {
	c := &conn{
		raw: in, stall: stall,
		resumed: make(chan struct{}, 1), moved: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	if hijacked, ok := in.(interface{ UnsafeConn() net.Conn }); ok {
		c.raw = hijacked.UnsafeConn()
	}
	c.below = c.raw
	if secure, ok := c.raw.(*tls.Conn); ok {
		c.below = secure.NetConn()
	}
	c.socket = newSocket(c.raw)
	return c
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

// Write implements ports.Conn. Whatever the client takes renews its time; where that cannot be seen it is a step of 16 KiB.
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
	c.wrote.Add(1)
	if c.watched.Load() {
		select {
		case c.moved <- struct{}{}:
		default:
		}
	}
}

// awaitWrite waits until the client has taken something since its count of writes was since, or the connection is closing.
func (c *conn) awaitWrite(since uint64) {
	c.watched.Store(true)
	defer c.watched.Store(false)
	for c.wrote.Load() == since {
		select {
		case <-c.moved:
		case <-c.closing:
			return
		}
	}
}

// Resume implements ports.Conn.
func (c *conn) Resume() {
	select {
	case c.resumed <- struct{}{}:
	default:
	}
}

// Close implements ports.Conn.
func (c *conn) Close(reason ports.CloseReason) {
	c.once.Do(func() {
		defer close(c.closing)
		switch {
		case reason == ports.CloseSlow:
			// What it has not taken is dropped at once, and not kept by the system for minutes.
			if tcp, ok := c.below.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = c.below.Close()
		case reason != ports.CloseGone:
			c.timer = time.AfterFunc(goodbye, func() { _ = c.below.Close() })
		case !c.parting.Load():
			_ = c.below.Close()
		}
	})
}

func (c *conn) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// await waits until the session has written its last and called Close. The client has said its last too.
func (c *conn) await() {
	c.parting.Store(true)
	<-c.closing
}

// discard waits for Close and reads to no use what the client still sends, until it goes or its time is over: a connection that is
// closed with bytes unread is reset, and the client might never see the close frame.
func (c *conn) discard() {
	<-c.closing
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
	c.once.Do(func() { close(c.closing) })
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
