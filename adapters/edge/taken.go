package edge

import (
	"net"

	"github.com/gofiber/fiber/v2"
)

// given is a connection of a listener that knows which connections outlive their requests: who
// unwraps it has the connection below for their own, and Close of this one does nothing any more.
type given interface{ Unwrap() net.Conn }

// Keeps reports whether the HTTP server leaves a request's connection to whoever takes it. With
// KeepHijackedConns it does so too, but then it drops the buffer of each.
func Keeps(c *fiber.Ctx) bool {
	_, is := c.Context().Conn().(given)
	return is || c.App().Server().KeepHijackedConns
}

// Take returns the connection below those of the HTTP server, which the caller closes.
func Take(in net.Conn) net.Conn {
	if hijacked, ok := in.(interface{ UnsafeConn() net.Conn }); ok {
		in = hijacked.UnsafeConn()
	}
	if wrapped, ok := in.(given); ok {
		in = wrapped.Unwrap()
	}
	return in
}
