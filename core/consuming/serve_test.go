package consuming_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

func TestMoreIsGatheredWhereThereIsLittle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 10, Gather: time.Second}}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(soon)
		n.Appended(p.says("tea", "1"))
		rest(500 * time.Millisecond)
		n.Appended(p.says("tea", "2"))
		synctest.Wait()
		mustBe(t, "taken too early", a.has("tea"), []string{})
		rest(600 * time.Millisecond)
		mustBe(t, "taken together", a.has("tea"), []string{"1", "2"})
		mustBe(t, "batches", len(a.tried("tea")), 1)
		n.Appended(p.says("tea", numbered(10)...))
		synctest.Wait()
		mustBe(t, "a full batch waits for nothing", len(a.tried("tea")), 2)
		n.seen.mustBeWell()
	})
}

func TestAConsumerSaysWhenToTryAgainAndMayPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea", "den")
		var at []time.Duration
		began := time.Now().Add(5 * time.Second)
		answers := []error{consuming.Retry{After: time.Minute, Cause: errAway}, consuming.Pause{For: 10 * time.Minute}, nil}
		a := &audit{name: "audit", limits: consuming.Limits{Rooms: 1}}
		a.take = func(_ context.Context, b consuming.Batch) error {
			at = append(at, time.Since(began).Round(5*time.Second))
			err := answers[0]
			if len(answers) > 1 {
				answers = answers[1:]
			}
			return err
		}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(5 * time.Second)
		n.Appended(p.says("tea", "1"))
		rest(90 * time.Second) // the second answer is a pause
		n.Appended(p.says("den", "1"))
		rest(5 * time.Minute)
		mustBe(t, "tries", at, []time.Duration{0, time.Minute})
		mustBe(t, "a room that the pause holds up is pending", p.pends("den"), true)
		if c := p.cursor("tea", "audit"); c.Tries != 1 {
			t.Errorf("a pause counts as a failure: %+v", c)
		}
		rest(10 * time.Minute)
		mustBe(t, "taken after the pause", []any{a.has("tea"), a.has("den")}, []any{[]string{"1"}, []string{"1"}})
		mustBe(t, "tries", at, []time.Duration{0, time.Minute, 11 * time.Minute, 11 * time.Minute})
	})
}

func TestAPartOfABatchMayBeTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		a := &partial{audit: audit{name: "audit"}}
		n := p.runs("n1", nil, a)
		defer n.stop()
		p.says("tea", "1", "2", "3", "4")
		rest(soon)
		var got []string
		for _, b := range a.tried("tea") {
			got = append(got, fmt.Sprintf("%d-%d", b.First, b.Last))
		}
		mustBe(t, "batches", got, []string{"1-4", "2-4", "3-4", "4-4"})
		mustBe(t, "cursor", p.cursor("tea", "audit").Seq, 4)
		a.nothing.Store(true)
		n.Appended(p.says("tea", "5"))
		synctest.Wait()
		if c := p.cursor("tea", "audit"); c.Tries != 1 || c.Seq != 4 {
			t.Errorf("after nothing was taken: %+v", c)
		}
	})
}

func TestDeletedTextIsNotSentByALaterTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		var bodies []string
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 2}, take: func(_ context.Context, b consuming.Batch) error {
			if m, ok := b.Entries[0].Fact.(chat.Message); ok && b.First == 1 {
				bodies = append(bodies, m.Body)
				if len(bodies) == 1 {
					return errAway
				}
			}
			return nil
		}, filter: func(e *chat.Entry) bool { _, ok := e.Fact.(chat.Message); return ok }}
		n := p.runs("n1", nil, a)
		defer n.stop()
		p.says("tea", "secret", "2")
		rest(500 * time.Millisecond)
		p.deletes("tea", 1)
		rest(time.Minute)
		mustBe(t, "bodies", bodies, []string{"secret", ""})
	})
}

// late is a store where another node deletes the first message just before bounds are written. It
// sends no notice.
type late struct {
	place
	once sync.Once
}

func (l *late) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	l.once.Do(func() { l.deletes("tea", 1) })
	return l.place.Move(ctx, moves)
}

// deletes deletes a message without telling any node.
func (p place) deletes(room chat.RoomID, target chat.Seq) {
	p.Helper()
	outcomes, err := p.Append(context.WithoutCancel(p.Context()), []chat.Proposal{{
		Room: room, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Deleted{Target: target},
	}})
	if err != nil || outcomes[0].Status != ports.Appended {
		p.Fatalf("delete: %+v, %v", outcomes, err)
	}
}

