package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Rooms from before the directory's migration are counted and listed. So are those that the release
// before it still writes.
func TestRoomsOfTheReleaseBeforeAreListedAndCounted(t *testing.T) {
	t.Parallel()
	cfg := sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")}
	m := sqlite.NewMigrator(cfg)
	if err := m.UpTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(sql string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	message := func(room, seq, author, deleted string) {
		t.Helper()
		exec(`INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, body, deleted_at)
			VALUES (` + room + `, ` + seq + `, 1, '` + author + `', '', 'k` + seq + `', ` + seq + `, 'message', 'hi', ` + deleted + `)`)
	}
	for number, id := range map[string]string{"1": "member", "2": "marked", "3": "spoke", "4": "left", "5": "later"} {
		exec(`INSERT INTO room (number, id, name, public, archived, created_at, head, last_at, messages, name_set, public_set, archived_set)
			VALUES (` + number + `, '` + id + `', '', 1, 0, 1, 4, 1, 4, 0, 0, 0)`)
		message(number, "1", "bob", "NULL")
		message(number, "2", "bob", "1")
		message(number, "3", "carol", "NULL")
	}
	exec(`INSERT INTO member (room, user, role, banned, since, set_by) VALUES (1, 'alice', 2, 0, 1, 0), (4, 'alice', 0, 0, 1, 0)`)
	exec(`INSERT INTO mark (room, user, seq) VALUES (2, 'alice', 1)`)
	message("3", "4", "alice", "NULL")
	message("4", "4", "alice", "NULL")

	store := openStore(t, cfg)
	must := func(want map[chat.RoomID]int64) {
		t.Helper()
		page, next, err := store.Rooms(t.Context(), ports.RoomsQuery{User: "alice", Limit: 10})
		if err != nil || next != "" || len(page) != len(want) {
			t.Errorf("got %+v, %q, %v", page, next, err)
		}
		for _, st := range page {
			if unread, listed := want[st.Room.ID]; !listed || st.Unread != unread {
				t.Errorf("%s: %d unread, want %d", st.Room.ID, st.Unread, unread)
			}
		}
	}
	must(map[chat.RoomID]int64{"member": 2, "marked": 1, "spoke": 2})
	// A node of the release before goes on writing, without what came with the migration.
	exec(`INSERT OR REPLACE INTO member (room, user, role, banned, since, set_by) VALUES (5, 'alice', 1, 0, 1, 0)`)
	exec(`INSERT INTO mark (room, user, seq) SELECT number, 'alice', 1 FROM room WHERE id = 'left' AND head >= 1 ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)`)
	exec(`UPDATE mark SET seq = 3 WHERE room = 2`)
	message("5", "4", "bob", "NULL")
	must(map[chat.RoomID]int64{"member": 2, "marked": 0, "spoke": 2, "later": 3, "left": 1})
	exec(`UPDATE entry SET body = NULL, deleted_at = 1, deleted_by = 5 WHERE room = 5 AND seq = 1`)
	must(map[chat.RoomID]int64{"member": 2, "marked": 0, "spoke": 2, "later": 2, "left": 1})
	outcomes, err := store.Append(t.Context(), []chat.Proposal{
		{Room: "later", Author: chat.Author{ID: "bob"}, By: chat.Rights{Admin: true}, Key: "new", Fact: chat.Message{Body: "again"}},
		{Room: "later", Author: chat.Author{ID: "bob"}, By: chat.Rights{Admin: true}, Key: "gone", Fact: chat.Deleted{Target: 3}},
	})
	if err != nil || outcomes[1].Status != ports.Appended {
		t.Fatal(err, outcomes)
	}
	must(map[chat.RoomID]int64{"member": 2, "marked": 0, "spoke": 2, "later": 2, "left": 1})
	// After such a node has appended or deleted, the room's row does not name the last speaker.
	says := func(author chat.UserID) {
		t.Helper()
		outcomes, err := store.Append(t.Context(), []chat.Proposal{
			{Room: "member", Author: chat.Author{ID: author}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: "hi"}},
		})
		if err != nil || outcomes[0].Status != ports.Appended {
			t.Fatal(err, outcomes)
		}
	}
	unread := func(user chat.UserID, want int64) {
		t.Helper()
		if st, err := store.Standing(t.Context(), "member", user); err != nil || st.Unread != want {
			t.Errorf("%d unread of %s, want %d, %v", st.Unread, user, want, err)
		}
	}
	says("bob")
	message("1", "6", "carol", "NULL")
	exec(`UPDATE room SET head = 6, messages = 6 WHERE number = 1`)
	says("bob")
	unread("carol", 3)
	says("carol")
	exec(`UPDATE entry SET body = NULL, deleted_at = 1, deleted_by = 9, turn = 0 WHERE room = 1 AND seq = 8`)
	exec(`INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, target) VALUES (1, 9, 1, 'carol', '', 'k9', 8, 'deleted', 8)`)
	exec(`UPDATE room SET head = 9 WHERE number = 1`)
	says("carol")
	unread("bob", 3)
	if members, err := store.Members(t.Context(), "left", "", 10); err != nil || slices.ContainsFunc(members, func(m chat.Member) bool { return m.User == "alice" }) {
		t.Errorf("members are %+v, %v", members, err)
	}
}

