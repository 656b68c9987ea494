package session_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// betweenTicks keeps the writes of these tests apart from the hub's look at its sessions, once a
// second. That would wait for the lock that a write holds, and a bubble's time does not advance
// while a goroutine waits for a lock.
const betweenTicks = 1100 * time.Millisecond

// laggard is a connection whose every write takes a while, and tells when it was.
type laggard struct {
	sink
	takes time.Duration
	at    []time.Time
	sizes []int
	wrote func() // nil: nobody is told
}

func (l *laggard) TryWrite(p []byte) (int, error) {
	l.at, l.sizes = append(l.at, time.Now()), append(l.sizes, len(p))
	time.Sleep(l.takes)
	if l.wrote != nil {
		l.wrote()
	}
	return len(p), nil
}

// lingering is a hub with one shard and readers of one room, whose writes take a while each.
type lingering struct {
	*session.Hub
	readers []*laggard
	seq     chat.Seq
}

func newLingering(t *testing.T, linger time.Duration, readers int, takes time.Duration) *lingering {
	w := newWorld(t, 0)
	l := &lingering{Hub: session.New(session.Config{
		Log: w.store, Reader: open{w.store}, Encoder: signalling{}, AntiEntropy: time.Hour, Linger: linger,
	})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	if _, err := w.store.Create(ctx, chat.Room{ID: "tea", Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	for i := range readers {
		conn := &laggard{} // quick while they tell each other that they are there
		s, err := l.Open(conn, ports.Opening{Identity: identity(fmt.Sprint("user", i)), Join: &ports.Join{Room: "tea"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Closed)
		t.Cleanup(func() { time.Sleep(betweenTicks) }) // until the last write is over: closing would wait for its lock
		l.readers = append(l.readers, conn)
	}
	time.Sleep(betweenTicks)
	synctest.Wait()
	for _, conn := range l.readers {
		conn.takes, conn.at, conn.sizes = takes, nil, nil
	}
	return l
}

func (l *lingering) come(entries int) {
	for range entries {
		l.seq++
		l.Entries([]chat.Entry{{Room: "tea", Seq: l.seq, Fact: chat.Message{Body: "x"}}})
	}
}

func TestALoneEntryDoesNotLinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLingering(t, 0, 10, time.Millisecond)
		for range 3 {
			time.Sleep(betweenTicks)
			came := time.Now()
			l.come(1)
			synctest.Wait()
			if at := l.readers[0].at; len(at) == 0 || !at[len(at)-1].Equal(came) {
				t.Fatalf("an entry of %v was written at %v", came, at)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

// TestEntriesUnderLoadShareWrites sends two entries, 1 ms apart, while the first is being written.
// Without lingering, readers who were served early would get them in two or three writes.
func TestEntriesUnderLoadShareWrites(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		linger time.Duration
		writes int // of the reader who is served first
	}{{"lingering", 5 * time.Millisecond, 2}, {"off", -1, 3}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLingering(t, test.linger, 10, time.Millisecond)
				l.come(1) // written from 0 to 10 ms
				time.Sleep(9 * time.Millisecond)
				l.come(1) // due at 10 ms
				time.Sleep(3 * time.Millisecond)
				l.come(1) // the second pass is under way, if there was no lingering
				time.Sleep(betweenTicks)
				synctest.Wait()
				first := l.readers[0]
				if len(first.at) != test.writes {
					t.Fatalf("the first reader was written to at %v", first.at)
				}
				if total := sum(first.sizes); total != 3*frameSize {
					t.Errorf("the first reader got %d bytes, want %d", total, 3*frameSize)
				}
				// It lingers from the end of the pass on, and no longer than told.
				if wait := first.at[1].Sub(first.at[0]); wait != 10*time.Millisecond+max(test.linger, 0) {
					t.Errorf("the second write came %v behind the first", wait)
				}
			})
		})
	}
}

func TestFewReadersDoNotLinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLingering(t, 0, 4, 100*time.Microsecond)
		l.come(1)
		time.Sleep(400 * time.Microsecond) // the pass is over
		l.come(1)
		synctest.Wait()
		if first := l.readers[0]; len(first.at) != 2 {
			t.Errorf("the first reader was written to at %v", first.at)
		}
	})
}

