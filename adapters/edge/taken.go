package edge

import (
	"net"

	"github.com/gofiber/fiber/v2"
)

// given is a connection that can be taken from the HTTP server. Unwrap returns the connection below
// it, which belongs to the caller from then on: Close of this one does nothing any more, and Read
// fails at once, as if its deadline had passed.
type given interface{ Unwrap() net.Conn }

// Keeps reports whether a request's connection stays open when it is taken from the HTTP server.
// With KeepHijackedConns any connection does, but then the server loses the buffer of each.
func Keeps(c *fiber.Ctx) bool {
	_, is := c.Context().Conn().(given)
	return is || c.App().Server().KeepHijackedConns
}

// Take returns the connection below those of the HTTP server, which the caller closes. If dry is
// true, reading from in does not wait: it returns what the server has read already.
func Take(in net.Conn) (raw net.Conn, dry bool) {
	if hijacked, ok := in.(interface{ UnsafeConn() net.Conn }); ok {
		in = hijacked.UnsafeConn()
	}
	if wrapped, ok := in.(given); ok {
		return wrapped.Unwrap(), true
	}
	return in, false
}
