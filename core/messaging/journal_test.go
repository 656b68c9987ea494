package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

func oneLane(c *messaging.Config) { c.Lanes = 1 }

func TestAnAnswerWaitsForTheCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		room, gate := n.room("tea", true), make(chan struct{})
		n.log.meets(held(gate))
		sent := n.user("alice").tries(ports.Send{Room: room, Body: "hi"})
		synctest.Wait()
		if sent.isHere() || len(n.told.all()) != 0 {
			t.Fatalf("before the commit: answered %t, told %v", sent.isHere(), n.told.all())
		}
		close(gate)
		if r, err := sent.wait(); err != nil || r.Seq != 1 || r.Room != room || r.At.IsZero() || r.Duplicate || r.Unchanged {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

func TestWhatTheLogDoesNotTakeIsAnsweredAndToldToNobody(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fault fault
		want  chat.Kind
	}{
		"out of reach": {lostBefore, chat.Unavailable},
		"broken":       {broken, chat.Internal},
		"stalled":      {stalled, chat.Unavailable},
		"mute": {func(appendFunc) appendFunc {
			return func(context.Context, []chat.Proposal) ([]ports.Outcome, error) { return nil, nil }
		}, chat.Internal},
		"refusing without a reason": {func(appendFunc) appendFunc {
			return func(_ context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
				return make([]ports.Outcome, len(p)), nil
			}
		}, chat.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				room := n.room("tea", true)
				n.log.always = row.fault
				_, err := n.user("alice").tries(ports.Send{Room: room, Body: "hi"}).wait()
				if got := chat.AsError(err); err == nil || got.Kind != row.want || (got.RetryAfter > 0) != (row.want == chat.Unavailable) {
					t.Errorf("got %v, want %s", err, row.want)
				}
				synctest.Wait()
				if told := n.told.all(); len(told) != 0 {
					t.Errorf("told %v", told)
				}
				mustEqual(t, "entries", len(n.logged(room)), 0)
			})
		})
	}
}

func TestAMessageAloneWaitsForNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, room := n.user("alice"), n.room("tea", true)
		began := time.Now()
		for i := range 100 {
			alice.says(room, fmt.Sprint(i))
		}
		mustEqual(t, "time passed", time.Since(began), 0)
		mustEqual(t, "batches", len(n.log.batches()), 100)
	})
}

func TestABatchIsWhatGatheredDuringTheLastCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.MaxBatch = 64 })
		alice, room, gate := n.user("alice"), n.room("tea", true), make(chan struct{})
		n.log.meets(held(gate))
		var sent []*answer
		for i := range 101 {
			sent = append(sent, alice.tries(ports.Send{Room: room, Body: fmt.Sprint(i)}))
			synctest.Wait()
		}
		mustBe(t, "batches before the commit ends", n.log.batches(), 1)
		close(gate)
		for i, a := range sent {
			if r, err := a.wait(); err != nil || r.Seq != chat.Seq(i+1) {
				t.Fatalf("message %d: %+v, %v", i, r, err)
			}
		}
		mustBe(t, "batches after it", n.log.batches(), 64, 36)
	})
}

func TestOneSlowCommitDoesNotHoldUpEveryRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, slow, gate := n.user("alice"), n.room("slow", true), make(chan struct{})
		n.log.meets(held(gate))
		first := alice.tries(ports.Send{Room: slow, Body: "hi"})
		synctest.Wait()
		var others []*answer
		for i := range 100 { // of which a lane in four is held up
			others = append(others, alice.tries(ports.Send{Room: n.room(chat.RoomID(fmt.Sprint("r", i)), true), Body: "hi"}))
		}
		synctest.Wait()
		through := 0
		for _, a := range others {
			if a.isHere() {
				through++
			}
		}
		if through < 40 || first.isHere() {
			t.Errorf("%d of 100 other rooms' messages went while one lane was held up", through)
		}
		close(gate)
	})
}

// byLength spreads rooms over two lanes by the lengths of their ids.
type byLength struct{}

func (byLength) Lanes() int                { return 2 }
func (byLength) Apart() int                { return 1 }
func (byLength) Lane(room chat.RoomID) int { return len(room) % 2 }

func TestRoomsGoByTheLanesThatTheStoreSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.Spread = byLength{} })
		alice, gate := n.user("alice"), make(chan struct{})
		n.log.meets(held(gate))
		var odd, even []*answer
		for i := range 50 {
			odd = append(odd, alice.tries(ports.Send{Room: n.room(chat.RoomID(fmt.Sprint("o", 10+i)), true), Body: "hi"}))
			synctest.Wait()
			even = append(even, alice.tries(ports.Send{Room: n.room(chat.RoomID(fmt.Sprint("ev", 10+i)), true), Body: "hi"}))
			synctest.Wait()
		}
		for i := range odd {
			if odd[i].isHere() || !even[i].isHere() {
				t.Fatalf("send %d: of the lane that is held up %t, of the other one %t", i, odd[i].isHere(), even[i].isHere())
			}
		}
		mustBe(t, "batches", n.log.batches(), slices.Repeat([]int{1}, 51)...)
		close(gate)
		for _, a := range odd {
			if _, err := a.wait(); err != nil {
				t.Fatal(err)
			}
		}
		mustBe(t, "batches behind the gate", n.log.batches(), 49)
	})
}

