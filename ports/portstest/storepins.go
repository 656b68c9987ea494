package portstest

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// manyMessages says n messages in one call.
func (u user) manyMessages(n int) {
	u.Helper()
	var batch []chat.Proposal
	for range n {
		batch = append(batch, u.proposes(chat.Message{Body: "hi"}))
	}
	u.appends(batch...)
}

func pinsBounded(t *testing.T, r room) {
	alice := r.user("alice")
	alice.manyMessages(chat.MaxPins + 3)
	var batch []chat.Proposal
	for i := range chat.MaxPins + 1 {
		batch = append(batch, alice.proposes(alice.pin(chat.Seq(i+1))))
	}
	outcomes := r.appends(batch...)
	r.mustBe(outcomes[chat.MaxPins-1], ports.Appended)
	r.mustRefuse(outcomes[chat.MaxPins], chat.Conflict)
	r.mustRefuse(alice.tries(alice.pin(chat.MaxPins+1)), chat.Conflict)
	r.mustBe(alice.tries(alice.pin(1)), ports.Unchanged)
	alice.does(alice.pin(1, time.Now().Add(time.Hour))) // this changes a value, and adds none
	alice.setsSlot(chat.Pinned, 1, "", "")
	alice.does(alice.pin(chat.MaxPins + 1))
	r.mustRefuse(alice.tries(alice.pin(chat.MaxPins+2)), chat.Conflict)
	alice.deletes(2)
	alice.does(alice.pin(chat.MaxPins + 2))
	r.mustRefuse(alice.tries(alice.pin(chat.MaxPins+3)), chat.Conflict)
	mustEqual(t, "pins", len(r.pins(0, 200)), chat.MaxPins)
}

func slotsBounded(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	alice.says("two")
	alice.does(alice.pin(1)) // pins do not count
	for i := range chat.MaxMessageSlots {
		alice.setsSlot(chat.SetType(fmt.Sprint("x.t", i%3)), 1, fmt.Sprint("s", i), `1`)
	}
	r.mustRefuse(alice.tries(setOf("x.new", 1, "", `1`)), chat.Conflict)
	alice.setsSlot("x.t0", 1, "s0", `2`)
	alice.setsSlot("x.t0", 1, "s0", "")
	alice.setsSlot("x.new", 1, "", `1`)
	big := `"` + strings.Repeat("b", chat.MaxSetBytes-2) + `"`
	alice.setsSlot("x.big", 2, "", big)
	alice.setsSlot("x.big2", 2, "", big)
	r.mustRefuse(alice.tries(setOf("x.big3", 2, "", `1`)), chat.Conflict)
	alice.setsSlot("x.big2", 2, "", big[:100]+`"`)
	alice.setsSlot("x.big3", 2, "", `1`)
	alice.setsSlot("x.big", 0, "", big) // the room is another target
}

// pins returns the messages that are pinned, each with the entry that pinned it.
func (r room) pins(before chat.Seq, limit int) []ports.PinnedMessage {
	r.Helper()
	pins, err := r.Pins(r.Context(), r.id, before, limit)
	if err != nil {
		r.Fatalf("pins: %v", err)
	}
	return pins
}

func pinsListed(t *testing.T, r room) {
	alice := r.user("alice")
	mustEqual(t, "at first", fmt.Sprint(r.pins(0, 10)), "[]")
	mustEqual(t, "nowhere", fmt.Sprint(r.in(someRoom()).pins(0, 10)), "[]")
	alice.manyMessages(5)
	for _, seq := range []chat.Seq{4, 1, 5, 2} {
		alice.does(alice.pin(seq)) // 6 to 9
	}
	alice.setsSlot("x.a", 3, "", `1`)
	mustEqual(t, "all", fmt.Sprint(r.pins(0, 10)), "[{2 9} {5 8} {1 7} {4 6}]")
	mustEqual(t, "a page", fmt.Sprint(r.pins(0, 3)), "[{2 9} {5 8} {1 7}]")
	mustEqual(t, "the next page", fmt.Sprint(r.pins(7, 3)), "[{4 6}]")
	alice.does(alice.pin(4, time.Now().Add(time.Hour)))
	alice.setsSlot(chat.Pinned, 5, "", "")
	mustEqual(t, "pinned anew", fmt.Sprint(r.pins(0, 10)), "[{4 11} {2 9} {1 7}]")
	alice.deletes(2)
	mustEqual(t, "deleted", fmt.Sprint(r.pins(0, 10)), "[{4 11} {1 7}]")
}

