package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/migrations"
)

// Migrator changes the schema of a store that is not open in this process.
type Migrator struct{ path string }

// NewMigrator returns the migrator of the store that cfg names. It opens the file for each call anew.
func NewMigrator(cfg Config) *Migrator { return &Migrator{cfg.Path} }

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

// Status tells which migrations there are, and which the store has.
func (m *Migrator) Status(ctx context.Context) (states []migrations.State, err error) {
	err = m.do(ctx, "ask for migrations", func(p *goose.Provider) error {
		states, err = migrations.States(ctx, p)
		return err
	})
	return states, err
}

func (m *Migrator) do(ctx context.Context, what string, do func(*goose.Provider) error) error {
	if err := makeFile(m.path); err != nil {
		return failure(err)
	}
	return within(ctx, alone(ctx, m.path, func() error {
		db, err := sql.Open("sqlite", dsn(m.path, "journal_mode(WAL)", "synchronous(FULL)")+"&_txlock=immediate")
		if err != nil {
			return err
		}
		defer db.Close()
		p, err := provider(db)
		if err != nil {
			return err
		}
		return do(p)
	}), what)
}

func provider(db *sql.DB) (*goose.Provider, error) {
	return goose.NewProvider(database.DialectSQLite3, db, migrations.SQLite,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

func up(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err == nil {
		_, err = p.Up(ctx)
	}
	return err
}

// upToDate fails with Conflict when migrations are due.
func upToDate(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	switch due, err := p.HasPending(ctx); {
	case err != nil:
		return err
	case due:
		return chat.Errorf(chat.Conflict, "the store's schema is too old: migrate it up")
	}
	return nil
}

// alone runs do while no other process or goroutine is in alone for the same store. Goose has no lock for SQLite, and a
// transaction around all migrations would nest, so the lock is on a small database beside the store: SQLite's locks work on
// every system, and end with their process.
func alone(ctx context.Context, path string, do func() error) error {
	lock := path + ".migration-lock"
	if err := makeFile(lock); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(lock)+"&_txlock=exclusive")
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	for err != nil {
		if code, ok := errors.AsType[*driver.Error](err); !ok || code.Code()&0xff != lib.SQLITE_BUSY || ctx.Err() != nil {
			return fmt.Errorf("wait for another process that migrates: %w", err)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
		tx, err = db.BeginTx(ctx, nil)
	}
	defer tx.Rollback() //nolint:errcheck // it gives the lock back; nothing was written
	return do()
}
