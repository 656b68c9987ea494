package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/delivery"
	"github.com/parley-chat/parley/core/messaging"
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

// told returns the presence signals that have come until now, in one line, in the order of what they say: of several users it is open.
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

func TestANodeThatDiesTakesItsPresenceWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		alice, bob := w.connectsTo(0, "alice", 1<<20), w.connectsTo(1, "bob", 1<<20)
		alice.joins("tea")
		bob.joins("tea")
		carol, dave := w.connectsTo(2, "carol", 1<<20), w.connectsTo(2, "bob", 1<<20)
		carol.joins("tea")
		dave.joins("tea")
		time.Sleep(longEnough)
		alice.told()
		w.nodes[2].bus.Cut()
		time.Sleep(4 * time.Second)
		mustSay(t, "for a while, alice is told", alice.told(), "")
		time.Sleep(3 * time.Second)
		mustSay(t, "then alice is told", alice.told(), "-carol")
		mustSay(t, "alice", alice.present("tea"), "alice bob of 2")

		w.nodes[2].bus.Mend()
		time.Sleep(3 * time.Second)
		mustSay(t, "once it is back, alice is told", alice.told(), "+carol")
		for _, c := range []*client{alice, bob, carol} {
			mustSay(t, c.name, c.present("tea"), "alice bob carol of 3")
		}
	})
}

func TestANodeThatStopsHandsItsUsersOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		alice, bob := w.connectsTo(0, "alice", 1<<20), w.connectsTo(1, "bob", 1<<20)
		alice.joins("tea")
		bob.joins("tea")
		time.Sleep(longEnough)
		alice.told()
		bob.hangsUp()
		w.nodes[1].stop()
		time.Sleep(time.Second)
		again := w.connectsTo(0, "bob", 1<<20)
		again.joins("tea")
		time.Sleep(5 * time.Second)
		mustSay(t, "alice is told", alice.told(), "")
		mustSay(t, "alice", alice.present("tea"), "alice bob of 2")
	})
}

// countedTells counts what a bus is told of presence.
type countedTells struct {
	ports.Bus
	presences, users *atomic.Int64
}

func (b countedTells) Tell(ctx context.Context, n ports.Notice) error {
	if p, ok := n.(ports.NodePresence); ok {
		b.presences.Add(1)
		b.users.Add(int64(len(p.Users)))
	}
	return b.Bus.Tell(ctx, n)
}

func TestAStormOfReconnectsIsNoStormOfPresence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var presences, users atomic.Int64
		w := newWorld(t, 2, func(d *delivery.Config, _ *messaging.Config) {
			d.Bus = countedTells{d.Bus, &presences, &users}
		})
		watcher := w.connectsTo(0, "watcher", 1<<24)
		watcher.joins("tea")
		const crowd = 2000
		var clients []*client
		for range 3 {
			for _, c := range clients {
				c.hangsUp()
			}
			clients = nil
			for i := range crowd {
				c := w.connectsTo(1, fmt.Sprintf("user%04d", i), 1<<16)
				c.joins("tea")
				clients = append(clients, c)
				if i%100 == 0 {
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
		time.Sleep(2 * time.Second)
		var p ports.Present
		watcher.gets(ports.Presence{Room: "tea"}, &p)
		if p.Total != crowd+1 || len(p.Users) != 200 {
			t.Errorf("present are %d, of whom %d are named", p.Total, len(p.Users))
		}
		if n := presences.Load(); n > 30 {
			t.Errorf("the bus was told of presence %d times", n)
		}
		if n := users.Load(); n > 200*presences.Load() {
			t.Errorf("with %d users", n)
		}
		if told := strings.Fields(watcher.told()); len(told) > 250 {
			t.Errorf("the watcher was told of %d", len(told))
		}
	})
}

func TestSilentPresenceIsToldAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, func(d *delivery.Config, _ *messaging.Config) { d.Heartbeat = time.Hour })
		alice := w.connectsTo(0, "alice", 1<<20)
		alice.joins("tea")
		time.Sleep(longEnough)
		w.nodes[1].bus.Deafen(true)
		bob := w.connectsTo(1, "bob", 1<<20)
		bob.joins("tea") // asks, and does not hear the answer
		time.Sleep(longEnough)
		w.nodes[1].bus.Deafen(false)
		mustSay(t, "bob", bob.present("tea"), "bob of 1")
		time.Sleep(3 * time.Minute)
		mustSay(t, "bob", bob.present("tea"), "alice bob of 2")
	})
}

// Who is there is named as far as an answer has room for, and counted in full.
func TestAPresenceAnswerEndsByBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most, users = 64 << 10, 100
		w := newWorld(t, 1, func(d *delivery.Config, _ *messaging.Config) { d.AnswerBytes = most })
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
		if p.Total != users || len(p.Users) < 20 || len(p.Users) == users || bytes > most-1000 {
			t.Errorf("of %d users %d are named, in %d bytes", p.Total, len(p.Users), bytes)
		}
	})
}
