package ws

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestConnKeepsItsContract(t *testing.T) {
	t.Parallel()
	each(t, allWays(t), func(t *testing.T, by serviceOption) {
		portstest.Conn(t, func(t *testing.T, stall time.Duration) portstest.ConnUnderTest {
			t.Helper()
			h := newHub()
			s := serve(t, h, by, with(func(c *Config) { c.WriteStall = stall }))
			p, session := s.joins(h)
			return portstest.ConnUnderTest{Conn: session.conn, Client: client{p}}
		})
	})
}

// client is a peer as a stream of bytes.
type client struct{ *peer }

func (c client) Read(p []byte) (int, error) { return c.in.Read(p) }

// connected returns both ends of a TCP connection.
func connected(tb testing.TB) (server, client *net.TCPConn) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { accepted.Close(); dialed.Close() })
	return accepted.(*net.TCPConn), dialed.(*net.TCPConn)
}

// carried returns a connection and its client's end, with socket buffers of that size; 0: the
// system's default.
func carried(t *testing.T, by serviceOption, stall time.Duration, buffers int) (ports.Conn, *net.TCPConn) {
	t.Helper()
	server, client := connected(t)
	if buffers > 0 {
		server.SetWriteBuffer(buffers)
		client.SetReadBuffer(buffers)
	}
	h := newHub()
	a := adapter(h, by, with(func(c *Config) { c.WriteStall = stall }))
	a.carry(server, &ports.Opening{}, nil)
	t.Cleanup(func() {
		client.Close()
		await(t, "the connection's end", a.Wait)
	})
	return receive(t, "the session", h.opened).conn, client
}

// TestSlowIsWithoutAnyProgress has a client read a little again and again, for longer than a write
// may make no progress.
func TestSlowIsWithoutAnyProgress(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		inTime(t, time.Second, func(stall time.Duration) (took time.Duration, wrong string) {
			c, client := carried(t, by, stall, 32<<10)
			wrote := make(chan error, 1)
			began := time.Now()
			go func() { wrote <- c.Write(make([]byte, 4<<20)) }()
			last := began
			for left, tick := 4<<20, time.NewTicker(stall/10); left > 0; {
				<-tick.C
				client.SetReadDeadline(time.Now().Add(patience))
				n, err := io.ReadFull(client, make([]byte, min(left, 128<<10)))
				took = max(took, 4*time.Since(last)) // the system may tell of room only after some reads
				last = time.Now()
				if left -= n; err != nil {
					return took, fmt.Sprintf("%d bytes before the end: %v", left, err)
				}
			}
			if err := receive(t, "the write's end", wrote); err != nil {
				return took, fmt.Sprintf("a write that made progress all the time: %v after %v", err, time.Since(began))
			}
			if all := time.Since(began); all < 2*stall {
				t.Fatalf("the write took %v: too short to show anything", all)
			}
			return 0, ""
		})
	})
}

func TestAClientThatWasSlowIsWrittenToAgain(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		inTime(t, 100*time.Millisecond, func(stall time.Duration) (took time.Duration, wrong string) {
			c, client := carried(t, by, stall, 0)
			if err := c.Write(make([]byte, 64<<20)); !errors.Is(err, ports.ErrSlow) {
				t.Fatalf("a write without progress: %v", err)
			}
			began := time.Now()
			go io.Copy(io.Discard, client)
			p := bytes.Repeat([]byte("x"), 1<<16)
			if err := c.Write(p); err != nil {
				return time.Since(began), fmt.Sprintf("a write while the client reads: %v", err)
			}
			if n, err := c.TryWrite(p[:10]); err != nil || n != 10 {
				t.Fatalf("a try after that: %d, %v", n, err)
			}
			return 0, ""
		})
	})
}

func TestATryAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	for _, w := range tcp() {
		t.Run(w.name, func(t *testing.T) {
			c, client := carried(t, w.option, time.Second, 0)
			go io.Copy(io.Discard, client)
			p := []byte("hello")
			if n := testing.AllocsPerRun(100, func() {
				if _, err := c.TryWrite(p); err != nil {
					t.Fatal(err)
				}
			}); n > 0 {
				t.Errorf("a write allocates %v times", n)
			}
		})
	}
}
