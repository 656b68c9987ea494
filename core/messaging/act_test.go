package messaging_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// service is a back end that may act for others.
func (n *node) service(grants chat.Grants) user {
	return user{n, chat.Identity{User: "svc", Name: "Shop", Act: true, Client: "shop", Grants: grants}}
}

// as is whom a service acts for.
func (u user) as(whom chat.UserID) user {
	u.t.Helper()
	by, err := u.As(chat.As{User: whom})
	if err != nil {
		u.t.Fatal(err)
	}
	u.Identity = by
	return u
}

func TestAServiceHasTheRightsOfWhomItActsFor(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.room("open", true)
	n.room("den", false)
	root, service := n.user("root").asAdmin(), n.service(nil)
	bob := service.as("bob")
	bob.says("open", "hi")
	bob.isRefused(ports.Send{Room: "den", Body: "hi"}, chat.NotFound)
	root.sets("den", "bob", chat.Write)
	bob.says("den", "hi")
	if e := n.logged("den")[1]; e.Author.ID != "bob" || e.Via != "shop" {
		t.Errorf("the entry is %+v", e)
	}
	// A ban of the user is one of whoever acts for them, and one of nobody else.
	root.sets("den", "bob", chat.None)
	root.sets("open", "bob", chat.None)
	for _, room := range []chat.RoomID{"den", "open"} {
		bob.isRefused(ports.Send{Room: room, Body: "hi"}, chat.Forbidden)
		service.as(chat.System).says(room, "hi")
	}
	service.says("open", "for myself")
	if log := n.logged("open"); log[len(log)-1].Via != "" || log[len(log)-1].Author.Name != "Shop" {
		t.Errorf("the entry is %+v", log[len(log)-1])
	}
}

func TestTheSystemModeratesWhereTheTokenReaches(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.room("support-1", false)
	n.room("den", false)
	root := n.user("root").asAdmin()
	root.says("den", "hi")
	root.says("support-1", "hi")
	system := n.service(chat.Grants{"support-*": chat.Read}).as(chat.System)
	system.does(ports.Delete{Room: "support-1", Seq: 1})
	system.sets("support-1", "bob", chat.Moderate)
	system.sets("support-1", "bob", chat.Read) // the last moderator: it is none itself
	system.isRefused(ports.Send{Room: "den", Body: "hi"}, chat.NotFound)
	system.isRefused(ports.Delete{Room: "den", Seq: 1}, chat.NotFound)
	everywhere := n.service(nil).as(chat.System)
	everywhere.does(ports.Delete{Room: "den", Seq: 1})
	// Rooms that it makes have no member, whom it could be.
	for _, made := range []struct {
		by   user
		room chat.RoomID
		kind chat.Kind
	}{{everywhere, "new", ""}, {system, "support-2", ""}, {system, "elsewhere", chat.Forbidden}} {
		view, err := made.by.Create(context.Background(), made.by.Identity, chat.Room{ID: made.room})
		if made.kind != "" {
			if !errors.Is(err, made.kind) {
				t.Errorf("%s: got %+v, %v", made.room, view, err)
			}
			continue
		}
		members, _, listed := everywhere.Members(context.Background(), everywhere.Identity, made.room, "", 10)
		if err != nil || view.Role != chat.Moderate || listed != nil || len(members) != 0 {
			t.Errorf("%s: got %+v, %v, with the members %v, %v", made.room, view, err, members, listed)
		}
	}
}

func TestTheFirstMessageOfTheSystemMakesARoomThatNobodyModerates(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.Autocreate = true })
	r := n.service(nil).as(chat.System).does(ports.Send{Room: "new", Body: "hi", Makes: true})
	if r.Made == nil || r.Made.Moderator != "" {
		t.Errorf("got %+v", r)
	}
	if r := n.service(nil).as("bob").does(ports.Send{Room: "bobs", Body: "hi", Makes: true}); r.Made == nil || r.Made.Moderator != "bob" {
		t.Errorf("got %+v", r)
	}
}

// What the log would refuse makes no room.
func TestASendThatWouldBeRefusedMakesNoRoom(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.Autocreate = true })
	seven, none := chat.Seq(7), chat.Seq(0)
	alice := n.user("alice")
	granted := n.user("bob").granted(chat.Grants{"*": chat.Write})
	e := alice.isRefused(ports.Send{Room: "new", Body: "hi", IfHead: &seven, Makes: true}, chat.Conflict)
	if e.Detail != chat.Moved || e.Head != 0 {
		t.Errorf("got %+v", e)
	}
	granted.isRefused(ports.Send{Room: "new", Body: "hi", Silent: true, Makes: true}, chat.Forbidden)
	if r := alice.does(ports.Send{Room: "new", Body: "hi", IfHead: &none, Silent: true, Makes: true}); r.Seq != 1 || r.Made == nil {
		t.Errorf("got %+v", r)
	}
}

// A service has one limit for all that it does, which is not that of those whom it acts for.
func TestAServiceHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) {
			c.RateLimit, c.ServiceLimit = messaging.Rate{PerSecond: 1, Burst: 2}, messaging.Rate{PerSecond: 1, Burst: 5}
			c.RoomsLimit, c.AddsLimit = messaging.Rate{PerSecond: 1e-9, Burst: 1}, messaging.Rate{PerSecond: 1e-9, Burst: 1}
		})
		defer n.stop()
		n.room("tea", true)
		service := n.service(nil)
		another := n.service(nil)
		another.Client = "desk"
		for _, whom := range []chat.UserID{"bob", "bob", "bob", "carol", chat.System} {
			service.as(whom).says("tea", "hi")
		}
		if e := service.as("dave").isRefused(ports.Send{Room: "tea", Body: "hi"}, chat.RateLimited); e.RetryAfter <= 0 {
			t.Errorf("got %+v", e)
		}
		service.isRefused(ports.Send{Room: "tea", Body: "hi"}, chat.RateLimited)
		n.user("bob").says("tea", "hi")
		n.user("bob").says("tea", "hi")
		n.user("bob").isRefused(ports.Send{Room: "tea", Body: "hi"}, chat.RateLimited)
		// Nor are rooms that it makes, and people whom it adds, counted as if it were a user.
		for i := range chat.Seq(2) {
			room := chat.RoomID("r" + string(rune('0'+i)))
			if _, err := another.Create(t.Context(), another.Identity, chat.Room{ID: room}); err != nil {
				t.Error(err)
			}
			another.sets(room, "erin", chat.Read)
		}
	})
}
