package presence_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/presence"
)

func TestWhoIsPresentIsKnownOnAllNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		one, two, three := c.nodes[0], c.nodes[1], c.nodes[2]
		one.arrives("alice", "a")
		two.arrives("bob", "b")
		two.arrives("carol", "phone")
		three.arrives("carol", "laptop")
		time.Sleep(longEnough)
		for _, n := range c.nodes {
			mustSay(t, "present", n.shows(), "alice bob carol of 3")
		}
		mustSay(t, "news of one", one.news(), "+alice +bob +carol")
		two.takes()

		two.departs("carol", "phone", false)
		time.Sleep(longEnough)
		mustSay(t, "of one device that leaves, one hears", one.news(), "")
		mustSay(t, "and two", two.news(), "")
		three.departs("carol", "laptop", false)
		time.Sleep(longEnough)
		mustSay(t, "of the last, one hears", one.news(), "-carol")
		mustSay(t, "and two", two.news(), "-carol")
		mustSay(t, "present", one.shows(), "alice bob of 2")
		if here := two.Here(room); here != 1 {
			t.Errorf("on the second node %d are present, want 1", here)
		}
	})
}

func TestWhoComesAndGoesIsNotToldThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newCluster(t, 1).nodes[0]
		n.arrives("alice", "a")
		n.departs("alice", "a", false)
		for _, s := range n.takes() {
			mustSay(t, "not told", s.origin, "a")
		}
	})
}

func TestWhoIsBackSoonWasNeverAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		for i := range 4 {
			n := c.nodes[i%2]
			n.arrives("bob", "b")
			time.Sleep(longEnough)
			n.departs("bob", "b", true)
			time.Sleep(time.Second)
		}
		mustSay(t, "news", c.nodes[0].news(), "+bob")
		time.Sleep(3 * time.Second)
		mustSay(t, "once he stays away", c.nodes[0].news(), "-bob")
		mustSay(t, "present", c.nodes[0].shows(), " of 0")
	})
}

func TestANodeThatDiesTakesItsPresenceWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.nodes[0].arrives("alice", "a")
		c.nodes[1].arrives("bob", "b")
		c.nodes[2].arrives("carol", "c")
		c.nodes[2].arrives("bob", "d")
		time.Sleep(longEnough)
		c.nodes[0].takes()
		c.nodes[2].bus.Cut()
		time.Sleep(4 * time.Second)
		mustSay(t, "for a while", c.nodes[0].news(), "")
		time.Sleep(3 * time.Second)
		mustSay(t, "then", c.nodes[0].news(), "-carol")
		mustSay(t, "present", c.nodes[0].shows(), "alice bob of 2")

		c.nodes[2].bus.Mend()
		time.Sleep(3 * time.Second)
		mustSay(t, "once it is back", c.nodes[0].news(), "+carol")
		for _, n := range c.nodes {
			mustSay(t, "present", n.shows(), "alice bob carol of 3")
		}
	})
}

func TestANodeThatStopsHandsItsUsersOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		c.nodes[0].arrives("alice", "a")
		c.nodes[1].arrives("bob", "b")
		time.Sleep(longEnough)
		c.nodes[0].takes()
		c.nodes[1].departs("bob", "b", true)
		c.nodes[1].stop()
		time.Sleep(time.Second)
		c.nodes[0].arrives("bob", "c")
		time.Sleep(5 * time.Second)
		mustSay(t, "news", c.nodes[0].news(), "")
		mustSay(t, "present", c.nodes[0].shows(), "alice bob of 2")
	})
}

func TestAStormOfReconnectsIsNoStormOfPresence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		watching, stormy := c.nodes[0], c.nodes[1]
		watching.arrives("watcher", "w")
		const crowd = 2000
		for round := range 3 {
			for i := range crowd {
				if round > 0 {
					stormy.departs(fmt.Sprintf("user%04d", i), "s", true)
				}
			}
			for i := range crowd {
				stormy.arrives(fmt.Sprintf("user%04d", i), "s")
				if i%100 == 0 {
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
		time.Sleep(2 * time.Second)
		if p := watching.Present(room); p.Total != crowd+1 || len(p.Users) != 200 {
			t.Errorf("present are %d, of whom %d are named", p.Total, len(p.Users))
		}
		if stormy.count > 30 {
			t.Errorf("the bus was told of presence %d times", stormy.count)
		}
		if stormy.users > 200*stormy.count {
			t.Errorf("with %d users in %d notices", stormy.users, stormy.count)
		}
		for _, n := range c.nodes {
			if told := len(n.takes()); told > 250 {
				t.Errorf("readers were told of %d", told)
			}
		}
	})
}

func TestSilentPresenceIsToldAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		c.nodes[0].arrives("alice", "a")
		time.Sleep(longEnough)
		c.nodes[1].deafen(true)
		c.nodes[1].arrives("bob", "b")
		time.Sleep(longEnough)
		c.nodes[1].deafen(false)
		c.nodes[1].Close(room, true)
		c.nodes[1].Open(room) // as if it had heard of nobody
		c.nodes[1].deafen(true)
		c.nodes[1].arrives("bob", "b") // asks, and does not hear the answer
		time.Sleep(longEnough)
		c.nodes[1].deafen(false)
		mustSay(t, "present", c.nodes[1].shows(), "bob of 1")
		time.Sleep(3 * time.Minute)
		mustSay(t, "present", c.nodes[1].shows(), "alice bob of 2")
	})
}

// A node asks who is there when somebody begins to follow a room, as the others tell nothing unless
// something changes.
func TestANodeAsksWhoIsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		c.nodes[0].arrives("alice", "a")
		time.Sleep(10 * time.Second)
		late := c.starts()
		mustSay(t, "at first", late.shows(), " of 0")
		late.arrives("bob", "b")
		time.Sleep(longEnough)
		mustSay(t, "then", late.shows(), "alice bob of 2")
	})
}

func TestARoomThatIsClosedIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		n := c.nodes[1]
		c.nodes[0].arrives("alice", "a")
		n.arrives("bob", "b")
		time.Sleep(longEnough)
		n.departs("bob", "b", true)
		if n.Close(room, false) {
			t.Error("a room was closed whose users may be back")
		}
		time.Sleep(3 * time.Second)
		mustSay(t, "who went was told to the others", c.nodes[0].shows(), "alice of 1")
		mustSay(t, "and they are known", n.shows(), "alice of 1")
		if !n.Close(room, false) {
			t.Error("a room of which nothing is to be told stays open")
		}
		n.takes()
		c.nodes[0].arrives("carol", "c")
		n.arrives("dave", "d") // nobody may follow it: there is nothing to take
		time.Sleep(longEnough)
		mustSay(t, "news", n.news(), "")
		mustSay(t, "present", n.shows(), " of 0")

		n.Open(room)
		n.departs("nobody", "n", false)
		if !n.Close(room, true) {
			t.Error("a room stays open though it is to be closed anyway")
		}
	})
}

// Who comes or goes alone is told of at once.
func TestWhoComesAloneIsToldOfAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newCluster(t, 1).nodes[0]
		for i, user := range []string{"alice", "bob", "carol"} {
			n.arrives(user, "s")
			mustSay(t, "news", n.news(), "+"+user)
			if i > 0 { // of alice nobody else had to be told
				time.Sleep(longEnough)
			}
		}
		n.departs("bob", "s", false)
		mustSay(t, "news", n.news(), "-bob")
	})
}

// Those who come shortly after one another are told of together. Who has gone by then was not
// there.
func TestAFewWhoComeAreToldOfTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newCluster(t, 1).nodes[0]
		n.arrives("alice", "a")
		n.arrives("bob", "b")
		n.takes()
		n.arrives("carol", "c")
		n.arrives("dave", "d")
		n.arrives("erin", "e")
		n.departs("dave", "d", false)
		mustSay(t, "at first", n.news(), "")
		time.Sleep(time.Second)
		mustSay(t, "then", n.news(), "+carol +erin")
	})
}

// While a crowd comes, nobody is told of it, until too many are present for it. What is left over
// is told for those who have asked.
func TestGuardACrowdThatComesIsToldToFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const users, each = 170, 20 * time.Millisecond
		n := newCluster(t, 1).nodes[0]
		for i := range users {
			n.arrives(fmt.Sprintf("user%03d", i), "s")
			time.Sleep(each)
		}
		time.Sleep(aCrowd)
		if told := len(n.takes()); told > 5 {
			t.Errorf("while %d came, all readers were told of %d", users, told)
		}
		if asked := n.asked.Load(); asked < users-5 || asked > users {
			t.Errorf("while %d came, those who have asked were told of %d", users, asked)
		}
	})
}

