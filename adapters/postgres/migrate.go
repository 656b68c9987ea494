package postgres

import (
	"context"
	"database/sql"
	"maps"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/migrations"
)

// migrationLock is the advisory lock that a session holds while it migrates: "parley" in ASCII. It
// is the database's own; other databases of the server have theirs.
const migrationLock = 0x7061726c6579

// NewMigrator returns the migrator of the database that cfg names. Each call makes a new
// connection, and does not wait for a database that cannot be reached. Stores may be open
// meanwhile, if the migration allows it.
func NewMigrator(cfg Config) *migrations.Migrator {
	with := func(ctx context.Context, what string, do func(*goose.Provider) error) error {
		pool, err := cfg.parse()
		if err != nil {
			return err
		}
		seen, err := cfg.look(ctx, pool.ConnConfig)
		if err == nil && !seen.pooled {
			err = withProvider(pool.ConnConfig, do)
		}
		if seen.pooled || isUnsupported(err) {
			return chat.Errorf(chat.Internal, "%s: a pooler is in between, and migrations need a URL of the server itself", what)
		}
		return failure(ctx, err, what)
	}
	alone := func(ctx context.Context, what string, do func(*goose.Provider) error) error {
		pool, err := cfg.parse()
		if err != nil {
			return err
		}
		if err := mustBeAlone(ctx, pool.ConnConfig); err != nil {
			return failure(ctx, err, what)
		}
		return with(ctx, what, do)
	}
	return &migrations.Migrator{With: with, Files: migrations.Postgres, Alone: alone}
}

// othersQuery finds sessions that may be nodes: they have the application name of nodes or the same
// user, and are not PostgreSQL's own shell. Columns that a user may not see of others' sessions are
// null.
const othersQuery = `
SELECT coalesce(string_agg(DISTINCT format('%s at %s', coalesce(nullif(application_name, ''), usename), coalesce(host(client_addr), 'a local socket')), ', '), '')
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND (application_name LIKE 'parley%' OR usename = current_user AND application_name <> 'psql')`

// leaving is how long sessions of nodes that have just stopped may be seen: PostgreSQL ends them a
// moment later.
const leaving = 3 * time.Second

// mustBeAlone fails with Conflict if nodes are connected to the database and stay connected.
func mustBeAlone(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) // it only asked
	for asked := time.Now(); ; {
		var others string
		if err := conn.QueryRow(ctx, othersQuery).Scan(&others); err != nil || others == "" {
			return err
		}
		if time.Since(asked) > leaving {
			return chat.Errorf(chat.Conflict, "the database is in use, by %s: stop all nodes first", others)
		}
		select {
		case <-time.After(leaving / 30):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// prepare migrates the database, or finds that it is up to date.
func prepare(ctx context.Context, conn *pgx.ConnConfig, noMigrate bool) error {
	return withProvider(conn, func(p *goose.Provider) error { return migrations.Prepare(ctx, p, noMigrate) })
}

// withProvider runs do with connections of its own, which have no timeout, unlike a store's: a
// migration may take as long as it needs.
func withProvider(conn *pgx.ConnConfig, do func(*goose.Provider) error) error {
	db := stdlib.OpenDB(*bare(conn))
	defer db.Close() // all work is committed
	p, err := provider(db)
	if err != nil {
		return err
	}
	return do(p)
}

// bare returns how to connect without the settings that a store makes.
func bare(conn *pgx.ConnConfig) *pgx.ConnConfig {
	conn = conn.Copy()
	conn.RuntimeParams = maps.Clone(conn.RuntimeParams)
	for _, name := range sessionSettings {
		delete(conn.RuntimeParams, name)
	}
	return conn
}

func provider(db *sql.DB) (*goose.Provider, error) {
	// The context bounds the wait for the lock, which is tried every second.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(1, math.MaxInt32))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, migrations.Postgres,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}
