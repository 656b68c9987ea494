package httpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// lingerTime is how long bytes are read and dropped from a connection that the server ends.
const lingerTime = 2 * time.Second

// conn is a client's connection during HTTP. Who takes it for something else uses the connection
// that Unwrap returns.
type conn struct {
	net.Conn
	given   atomic.Bool // the connection below is somebody else's
	lingers atomic.Bool
	// Origin of the current request, if it was seen; for requests that cannot be parsed.
	origin string
}

// Unwrap returns the underlying connection, which the caller closes: Close does nothing any more.
func (c *conn) Unwrap() net.Conn {
	c.given.Store(true)
	return c.Conn
}

// Read looks for the origin: if a request's headers are too large, there is no other way to find
// it. After Unwrap it returns at once, so that the server's buffer can be emptied.
func (c *conn) Read(p []byte) (int, error) {
	if c.given.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := c.Conn.Read(p)
	if origin := originIn(p[:n]); origin != nil {
		c.origin = string(origin)
	}
	return n, err
}

// Write forgets the origin, because the next bytes belong to another request.
func (c *conn) Write(p []byte) (int, error) {
	c.origin = ""
	return c.Conn.Write(p)
}

// Close closes the connection. After linger, it first waits until the client has the answer: a
// connection that is closed with unread bytes is reset, and the answer is lost (RFC 9112, 9.6).
func (c *conn) Close() error {
	if c.given.Load() {
		return nil
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers.Swap(false) && half.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return c.Conn.Close()
}

// originIn returns the value of an Origin header in a part of a request, or nil. It finds names in
// lower case or with a capital, as programs write them.
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

// secureConn is a conn with TLS, with the methods that the server looks for.
type secureConn struct {
	*conn
	tls *tls.Conn
}

// Handshake makes the TLS handshake for the server.
func (c *secureConn) Handshake() error { return c.tls.HandshakeContext(context.Background()) }

// ConnectionState shows the server that this is TLS.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// wrapping is a listener whose connections are conns.
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

// linger makes Close wait until the client has the last answer, whatever the client still sends.
func linger(c net.Conn) {
	switch c := c.(type) {
	case *conn:
		c.lingers.Store(true)
	case *secureConn:
		c.lingers.Store(true)
	}
}

// seenOrigin returns the origin of a request that could not be parsed, if it was seen.
func seenOrigin(c net.Conn) string {
	switch c := c.(type) {
	case *conn:
		return c.origin
	case *secureConn:
		return c.origin
	}
	return ""
}
