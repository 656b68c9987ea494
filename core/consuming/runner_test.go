package consuming_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

func TestAConsumerTakesWhatWasThereAndWhatComesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea", "den", "empty")
		p.says("tea", numbered(250)...)
		a := &audit{name: "audit"}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(soon)
		mustBe(t, "what was there", a.has("tea"), numbered(250))
		n.Appended(p.says("den", "new"))
		synctest.Wait()
		mustBe(t, "what comes, at once", a.has("den"), []string{"new"})
		p.says("den", "untold")
		rest(soon)
		mustBe(t, "what nobody told of, within seconds", a.has("den"), []string{"new", "untold"})
		for i, b := range a.tried("tea") {
			if want := fmt.Sprintf("%d-%d/%d", b.First, b.Last, len(b.Entries)); string(b.Sealed) != want || b.Tries != 0 || b.Head != 250 {
				t.Errorf("batch %d: sealed %q, want %q; %d tries, head %d", i, b.Sealed, want, b.Tries, b.Head)
			}
		}
		mustBe(t, "batches of tea", len(a.tried("tea")), 3)
		rest(10 * time.Second)
		mustBe(t, "tea, den and an empty room are pending", []bool{p.pends("tea"), p.pends("den"), p.pends("empty")}, []bool{false, false, false})
		mustBe(t, "cursor in tea", p.cursor("tea", "audit").Seq, 250)
		n.seen.mustBeWell()
	})
}

func TestWithoutConsumersNothingIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		n := p.runs("n1", func(c *consuming.Config) { c.Cursors, c.Consumers, c.Leases = nil, nil, nil })
		n.Appended(p.says("tea", "hi"))
		rest(time.Hour)
		n.stop()
		n.seen.mustBeWell()
	})
}

// A first entry is taken at once. Behind it a pair waits for a moment, so that of many entries that
// come one by one each batch carries some.
func TestManySingleEntriesMakeFewBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		a := &audit{name: "audit"}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(soon)
		n.Appended(p.says("tea", "0"))
		synctest.Wait()
		mustBe(t, "taken at once", a.has("tea"), []string{"0"})
		want := []string{"0"}
		for i := range 200 {
			rest(5 * time.Millisecond)
			want = append(want, strconv.Itoa(i+1))
			n.Appended(p.says("tea", strconv.Itoa(i+1)))
		}
		rest(time.Second)
		mustBe(t, "taken", a.has("tea"), want)
		if batches := len(a.tried("tea")); batches > 25 {
			t.Errorf("%d batches in a second, want 25 at most", batches)
		}
		mustBe(t, "the cursor", p.cursor("tea", "audit").Seq, 201)
	})
}

func TestARoomThatFailsHoldsUpThatRoomAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("bad", "good")
		var mended atomic.Bool
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 2}, take: func(_ context.Context, b consuming.Batch) error {
			if b.Room == "bad" && !mended.Load() {
				return errAway
			}
			return nil
		}}
		other := &audit{name: "other"}
		n := p.runs("n1", nil, a, other)
		defer n.stop()
		rest(soon)
		n.Appended(p.says("bad", "1", "2", "3", "4", "5"))
		n.Appended(p.says("good", "1", "2", "3", "4", "5"))
		rest(100 * time.Millisecond)
		mustBe(t, "the good room", a.has("good"), []string{"1", "2", "3", "4", "5"})
		mustBe(t, "the other consumer", other.has("bad"), []string{"1", "2", "3", "4", "5"})
		c := p.cursor("bad", "audit")
		if c.Seq != 0 || c.UpTo != 2 || c.Tries != 1 || c.Error != "away" || c.Stalled || c.Next.IsZero() {
			t.Errorf("the cursor is %+v", c)
		}
		rest(time.Minute)
		if p.pends("bad") {
			t.Error("a room is pending where all wait on their own")
		}
		tried := a.tried("bad")
		if len(tried) < 3 || len(tried) > 60 {
			t.Errorf("%d tries in a minute", len(tried))
		}
		for i, b := range tried {
			if b.First != 1 || b.Last != 2 || b.Head != 5 || b.Tries != i || string(b.Sealed) != "1-2/2" {
				t.Fatalf("try %d is of %d-%d/%d %q, after %d", i, b.First, b.Last, b.Head, b.Sealed, b.Tries)
			}
		}
		mended.Store(true)
		rest(time.Hour + soon)
		mustBe(t, "the bad room at last", a.has("bad"), []string{"1", "2", "3", "4", "5"})
		c = p.cursor("bad", "audit")
		mustBe(t, "its cursor", c, ports.Cursor{Consumer: "audit", Room: "bad", Seq: 5})
		n.seen.mustBeWell()
	})
}

