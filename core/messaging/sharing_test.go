package messaging_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// writingBus counts how often it is told that the node writes.
type writingBus struct {
	ports.Bus
	told *atomic.Int64
}

func (b writingBus) Tell(ctx context.Context, n ports.Notice) error {
	if _, ok := n.(ports.Writing); ok {
		b.told.Add(1)
	}
	return b.Bus.Tell(ctx, n)
}

// both sends to a room of each of two lanes while a commit of the first lane is held up, and
// returns the sizes of the batches behind it.
func (n *node) both(alice user, odd, even chat.RoomID) []int {
	n.t.Helper()
	gate := make(chan struct{})
	n.log.batches()
	n.log.meets(held(gate))
	sent := []*answer{alice.tries(ports.Send{Room: even, Body: "is held up"})}
	synctest.Wait()
	for range 3 {
		sent = append(sent, alice.tries(ports.Send{Room: even, Body: "hi"}), alice.tries(ports.Send{Room: odd, Body: "hi"}))
		synctest.Wait()
	}
	close(gate)
	for _, a := range sent {
		if _, err := a.wait(); err != nil {
			n.t.Fatal(err)
		}
	}
	return n.log.batches()
}

func TestLanesGoTogetherWhileOtherNodesWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.Spread = byLength{} })
		alice, odd, even := n.user("alice"), n.room("odd", true), n.room("even", true)
		mustBe(t, "batches of a node alone", n.both(alice, odd, even), 1, 1, 1, 1, 3)
		for range 5 {
			n.Hear(ports.Writing{Node: "another"})
			time.Sleep(time.Second)
		}
		mustBe(t, "batches beside another node", n.both(alice, odd, even), 1, 6)
		mustBe(t, "nodes that write", []int{n.Writing()}, 2)
		time.Sleep(5 * time.Second)
		mustBe(t, "nodes that write, later", []int{n.Writing()}, 1)
		mustBe(t, "batches once that does not write any more", n.both(alice, odd, even), 1, 1, 1, 1, 3)
	})
}

// twoServers spreads rooms over two lanes on each of two servers, by the lengths of their ids.
type twoServers struct{}

func (twoServers) Lanes() int                { return 4 }
func (twoServers) Apart() int                { return 2 }
func (twoServers) Lane(room chat.RoomID) int { return len(room) % 4 }

func TestLanesThatMustStayApartNeverGoTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.Spread = twoServers{} })
		alice, first, same, other := n.user("alice"), n.room("four", true), n.room("sixsix", true), n.room("fifth", true)
		for range 5 {
			n.Hear(ports.Writing{Node: "another"})
			time.Sleep(time.Second)
		}
		mustBe(t, "batches of the same server", n.both(alice, same, first), 1, 6)
		n.Hear(ports.Writing{Node: "another"})
		mustBe(t, "batches of two servers", n.both(alice, other, first), 1, 1, 1, 1, 3)
	})
}

func TestANodeTellsWhileItWritesMuch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		n := newNode(t, func(c *messaging.Config) { c.Bus = writingBus{c.Bus, &told} })
		alice, room := n.user("alice"), n.room("tea", true)
		time.Sleep(500 * time.Millisecond) // between the looks
		for seconds, each := range map[int64]int{3: 200, 0: 20} {
			told.Store(0)
			for range 3 {
				for range each {
					alice.says(room, "hi")
				}
				time.Sleep(time.Second)
			}
			if got := told.Load(); got != seconds {
				t.Errorf("with %d messages a second it told so in %d seconds of 3, want %d", each, got, seconds)
			}
		}
	})
}

