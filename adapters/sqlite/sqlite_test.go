package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(appendUntilKilled(path))
	}
	goleak.VerifyTestMain(m)
}

func TestStoreKeepsItsContracts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "parley.db")
	open := func(t *testing.T) portstest.StoreUnderTest { return openStore(t, sqlite.Config{Path: path}) }
	later := openStore(t, sqlite.Config{Path: path})
	portstest.Store(t, open,
		portstest.Shared(func(t *testing.T, _ portstest.StoreUnderTest) portstest.StoreUnderTest { return open(t) }),
		portstest.Later(func(t *testing.T, e portstest.LaterEntry) {
			if err := later.Plant(t.Context(), string(e.Room), string(e.Author.ID), e.Author.Name, e.Type, int64(e.Target), e.Data); err != nil {
				t.Fatal(err)
			}
		}))
}

// migrated is a file of a store with all migrations, and nothing else.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "parley-sqlite-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "parley.db")
	store, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// openCopy opens a store of its own for a test, as openStore does. To copy a migrated file takes
// less time than to migrate an empty one.
func openCopy(t testing.TB) *sqlite.Store {
	t.Helper()
	file, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "parley.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return openStore(t, sqlite.Config{Path: path})
}

// openStore opens a store for as long as the test runs.
func openStore(t testing.TB, cfg sqlite.Config) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return store
}

func TestAClockThatIsSetBackStandsStill(t *testing.T) {
	t.Parallel()
	store := openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	if _, err := store.Create(t.Context(), chat.Room{ID: "general"}, ""); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	if err := store.SetLastAt(t.Context(), "general", later); err != nil {
		t.Fatal(err)
	}
	outcomes, err := store.Append(t.Context(), batchOf("alice", 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, outcome := range outcomes {
		if !outcome.Entry.At.Equal(later) {
			t.Errorf("entry %d is at %v, want %v", outcome.Entry.Seq, outcome.Entry.At, later)
		}
	}
}
