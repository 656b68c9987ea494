//go:build !linux

package ws

import (
	"net"

	"github.com/parley-chat/parley/ports"
)

// CanPoll reports whether connections can work without a goroutine each on this system.
const CanPoll = false

type poller struct{}

func (*Adapter) poll(net.Conn, *ports.Opening, []byte) bool  { return false }
func (*Adapter) pollDeaf(net.Conn, ports.Session) ports.Conn { return nil }
func (*poller) stop()                                        {}
