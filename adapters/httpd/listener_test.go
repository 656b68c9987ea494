package httpd

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// scarce is a listener that fails like a system without free files, and then serves one connection.
type scarce struct {
	net.Listener
	failures int
	conn     net.Conn
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.failures > 0 {
		s.failures--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	if s.conn == nil {
		return nil, net.ErrClosed
	}
	conn := s.conn
	s.conn = nil
	return conn, nil
}

func (s *scarce) Close() error { return nil }

func TestAListenerOutlivesALackOfFiles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn, other := net.Pipe()
		defer conn.Close()
		defer other.Close()
		faults := 0
		p := newRetryingListener(&scarce{failures: 12, conn: conn}, func(error) { faults++ })
		began := time.Now()
		got, err := p.Accept()
		if err != nil || got != conn {
			t.Fatalf("got %v, %v", got, err)
		}
		if took := time.Since(began); took < 2*time.Second || took > 10*time.Second || faults != 12 {
			t.Errorf("it took %v and told of %d faults; want a wait that grows to a second, and 12", took, faults)
		}
		if _, err := p.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want what the listener says", err)
		}
	})
}

// gone is a listener whose first clients are gone before they are accepted.
type gone struct {
	scarce
	left int
}

func (g *gone) Accept() (net.Conn, error) {
	if g.left > 0 {
		g.left--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.ECONNABORTED)}
	}
	return g.scarce.Accept()
}

func TestClientsThatGoBeforeTheyAreTakenAreNoFault(t *testing.T) {
	t.Parallel()
	conn, other := net.Pipe()
	defer conn.Close()
	defer other.Close()
	p := newRetryingListener(&gone{scarce{conn: conn}, 1000}, func(err error) { t.Errorf("a fault: %v", err) })
	if got, err := p.Accept(); err != nil || got != conn {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAListenerThatWaitsCanBeClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newRetryingListener(&scarce{failures: 1 << 30}, func(error) {})
		ended := make(chan error)
		go func() {
			_, err := p.Accept()
			ended <- err
		}()
		time.Sleep(time.Minute)
		if err := errors.Join(p.Close(), p.Close()); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
	})
}
