package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/ports"
)

func TestMigrationsGoUpAndDownAndUpAgain(t *testing.T) {
	t.Parallel()
	cfg := sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db"), NoMigrate: true}
	m := sqlite.NewMigrator(cfg)
	mustHaveApplied(t, m, false)
	if _, err := sqlite.Open(t.Context(), cfg); !errors.Is(err, chat.Conflict) {
		t.Fatalf("open of a store without its schema gives %v, want a conflict", err)
	}
	for range 2 {
		if err := m.Up(t.Context()); err != nil {
			t.Fatalf("up: %v", err)
		}
		mustHaveApplied(t, m, true)
		store, err := sqlite.Open(t.Context(), cfg)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		if _, err := store.Create(t.Context(), chat.Room{ID: "general"}, ""); err != nil {
			t.Fatalf("create: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := m.Up(t.Context()); err != nil {
			t.Fatalf("up with nothing due: %v", err)
		}
		down(t, m)
		mustHaveApplied(t, m, false)
	}
	if err := m.Down(t.Context()); !errors.Is(err, chat.Conflict) {
		t.Fatalf("down with nothing applied gives %v, want a conflict", err)
	}
}

// After a rollback of an upgrade the newer schema stays. The older release works with it, because
// migrations only add to what it uses.
func TestASchemaOfALaterReleaseStopsNobody(t *testing.T) {
	t.Parallel()
	cfg := sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")}
	for i, noMigrate := range []bool{false, false, true} {
		cfg.NoMigrate = noMigrate
		store, err := sqlite.Open(t.Context(), cfg)
		if err != nil {
			t.Fatalf("open %d: %v", i, err)
		}
		if i == 0 {
			err = store.Apply(t.Context(), 20991231)
		}
		if err := errors.Join(err, store.Check(t.Context()), store.Close()); err != nil {
			t.Fatalf("open %d: %v", i, err)
		}
	}
}

// down reverts all migrations.
func down(t *testing.T, m *migrations.Migrator) {
	t.Helper()
	states, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range states {
		if err := m.Down(t.Context()); err != nil {
			t.Fatalf("down: %v", err)
		}
	}
}

func mustHaveApplied(t *testing.T, m *migrations.Migrator, want bool) {
	t.Helper()
	states, err := m.Status(t.Context())
	if err != nil || len(states) == 0 {
		t.Fatalf("status is %v, %v", states, err)
	}
	for _, state := range states {
		if got := !state.AppliedAt.IsZero(); got != want || !strings.HasSuffix(state.Name, ".sql") {
			t.Errorf("migration %d, %s, is applied: %v, want %v", state.Version, state.Name, got, want)
		}
	}
}

func TestManyThatOpenAtOnceMigrateOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if err := errors.Join(store.Check(t.Context()), store.Close()); err != nil {
				t.Errorf("check and close: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestReadsTakeTheKeyAndNoSort(t *testing.T) {
	t.Parallel()
	store := openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	plan, err := store.Plan(t.Context())
	if err != nil || !strings.Contains(plan, "SEARCH e USING INDEX") || strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
		t.Fatalf("plan is %v\n%s", err, plan)
	}
	plan, err = store.PlanOfMessages(t.Context())
	if err != nil || !strings.Contains(plan, "SEARCH m USING COVERING INDEX") && !strings.Contains(plan, "SEARCH m USING INDEX") || strings.Contains(plan, "SCAN entry") || strings.Contains(plan, "SCAN m") {
		t.Fatalf("plan is %v\n%s", err, plan)
	}
}

// The cost of finding a page of messages grows with the number of its messages, and not with the
// entries between them.
func TestAPageOfMessagesLooksAtFewOtherEntries(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	store := openStore(t, sqlite.Config{Path: path})
	file := openFile(t, path)
	const others = 10_000
	run(t, file, `INSERT INTO room (number, id, name, public, archived, created_at, head, last_at, messages, name_set, public_set, archived_set)
		VALUES (1, 'tea', '', 1, 0, 1, ?, 1, 310, 0, 0, 0)`, others+310)
	run(t, file, `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1 + 310)
		INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, body, target, emoji)
		SELECT 1, n, 1, 'alice', 'Alice', n, CASE WHEN n <= 300 THEN n WHEN n <= ?1 + 300 THEN 300 ELSE n - ?1 END,
			iif(n <= 300 OR n > ?1 + 300, 'message', 'reacted'), 'x', 1, 'x' FROM n`, others)
	for name, c := range map[string]struct {
		after, before, want int
		newest              bool
	}{
		"the newest":                         {0, 1 << 50, 51, true},
		"the newest before the last":         {0, others + 301, 51, true},
		"the newest before all others":       {0, 301, 51, true},
		"the newest where there are none":    {300, others + 301, 0, true},
		"the oldest":                         {0, 1 << 50, 51, false},
		"the oldest behind the first ones":   {299, 1 << 50, 11, false},
		"the oldest in the midst of others":  {others / 2, 1 << 50, 10, false},
		"the oldest where there are none":    {300, others + 301, 0, false},
		"the oldest where there are no more": {others + 310, 1 << 50, 0, false},
	} {
		entries, err := store.Read(t.Context(), "tea", ports.Span{After: chat.Seq(c.after), Before: chat.Seq(c.before), Limit: 51, Newest: c.newest, Messages: true})
		if err != nil || len(entries) != c.want {
			t.Errorf("%s: %d messages, %v, want %d", name, len(entries), err, c.want)
		}
		halved, read, err := store.LooksAt(t.Context(), "tea", c.after, c.before, 51, c.newest)
		if t.Logf("%-36s %3d looked at, %3d read", name, halved, read); err != nil || halved > 64 || read > 500 {
			t.Errorf("%s: %d entries are looked at and %d read, %v", name, halved, read, err)
		}
	}
}

// A store of the release before accepts later kinds after the migration and is intact, while
// another process goes on using it.
func TestTheCheckOnKindsGoesAndNothingElse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	m := sqlite.NewMigrator(sqlite.Config{Path: path})
	if err := m.UpTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	before := openFile(t, path)
	run(t, before, `INSERT INTO room (number, id, name, public, archived, created_at, head, last_at, messages, name_set, public_set, archived_set)
		VALUES (1, 'general', '', 1, 0, 1, 2, 1, 1, 0, 0, 0)`)
	const insert = `INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, body, target) VALUES (1, ?, 1, 'alice', 'Alice', ?, 1, ?, ?, ?)`
	run(t, before, insert, 1, "k1", "message", "hello", nil)
	run(t, before, insert, 2, "k2", "edited", nil, 1)
	if _, err := before.ExecContext(t.Context(), insert, 3, "k3", "pinned", nil, 1); err == nil {
		t.Fatal("the release before takes any kind")
	}
	const deleted = `INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, meta, deleted_at, deleted_by) VALUES (1, ?, 1, 'alice', 'Alice', ?, 1, 'message', x'7b7d', 1, 9)`
	run(t, before, deleted, 4, "k4")
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	var metas int
	if err := before.QueryRowContext(t.Context(), `SELECT count(*) FROM entry WHERE meta IS NOT NULL`).Scan(&metas); err != nil || metas > 0 {
		t.Errorf("%d deleted messages have their meta, %v", metas, err)
	}
	run(t, before, deleted, 5, "k5")
	run(t, before, insert, 3, "k3", "pinned", nil, 1) // it opened the file before
	run(t, before, `UPDATE room SET head = 5`)
	var check, text string
	if err := before.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
		t.Errorf("the store is %q, %v", check, err)
	}
	if err := before.QueryRowContext(t.Context(), `SELECT sql FROM sqlite_schema WHERE name = 'entry'`).Scan(&text); err != nil || strings.Contains(text, "CHECK") || !strings.Contains(text, "STRICT") {
		t.Errorf("the table is %s, %v", text, err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := sqlite.Backup(t.Context(), path, copied); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, copied} {
		entries, err := openStore(t, sqlite.Config{Path: path}).Read(t.Context(), "general", ports.Span{Limit: 10})
		if err != nil || len(entries) != 5 {
			t.Fatalf("%s has %v, %v", path, entries, err)
		}
		if m, ok := entries[0].Fact.(chat.Message); !ok || m.Body != "hello" {
			t.Errorf("%s begins with %+v", path, entries[0])
		}
		if u, ok := entries[2].Fact.(chat.Unknown); !ok || u.Type != "pinned" || u.Target != 1 {
			t.Errorf("%s goes on with %+v", path, entries[2])
		}
		for _, e := range entries[3:] {
			if m, ok := e.Fact.(chat.Message); !ok || m.DeletedAt.IsZero() || m.Meta != nil {
				t.Errorf("%s has a deleted message %+v", path, e)
			}
		}
	}
	if err := m.Down(t.Context()); err != nil { // entries of a later kind stay
		t.Fatal(err)
	}
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// openFile opens a store's file, like another program.
func openFile(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
