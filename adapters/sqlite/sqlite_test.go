package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/sqlite"
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
	portstest.Store(t, open, portstest.Shared(func(t *testing.T, _ portstest.StoreUnderTest) portstest.StoreUnderTest { return open(t) }))
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
