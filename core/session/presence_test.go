package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// present returns who a client is told to be present, in one line.
func (c *client) present(room chat.RoomID) string {
	c.t.Helper()
	var p ports.Present
	c.gets(ports.Presence{Room: room}, &p)
	names := make([]string, 0, len(p.Users))
	for _, u := range p.Users {
		names = append(names, string(u.ID))
	}
	return fmt.Sprintf("%s of %d", strings.Join(names, " "), p.Total)
}

// told returns the presence signals that have come until now, sorted, in one line: their order is
// not fixed.
func (c *client) told() string {
	synctest.Wait()
	for {
		l, ok := c.pipe.tryNext()
		if !ok {
			break
		}
		c.skipped = append(c.skipped, l)
	}
	var words []string
	c.skipped = slices.DeleteFunc(c.skipped, func(l line) bool {
		if l.Kind != "signal" || l.Signal.Kind != chat.SignalPresence {
			return false
		}
		words = append(words, map[bool]string{true: "+", false: "-"}[l.Signal.On]+string(l.Signal.User))
		return true
	})
	slices.Sort(words)
	return strings.Join(words, " ")
}

func mustSay(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// longEnough is for presence to come to all nodes.
const longEnough = 500 * time.Millisecond

func TestWhoIsPresentIsKnownOnAllNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		alice := w.connectsTo(0, "alice", 1<<20)
		alice.joins("tea")
		bob := w.connectsTo(1, "bob", 1<<20)
		bob.joins("tea")
		phone, laptop := w.connectsTo(1, "carol", 1<<20), w.connectsTo(2, "carol", 1<<20)
		phone.joins("tea")
		laptop.joins("tea")
		time.Sleep(longEnough)
		for _, c := range []*client{alice, bob, laptop} {
			mustSay(t, c.name, c.present("tea"), "alice bob carol of 3")
		}
		mustSay(t, "alice is told", alice.told(), "+bob +carol")
		mustSay(t, "bob is told", bob.told(), "+alice +carol")

		phone.gets(ports.Leave{Room: "tea"}, nil)
		time.Sleep(longEnough)
		mustSay(t, "of one device that leaves, alice is told", alice.told(), "")
		mustSay(t, "and bob", bob.told(), "")
		laptop.gets(ports.Leave{Room: "tea"}, nil)
		time.Sleep(longEnough)
		mustSay(t, "of the last, alice is told", alice.told(), "-carol")
		mustSay(t, "and bob", bob.told(), "-carol")
		mustSay(t, "alice", alice.present("tea"), "alice bob of 2")
	})
}

func TestWhoIsBackSoonWasNeverAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		alice := w.connectsTo(0, "alice", 1<<20)
		alice.joins("tea")
		for i := range 4 {
			bob := w.connectsTo(i%2, "bob", 1<<20)
			bob.joins("tea")
			time.Sleep(longEnough)
			bob.hangsUp()
			time.Sleep(time.Second)
		}
		mustSay(t, "alice is told", alice.told(), "+bob")
		time.Sleep(3 * time.Second)
		mustSay(t, "once he stays away", alice.told(), "-bob")
		mustSay(t, "alice", alice.present("tea"), "alice of 1")
	})
}

// An answer names as many users as it has room for, and counts all.
func TestAPresenceAnswerEndsByBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const answerBytes, users = 64 << 10, 100
		w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) { d.AnswerBytes = answerBytes })
		for i := range users {
			w.connects(fmt.Sprintf("%03d%s", i, strings.Repeat("\u2028", chat.MaxUserIDChars-3))).joins("tea")
		}
		var p ports.Present
		c := w.connects("alice")
		c.gets(ports.Presence{Room: "tea"}, &p)
		bytes := 0
		for _, u := range p.Users {
			bytes += 2*(len(u.ID)+len(u.Name)) + len(`{"id":"","name":""},`)
		}
		if p.Total != users || len(p.Users) < 20 || len(p.Users) == users || bytes > answerBytes-1000 {
			t.Errorf("of %d users %d are named, in %d bytes", p.Total, len(p.Users), bytes)
		}
	})
}

// In a room of many, names go to those who have asked who is there. Who only reads gets nothing, as
// long as so many are present.
func TestInALargeRoomThoseAreToldWhoHaveAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const unasked = 50 // present users up to whom all are told
		w := newWorld(t, 2)
		alice, bob, stream := w.connectsTo(0, "alice", 1<<20), w.connectsTo(1, "bob", 1<<20), w.connectsTo(0, "carol", 1<<20)
		alice.joins("tea")
		bob.joins("tea")
		stream.gets(ports.Join{Room: "tea", Presence: true}, nil)
		for i := range unasked - 3 {
			w.connectsTo(i%2, fmt.Sprintf("member%02d", i), 1<<20).joins("tea")
		}
		time.Sleep(3 * time.Second) // they came as a crowd
		if told := strings.Fields(alice.told()); len(told) != unasked-1 {
			t.Errorf("in a room of %d, alice is told of %d", unasked, len(told))
		}
		bob.told()
		stream.told()

		if got := bob.present("tea"); !strings.HasSuffix(got, fmt.Sprint(" of ", unasked)) {
			t.Errorf("bob sees %s", got)
		}
		dave, erin := w.connectsTo(0, "dave", 1<<20), w.connectsTo(1, "erin", 1<<20)
		dave.joins("tea")
		erin.joins("tea")
		time.Sleep(time.Second)
		mustSay(t, "alice, who has not asked, is told", alice.told(), "")
		mustSay(t, "bob, who has, is told", bob.told(), "+dave +erin")
		mustSay(t, "a stream, which cannot ask, is told", stream.told(), "+dave +erin")

		bob.joins("tea") // once more
		erin.gets(ports.Leave{Room: "tea"}, nil)
		time.Sleep(time.Second)
		mustSay(t, "bob, who has joined again, is told", bob.told(), "-erin")
		mustSay(t, "alice is told", alice.told(), "")
		dave.gets(ports.Leave{Room: "tea"}, nil)
		time.Sleep(time.Second)
		mustSay(t, "of one of a few, alice is told", alice.told(), "-dave")
		mustSay(t, "and bob", bob.told(), "-dave")

		bob.gets(ports.Leave{Room: "tea"}, nil)
		bob.joins("tea")
		dave.joins("tea")
		time.Sleep(time.Second)
		mustSay(t, "bob, who has left and not asked since, is told", bob.told(), "")
	})
}
