package postgres_test

import (
	"context"
	"iter"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

// BenchmarkSearch measures the search index on a server that syncs to the disk. BENCH_POSTGRES is
// the URL of a database that it keeps, and uses the next time.
func BenchmarkSearch(b *testing.B) {
	database := keptDatabase(b)
	store := open(b, postgres.Config{URL: database})
	conn := connect(b, database)
	filled := false
	if err := conn.QueryRow(b.Context(), `SELECT EXISTS (SELECT FROM found)`).Scan(&filled); err != nil {
		b.Fatal(err)
	}
	portstest.BenchmarkSearch(b, portstest.SearchBench{
		Store: store, Filled: filled,
		Fill: func(b *testing.B, rooms []chat.RoomID, messages iter.Seq[ports.FoundMessage]) {
			fillLog(b, conn, rooms, messages)
		},
		Bytes: func(b *testing.B) (n int64) {
			exec(b, conn, `VACUUM found_piece`)
			exec(b, conn, `VACUUM found`)
			if err := conn.QueryRow(b.Context(), `SELECT pg_total_relation_size('found') + pg_total_relation_size('found_piece') + pg_total_relation_size('found_filter')`).Scan(&n); err != nil {
				b.Fatal(err)
			}
			return n
		},
	})
}

// keptDatabase returns the database that BENCH_POSTGRES names, or an empty one of a server that
// syncs to the disk.
func keptDatabase(b *testing.B) string {
	if kept := os.Getenv("BENCH_POSTGRES"); kept != "" {
		return kept
	}
	return pgtest.Start(b, pgtest.Durable(), pgtest.With("shared_buffers", "1GB"), pgtest.With("max_wal_size", "4GB")).Database()
}

func fillLog(b *testing.B, conn *pgx.Conn, rooms []chat.RoomID, messages iter.Seq[ports.FoundMessage]) {
	next, stop := iter.Pull(messages)
	defer stop()
	columns := []string{"room_id", "seq", "at", "author", "author_name", "key", "messages", "kind", "body"}
	heads := map[chat.RoomID]ports.FoundMessage{}
	_, err := conn.CopyFrom(context.Background(), pgx.Identifier{"entry"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		m, more := next()
		if !more {
			return nil, nil
		}
		heads[m.Room] = m
		return []any{string(m.Room), int64(m.Seq), m.At, "ann", "", "k", int64(m.Seq), int16(1), "x"}, nil
	}))
	if err != nil {
		b.Fatal(err)
	}
	for _, room := range rooms {
		head := heads[room]
		exec(b, conn, `INSERT INTO room (room_id, name, public, created_at, last_at, head, messages) VALUES ($1, '', false, now(), greatest($2, 'epoch'::timestamptz), $3, $3)`,
			string(room), head.At, int64(head.Seq))
	}
	exec(b, conn, `VACUUM ANALYZE entry`)
	exec(b, conn, `ANALYZE room`)
}
