package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// setsAll gives places, and shows what became of each: "+" changed, "=" unchanged, or a kind.
func (u user) setsAll(room chat.RoomID, set ...ports.MemberSet) (shown []string) {
	u.t.Helper()
	results, err := u.SetMembers(context.Background(), u.Identity, room, set)
	if err != nil || len(results) != len(set) {
		u.t.Fatalf("%d results of %d, %v", len(results), len(set), err)
	}
	for _, r := range results {
		switch {
		case r.Err != nil:
			shown = append(shown, string(chat.AsError(r.Err).Kind))
		case r.Unchanged:
			shown = append(shown, "=")
		default:
			shown = append(shown, "+")
		}
	}
	return shown
}

func mustShow(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPlacesInBulkAreSetInOrder(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.room("tea", false)
	owner := n.user("owner")
	n.user("root").asAdmin().sets("tea", "owner", chat.Moderate)
	set := []ports.MemberSet{
		{User: "bob", Role: chat.Write},
		{User: "carol", Role: chat.Read},
		{User: "bob", Role: chat.Moderate},
		{User: "dave", Banned: true},
		{User: "owner", Banned: true},
		{User: "carol", Role: chat.None},
		{User: "nobody", Role: chat.None},
		{User: "bob", Role: chat.Moderate},
	}
	mustShow(t, owner.setsAll("tea", set...), "+", "+", "+", "+", "conflict", "+", "=", "=")
	members, _, err := owner.Members(t.Context(), owner.Identity, "tea", "", 10)
	var got []string
	for _, m := range members {
		got = append(got, fmt.Sprint(m.User, " ", m.Role, " ", m.Banned))
	}
	if want := []string{"bob moderate false", "dave none true", "owner moderate false"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("members are %v, %v", got, err)
	}
	// Again, those that set what is so already are told so.
	again := []ports.MemberSet{{User: "bob", Role: chat.Moderate}, {User: "dave", Banned: true}, {User: "carol", Role: chat.None}}
	mustShow(t, owner.setsAll("tea", again...), "=", "=", "=")
	// The last moderator remains one, and a service does not count as such.
	mustShow(t, owner.setsAll("tea", ports.MemberSet{User: "bob", Role: chat.Read}, ports.MemberSet{User: "owner", Role: chat.Read}), "+", "conflict")
	mustShow(t, n.service(nil).as(chat.System).setsAll("tea", ports.MemberSet{User: "owner", Role: chat.Read}), "+")
	for _, e := range n.logged("tea") {
		if f, ok := e.Fact.(chat.MemberChanged); ok && f.User == "owner" && f.Role == chat.Read && e.Via != "shop" {
			t.Errorf("the entry is %+v", e)
		}
	}
}

func TestPlacesInBulkNeedWhoModerates(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.room("tea", true)
	n.room("den", false)
	for room, kind := range map[chat.RoomID]chat.Kind{"tea": chat.Forbidden, "den": chat.NotFound, "none": chat.NotFound} {
		bob := n.user("bob")
		if _, err := bob.SetMembers(t.Context(), bob.Identity, room, []ports.MemberSet{{User: "bob", Role: chat.Read}}); !errors.Is(err, kind) {
			t.Errorf("%s: got %v, want %s", room, err, kind)
		}
	}
	if len(n.logged("tea"))+len(n.logged("den")) != 0 {
		t.Error("something was recorded")
	}
}

func TestPlacesInBulkCountOneByOne(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) {
		c.RateLimit, c.AddsLimit = messaging.Rate{PerSecond: 1e-9, Burst: 6}, messaging.Rate{PerSecond: 1e-9, Burst: 2}
	})
	n.room("tea", true)
	root, owner := n.user("root").asAdmin(), n.user("owner")
	for _, user := range []chat.UserID{"owner", "old"} {
		root.sets("tea", user, chat.Moderate)
	}
	// Who has a place is no newcomer, nor is who was given one before.
	mustShow(t, owner.setsAll("tea",
		ports.MemberSet{User: "old", Role: chat.Read}, ports.MemberSet{User: "a", Role: chat.Read}, ports.MemberSet{User: "a", Role: chat.Write},
		ports.MemberSet{User: "b", Banned: true}, ports.MemberSet{User: "c", Role: chat.Read},
		ports.MemberSet{User: "old", Role: chat.Write}, // no more of anything
	), "+", "+", "+", "+", "+", "rate_limited")
	var many []ports.MemberSet
	for i := range 1000 {
		many = append(many, ports.MemberSet{User: chat.UserID(fmt.Sprint("u", i)), Role: chat.Read})
	}
	for _, by := range []user{root, n.service(nil).as(chat.System)} {
		room := n.room(chat.RoomID("big-"+string(by.User[1:])), false)
		if got := by.setsAll(room, many...); len(got) != 1000 || slices.Contains(got, "rate_limited") {
			t.Errorf("got %v", got)
		}
		if log := n.logged(room); len(log) != 1000 || log[999].Fact.(chat.MemberChanged).User != "u999" {
			t.Errorf("the log has %d entries", len(log))
		}
	}
}

func TestAllRoomsAreForAdmins(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.room("den", false)
	n.room("tea", true)
	for _, by := range []user{n.user("bob"), n.service(nil), n.service(nil).as(chat.System), n.user("bob").granted(chat.Grants{"*": chat.Moderate})} {
		if _, _, err := by.All(t.Context(), by.Identity, "", 10); !errors.Is(err, chat.Forbidden) {
			t.Errorf("%s: got %v", by.User, err)
		}
	}
	root := n.user("root").asAdmin()
	page, next, err := root.All(t.Context(), root.Identity, "", 1)
	if err != nil || len(page) != 1 || page[0].Room.ID != "den" || page[0].Role != chat.Moderate || next != "den" {
		t.Errorf("got %+v, %q, %v", page, next, err)
	}
}
