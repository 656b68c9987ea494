//go:build unix

package ws

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// socket is a TCP socket used below net.Conn, still with the runtime's poller for calls that wait.
// It can write without blocking, and takes a read buffer only when there is something to read. One
// goroutine may write while another reads.
type socket struct {
	raw syscall.RawConn

	// These closures are made once, so that reading and writing allocate nothing.
	writeCall func(fd uintptr) bool
	readCall  func(fd uintptr) bool

	out struct {
		p    []byte
		wait bool
		n    int
		err  error
	}
	in struct {
		lent *[]byte // nil: not reading
		n    int
		err  error
	}
}

var _ source = (*socket)(nil)

// newSocket returns nil if c is not a TCP socket.
func newSocket(c net.Conn) *socket {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: raw}
	s.writeCall, s.readCall = s.callWrite, s.callRead
	return s
}

// tryWrite writes as much as it can without blocking, with one system call.
func (s *socket) tryWrite(p []byte) (int, error) { return s.doWrite(p, false) }

// write waits until the socket can take data, up to the connection's write deadline, and writes as
// much as it can.
func (s *socket) write(p []byte) (int, error) { return s.doWrite(p, true) }

func (s *socket) doWrite(p []byte, wait bool) (int, error) {
	out := &s.out
	out.p, out.wait, out.n, out.err = p, wait, 0, nil
	err := s.raw.Write(s.writeCall)
	out.p = nil
	if err == nil && !errors.Is(out.err, syscall.EAGAIN) {
		err = out.err
	}
	return max(out.n, 0), err
}

// callWrite reports whether it is done. If not, the runtime calls it again when the socket takes
// more.
func (s *socket) callWrite(fd uintptr) bool {
	for {
		s.out.n, s.out.err = syscall.Write(int(fd), s.out.p)
		if !errors.Is(s.out.err, syscall.EINTR) {
			return !s.out.wait || !errors.Is(s.out.err, syscall.EAGAIN)
		}
	}
}

// next implements source.
func (s *socket) next() ([]byte, error) {
	s.release()
	s.in.n, s.in.err = 0, nil
	if err := s.raw.Read(s.readCall); err != nil {
		return nil, err
	}
	switch {
	case s.in.err != nil:
		return nil, s.in.err
	case s.in.n == 0:
		return nil, io.EOF
	}
	return (*s.in.lent)[:s.in.n], nil
}

// callRead reports whether it is done. If not, the runtime calls it again when there is something
// to read.
func (s *socket) callRead(fd uintptr) bool {
	s.in.lent = readBuffers.Get().(*[]byte)
	for {
		s.in.n, s.in.err = syscall.Read(int(fd), *s.in.lent)
		if !errors.Is(s.in.err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(s.in.err, syscall.EAGAIN) {
		s.release()
		return false
	}
	return true
}

// release implements source.
func (s *socket) release() {
	if s.in.lent != nil {
		readBuffers.Put(s.in.lent)
		s.in.lent = nil
	}
}
