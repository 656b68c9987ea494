package session_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// The guards count what delivery costs, so that they give the same result on every machine.

const crowdSize = 1000

// crowd is a hub with crowdSize readers of one room, whose connections take everything and count.
type crowd struct {
	*session.Hub
	tally
	seq   chat.Seq
	batch []chat.Entry
}

// tally counts what all connections of a crowd take.
type tally struct {
	bytes, writes atomic.Int64
	want          atomic.Int64  // bytes at which to tell
	reached       chan struct{} // holds one
}

func (c *tally) TryWrite(p []byte) (int, error) {
	c.writes.Add(1)
	if c.bytes.Add(int64(len(p))) == c.want.Load() {
		c.reached <- struct{}{}
	}
	return len(p), nil
}
func (c *tally) Write(p []byte) error    { _, err := c.TryWrite(p); return err }
func (c *tally) Resume()                 {}
func (c *tally) Close(ports.CloseReason) {}

func newCrowd(t testing.TB) *crowd { t.Helper(); return newCrowdOf(t, fixed{}) }

// newCrowdOf makes a crowd that does not linger for entries: that has tests of its own.
func newCrowdOf(t testing.TB, encoder ports.Encoder) *crowd {
	t.Helper()
	w := newWorld(t, 0)
	c := &crowd{Hub: session.New(session.Config{
		Log: w.store, Reader: open{w.store}, Encoder: encoder, AntiEntropy: time.Hour, Linger: -1,
	})}
	c.reached = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	if _, err := w.store.Create(ctx, chat.Room{ID: "tea", Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	who := identity("everybody") // one user, so that nobody is told who comes
	for range crowdSize {
		s, err := c.Open(&c.tally, ports.Opening{Identity: who, Join: &ports.Join{Room: "tea"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Closed)
	}
	return c
}

// next returns the room's next entries. The next call overwrites them.
func (c *crowd) next(entries int) []chat.Entry {
	c.batch = c.batch[:0]
	for range entries {
		c.seq++
		c.batch = append(c.batch, chat.Entry{Room: "tea", Seq: c.seq, Fact: hello})
	}
	return c.batch
}

var hello chat.Fact = chat.Message{Body: "hello"}

// hears gives the crowd entries that come as one batch, and waits until each reader has them all.
func (c *crowd) hears(entries int) {
	c.want.Store(c.bytes.Load() + int64(crowdSize*entries*frameSize))
	c.Entries(c.next(entries))
	<-c.reached
}

// TestGuardADeliveryAllocatesNothing fans out many entries, and divides what the whole process
// allocated by the deliveries.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestGuardADeliveryAllocatesNothing(t *testing.T) {
	for _, together := range []int{1, 16} {
		t.Run(fmt.Sprintf("%d entries a batch", together), func(t *testing.T) {
			const rounds = 300
			c := newCrowd(t)
			for range rounds { // the ring fills, and what is kept for the next pass grows to its size
				c.hears(together)
			}
			before := mallocs()
			for range rounds {
				c.hears(together)
			}
			made := float64(mallocs() - before)
			t.Logf("%.2f allocations a batch, %.5f a delivery", made/rounds, made/float64(rounds*together*crowdSize))
			// A batch makes a view of its feed, and a chunk of the ring now and then.
			if limit := 4.0; made/rounds > limit {
				t.Errorf("a batch to %d readers allocates %.2f times, want at most %v", crowdSize, made/rounds, limit)
			}
		})
	}
}

// TestGuardACrowdIsToldByTheSameBytes tells a crowd of many who come. Whoever has nothing else due
// is written the same bytes in one call, and nothing is kept for each reader.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestGuardACrowdIsToldByTheSameBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rounds, each = 4, 30
		c := newCrowdOf(t, signalling{})
		tells := func() {
			before := c.bytes.Load()
			for i := range each {
				c.Hear(ports.Signalled{Signal: chat.Signal{Room: "tea", User: chat.UserID(fmt.Sprint("new", i)), Kind: chat.SignalPresence, On: true}})
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got := c.bytes.Load() - before; got != crowdSize*each*signalSize {
				t.Errorf("%d signals came as %d bytes, want %d", each, got, crowdSize*each*signalSize)
			}
		}
		tells()
		before, writes := mallocs(), c.writes.Load()
		for range rounds {
			tells()
		}
		if made := float64(mallocs()-before) / (rounds * each); made > 20 {
			t.Errorf("a signal to %d readers allocates %.1f times", crowdSize, made)
		}
		if n := float64(c.writes.Load()-writes) / (rounds * crowdSize); n > 3 {
			t.Errorf("%d signals took %.1f writes to a reader", each, n)
		}
	})
}

// TestGuardAStormIsTwoWritesAConnection has a crowd connect, and join rooms of 170: the answer to
// the handshake goes out with the welcome, then comes the answer to the join. Who comes is told to
// few.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestGuardAStormIsTwoWritesAConnection(t *testing.T) {
	const rooms, clients, each = 10, 1700, 2 * time.Millisecond
	const head = "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		var c tally
		h := session.New(session.Config{Log: w.store, Reader: open{w.store}, Encoder: tallying{}, AntiEntropy: time.Hour, Linger: -1, Alone: true})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); h.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
		for i := range rooms {
			if _, err := w.store.Create(ctx, chat.Room{ID: roomOf(i), Public: true}, ""); err != nil {
				t.Fatal(err)
			}
		}
		before := mallocs()
		for i := range clients {
			s, err := h.Open(&c, ports.Opening{Identity: identity(fmt.Sprint("user", i)), Head: []byte(head)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Closed)
			time.Sleep(each)
			s.Command(ctx, ports.Command{ID: "1", Ask: ports.Join{Room: roomOf(i % rooms)}})
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		made, writes, bytes := float64(mallocs()-before)/clients, float64(c.writes.Load())/clients, float64(c.bytes.Load())/clients
		t.Logf("%.2f writes, %.0f bytes, %.1f allocations a connection", writes, bytes, made)
		if writes > 2.1 {
			t.Errorf("a connection takes %.2f writes", writes)
		}
		if frames := bytes - float64(len(head)); frames > 2.5 {
			t.Errorf("a connection gets %.1f frames", frames)
		}
		if made > 30 {
			t.Errorf("a connection allocates %.1f times", made)
		}
	})
}

// tallying makes a byte of each frame.
type tallying struct{}

func (tallying) Entry(dst []byte, _ *chat.Entry) []byte { return append(dst, 'e') }
func (tallying) Frame(dst []byte, _ ports.Frame) []byte { return append(dst, 'f') }

func roomOf(i int) chat.RoomID { return chat.RoomID(fmt.Sprint("room", i)) }

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// TestGuardABatchIsOneWriteForEachReader counts the calls of TryWrite: they are system calls, and
// what bounds fan-out.
func TestGuardABatchIsOneWriteForEachReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		synctest.Wait()
		for _, together := range []int{1, 16, 1} { // all within the ring's first chunk: what goes on in the next one is another write
			writes, bytes := c.writes.Load(), c.bytes.Load()
			c.Entries(c.next(together))
			synctest.Wait() // nothing is under way any more
			if got, want := c.bytes.Load()-bytes, int64(crowdSize*together*frameSize); got != want {
				t.Errorf("%d entries came as %d bytes, want %d", together, got, want)
			}
			if got := c.writes.Load() - writes; got != crowdSize {
				t.Errorf("%d entries to %d readers took %d writes, want one for each reader", together, crowdSize, got)
			}
		}
	})
}