// The index of keys changes its order, and keys that were used stay used. Entries of the release
// before, which still inserts as it did, count as well.
func TestKeysStayUsedInTheNewOrderOfTheirIndex(t *testing.T) {
	t.Parallel()
	cfg := sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")}
	m := sqlite.NewMigrator(cfg)
	if err := m.UpTo(t.Context(), 15); err != nil {
		t.Fatal(err)
	}
	before := openFile(t, cfg.Path)
	says := func(seq int, author, key string) (isNew bool) {
		t.Helper()
		result, err := before.ExecContext(t.Context(), `
			INSERT INTO entry (room, seq, at, author, author_name, via, key, messages, kind, body, reply_to, meta, turn)
			VALUES (1, ?1, 1, ?2, '', NULL, ?3, ?1, 'message', 'hi', NULL, NULL, 1) ON CONFLICT (room, author, key) DO NOTHING`, seq, author, key)
		if err != nil {
			t.Fatal(err)
		}
		run(t, before, `UPDATE room SET head = (SELECT max(seq) FROM entry), messages = head WHERE number = 1`)
		rows, err := result.RowsAffected()
		return err == nil && rows == 1
	}
	run(t, before, `
		INSERT INTO room (number, id, name, public, archived, created_at, head, last_at, messages, name_set, public_set, archived_set)
		VALUES (1, 'general', '', 1, 0, 1, 0, 1, 0, 0, 0, 0)`)
	says(1, "alice", "first")
	says(2, "bob", "first")

	store := openStore(t, cfg)
	appends := func(author chat.UserID, key chat.Key, want ports.Status, seq chat.Seq) {
		t.Helper()
		outcomes, err := store.Append(t.Context(), []chat.Proposal{
			{Room: "general", Author: chat.Author{ID: author}, By: chat.Rights{Admin: true}, Key: key, Fact: chat.Message{Body: "hi"}},
		})
		if err != nil || outcomes[0].Err != nil || outcomes[0].Status != want || outcomes[0].Entry.Seq != seq {
			t.Errorf("%s with the key %q: got %+v, %v", author, key, outcomes, err)
		}
	}
	appends("alice", "first", ports.Duplicate, 1)
	appends("bob", "first", ports.Duplicate, 2)
	appends("carol", "first", ports.Appended, 3)
	if !says(4, "dave", "first") || says(5, "carol", "first") {
		t.Error("the release before does not see which keys are used")
	}
	appends("dave", "first", ports.Duplicate, 4)
	var check string
	if err := before.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
		t.Errorf("the store is %q, %v", check, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil { // a migration is taken back alone
		t.Fatal(err)
	}
	if err := m.DownFrom(t.Context(), 16); err != nil {
		t.Fatal(err)
	}
	before = openFile(t, cfg.Path)
	if !says(5, "erin", "first") || says(6, "erin", "first") {
		t.Error("after the migration was taken back, it is not seen which keys are used")
	}
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	store = openStore(t, cfg)
	appends("erin", "first", ports.Duplicate, 5)
}
