//go:build !unix

package ws

import "net"

// socket has no non-blocking calls on this system: every write may block.
type socket struct{ stream }

func newSocket(net.Conn) *socket { return nil }

func (*socket) tryWrite([]byte) (int, error) { return 0, nil }
func (*socket) write([]byte) (int, error)    { return 0, net.ErrClosed }
