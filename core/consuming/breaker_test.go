package consuming_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
)

// endpoint is what a consumer brings things to. It may be away, for some rooms.
type endpoint struct {
	away    func(room chat.RoomID) error // nil: it is there
	mu      sync.Mutex
	tries   []time.Time
	first   time.Time // when it first took something since it was last told to be there
	attends atomic.Bool
}

func (e *endpoint) take(_ context.Context, b consuming.Batch) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tries = append(e.tries, time.Now())
	if !e.attends.Load() {
		if err := e.away(b.Room); err != nil {
			return err
		}
	}
	if e.first.IsZero() {
		e.first = time.Now()
	}
	return nil
}

// since returns how many tries there were from a time on.
func (e *endpoint) since(from time.Time) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, at := range e.tries {
		if !at.Before(from) {
			n++
		}
	}
	return n
}

// returns has it be there from now on.
func (e *endpoint) returns() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.first = time.Time{}
	e.attends.Store(true)
}

func gone(chat.RoomID) error { return errAway }

// takes waits until all of the rooms were taken by any of some consumers, and returns when that
// was.
func takes(t *testing.T, all []chat.RoomID, within time.Duration, by ...*audit) time.Time {
	t.Helper()
	for began := time.Now(); ; rest(100 * time.Millisecond) {
		left := 0
		for _, id := range all {
			n := 0
			for _, a := range by {
				n += len(a.has(id))
			}
			if n == 0 {
				left++
			}
		}
		if left == 0 {
			return time.Now()
		}
		if time.Since(began) > within {
			t.Fatalf("after %v there are %d of %d rooms of which nothing was taken", within, left, len(all))
		}
	}
}

func TestAConsumerThatWasAwayGetsAllRoomsSoonAfterTheFirst(t *testing.T) {
	t.Parallel()
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprint("the node starts anew: ", restarts), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t)
				all := rooms(1000)
				p.makes(all...)
				e := &endpoint{away: gone}
				a := &audit{name: "audit", take: e.take}
				n := p.runs("n1", nil, a)
				rest(soon)
				for _, id := range all {
					n.Appended(p.says(id, "hi"))
				}
				rest(20 * time.Minute)
				waits := time.Now()
				rest(10 * time.Minute)
				if per := float64(e.since(waits)) / 10; per > 4 || per < 1.5 {
					t.Errorf("%.1f tries a minute of what is away, want 2 to 4", per)
				}
				if pending := p.pending(); pending > 0 {
					t.Errorf("%d rooms are pending", pending)
				}
				if restarts {
					n.stop()
					rest(time.Minute)
					n = p.runs("n2", nil, a)
				}
				defer n.stop()
				e.returns()
				back := time.Now()
				last := takes(t, all, 45*time.Second, a)
				if e.first.Sub(back) > 35*time.Second || last.Sub(e.first) > 10*time.Second {
					t.Errorf("back, it took the first after %v, and the last %v later", e.first.Sub(back), last.Sub(e.first))
				}
				mustBe(t, "tries since then, of 1000 rooms", e.since(back), 1000)
				n.seen.mustBeWell()
			})
		})
	}
}

// pending returns how many rooms are pending.
func (p place) pending() (n int) {
	p.Helper()
	for share := range ports.Shares {
		rooms, err := p.Pending(p.Context(), []ports.SharePlace{{Share: ports.Share(share)}}, 1000)
		if err != nil {
			p.Fatal(err)
		}
		n += len(rooms)
	}
	return n
}

// TestANewConsumerIsNotAwayAfterAFirstFailure makes a consumer some seconds before it can take
// anything.
func TestANewConsumerIsNotAwayAfterAFirstFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea")
		n := p.runs("n1", nil, &audit{name: "other"})
		defer n.stop()
		rest(soon)
		e := &endpoint{away: gone}
		a := &audit{name: "audit", take: e.take}
		if err := n.Add(a); err != nil {
			t.Fatal(err)
		}
		n.Appended(p.says("tea", "hi"))
		rest(2200 * time.Millisecond)
		mustBe(t, "it is away", n.Inspect().Consumers[0].Away, false)
		e.returns()
		takes(t, []chat.RoomID{"tea"}, 14*time.Second, a)
	})
}

func TestAllNodesLearnThatAConsumerIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		all := rooms(200)
		p.makes(all...)
		e := &endpoint{away: gone}
		a, b := &audit{name: "audit", take: e.take}, &audit{name: "audit", take: e.take}
		first, second := p.runs("n1", nil, a), p.runs("n2", nil, b)
		defer first.stop()
		defer second.stop()
		rest(20 * time.Second)
		for _, id := range all {
			p.says(id, "hi")
		}
		rest(time.Hour)
		for i, n := range []node{first, second} {
			if seen := n.Inspect().Consumers[0]; !seen.Away {
				t.Errorf("node %d: %+v", i, seen)
			}
		}
		e.returns()
		takes(t, all, 45*time.Second, a, b)
		rest(soon)
		mustBe(t, "it is away", first.Inspect().Consumers[0].Away || second.Inspect().Consumers[0].Away, false)
	})
}

