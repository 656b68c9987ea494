package session_test

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

func places(n int) tweak {
	return func(d *session.Config, _ *messaging.Config) { d.MaxSessions = n }
}

// stays reports whether a client's session still takes its token.
func (c *client) stays(user string) bool {
	c.t.Helper()
	id := c.asks(ports.Auth{Token: user})
	for {
		l, ok := c.awaits(func(line) bool { return true })
		switch {
		case !ok || l.Kind == "close":
			if l.Reason != ports.CloseUnauthenticated {
				c.t.Errorf("%s was closed with %+v", user, l)
			}
			return false
		case l.ID == id && l.Kind == "ok":
			return true
		}
	}
}

func TestTheOldestWithoutATokenMakesWay(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ places, come, stay int }{{100, 100, 16}, {400, 100, 40}, {10, 30, 10}, {0, 100, 100}, {0, 1100, 1000}} {
		t.Run(fmt.Sprintf("of %d places, %d come", row.places, row.come), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, places(row.places))
			var all []*client
			for i := range row.come {
				c := w.connectsFrom(fmt.Sprintf("10.0.%d.%d", i/200, i%200))
				if all = append(all, c); len(all) > row.stay {
					gone := all[len(all)-row.stay-1]
					if l := gone.hears("error"); l.What != string(chat.Unauthenticated) || l.Text == "" {
						t.Errorf("who made way heard %+v", l)
					}
					gone.hangsUp() // as a connection does that is closed
				}
			}
			stayed := 0
			for i, c := range all[len(all)-row.stay:] {
				if c.stays(fmt.Sprint("user", i)) {
					stayed++
				}
			}
			if stayed != row.stay {
				t.Errorf("%d of the last %d stayed", stayed, row.stay)
			}
		})
	}
}

func TestOneNetworkDoesNotHoldThePlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, places(400)) // 40 of them without a token, and 10 of these for one network
	other, six := w.connectsFrom("192.0.2.1"), w.connectsFrom("2001:db8:1:1::/64")
	for _, network := range []string{"192.0.2.2", "2001:db8:1:2::/64"} {
		var flood []*client
		for range 25 {
			if flood = append(flood, w.connectsFrom(network)); len(flood) > 10 {
				gone := flood[0]
				flood = flood[1:]
				gone.hears("error")
				gone.hangsUp()
			}
		}
		for i, c := range flood {
			if !c.stays(fmt.Sprint(network, i)) {
				t.Errorf("%d of the last of %s was sent away", i, network)
			}
		}
	}
	if !other.stays("other") || !six.stays("six") {
		t.Error("others had to make way for those of one address")
	}
}

func TestWhoHasATokenAlwaysFindsAPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, places(20))
	for i := range 20 {
		w.connectsFrom(fmt.Sprintf("10.0.0.%d", i))
	}
	for i := range 20 {
		w.connects(fmt.Sprint("user", i)).gets(ports.Ping{}, nil)
	}
	hub := w.nodes[0].hub
	for name, opening := range map[string]*ports.Opening{
		"somebody": nil, "a stranger": {}, "a user": {Identity: identity("late")},
	} {
		if err := hub.Ready(opening); err == nil {
			t.Errorf("there is a place for %s", name)
		}
	}
}

// Connections that were sent away and do not go are bounded too.
func TestWhoMadeWayAndStaysIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, places(100))
	opened := w.crowd(func(i int) string { return fmt.Sprintf("10.0.0.%d", i) })
	if opened != 48 {
		t.Errorf("%d connections without a token, want 16 and twice as many that go", opened)
	}
	w.connects("alice").gets(ports.Ping{}, nil)
}

// Connections of one network that do not go keep out only their own network: others still come
// without a token.
func TestWhoMadeWayAndStaysKeepsOutItsOwnNetworkOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, places(100)) // 16 of them without a token, and 8 of these for one network
	if opened := w.crowd(func(int) string { return "192.0.2.2" }); opened != 16 {
		t.Errorf("%d connections of one network, want 8 and as many that go", opened)
	}
	if !w.connectsFrom("192.0.2.1").stays("other") {
		t.Error("somebody of another network was sent away")
	}
}

// Four networks fill all places for strangers, and go on coming. A client from another network gets
// in, and has time for its token.
func TestAFewNetworksKeepNobodyOut(t *testing.T) {
	t.Parallel()
	const strangers, share, networks = 40, 10, 4
	for name, polite := range map[string]bool{"who go when they are told": true, "who stay when they are told to go": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, places(10*strangers))
			flood := map[string][]*client{}
			comes := func(i int) {
				from := fmt.Sprint("192.0.2.", i%networks)
				c := &client{t: t, name: from, pipe: newPipe(1 << 20)}
				var err error
				if c.session, err = w.nodes[0].hub.Open(c.pipe, ports.Opening{Network: from}); err != nil {
					if polite {
						t.Fatal(err)
					}
					return
				}
				t.Cleanup(c.hangsUp)
				if flood[from] = append(flood[from], c); len(flood[from]) > share && polite {
					flood[from][0].hangsUp()
					flood[from] = flood[from][1:]
				}
			}
			for i := range 3 * strangers {
				comes(i)
			}
			newcomer, second := w.connectsFrom("198.51.100.1"), w.connectsFrom("198.51.100.2")
			for i := range 20 * strangers {
				comes(i)
			}
			if !newcomer.stays("newcomer") || !second.stays("second") {
				t.Error("a newcomer was sent away")
			}
		})
	}
}

// crowd opens connections without a token that stay when they are sent away, until no more are
// taken, and returns how many were.
func (w *world) crowd(from func(int) string) (opened int) {
	w.t.Helper()
	for ; opened < 200; opened++ {
		pipe := newPipe(1)
		session, err := w.nodes[0].hub.Open(pipe, ports.Opening{Network: from(opened)})
		if err != nil {
			break
		}
		w.t.Cleanup(func() { pipe.Close(ports.CloseGone); session.Closed() })
	}
	return opened
}
