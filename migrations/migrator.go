package migrations

import (
	"context"
	"errors"

	"github.com/pressly/goose/v3"

	"github.com/parley-chat/parley/core/chat"
)

// Migrator changes the schema of a database. With lends a provider for it, for as long as do runs, and says what was being done in
// the error.
type Migrator struct {
	With func(ctx context.Context, what string, do func(*goose.Provider) error) error
}

// Up applies all migrations that are due.
func (m *Migrator) Up(ctx context.Context) error {
	return m.With(ctx, "migrate up", func(p *goose.Provider) error { _, err := p.Up(ctx); return err })
}

// UpTo applies the migrations that are due up to a version, as a release that ends with it does.
func (m *Migrator) UpTo(ctx context.Context, version int64) error {
	return m.With(ctx, "migrate up", func(p *goose.Provider) error { _, err := p.UpTo(ctx, version); return err })
}

// Down takes back the last migration, with all data that it made a place for. With none applied it is a Conflict.
func (m *Migrator) Down(ctx context.Context) error {
	return m.With(ctx, "migrate down", func(p *goose.Provider) error {
		_, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return chat.Errorf(chat.Conflict, "there is no migration to take back")
		}
		return err
	})
}

// Status tells which migrations there are, and which the database has.
func (m *Migrator) Status(ctx context.Context) (states []State, err error) {
	err = m.With(ctx, "ask for migrations", func(p *goose.Provider) error {
		states, err = States(ctx, p)
		return err
	})
	return states, err
}

// Prepare brings a database up to date, or, with noMigrate, fails with Conflict where it is not.
func Prepare(ctx context.Context, p *goose.Provider, noMigrate bool) error {
	if !noMigrate {
		_, err := p.Up(ctx)
		return err
	}
	due, err := p.HasPending(ctx)
	if err == nil && due {
		return chat.Errorf(chat.Conflict, "the store's schema is too old: migrate it up")
	}
	return err
}
