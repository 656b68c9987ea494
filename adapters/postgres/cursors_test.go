package postgres_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestCursorsAndLeasesKeepTheirContracts(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run("with the mode "+mode, func(t *testing.T) {
			t.Parallel()
			portstest.Cursors(t, func(t *testing.T) portstest.CursorsUnderTest {
				return open(t, postgres.Config{URL: with(t, pgtest.URL(t), "default_query_exec_mode", mode)})
			})
		})
	}
}

// saysOnce makes a room with one message, or says one more there.
func saysOnce(t *testing.T, s *postgres.Store, room chat.RoomID) chat.Seq {
	t.Helper()
	if _, err := s.Standing(t.Context(), room, ""); err != nil {
		if _, err := s.Create(t.Context(), chat.Room{ID: room, Public: true}, ""); err != nil {
			t.Fatal(err)
		}
	}
	outcomes, err := s.Append(t.Context(), []chat.Proposal{{
		Room: room, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: "hi"},
	}})
	if err != nil || outcomes[0].Status != ports.Appended {
		t.Fatalf("append: %+v, %v", outcomes, err)
	}
	return outcomes[0].Entry.Seq
}

// pending returns the head of a room that is pending, or 0.
func pending(t *testing.T, s *postgres.Store, room chat.RoomID) chat.Seq {
	t.Helper()
	rooms, err := s.Pending(t.Context(), []ports.SharePlace{{Share: ports.ShareOf(room)}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range rooms {
		if is.Room == room {
			return is.Head
		}
	}
	return 0
}

func TestWhatTheReleaseBeforeAppendsIsFound(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	s := open(t, postgres.Config{URL: database})
	saysOnce(t, s, "tea")
	saysOnce(t, s, "den")
	if err := s.Clear(t.Context(), []ports.RoomHead{{Room: "tea", Head: 1}, {Room: "den", Head: 1}}, 0); err != nil {
		t.Fatal(err)
	}
	plant(t, database, portstest.LaterEntry{Room: "tea", Author: chat.Author{ID: "bob"}, Type: "poll"}) // it sets no bit
	if pending(t, s, "tea") != 0 {
		t.Fatal("the release before knows of pending rooms")
	}
	woken, err := s.Wake(t.Context(), ports.WakeQuery{Limit: 100})
	if err != nil || woken != (ports.Woken{Count: 1}) || pending(t, s, "tea") != 2 || pending(t, s, "den") != 0 {
		t.Errorf("the walk wakes %+v, %v; tea is pending up to %d, den up to %d", woken, err, pending(t, s, "tea"), pending(t, s, "den"))
	}
}

func TestWhoHoldsARoomHoldsUpNoOtherOfAConsumer(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	s := open(t, postgres.Config{URL: database})
	saysOnce(t, s, "tea")
	saysOnce(t, s, "den")
	release := held(t, database, "tea")
	heads := []ports.RoomHead{{Room: "den", Head: 1}, {Room: "tea", Head: 1}}
	if err := s.Clear(t.Context(), heads, 0); err != nil || pending(t, s, "tea") != 1 || pending(t, s, "den") != 0 {
		t.Errorf("clear: %v; tea is pending up to %d, den up to %d", err, pending(t, s, "tea"), pending(t, s, "den"))
	}
	release()
	if err := s.Clear(t.Context(), heads, 0); err != nil || pending(t, s, "tea") != 0 {
		t.Errorf("clear: %v", err)
	}
	release = held(t, database, "den")
	defer release()
	woken, err := s.Wake(t.Context(), ports.WakeQuery{Limit: 100, Since: &time.Time{}})
	if err != nil || woken != (ports.Woken{Count: 1, Held: 1}) || pending(t, s, "tea") != 1 {
		t.Errorf("wake: %+v, %v", woken, err)
	}
}

// TestUpdatesOfRoomsStayOnTheirPage holds what makes a bit in the room's row cheap: an update that
// changes nothing of an index writes none.
func TestUpdatesOfRoomsStayOnTheirPage(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	s := open(t, postgres.Config{URL: database})
	conn := connect(t, database)
	rooms := []chat.RoomID{"a", "b", "c", "d", "e", "f", "g", "h"}
	round := func(n int) {
		for range n {
			for _, id := range rooms {
				saysOnce(t, s, id)
			}
		}
	}
	updates := func() (all, hot int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), `
			SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'room'`).Scan(&all, &hot); err != nil {
			t.Fatal(err)
		}
		return all, hot
	}
	round(10)
	allBefore, hotBefore := updates()
	for range 4 { // the bit is cleared now and then, and turns with the next entry
		round(25)
		for _, id := range rooms[:1] {
			if err := s.Clear(t.Context(), []ports.RoomHead{{Room: id, Head: pending(t, s, id)}}, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	const want = 4*25*8 + 4
	all, hot := updates()
	for all-allBefore < want { // the server counts a moment later
		all, hot = updates()
	}
	if part := float64(hot-hotBefore) / float64(all-allBefore); part < .95 {
		t.Errorf("of %d updates %d were HOT: %.1f %%, want 95", all-allBefore, hot-hotBefore, 100*part)
	}
}
