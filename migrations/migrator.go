package migrations

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/parley-chat/parley/core/chat"
)

// Migrator changes the schema of a database. With lends a provider for it, for as long as do runs,
// and says what was being done in the error.
type Migrator struct {
	With func(ctx context.Context, what string, do func(*goose.Provider) error) error

	// Files are the migrations. Alone is With for what must not be done while anybody else uses the
	// database: then it does nothing, and fails with Conflict and who that is.
	Files fs.FS
	Alone func(ctx context.Context, what string, do func(*goose.Provider) error) error
}

// Up applies all migrations that are due.
func (m *Migrator) Up(ctx context.Context) error {
	return m.With(ctx, "migrate up", func(p *goose.Provider) error { _, err := p.Up(ctx); return err })
}

// UpTo applies the migrations that are due up to a version, as a release that ends with it does.
func (m *Migrator) UpTo(ctx context.Context, version int64) error {
	return m.With(ctx, "migrate up", func(p *goose.Provider) error { _, err := p.UpTo(ctx, version); return err })
}

// Loss is what taking a migration back takes away.
type Loss struct {
	State
	Statements []string // that do it
}

// Last returns the last migration that the database has, or Conflict where it has none.
func (m *Migrator) Last(ctx context.Context) (last Loss, err error) {
	err = m.With(ctx, "ask for migrations", func(p *goose.Provider) error {
		last, err = m.last(ctx, p)
		return err
	})
	return last, err
}

func (m *Migrator) last(ctx context.Context, p *goose.Provider) (Loss, error) {
	states, err := States(ctx, p)
	if err != nil {
		return Loss{}, err
	}
	for _, s := range slices.Backward(states) {
		if !s.AppliedAt.IsZero() {
			statements, err := downOf(m.Files, s.Name)
			return Loss{s, statements}, err
		}
	}
	return Loss{}, errNone
}

var errNone = chat.Errorf(chat.Conflict, "there is no migration to take back")

// downOf returns the statements that take a migration back, without their comments.
func downOf(files fs.FS, name string) (statements []string, err error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	_, down, _ := strings.Cut(string(text), "-- +goose Down")
	var code strings.Builder
	for line := range strings.Lines(down) {
		before, _, _ := strings.Cut(line, "--")
		code.WriteString(before)
	}
	for statement := range strings.SplitSeq(code.String(), ";") {
		if words := strings.Fields(statement); len(words) > 0 {
			statements = append(statements, strings.Join(words, " "))
		}
	}
	return statements, nil
}

// DownFrom is Down for whoever says which migration is the last, so that doing it twice by mistake
// does it once. It is a Conflict where another one is, or where anybody else uses the database.
func (m *Migrator) DownFrom(ctx context.Context, version int64) error {
	return m.Alone(ctx, "migrate down", func(p *goose.Provider) error {
		last, err := m.last(ctx, p)
		if err != nil {
			return err
		}
		if last.Version != version {
			return chat.Errorf(chat.Conflict, "the last migration is %d, %s, and not %d: nothing was taken back", last.Version, last.Name, version)
		}
		_, err = p.Down(ctx)
		return err
	})
}

// Down takes back the last migration, with all data that it made a place for, whoever uses the
// database. With none applied it is a Conflict.
func (m *Migrator) Down(ctx context.Context) error {
	return m.With(ctx, "migrate down", func(p *goose.Provider) error {
		_, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return errNone
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
		return chat.Errorf(chat.Conflict, "the store's schema is too old, or not there: run parley migrate up")
	}
	return err
}
