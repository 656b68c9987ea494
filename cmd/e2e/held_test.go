package e2e_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

// TestALockedRoomHoldsUpNoOther has an operator lock one room's row while users write to it and to
// eleven others.
func TestALockedRoomHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	const rooms = 12
	store := pgtest.URL(t)
	s := start(t, store, nil)
	alice := s.connects(t, "alice")
	ids := make([]string, rooms)
	for i := range ids {
		ids[i] = s.room()
		alice.asks("join", "room", ids[i])
		alice.asks("send", "room", ids[i], "body", "before")
	}
	conn, err := pgx.Connect(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT FROM room WHERE room_id = '"+ids[0]+"' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	var waiting []string
	send := func() {
		n := len(waiting)
		waiting = append(waiting, alice.sends("send", "room", ids[0], "body", fmt.Sprint(n), "key", fmt.Sprint(n)))
	}
	for range 2 {
		send()
		for _, room := range ids[1:] {
			alice.asks("send", "room", room, "body", "beside") // answered while the room is locked
		}
	}
	send()
	s.awaits(t, "it is ready all the while", func(frame) bool { return true })
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	last := int64(1)
	for n, id := range waiting {
		f := alice.answer(id)
		if last++; !f.is("ok") || f.num("seq") != last {
			t.Errorf("message %d: %v, want %d", n, f, last)
		}
	}
	if f := alice.asks("send", "room", ids[0], "body", "after"); f.num("seq") != last+1 {
		t.Errorf("after it: %v", f)
	}
}