func pinsDue(t *testing.T, r room) {
	alice := r.user("alice")
	due := func() (mine []ports.PinnedMessage) {
		t.Helper()
		all, err := r.DuePins(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(all, func(a, b ports.DuePin) int { return a.Due.Compare(b.Due) }) {
			t.Errorf("in another order: %v", all)
		}
		for _, p := range all {
			if p.Room == r.id {
				mine = append(mine, p.PinnedMessage)
			}
		}
		slices.SortFunc(mine, func(a, b ports.PinnedMessage) int { return int(a.Message - b.Message) })
		return mine
	}
	alice.manyMessages(4)
	soon := time.Now().Add(5 * time.Second).Truncate(time.Millisecond)
	alice.does(alice.pin(1, soon)) // 5
	alice.does(alice.pin(2, soon.Add(time.Hour)))
	alice.does(alice.pin(3))
	alice.does(alice.pin(4, soon)) // 8
	system := user{r, chat.System}
	unpin := func(key chat.Key) ports.Outcome {
		return r.appends(system.proposesAs(key, chat.Set{Type: chat.Pinned, Target: 1}))[0]
	}
	r.mustBeSeq(unpin("early"), ports.Unchanged, 5) // it is not due
	for deadline := time.Now().Add(time.Minute); len(due()) < 2 && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
	}
	mustEqualSlices(t, "due", due(), []ports.PinnedMessage{{Message: 1, SetBy: 5}, {Message: 4, SetBy: 8}})
	alice.deletes(4)
	mustEqualSlices(t, "due without the deleted", due(), []ports.PinnedMessage{{Message: 1, SetBy: 5}})
	alice.does(chat.RoomChanged{Change: chat.RoomArchived})
	r.mustBeSeq(unpin("due"), ports.Appended, 11)
	r.mustBeSeq(unpin("due"), ports.Duplicate, 11)
	r.mustBeSeq(unpin("another"), ports.Unchanged, 0)
	mustEqual(t, "author", r.entry(11).Author.ID, chat.System)
	mustEqual(t, "due at last", len(due()), 0)
	mustEqual(t, "pins", fmt.Sprint(r.pins(0, 10)), "[{3 7} {2 6}]")
}

func setsCountBytes(t *testing.T, r room) {
	alice := r.user("alice")
	alice.manyMessages(3)
	big := `"` + strings.Repeat("b", 1000) + `"`
	alice.setsSlot("x.a", 1, "", big)
	alice.setsSlot("x.a", 0, "", big) // 5
	alice.says("end")
	mustEqual(t, "from the first", len(r.reads(ports.Span{Limit: 10, Bytes: 1000})), 1)
	mustEqual(t, "from the set", len(r.reads(ports.Span{After: 4, Limit: 10, Bytes: 1000})), 1)
	mustEqual(t, "from the end", len(r.reads(ports.Span{Limit: 10, Newest: true, Bytes: 1000})), 2)
}

func (s *storeSuite) racePins(t *testing.T, r room) {
	handles := s.handles(t)
	alice := r.user("alice")
	alice.manyMessages(chat.MaxPins + 20)
	var pinned atomic.Int64
	together(t, 4, func(i int) {
		u := user{r.on(t, handles[i%len(handles)]), alice.id}
		for n := i; n < chat.MaxPins+20; n += 4 {
			if u.tries(u.pin(chat.Seq(n+1))).Status == ports.Appended {
				pinned.Add(1)
			}
		}
	})
	mustEqual(t, "pinned", pinned.Load(), chat.MaxPins)
	mustEqual(t, "pins", len(r.pins(0, 200)), chat.MaxPins)
}
