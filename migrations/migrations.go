// Package migrations holds the schema of each SQL store, as goose migrations: one folder for each
// dialect.
package migrations

import (
	"context"
	"embed"
	"io/fs"
	"path"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed sqlite postgres
var files embed.FS

// SQLite and Postgres are the migrations of their dialects.
var (
	SQLite   = folder("sqlite")
	Postgres = folder("postgres")
)

// folder returns one of the embedded folders. It cannot fail, because the name is one of those
// above.
func folder(name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic(err)
	}
	return sub
}

// State says whether a migration is applied.
type State struct {
	Version   int64
	Name      string    // of its file
	AppliedAt time.Time // zero: not applied
}

// States returns the migrations that provider knows, ascending, and whether its database has them.
func States(ctx context.Context, provider *goose.Provider) ([]State, error) {
	statuses, err := provider.Status(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]State, len(statuses))
	for i, status := range statuses {
		states[i] = State{Version: status.Source.Version, Name: path.Base(status.Source.Path)}
		if status.State == goose.StateApplied {
			states[i].AppliedAt = status.AppliedAt.UTC()
		}
	}
	return states, nil
}
