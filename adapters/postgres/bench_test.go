package postgres_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// BenchmarkAppend measures appends that are on the disk when they return: batches of one size over
// 32 rooms, from one caller, and from four at once with rooms of their own, like the journal's
// lanes.
func BenchmarkAppend(b *testing.B) {
	server := pgtest.Start(b, pgtest.Durable(), pgtest.With("shared_buffers", "256MB"), pgtest.With("max_wal_size", "4GB"))
	store := open(b, postgres.Config{URL: server.Database()})
	for _, size := range []int{1, 16, 256} {
		for _, lanes := range []int{1, 4} {
			b.Run(fmt.Sprintf("batch=%d/lanes=%d", size, lanes), func(b *testing.B) { benchmarkAppend(b, store, size, lanes) })
		}
	}
}

func benchmarkAppend(b *testing.B, store *postgres.Store, size, lanes int) {
	const rooms = 32
	ids := make([]chat.RoomID, rooms)
	for i := range ids {
		ids[i] = newRoom(b, store)
	}
	var lane, done atomic.Int64
	b.SetParallelism(1)
	b.ReportAllocs()
	b.ResetTimer()
	together(lanes, func() {
		n := int(lane.Add(1)) - 1
		mine := ids[n*rooms/lanes : (n+1)*rooms/lanes]
		batch := make([]chat.Proposal, size)
		for done.Add(1) <= int64(b.N) {
			for i := range batch {
				batch[i] = says(mine[i%len(mine)], chat.UserID(fmt.Sprint("user", i/len(mine)%10)), "Wherever there is life, there is a little chaos, and that is fine.")
			}
			outcomes, err := store.Append(b.Context(), batch)
			if err != nil || outcomes[size-1].Status != ports.Appended {
				b.Errorf("append: %v, %+v", err, outcomes)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "proposals/s")
}

// BenchmarkRead measures the page that a client gets when it joins.
func BenchmarkRead(b *testing.B) {
	store := open(b, postgres.Config{URL: pgtest.URL(b)})
	room := newRoom(b, store)
	appendsMany(b, store, room, 1000)
	for b.Loop() {
		entries, err := store.Read(b.Context(), room, ports.Span{Limit: 50, Newest: true, Viewer: "alice"})
		if err != nil || len(entries) != 50 {
			b.Fatalf("read: %d entries, %v", len(entries), err)
		}
	}
}
