package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestCursorsAndLeasesKeepTheirContracts(t *testing.T) {
	t.Parallel()
	portstest.Cursors(t, func(t *testing.T) portstest.CursorsUnderTest { return openCopy(t) })
}

func TestWhatTheReleaseBeforeMadeAndAppendedIsFound(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Holder: "a service"})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []chat.RoomID{"tea", "den"} {
		if _, err := s.Create(t.Context(), chat.Room{ID: id, Public: true}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Clear(t.Context(), []ports.RoomHead{{Room: "den"}}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Renew(t.Context(), "gone", time.Hour); err != nil {
		t.Fatal(err)
	}
	if more, err := s.Acquire(t.Context(), "gone"); err != nil || len(more) != ports.Shares {
		t.Fatalf("%d leases, %v", len(more), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	asEarlier(t, path, `UPDATE room SET share = NULL WHERE id = 'tea'`, `UPDATE room SET head = head + 1 WHERE id = 'den'`)
	if s, err = sqlite.Open(t.Context(), sqlite.Config{Path: path, Holder: "the next"}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Renew(t.Context(), "n1", time.Hour); err != nil {
		t.Fatal(err)
	}
	if more, err := s.Acquire(t.Context(), "n1"); err != nil || len(more) != ports.Shares || more[0].Fence != 2 {
		t.Errorf("whoever has the file to itself waits for the leases of who had it: %d leases, %v", len(more), err)
	}
	if woken, err := s.Wake(t.Context(), ports.WakeQuery{Limit: 10}); err != nil || woken != (ports.Woken{Count: 1}) {
		t.Errorf("woken: %+v, %v", woken, err)
	}
	for _, id := range []chat.RoomID{"tea", "den"} {
		rooms, err := s.Pending(t.Context(), []ports.SharePlace{{Share: ports.ShareOf(id)}}, 10)
		if err != nil || len(rooms) != 1 || rooms[0].Room != id {
			t.Errorf("%s: pending are %+v, %v", id, rooms, err)
		}
	}
}

// asEarlier does with the file what an earlier release does.
func asEarlier(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}
