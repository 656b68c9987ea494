package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// BenchmarkAppendScattered measures durable appends to random rooms of a service that has been used
// for long, with a hundred entries in each room. It prints the bytes of an entry with its indexes,
// and the WAL of a send.
//
// BENCH_ENTRIES is how many entries it fills an empty database with: a million, unless it is set.
// BENCH_POSTGRES is the URL of a database that it keeps, and uses the next time. With
// BENCH_KEYS=random all keys are of 36 characters at random, as of clients that send UUIDs.
func BenchmarkAppendScattered(b *testing.B) {
	database := keptDatabase(b)
	store := open(b, postgres.Config{URL: database})
	conn := connect(b, database)
	rooms := scatter(b, conn)
	for _, size := range []int{1, 16, 256} {
		for _, lanes := range []int{1, 4} {
			b.Run(fmt.Sprintf("batch=%d/lanes=%d", size, lanes), func(b *testing.B) { appendsScattered(b, store, conn, rooms, size, lanes) })
		}
	}
}

// In BenchmarkAppendScattered, each room has so many entries, of so many authors, who all say this.
const (
	scattered = 100
	speakers  = 10
	remark    = "Wherever there is life, there is a little chaos, and that is fine"
)

var randomKeys = os.Getenv("BENCH_KEYS") == "random"

// scatter fills an empty database, and returns how many rooms there are. Entries come to one room
// after the other, as in a service where many rooms talk at a time: so the indexes are as full as
// random insertions leave them. Keys are as long as those of chat.NewKey, come in order, and before
// all that it makes now, unless they are at random.
func scatter(b *testing.B, conn *pgx.Conn) (rooms int) {
	if err := conn.QueryRow(b.Context(), `SELECT count(*) FROM room`).Scan(&rooms); err != nil {
		b.Fatal(err)
	}
	if rooms > 0 {
		return rooms
	}
	entries := 1_000_000
	if text := os.Getenv("BENCH_ENTRIES"); text != "" {
		var err error
		if entries, err = strconv.Atoi(text); err != nil || entries < scattered {
			b.Fatalf("BENCH_ENTRIES is %q: say a number from %d", text, scattered)
		}
	}
	key := `chr(31) || '--' || lpad(to_hex(n), 8, '0') || left(md5(n::text), 8)`
	if randomKeys {
		key = `gen_random_uuid()::text`
	}
	rooms = entries / scattered
	exec(b, conn, fmt.Sprintf(`INSERT INTO room (room_id, name, public, created_at, last_at, head, messages, speaker, speaker_head)
		SELECT left(md5(r::text), 16), '', true, now(), now(), %[1]d, %[1]d, 'user%[2]d', %[1]d FROM generate_series(1, %[3]d) r`, scattered, scattered%speakers, rooms))
	for seq := 1; seq <= scattered; seq++ {
		exec(b, conn, fmt.Sprintf(`INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, body, turn)
			SELECT room_id, %[1]d, now(), 'user%[2]d', 'The user%[2]d', %[5]s, %[1]d, 1, '%[3]s', true
			FROM (SELECT room_id, %[1]d * %[4]d::bigint + row_number() OVER () AS n FROM (SELECT room_id FROM room ORDER BY random()) r) r
			ORDER BY n`, seq, seq%speakers, remark, rooms, key))
	}
	exec(b, conn, fmt.Sprintf(`INSERT INTO spoke (room_id, user_id) SELECT room_id, 'user' || u FROM room, generate_series(0, %d) u`, speakers-1))
	exec(b, conn, `VACUUM ANALYZE`)
	exec(b, conn, `CHECKPOINT`)
	return rooms
}

func appendsScattered(b *testing.B, store *postgres.Store, conn *pgx.Conn, rooms, size, lanes int) {
	rows, err := conn.Query(b.Context(), `SELECT room_id FROM room`)
	if err != nil {
		b.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[chat.RoomID])
	if err != nil {
		b.Fatal(err)
	}
	rand.Shuffle(rooms, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	wal := func() (bytes int64) {
		if err := conn.QueryRow(b.Context(), `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn`).Scan(&bytes); err != nil {
			b.Fatal(err)
		}
		return bytes
	}
	exec(b, conn, `CHECKPOINT`)
	began := wal()
	var lane, done atomic.Int64
	b.ResetTimer()
	together(lanes, func() {
		mine := ids[int(lane.Add(1)-1)*rooms/lanes:][:rooms/lanes]
		batch := make([]chat.Proposal, size)
		for at := 0; done.Add(1) <= int64(b.N); at += size {
			for i := range batch {
				batch[i] = says(mine[(at+i)%len(mine)], chat.UserID(fmt.Sprint("user", rand.IntN(speakers))), remark)
				if randomKeys {
					batch[i].Key = chat.Key(fmt.Sprintf("%016x%020x", rand.Uint64(), rand.Uint64()))
				}
			}
			outcomes, err := store.Append(b.Context(), batch)
			if err != nil || outcomes[size-1].Status != ports.Appended {
				b.Errorf("append: %v, %.200s", err, fmt.Sprint(outcomes))
				return
			}
		}
	})
	b.StopTimer()
	sends := float64(b.N * size)
	b.ReportMetric(sends/b.Elapsed().Seconds(), "proposals/s")
	b.ReportMetric(float64(wal()-began)/sends, "WAL-B/proposal")
	var bytes, entries int64
	if err := conn.QueryRow(b.Context(), `SELECT pg_total_relation_size('entry'), sum(head)::bigint FROM room`).Scan(&bytes, &entries); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(bytes)/float64(entries), "disk-B/entry")
}
