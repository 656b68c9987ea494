package consuming_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

// spent counts what consumers ask of a store.
type spent struct {
	place
	reads, entries, writes, moves atomic.Int64
}

func (s *spent) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	entries, err := s.place.Read(ctx, room, span)
	s.reads.Add(1)
	s.entries.Add(int64(len(entries)))
	return entries, err
}

// Move takes a millisecond, as a disk does.
func (s *spent) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	time.Sleep(time.Millisecond)
	s.writes.Add(1)
	s.moves.Add(int64(len(moves)))
	return s.place.Move(ctx, moves)
}

// Three consumers follow ten rooms in which 5,000 entries are said in five seconds. No entry is
// read from the log, and few batches carry all of them.
func TestGuardWhatThreeConsumersAskOfTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		all := rooms(10)
		p.makes(all...)
		store := &spent{place: p}
		consumers := []*audit{{name: "a"}, {name: "b"}, {name: "c"}}
		n := p.runs("n1", func(c *consuming.Config) { c.Log, c.Cursors = store, store }, consumers[0], consumers[1], consumers[2])
		defer n.stop()
		rest(soon)
		const entries = 5000
		for i := range entries {
			n.Appended(p.says(all[i%len(all)], fmt.Sprint("m", i)))
			rest(time.Millisecond)
		}
		rest(soon)
		batches := 0
		for _, a := range consumers {
			for _, id := range all {
				mustBe(t, "how much was taken", len(a.has(id)), entries/len(all))
				batches += len(a.tried(id))
			}
		}
		t.Logf("%d batches, %d reads of %d entries, %d cursors in %d writes", batches, store.reads.Load(), store.entries.Load(), store.moves.Load(), store.writes.Load())
		if n := store.entries.Load(); n > 0 {
			t.Errorf("%d entries were read that are at hand", n)
		}
		for what, is := range map[string][2]int{
			"batches of 5,000 entries for three": {batches, 3100},
			"reads of the log":                   {int(store.reads.Load()), 0},
			"cursors that were moved":            {int(store.moves.Load()), 6200},
			"writes that moved them":             {int(store.writes.Load()), 1050},
		} {
			if is[0] > is[1] {
				t.Errorf("%s: %d, want %d at most", what, is[0], is[1])
			}
		}
		n.seen.mustBeWell()
	})
}
