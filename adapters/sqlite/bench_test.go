package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var benchBody = strings.Repeat("hello ", 10)

// benchRooms makes rooms and returns a function that makes a batch of messages spread over them.
// Each room has ten users, and keys are like the service's.
func benchRooms(b *testing.B, store *sqlite.Store, rooms int) func(proposals int) []chat.Proposal {
	b.Helper()
	for i := range rooms {
		if _, err := store.Create(b.Context(), chat.Room{ID: chat.RoomID(fmt.Sprint("room", i)), Public: true}, ""); err != nil {
			b.Fatal(err)
		}
	}
	var turn atomic.Int64
	return func(proposals int) []chat.Proposal {
		batch := make([]chat.Proposal, proposals)
		for i := range batch {
			n := turn.Add(1)
			batch[i] = chat.Proposal{
				Room: chat.RoomID(fmt.Sprint("room", n%int64(rooms))), Author: chat.Author{ID: chat.UserID(fmt.Sprint("user", n%int64(10*rooms))), Name: "Somebody"},
				By: chat.Rights{Everybody: true}, Key: chat.NewKey(), Fact: chat.Message{Body: benchBody},
			}
		}
		return batch
	}
}

// BenchmarkAppend appends messages durably, in batches, one after the other.
func BenchmarkAppend(b *testing.B) {
	for _, rooms := range []int{1, 25, 100, 1000} {
		for _, size := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("rooms=%d/batch=%d", rooms, size), func(b *testing.B) {
				store := openStore(b, sqlite.Config{Path: filepath.Join(b.TempDir(), "parley.db")})
				batch := benchRooms(b, store, rooms)
				b.ReportAllocs()
				for b.Loop() {
					appendAll(b, store, batch(size))
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "proposals/s")
			})
		}
	}
}

// BenchmarkAppendConcurrent appends batches from several goroutines, as the journal's lanes do.
func BenchmarkAppendConcurrent(b *testing.B) {
	const size = 256
	store := openStore(b, sqlite.Config{Path: filepath.Join(b.TempDir(), "parley.db")})
	batch := benchRooms(b, store, 100)
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			appendAll(b, store, batch(size))
		}
	})
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "proposals/s")
}

func appendAll(b *testing.B, store *sqlite.Store, batch []chat.Proposal) {
	outcomes, err := store.Append(b.Context(), batch)
	if err != nil {
		b.Error(err)
		return
	}
	for _, outcome := range outcomes {
		if outcome.Status != ports.Appended {
			b.Errorf("outcome is %+v", outcome)
		}
	}
}

// BenchmarkRead reads the newest 50 entries of a room of 10,000.
func BenchmarkRead(b *testing.B) {
	store := openStore(b, sqlite.Config{Path: filepath.Join(b.TempDir(), "parley.db")})
	batch := benchRooms(b, store, 1)
	for range 40 {
		appendAll(b, store, batch(250))
	}
	b.ReportAllocs()
	for b.Loop() {
		entries, err := store.Read(b.Context(), "room0", ports.Span{Limit: 50, Newest: true, Viewer: "user1"})
		if err != nil || len(entries) != 50 {
			b.Fatalf("%d entries, %v", len(entries), err)
		}
	}
}

// BenchmarkMark moves the read marks of many users in batches, as they gather.
func BenchmarkMark(b *testing.B) {
	store := openStore(b, sqlite.Config{Path: filepath.Join(b.TempDir(), "parley.db")})
	rooms := benchRooms(b, store, 1)
	for range 40 {
		appendAll(b, store, rooms(250))
	}
	const size = 100
	marks := make([]ports.ReadMark, size)
	for seq := chat.Seq(0); b.Loop(); seq++ {
		for i := range marks {
			marks[i] = ports.ReadMark{Room: "room0", User: chat.UserID(fmt.Sprint("user", i)), Seq: seq%10_000 + 1}
		}
		if _, err := store.Mark(b.Context(), marks); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "marks/s")
}
