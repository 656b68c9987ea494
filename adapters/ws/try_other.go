//go:build !unix

package ws

import "net"

// newTryWriter has nothing to offer here: every write may wait.
func newTryWriter(net.Conn) tryWriter { return nil }
