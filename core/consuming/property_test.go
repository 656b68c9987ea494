package consuming_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

// faulty is a store that fails at random, before or after it has done what it is asked.
type faulty struct {
	place
	dice func() int // 0 to 99
}

func (f *faulty) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	switch roll := f.dice(); {
	case roll < 10:
		return nil, chat.Errorf(chat.Unavailable, "not done")
	case roll < 20:
		_, _ = f.place.Move(ctx, moves)
		return nil, chat.Errorf(chat.Unavailable, "done, and nobody knows")
	}
	return f.place.Move(ctx, moves)
}

func (f *faulty) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	if f.dice() < 10 {
		return nil, chat.Errorf(chat.Unavailable, "not read")
	}
	return f.place.Read(ctx, room, span)
}

func (f *faulty) Clear(ctx context.Context, rooms []ports.RoomHead, generation int64) error {
	if f.dice() < 10 {
		return chat.Errorf(chat.Unavailable, "not cleared")
	}
	return f.place.Clear(ctx, rooms, generation)
}

// TestWhateverFailsEachEntryIsTakenInOrder has nodes come and go over a store and a consumer that
// fail at random. In each room each entry is taken at least once, none before those below it, and a
// batch that comes again has the bounds and the seal that it had.
func TestWhateverFailsEachEntryIsTakenInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seeds := rapid.SliceOfN(rapid.IntRange(0, 99), 50, 50).Draw(rt, "dice")
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 10, 30).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) { tryFaults(t, seeds, steps) })
	})
}

func tryFaults(t *testing.T, seeds, steps []int) {
	p := newPlace(t)
	all := rooms(4)
	p.makes(all...)
	var rolled atomic.Int64
	var fine atomic.Bool
	dice := func() int {
		if fine.Load() {
			return 99
		}
		n := rolled.Add(1)
		return (seeds[int(n)%len(seeds)] + int(n)*37) % 100
	}
	store := &faulty{p, dice}
	a := &audit{name: "audit", limits: consuming.Limits{Entries: 3}, take: func(context.Context, consuming.Batch) error {
		switch roll := dice(); {
		case roll < 15:
			return consuming.Retry{After: time.Second, Cause: errAway}
		case roll < 20:
			return consuming.Pause{For: time.Second}
		}
		return nil
	}}
	run := func(i int) node {
		return p.runs(fmt.Sprint("n", i), func(c *consuming.Config) { c.Cursors, c.Log = store, store }, a)
	}
	nodes := []node{run(0), run(1)}
	said := map[chat.RoomID][]string{}
	for i, step := range steps {
		switch {
		case step < 7:
			id := all[step%len(all)]
			for range 1 + step {
				body := fmt.Sprint("m", len(said[id]))
				said[id] = append(said[id], body)
				if e := p.says(id, body); step%2 == 0 {
					nodes[i%2].Appended(e)
				}
			}
		case step == 7:
			nodes[i%2].stop()
			nodes[i%2] = run(i + 2)
		default:
			rest(time.Duration(step) * time.Second)
		}
	}
	fine.Store(true)
	rest(75 * time.Second) // a node that went may have kept a pair for a minute
	for _, n := range nodes {
		n.stop()
	}
	for _, id := range all {
		mustComeInOrder(t, a, id, said[id])
		if n := len(said[id]); n > 0 {
			mustBe(t, "cursor", p.cursor(id, "audit").Seq, n)
		}
	}
}

// mustComeInOrder fails the test unless everything was taken that was said, in order.
func mustComeInOrder(t *testing.T, a *audit, room chat.RoomID, said []string) {
	t.Helper()
	next := 0
	for _, body := range a.has(room) {
		at := slices.Index(said, body)
		if at > next {
			t.Fatalf("%s: %s was taken before %s", room, body, said[next])
		}
		next = max(next, at+1)
	}
	mustBe(t, "how much was taken", next, len(said))
	bounds := map[chat.Seq]string{}
	for _, b := range a.tried(room) {
		is := fmt.Sprintf("%d-%d/%d %q", b.First, b.Last, b.Head, b.Sealed)
		if was := bounds[b.First]; was != "" && was != is {
			t.Fatalf("%s: %s was tried before as %s", room, is, was)
		}
		bounds[b.First] = is
	}
}
