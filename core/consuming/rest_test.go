package consuming_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
)

// resting is a consumer as it was, that rests.
func resting(a *audit) *audit {
	is := &audit{name: a.name, from: a.from, limits: a.limits}
	is.limits.Rests = "paused"
	return is
}

func TestWhatIsUnderWayEndsWellWhereAConsumerRestsFromThenOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 1}, take: func(ctx context.Context, _ consuming.Batch) error {
			select {
			case <-time.After(3 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(soon)
		n.Appended(p.says("tea", "1", "2"))
		rest(time.Second)
		rests := resting(a)
		if err := n.Add(rests); err != nil {
			t.Fatal(err)
		}
		rest(time.Minute)
		mustBe(t, "taken", a.has("tea"), []string{"1"})
		mustBe(t, "what was begun since", len(rests.batches), 0)
		mustBe(t, "the cursor", p.cursor("tea", "audit").Seq, 1)
		if err := n.Add(a); err != nil {
			t.Fatal(err)
		}
		rest(2 * soon)
		mustBe(t, "taken in the end", a.has("tea"), []string{"1", "2"})
		mustBe(t, "batches", len(a.tried("tea")), 2)
		n.seen.mustBeWell()
	})
}

func TestNothingIsLostOfAConsumerThatRestsAndNoRoomIsPendingForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea", "den", "fails")
		fails := true
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 2}, take: func(_ context.Context, b consuming.Batch) error {
			if b.Room == "fails" && fails {
				return errAway
			}
			return nil
		}}
		other := &audit{name: "other"}
		n := p.runs("n1", nil, a, other)
		rest(soon)
		n.Appended(p.says("tea", "1"))
		n.Appended(p.says("fails", "1", "2", "3"))
		rest(soon)
		if err := n.Add(resting(a)); err != nil {
			t.Fatal(err)
		}
		n.Appended(p.says("tea", "2", "3", "4"))
		p.makes("new")
		n.Appended(p.says("new", "1"))
		rest(time.Minute)
		mustBe(t, "rooms that are pending", p.pending(), 0)
		mustBe(t, "what was taken of it", []any{a.has("tea"), a.has("new")}, []any{[]string{"1"}, []string(nil)})
		mustBe(t, "the other goes on", []any{other.has("tea"), other.has("new")}, []any{[]string{"1", "2", "3", "4"}, []string{"1"}})
		n.Appended(p.says("new", "2"))
		rest(time.Minute)
		mustBe(t, "rooms that are pending", p.pending(), 0)
		behind, err := n.Behind(t.Context(), "audit")
		if err != nil || behind.Entries != 8 || behind.Rooms != 3 || behind.Resting != "paused" {
			t.Errorf("behind: %+v, %v", behind, err)
		}
		n.seen.mu.Lock()
		for _, lag := range n.seen.lags {
			mustBe(t, "told to be behind", lag.Consumer, "other")
		}
		n.seen.mu.Unlock()
		if seen := n.Inspect().Consumers[0]; seen.Resting != "paused" {
			t.Errorf("seen: %+v", seen)
		}
		fails = false
		if err := n.Add(a); err != nil {
			t.Fatal(err)
		}
		rest(time.Minute)
		want := []any{[]string{"1", "2", "3", "4"}, []string{"1", "2"}, []string{"1", "2", "3"}}
		mustBe(t, "taken in the end", []any{a.has("tea"), a.has("new"), a.has("fails")}, want)
		for i, b := range a.tried("fails") {
			if b.First == 1 && (b.Last != 2 || b.Head != 3) {
				t.Errorf("try %d is of %d-%d/%d", i, b.First, b.Last, b.Head)
			}
		}
		n.stop()
		n.seen.mustBeWell()
	})
}

func TestAConsumerThatRestsGoesOnWhereverItIsResumed(t *testing.T) {
	t.Parallel()
	for what, resumes := range map[string]func(p place, rests, a *audit) (stop func()){
		"on a node that starts": func(p place, rests, a *audit) func() {
			n := p.runs("n1", nil, rests)
			p.says("tea", "2")
			rest(time.Minute)
			n.stop()
			return p.runs("n2", nil, a).stop
		},
		"on one that takes over from one that dies": func(p place, rests, a *audit) func() {
			store := &cut{place: p}
			n := p.runs("n1", store.on, rests)
			p.says("tea", "2")
			rest(time.Minute)
			store.away.Store(true)
			next := p.runs("n2", nil, a)
			return func() { next.stop(); n.stop() }
		},
		"on one of an earlier release, which does not know of rest": func(p place, rests, a *audit) func() {
			n := p.runs("n1", nil, rests)
			old := p.runs("n2", nil, &audit{name: "other"})
			p.says("tea", "2")
			p.says("den", "1")
			rest(time.Minute)
			n.stop()
			rest(soon)
			if err := old.Add(a); err != nil {
				p.Fatal(err)
			}
			return old.stop
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t)
				p.makes("tea", "den")
				a := &audit{name: "audit", from: consuming.At(time.Now())}
				n := p.runs("n0", nil, a)
				rest(soon)
				n.Appended(p.says("tea", "1"))
				rest(20 * time.Second)
				n.stop()
				stop := resumes(p, resting(a), a)
				defer stop()
				rest(40 * time.Second)
				mustBe(t, "taken", a.has("tea"), []string{"1", "2"})
				mustBe(t, "rooms that are pending", p.pending(), 0)
			})
		})
	}
}

func TestWhatIsLeftToSomebodyElseNeitherFailsNorStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 2}, take: func(context.Context, consuming.Batch) error {
			return consuming.Left{For: 24 * time.Hour}
		}}
		p.says("tea", "1", "2", "3")
		for range 9 { // days, of which the service runs half a minute
			n := p.runs("n1", nil, a)
			rest(30 * time.Second)
			n.stop()
			rest(24 * time.Hour)
		}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(soon)
		c := p.cursor("tea", "audit")
		if c.Seq != 0 || c.UpTo != 2 || c.Tries != 0 || c.Stalled || c.Error != "" || c.Next.IsZero() {
			t.Errorf("the cursor is %+v", c)
		}
		behind, err := n.Behind(t.Context(), "audit")
		if err != nil || behind.Entries != 3 || behind.Waiting != 0 || behind.Stalled != 0 || behind.Oldest < 9*24*time.Hour {
			t.Errorf("behind: %+v, %v", behind, err)
		}
		n.Appended(p.says("tea", "4"))
		if err := n.Seek(t.Context(), "audit", "tea", 2); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		if c := p.cursor("tea", "audit"); c.Seq != 2 || c.UpTo != 4 {
			t.Errorf("once it was moved the cursor is %+v", c)
		}
		mustBe(t, "bounds", []chat.Seq{a.tried("tea")[0].Last, a.tried("tea")[len(a.tried("tea"))-1].Last}, []chat.Seq{2, 4})
		n.seen.mustBeWell()
	})
}
