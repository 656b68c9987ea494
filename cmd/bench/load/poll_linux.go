package load

import "golang.org/x/sys/unix"

// poller reports which sockets are ready (level-triggered).
type poller struct {
	fd     int
	events []unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &poller{fd: fd, events: make([]unix.EpollEvent, 1024)}, err
}

func (p *poller) close() { _ = unix.Close(p.fd) }

// set sets the events to report of a socket; added says whether it was called for the socket
// before.
func (p *poller) set(fd int, read, write, added bool) error {
	e := unix.EpollEvent{Fd: int32(fd)}
	if read {
		e.Events |= unix.EPOLLIN
	}
	if write {
		e.Events |= unix.EPOLLOUT
	}
	op := unix.EPOLL_CTL_MOD
	if !added {
		op = unix.EPOLL_CTL_ADD
	}
	return unix.EpollCtl(p.fd, op, fd, &e)
}

// wait waits at most ms milliseconds (-1: without limit), and calls ready for each ready socket.
func (p *poller) wait(ms int, ready func(fd int, read, write bool)) error {
	n, err := unix.EpollWait(p.fd, p.events, ms)
	if err == unix.EINTR {
		return nil
	}
	for _, e := range p.events[:max(n, 0)] {
		gone := e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0
		ready(int(e.Fd), gone || e.Events&unix.EPOLLIN != 0, gone || e.Events&unix.EPOLLOUT != 0)
	}
	return err
}

// newSocket returns a non-blocking socket. Its local address depends on number, because an address
// has too few ports for all sockets.
func newSocket(to unix.Sockaddr, number int) (int, error) {
	family := unix.AF_INET6
	v4, ok := to.(*unix.SockaddrInet4)
	if ok {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if ok && v4.Addr[0] == 127 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		from := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + number/portsAnAddress%250)}}
		if err := unix.Bind(fd, &from); err != nil {
			_ = unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

const portsAnAddress = 10_000
