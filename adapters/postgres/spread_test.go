package postgres_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
)

// lanesOf returns the lanes of many rooms.
func lanesOf(t *testing.T, store *postgres.Store) []int {
	t.Helper()
	lanes := make([]int, 400)
	for i := range lanes {
		lanes[i] = store.Lane(chat.RoomID(fmt.Sprint("room-", i)))
		if lanes[i] < 0 || lanes[i] >= store.Lanes() {
			t.Fatalf("a room goes by lane %d of %d", lanes[i], store.Lanes())
		}
	}
	return lanes
}

func TestRoomsGoByTheSameLanesOnAllNodes(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{URL: pgtest.URL(t)}
	one, other := open(t, cfg), open(t, cfg)
	lanes := lanesOf(t, one)
	if !slices.Equal(lanes, lanesOf(t, other)) {
		t.Error("two nodes spread rooms in different ways")
	}
	for lane := range one.Lanes() {
		n := 0
		for _, l := range lanes {
			if l == lane {
				n++
			}
		}
		if n < len(lanes)/one.Lanes()/2 {
			t.Errorf("%d of %d rooms go by lane %d", n, len(lanes), lane)
		}
	}
	if slices.Equal(lanes, lanesOf(t, open(t, postgres.Config{URL: pgtest.URL(t)}))) {
		t.Error("another database spreads rooms in the same way: its lanes can be known")
	}
}

// A node of the release before renews the log without knowing of lanes.
func TestRoomsKeepTheirLanesWhenTheLogIsRenewed(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{URL: pgtest.URL(t)}
	store := open(t, cfg)
	lanes := lanesOf(t, store)
	exec(t, connect(t, cfg.URL), `INSERT INTO log (log_id) VALUES ('of-the-release-before')
		ON CONFLICT (one) DO UPDATE SET log_id = excluded.log_id, made_at = now()`)
	if id, err := store.LogID(t.Context()); err != nil || id != "of-the-release-before" {
		t.Fatalf("the log is %q, %v", id, err)
	}
	if !slices.Equal(lanes, lanesOf(t, open(t, cfg))) {
		t.Error("rooms changed their lanes")
	}
}

func TestALogWithoutAnIdentityCanBeOpenedAndGetsAKey(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{URL: pgtest.URL(t)}
	store := open(t, cfg)
	exec(t, connect(t, cfg.URL), `DELETE FROM log`)
	lanesOf(t, open(t, cfg))
	if _, err := store.RenewLog(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lanesOf(t, open(t, cfg)), lanesOf(t, open(t, cfg))) {
		t.Error("two nodes spread rooms in different ways")
	}
}
