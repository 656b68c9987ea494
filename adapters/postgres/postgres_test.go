package postgres_test

import (
	"net/url"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a store and closes it with the test.
func open(t testing.TB, cfg postgres.Config) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(store.Close)
	return store
}

// with returns a database's URL with one more parameter.
func with(t testing.TB, database, name, value string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// The mode exec is the one that a pooler between the store and the server asks for.
func TestStoreKeepsItsContracts(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run("with the mode "+mode, func(t *testing.T) {
			t.Parallel()
			database := with(t, pgtest.URL(t), "default_query_exec_mode", mode)
			// Races take two stores in turn, with a pool each, as two nodes would.
			portstest.Store(t,
				func(t *testing.T) portstest.StoreUnderTest { return open(t, postgres.Config{URL: database}) },
				portstest.Shared(func(t *testing.T, _ portstest.StoreUnderTest) portstest.StoreUnderTest {
					return open(t, postgres.Config{URL: database, NoMigrate: true})
				}))
		})
	}
}
