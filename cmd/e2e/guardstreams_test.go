//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/httpd"
	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/sse"
	"github.com/parley-chat/parley/adapters/ws"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// believed is a verifier whose tokens are the users' names.
type believed struct{}

func (believed) Verify(_ context.Context, token string) (chat.Identity, error) {
	return chat.Identity{User: chat.UserID(token), Expires: time.Now().Add(time.Hour)}, nil
}

// streaming is the part of a node that serves streams, on a port of this machine.
type streaming struct {
	ports.Unobserved
	service *messaging.Service
	port    int
	open    atomic.Int64 // streams
	in      [4 << 10]byte
}

// Streams implements ports.StreamObserver.
func (s *streaming) Streams(_ ports.StreamKind, change int) { s.open.Add(int64(change)) }

func newStreaming(t *testing.T) *streaming {
	t.Helper()
	store := memory.New()
	if _, err := store.Create(t.Context(), chat.Room{ID: "tea", Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	s := &streaming{service: messaging.New(messaging.Config{Log: store, Directory: store})}
	hub := session.New(session.Config{
		Log: store, Reader: s.service, Writer: s.service, Encoder: ws.Encoder{}, Packer: ws.Packer{}, AntiEntropy: time.Hour, Linger: -1,
		MaxSessions: 1 << 20, SessionsPerUser: 1 << 20,
	})
	sockets := ws.New(ws.Config{Sessions: hub, Verifier: believed{}, Polled: true})
	streams := sse.New(sse.Config{
		Sessions: hub, Reader: s.service, Verifier: believed{}, Which: func() chat.LogID { return "log" }, Carry: sockets.Carry, Observer: s,
	})
	server := httpd.New(httpd.Config{Addr: "127.0.0.1:0"}, func(r fiber.Router) { streams.Routes(r) })
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	s.port = server.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(){
		func() { hub.Run(ctx) }, func() { s.service.Run(ctx, hub) }, func() { server.Run(ctx) },
	} {
		wg.Go(run)
	}
	t.Cleanup(func() { cancel(); wg.Wait(); sockets.Wait() })
	return s
}

// bareReader is the file of a connection: it costs the process almost nothing.
type bareReader int

// asks connects, and asks for something.
func (s *streaming) asks(t *testing.T, path string) bareReader {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: s.port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		_, err = syscall.Write(fd, []byte("GET "+path+" HTTP/1.1\r\nHost: chat.example\r\nAuthorization: Bearer alice\r\n\r\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return bareReader(fd)
}

// reads waits until something comes that has all of some words.
func (s *streaming) reads(t *testing.T, r bareReader, words string) {
	t.Helper()
	for n := 0; !bytes.Contains(s.in[:n], []byte(words)); {
		is, err := syscall.Read(int(r), s.in[n:])
		if err != nil || is == 0 {
			t.Fatalf("%s does not come, but %q, %v", words, s.in[:n], err)
		}
		n += is
	}
}

func (r bareReader) closes() { _ = syscall.Close(int(r)) }

// says has somebody say something in the room, and returns which entry that is.
func (s *streaming) says(t *testing.T) chat.Seq {
	t.Helper()
	said := make(chan ports.Receipt, 1)
	s.service.Write(t.Context(), chat.Identity{User: "bob", Expires: time.Now().Add(time.Hour)}, ports.Send{Room: "tea", Body: "hi"}, func(is ports.Receipt, err error) {
		if err != nil {
			t.Error(err)
		}
		said <- is
	})
	return (<-said).Seq
}

// memoryOf returns what the heap and the stacks hold, and what was ever allocated.
func memoryOf() (held, allocated float64) {
	for range 4 { // the second empties pools; each one halves stacks
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse), float64(m.TotalAlloc)
}

// TestGuardAnIdleReaderOfEventsIsSmall counts all that a stream without a socket holds: the
// connection, the session, and its places in tables.
//
//nolint:paralleltest // it looks at the memory of the whole process
func TestGuardAnIdleReaderOfEventsIsSmall(t *testing.T) {
	if underRace {
		t.Skip("the race detector has memory of its own for everything")
	}
	s := newStreaming(t)
	opens := func(n int) {
		for range n { // one after the other, so that the HTTP server has few workers
			r := s.asks(t, "/v1/rooms/tea/stream?after=0")
			t.Cleanup(r.closes)
			s.reads(t, r, `"room":"tea"`)
		}
	}
	opens(100) // the first ones also cause other costs
	const readers = 1000
	before, _ := memoryOf()
	opens(readers)
	after, _ := memoryOf()
	if each := (after - before) / readers; each > 2<<10 { // about 1,780
		t.Errorf("an idle reader of events takes %.0f bytes", each)
	}
}

// TestGuardAPollAllocatesLittle counts all that is allocated for a poll: from its connection to the
// end of its answer.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestGuardAPollAllocatesLittle(t *testing.T) {
	if underRace {
		t.Skip("the race detector empties pools")
	}
	s := newStreaming(t)
	const together = 100
	head := s.says(t)
	polls := func() {
		var all [together]bareReader
		for i := range all {
			all[i] = s.asks(t, fmt.Sprintf("/v1/rooms/tea/stream?wait=50&after=%d", head))
		}
		for s.open.Load() < together {
			runtime.Gosched()
		}
		head = s.says(t)
		for _, r := range all {
			s.reads(t, r, `"body":"hi"`)
			r.closes()
		}
		for s.open.Load() > 0 {
			runtime.Gosched()
		}
	}
	polls()
	polls()
	const tries, rounds = 3, 10
	least := math.Inf(1)
	for range tries { // the collector empties pools, now and then
		_, before := memoryOf()
		for range rounds {
			polls()
		}
		_, after := memoryOf()
		least = min(least, (after-before)/rounds/together)
	}
	if least > 9000 { // about 8,000
		t.Errorf("a poll allocates %.0f bytes", least)
	}
}
