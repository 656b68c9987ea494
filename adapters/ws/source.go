package ws

import (
	"net"
	"sync"
)

// readBytes is the size of a read: several frames of typed text.
const readBytes = 4 << 10

// readBuffers lends buffers for reads.
var readBuffers = sync.Pool{New: func() any { b := make([]byte, readBytes); return &b }}

// source is where a client's bytes come from.
type source interface {
	// next waits for bytes. The caller owns them, and may change them, until the next call of next
	// or release.
	next() ([]byte, error)
	// release gives back the memory that next returned.
	release()
}

func newSource(c *conn) source {
	if c.socket != nil {
		return c.socket
	}
	return &stream{conn: c.raw}
}

// stream reads a connection that cannot tell whether there is something to read: it holds a buffer
// while it waits.
type stream struct {
	conn net.Conn
	lent *[]byte
}

func (s *stream) next() ([]byte, error) {
	if s.lent == nil {
		s.lent = readBuffers.Get().(*[]byte)
	}
	n, err := s.conn.Read(*s.lent)
	return (*s.lent)[:n], err
}

func (s *stream) release() {
	if s.lent != nil {
		readBuffers.Put(s.lent)
		s.lent = nil
	}
}