// TestOneWriterWhoWaitsIsNotHeldUp has a reader in the middle send an entry when it has got the one
// before. No other can come while the feed lingers.
func TestOneWriterWhoWaitsIsNotHeldUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const entries = 200
		l := newLingering(t, 0, 10, 100*time.Microsecond) // a pass takes 1 ms
		writer := l.readers[5]
		writer.wrote = func() {
			if l.seq < entries {
				go l.come(1) // the reader's lock is held here
			}
		}
		l.come(1)
		time.Sleep(betweenTicks)
		synctest.Wait()
		if len(writer.at) != entries {
			t.Fatalf("the writer got its %d entries in %d writes", entries, len(writer.at))
		}
		lingered := 0
		for i := range entries / 2 {
			if writer.at[entries-1-i].Sub(writer.at[entries-2-i]) > time.Millisecond {
				lingered++
			}
		}
		if lingered > 16 {
			t.Errorf("of the last %d entries %d were held up", entries/2, lingered)
		}
	})
}

// TestEntriesAtARateShareWritesForGood sends entries at a rate that the shard could just keep up
// with one by one.
func TestEntriesAtARateShareWritesForGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const entries = 600
		l := newLingering(t, 0, 10, 100*time.Microsecond)
		for range entries {
			l.come(1)
			time.Sleep(1250 * time.Microsecond)
		}
		time.Sleep(betweenTicks)
		synctest.Wait()
		if n := len(l.readers[0].at); n > entries*7/10 {
			t.Errorf("%d entries took %d writes to a reader", entries, n)
		}
	})
}

func sum(list []int) (total int) {
	for _, n := range list {
		total += n
	}
	return total
}

// TestACrowdIsToldToEachOtherTogether has 40 users come to a room of ten, 1 ms apart. The readers
// hear of them in a few writes, and an entry that comes meanwhile does not wait with them.
func TestACrowdIsToldToEachOtherTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLingering(t, 0, 10, time.Millisecond)
		signal := func(i int) {
			l.Hear(ports.Signalled{Signal: chat.Signal{Room: "tea", User: chat.UserID(fmt.Sprint("new", i)), Kind: chat.SignalPresence, On: true}})
		}
		signal(0) // told from 0 to 10 ms
		for i := range 39 {
			time.Sleep(time.Millisecond)
			signal(1 + i)
		}
		time.Sleep(20 * time.Millisecond) // 59 ms: the next are due at 10 + 500 ms
		came := time.Now()
		l.come(1)
		time.Sleep(betweenTicks)
		synctest.Wait()
		first := l.readers[0]
		if len(first.at) != 2 {
			t.Fatalf("the first reader was written to at %v", first.at)
		}
		if !first.at[1].Equal(came) {
			t.Errorf("an entry of %v waited with the signals until %v", came, first.at[1])
		}
		if want := 39*signalSize + frameSize; first.sizes[1] != want {
			t.Errorf("the second write had %d bytes, want %d", first.sizes[1], want)
		}
	})
}

// TestSignalsOfManyRoomsTakeLittleOfAShard has users come to 40 rooms all the time. Each room by
// itself might be told of them fifty times a second.
func TestSignalsOfManyRoomsTakeLittleOfAShard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rooms, readers, takes, lasts = 40, 10, 20 * time.Microsecond, 700 * time.Millisecond
		w := newWorld(t, 0)
		h := session.New(session.Config{Log: w.store, Reader: open{w.store}, Encoder: signalling{}, AntiEntropy: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); h.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
		var all []*laggard
		room := func(i int) chat.RoomID { return chat.RoomID(fmt.Sprint("room-", i%rooms)) }
		for i := range rooms {
			if _, err := w.store.Create(ctx, chat.Room{ID: room(i), Public: true}, ""); err != nil {
				t.Fatal(err)
			}
		}
		for i := range rooms * readers {
			conn := &laggard{}
			s, err := h.Open(conn, ports.Opening{Identity: identity("everybody"), Join: &ports.Join{Room: room(i)}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Closed)
			t.Cleanup(func() { time.Sleep(betweenTicks) })
			all = append(all, conn)
		}
		time.Sleep(betweenTicks)
		synctest.Wait()
		for _, conn := range all {
			conn.takes, conn.at = takes, nil
		}
		for i := range int(lasts / (250 * time.Microsecond)) {
			h.Hear(ports.Signalled{Signal: chat.Signal{Room: room(i), User: chat.UserID(fmt.Sprint("new", i)), Kind: chat.SignalPresence, On: true}})
			time.Sleep(250 * time.Microsecond)
		}
		time.Sleep(betweenTicks)
		synctest.Wait()
		writes := 0
		for _, conn := range all {
			writes += len(conn.at)
		}
		if busy := time.Duration(writes) * takes; busy > lasts*15/100 || writes < 5*len(all) {
			t.Errorf("%d writes took %v of %v", writes, busy, lasts)
		}
	})
}

const signalSize = 10

// signalling is fixed, with signals.
type signalling struct{ fixed }

func (signalling) Frame(dst []byte, f ports.Frame) []byte {
	if _, ok := f.(ports.SignalFrame); ok {
		return append(dst, make([]byte, signalSize)...)
	}
	return dst
}
