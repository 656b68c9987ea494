package session_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestWhoIsAddedToARoomIsToldOnAllNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		bob, there, carol := w.connects("bob"), w.connectsTo(1, "bob", 1<<20), w.connects("carol")
		synctest.Wait() // until all nodes hear one another
		service, owner := w.nodes[0].service, *identity("owner")
		if _, err := service.Create(context.Background(), owner, chat.Room{ID: "den"}); err != nil {
			t.Fatal(err)
		}
		sets := func(user chat.UserID, role chat.Role) {
			t.Helper()
			if _, err := service.SetMember(context.Background(), owner, "den", user, role); err != nil {
				t.Fatal(err)
			}
		}
		sets("bob", chat.Read)
		for _, c := range []*client{bob, there} {
			if l := c.hears("added"); l.ID != "den" || l.What != "owner" || l.Text != "read" {
				t.Errorf("%s is told %+v", c.name, l)
			}
		}
		sets("bob", chat.Write)      // a member already
		sets("bob", chat.None)       // banned
		sets("owner", chat.Moderate) // themselves
		for _, c := range []*client{bob, there, carol} {
			synctest.Wait()
			c.gets(ports.Ping{}, nil)
			for _, l := range c.skipped {
				if l.Kind == "added" {
					t.Errorf("%s is told %+v", c.name, l)
				}
			}
		}
	})
}

func TestAClientThatReadsNothingIsToldOfNoMoreThanItsAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		mute := w.connectsTo(0, "mute", 1024)
		for i := range 3000 {
			w.nodes[0].hub.Hear(ports.MemberAdded{Room: chat.RoomID(fmt.Sprint("room", i)), User: "mute", By: chat.Author{ID: "eve"}, Role: chat.Read})
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		told := 0
		for mute.asks(ports.Ping{}); ; told++ {
			if l, _ := mute.awaits(func(line) bool { return true }); l.Kind == "ok" {
				break
			}
		}
		if told == 0 || told >= 3000 {
			t.Errorf("it was told of %d additions", told)
		}
	})
}
