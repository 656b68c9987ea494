package ws

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/ports"
)

// goodbye is how long a client has to answer a close frame.
const goodbye = time.Second

// conn is a client's connection after the handshake. Its session writes, the handler's goroutine reads.
type conn struct {
	raw   net.Conn  // the connection itself
	in    net.Conn  // the same, with what came along with the handshake in front
	try   tryWriter // nil where a write cannot but wait
	stall time.Duration

	resumed chan struct{} // holds one
	closing chan struct{} // closed by Close
	once    sync.Once
	dead    atomic.Bool // raw is closed, or about to be
}

var _ ports.Conn = (*conn)(nil)

// tryWriter writes what goes without waiting.
type tryWriter interface {
	tryWrite(p []byte) (int, error)
}

func newConn(in net.Conn, stall time.Duration) *conn {
	c := &conn{raw: in, in: in, stall: stall, resumed: make(chan struct{}, 1), closing: make(chan struct{})}
	if hijacked, ok := in.(interface{ UnsafeConn() net.Conn }); ok {
		c.raw = hijacked.UnsafeConn()
	}
	c.try = newTryWriter(c.raw)
	return c
}

// TryWrite implements ports.Conn.
func (c *conn) TryWrite(p []byte) (int, error) {
	if c.try == nil {
		return 0, nil
	}
	return c.try.tryWrite(p)
}

// Write implements ports.Conn. Each write of the system renews the client's time.
func (c *conn) Write(p []byte) error {
	defer c.raw.SetWriteDeadline(time.Time{}) //nolint:errcheck // a connection that is gone tells the next write
	for len(p) > 0 {
		if err := c.raw.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return err
		}
		n, err := c.raw.Write(p)
		p = p[n:]
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n == 0:
			return ports.ErrSlow
		}
	}
	return nil
}

// Resume implements ports.Conn.
func (c *conn) Resume() {
	select {
	case c.resumed <- struct{}{}:
	default:
	}
}

// Close implements ports.Conn. The reader ends the connection: it alone knows when nothing uses it any more.
func (c *conn) Close(reason ports.CloseReason) {
	c.once.Do(func() {
		close(c.closing)
		if reason != ports.CloseGone && reason != ports.CloseSlow {
			_ = c.raw.SetReadDeadline(time.Now().Add(goodbye))
			return
		}
		c.dead.Store(true)
		_ = c.raw.Close()
	})
}
