package sqlite_test

import (
	"cmp"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

// BenchmarkSearch measures the search index. BENCH_SQLITE is a file that it keeps, and uses the
// next time.
func BenchmarkSearch(b *testing.B) {
	path := cmp.Or(os.Getenv("BENCH_SQLITE"), filepath.Join(b.TempDir(), "parley.db"))
	_, missing := os.Stat(path)
	store := openStore(b, sqlite.Config{Path: path})
	portstest.BenchmarkSearch(b, portstest.SearchBench{
		Store: store, Filled: missing == nil,
		Fill: func(b *testing.B, rooms []chat.RoomID, messages iter.Seq[ports.FoundMessage]) {
			fillLog(b, path, rooms, messages)
		},
		Bytes: func(b *testing.B) (n int64) {
			db := openFile(b, path)
			if err := db.QueryRowContext(b.Context(), `SELECT sum(pgsize) FROM dbstat WHERE name IN ('found', 'found_piece', 'sqlite_autoindex_found_piece_1', 'found_filter')`).Scan(&n); err != nil {
				b.Fatal(err)
			}
			return n
		},
	})
}

func fillLog(b *testing.B, path string, rooms []chat.RoomID, messages iter.Seq[ports.FoundMessage]) {
	db := openFile(b, path)
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(b.Context(), `PRAGMA cache_size = -500000`); err != nil {
		b.Fatal(err)
	}
	tx, err := db.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback()
	numbers, heads := map[chat.RoomID]int{}, map[chat.RoomID]ports.FoundMessage{}
	for i, room := range rooms {
		numbers[room] = i + 1
	}
	insert, err := tx.PrepareContext(b.Context(), `INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, body) VALUES (?1, ?2, ?3, 'ann', '', ?2, ?2, 'message', 'x')`)
	if err != nil {
		b.Fatal(err)
	}
	defer insert.Close()
	for m := range messages {
		heads[m.Room] = m
		if _, err := insert.ExecContext(b.Context(), numbers[m.Room], m.Seq, m.At.UnixMicro()); err != nil {
			b.Fatal(err)
		}
	}
	for _, room := range rooms {
		if _, err := tx.ExecContext(b.Context(), `INSERT INTO room (number, id, name, public, archived, created_at, head, last_at, messages, name_set, public_set, archived_set)
			VALUES (?, ?, '', 0, 0, 1, ?3, ?4, ?3, 0, 0, 0)`, numbers[room], room, heads[room].Seq, max(1, heads[room].At.UnixMicro())); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}
