package shards_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/adapters/shards"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// migrated is a database with all migrations. Its copies have the same identity; of a cluster, only
// that of the first one counts.
var migrated = pgtest.NewPattern(func(url string) error {
	return postgres.NewMigrator(postgres.Config{URL: url}).Up(context.Background())
})

// databases makes n databases, and returns how to open them.
func databases(t testing.TB, n int) (configs []postgres.Config) {
	t.Helper()
	for range n {
		configs = append(configs, postgres.Config{URL: migrated.Copy(t), MaxConns: 4})
	}
	return configs
}

// open opens a store of these databases, and closes it with the test.
func open(t testing.TB, configs []postgres.Config) *shards.Store {
	t.Helper()
	stores, err := postgres.OpenShards(t.Context(), configs)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	var servers []shards.Server
	for _, s := range stores {
		t.Cleanup(s.Close)
		servers = append(servers, s)
	}
	return shards.New(servers...)
}

// connect connects to the database of a room, beside the store.
func connect(t testing.TB, configs []postgres.Config, room chat.RoomID) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), configs[shards.Slot(room)%len(configs)].URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestStoreKeepsItsContracts(t *testing.T) {
	t.Parallel()
	configs := databases(t, 3)
	portstest.Store(t,
		func(t *testing.T) portstest.StoreUnderTest { return open(t, configs) },
		portstest.Shared(func(t *testing.T, _ portstest.StoreUnderTest) portstest.StoreUnderTest { return open(t, configs) }),
		portstest.Lockable(func(t *testing.T, room chat.RoomID) func() {
			tx, err := connect(t, configs, room).Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), "SELECT FROM room WHERE room_id = $1 FOR UPDATE", string(room)); err != nil {
				t.Fatal(err)
			}
			return func() { tx.Rollback(context.Background()) }
		}))
}

func TestCursorsKeepTheirContracts(t *testing.T) {
	t.Parallel()
	portstest.Cursors(t, func(t *testing.T) portstest.CursorsUnderTest { return open(t, databases(t, 3)) })
}

func TestSearchIndexKeepsItsContract(t *testing.T) {
	t.Parallel()
	portstest.SearchIndex(t, func(t *testing.T) portstest.SearchUnderTest { return open(t, databases(t, 3)) })
}
