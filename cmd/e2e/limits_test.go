package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
)

// TestWhatAStrangerMayUnlessItIsSetOtherwise tests the default limits.
func TestWhatAStrangerMayUnlessItIsSetOtherwise(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{
		"PARLEY_RATE_LIMIT": "", "PARLEY_SESSIONS_PER_USER": "", "PARLEY_ROOMS_PER_SESSION": "",
	})
	first, err := s.dialed(t, "/ws", s.token(t, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	if limits := first.next().sub("limits"); limits.num("rooms") != 500 {
		t.Errorf("the welcome tells of %v, want 500 rooms", limits)
	}
	for range 49 {
		s.connects(t, "alice")
	}
	if status, body, _ := s.calls(t, s.token(t, "alice"), "GET", "/ws", nil, "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="); status != http.StatusTooManyRequests {
		t.Errorf("the 51st connection got %d %v, want 429", status, body)
	}
	bob, room, limited := s.connects(t, "bob"), s.room(), 0
	bob.asks("join", "room", room)
	for i := range 400 {
		bob.sends("send", "room", room, "body", fmt.Sprint(i))
	}
	for range 400 {
		f, _ := bob.await(func(f frame) bool { return f.is("ok") || f.is("error") })
		if f.str("code") == "rate_limited" {
			limited++
		}
	}
	if limited == 0 || limited > 301 { // the join counts too, as a tenth
		t.Errorf("%d of 400 sends at once were refused, want what is above 100", limited)
	}
}

func TestAConnectionHasAsManyRoomsAsItsWelcomeSays(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{"PARLEY_ROOMS_PER_SESSION": "3"})
	p, err := s.dialed(t, "/ws", s.token(t, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	if limits := p.next().sub("limits"); limits.num("rooms") != 3 {
		t.Errorf("the welcome tells of %v, want 3 rooms", limits)
	}
	for range 3 {
		p.asks("join", "room", s.room())
	}
	p.isRefused("conflict", "join", "room", s.room())
}
