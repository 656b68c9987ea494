package messaging

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestWhatIsRememberedOfUsersIsBounded(t *testing.T) {
	t.Parallel()
	c := newStandings()
	for i := range maxStandings + 1000 {
		user := chat.UserID(fmt.Sprint("user", i))
		c.put(c.ticket(user, "tea"), chat.Standing{Read: 7})
		if st, ok := c.get(user, "tea"); !ok || st.Read != 7 {
			t.Fatalf("the standing of %s is forgotten at once", user)
		}
	}
	if n := len(c.known); n > maxStandings {
		t.Errorf("%d standings are remembered", n)
	}
	if _, ok := c.get("user0", "tea"); ok {
		t.Error("a full cache keeps the oldest")
	}
}

func TestANodeAloneAsksSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Alone: true}).standings
		c.put(c.ticket("alice", "tea"), chat.Standing{Read: 7})
		time.Sleep(aloneAge - time.Second)
		synctest.Wait()
		if st, ok := c.get("alice", "tea"); !ok || st.Read != 7 {
			t.Error("alice is forgotten before her time")
		}
		c.hear(ports.StandingChanged{Room: "tea", User: "alice"})
		if _, ok := c.get("alice", "tea"); ok {
			t.Error("alice is remembered after her standing has changed")
		}
		time.Sleep(2 * aloneAge)
		synctest.Wait()
	})
}

func TestNothingIsKeptOfUsersWhoOnlyAreThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newStandings()
		c.put(c.ticket("alice", "tea"), chat.Standing{Read: 7})
		time.Sleep(standingAge - time.Second)
		c.put(c.ticket("bob", "tea"), chat.Standing{Read: 8})
		time.Sleep(2 * time.Second) // the maps have changed in between
		synctest.Wait()
		if st, ok := c.get("bob", "tea"); !ok || st.Read != 8 {
			t.Error("bob is forgotten before his time")
		}
		if _, ok := c.get("alice", "tea"); ok {
			t.Error("alice is remembered for too long")
		}
		c.forget(func(known map[standingKey]standingAt) { delete(known, standingKey{"tea", "bob"}) })
		if _, ok := c.get("bob", "tea"); ok {
			t.Error("bob is remembered after he was to be forgotten")
		}
		c.put(c.ticket("bob", "tea"), chat.Standing{})
		time.Sleep(2*standingAge + time.Second)
		synctest.Wait()
		if len(c.known)+len(c.older) > 0 || c.ages {
			t.Errorf("%d standings are kept", len(c.known)+len(c.older))
		}
	})
}