func TestARoomKeepsEachSendersOrder(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.MaxBatch = 7 })
	rooms := []chat.RoomID{n.room("tea", true), n.room("den", true)}
	const senders, each = 8, 200
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			var last []*answer
			for i := range each {
				last = append(last, n.user(fmt.Sprint("user", s)).tries(ports.Send{Room: rooms[(s+i)%2], Body: fmt.Sprint(i)}))
			}
			for _, a := range last {
				if _, err := a.wait(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for _, room := range rooms {
		next := map[chat.UserID]int{}
		for i, e := range n.logged(room) {
			var nth int
			fmt.Sscan(e.Fact.(chat.Message).Body, &nth)
			if e.Seq != chat.Seq(i+1) || nth < next[e.Author.ID] {
				t.Fatalf("%s/%d says %d of %s, after %d", room, e.Seq, nth, e.Author.ID, next[e.Author.ID])
			}
			next[e.Author.ID] = nth + 1
			total++
		}
	}
	mustEqual(t, "messages", total, senders*each)
}

func TestAnswersComeBeforeTheListenerAndTheListenerBeforeTheBus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane)
		alice, room, gate := n.user("alice"), n.room("tea", true), make(chan struct{})
		n.log.meets(held(gate))
		for i := range 4 {
			n.Write(t.Context(), alice.Identity, ports.Send{Room: room, Body: fmt.Sprint(i)}, func(r ports.Receipt, err error) {
				n.told.note("answer %d %v", r.Seq, err)
			})
			synctest.Wait()
		}
		close(gate)
		synctest.Wait()
		mustBe(t, "told", n.told.all(),
			"answer 1 <nil>", "listener tea/1", "bus tea/1",
			"answer 2 <nil>", "answer 3 <nil>", "answer 4 <nil>",
			"listener tea/2", "listener tea/3", "listener tea/4", "bus tea/2", "bus tea/3", "bus tea/4")
	})
}

func TestAFullJournalPushesBackAtOnceAndThenGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		waiting := &waiting{}
		n := newNode(t, oneLane, func(c *messaging.Config) { c.MaxQueue, c.Observer = 3, waiting })
		alice, room, gate := n.user("alice"), n.room("tea", true), make(chan struct{})
		n.log.meets(held(gate))
		var sent []*answer
		for i := range 4 { // one under way, three queued
			sent = append(sent, alice.tries(ports.Send{Room: room, Body: fmt.Sprint(i)}))
			synctest.Wait()
		}
		mustEqual(t, "waiting, as told", waiting.now(), 3)
		for range 2 {
			over := alice.tries(ports.Send{Room: room, Body: "over"})
			if !over.isHere() {
				t.Fatal("the message over the limit is not answered at once")
			}
			if _, err := over.wait(); !errors.Is(err, chat.Unavailable) || chat.AsError(err).RetryAfter <= 0 {
				t.Errorf("the message over the limit got %v", err)
			}
		}
		close(gate)
		for _, a := range sent {
			if _, err := a.wait(); err != nil {
				t.Error(err)
			}
		}
		alice.says(room, "again")
		mustBe(t, "messages", bodies(n.logged(room)), "0", "1", "2", "3", "again")
		mustEqual(t, "waiting, as told", waiting.now(), 0)
	})
}

// waiting adds up what the observer is told of the queue.
type waiting struct {
	ports.Unobserved
	mu     sync.Mutex
	count  int
	lowest int
}

func (w *waiting) Queued(change int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count += change
	w.lowest = min(w.lowest, w.count)
}

func (w *waiting) now() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

func TestTheObserverIsToldOfAWaitBeforeOfItsEnd(t *testing.T) {
	t.Parallel()
	waiting := &waiting{}
	n := newNode(t, oneLane, func(c *messaging.Config) { c.Observer = waiting })
	room := n.room("tea", true)
	var wg sync.WaitGroup
	for s := range 4 {
		wg.Go(func() {
			for range 500 {
				n.user(fmt.Sprint("user", s)).says(room, "hi")
			}
		})
	}
	wg.Wait()
	mustEqual(t, "waiting at the end", waiting.now(), 0)
	mustEqual(t, "lowest that was told to wait", waiting.lowest, 0)
}

