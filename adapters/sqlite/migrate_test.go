package sqlite_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/migrations"
)

func TestMigrationsGoUpAndDownAndUpAgain(t *testing.T) {
	t.Parallel()
	cfg := sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db"), NoMigrate: true}
	m := sqlite.NewMigrator(cfg)
	mustHaveApplied(t, m, false)
	if _, err := sqlite.Open(t.Context(), cfg); !errors.Is(err, chat.Conflict) {
		t.Fatalf("open of a store without its schema gives %v, want a conflict", err)
	}
	for range 2 {
		if err := m.Up(t.Context()); err != nil {
			t.Fatalf("up: %v", err)
		}
		mustHaveApplied(t, m, true)
		store, err := sqlite.Open(t.Context(), cfg)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		if _, err := store.Create(t.Context(), chat.Room{ID: "general"}, ""); err != nil {
			t.Fatalf("create: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := m.Up(t.Context()); err != nil {
			t.Fatalf("up with nothing due: %v", err)
		}
		down(t, m)
		mustHaveApplied(t, m, false)
	}
	if err := m.Down(t.Context()); !errors.Is(err, chat.Conflict) {
		t.Fatalf("down with nothing applied gives %v, want a conflict", err)
	}
}

// An upgrade that is taken back leaves the newer schema behind: migrations only add to what the release before them uses.
func TestASchemaOfALaterReleaseStopsNobody(t *testing.T) {
	t.Parallel()
	cfg := sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")}
	for i, noMigrate := range []bool{false, false, true} {
		cfg.NoMigrate = noMigrate
		store, err := sqlite.Open(t.Context(), cfg)
		if err != nil {
			t.Fatalf("open %d: %v", i, err)
		}
		if i == 0 {
			err = store.Apply(t.Context(), 20991231)
		}
		if err := errors.Join(err, store.Check(t.Context()), store.Close()); err != nil {
			t.Fatalf("open %d: %v", i, err)
		}
	}
}

// down takes back all migrations.
func down(t *testing.T, m *migrations.Migrator) {
	t.Helper()
	states, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range states {
		if err := m.Down(t.Context()); err != nil {
			t.Fatalf("down: %v", err)
		}
	}
}

func mustHaveApplied(t *testing.T, m *migrations.Migrator, want bool) {
	t.Helper()
	states, err := m.Status(t.Context())
	if err != nil || len(states) == 0 {
		t.Fatalf("status is %v, %v", states, err)
	}
	for _, state := range states {
		if got := !state.AppliedAt.IsZero(); got != want || !strings.HasSuffix(state.Name, ".sql") {
			t.Errorf("migration %d, %s, is applied: %v, want %v", state.Version, state.Name, got, want)
		}
	}
}

func TestManyThatOpenAtOnceMigrateOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if err := errors.Join(store.Check(t.Context()), store.Close()); err != nil {
				t.Errorf("check and close: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestReadsTakeTheKeyAndNoSort(t *testing.T) {
	t.Parallel()
	store := openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	plan, err := store.Plan(t.Context())
	if err != nil || !strings.Contains(plan, "SEARCH e USING INDEX") || strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
		t.Fatalf("plan is %v\n%s", err, plan)
	}
}
