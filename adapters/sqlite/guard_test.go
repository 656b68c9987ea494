package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	driver "modernc.org/sqlite"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/adapters/sqlite/joined"
	"github.com/parley-chat/parley/adapters/sqlite/joined/joinedtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// TestGuardABatchIsOneTransaction counts commits. Each of them is one fsync of the WAL, as long as
// Durability is as expected.
func TestGuardABatchIsOneTransaction(t *testing.T) {
	t.Parallel()
	store := openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	for i := range 4 {
		if _, err := store.Create(t.Context(), chat.Room{ID: chat.RoomID(fmt.Sprint("room", i))}, ""); err != nil {
			t.Fatal(err)
		}
	}
	const full = 2
	if journal, synchronous, err := store.Durability(t.Context()); err != nil || journal != "wal" || synchronous != full {
		t.Fatalf("commits are made to last by the journal %q and synchronous=%d, %v; want wal and %d", journal, synchronous, err, full)
	}
	if on := driver.FdatasyncEnabled(); !on && runtime.GOOS == "linux" {
		t.Error("commits wait for the times of files")
	}
	var commits atomic.Int64
	if err := store.OnCommit(t.Context(), func() { commits.Add(1) }); err != nil {
		t.Fatal(err)
	}
	mustCommit := func(what string, want int64, do func() error) {
		t.Helper()
		before := commits.Load()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := commits.Load() - before; got != want {
			t.Errorf("%s took %d transactions, want %d", what, got, want)
		}
	}
	for _, size := range []int{1, 16, 256} {
		for _, rooms := range []int{1, 4} {
			mustCommit(fmt.Sprintf("an append of %d messages to %d rooms", size, rooms), 1, func() error {
				return appendOf(t, store, size, rooms)
			})
		}
	}
	mustCommit("an append with a reaction and an edit", 1, func() error {
		batch := []chat.Proposal{proposal(0, chat.Message{Body: "hi"}), proposal(0, chat.Reacted{Target: 1, Emoji: "👍"}), proposal(0, chat.Edited{Target: 2, Body: "again"})}
		_, err := store.Append(t.Context(), batch)
		return err
	})
	mustCommit("a page", 0, func() error {
		_, err := store.Read(t.Context(), "room0", ports.Span{Newest: true, Limit: 50, Viewer: "alice"})
		return err
	})
	mustCommit("the heads of rooms", 0, func() error {
		_, err := store.Heads(t.Context(), []chat.RoomID{"room0", "room1"})
		return err
	})
	mustCommit("a check", 0, func() error { return store.Check(t.Context()) })
}

// TestGuardASendToScatteredRoomsWritesLittle counts the pages that batches write to the WAL, and
// the writes to files that these and their copies in the database take. The rooms are drawn from a
// thousand, and each entry has a key that the service made.
func TestGuardASendToScatteredRoomsWritesLittle(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("make counts counts the same, without the race detector")
	}
	const rooms = 1000
	disk, store := openCounted(t)
	for i := range rooms {
		if _, err := store.Create(t.Context(), chat.Room{ID: chat.RoomID(fmt.Sprint("room", i)), Public: true}, ""); err != nil {
			t.Fatal(err)
		}
	}
	draw := rand.New(rand.NewPCG(1, 2))
	send := func(batches, size int) (pages, commits, copies float64) {
		t.Helper()
		before, err := store.PagesWritten(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wal, database := disk.Writes()
		for range batches {
			batch := make([]chat.Proposal, size)
			for i := range batch {
				batch[i] = proposal(draw.IntN(rooms), chat.Message{Body: "hello hello hello hello hello hello"})
			}
			outcomes, err := store.Append(t.Context(), batch)
			if err != nil || slices.ContainsFunc(outcomes, func(o ports.Outcome) bool { return o.Status != ports.Appended }) {
				t.Fatalf("outcomes are %+v, %v", outcomes, err)
			}
		}
		after, err := store.PagesWritten(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		each := func(n int) float64 { return float64(n) / float64(batches*size) }
		walAfter, databaseAfter := disk.Writes()
		return each(after - before), each(walAfter - wal), each(databaseAfter - database)
	}
	send(40, 500)
	for _, want := range []struct {
		size, batches int
		pages, writes float64
	}{{1, 1000, 6, 1.6}, {16, 600, 3.3, 0.5}, {64, 200, 2.4, 0.5}, {256, 50, 1.5, 0.5}} {
		pages, commits, copies := send(want.batches, want.size)
		t.Logf("batches of %d: a send takes %.2f pages in %.2f writes, and %.2f writes to copy pages", want.size, pages, commits, copies)
		if pages > want.pages || commits+copies > want.writes {
			t.Errorf("batches of %d: a send takes %.2f pages and %.2f + %.2f writes, want at most %.1f and %.1f",
				want.size, pages, commits, copies, want.pages, want.writes)
		}
	}
}

// openCounted opens a store whose writes to files are counted.
func openCounted(t *testing.T) (*joinedtest.Disk, *sqlite.Store) {
	t.Helper()
	disk, err := joinedtest.New()
	if err != nil {
		t.Fatal(err)
	}
	vfs := disk.Name + "-joined"
	if err := joined.Register(vfs, disk.Name); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.OpenOver(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")}, vfs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return disk, store
}

func proposal(room int, fact chat.Fact) chat.Proposal {
	return chat.Proposal{Room: chat.RoomID(fmt.Sprint("room", room)), Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: fact}
}

// appendOf appends a batch of messages over some rooms, each of which must become an entry.
func appendOf(t *testing.T, store *sqlite.Store, size, rooms int) error {
	t.Helper()
	batch := make([]chat.Proposal, size)
	for i := range batch {
		batch[i] = proposal(i%rooms, chat.Message{Body: "hi"})
	}
	outcomes, err := store.Append(t.Context(), batch)
	for i, o := range outcomes {
		if o.Status != ports.Appended {
			t.Errorf("outcome %d is %+v", i, o)
		}
	}
	return err
}
