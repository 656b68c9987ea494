package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestAFullFileTakesNothingInPartAndWorksAgain(t *testing.T) {
	t.Parallel()
	store := openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	if _, err := store.Create(t.Context(), chat.Room{ID: "general"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := store.LimitPages(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	survivesFull(t, store, func() {
		if err := store.LimitPages(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	})
}

// survivesFull appends until the store is full, which must be within 2,000 batches, and goes on
// after makeRoom.
func survivesFull(t *testing.T, store *sqlite.Store, makeRoom func()) {
	t.Helper()
	acknowledged := 0
	var full error
	for n := range 2000 {
		if _, full = store.Append(t.Context(), batchOf("alice", n)); full != nil {
			break
		}
		acknowledged++
	}
	mustBeUnavailable(t, full)
	// The second append shows a writer that was left in a broken transaction.
	_, err := store.Append(t.Context(), batchOf("alice", acknowledged))
	mustBeUnavailable(t, err)
	mustBeUnavailable(t, store.CheckWrite(t.Context()))
	if got, want := mustHaveNoHoles(t, store), acknowledged*perBatch; got != want {
		t.Fatalf("%d entries are there, want the %d that were acknowledged", got, want)
	}
	makeRoom()
	if err := store.CheckWrite(t.Context()); err != nil {
		t.Fatalf("check whether it can be written: %v", err)
	}
	outcomes, err := store.Append(t.Context(), batchOf("alice", acknowledged))
	if err != nil {
		t.Fatalf("append after there was room again: %v", err)
	}
	for _, outcome := range outcomes {
		if outcome.Status != ports.Appended {
			t.Fatalf("outcome after there was room again is %+v", outcome)
		}
	}
	if got, want := mustHaveNoHoles(t, store), (acknowledged+1)*perBatch; got != want {
		t.Fatalf("%d entries, want %d", got, want)
	}
	if err := store.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
}

func mustBeUnavailable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, chat.Unavailable) {
		t.Fatalf("error is %v, want unavailable", err)
	}
}

func TestADamagedFileIsAFaultOfTheService(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	if err := os.WriteFile(path, []byte("this is not a database, whatever its name says, and it is long enough to tell so: it has a hundred bytes."), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Config{Path: path}); !errors.Is(err, chat.Internal) {
		t.Fatalf("open gives %v, want internal", err)
	}
}

func TestAPlaceThatCannotBeWrittenIsUnavailable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(file, "parley.db")})
	mustBeUnavailable(t, err)
}

func TestAClosedStoreIsNotReady(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeUnavailable(t, store.Check(t.Context()))
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "by it")
	// A path may have characters that are special in a URL.
	store := openStore(t, sqlite.Config{Path: filepath.Join(dir, "par?ley%20#1.db")})
	if _, err := store.Create(t.Context(), chat.Room{ID: "general"}, ""); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 3 {
		t.Fatalf("files are %v, %v", files, err)
	}
	for _, file := range append(files, nil) {
		path, want := dir, 0o700|os.ModeDir
		if file != nil {
			path, want = filepath.Join(dir, file.Name()), 0o600
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	if files[0].Name() != "par?ley%20#1.db" {
		t.Errorf("the database is %q", files[0].Name())
	}
}
