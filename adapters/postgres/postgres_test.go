package postgres_test

import (
	"context"
	"net/url"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
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

// migrated is a database with all migrations.
var migrated = pgtest.NewPattern(func(url string) error {
	return postgres.NewMigrator(postgres.Config{URL: url}).Up(context.Background())
})

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

// plant puts an entry of a kind that a later release adds at the end of a room's log.
func plant(t testing.TB, database string, e portstest.LaterEntry) {
	t.Helper()
	conn := connect(t, database)
	exec(t, conn, `
		WITH moved AS (UPDATE room SET head = head + 1 WHERE room_id = $1 RETURNING head, messages, last_at)
		INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, type, target, data)
		SELECT $1, head, last_at, $2, $3, 'k' || head, messages, 70, nullif($4, ''), nullif($5::bigint, 0), $6 FROM moved`,
		string(e.Room), string(e.Author.ID), e.Author.Name, e.Type, int64(e.Target), e.Data)
}

// The mode exec is the one that a pooler between the store and the server asks for.
func TestStoreKeepsItsContracts(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run("with the mode "+mode, func(t *testing.T) {
			t.Parallel()
			database := with(t, migrated.Copy(t), "default_query_exec_mode", mode)
			// Races take two stores in turn, with a pool each, as two nodes would.
			portstest.Store(t,
				func(t *testing.T) portstest.StoreUnderTest { return open(t, postgres.Config{URL: database}) },
				portstest.Shared(func(t *testing.T, _ portstest.StoreUnderTest) portstest.StoreUnderTest {
					return open(t, postgres.Config{URL: database, NoMigrate: true})
				}),
				portstest.Lockable(func(t *testing.T, room chat.RoomID) func() { return held(t, database, room) }),
				portstest.Later(func(t *testing.T, e portstest.LaterEntry) { plant(t, database, e) }))
		})
	}
}
