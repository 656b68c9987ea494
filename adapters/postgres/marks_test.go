package postgres_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// TestMarksWaitForNobody has other sessions lock what marks of one room need. It moves marks of
// that room and of another one together.
func TestMarksWaitForNobody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		holds string
		waits bool // the mark that is held is not moved
	}{
		"a mark that another session has locked":       {"SELECT FROM mark WHERE user_id = 'alice' FOR UPDATE", true},
		"a mark that another session is making":        {"INSERT INTO mark (room_id, user_id, seq) SELECT room_id, 'bob', 0 FROM mark", true},
		"a mark that another session is taking":        {"DELETE FROM mark WHERE user_id = 'alice'", true},
		"the row of the room":                          {"SELECT FROM room FOR UPDATE", false},
		"the row of the room, with the key that is it": {"UPDATE room SET name = 'held'", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := migrated.Copy(t)
			store := open(t, postgres.Config{URL: url})
			room := newRoom(t, store)
			appendsMany(t, store, room, 3)
			mark := func(marks ...ports.ReadMark) []ports.MarkOutcome {
				t.Helper()
				outcomes, err := store.Mark(t.Context(), marks)
				if err != nil {
					t.Fatal(err)
				}
				return outcomes
			}
			mark(ports.ReadMark{Room: room, User: "alice", Seq: 1})
			other := newRoom(t, store)
			appendsMany(t, store, other, 3)

			holder := connect(t, url)
			exec(t, holder, "BEGIN")
			exec(t, holder, c.holds)
			batch := []ports.ReadMark{
				{Room: other, User: "carol", Seq: 2}, {Room: room, User: "alice", Seq: 2}, {Room: room, User: "bob", Seq: 2}, {Room: other, User: "dave", Seq: 3},
			}
			held := 0
			for i, o := range mark(batch...) {
				switch {
				case o.Err == nil && o.Read == batch[i].Seq:
				case batch[i].Room == other:
					t.Errorf("a mark in another room got %+v", o)
				default:
					mustFail(t, o.Err, chat.Unavailable)
					held++
				}
			}
			if want := map[bool]int{true: 1}[c.waits]; held != want {
				t.Errorf("%d marks are held, want %d", held, want)
			}
			exec(t, holder, "COMMIT")
			for i, o := range mark(batch...) {
				if o.Err != nil || o.Read != batch[i].Seq {
					t.Errorf("after that, mark %d got %+v", i, o)
				}
			}
		})
	}
}
