package session_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestARoomThatIsNotThereYetIsFollowedLikeAnEmptyOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		alice, bob, carol := w.connects("alice"), w.connectsTo(1, "bob", 1<<20), w.connects("carol")
		for _, c := range []*client{alice, bob} {
			if j := c.joinsAsIs("tea"); j.Head != 0 || j.From != 1 || j.Role != chat.Write {
				t.Errorf("%s joined %+v", c.name, j)
			}
		}
		bob.gets(ports.Mark{Room: "tea"}, nil)
		bob.isRefused(ports.Mark{Room: "tea", Seq: 1}, chat.Invalid)
		bob.gets(ports.Typing{Room: "tea", On: true}, nil)
		if _, err := w.store.Standing(t.Context(), "tea", "bob"); err == nil {
			t.Fatal("following it has made the room")
		}
		if got := carol.sends("tea", "first"); got.Seq != 1 || got.Made == nil || got.Made.Moderator != "carol" {
			t.Errorf("the first message got %+v", got)
		}
		if got := alice.sends("tea", "second"); got.Made != nil {
			t.Errorf("the second message got %+v", got)
		}
		alice.sees("first", "second")
		bob.sees("first", "second")
	})
}

// Users follow a room that does not exist yet, and somebody makes it private. They must see nothing
// of it, on any node, whether their node hears that it was made or not.
func TestWhoFollowsARoomThatIsNotThereHasNoRightToThePrivateOne(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"who are told of it": true, "who are not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				eve, mallory, bob := w.connects("eve"), w.connectsTo(1, "mallory", 1<<20), w.connectsTo(1, "bob", 1<<20)
				for _, c := range []*client{eve, mallory, bob} {
					c.joinsAsIs("den")
				}
				service := w.nodes[0].service
				owner := *identity("owner")
				var err error
				if told {
					_, err = service.Create(context.Background(), owner, chat.Room{ID: "den"})
				} else {
					_, err = w.store.Create(context.Background(), chat.Room{ID: "den"}, owner.User)
				}
				if err != nil {
					t.Fatal(err)
				}
				if told { // before a word is said there
					eve.isOut("den", chat.NotFound)
					mallory.isOut("den", chat.NotFound)
				}
				if _, err := service.SetMember(context.Background(), owner, "den", "bob", chat.Read); err != nil {
					t.Fatal(err)
				}
				if _, err := ports.Record(context.Background(), service, owner, ports.Send{Room: "den", Body: "among us"}); err != nil {
					t.Fatal(err)
				}
				if !told {
					eve.isOut("den", chat.NotFound)
					mallory.isOut("den", chat.NotFound)
					bob.sees("bob joined", "among us")
				}
				for _, c := range []*client{eve, mallory} {
					c.gets(ports.Ping{}, nil)
					for _, l := range c.skipped {
						if l.Kind == "entry" {
							t.Errorf("%s saw %+v", c.name, l.Entry)
						}
					}
				}
			})
		})
	}
}
