//go:build unix

package ws

import (
	"errors"
	"net"
	"syscall"
)

// rawWriter writes to a TCP socket past the runtime's poller: what the socket's buffer does not take is not waited for.
type rawWriter struct {
	raw  syscall.RawConn
	call func(fd uintptr) bool // made once, so that a write allocates nothing

	p   []byte
	n   int
	err error
}

func newTryWriter(c net.Conn) tryWriter {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	w := &rawWriter{raw: raw}
	w.call = w.write
	return w
}

func (w *rawWriter) write(fd uintptr) bool {
	for {
		w.n, w.err = syscall.Write(int(fd), w.p)
		if !errors.Is(w.err, syscall.EINTR) {
			return true
		}
	}
}

func (w *rawWriter) tryWrite(p []byte) (int, error) {
	w.p = p
	err := w.raw.Write(w.call)
	w.p = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(w.err, syscall.EAGAIN):
		return 0, nil
	case w.err != nil:
		return 0, w.err
	}
	return w.n, nil
}