// A crowd that goes at once is told of in parts, as delivery keeps no more signals for a reader.
func TestACrowdThatGoesIsToldOfInParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const users, left = 190, 3
		n := newCluster(t, 1).nodes[0]
		for i := range users {
			n.arrives(fmt.Sprintf("user%03d", i), "s")
		}
		time.Sleep(time.Minute)
		n.takes()
		n.asked.Store(0)
		for i := range users - left {
			n.departs(fmt.Sprintf("user%03d", i), "s", false)
		}
		told := map[chat.UserID]bool{}
		for range 60 {
			time.Sleep(100 * time.Millisecond)
			some := n.takes()
			if len(some) > 60 {
				t.Errorf("the readers are told of %d at once", len(some))
			}
			for _, s := range some {
				told[s.User] = s.On
			}
		}
		if all := len(told) + int(n.asked.Load()); all != users-left {
			t.Errorf("the readers were told of %d who went, want %d", all, users-left)
		}
	})
}

// yielding lets other goroutines run before it tells.
type yielding struct{ presence.Readers }

func (y yielding) Spread(signal chat.Signal, origin string) {
	runtime.Gosched()
	y.Readers.Spread(signal, origin)
}

// However many users come and go at once, the last signal of each is right.
func TestWhatIsToldLastIsSo(t *testing.T) {
	t.Parallel()
	const users, rounds = 4, 200
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0)
		n := c.starts(func(cfg *presence.Config) { cfg.Bus, cfg.Readers = nil, yielding{cfg.Readers} })
		var wg sync.WaitGroup
		for i := range users * 4 { // four sessions each
			user, session := fmt.Sprint("user", i%users), fmt.Sprint("session", i)
			wg.Go(func() {
				for range rounds {
					n.arrives(user, session)
					n.departs(user, session, false)
				}
				if i%users < 2 {
					n.arrives(user, session)
				}
			})
		}
		wg.Wait()
		time.Sleep(aCrowd)
		last := map[chat.UserID]bool{}
		for _, s := range n.takes() {
			if s.On == last[s.User] {
				t.Fatalf("%s is told of as %s twice in a row", s.User, sign(s.On))
			}
			last[s.User] = s.On
		}
		mustSay(t, "present", n.shows(), "user0 user1 of 2")
		for user, on := range last {
			if want := user == "user0" || user == "user1"; on != want {
				t.Errorf("the last that was told of %s is %s", user, sign(on))
			}
		}
	})
}

// An answer names as many users as it has room for, and counts all.
func TestAPresenceAnswerEndsByBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit, users = 64 << 10, 100
		c := newCluster(t, 1, func(cfg *presence.Config) { cfg.AnswerBytes = limit })
		for i := range users {
			user := fmt.Sprintf("%03d%s", i, strings.Repeat("\u2028", chat.MaxUserIDChars-3))
			c.nodes[0].arrives(user, fmt.Sprint(i))
		}
		p := c.nodes[0].Present(room)
		bytes := 0
		for _, u := range p.Users {
			// A user without a name is shown by the id.
			bytes += 2*2*len(u.ID) + len(`{"id":"","name":""},`)
		}
		if p.Total != users || len(p.Users) < 20 || len(p.Users) == users || bytes > limit-1000 {
			t.Errorf("of %d users %d are named, in %d bytes", p.Total, len(p.Users), bytes)
		}
	})
}

// A feature is shared when every node has it, as a client may reconnect to any of them. In a
// rolling upgrade that is when the last node has it.
func TestAFeatureIsWhatAllNodesCanDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		having := func(features ...string) func(*presence.Config) {
			return func(cfg *presence.Config) { cfg.Features = features }
		}
		can := func(n *node) string { return strings.Join(n.Features(), " ") }
		c := newCluster(t, 1, having("threads", "search"))
		one := c.nodes[0]
		mustSay(t, "a node that has not listened for the others", can(one), "")
		time.Sleep(6 * time.Second)
		mustSay(t, "a node that hears no others", can(one), "threads search")

		two := c.starts(having("search", "polls"))
		time.Sleep(6 * time.Second)
		mustSay(t, "the first of two nodes", can(one), "search")
		mustSay(t, "the second of two nodes", can(two), "search")

		old := c.starts(having())
		time.Sleep(2 * time.Second)
		mustSay(t, "beside a node of an earlier release", can(one), "")
		old.stop()
		time.Sleep(6 * time.Second)
		mustSay(t, "once that is gone", can(two), "search")
	})
}

func TestANodeThatIsAloneCanDoWhatItCan(t *testing.T) {
	t.Parallel()
	n := presence.New(presence.Config{Features: []string{"threads"}})
	if got := n.Features(); !slices.Equal(got, []string{"threads"}) {
		t.Errorf("it can do %q", got)
	}
}
