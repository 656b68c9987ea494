package httpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// lingerTime is how long a connection that we end is read to no use for.
const lingerTime = 2 * time.Second

// conn is a client's connection while it speaks HTTP. What takes it over for something else takes
// what Unwrap returns.
type conn struct {
	net.Conn
	lingers atomic.Bool
	origin  string // of the page that a request comes from, where it was seen; for requests that cannot be read
}

// Unwrap returns the connection itself.
func (c *conn) Unwrap() net.Conn { return c.Conn }

// Read looks out for the origin: of a request whose headers are too large, nothing else tells it.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if origin := originIn(p[:n]); origin != nil {
		c.origin = string(origin)
	}
	return n, err
}

// Write answers a request: what comes next is another's.
func (c *conn) Write(p []byte) (int, error) {
	c.origin = ""
	return c.Conn.Write(p)
}

// Close closes the connection; after linger, once its client has heard the answer: a connection
// that is closed with bytes unread is reset, and the answer is lost with it (RFC 9112, 9.6).
func (c *conn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers.Swap(false) && half.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return c.Conn.Close()
}

// originIn returns the value of an Origin header that stands in a part of a request, or nil. Names
// of headers that programs write come in lower case or with a capital.
func originIn(b []byte) []byte {
	const name = "rigin:"
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(name))
		if i < 0 {
			return nil
		}
		i += at
		at = i + len(name)
		if i < 2 || b[i-1]|0x20 != 'o' || b[i-2] != '\n' {
			continue
		}
		value, _, whole := bytes.Cut(b[at:], []byte("\n"))
		if whole {
			return bytes.TrimSpace(value)
		}
	}
}

// secureConn is a conn by TLS, which the server asks for.
type secureConn struct {
	*conn
	tls *tls.Conn
}

// Handshake lets the server make it.
func (c *secureConn) Handshake() error { return c.tls.HandshakeContext(context.Background()) }

// ConnectionState tells the server that this is TLS.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// wrapping is a listener whose connections are ours.
type wrapping struct{ net.Listener }

// Accept returns the next connection.
func (l wrapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if secure, ok := c.(*tls.Conn); ok {
		return &secureConn{&conn{Conn: c}, secure}, nil
	}
	return &conn{Conn: c}, nil
}

// linger has a connection of ours closed so that its client hears the last answer, whatever it
// still sends.
func linger(c net.Conn) {
	switch c := c.(type) {
	case *conn:
		c.lingers.Store(true)
	case *secureConn:
		c.lingers.Store(true)
	}
}

// seenOrigin returns the origin of a request that could not be read, if it was seen.
func seenOrigin(c net.Conn) string {
	switch c := c.(type) {
	case *conn:
		return c.origin
	case *secureConn:
		return c.origin
	}
	return ""
}
