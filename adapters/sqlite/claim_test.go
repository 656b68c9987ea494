package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
)

func TestOneServiceAtATimeHoldsTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	first, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Holder: "the first"})
	if err != nil {
		t.Fatal(err)
	}
	openStore(t, sqlite.Config{Path: path}) // without a Holder it may
	if _, err := sqlite.NewMigrator(sqlite.Config{Path: path}).Status(t.Context()); err != nil {
		t.Errorf("the migrations beside it: %v", err)
	}
	if err := sqlite.Backup(t.Context(), path, path+".copy"); err != nil {
		t.Errorf("a copy beside it: %v", err)
	}
	for range 3 {
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Holder: "the second"})
		if held, ok := errors.AsType[*sqlite.HeldError](err); !ok || held.By != "the first" || !errors.Is(err, chat.Conflict) {
			t.Errorf("the second: got %v, want that the first has it", err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, sqlite.Config{Path: path, Holder: "the second"})
}

func TestOfManyWhoClaimAFileAtOnceOneGetsIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	for round := range 5 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var got []*sqlite.Store
		var who string
		for i := range 8 {
			wg.Go(func() {
				name := fmt.Sprint(round, " ", i)
				s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Holder: name})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					got, who = append(got, s), name
				} else if _, held := errors.AsType[*sqlite.HeldError](err); !held {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(got) != 1 {
			t.Fatalf("%d have it", len(got))
		}
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Holder: "late"})
		if held, ok := errors.AsType[*sqlite.HeldError](err); !ok || held.By != who {
			t.Errorf("who is late hears %v, want that %q has it", err, who)
		}
		if err := got[0].Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAFileIsHeldByWhateverNameItIsOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link, early := filepath.Join(dir, "parley.db"), filepath.Join(dir, "link.db"), filepath.Join(dir, "early.db")
	for name, target := range map[string]string{link: path, early: "parley.db"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	first, err := sqlite.Open(t.Context(), sqlite.Config{Path: early, Holder: "the first"}) // makes parley.db
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for _, name := range []string{path, link, early} {
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: name, Holder: "the second"})
		if held, ok := errors.AsType[*sqlite.HeldError](err); !ok || held.By != "the first" {
			t.Errorf("by %s it opens: %v", filepath.Base(name), err)
		}
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Config{Path: dir, Holder: "the third"}); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder opens: %v", err)
	}
	if runtime.GOOS == "windows" {
		return // where names are not counted
	}
	if err := os.Link(path, filepath.Join(dir, "hard.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "hard.db"), Holder: "the third"}); err == nil || !strings.Contains(err.Error(), "another name") {
		t.Errorf("a file with two names opens: %v", err)
	}
}
