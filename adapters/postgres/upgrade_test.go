package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Rooms from before the directory's migration are counted and listed. So are those that the release
// before it still writes.
func TestRoomsOfTheReleaseBeforeAreListedAndCounted(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{URL: pgtest.URL(t)}
	if err := postgres.NewMigrator(cfg).UpTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	db := connect(t, cfg.URL)
	message := func(room string, seq int, author string, deleted bool) {
		t.Helper()
		gone := map[bool]string{true: "now()", false: "NULL"}[deleted]
		exec(t, db, fmt.Sprintf(`INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, body, deleted_at)
			VALUES ('%s', %d, now(), '%s', '', 'k%d', %d, 1, 'hi', %s)`, room, seq, author, seq, seq, gone))
		exec(t, db, fmt.Sprintf(`INSERT INTO used_key (room_id, author, key, seq, at) VALUES ('%s', '%s', 'k%d', %d, now())`, room, author, seq, seq))
	}
	for _, id := range []string{"member", "marked", "spoke", "left", "later"} {
		exec(t, db, `INSERT INTO room (room_id, name, public, created_at, last_at, head, messages) VALUES ('`+id+`', '', true, now(), now(), 4, 4)`)
		message(id, 1, "bob", false)
		message(id, 2, "bob", true)
		message(id, 3, "carol", false)
	}
	exec(t, db, `INSERT INTO member (room_id, user_id, role, banned, since, set_by) VALUES ('member', 'alice', 2, false, now(), 0), ('left', 'alice', 0, false, now(), 0)`)
	exec(t, db, `INSERT INTO mark (room_id, user_id, seq) VALUES ('marked', 'alice', 1)`)
	message("spoke", 4, "alice", false)
	message("left", 4, "alice", false)

	store := open(t, cfg)
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
	exec(t, db, `INSERT INTO member (room_id, user_id, role, banned, since, set_by) VALUES ('later', 'alice', 1, false, now(), 0)`)
	exec(t, db, `INSERT INTO mark (room_id, user_id, seq) VALUES ('left', 'alice', 1)`)
	exec(t, db, `UPDATE mark SET seq = 3 WHERE room_id = 'marked'`)
	message("later", 4, "bob", false)
	must(map[chat.RoomID]int64{"member": 2, "marked": 0, "spoke": 2, "later": 3, "left": 1})
	exec(t, db, `UPDATE entry SET body = NULL, deleted_at = now(), deleted_by = 5 WHERE room_id = 'later' AND seq = 1`)
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
		appends(t, store, says("member", author, "hi"))
	}
	unread := func(user chat.UserID, want int64) {
		t.Helper()
		if st, err := store.Standing(t.Context(), "member", user); err != nil || st.Unread != want {
			t.Errorf("%d unread of %s, want %d, %v", st.Unread, user, want, err)
		}
	}
	says("bob")
	message("member", 6, "carol", false)
	exec(t, db, `UPDATE room SET head = 6, messages = 6 WHERE room_id = 'member'`)
	says("bob")
	unread("carol", 3)
	says("carol")
	exec(t, db, `UPDATE entry SET body = NULL, deleted_at = now(), deleted_by = 9, turn = false WHERE room_id = 'member' AND seq = 8`)
	exec(t, db, `INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, target) VALUES ('member', 9, now(), 'carol', '', 'k9', 8, 3, 8)`)
	exec(t, db, `UPDATE room SET head = 9 WHERE room_id = 'member'`)
	says("carol")
	unread("bob", 3)
}

