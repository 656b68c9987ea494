package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/cmd/server"
)

// TestTwoServicesOnOneBus tests two services with the same bus and prefix: each must work as if it
// were alone.
func TestTwoServicesOnOneBus(t *testing.T) {
	t.Parallel()
	for name, bus := range map[string]func(t *testing.T) string{
		"redis": func(t *testing.T) string { return "redis://" + bustest.Redis(t).Addr + "/" },
		"nats":  func(t *testing.T) string { return "nats://" + bustest.NATS(t).Addr },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := bus(t)
			one, two := start(t, pgtest.URL(t), map[string]string{"PARLEY_BUS_URL": url}), start(t, pgtest.URL(t), map[string]string{"PARLEY_BUS_URL": url})
			for _, s := range []*service{one, two} {
				s.awaits(t, "the bus is there", func(ready frame) bool { return !ready.yes("degraded") })
			}
			room := one.room()
			alice, bob := one.connects(t, "alice"), two.connects(t, "bob")
			if a, b := alice.asks("join", "room", room), bob.asks("join", "room", room); a.str("log") == b.str("log") {
				t.Fatalf("both are the log %s", a.str("log"))
			}
			for i := range 5 {
				alice.asks("send", "room", room, "body", fmt.Sprint("alice ", i))
			}
			alice.asks("typing", "room", room)
			for i := range 3 {
				bob.asks("send", "room", room, "body", fmt.Sprint("bob ", i))
			}
			for i, f := range bob.reads(room, 1, 3) {
				if f.str("body") != fmt.Sprint("bob ", i) {
					t.Errorf("at %d bob sees %v", i+1, f)
				}
			}
			if f := bob.asks("presence", "room", room); f.num("total") != 1 {
				t.Errorf("with bob are %v", f)
			}
			if status := one.operates(t, http.MethodDelete, "/users/bob/sessions", &frame{}); status/100 != 2 {
				t.Errorf("disconnect: %d", status)
			}
			bob.asks("ping")
			for _, s := range []*service{one, two} {
				s.awaitsMetric(t, `parley_faults_total{while="hear of another log"}`)
			}
		})
	}
}

// awaitsMetric waits until a counter is above zero.
func (s *service) awaitsMetric(t *testing.T, name string) {
	t.Helper()
	eventually(t, name, func() error {
		response, err := http.Get(s.admin + "/metrics")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), "\n"+name+" ") {
			return errNotYet
		}
		return nil
	})
}

// TestALogThatIsRenewedUnderANode tests what clients see if an operator gives the log a new
// identity, or replaces the store.
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
