package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
)

func TestABackupIsAStoreOfItsOwn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() // it stays open, because a service may use it
	if _, err := store.Create(t.Context(), chat.Room{ID: "general"}, ""); err != nil {
		t.Fatal(err)
	}
	environ := []string{"PARLEY_STORE_URL=sqlite://" + filepath.ToSlash(path)}

	byName := filepath.Join(t.TempDir(), "copy.db")
	if code, out, errOut := call(t, environ, "backup", byName); code != ok || !strings.HasPrefix(out, byName+": ") {
		t.Errorf("got %d %q %q, want the file's name and size", code, out, errOut)
	}
	code, out, errOut := call(t, environ, "backup", "-")
	if code != ok {
		t.Fatalf("to standard output: got %d %q", code, errOut)
	}
	byPipe := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(byPipe, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := map[chat.LogID]bool{}
	for _, copied := range []string{path, byName, byPipe} {
		mustHaveRoom(t, copied, "general")
		logs[logOf(t, copied)] = true
	}
	if len(logs) != 3 { // clients must notice that a store was restored
		t.Errorf("the store and two copies of it are the logs %v", logs)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "backup-*")); err != nil || len(left) > 0 {
		t.Errorf("beside the store are %v (%v)", left, err)
	}
}

func mustHaveRoom(t *testing.T, path string, id chat.RoomID) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, NoMigrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if heads, err := store.Heads(t.Context(), []chat.RoomID{id}); err != nil || len(heads) != 1 {
		t.Errorf("%s is not in %s: %v, %v", id, path, heads, err)
	}
}

func TestABackupSaysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	nowhere := "PARLEY_STORE_URL=sqlite://" + filepath.ToSlash(filepath.Join(t.TempDir(), "parley.db"))
	for _, row := range []struct {
		args, environ string
		code          int
		want          string
	}{
		{"backup", nowhere, misused, "say where to"},
		{"backup -store-url=memory://", nowhere, misused, "say where to"},
		{"backup a b", nowhere, misused, "say where to"},
		{"backup x.db", nowhere, failed, "no store to copy"},
		{"backup -", nowhere, failed, "no store to copy"},
		{"backup x.db", "PARLEY_STORE_URL=postgres://somewhere/parley", failed, "pg_dump"},
		{"backup -", "PARLEY_STORE_URL=memory://", failed, "not a file"},
	} {
		code, _, errOut := call(t, []string{row.environ}, strings.Fields(row.args)...)
		if code != row.code || !strings.Contains(errOut, row.want) {
			t.Errorf("parley %s: got %d and %q, want %d and %q", row.args, code, errOut, row.code, row.want)
		}
	}
}