// beforeStatement is what the release before keys were looked up among entries does in an append:
// it looks for used keys, and adds new ones.
const beforeStatement = `
WITH judged AS (
  SELECT p.*, r.head, old.seq AS old_seq
  FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS p (room_id, author, key, n)
  LEFT JOIN room r ON r.room_id = p.room_id
  LEFT JOIN used_key old ON old.room_id = p.room_id AND old.author = p.author AND old.key = p.key
), appended AS (
  INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, body)
  SELECT room_id, head + n, now(), author, '', key, head + n, 1, 'hi' FROM judged WHERE old_seq IS NULL
), used AS (
  INSERT INTO used_key (room_id, author, key, seq, at)
  SELECT room_id, author, key, head + n, now() FROM judged WHERE old_seq IS NULL
), moved AS (
  UPDATE room r SET head = a.head + n, messages = a.head + n, last_at = now() FROM judged a WHERE old_seq IS NULL AND r.room_id = a.room_id
)
SELECT coalesce(old_seq, 0) FROM judged ORDER BY n`

// A key that one release has used is used for the other one too: also where its statement was
// planned before the migration, and by an index, however large the room is.
func TestKeysAreKnownToTheReleaseBeforeAndFromIt(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{URL: pgtest.URL(t)}
	if err := postgres.NewMigrator(cfg).UpTo(t.Context(), 18); err != nil {
		t.Fatal(err)
	}
	db := connect(t, cfg.URL)
	exec(t, db, `INSERT INTO room (room_id, name, public, created_at, last_at) VALUES ('tea', '', true, now(), now())`)
	before := func(author, key string, want int64) {
		t.Helper()
		var seq int64
		if err := db.QueryRow(t.Context(), beforeStatement, []string{"tea"}, []string{author}, []string{key}).Scan(&seq); err != nil || seq != want {
			t.Fatalf("the release before finds %s of %s at %d, %v, want %d", key, author, seq, err, want)
		}
	}
	before("alice", "k", 0)
	before("alice", "k", 1)
	store := open(t, cfg)
	now := func(author chat.UserID, key chat.Key, status ports.Status, seq chat.Seq) {
		t.Helper()
		p := says("tea", author, "hi")
		p.Key = key
		mustBe(t, appends(t, store, p), status, seq)
		p.Fact = chat.Reacted{Target: 1, Emoji: "👍"}
		if o := appends(t, store, p)[0]; !errors.Is(o.Err, chat.Conflict) {
			t.Errorf("for a reaction the key %q gives %+v", key, o)
		}
	}
	now("alice", "k", ports.Duplicate, 1)
	now("bob", "k", ports.Appended, 2)
	before("bob", "k", 2)
	before("carol", "k", 0)
	now("carol", "k", ports.Duplicate, 3)
	exec(t, db, `INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind)
		SELECT 'tea', n, now(), 'u' || n % 9, '', 'k' || n, n, 1 FROM generate_series(4, 20000) n`)
	exec(t, db, `ANALYZE entry`)
	var plan string
	rows, err := db.Query(t.Context(), `EXPLAIN `+beforeStatement, []string{"tea"}, []string{"u1"}, []string{"k10"})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if plan = strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, "entry_key") || strings.Contains(plan, "Seq Scan on entry") {
		t.Errorf("the plan of the release before, %v:\n%s", err, plan)
	}
}

// The index of turns that the release before goes by stays where a room is large.
func TestTheIndexOfTurnsStaysWhereARoomIsLarge(t *testing.T) {
	t.Parallel()
	for head, want := range map[int]int{10_000: 0, 10_001: 1} {
		cfg := postgres.Config{URL: pgtest.URL(t)}
		m := postgres.NewMigrator(cfg)
		if err := m.UpTo(t.Context(), 18); err != nil {
			t.Fatal(err)
		}
		db := connect(t, cfg.URL)
		exec(t, db, `INSERT INTO room (room_id, name, public, created_at, last_at, head) VALUES ('tea', '', true, now(), now(), $1)`, head)
		for range 2 { // and after a way back
			if err := m.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got int
			if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relname = 'entry_turn'`).Scan(&got); err != nil || got != want {
				t.Errorf("with a room of %d entries there are %d indexes of before, %v, want %d", head, got, err, want)
			}
			for range 3 {
				if err := m.Down(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			exec(t, db, `INSERT INTO used_key (room_id, author, key, seq, at) VALUES ('tea', 'alice', 'k', 1, now()) ON CONFLICT (room_id, author, key) DO NOTHING`)
		}
	}
}
