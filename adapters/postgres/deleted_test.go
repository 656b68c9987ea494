package postgres_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
)

// A node of the release before does not delete the meta of a deleted message. The migration deletes
// it; meta that such a node leaves later is not shown.
func TestWhatTheReleaseBeforeDeletedIsNotShown(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	m := postgres.NewMigrator(postgres.Config{URL: database})
	if err := m.UpTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, database)
	exec(t, conn, `INSERT INTO room (room_id, name, public, created_at, last_at, head) VALUES ('tea', '', true, now(), now(), 2)`)
	deletes := func(seq int) {
		t.Helper()
		exec(t, conn, `INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, meta, deleted_at, deleted_by)
			VALUES ('tea', $1::bigint, now(), 'alice', '', 'k' || $1::bigint, $1::bigint, 1, '{"link":1}', now(), 9)`, seq)
	}
	deletes(1)
	store := open(t, postgres.Config{URL: database})
	var metas int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM entry WHERE meta IS NOT NULL`).Scan(&metas); err != nil || metas > 0 {
		t.Errorf("%d deleted messages have their meta, %v", metas, err)
	}
	deletes(2)
	for _, e := range log(t, store, "tea") {
		if m, ok := e.Fact.(chat.Message); !ok || m.DeletedAt.IsZero() || m.Meta != nil {
			t.Errorf("a deleted message is %+v", e)
		}
	}
}
