package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
)

// TestGuardBytesOfScatteredEntries counts, in 2,000 rooms, the bytes of an entry on the disk, and
// those that a send writes to the WAL when the first comes to each room after a checkpoint. Most of
// the latter are whole pages, so they grow with the number of places that a send writes to.
func TestGuardBytesOfScatteredEntries(t *testing.T) {
	t.Parallel()
	const rooms, each, batch, mostOnDisk, mostInWAL = 2000, 10, 100, 320, 2300
	server := pgtest.Start(t, pgtest.With("full_page_writes", "on"), pgtest.With("autovacuum", "off"))
	database := server.Database()
	store, db := open(t, postgres.Config{URL: database}), connect(t, database)
	exec(t, db, `INSERT INTO room (room_id, name, public, created_at, last_at) SELECT left(md5(n::text), 16), '', true, now(), now() FROM generate_series(1, $1) n`, rooms)
	ids, err := db.Query(t.Context(), `SELECT room_id FROM room`)
	if err != nil {
		t.Fatal(err)
	}
	scattered := make([]chat.RoomID, 0, rooms)
	for ids.Next() {
		var id chat.RoomID
		if err := ids.Scan(&id); err != nil {
			t.Fatal(err)
		}
		scattered = append(scattered, id)
	}
	round := func() {
		rand.Shuffle(rooms, func(i, j int) { scattered[i], scattered[j] = scattered[j], scattered[i] })
		for at := 0; at < rooms; at += batch {
			proposals := make([]chat.Proposal, batch)
			for i := range proposals {
				proposals[i] = says(scattered[at+i], chat.UserID(fmt.Sprint("user", rand.IntN(10))), remark)
			}
			appends(t, store, proposals...)
		}
	}
	number := func(query string) (n int64) {
		if err := db.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range each {
		round()
	}
	onDisk := number(`SELECT pg_total_relation_size('entry')`) / (rooms * each)
	exec(t, db, `CHECKPOINT`)
	before := number(`SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn`)
	round()
	inWAL := (number(`SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn`) - before) / rooms
	t.Logf("%d bytes an entry, %d bytes of WAL a send", onDisk, inWAL)
	if onDisk > mostOnDisk || inWAL > mostInWAL {
		t.Errorf("want at most %d and %d", mostOnDisk, mostInWAL)
	}
}
