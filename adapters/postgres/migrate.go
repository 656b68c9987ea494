package postgres

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/migrations"
)

// migrationLock is the advisory lock that a session holds while it migrates: "parley" in ASCII. It is the database's own; other
// databases of the server have theirs.
const migrationLock = 0x7061726c6579

// Migrator changes the schema of a database. Stores may be open on it meanwhile, if the migration suits them.
type Migrator struct{ cfg Config }

// NewMigrator returns the migrator of the database that cfg names. It connects for each call anew and does not wait for a
// database that is not there.
func NewMigrator(cfg Config) *Migrator { return &Migrator{cfg} }

// Up applies all migrations that are due.
func (m *Migrator) Up(ctx context.Context) error {
	return m.do(ctx, "migrate up", func(p *goose.Provider) error { _, err := p.Up(ctx); return err })
}

// Down takes back the last migration, with all data that it made a place for. With none applied it is a Conflict.
func (m *Migrator) Down(ctx context.Context) error {
	return m.do(ctx, "migrate down", func(p *goose.Provider) error {
		_, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return chat.Errorf(chat.Conflict, "there is no migration to take back")
		}
		return err
	})
}

// Status tells which migrations there are, and which the database has.
func (m *Migrator) Status(ctx context.Context) (states []migrations.State, err error) {
	err = m.do(ctx, "ask for migrations", func(p *goose.Provider) error {
		states, err = migrations.States(ctx, p)
		return err
	})
	return states, err
}

func (m *Migrator) do(ctx context.Context, what string, do func(*goose.Provider) error) error {
	pool, err := m.cfg.parse()
	if err != nil {
		return err
	}
	return failure(ctx, withProvider(pool.ConnConfig, do), what)
}

// prepare migrates the database, or finds that it is up to date.
func prepare(ctx context.Context, conn *pgx.ConnConfig, noMigrate bool) error {
	return withProvider(conn, func(p *goose.Provider) error {
		if !noMigrate {
			_, err := p.Up(ctx)
			return err
		}
		due, err := p.HasPending(ctx)
		if err == nil && due {
			return chat.Errorf(chat.Conflict, "the store's schema is too old: migrate it up")
		}
		return err
	})
}

// withProvider runs do with connections of its own. A migration may take as long as it needs, unlike what a store does.
func withProvider(conn *pgx.ConnConfig, do func(*goose.Provider) error) error {
	conn = conn.Copy()
	conn.RuntimeParams = maps.Clone(conn.RuntimeParams)
	for _, name := range []string{"statement_timeout", "idle_in_transaction_session_timeout", "enable_seqscan", "enable_hashjoin", "enable_mergejoin"} {
		delete(conn.RuntimeParams, name)
	}
	db := stdlib.OpenDB(*conn)
	defer db.Close() // what was done is committed
	p, err := provider(db)
	if err != nil {
		return err
	}
	return do(p)
}

func provider(db *sql.DB) (*goose.Provider, error) {
	// The context says how long to wait for the lock; it is asked for every second.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(1, math.MaxInt32))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, migrations.Postgres,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}