func TestAPairThatFailsForAWeekStallsAndWaitsForAWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea", "den")
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 1}, take: func(_ context.Context, b consuming.Batch) error {
			if b.Entries[0].Fact.(chat.Message).Body == "poison" {
				return fmt.Errorf("it is\npoison: %w", errAway)
			}
			return nil
		}}
		p.says("tea", "good", "poison", "behind it")
		for range 9 { // days, of which the service runs half a minute: so there is less to simulate
			n := p.runs("n1", nil, a)
			rest(30 * time.Second)
			n.stop()
			rest(24 * time.Hour)
		}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(30 * time.Second)
		tries := len(a.tried("tea"))
		if c := p.cursor("tea", "audit"); !c.Stalled || c.Seq != 1 || c.UpTo != 2 || c.Error != "it is poison: away" || !c.Next.IsZero() {
			t.Errorf("after a week: %+v", c)
		}
		if tries < 8 || tries > 200 {
			t.Errorf("%d tries", tries)
		}
		n.Appended(p.says("tea", "more"))
		rest(time.Minute)
		mustBe(t, "tries once it has stalled", len(a.tried("tea")), tries)
		mustBe(t, "it idles, and one that is not there", []bool{n.Idles("audit"), n.Idles("nobody")}, []bool{false, true})
		behind, err := n.Behind(t.Context(), "audit")
		if err != nil {
			t.Fatal(err)
		}
		if behind.Stalled != 1 || behind.Waiting != 0 || behind.Entries != 3 || behind.Rooms != 1 || behind.Oldest < 8*24*time.Hour ||
			len(behind.Stuck) != 1 || behind.Stuck[0].Room != "tea" || behind.Stuck[0].First != 2 || behind.Stuck[0].Last != 2 || behind.Partial {
			t.Errorf("behind: %+v", behind)
		}
		if err := n.Skip(t.Context(), "audit", "tea", 1); chat.AsError(err).Kind != chat.Conflict {
			t.Errorf("to skip what was taken: %v", err)
		}
		if err := n.Skip(t.Context(), "audit", "tea", 2); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		mustBe(t, "taken", a.has("tea"), []string{"good", "behind it", "more"})
		if err := n.Seek(t.Context(), "audit", "tea", 2); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		mustBe(t, "taken again", a.has("tea")[3:], []string{"behind it", "more"})
		n.seen.mustBeWell()
	})
}

func TestAFilterThatTakesNothingMovesTheCursorAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea", "den")
		writes := &counted{Cursors: p}
		a := &audit{name: "audit", filter: func(e *chat.Entry) bool { return e.Fact.(chat.Message).Body == "wanted" }}
		n := p.runs("n1", func(c *consuming.Config) { c.Cursors = writes }, a)
		defer n.stop()
		rest(soon)
		for _, body := range numbered(300) {
			n.Appended(p.says("tea", body))
			synctest.Wait()
		}
		mustBe(t, "writes for 300 entries that are not wanted", writes.moves.Load(), 0)
		n.Appended(p.says("tea", "wanted"))
		synctest.Wait()
		b := a.tried("tea")
		if len(b) != 1 || b[0].First != 301 || b[0].Last != 301 || len(b[0].Entries) != 1 {
			t.Errorf("tried: %+v", b)
		}
		mustBe(t, "writes for one that is wanted", writes.moves.Load(), 2)
		n.Appended(p.says("tea", numbered(50)...))
		rest(10 * time.Second)
		mustBe(t, "cursor once it is quiet", p.cursor("tea", "audit").Seq, 351)
		mustBe(t, "writes", writes.moves.Load(), 3)
		mustBe(t, "it is pending", p.pends("tea"), false)
		n.seen.mustBeWell()
	})
}

func TestAConsumerFromNowOnBeginsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea", "old")
		first := &audit{name: "first"}
		n := p.runs("n1", nil, first)
		defer n.stop()
		p.says("old", "before")
		p.says("tea", numbered(20)...)
		rest(time.Minute)
		mustBe(t, "tea is pending", p.pends("tea"), false)
		now := time.Now()
		rest(time.Second)
		n.Appended(p.says("tea", "after"))
		rest(time.Minute) // the bit is cleared before the second is known
		mustBe(t, "tea is pending", p.pends("tea"), false)
		second, start := &audit{name: "second", from: consuming.At(now)}, &audit{name: "start"}
		for _, a := range []*audit{second, start} {
			if err := n.Add(a); err != nil {
				t.Fatal(err)
			}
		}
		rest(2 * soon)
		mustBe(t, "what came after that time", second.has("tea"), []string{"after"})
		mustBe(t, "in a room where nothing did", second.has("old"), []string{})
		mustBe(t, "from the start", start.has("tea"), append(numbered(20), "after"))
		mustBe(t, "from the start", start.has("old"), []string{"before"})
		rest(time.Minute)
		mustBe(t, "tea is pending", p.pends("tea"), false)
		n.seen.mustBeWell()
	})
}

func TestNoBitIsClearedWhileSomebodyRestsWhoMayBeBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		a, resting := &audit{name: "audit"}, &audit{name: "resting"}
		n := p.runs("n1", nil, a, resting)
		defer n.stop()
		rest(soon)
		n.Remove("resting")
		n.Appended(p.says("tea", "1"))
		rest(time.Minute)
		mustBe(t, "tea is pending", p.pends("tea"), true)
		mustBe(t, "the other goes on", a.has("tea"), []string{"1"})
		if err := n.Add(resting); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		mustBe(t, "it goes on", resting.has("tea"), []string{"1"})
		n.Remove("resting")
		if err := n.Forget(t.Context(), "resting"); err != nil {
			t.Fatal(err)
		}
		mustBe(t, "what is left of it", p.cursor("tea", "resting"), ports.Cursor{})
		n.Appended(p.says("tea", "2"))
		rest(time.Minute)
		mustBe(t, "tea is pending", p.pends("tea"), false)
	})
}
