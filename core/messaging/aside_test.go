package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// locks are rooms that somebody outside the service holds.
type locks struct {
	mu    sync.Mutex
	rooms map[chat.RoomID]bool
	tries int // that met one
}

func (l *locks) set(room chat.RoomID, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rooms == nil {
		l.rooms = map[chat.RoomID]bool{}
	}
	l.rooms[room] = on
}

func (l *locks) tried() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tries
}

// fault is how a log appends while there are locks: it waits for them a moment, and then leaves
// those rooms out.
func (l *locks) fault(next appendFunc) appendFunc {
	return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
		l.mu.Lock()
		held := maps.Clone(l.rooms)
		l.mu.Unlock()
		outcomes := make([]ports.Outcome, len(p))
		var free []chat.Proposal
		var places []int
		for i := range p {
			if held[p[i].Room] {
				outcomes[i] = ports.Outcome{Status: ports.Held, Err: fmt.Errorf("%s is locked by psql", p[i].Room)}
				continue
			}
			free, places = append(free, p[i]), append(places, i)
		}
		if len(free) < len(p) {
			l.mu.Lock()
			l.tries++
			l.mu.Unlock()
			time.Sleep(100 * time.Millisecond)
		}
		if len(free) == 0 {
			return outcomes, nil
		}
		got, err := next(ctx, free)
		if err != nil {
			return nil, err
		}
		for i, o := range got {
			outcomes[places[i]] = o
		}
		return outcomes, nil
	}
}

// heldObserver notes what it is told of rooms that are held, and how many proposals wait.
type heldObserver struct {
	ports.Unobserved
	mu     sync.Mutex
	told   []string
	queued int
}

func (o *heldObserver) Held(room chat.RoomID, lasted time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, fmt.Sprint(room, " ", lasted.Truncate(time.Second), " ", err))
}

func (o *heldObserver) Queued(change int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queued += change
}

func TestARoomThatIsHeldHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := &heldObserver{}
		n := newNode(t, oneLane, func(c *messaging.Config) { c.Observer = seen })
		locked := &locks{}
		n.log.always = locked.fault
		alice := n.user("alice")
		var rooms []chat.RoomID
		for i := range 12 {
			rooms = append(rooms, n.room(chat.RoomID(fmt.Sprint("r", i)), true))
		}
		locked.set("r0", true)
		var waiting []*answer
		send := func() {
			waiting = append(waiting, alice.tries(ports.Send{Room: "r0", Body: fmt.Sprint(len(waiting))}))
		}
		send()
		send()
		for _, room := range rooms[1:] { // in one batch with it, but for the first
			alice.tries(ports.Send{Room: room, Body: "hi"})
		}
		time.Sleep(150 * time.Millisecond) // the log has told
		began := time.Now()
		for range 20 {
			send()
			for _, room := range rooms[1:] {
				if r := alice.says(room, "hi"); r.Seq < 2 {
					t.Errorf("%s/%d", room, r.Seq)
				}
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("other rooms waited for %v", took-20*time.Second)
		}
		for i, a := range waiting {
			if a.isHere() {
				t.Errorf("message %d was answered: %v", i, a.err)
			}
		}
		if tries := locked.tried(); tries > 80 {
			t.Errorf("the room was asked for %d times in 20 s", tries)
		}
		locked.set("r0", false)
		time.Sleep(500 * time.Millisecond)
		for i, a := range waiting {
			if !a.isHere() || a.err != nil || a.receipt.Seq != chat.Seq(i+1) {
				t.Fatalf("message %d: %t, %+v, %v", i, a.isHere(), a.receipt, a.err)
			}
		}
		synctest.Wait()
		mustBe(t, "told", seen.told, "r0 0s r0 is locked by psql", "r0 10s r0 is locked by psql", "r0 20s <nil>")
		mustEqual(t, "queued", seen.queued, 0)
		alice.says("r0", "and on, in its lane")
		synctest.Wait()
		heard, sent := n.told.entries()
		for what, entries := range map[string][]chat.Entry{"listener": heard, "bus": sent} {
			entries = slices.DeleteFunc(entries, func(e chat.Entry) bool { return e.Room != "r0" })
			for i, e := range entries {
				mustEqual(t, what+"'s entry", e.Seq, chat.Seq(i+1))
			}
			mustEqual(t, what+"'s entries", len(entries), len(waiting)+1)
		}
	})
}

func TestWhatWaitsForAHeldRoomWaitsAsLongAsItTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane) // which retries for 2 s what cannot reach the log
		locked, alice, room := &locks{}, n.user("alice"), n.room("tea", true)
		n.log.always = locked.fault
		locked.set(room, true)
		first := alice.tries(ports.Send{Room: room, Body: "first", Key: "k"})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := ports.Record(ctx, n, alice.Identity, ports.Send{Room: room, Body: "second", Key: "l"}); !errors.Is(err, chat.Unavailable) {
			t.Errorf("who waits for 10 s only is told %v", err)
		}
		time.Sleep(time.Hour)
		third := alice.tries(ports.Send{Room: room, Body: "third"})
		if first.isHere() || third.isHere() {
			t.Error("one was answered while the room was locked")
		}
		locked.set(room, false)
		for i, a := range []*answer{first, third} {
			if r, err := a.wait(); err != nil || r.Duplicate || r.Seq != chat.Seq(1+2*i) {
				t.Errorf("got %+v, %v", r, err)
			}
		}
		if r := alice.does(ports.Send{Room: room, Body: "second", Key: "l"}); r.Seq != 2 || !r.Duplicate {
			t.Errorf("the second again: %+v", r)
		}
		mustBe(t, "messages", bodies(n.logged(room)), "first", "second", "third")
	})
}

func TestWhatWaitsForHeldRoomsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane, func(c *messaging.Config) { c.MaxQueue = 16 })
		locked, alice, room, other := &locks{}, n.user("alice"), n.room("tea", true), n.room("den", true)
		n.log.always = locked.fault
		locked.set(room, true)
		alice.tries(ports.Send{Room: room, Body: "0"})
		time.Sleep(150 * time.Millisecond) // aside, and its pause
		var answers []*answer
		for i := range 40 {
			answers = append(answers, alice.tries(ports.Send{Room: room, Body: fmt.Sprint(i)}))
		}
		refused := 0
		for _, a := range answers {
			if a.isHere() {
				refused++
				if !errors.Is(a.err, chat.Unavailable) {
					t.Errorf("refused with %v", a.err)
				}
			}
		}
		if refused < 37 {
			t.Errorf("%d of 40 were refused", refused)
		}
		alice.says(other, "another room has its whole queue")
	})
}

func TestStoppingAnswersWhatWaitsForHeldRooms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := &heldObserver{}
		n := newNode(t, oneLane, func(c *messaging.Config) { c.Observer = seen; c.MaxBatch = 4 })
		locked, alice := &locks{}, n.user("alice")
		n.log.always = locked.fault
		var answers []*answer
		for i := range 5 {
			room := n.room(chat.RoomID(fmt.Sprint("r", i)), true)
			locked.set(room, true)
			for range 10 {
				answers = append(answers, alice.tries(ports.Send{Room: room, Body: "hi"}))
			}
		}
		time.Sleep(time.Second)
		locked.set("r3", false) // its messages go, in their one try
		began := time.Now()
		n.stop()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("stopping took %v", took)
		}
		for i, a := range answers {
			if !a.isHere() || (a.err == nil) != (i/10 == 3) || a.err != nil && !errors.Is(a.err, chat.Unavailable) {
				t.Errorf("message %d: %t, %v", i, a.isHere(), a.err)
			}
		}
		mustEqual(t, "queued", seen.queued, 0)
	})
}

func TestAHeldRoomKeepsItsOrderWhereABatchIsHalved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, oneLane)
		locked, alice, room, other, gate := &locks{}, n.user("alice"), n.room("tea", true), n.room("den", true), make(chan struct{})
		calls := 0
		n.log.meets(held(gate))
		n.log.always = func(next appendFunc) appendFunc {
			return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
				calls++
				if calls == 1 {
					return nil, errors.New("syntax error")
				}
				locked.set(room, calls == 2) // only the first half finds it held
				return locked.fault(next)(ctx, p)
			}
		}
		alice.tries(ports.Send{Room: other, Body: "keeps the lane busy"})
		synctest.Wait()
		var answers []*answer
		for i := range 8 {
			answers = append(answers, alice.tries(ports.Send{Room: room, Body: fmt.Sprint(i)}))
		}
		synctest.Wait()
		close(gate)
		for _, a := range answers {
			if _, err := a.wait(); err != nil {
				t.Error(err)
			}
		}
		mustBe(t, "messages", bodies(n.logged(room)), "0", "1", "2", "3", "4", "5", "6", "7")
	})
}

// TestOrderStaysWhileRoomsAreHeldNowAndThen has rooms held at random, and outcomes lost.
func TestOrderStaysWhileRoomsAreHeldNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const senders, each, rooms = 6, 60, 4
		n := newNode(t, func(c *messaging.Config) { c.Lanes = 2; c.MaxBatch = 7; c.RetryFor = time.Hour })
		var ids []chat.RoomID
		for i := range rooms {
			ids = append(ids, n.room(chat.RoomID(fmt.Sprint("r", i)), true))
		}
		var mu sync.Mutex
		source := rand.New(rand.NewPCG(7, 7))
		n.log.always = func(next appendFunc) appendFunc {
			return func(ctx context.Context, p []chat.Proposal) ([]ports.Outcome, error) {
				mu.Lock()
				locked := &locks{}
				for _, id := range ids {
					locked.set(id, source.IntN(3) == 0)
				}
				lost := source.IntN(8)
				mu.Unlock()
				if lost == 0 {
					return lostAfter(locked.fault(next))(ctx, p)
				}
				return locked.fault(next)(ctx, p)
			}
		}
		var wg sync.WaitGroup
		for s := range senders {
			wg.Go(func() {
				var answers []*answer
				for i := range each {
					answers = append(answers, n.user(fmt.Sprint("user", s)).tries(ports.Send{Room: ids[(s+i)%rooms], Body: fmt.Sprint(i)}))
					time.Sleep(10 * time.Millisecond)
				}
				for _, a := range answers {
					if r, err := a.wait(); err != nil || r.Duplicate {
						t.Errorf("%+v, %v", r, err)
					}
				}
			})
		}
		wg.Wait()
		total := 0
		for _, id := range ids {
			next := map[chat.UserID]int{}
			for _, e := range n.logged(id) {
				var nth int
				fmt.Sscan(e.Fact.(chat.Message).Body, &nth)
				if nth < next[e.Author.ID] {
					t.Fatalf("%s/%d says %d of %s, after %d", id, e.Seq, nth, e.Author.ID, next[e.Author.ID]-1)
				}
				next[e.Author.ID] = nth + 1
				total++
			}
		}
		mustEqual(t, "messages", total, senders*each)
		time.Sleep(time.Second)
		heard, _ := n.told.entries()
		last := map[chat.RoomID]chat.Seq{}
		for _, e := range heard {
			last[e.Room] = max(last[e.Room], e.Seq)
		}
		for _, id := range ids {
			mustEqual(t, "the head that the listener heard of", last[id], chat.Seq(len(n.logged(id))))
		}
	})
}
