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

// Migrator changes the schema of a database. With runs do with a provider, and adds to errors what
// was being done.
type Migrator struct {
	With func(ctx context.Context, what string, do func(*goose.Provider) error) error

	// Files are the migrations. Alone is With for changes that must not be made while anybody else
	// uses the database. If somebody does, it does nothing and fails with Conflict, and the error
	// says who.
	Files fs.FS
	Alone func(ctx context.Context, what string, do func(*goose.Provider) error) error
}

// Up applies all migrations that are due.
func (m *Migrator) Up(ctx context.Context) error {
	return m.With(ctx, "migrate up", func(p *goose.Provider) error { _, err := p.Up(ctx); return err })
}

// UpTo applies the migrations that are due up to a version, like a release whose last one that is.
func (m *Migrator) UpTo(ctx context.Context, version int64) error {
	return m.With(ctx, "migrate up", func(p *goose.Provider) error { _, err := p.UpTo(ctx, version); return err })
}

// Loss describes what reverting a migration deletes.
type Loss struct {
	State
	Statements []string // that are run
}

// Last returns the last applied migration, or Conflict if there is none.
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

// downOf returns the statements that revert a migration, without comments.
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

// DownFrom is Down with the expected version of the last migration, so that a second call by
// mistake does nothing. It fails with Conflict if another migration is the last one, or if anybody
// else uses the database.
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

// Down reverts the last migration, with all data in its tables and columns, even while others use
// the database. It fails with Conflict if none is applied.
func (m *Migrator) Down(ctx context.Context) error {
	return m.With(ctx, "migrate down", func(p *goose.Provider) error {
		_, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return errNone
		}
		return err
	})
}

// Status returns all migrations, and which are applied.
func (m *Migrator) Status(ctx context.Context) (states []State, err error) {
	err = m.With(ctx, "ask for migrations", func(p *goose.Provider) error {
		states, err = States(ctx, p)
		return err
	})
	return states, err
}

// Prepare brings a database up to date, or, with noMigrate, fails with Conflict if it is not.
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