func TestWhereItIsSaidWhenThatIsObeyedThoughOthersAreWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		all := rooms(20)
		p.makes(all...)
		e := &endpoint{away: func(room chat.RoomID) error {
			if room == all[0] {
				return consuming.Retry{After: 2 * time.Hour, Cause: errAway}
			}
			return errAway
		}}
		a := &audit{name: "audit", take: e.take}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(soon)
		for _, id := range all {
			n.Appended(p.says(id, "hi"))
		}
		rest(time.Hour)
		mustBe(t, "why it waits", p.cursor(all[0], "audit").Error, "away, and says when to try again")
		e.returns()
		takes(t, all[1:], time.Minute, a)
		rest(30 * time.Minute)
		mustBe(t, "tries before it is time", len(a.tried(all[0])), 1)
		if err := n.Hasten(t.Context(), "audit", false); err != nil {
			t.Fatal(err)
		}
		rest(2 * soon)
		mustBe(t, "tries before it is time", len(a.tried(all[0])), 1)
		if err := n.Hasten(t.Context(), "audit", true); err != nil {
			t.Fatal(err)
		}
		rest(2 * soon)
		mustBe(t, "what was taken when that counts no more", a.has(all[0]), []string{"hi"})
	})
}

func TestAPoisonedRoomIsNotTriedMoreBecauseOthersSucceed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		bad := rooms(10)
		p.makes(bad...)
		p.makes("good")
		e := &endpoint{away: func(room chat.RoomID) error {
			if room != "good" {
				return errAway
			}
			return nil
		}}
		a := &audit{name: "audit", take: e.take}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(soon)
		for _, id := range bad {
			n.Appended(p.says(id, "poison"))
		}
		rest(30 * time.Minute)
		began := time.Now()
		for i := range 60 {
			said := time.Now()
			n.Appended(p.says("good", fmt.Sprint(i)))
			for len(a.has("good")) <= i {
				rest(50 * time.Millisecond)
			}
			if took := time.Since(said); took > 3*time.Second {
				t.Errorf("a good room waited %v for others", took)
			}
			rest(time.Minute)
		}
		if per := float64(e.since(began)-60) / time.Since(began).Minutes(); per > 8 {
			t.Errorf("%.1f tries of poison a minute, want 8 at most", per)
		}
	})
}

func TestAnOperatorHasAConsumerTriedNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		p.makes("tea", "den", "zoo")
		e := &endpoint{away: func(room chat.RoomID) error {
			if room == "den" {
				return consuming.Retry{After: 20 * time.Hour, Cause: errAway}
			}
			return errAway
		}}
		a := &audit{name: "audit", limits: consuming.Limits{Entries: 1}, take: e.take}
		for _, id := range []chat.RoomID{"tea", "den", "zoo"} {
			p.says(id, "1", "2")
		}
		for range 9 { // days
			n := p.runs("n1", nil, a)
			rest(time.Minute)
			n.stop()
			rest(24 * time.Hour)
		}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(2 * time.Minute)
		mustBe(t, "they have stalled", []bool{p.cursor("tea", "audit").Stalled, p.cursor("zoo", "audit").Stalled}, []bool{true, true})
		e.returns()
		if err := n.Retry(t.Context(), "audit", "tea"); err != nil {
			t.Fatal(err)
		}
		rest(2 * soon)
		mustBe(t, "where it was tried", []any{a.has("tea"), a.has("zoo")}, []any{[]string{"1", "2"}, []string(nil)})
		last := a.tried("tea")[len(a.tried("tea"))-2]
		if last.First != 1 || last.Last != 1 || string(last.Sealed) != "1-1/1" || last.Tries != 0 {
			t.Errorf("it was tried as another: %+v", last)
		}
		if err := n.Retry(t.Context(), "audit", ""); err != nil {
			t.Fatal(err)
		}
		rest(3 * soon)
		mustBe(t, "everywhere", []any{a.has("den"), a.has("zoo")}, []any{[]string{"1", "2"}, []string{"1", "2"}})
		n.seen.mustBeWell()
	})
}

func TestWhatAnOperatorSetsIsTriedThoughTheConsumerIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		all := rooms(300)
		p.makes(all...)
		e := &endpoint{away: gone}
		a := &audit{name: "audit", take: e.take}
		n := p.runs("n1", nil, a)
		defer n.stop()
		rest(soon)
		for _, id := range all {
			n.Appended(p.says(id, "hi"))
		}
		rest(5 * time.Minute)
		for i, act := range []func(room chat.RoomID) error{
			func(room chat.RoomID) error { return n.Seek(t.Context(), "audit", room, 0) },
			func(room chat.RoomID) error { return n.Retry(t.Context(), "audit", room) },
		} {
			room := all[100+i]
			mustBe(t, "it is away", []bool{n.Inspect().Consumers[0].Away, n.Idles("audit")}, []bool{true, true})
			before := len(a.tried(room))
			if err := act(room); err != nil {
				t.Fatal(err)
			}
			rest(soon)
			if tries := len(a.tried(room)) - before; tries < 1 || tries > 2 { // it may be probed, too
				t.Errorf("%d tries, want one", tries)
			}
		}
	})
}
