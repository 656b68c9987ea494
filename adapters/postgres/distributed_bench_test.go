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

// BenchmarkAppendDistributed measures what it costs to speak to a database as to an engine that
// distributes its tables: durable appends to one room, to 16 and to 2,000, by four callers with
// rooms of their own, in batches as the journal makes them under load. The three sorts of database
// are on one server, and take turns.
func BenchmarkAppendDistributed(b *testing.B) {
	server := pgtest.Start(b, pgtest.Durable(), pgtest.With("shared_buffers", "256MB"), pgtest.With("max_wal_size", "4GB"))
	plain, whole, parts := server.Database(), server.Database(), server.Database()
	for _, database := range []string{plain, whole, parts} {
		if err := postgres.NewMigrator(postgres.Config{URL: database}).Up(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if err := pgtest.Partition(parts); err != nil {
		b.Fatal(err)
	}
	stores := []struct {
		name  string
		store *postgres.Store
	}{
		{"plain", open(b, postgres.Config{URL: plain})},
		{"distributed", open(b, postgres.Config{URL: pgtest.Distributed(whole)})},
		{"partitioned", open(b, postgres.Config{URL: pgtest.Distributed(parts)})},
	}
	for _, load := range []struct{ rooms, batch, lanes int }{{1, 64, 1}, {16, 64, 4}, {2000, 64, 4}} {
		rooms := make([][]chat.RoomID, len(stores))
		for i, s := range stores {
			for range load.rooms {
				rooms[i] = append(rooms[i], newRoom(b, s.store))
			}
		}
		for i, s := range stores {
			b.Run(fmt.Sprintf("rooms=%d/%s", load.rooms, s.name), func(b *testing.B) {
				appendsTo(b, s.store, rooms[i], load.batch, load.lanes)
			})
		}
	}
}

func appendsTo(b *testing.B, store *postgres.Store, rooms []chat.RoomID, size, lanes int) {
	var lane, done atomic.Int64
	together(lanes, func() {
		n := int(lane.Add(1)) - 1
		mine := rooms[n*len(rooms)/lanes : (n+1)*len(rooms)/lanes]
		batch := make([]chat.Proposal, size)
		for at := 0; done.Add(1) <= int64(b.N); at += size {
			for i := range batch {
				batch[i] = says(mine[(at+i)%len(mine)], chat.UserID(fmt.Sprint("user", i%10)), remark)
			}
			outcomes, err := store.Append(b.Context(), batch)
			if err != nil || outcomes[size-1].Status != ports.Appended {
				b.Errorf("append: %v, %.200s", err, fmt.Sprint(outcomes))
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "proposals/s")
}
