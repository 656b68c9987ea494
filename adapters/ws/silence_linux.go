package ws

import (
	"net"
	"syscall"
	"time"
)

// giveUpAfter makes the system end the connection when data is not acknowledged for that long
// (TCP_USER_TIMEOUT, tcp(7)).
func giveUpAfter(tcp *net.TCPConn, d time.Duration) {
	const userTimeout = 0x12 // of package syscall on no system
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, int(d.Milliseconds()))
		})
	}
}
