package load

import "golang.org/x/sys/unix"

// poller reports which sockets are ready (level-triggered).
type poller struct {
	fd     int
	events []unix.Kevent_t
}

func newPoller() (*poller, error) {
	fd, err := unix.Kqueue()
	return &poller{fd: fd, events: make([]unix.Kevent_t, 1024)}, err
}

func (p *poller) close() { _ = unix.Close(p.fd) }

// set sets the events to report of a socket; added says whether it was called for the socket
// before.
func (p *poller) set(fd int, read, write, _ bool) error {
	changes := make([]unix.Kevent_t, 2)
	for i, on := range []bool{read, write} {
		flags := unix.EV_ADD | unix.EV_DISABLE
		if on {
			flags = unix.EV_ADD | unix.EV_ENABLE
		}
		unix.SetKevent(&changes[i], fd, [2]int{unix.EVFILT_READ, unix.EVFILT_WRITE}[i], flags)
	}
	_, err := unix.Kevent(p.fd, changes, nil, nil)
	return err
}

// wait waits at most ms milliseconds (-1: without limit), and calls ready for each ready socket.
func (p *poller) wait(ms int, ready func(fd int, read, write bool)) error {
	var timeout *unix.Timespec
	if ms >= 0 {
		t := unix.NsecToTimespec(int64(ms) * 1e6)
		timeout = &t
	}
	n, err := unix.Kevent(p.fd, nil, p.events, timeout)
	if err == unix.EINTR {
		return nil
	}
	for _, e := range p.events[:max(n, 0)] {
		ready(int(e.Ident), e.Filter == unix.EVFILT_READ, e.Filter == unix.EVFILT_WRITE)
	}
	return err
}

// newSocket returns a non-blocking socket.
func newSocket(to unix.Sockaddr, _ int) (int, error) {
	family := unix.AF_INET6
	if _, ok := to.(*unix.SockaddrInet4); ok {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