// A lane that has more than a batch all the time does not keep the others from being written.
func TestLanesThatGoTogetherTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.Spread, c.MaxBatch = byLength{}, 4 })
		alice, odd, even, gate := n.user("alice"), n.room("odd", true), n.room("even", true), make(chan struct{})
		n.Hear(ports.Writing{Node: "another"})
		time.Sleep(1500 * time.Millisecond)
		n.log.meets(held(gate))
		for range 41 {
			alice.tries(ports.Send{Room: even, Body: "hi"})
			synctest.Wait()
		}
		last := alice.tries(ports.Send{Room: odd, Body: "hi"})
		synctest.Wait()
		n.log.batches()
		next := make(chan struct{})
		n.log.meets(slices.Repeat([]fault{held(next)}, 2)...)
		close(gate)
		synctest.Wait()
		first := len(n.log.batches())
		next <- struct{}{}
		synctest.Wait()
		if second := len(n.log.batches()); first != 1 || second != 1 {
			t.Fatalf("%d and %d batches were written", first, second)
		}
		if got := len(n.logged(odd)); got != 1 {
			t.Errorf("in two batches %d messages of the other lane were written", got)
		}
		close(next)
		if _, err := last.wait(); err != nil {
			t.Fatal(err)
		}
	})
}

// Each of 20 senders sends again when it is answered, and each commit takes 8 ms.
func TestThoseWhoWereAnsweredAreInTheNextBatchWhileOtherNodesWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.Spread = byLength{} })
		n.log.always = func(next appendFunc) appendFunc {
			return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
				time.Sleep(8 * time.Millisecond)
				return next(ctx, p)
			}
		}
		alice, room := n.user("alice"), n.room("tea", true)
		during := func(senders int, long time.Duration) []int {
			n.log.batches()
			end, all := time.Now().Add(long), sync.WaitGroup{}
			for i := range senders {
				all.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					for time.Now().Before(end) {
						if _, err := alice.tries(ports.Send{Room: room, Body: "hi"}).wait(); err != nil {
							t.Error(err)
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
			all.Wait()
			return n.log.batches()
		}
		most := func(sizes []int) int { return slices.Max(sizes[5 : len(sizes)-5]) }
		if got := most(during(20, time.Second)); got > 12 {
			t.Errorf("a node alone has a batch of %d, so it waited", got)
		}
		n.Hear(ports.Writing{Node: "another"})
		time.Sleep(1500 * time.Millisecond)
		if sizes := during(20, time.Second); most(sizes) < 20 || len(sizes) > 1000/9 {
			t.Errorf("beside another node there are %d batches of at most %d", len(sizes), most(sizes))
		}
		n.Hear(ports.Writing{Node: "another"})
		if sizes := during(1, time.Second); len(sizes) < 1000/9 {
			t.Errorf("a single sender sent %d times, so it waited", len(sizes))
		}
	})
}

// Nodes come and go, while batches take their time: the messages of a room stay in order.
func TestLanesPartAndJoinInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.MaxBatch = 8 })
		n.log.always = func(next appendFunc) appendFunc {
			return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
				time.Sleep(time.Duration(20+len(p[0].Room)*30) * time.Millisecond)
				return next(ctx, p)
			}
		}
		alice := n.user("alice")
		var rooms []chat.RoomID
		for i := range 12 {
			rooms = append(rooms, n.room(chat.RoomID(fmt.Sprint("r", 1<<i)), true))
		}
		var sent []*answer
		want := map[chat.RoomID][]string{}
		for i := range 1500 {
			if i/300%2 == 1 {
				n.Hear(ports.Writing{Node: "b"})
			}
			if i/150%2 == 1 {
				n.Hear(ports.Writing{Node: "c"})
			}
			room := rooms[i*7%len(rooms)]
			want[room] = append(want[room], fmt.Sprint(i))
			sent = append(sent, alice.tries(ports.Send{Room: room, Body: fmt.Sprint(i)}))
			time.Sleep(20 * time.Millisecond)
		}
		for _, a := range sent {
			if _, err := a.wait(); err != nil {
				t.Fatal(err)
			}
		}
		for _, room := range rooms {
			if got := bodies(n.logged(room)); !slices.Equal(got, want[room]) {
				t.Errorf("%s has %v, want %v", room, got, want[room])
			}
		}
	})
}
