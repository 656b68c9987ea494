package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
)

func TestNothingIsWrittenToFilesThatWereReplaced(t *testing.T) {
	t.Parallel()
	for name, replaced := range map[string]string{"the file": "", "its WAL": "-wal"} {
		path := filepath.Join(t.TempDir(), "parley.db")
		store := openStore(t, sqlite.Config{Path: path, Holder: "the service"})
		if _, err := store.Create(t.Context(), chat.Room{ID: "room0", Public: true}, ""); err != nil {
			t.Fatal(err)
		}
		works := func() error { return errors.Join(appendOf(t, store, 1, 1), store.Check(t.Context())) }
		if err := works(); err != nil {
			t.Fatal(err)
		}
		backup, aside := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "aside")
		if err := sqlite.Backup(t.Context(), path, backup); err != nil {
			t.Fatal(err)
		}
		move := func(from, to string) {
			t.Helper()
			if err := os.Rename(from, to); err != nil {
				t.Skip(err) // where open files cannot be moved
			}
		}
		fails := func(how string) {
			t.Helper()
			for what, err := range map[string]error{
				"an append":         appendOf(t, store, 1, 1),
				"a check":           store.Check(t.Context()),
				"a check of writes": store.CheckWrite(t.Context()),
			} {
				if !errors.Is(err, chat.Unavailable) || !strings.Contains(err.Error(), "replaced") || strings.Contains(chat.AsError(err).Reason, "parley.db") {
					t.Errorf("once %s was %s, %s returns %v", name, how, what, err)
				}
			}
		}
		move(path+replaced, aside)
		fails("removed")
		move(backup, path+replaced)
		fails("replaced")
		move(aside, path+replaced)
		if err := works(); err != nil {
			t.Errorf("once %s is back: %v", name, err)
		}
	}
}
