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
	goodbye = time.Second // how long a client may take to answer a close frame
	// How long a client that sends no more may take to read its answers.
	lastAnswers = 2 * time.Second
	// Bytes of a step of a blocking write whose progress is not visible: a TLS record.
	waitingStep = 16 << 10
)

// conn is a client's connection after the handshake, with a goroutine that reads it. Its session
// writes. Its goroutine closes the file, because only the goroutine knows when nothing uses it any
// more.
type conn struct {
	debt

	raw    net.Conn
	socket *socket // nil if every write may block: TLS, a pipe, systems without support
	stall  time.Duration

	// Of capacity one; wakes the reading goroutine when one of these, or the debt, changed.
	wake    chan struct{}
	resumed atomic.Bool
	closing atomic.Bool // Close was called

	once sync.Once
	// Ends a goodbye that takes too long; nil: no goodbye; written before closing.
	timer   *time.Timer
	parting atomic.Bool // only closing is waited for
}

var (
	_ ports.Conn = (*conn)(nil)
	_ line       = (*conn)(nil)
)

func newConn(raw net.Conn, stall time.Duration) *conn {
	return &conn{raw: raw, socket: newSocket(raw), stall: stall, wake: make(chan struct{}, 1)}
}

func (c *conn) below() net.Conn { return below(c.raw) }

// below returns the connection, or with TLS the one below it.
func below(raw net.Conn) net.Conn {
	if secure, ok := raw.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return raw
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

// Write implements ports.Conn. Each progress of the client renews its time. If progress is not
// visible, a step of 16 KiB counts as progress.
func (c *conn) Write(p []byte) error {
	defer c.raw.SetWriteDeadline(time.Time{}) //nolint:errcheck // on a dead connection the next write fails
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
			// Unsent data is dropped at once. Otherwise the system would keep it for minutes.
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

// read passes what the client sends to r, first the bytes that came early, until the client, r or
// the session ends the connection.
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
	// Ends the wait for a client that sends no more and does not read its answers.
	var late *time.Timer
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

// feed gives data to r, and waits whenever r is on hold.
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

// await waits until happened returns true; it returns false if the connection is closing.
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

// discard waits for Close, and reads and drops what the client still sends, until the client goes
// or its time is over. A connection that is closed with unread bytes is reset, and the client might
// not see the close frame.
func (c *conn) discard() {
	c.await(func() bool { return false })
	if c.timer == nil {
		return // it is closed already
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

// end closes the connection. Nothing may use it after that.
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
