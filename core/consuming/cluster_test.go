package consuming_test

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
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

// cut is a store that a node cannot reach while it is away.
type cut struct {
	place
	away atomic.Bool
}

func (c *cut) err() error {
	if c.away.Load() {
		return chat.Errorf(chat.Unavailable, "the store is away")
	}
	return nil
}

func (c *cut) Renew(ctx context.Context, node ports.NodeID, lives time.Duration) (ports.Tenure, error) {
	if err := c.err(); err != nil {
		return ports.Tenure{}, err
	}
	return c.place.Renew(ctx, node, lives)
}

func (c *cut) Acquire(ctx context.Context, node ports.NodeID) ([]ports.Lease, error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.place.Acquire(ctx, node)
}

func (c *cut) Leave(ctx context.Context, node ports.NodeID) error {
	if err := c.err(); err != nil {
		return err
	}
	return c.place.Leave(ctx, node)
}

func (c *cut) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.place.Move(ctx, moves)
}

// on has a node work with the store.
func (c *cut) on(cfg *consuming.Config) { cfg.Cursors, cfg.Leases = c, c }

// wire is a bus of the runners that are on it, but for what is lost.
type wire struct {
	ports.Bus
	mu    sync.Mutex
	nodes []*consuming.Runner
	told  []ports.Grown
}

func (w *wire) Tell(_ context.Context, notice ports.Notice) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, notice.(ports.Grown))
	for _, n := range w.nodes {
		n.Hear(notice)
	}
	return nil
}

// rooms are named so that they are of many shares.
func rooms(n int) (list []chat.RoomID) {
	for i := range n {
		list = append(list, chat.RoomID(fmt.Sprint("room", i)))
	}
	return list
}

func TestNodesShareTheRoomsEvenlyAndHearOfThemByTheBus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		all := rooms(40)
		p.makes(all...)
		w := &wire{}
		on := func(c *consuming.Config) { c.Bus = w }
		a, b, c := &audit{name: "audit"}, &audit{name: "audit"}, &audit{name: "audit"}
		first := p.runs("n1", on, a)
		rest(soon)
		mustBe(t, "shares of the only node", first.Inspect().Shares, 256)
		second, third := p.runs("n2", on, b), p.runs("n3", on, c)
		defer second.stop()
		defer third.stop()
		w.nodes = []*consuming.Runner{first.Runner, second.Runner, third.Runner}
		rest(20 * time.Second)
		shares := []int{first.Inspect().Shares, second.Inspect().Shares, third.Inspect().Shares}
		slices.Sort(shares)
		mustBe(t, "shares of three", shares, []int{84, 86, 86})
		for _, id := range all {
			first.Appended(p.says(id, "hi"))
		}
		rest(100 * time.Millisecond) // less than until any sweep but by chance
		for i, k := range []*audit{a, b, c} {
			if n := len(k.taken); n < 5 {
				t.Errorf("node %d took of %d rooms", i, n)
			}
		}
		mustBe(t, "rooms that were taken", len(a.taken)+len(b.taken)+len(c.taken), 40)
		for _, told := range w.told {
			if n := len(told.Rooms); n == 0 || n > ports.MaxGrown {
				t.Errorf("told of %d rooms", n)
			}
		}
		first.stop()
		rest(2 * time.Second)
		shares = []int{second.Inspect().Shares, third.Inspect().Shares}
		mustBe(t, "shares soon after one has stopped", shares, []int{128, 128})
	})
}

