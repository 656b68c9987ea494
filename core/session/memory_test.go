package session_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// TestReadersThatStopCostTheirCursorsOnly sends 20 MB to a room with 200 readers that read nothing.
// A queue per reader would need 4 GB.
//
//nolint:paralleltest // it looks at the memory of the whole process
func TestReadersThatStopCostTheirCursorsOnly(t *testing.T) {
	const stopped, messages = 200, 5000
	w := newWorld(t, 1)
	alice, quick := w.connects("alice"), w.connects("quick")
	for i := range stopped {
		w.connectsTo(0, fmt.Sprint("stopped", i), 2048).asks(ports.Join{Room: "tea"})
	}
	alice.joins("tea")
	quick.joins("tea")
	before := heap()
	body := strings.Repeat("x", 4000)
	for range messages {
		alice.asks(ports.Send{Room: "tea", Body: body})
		alice.hears("ok")
		quick.hears("entry")
	}
	alice.skipped, quick.skipped = nil, nil
	// The log itself is in memory here, 20 MB of it and as much again for its slices.
	grown := int64(heap()) - int64(before)
	if limit := int64(64<<20 + stopped*96<<10); grown > limit {
		t.Errorf("the heap grew by %d MiB, want at most %d", grown>>20, limit>>20)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestReadersThatTakeNoAnswersGetNoMore has 100 clients ask for the largest pages whenever their
// sessions take commands, and take nothing: each is owed one answer at most.
//
//nolint:paralleltest // it looks at the memory of the whole process
func TestReadersThatTakeNoAnswersGetNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const stopped, rounds, answer = 100, 20, 256 << 10
		w := newWorld(t, 1, func(_ *session.Config, m *messaging.Config) {
			m.Measure = func(e *chat.Entry) int { return len(lineEncoder{}.Entry(nil, e)) + 300 } // a page is encoded otherwise there
		})
		alice := w.connects("alice")
		alice.joins("tea")
		for range 50 {
			alice.sends("tea", strings.Repeat("x", 16_000))
		}
		before := heap()
		clients, asked := make([]*client, stopped), make([]int, stopped)
		for i := range clients {
			clients[i] = w.connectsTo(0, fmt.Sprint("stopped", i), 2048)
			clients[i].pipe.waits()
			clients[i].pipe.Resume()
		}
		for range rounds {
			for i, c := range clients {
				select {
				case <-c.pipe.resumed:
					for more := true; more && asked[i] < rounds; asked[i]++ {
						more = c.session.Command(t.Context(), ports.Command{ID: "1", Ask: ports.History{Room: "tea", Limit: 200}})
					}
				default:
				}
				for range 1000 { // its pings are many, and it reads no pong
					c.session.Reply(make([]byte, 64))
				}
			}
			synctest.Wait()
		}
		unwritten := 0
		for _, s := range w.nodes[0].hub.InspectSessions(ports.SessionQuery{Limit: 2 * stopped}).Sessions {
			unwritten += s.Unwritten
		}
		if limit := stopped * (answer + 96<<10); unwritten > limit || unwritten < stopped*answer/2 {
			t.Errorf("%d bytes wait to be written, want at most %d; the first client asked %d times", unwritten, limit, asked[0])
		}
		if grown, limit := int64(heap())-int64(before), int64(3*stopped*answer); grown > limit {
			t.Errorf("the heap grew by %d MiB, want at most %d", grown>>20, limit>>20)
		}
		// Who takes what they are owed may ask again.
		c := clients[0]
		var reading sync.WaitGroup
		reading.Go(c.pipe.drain)
		<-c.pipe.resumed
		c.hangsUp()
		reading.Wait()
	})
}

// spans notes what a log is asked for, and what it answers.
type spans struct {
	*memory.Store
	unbounded, largest atomic.Int64
}

func (l *spans) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	entries, err := l.Store.Read(ctx, room, span)
	if span.Bytes == 0 && span.Limit > 1 {
		l.unbounded.Add(1)
	}
	bytes := 0
	for i := range entries {
		bytes += entries[i].Size()
	}
	if int64(bytes) > l.largest.Load() { // only one reader at a time
		l.largest.Store(int64(bytes))
	}
	return entries, err
}

// Catching up reads about as much as it writes, however large entries are.
func TestCatchingUpReadsInBoundedPieces(t *testing.T) {
	t.Parallel()
	log := &spans{Store: memory.New()}
	w := newWorld(t, 1, func(d *session.Config, m *messaging.Config) {
		d.Log, m.Log, m.Directory, d.CatchUps = log, log, log.Store, 1
	})
	alice := w.connects("alice")
	alice.joins("tea")
	const messages, size = 100, 16_000
	for range messages {
		alice.sends("tea", strings.Repeat("x", size))
	}
	bob := w.connects("bob")
	bob.joins("tea", 0)
	for seq := chat.Seq(1); seq <= messages; seq++ {
		if e := bob.hears("entry").Entry; e.Seq != seq || len(e.Body) != size {
			t.Fatalf("%d is %d, of %d bytes", seq, e.Seq, len(e.Body))
		}
	}
	if largest := log.largest.Load(); largest > 256<<10+size || log.unbounded.Load() > 0 {
		t.Errorf("at once %d bytes are read of the log; %d times without a bound", largest, log.unbounded.Load())
	}
}
