//go:build unix

package ws

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// frugal is a ports.Sessions whose sessions do almost nothing, so that the benchmarks measure the
// adapter.
type frugal struct {
	commands atomic.Int64
	replied  chan struct{} // may be nil
	closed   atomic.Int64
}

func (f *frugal) Open(conn ports.Conn, opening ports.Opening) (ports.Session, error) {
	if err := conn.Write(opening.Head); err != nil {
		return nil, err
	}
	return frugalSession{f, conn}, nil
}

func (*frugal) Ready(*ports.Opening) error { return nil }
func (*frugal) Disconnect(chat.UserID) int { return 0 }
func (*frugal) Drain(context.Context)      {}

type frugalSession struct {
	*frugal
	conn ports.Conn
}

func (frugalSession) ID() string                                  { return "s" }
func (frugalSession) Heard()                                      {}
func (s frugalSession) Finish(_ []byte, reason ports.CloseReason) { s.conn.Close(reason) }
func (s frugalSession) Closed()                                   { s.closed.Add(1) }

func (s frugalSession) Reply([]byte) {
	if s.replied != nil {
		s.replied <- struct{}{}
	}
}

func (s frugalSession) Command(context.Context, ports.Command) bool {
	s.commands.Add(1)
	return true
}

// footprint is what a connection costs this process.
type footprint struct{ heap, stack float64 }

// idleFootprint has clients connect, send something (compressed if that is agreed), and wait. The
// clients are bare files, which cost the process almost nothing.
func idleFootprint(tb testing.TB, polled, compress bool, connections int) footprint {
	tb.Helper()
	f := &frugal{}
	adapter := New(Config{Sessions: f, Verifier: tokens{}, Polled: polled, Compress: compress})
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadBufferSize: 16 << 10})
	app.Server().KeepHijackedConns = true
	adapter.Routes(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()

	hello := append(request("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice")), whole(say("hello"))...)
	if compress {
		hello = append(request("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice", "Sec-WebSocket-Extensions", deflateExtension)), packedWhole(deflated(say("hello")))...)
	}
	connect := func(n int) []bareClient { // one after the other, so that the HTTP server has few workers
		clients := make([]bareClient, n)
		for i := range clients {
			clients[i] = dialBare(tb, ln.Addr().(*net.TCPAddr).Port)
			clients[i].write(tb, hello)
			clients[i].read(tb)
		}
		return clients
	}
	all := connect(100) // the first ones also cause other costs
	settle(&f.commands, len(all))
	before := inUse()
	all = append(all, connect(connections)...)
	settle(&f.commands, len(all))
	after := inUse()
	for _, c := range all {
		c.close()
	}
	settle(&f.closed, len(all))
	ln.Close()
	app.Shutdown()
	<-served
	adapter.Wait()
	return footprint{
		heap:  (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(connections),
		stack: (float64(after.StackInuse) - float64(before.StackInuse)) / float64(connections),
	}
}

func settle(count *atomic.Int64, want int) {
	for count.Load() < int64(want) {
		runtime.Gosched()
	}
}

func inUse() (m runtime.MemStats) {
	for range 4 { // the second empties pools; each one halves stacks
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}

// BenchmarkIdleConnection measures what an idle connection costs that has sent something before,
// without its session.
func BenchmarkIdleConnection(b *testing.B) {
	for _, w := range tcp() {
		b.Run(w.name, func(b *testing.B) {
			for b.Loop() {
				cost := idleFootprint(b, w.polled, true, 2000)
				b.ReportMetric(cost.heap, "heap-B/conn")
				b.ReportMetric(cost.stack, "stack-B/conn")
			}
		})
	}
}

// TestGuardAnIdleConnectionIsSmall counts; it takes no time. The session's memory is not included.
func TestGuardAnIdleConnectionIsSmall(t *testing.T) { //nolint:paralleltest // it looks at the memory of the whole process
	if underRace {
		t.Skip("the race detector has memory of its own for everything")
	}
	for _, w := range tcp() {
		limit := footprint{heap: 1500, stack: 6000} // about 1,180, with the goroutine itself, and 4096
		if w.polled {
			limit = footprint{heap: 200, stack: 100} // about 112 and 0
		}
		for _, compress := range []bool{false, true} { // the same: nothing is kept for compression
			t.Run(fmt.Sprintf("%s, compress %t", w.name, compress), func(t *testing.T) {
				if got := idleFootprint(t, w.polled, compress, 1000); got.heap > limit.heap || got.stack > limit.stack {
					t.Errorf("an idle connection costs %.0f bytes of the heap and %.0f of stacks, want at most %.0f and %.0f",
						got.heap, got.stack, limit.heap, limit.stack)
				}
			})
		}
	}
}

// BenchmarkWrite writes a small frame to a client that reads everything. The difference between the
// two shows the cost beside the system call.
func BenchmarkWrite(b *testing.B) {
	frame := Encoder{}.Frame(nil, &ports.OK{ID: "1", Answer: ports.TypingNoted{}})
	for _, w := range tcp() {
		b.Run(w.name, func(b *testing.B) {
			h := newHub()
			a := adapter(h, w.option)
			server, client := connected(b)
			a.carry(server, &ports.Opening{}, nil)
			go io.Copy(io.Discard, client)
			c := (<-h.opened).conn
			b.ReportAllocs()
			for b.Loop() {
				if n, err := c.TryWrite(frame); err != nil || n < len(frame) {
					if err = c.Write(frame[n:]); err != nil {
						b.Fatal(err)
					}
				}
			}
			client.Close()
			a.Wait()
		})
	}
}
