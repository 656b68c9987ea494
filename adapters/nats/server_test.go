package nats_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/nats"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// heads hears how far rooms reach.
type heads struct {
	mu   sync.Mutex
	of   map[chat.RoomID]chat.Seq
	deaf int
}

func (h *heads) Entries(entries []chat.Entry) {
	for i := range entries {
		h.Head(entries[i].Room, entries[i].Seq)
	}
}

func (h *heads) Head(room chat.RoomID, seq chat.Seq) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of[room] = max(h.of[room], seq)
}

func (h *heads) Hear(ports.Notice) {}

func (h *heads) Deaf() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deaf++
}

func (h *heads) at(room chat.RoomID) chat.Seq {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[room]
}

// runs runs a bus until the test ends and returns what it hears.
func runs(t testing.TB, b *nats.Bus) *heads {
	t.Helper()
	h := &heads{of: map[chat.RoomID]chat.Seq{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx, h); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return h
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func message(room chat.RoomID, seq chat.Seq, size int) chat.Entry {
	return chat.Entry{Room: room, Seq: seq, At: time.Now(), Author: chat.Author{ID: "alice"}, Fact: chat.Message{Body: strings.Repeat("x", size)}}
}

// talk waits until what a says is heard by b, on a room that it follows.
func talk(t testing.TB, a, b *nats.Bus, heard *heads) {
	t.Helper()
	const room = "tea"
	if err := b.Follow(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	defer b.Unfollow(room)
	from := heard.at(room)
	seq := from
	eventually(t, "what is said is heard", func() bool {
		seq++
		_ = a.Announce(t.Context(), []chat.Entry{message(room, seq, 10)})
		return heard.at(room) > from
	})
}

func connected(t testing.TB, b *nats.Bus) {
	t.Helper()
	eventually(t, "it is connected", func() bool { return b.Check(t.Context()) == nil })
}

func TestURLsThatMakeNoSenseAreRefusedWithoutTheirPasswords(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "nats://", "http://host", "nats://u:secret@", "nats://host/subject", "nats://a,redis://u:secret@b", "nats://h?color=red",
		"nats://h?tls_key=x", "nats://u:secret@h:port", "nats://h?nkey=/does/not/exist",
	} {
		_, err := nats.New(nats.Config{URL: url})
		if err == nil {
			t.Errorf("%q is taken", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v tells the password", url, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t, "--user", "parley", "--pass", "s3cret")
	right := open(t, "nats://parley:s3cret@"+server.Addr)
	heard := runs(t, right)
	other := open(t, "nats://parley:s3cret@"+server.Addr)
	runs(t, other)
	connected(t, right)
	connected(t, other)
	talk(t, other, right, heard)

	wrong := open(t, "nats://parley:wr0ng@"+server.Addr)
	runs(t, wrong)
	eventually(t, "it says why", func() bool {
		err := wrong.Check(t.Context())
		if err == nil || strings.Contains(err.Error(), "wr0ng") {
			t.Fatalf("a wrong password: %v", err)
		}
		return errors.Is(err, chat.Unavailable) && strings.Contains(strings.ToLower(err.Error()), "authorization")
	})
}

func TestTLSWithACertificateOfOnesOwn(t *testing.T) {
	t.Parallel()
	cert, key := bustest.Certificate(t)
	server := bustest.NATS(t, "--tls", "--tlscert", cert, "--tlskey", key)
	a, b := open(t, "tls://"+server.Addr+"?tls_ca="+cert), open(t, "tls://"+server.Addr+"?tls_ca="+cert)
	runs(t, a)
	heard := runs(t, b)
	connected(t, a)
	connected(t, b)
	talk(t, a, b, heard)

	stranger := open(t, "tls://"+server.Addr)
	runs(t, stranger)
	eventually(t, "it says why", func() bool {
		err := stranger.Check(t.Context())
		return err != nil && strings.Contains(err.Error(), "certificate")
	})
}

func TestAServerThatRestartsIsFoundAgain(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	a, b := open(t, "nats://"+server.Addr), open(t, "nats://"+server.Addr)
	runs(t, a)
	heard := runs(t, b)
	connected(t, a)
	connected(t, b)
	talk(t, a, b, heard)
	server.Stop()
	eventually(t, "it is missed", func() bool { return a.Check(t.Context()) != nil && b.Check(t.Context()) != nil })
	server.Start()
	connected(t, a)
	connected(t, b)
	talk(t, a, b, heard)
	eventually(t, "it was deaf", func() bool {
		heard.mu.Lock()
		defer heard.mu.Unlock()
		return heard.deaf > 1
	})
}

func TestAServerThatDoesNotAnswerIsMissed(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	a := open(t, "nats://"+server.Addr)
	runs(t, a)
	connected(t, a)
	server.Freeze()
	began := time.Now()
	eventually(t, "it is missed", func() bool {
		for range 100 { // nobody waits for it
			_ = a.Announce(t.Context(), []chat.Entry{message("tea", 1, 4000)})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return a.Check(ctx) != nil
	})
	eventually(t, "telling is refused", func() bool {
		return a.Announce(t.Context(), []chat.Entry{message("tea", 1, 4000)}) != nil
	})
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	server.Thaw()
	connected(t, a)
}

func TestANodeGoesOverToAnotherServerOfTheCluster(t *testing.T) {
	t.Parallel()
	routes := make([]string, 3)
	for i := range routes {
		routes[i] = "nats://" + freeAddr(t)
	}
	var servers []*bustest.Server
	var urls []string
	for i := range routes {
		s := bustest.NATS(t, "--cluster_name", "test", "--cluster", routes[i], "--routes", strings.Join(routes, ","))
		servers = append(servers, s)
		urls = append(urls, "nats://"+s.Addr)
	}
	a := open(t, urls[0])
	b := open(t, strings.Join(urls[1:], ","))
	runs(t, a)
	heard := runs(t, b)
	connected(t, a)
	connected(t, b)
	talk(t, a, b, heard)
	servers[1].Stop()
	connected(t, b)
	talk(t, a, b, heard)
	servers[0].Stop() // a was told of the others
	connected(t, a)
	talk(t, a, b, heard)
}

func TestASmallServerGetsSmallPackets(t *testing.T) {
	t.Parallel()
	conf := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(conf, []byte("max_payload: 2048\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := bustest.NATS(t, "-c", conf)
	a, b := open(t, "nats://"+server.Addr), open(t, "nats://"+server.Addr)
	runs(t, a)
	heard := runs(t, b)
	connected(t, a)
	connected(t, b)
	if err := b.Follow(t.Context(), "den"); err != nil {
		t.Fatal(err)
	}
	var batch []chat.Entry
	for i := range 50 {
		batch = append(batch, message("den", chat.Seq(i+1), i*100))
	}
	if err := a.Announce(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are heard of", func() bool { return heard.at("den") == 50 })
}

func TestServicesWithOtherPrefixesDoNotHearEachOther(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	bus := func(prefix string) *nats.Bus {
		b, err := nats.New(nats.Config{URL: "nats://" + server.Addr, Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a, b, c := bus("one"), bus("one"), bus("two")
	runs(t, a)
	heard, elsewhere := runs(t, b), runs(t, c)
	for _, x := range []*nats.Bus{a, b, c} {
		connected(t, x)
	}
	if err := c.Follow(t.Context(), "tea"); err != nil {
		t.Fatal(err)
	}
	talk(t, a, b, heard)
	if n := elsewhere.at("tea"); n > 0 {
		t.Errorf("another service heard of %d", n)
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// BenchmarkAnnounce measures an entry's way from one node to another.
func BenchmarkAnnounce(b *testing.B) {
	server := bustest.NATS(b)
	for _, batch := range []int{1, 64} {
		for _, rooms := range []int{1, 64} {
			b.Run(fmt.Sprintf("batch=%d/rooms=%d", batch, rooms), func(b *testing.B) {
				from, to := open(b, "nats://"+server.Addr), open(b, "nats://"+server.Addr)
				runs(b, from)
				heard := runs(b, to)
				connected(b, from)
				connected(b, to)
				entries := make([]chat.Entry, batch)
				for i := range entries {
					entries[i] = message(chat.RoomID(fmt.Sprint("room", i%rooms)), 0, 64)
				}
				for i := range min(batch, rooms) {
					if err := to.Follow(b.Context(), entries[i].Room); err != nil {
						b.Fatal(err)
					}
				}
				last := entries[batch-1].Room
				var seq chat.Seq
				for b.Loop() {
					seq++
					for i := range entries {
						entries[i].Seq = seq
					}
					if err := from.Announce(b.Context(), entries); err != nil {
						b.Fatal(err)
					}
					for seq-heard.at(last) > 256 { // so many are under way
						time.Sleep(50 * time.Microsecond)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/entry")
			})
		}
	}
}
