package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func rooms(seen ports.FeedsSeen) (names []string) {
	for _, f := range seen.Feeds {
		names = append(names, string(f.Room))
	}
	return names
}

func users(seen ports.SessionsSeen) (names []string) {
	for _, s := range seen.Sessions {
		names = append(names, string(s.User))
	}
	return names
}

func TestOperatorsSeeFeedsAndSessionsAsTheyAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		hub := w.nodes[0].hub
		alice := w.connects("alice")
		time.Sleep(time.Second)
		bob := w.connects("bob")
		time.Sleep(time.Second)
		stuck := w.connectsTo(0, "stuck", 4<<10)
		for _, c := range []*client{alice, bob, stuck} {
			c.joins("tea")
		}
		bob.joins("cake")
		long := strings.Repeat("soon more than fits the pipe ", 100)
		for range 5 {
			alice.sends("tea", long)
		}
		synctest.Wait()

		feeds := hub.InspectFeeds(ports.FeedQuery{Limit: 10})
		if got := rooms(feeds); feeds.Open != 2 || fmt.Sprint(got) != "[tea cake]" {
			t.Errorf("got %v of %d feeds, want the one with the most followers first", got, feeds.Open)
		}
		tea := feeds.Feeds[0]
		if tea.Head != 5 || tea.Ring != 0 || tea.RingBytes == 0 || tea.Followers != 3 || tea.Present != 3 || !tea.Idle.IsZero() {
			t.Errorf("got %+v", tea)
		}
		if tea.Behind.Sessions != 1 || tea.Behind.Entries < 1 || tea.Behind.Entries > 4 || tea.Behind.Most != tea.Behind.Entries {
			t.Errorf("behind are %+v, want the one that is stuck", tea.Behind)
		}
		sessions := hub.InspectSessions(ports.SessionQuery{Limit: 10})
		if got := users(sessions); sessions.Open != 3 || fmt.Sprint(got) != "[stuck alice bob]" {
			t.Errorf("got %v of %d sessions, want who is behind first, and then the oldest", got, sessions.Open)
		}
		s := sessions.Sessions[0]
		if !s.Blocked || s.Behind != tea.Behind.Most || s.Rooms != 1 || s.Cursors[0].Room != "tea" || s.Cursors[0].Cursor != chat.Seq(5-s.Behind) {
			t.Errorf("got %+v", s)
		}
		if s := sessions.Sessions[2]; s.Rooms != 2 || s.Behind != 0 || s.Blocked || s.ID == "" || s.Opened.IsZero() || s.Heard.IsZero() {
			t.Errorf("got %+v", s)
		}
	})
}

func TestOperatorsAskForAPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	hub := w.nodes[0].hub
	for i := range 5 {
		c := w.connects(fmt.Sprint("user", i))
		c.joins("all")
		c.joins(chat.RoomID(fmt.Sprint("own", i)))
	}
	for name, test := range map[string]struct{ got, want any }{
		"one room":               {rooms(hub.InspectFeeds(ports.FeedQuery{Room: "own3", Limit: 10})), "[own3]"},
		"a room that is unknown": {rooms(hub.InspectFeeds(ports.FeedQuery{Room: "none", Limit: 10})), "[]"},
		"two rooms":              {rooms(hub.InspectFeeds(ports.FeedQuery{Limit: 2})), "[all own0]"},
		"two rooms by lag":       {rooms(hub.InspectFeeds(ports.FeedQuery{Limit: 2, Behind: true})), "[all own0]"},
		"one user":               {users(hub.InspectSessions(ports.SessionQuery{User: "user2", Limit: 10})), "[user2]"},
		"followers of one room":  {users(hub.InspectSessions(ports.SessionQuery{Room: "own4", Limit: 10})), "[user4]"},
		"one of many sessions":   {len(hub.InspectSessions(ports.SessionQuery{Room: "all", Limit: 1}).Sessions), "1"},
	} {
		if got := fmt.Sprint(test.got); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// Inspection and the work that it looks at do not wait for each other. The test is for the race
// detector, and for deadlocks.
func TestLookingWhileAllMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	hub := w.nodes[0].hub
	alice := w.connects("alice")
	alice.joins("tea")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 100 {
			c := w.connects(fmt.Sprint("guest", i%7))
			c.joins("tea")
			c.session.Command(context.Background(), ports.Command{Ask: ports.Leave{Room: "tea"}})
		}
	}()
	for looks := 0; ; looks++ {
		alice.sends("tea", "hello")
		hub.InspectFeeds(ports.FeedQuery{Limit: 5, Behind: looks%2 == 0})
		hub.InspectSessions(ports.SessionQuery{Limit: 5})
		select {
		case <-done:
			return
		default:
		}
	}
}
