package ws

import (
	"net"
	"runtime"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// BenchmarkIdleConnection tells what a connection that has said something once and now waits costs: the server's side with its
// goroutine, and of the client's side a bare net.Conn.
func BenchmarkIdleConnection(b *testing.B) {
	const connections = 500
	h := newHub()
	adapter := New(Config{Sessions: h, Verifier: tokens{}})
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadBufferSize: 16 << 10})
	app.Server().KeepHijackedConns = true
	adapter.Routes(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()

	hello := append(request("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice")), whole(say("hello"))...)
	for b.Loop() {
		before := inUse()
		clients := make([]net.Conn, connections)
		sessions := make([]*session, connections)
		for i := range clients {
			if clients[i], err = net.Dial("tcp", ln.Addr().String()); err != nil {
				b.Fatal(err)
			}
			if _, err := clients[i].Write(hello); err != nil {
				b.Fatal(err)
			}
			sessions[i] = <-h.opened
		}
		for _, s := range sessions {
			for s.asked.Load() == 0 {
				runtime.Gosched()
			}
			s.writer.Wait()
		}
		after := inUse()
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/connections, "heap-B/conn")
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/connections, "stack-B/conn")
		for i, c := range clients {
			c.Close()
			<-sessions[i].closed
		}
	}
	ln.Close()
	app.Shutdown()
	<-served
	adapter.Wait()
}

func inUse() (m runtime.MemStats) {
	for range 3 { // pools give up what they hold at the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}
