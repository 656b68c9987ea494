package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// faulty is a log that fails or stalls on command.
type faulty struct {
	ports.Log
	mu    sync.Mutex
	fails bool
	stall chan struct{} // if not nil, appends wait for it
}

func (f *faulty) Append(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
	f.mu.Lock()
	fails, stall := f.fails, f.stall
	f.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-ctx.Done():
			return nil, chat.Wrap(chat.Unavailable, ctx.Err(), "append")
		}
	}
	if fails {
		return nil, chat.Errorf(chat.Unavailable, "the log is away, as told")
	}
	return f.Log.Append(ctx, p)
}

func (f *faulty) becomes(fails bool, stall chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails, f.stall = fails, stall
}

func TestAStoreThatFailsOrStalls(t *testing.T) {
	t.Parallel()
	store := &faulty{}
	s := start(t, "memory://", nil, fx.Decorate(func(l ports.Log) ports.Log { store.Log = l; return store }))
	room := s.room()
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)

	store.becomes(true, nil)
	if f := alice.isRefused("unavailable", "send", "room", room, "body", "x", "key", "k"); f.num("retry_after_ms") <= 0 {
		t.Errorf("no time to wait in %v", f)
	}
	alice.asks("history", "room", room) // reads still work
	store.becomes(false, nil)
	if f := alice.asks("send", "room", room, "body", "x", "key", "k"); f.yes("duplicate") || f.num("seq") != 1 {
		t.Errorf("tried again: %v", f)
	}
	bob.reads(room, 1, 1)

	stall := make(chan struct{})
	store.becomes(false, stall)
	id := alice.sends("send", "room", room, "body", "slow")
	bob.asks("ping") // others are not affected
	alice.asks("ping")
	store.becomes(false, nil)
	close(stall)
	if f := alice.answer(id); f.num("seq") != 2 {
		t.Errorf("after the stall: %v", f)
	}
	bob.reads(room, 2, 2)
}

func TestADatabaseThatGoesAwayUnderLoad(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t)
	s := start(t, db.URL(), nil)
	room := s.room()
	reader := s.connects(t, "reader")
	reader.asks("join", "room", room)
	alice := s.connects(t, "alice")
	const n = 300
	acked := map[string]int64{}
	var refused atomic.Int64
	one := func(i int) {
		key := fmt.Sprint("k", i)
		for {
			f := alice.answer(alice.sends("send", "room", room, "body", key, "key", key))
			if f.is("ok") {
				acked[key] = f.num("seq")
				return
			}
			if f.str("code") != "unavailable" || f.num("retry_after_ms") <= 0 {
				t.Fatalf("answered %v", f)
			}
			refused.Add(1)
			time.Sleep(50 * time.Millisecond)
		}
	}
	for i := range n / 2 {
		one(i)
	}
	db.Stop(pgtest.Immediate)
	down := make(chan struct{})
	go func() {
		defer close(down)
		for i := n / 2; i < n; i++ {
			one(i)
		}
	}()
	eventually(t, "readyz is red", func() error {
		if status, _, _ := s.calls(t, "", "GET", "/readyz", nil); status == 503 {
			return nil
		}
		return errNotYet
	})
	eventually(t, "sends are refused for longer than the journal tries by itself", func() error {
		if refused.Load() >= 2 {
			return nil
		}
		return errNotYet
	})
	db.Start()
	<-down
	for _, e := range reader.reads(room, 1, n) {
		if acked[e.str("key")] != e.num("seq") {
			t.Errorf("%s was acknowledged as %d and stands at %d", e.str("key"), acked[e.str("key")], e.num("seq"))
		}
	}
	eventually(t, "readyz is green", func() error {
		if status, _, _ := s.calls(t, "", "GET", "/readyz", nil); status == 200 {
			return nil
		}
		return errNotYet
	})
}

// raw opens a socket without a library, for things that a library would not do.
func (s *service) raw(t testing.TB, user string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", s.token(t, user))
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil) //nolint:bodyclose // an upgraded connection has none
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v %v", response, err)
	}
	return conn
}

// masked returns a client's text frame, masked with zeroes.
func masked(text string) []byte {
	if len(text) < 126 {
		return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	}
	return append([]byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}, text...)
}

