package e2e_test

import (
	"testing"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/cmd/server"
)

// TestALogThatIsRenewedUnderANode is what clients see where an operator gives the log another identity, or puts another store in place.
func TestALogThatIsRenewedUnderANode(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite://" + t.TempDir() + "/parley.db" },
		"PostgreSQL": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := store(t)
			s := start(t, url, nil)
			room := s.room()
			alice := s.connects(t, "alice")
			before := alice.asks("join", "room", room).str("log")
			alice.asks("send", "room", room, "body", "hi")
			was, now, err := server.RenewLog(t.Context(), server.Config{StoreURL: url})
			if err != nil || string(was) != before || now == was {
				t.Fatalf("renewed from %s to %s, %v; clients know %s", was, now, err, before)
			}
			if f := alice.sees("drain"); f.num("reconnect_in_ms") < 1 {
				t.Errorf("alice is told %v", f)
			}
			alice.closesWith(websocket.StatusServiceRestart)
			again := s.connects(t, "alice")
			if j := again.asks("join", "room", room); j.str("log") != string(now) || j.num("head") != 1 {
				t.Errorf("alice is back in %v", j)
			}
			if f := again.sees("message"); f.str("body") != "hi" {
				t.Errorf("and sees %v", f)
			}
		})
	}
}
