package postgres_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
)

// The release before reads the entry of a set by the columns that it has for later kinds: they say
// which slot it is, and never its value, which stands in the slot alone and for as long as it
// holds.
func TestTheRowOfASetIsForTheReleaseBeforeToo(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	store := open(t, postgres.Config{URL: database})
	room := newRoom(t, store)
	set := func(data string) chat.Proposal {
		p := says(room, "alice", "")
		f := chat.Set{Type: "x.task", Target: 1, Slot: "done"}
		if data != "" {
			f.Data = []byte(data)
		}
		p.Fact = f
		return p
	}
	appends(t, store, says(room, "alice", "hi"), set(`"first"`), set(`"second"`))
	db := connect(t, database)
	var kind int
	var name, data, values string
	look := func() {
		t.Helper()
		if err := db.QueryRow(t.Context(), `
			SELECT e.kind, e.type, convert_from(e.data, 'UTF8'),
			  coalesce((SELECT string_agg(convert_from(s.data, 'UTF8'), ' ') FROM slot s WHERE s.room_id = e.room_id), '')
			FROM entry e WHERE e.room_id = $1 AND e.seq = 2`, string(room)).Scan(&kind, &name, &data, &values); err != nil {
			t.Fatal(err)
		}
		if kind != 7 || name != "set" || data != `{"set":"x.task","slot":"done"}` {
			t.Errorf("the row says %d %q %s", kind, name, data)
		}
	}
	if look(); values != `"second"` {
		t.Errorf("slots hold %s", values)
	}
	remove := says(room, "alice", "")
	remove.Fact = chat.Deleted{Target: 1}
	appends(t, store, remove)
	if look(); values != "" {
		t.Errorf("of a deleted message slots hold %s", values)
	}
}