func TestAClientThatIsSilentIsClosed(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{"PARLEY_HEARTBEAT": "500ms"})
	alive := s.connects(t, "alice") // its library answers pings
	conn := s.raw(t, "ghost")       // connected later, and answers no pings
	var last []byte
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		last = append(last, buf[:n]...)
		if err != nil {
			break
		}
	}
	if !bytes.Contains(last, []byte{4408 >> 8, 4408 & 0xff}) {
		t.Errorf("no close frame with 4408 at the end of %q", last)
	}
	alive.asks("ping")
}

func TestAClientThatSendsAndNeverReads(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", nil)
	room := s.room()
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)
	mute := s.raw(t, "mute")
	if err := mute.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	sent := make(chan int)
	go func() {
		body := strings.Repeat("x", 3000)
		_, _ = mute.Write(masked(fmt.Sprintf(`{"type":"join","room":%q}`, room)))
		n := 0
		for ; n < 5000; n++ {
			_ = mute.SetWriteDeadline(time.Now().Add(2 * time.Second))
			if _, err := mute.Write(masked(fmt.Sprintf(`{"type":"send","id":"x","room":%q,"body":%q}`, room, body))); err != nil {
				break
			}
		}
		sent <- n
	}()
	for i := range 100 {
		alice.asks("send", "room", room, "body", fmt.Sprint("m", i))
	}
	seen := 0
	for seen < 100 {
		if f, ok := bob.await(frame.isEntry); ok && f.sub("author").str("id") == "alice" {
			seen++
		}
	}
	if n := <-sent; n >= 5000 {
		t.Error("the service read all that a client sent that reads nothing")
	}
}

func TestTenThousandFramesAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{"PARLEY_RATE_LIMIT": "50/s:100"})
	room := s.room()
	flood, calm := s.connects(t, "flood"), s.connects(t, "calm")
	calm.asks("join", "room", room)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		for i := range 10_000 {
			text := fmt.Sprintf(`{"type":"send","id":"%d","room":%q,"body":"x"}`, i, room)
			if flood.conn.Write(ctx, 1, []byte(text)) != nil {
				return
			}
		}
	}()
	calm.asks("send", "room", room, "body", "calm")
	flood.closesWith(4429)
	limited := 0
	for _, f := range flood.kept {
		if f.str("code") == "rate_limited" && f.num("retry_after_ms") > 0 {
			limited++
		}
	}
	if limited == 0 {
		t.Error("nothing was answered rate_limited")
	}
	calm.asks("ping")
}

func TestSocketsWithoutATokenKeepNobodyOut(t *testing.T) {
	t.Parallel()
	for _, sockets := range []string{"auto", "goroutine"} {
		t.Run(sockets, func(t *testing.T) {
			t.Parallel()
			s := start(t, "memory://", map[string]string{"PARLEY_SESSIONS": "100", "PARLEY_SOCKETS": sockets})
			var bare []*peer
			for range 100 {
				eventually(t, "one more connects", func() error { // 503 while refused connections are still open
					p, err := s.dialed(t, "/ws", "")
					bare = append(bare, p)
					return err
				})
			}
			bare = slices.DeleteFunc(bare, func(p *peer) bool { return p == nil })
			for _, p := range bare[:84] { // 16 may stay at most
				if f := p.sees("error"); f.str("code") != "unauthenticated" || f.str("message") == "" {
					t.Errorf("it was told %v", f)
				}
				p.closesWith(4401)
			}
			for i := range 100 {
				s.connects(t, fmt.Sprint("user", i)).asks("ping")
			}
		})
	}
}

func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{"PARLEY_SESSIONS_PER_USER": "2", "PARLEY_SESSIONS": "3"})
	first := s.connects(t, "alice")
	s.connects(t, "alice")
	refused := func(user string, status int) {
		t.Helper()
		got, body, header := s.calls(t, s.token(t, user), "GET", "/ws", nil, "Connection", "Upgrade", "Upgrade", "websocket",
			"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		if got != status || header.Get("Retry-After") == "" {
			t.Errorf("%s got %d %v, Retry-After %q; want %d", user, got, body, header.Get("Retry-After"), status)
		}
	}
	refused("alice", http.StatusTooManyRequests)
	s.connects(t, "bob")
	refused("carol", http.StatusServiceUnavailable)
	first.conn.CloseNow()
	eventually(t, "there is room again", func() error {
		p, err := s.dialed(t, "/ws", s.token(t, "carol"))
		if err == nil {
			p.next()
		}
		return err
	})
}