func TestStoppingWritesWhatWaitsAndRefusesWhatComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.MaxBatch = 4 })
		alice, room, gate := n.user("alice"), n.room("tea", true), make(chan struct{})
		n.log.meets(held(gate))
		var sent []*answer
		for i := range 20 {
			sent = append(sent, alice.tries(ports.Send{Room: room, Body: fmt.Sprint(i)}))
			synctest.Wait()
		}
		stopped := make(chan struct{})
		go func() { n.stop(); close(stopped) }()
		synctest.Wait()
		late := alice.tries(ports.Send{Room: room, Body: "late"})
		if _, err := late.wait(); !errors.Is(err, chat.Unavailable) || chat.AsError(err).RetryAfter <= 0 {
			t.Errorf("what came after the end got %v", err)
		}
		select {
		case <-stopped:
			t.Fatal("Run returned while messages waited")
		default:
		}
		close(gate)
		<-stopped
		for i, a := range sent {
			if !a.isHere() || a.err != nil {
				t.Errorf("message %d: answered %t, %v", i, a.isHere(), a.err)
			}
		}
		heard, announced := n.told.entries()
		mustEqual(t, "messages in the log", len(n.logged(room)), 20)
		mustEqual(t, "entries that the listener heard", len(heard), 20)
		mustEqual(t, "entries that went to the other nodes", len(announced), 20)
	})
}

func TestStoppingWaitsForALogThatIsGoneOnceAndNotForEachBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane, func(c *messaging.Config) { c.MaxBatch, c.AppendTimeout = 1, 5*time.Second })
		alice, room := n.user("alice"), n.room("tea", true)
		n.log.always = stalled
		var sent []*answer
		for i := range 50 {
			sent = append(sent, alice.tries(ports.Send{Room: room, Body: fmt.Sprint(i)}))
		}
		synctest.Wait()
		began := time.Now()
		n.stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("stopping took %v", took)
		}
		for i, a := range sent {
			if !a.isHere() || !errors.Is(a.err, chat.Unavailable) || chat.AsError(a.err).RetryAfter <= 0 {
				t.Errorf("message %d: answered %t, %v", i, a.isHere(), a.err)
			}
		}
	})
}

func TestStoppingEndsTheWaitForALogThatIsOutOfReach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane, func(c *messaging.Config) { c.MaxBatch, c.RetryFor = 1, time.Hour })
		alice, room := n.user("alice"), n.room("tea", true)
		n.log.always = lostBefore
		sent := []*answer{
			alice.tries(ports.Send{Room: room, Body: "in the middle of its retries"}),
			alice.tries(ports.Send{Room: room, Body: "queued"}), alice.tries(ports.Send{Room: room, Body: "behind it"}),
		}
		time.Sleep(time.Minute + time.Millisecond)
		n.log.batches()
		began := time.Now()
		n.stop()
		mustEqual(t, "time that stopping took", time.Since(began), 0)
		mustEqual(t, "tries for what waited", len(n.log.batches()), 1)
		for _, a := range sent {
			if !a.isHere() || !errors.Is(a.err, chat.Unavailable) {
				t.Errorf("answered %t, %v", a.isHere(), a.err)
			}
		}
	})
}

func TestWhatIsWrittenBeforeRunWaitsForIt(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := messaging.New(messaging.Config{Log: n.store, Directory: n.store})
	room := n.room("tea", true)
	early := user{&node{Service: s, t: t}, chat.Identity{User: "alice"}}.tries(ports.Send{Room: room, Body: "early"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // even Run that is over at once writes what waits
	if err := s.Run(ctx, n.told); err != nil {
		t.Fatal(err)
	}
	if r, err := early.wait(); err != nil || r.Seq != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestAContextBoundsTheLookAndNotTheRecording(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice, room, gate := n.user("alice"), n.room("tea", true), make(chan struct{})
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := ports.Record(ended, n, alice.Identity, ports.Send{Room: room, Body: "unseen"}); !errors.Is(err, chat.Unavailable) {
			t.Errorf("a look at the room with an ended context got %v", err)
		}
		n.log.meets(held(gate))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ports.Record(ctx, n, alice.Identity, ports.Send{Room: room, Body: "slow"}); !errors.Is(err, chat.Unavailable) {
			t.Errorf("a caller that waits no longer got %v", err)
		}
		close(gate)
		synctest.Wait()
		mustBe(t, "messages", bodies(n.logged(room)), "slow")
		heard, _ := n.told.entries()
		mustBe(t, "heard", bodies(heard), "slow")
	})
}

func TestAModeratorsChangeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		root, room, gate := n.user("root").asAdmin(), n.room("tea", true), make(chan struct{})
		n.log.meets(held(gate))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n.RemoveMember(ctx, root.Identity, room, "bob"); !errors.Is(err, chat.Unavailable) {
			t.Errorf("got %v", err)
		}
		close(gate)
	})
}
