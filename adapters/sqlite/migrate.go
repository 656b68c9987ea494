package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/migrations"
)

// NewMigrator returns the migrator of the store that cfg names, which must not be open in this
// process. Each call opens the file anew.
func NewMigrator(cfg Config) *migrations.Migrator {
	with := func(check func(context.Context, *sql.DB) error) func(context.Context, string, func(*goose.Provider) error) error {
		return func(ctx context.Context, what string, do func(*goose.Provider) error) error {
			return withProvider(ctx, cfg.Path, what, check, do)
		}
	}
	anyway := func(context.Context, *sql.DB) error { return nil }
	return &migrations.Migrator{With: with(anyway), Files: migrations.SQLite, Alone: with(mustBeAlone)}
}

// mustBeAlone fails with Conflict if another process has the file open. SQLite leaves the WAL mode
// only if nobody else has the file open. The next opening sets the mode again, and nobody opens the
// file meanwhile.
func mustBeAlone(ctx context.Context, db *sql.DB) error {
	var mode string
	err := db.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode)
	if isBusy(err) || err == nil && mode != "delete" {
		return chat.Errorf(chat.Conflict, "the file is in use by another process: stop the service first")
	}
	return err
}

func withProvider(
	ctx context.Context, path, what string, check func(context.Context, *sql.DB) error, do func(*goose.Provider) error,
) error {
	if err := makeFile(path); err != nil {
		return failure(err)
	}
	return within(ctx, alone(ctx, path, func() error {
		db, err := sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)")+"&_txlock=immediate")
		if err != nil {
			return err
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		if err := check(ctx, db); err != nil {
			return err
		}
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

// prepare migrates the store, or finds that it is up to date.
func prepare(ctx context.Context, db *sql.DB, noMigrate bool) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	return migrations.Prepare(ctx, p, noMigrate)
}

// alone runs do while no other process or goroutine runs alone for the same store. Goose has no
// lock for SQLite, and a transaction around all migrations would nest, so the lock is on a small
// database beside the store: SQLite's locks work on every system, and end with their process.
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
		if !isBusy(err) || ctx.Err() != nil {
			return fmt.Errorf("wait for another process that migrates: %w", err)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
		tx, err = db.BeginTx(ctx, nil)
	}
	defer tx.Rollback() //nolint:errcheck // it releases the lock; nothing was written
	return do()
}