func TestWhatADeadNodeHadIsTakenOverAndTriedAgainAsItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		all := rooms(10)
		p.makes(all...)
		store := &cut{place: p}
		gate := make(chan struct{})
		var woken atomic.Int64
		old := &audit{name: "audit", limits: consuming.Limits{Entries: 2, Time: time.Minute, Rooms: 20}}
		old.take = func(context.Context, consuming.Batch) error { <-gate; woken.Add(1); return nil } // it stands still in Take
		first := p.runs("n1", store.on, old)
		defer first.stop()
		rest(soon)
		for _, id := range all {
			first.Appended(p.says(id, "1", "2"))
		}
		synctest.Wait()
		store.away.Store(true)
		died := time.Now()
		for _, id := range all {
			p.says(id, "3")
		}
		now := &audit{name: "audit", limits: consuming.Limits{Entries: 2}}
		second := p.runs("n2", nil, now)
		defer second.stop()
		for len(now.has(all[0])) == 0 {
			rest(100 * time.Millisecond)
		}
		if took := time.Since(died); took > 15*time.Second {
			t.Errorf("it was taken over after %v", took)
		}
		rest(soon)
		for _, id := range all {
			mustBe(t, "taken", now.has(id), []string{"1", "2", "3"})
			before, after := old.tried(id), now.tried(id)
			if a, b := before[0], after[0]; a.First != b.First || a.Last != b.Last || a.Head != b.Head || string(b.Sealed) != "1-2/2" || b.Tries != 0 {
				t.Errorf("it was tried as %d-%d/%d, and again as %d-%d/%d %q", a.First, a.Last, a.Head, b.First, b.Last, b.Head, b.Sealed)
			}
			if err := second.Seek(t.Context(), "audit", id, 1); err != nil { // so that it can be seen to move
				t.Fatal(err)
			}
		}
		mustBe(t, "shares that were taken over", second.seen.over, 256)
		second.stop()
		store.away.Store(false)
		close(gate) // it wakes, and all of its batches were taken
		rest(100 * time.Millisecond)
		mustBe(t, "batches that it took when it woke", woken.Load(), 10)
		for _, id := range all {
			if c := p.cursor(id, "audit"); c.Seq != 1 && c.Seq != 3 || c.Seq == 3 && len(now.has(id)) < 4 {
				t.Errorf("a node that stood still has moved a cursor: %+v", c)
			}
		}
	})
}

func TestWhatWasTakenAndNotNotedComesAgainAsItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		store := &cut{place: p}
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 3}}
		a.take = func(context.Context, consuming.Batch) error {
			store.away.Store(len(a.tried("tea")) == 1) // between Take and Move
			return nil
		}
		first := p.runs("n1", store.on, a)
		defer first.stop()
		rest(soon)
		first.Appended(p.says("tea", "1", "2"))
		synctest.Wait()
		mustBe(t, "what is noted", p.cursor("tea", "audit").UpTo, 2)
		p.says("tea", "3")
		store.away.Store(false)
		rest(2 * soon)
		mustBe(t, "taken", a.has("tea"), []string{"1", "2", "1", "2", "3"})
		b := a.tried("tea")
		if len(b) != 3 || b[1].First != 1 || b[1].Last != 2 || b[1].Head != 2 || string(b[1].Sealed) != "1-2/2" {
			t.Errorf("tried: %+v", b)
		}
	})
}

func TestANodeThatStoodStillMovesNothingUnderItsOldLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		store := &cut{place: p}
		wakes := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		var list [2]*audit
		for i := range list {
			list[i] = &audit{name: "audit", limits: consuming.Limits{Time: 5 * time.Minute}}
			list[i].take = func(context.Context, consuming.Batch) error { <-wakes[i]; return nil }
		}
		first := p.runs("n1", store.on, list[0])
		defer first.stop()
		rest(soon)
		first.Appended(p.says("tea", "1"))
		synctest.Wait()
		store.away.Store(true)
		second := p.runs("n2", nil, list[1])
		defer second.stop()
		rest(20 * time.Second)
		mustBe(t, "batches that the second has under way", len(list[1].tried("tea")), 1)
		store.away.Store(false)
		close(wakes[0])
		synctest.Wait()
		mustBe(t, "the cursor, once the first has woken", p.cursor("tea", "audit").Seq, 0)
		close(wakes[1])
		synctest.Wait()
		mustBe(t, "the cursor, once the second is done", p.cursor("tea", "audit").Seq, 1)
	})
}

func TestLateNewsOfAnEarlierHeadLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 1}}
		n := p.runs("n1", nil, a)
		defer n.stop()
		p.says("tea", "1", "2", "3")
		rest(20 * time.Second)
		mustBe(t, "tea is pending", p.pends("tea"), false)
		if err := n.Seek(t.Context(), "audit", "tea", 0); err != nil {
			t.Fatal(err)
		}
		n.Head("tea", 1)
		rest(100 * time.Millisecond)
		mustBe(t, "taken", a.has("tea"), []string{"1", "2", "3", "1", "2", "3"})
		n.Head("tea", 99) // what is not so
		rest(20 * time.Second)
		mustBe(t, "the cursor", p.cursor("tea", "audit"), ports.Cursor{Consumer: "audit", Room: "tea", Seq: 3})
		n.seen.mustBeWell()
	})
}
