package httpd

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// retryingListener is a listener that waits where fasthttp would give up for good. If the system
// lacks files or memory for one more connection, it will have some when another connection ends.
type retryingListener struct {
	net.Listener
	onFault func(error)
	closed  chan struct{}
	close   func() error
}

func newRetryingListener(ln net.Listener, onFault func(error)) *retryingListener {
	p := &retryingListener{Listener: ln, onFault: onFault, closed: make(chan struct{})}
	p.close = sync.OnceValue(func() error { close(p.closed); return ln.Close() })
	return p
}

// Accept waits for the next connection. It fails only if the listener is closed or broken.
func (p *retryingListener) Accept() (net.Conn, error) {
	const maxWait = time.Second
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, maxWait) {
		conn, err := p.Listener.Accept()
		if errors.Is(err, syscall.ECONNABORTED) { // the client is gone already
			continue
		}
		if err == nil || !exhausted(err) {
			return conn, err
		}
		p.onFault(err)
		timer := time.NewTimer(wait)
		select {
		case <-p.closed:
			timer.Stop()
			return nil, net.ErrClosed
		case <-timer.C:
		}
	}
}

// Close may be called more than once.
func (p *retryingListener) Close() error { return p.close() }

func exhausted(err error) bool {
	for _, code := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
