package faultproxy_test

import (
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/cmd/torture/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo starts an echo server and a proxy to it.
func echo(t *testing.T) *faultproxy.Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); _, _ = io.Copy(conn, conn) }()
		}
	}()
	p, err := faultproxy.New(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); listener.Close(); <-done })
	return p
}

type client struct {
	net.Conn
	t *testing.T
}

func dial(t *testing.T, p *faultproxy.Proxy) client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return client{conn, t}
}

// hears sends something and reports whether it comes back in time.
func (c client) hears(within time.Duration) bool {
	if _, err := c.Write([]byte("hi")); err != nil {
		return false
	}
	return c.hearsMore(within)
}

func (c client) hearsMore(within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	_, err := io.ReadFull(c, make([]byte, 2))
	return err == nil
}

const (
	long  = 10 * time.Second
	short = 50 * time.Millisecond
)

func TestACutBreaksWhatIsOpenAndRefusesWhatIsNew(t *testing.T) {
	t.Parallel()
	p := echo(t)
	before := dial(t, p)
	if !before.hears(long) {
		t.Fatal("nothing comes through")
	}
	p.Cut()
	if before.hears(long) {
		t.Error("a connection outlives the cut")
	}
	if dial(t, p).hears(long) {
		t.Error("a new one is let through")
	}
	p.Mend()
	if !dial(t, p).hears(long) {
		t.Error("nothing comes through once it is mended")
	}
}

func TestAStallHoldsBackAndLosesNothing(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := dial(t, p)
	if !c.hears(long) {
		t.Fatal("nothing comes through")
	}
	p.Stall()
	if c.hears(short) {
		t.Error("something comes through")
	}
	p.Mend()
	if !c.hearsMore(long) {
		t.Error("what was held back is lost")
	}
	p.Stall()
	c.hears(short)
	p.Cut() // ends connections that are held back
	if c.hearsMore(long) {
		t.Error("what was held back comes through a cut")
	}
}

func TestADelayDelays(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := dial(t, p)
	p.Delay(short)
	began := time.Now()
	if !c.hears(long) || time.Since(began) < 2*short {
		t.Errorf("there and back took %v", time.Since(began))
	}
}
