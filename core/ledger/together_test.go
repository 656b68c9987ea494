package ledger_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
)

// judgeAll shows the rulings on a group.
func judgeAll(t *testing.T, s *state, group ...chat.Proposal) (all []string) {
	t.Helper()
	rulings, err := ledger.JudgeTogether(s, group)
	if err != nil {
		t.Fatal(err)
	}
	for _, ruling := range rulings {
		all = append(all, show(ruling))
	}
	return all
}

func TestAGroupIsJudgedOverWhatComesBefore(t *testing.T) {
	t.Parallel()
	s := tearoom(has(ledger.Tally{Emoji: "👍", First: 5, Total: 1}), holds(1, chat.Slot{Type: "x.task", SetBy: 6, Data: []byte("1")}))
	was := s.room
	group := []chat.Proposal{
		keyed(by("ann", chat.Set{Type: "x.task", Target: 1, Data: []byte("2")}), "1"),
		keyed(by("bob", chat.Reacted{Target: 1, Emoji: "👍"}), "2"),
		keyed(by("ann", chat.Deleted{Target: 1}), "3"),
		keyed(by("ann", chat.Deleted{Target: 1}), "4"),
		keyed(by("ann", chat.RoomChanged{Change: chat.RoomArchived}), "5"),
	}
	want := []string{
		`appended 8: set x.task "" on 1 to 2`, "appended 9: {Target:1 Emoji:👍 Removed:false Count:2}", "appended 10: {Target:1}",
		"unchanged since 10", "appended 11: {Change:archived Name:}",
	}
	if got := judgeAll(t, s, group...); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	const undone = "conflict: nothing of it was done, because of commands[5]"
	group = append(group, keyed(by("bob", chat.Message{Body: "too late"}), "6"), keyed(by("bob", chat.Message{Body: "again"}), "old"))
	want = []string{undone, undone, undone, undone, undone, "conflict: the room is archived", "duplicate of 1"}
	if got := judgeAll(t, s, group...); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s.room != was {
		t.Errorf("the store's room is %+v", s.room)
	}
}

func TestWhatTheStoreFailsToSayEndsAGroup(t *testing.T) {
	t.Parallel()
	hi := keyed(by("ann", chat.Message{Body: "hi"}), "1")
	for method, group := range map[string][]chat.Proposal{
		"Used":    {hi, hi},
		"Place":   {hi, hi},
		"Message": {hi, keyed(by("ann", chat.Deleted{Target: 1}), "2")},
		"Slot":    {hi, keyed(by("ann", chat.Deleted{Target: 1}), "2")},
		"Slots":   {hi, keyed(by("ann", chat.Set{Type: "x.a", Target: 1, Data: []byte("1")}), "2")},
		"Tallies": {hi, keyed(by("ann", chat.Reacted{Target: 1, Emoji: "x"}), "2")},
		"Pins":    {hi, keyed(by("ann", chat.Set{Type: chat.Pinned, Target: 1, Data: chat.Pin{By: "ann"}.Data()}), "2")},
	} {
		if _, err := ledger.JudgeTogether(tearoom(breaks(method)), group); !errors.Is(err, errBroken) {
			t.Errorf("%s: got %v", method, err)
		}
	}
}