func TestWhatAnotherNodeDeletesWhileBoundsAreWrittenIsNotTold(t *testing.T) {
	t.Parallel()
	for what, says := range map[string]func(place, node){
		"of what this node has appended": func(p place, n node) { n.Appended(p.says("tea", "secret", "2")) },
		"of what another one has":        func(p place, n node) { n.Head("tea", p.says("tea", "secret", "2")[1].Seq) },
		"of a log that is far ahead": func(p place, n node) {
			n.Head("tea", p.says("tea", append([]string{"secret"}, numbered(300)...)...)[300].Seq)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t)
				p.makes("tea")
				a := &audit{name: "audit", filter: func(e *chat.Entry) bool { _, ok := e.Fact.(chat.Message); return ok }}
				store := &late{place: p}
				n := p.runs("n1", func(c *consuming.Config) { c.Cursors = store }, a)
				defer n.stop()
				rest(soon)
				says(p, n)
				rest(soon)
				if got := a.has("tea"); len(got) < 2 || got[0] != "" {
					t.Errorf("it was told %.60q", got)
				}
				mustBe(t, "how often the first one was told", len(slices.DeleteFunc(a.tried("tea"), func(b consuming.Batch) bool { return b.First > 1 })), 1)
				n.seen.mustBeWell()
			})
		})
	}
}

func TestWhatIsUnderWayEndsAtAStopAndItsCursorMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("quick", "slow", "queued")
		a := &audit{name: "audit", limits: consuming.Limits{Rooms: 2, Entries: 1, Time: time.Minute}}
		a.take = func(ctx context.Context, b consuming.Batch) error {
			wait := 3 * time.Second
			if b.Room == "slow" {
				wait = 50 * time.Second
			}
			select {
			case <-time.After(wait):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		n := p.runs("n1", nil, a)
		rest(soon)
		n.Appended(p.says("quick", "1", "2"))
		n.Appended(p.says("slow", "1"))
		n.Appended(p.says("queued", "1"))
		rest(time.Second)
		began := time.Now()
		n.stop()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the stop took %v", took)
		}
		mustBe(t, "what was quick", []any{a.has("quick"), p.cursor("quick", "audit").Seq}, []any{[]string{"1"}, 1})
		if c := p.cursor("slow", "audit"); c.Seq != 0 || c.UpTo != 1 || c.Tries != 0 {
			t.Errorf("what was given up: %+v", c)
		}
		mustBe(t, "what had not begun", a.tried("queued"), []consuming.Batch(nil))
		next := p.runs("n2", nil, &audit{name: "audit"})
		defer next.stop()
		rest(soon)
		if seq := p.cursor("queued", "audit").Seq; seq != 1 {
			t.Errorf("the shares were not given back: the cursor is at %d", seq)
		}
		n.seen.mustBeWell()
	})
}

func TestAConsumerThatIsReplacedGoesOnWithItsCursor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		old := &audit{name: "audit", take: func(ctx context.Context, b consuming.Batch) error { <-ctx.Done(); return ctx.Err() }}
		n := p.runs("n1", nil, old)
		defer n.stop()
		rest(soon)
		n.Appended(p.says("tea", "1"))
		synctest.Wait()
		now := &audit{name: "audit"}
		if err := n.Set([]consuming.Consumer{now}); err != nil {
			t.Fatal(err)
		}
		rest(soon)
		mustBe(t, "taken", now.has("tea"), []string{"1"})
		if b := now.tried("tea"); len(b) != 1 || b[0].Tries != 0 || string(b[0].Sealed) != "1-1/1" {
			t.Errorf("tried: %+v", b)
		}
		if err := n.Add(&audit{name: "No Name"}); chat.AsError(err).Kind != chat.Invalid {
			t.Errorf("a bad name: %v", err)
		}
		n.seen.mustBeWell()
	})
}

func TestHowFarConsumersAreBehindIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea", "den", "other")
		p.says("tea", numbered(7)...)
		p.says("den", numbered(3)...)
		p.says("other", "1")
		a := &audit{name: "audit", wants: func(id chat.RoomID) bool { return id != "other" }, take: func(context.Context, consuming.Batch) error {
			return consuming.Pause{For: time.Hour}
		}}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(20 * time.Second)
		n.seen.mu.Lock()
		lags := slices.Clone(n.seen.lags)
		n.seen.mu.Unlock()
		want := ports.ConsumerLag{Consumer: "audit", Entries: 10, Rooms: 2, Oldest: 15 * time.Second}
		mustBe(t, "told", lags, []ports.ConsumerLag{want})
		mustBe(t, "rooms that are pending", []bool{p.pends("tea"), p.pends("den"), p.pends("other")}, []bool{true, true, false})
		if _, err := n.Behind(t.Context(), "nobody"); chat.AsError(err).Kind != chat.NotFound {
			t.Errorf("of nobody: %v", err)
		}
		seen := n.Inspect()
		if seen.Shares != ports.Shares || seen.Nodes != 1 || len(seen.Consumers) != 1 || seen.Consumers[0].Paused.IsZero() {
			t.Errorf("seen: %+v", seen)
		}
	})
}
