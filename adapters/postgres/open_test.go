package postgres_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
)

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("waits for a server that is not there yet, and says so", func(t *testing.T) {
		t.Parallel()
		server := pgtest.Start(t)
		server.Stop(pgtest.Fast)
		waits := 0
		store := open(t, postgres.Config{URL: server.URL(), OnWait: func(err error) {
			mustFail(t, err, chat.Unavailable)
			if waits++; waits == 2 {
				server.Start()
			}
		}})
		if waits < 2 {
			t.Errorf("was told %d times that it waits", waits)
		}
		newRoom(t, store)
	})

	t.Run("waits for a database that is not made yet", func(t *testing.T) {
		t.Parallel()
		database := pgtest.URL(t)
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(u.Path, "/") + "_later"
		u.Path = "/" + name
		admin := connect(t, database)
		once := sync.OnceFunc(func() { exec(t, admin, "CREATE DATABASE "+name+" TEMPLATE template0") })
		t.Cleanup(func() {
			_, _ = admin.Exec(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		})
		newRoom(t, open(t, postgres.Config{URL: u.String(), OnWait: func(error) { once() }}))
	})

	t.Run("gives up with its context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := postgres.Open(ctx, postgres.Config{URL: "postgres://127.0.0.1:1/none", OnWait: func(error) { cancel() }})
		mustFail(t, err, chat.Unavailable)
	})

	t.Run("does not wait for a password to become right", func(t *testing.T) {
		t.Parallel()
		u, err := url.Parse(pgtest.URL(t))
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(u.User.Username(), "wrong")
		_, err = postgres.Open(t.Context(), postgres.Config{URL: u.String(), OnWait: func(err error) { t.Errorf("it waits: %v", err) }})
		mustFail(t, err, chat.Internal)
	})

	t.Run("takes rooms that Citus distributes if its URL says so, and those beside it", func(t *testing.T) {
		t.Parallel()
		database := pgtest.URL(t)
		room := newRoom(t, open(t, postgres.Config{URL: database}))
		conn := connect(t, database)
		exec(t, conn, `CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY)`) // as the catalogue of Citus
		appendsMany(t, open(t, postgres.Config{URL: database}), room, 1)
		exec(t, conn, `INSERT INTO pg_dist_partition VALUES ('room')`)
		_, err := postgres.Open(t.Context(), postgres.Config{URL: database})
		mustFail(t, err, chat.Internal)
		if !strings.Contains(err.Error(), "undistribute_table") || !strings.Contains(err.Error(), "engine=distributed") {
			t.Errorf("the error does not say what to do: %v", err)
		}
		appendsMany(t, open(t, postgres.Config{URL: pgtest.Distributed(database)}), room, 1)
	})

	t.Run("takes one engine only, of those that it knows", func(t *testing.T) {
		t.Parallel()
		database := pgtest.URL(t)
		_, err := postgres.Open(t.Context(), postgres.Config{URL: with(t, database, "engine", "citus")})
		mustFail(t, err, chat.Invalid)
		if !strings.Contains(err.Error(), "engine=citus") || !strings.Contains(err.Error(), "distributed") {
			t.Errorf("the error does not say what to do: %v", err)
		}
		both := []postgres.Config{{URL: database}, {URL: pgtest.Distributed(database)}}
		_, err = postgres.OpenShards(t.Context(), both)
		mustFail(t, err, chat.Invalid)
		_, err = postgres.NewGrowth(both, nil)
		mustFail(t, err, chat.Invalid)
	})

	t.Run("takes no URL that it cannot read, and shows no password", func(t *testing.T) {
		t.Parallel()
		for _, bad := range []string{"postgres://user:s3cret@host:port/name", "postgres://user:s3cret@host/name?pool_max_conns=many", "nonsense"} {
			_, err := postgres.Open(t.Context(), postgres.Config{URL: bad})
			mustFail(t, err, chat.Invalid)
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error shows the password: %v", err)
			}
		}
	})

	t.Run("takes no schema that is too old when it may not migrate", func(t *testing.T) {
		t.Parallel()
		database := pgtest.URL(t)
		_, err := postgres.Open(t.Context(), postgres.Config{URL: database, NoMigrate: true})
		mustFail(t, err, chat.Conflict)
		open(t, postgres.Config{URL: database})
		open(t, postgres.Config{URL: database, NoMigrate: true})
	})
}

// After a rollback of an upgrade the newer schema stays. The older release works with it, because
// migrations only add to what it uses.
func TestASchemaOfALaterReleaseStopsNobody(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	newRoom(t, open(t, postgres.Config{URL: database}))
	exec(t, connect(t, database), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (20991231, true)")
	for _, noMigrate := range []bool{false, true} {
		store, err := postgres.Open(t.Context(), postgres.Config{URL: database, NoMigrate: noMigrate})
		if err != nil {
			t.Fatalf("without migrations %v: %v", noMigrate, err)
		}
		if err := store.Check(t.Context()); err != nil {
			t.Errorf("without migrations %v: %v", noMigrate, err)
		}
		store.Close()
	}
}

func TestManyOpenAnEmptyDatabaseAtOnce(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	together(3, func() {
		store, err := postgres.Open(t.Context(), postgres.Config{URL: database})
		if err != nil {
			t.Errorf("open: %v", err)
			return
		}
		defer store.Close()
		newRoom(t, store)
	})
	var applied int
	if err := connect(t, database).QueryRow(t.Context(), "SELECT count(*) FROM goose_db_version WHERE version_id = 1").Scan(&applied); err != nil || applied != 1 {
		t.Errorf("the first migration was applied %d times, %v", applied, err)
	}
}

func TestMigrator(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{URL: pgtest.URL(t)}
	migrator := postgres.NewMigrator(cfg)
	mustHave := func(want bool) {
		t.Helper()
		states, err := migrator.Status(t.Context())
		if err != nil || len(states) == 0 {
			t.Fatalf("status: %d migrations, %v", len(states), err)
		}
		for _, state := range states {
			if state.AppliedAt.IsZero() == want {
				t.Errorf("%s was applied at %v, want applied to be %v", state.Name, state.AppliedAt, want)
			}
		}
	}
	all := func(step func(context.Context) error) {
		t.Helper()
		states, err := migrator.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range states {
			if err := step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustHave(false)
	if err := migrator.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustHave(true)
	all(migrator.Down)
	mustHave(false)
	mustFail(t, migrator.Down(t.Context()), chat.Conflict)
	var left int
	if err := connect(t, cfg.URL).QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d tables are left, %v", left, err)
	}
	all(migrator.Up)
	mustHave(true)
	newRoom(t, open(t, postgres.Config{URL: cfg.URL, NoMigrate: true}))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	mustFail(t, postgres.NewMigrator(postgres.Config{URL: "postgres://127.0.0.1:1/none"}).Up(ctx), chat.Unavailable)
}
