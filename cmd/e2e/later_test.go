package e2e_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

// planter puts an entry of a kind that a later release adds at the end of a room's log, in the
// store of a running service.
type planter func(t *testing.T, room, kind string, target int, data string)

func plantInPostgres(url string) planter {
	return func(t *testing.T, room, kind string, target int, data string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), `
			WITH moved AS (UPDATE room SET head = head + 1 WHERE room_id = $1 RETURNING head, messages, last_at)
			INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, type, target, data)
			SELECT $1, head, last_at, 'later', 'Later', 'k' || head, messages, 70, nullif($2, ''), nullif($3::bigint, 0), convert_to(nullif($4, ''), 'UTF8')
			FROM moved`, room, kind, target, data); err != nil {
			t.Fatal(err)
		}
	}
}

func plantInSQLite(path string) planter {
	return func(t *testing.T, room, kind string, target int, data string) {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), `
			INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, target, data)
			SELECT number, head + 1, last_at, 'later', 'Later', 'k' || head, messages, ?2, nullif(?3, 0), CAST(nullif(?4, '') AS BLOB)
			FROM room WHERE id = ?1`, room, kind, target, data); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), `UPDATE room SET head = head + 1 WHERE id = ?`, room); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// Entries of a later release reach the clients of this one: live, by catching up, and in the
// history, each at its seq.
func TestEntriesOfALaterReleaseAreDelivered(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() (store string, plant planter){
		"SQLite": func() (string, planter) {
			path := t.TempDir() + "/parley.db"
			return "sqlite://" + path, plantInSQLite(path)
		},
		"PostgreSQL": func() (string, planter) { url := pgtest.URL(t); return url, plantInPostgres(url) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, plant := open()
			s := start(t, store, nil)
			deliversLaterKinds(t, s, plant)
		})
	}
}

func deliversLaterKinds(t *testing.T, s *service, plant planter) {
	room := s.room()
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	alice.asks("join", "room", room)
	alice.asks("send", "room", room, "body", "one")
	plant(t, room, "pinned", 1, `{"by":{"id":"alice"},"seq":99}`)
	plant(t, room, "", 0, "")
	alice.reads(room, 1, 1)
	mustBeLater(t, alice.reads(room, 2, 3)) // there is no notice: heads are compared
	alice.asks("send", "room", room, "body", "two")
	alice.reads(room, 4, 4)

	bob.asks("join", "room", room, "after", 0)
	mustBeLater(t, bob.reads(room, 1, 4)[1:3])
	bob.asks("leave", "room", room)
	bob.asks("join", "room", room, "limit", 3)
	mustBeLater(t, bob.reads(room, 2, 4)[:2])
	for _, way := range []string{"after=0", "before=5", "", "after=1&limit=2", "before=4&limit=2"} {
		page := s.gets(t, 200, s.token(t, "bob"), "GET", "/v1/rooms/"+room+"/entries?"+way, nil)
		var all []frame
		for _, e := range page.list("entries") {
			if f := frame(e.(map[string]any)); f.num("seq") == 2 || f.num("seq") == 3 {
				all = append(all, f)
			}
		}
		mustBeLater(t, all)
	}
	said := bob.asks("history", "room", room, "only", "messages")
	if n := len(said.list("entries")); n != 2 || said.num("head") != 4 {
		t.Errorf("of messages there are %d: %v", n, said)
	}
	for _, seq := range []int{2, 3} {
		alice.isRefused("not_found", "edit", "room", room, "seq", seq, "body", "x")
		alice.isRefused("not_found", "delete", "room", room, "seq", seq)
		alice.isRefused("not_found", "react", "room", room, "seq", seq, "emoji", "x")
		alice.isRefused("not_found", "send", "room", room, "body", "x", "reply_to", seq)
	}
	if ok := bob.asks("read", "room", room, "seq", 3); ok.num("unread") != 1 {
		t.Errorf("behind them is %v", ok)
	}

	alice.asks("delete", "room", room, "seq", 1)
	carol := s.connects(t, "carol")
	carol.asks("join", "room", room, "after", 0)
	if e := carol.reads(room, 1, 5)[1]; !e.is("pinned") || e.has("by") {
		t.Errorf("what was said of a deleted message is still told: %v", e)
	}
}

// mustBeLater checks the two planted entries.
func mustBeLater(t *testing.T, entries []frame) {
	t.Helper()
	if len(entries) != 2 {
		t.Fatalf("they are %v", entries)
	}
	pinned, nameless := entries[0], entries[1]
	if !pinned.is("pinned") || pinned.num("target") != 1 || pinned.sub("by").str("id") != "alice" || pinned.num("seq") != 2 {
		t.Errorf("the first is %v", pinned)
	}
	if !strings.HasPrefix(nameless.kind(), "kind") && !nameless.is("unknown") || nameless.num("seq") != 3 || nameless.has("target") {
		t.Errorf("the second is %v", nameless)
	}
	for _, e := range entries {
		if e.sub("author").str("id") != "later" || !strings.HasSuffix(e.str("at"), "Z") {
			t.Errorf("it is %v", fmt.Sprint(e))
		}
	}
}
