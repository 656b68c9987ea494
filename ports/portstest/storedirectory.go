package portstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testRooms(t *testing.T) {
	s.prove(t, []sentence{
		{"a new room has an empty log and what it was given", createsRoom},
		{"a room's owner may moderate", createsOwner},
		{"a room that exists is not made again", createsOnce},
		{"changes of a room show in its standing", roomChangesShow},
		{"all rooms come in pages, whatever a user has to do with them", listsAllRooms},
	})
}

func listsAllRooms(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	var want []chat.RoomID
	for i := range 5 {
		in := alice.in(chat.RoomID(fmt.Sprintf("%s-%d", r.id, i)))
		in.create(chat.Room{ID: in.id, Public: i%2 == 0}, "")
		want = append(want, in.id)
	}
	banned := user{r.in(want[1]), alice.id}
	banned.makes(user{banned.room, bob.id}, chat.MemberBanned, chat.None)
	banned.says("hi")
	mustEqual(t, "rooms of a stranger", len(bob.rooms()), 0)
	var got []chat.RoomID
	for after := r.id; len(got) < len(want); {
		page, next, err := r.Rooms(t.Context(), ports.RoomsQuery{User: bob.id, All: true, After: after, Limit: 2})
		if err != nil || len(page) == 0 || len(page) > 2 || next == "" && len(got) < 3 || len(page) == 2 && next != page[1].Room.ID {
			t.Fatalf("page of %d rooms, next %q, %v", len(page), next, err)
		}
		for _, st := range page {
			if !strings.HasPrefix(string(st.Room.ID), string(r.id)) { // another test's
				continue
			}
			got = append(got, st.Room.ID)
			mustEqual(t, "banned from "+string(st.Room.ID), st.Member.Banned, st.Room.ID == want[1])
			mustEqual(t, "unread", st.Unread, map[bool]int64{true: 1}[st.Room.ID == want[1]])
		}
		after = next
	}
	mustEqualSlices(t, "rooms", got[:len(want)], want)
	page, next, err := r.Rooms(t.Context(), ports.RoomsQuery{User: bob.id, All: true, After: "zzzz", Limit: 2})
	if err != nil || len(page) != 0 || next != "" {
		t.Fatalf("page of %d rooms behind all, next %q, %v", len(page), next, err)
	}
}

func createsRoom(t *testing.T, r room) {
	alice := r.in(someRoom()).user("alice")
	made := alice.create(chat.Room{
		ID: alice.room.id, Name: "Lobby ☕", Public: true,
		Archived: true, Head: 7, Messages: 7, CreatedAt: time.Unix(1, 0), // the store sets these itself for a new room
	}, "")
	if made.CreatedAt.IsZero() || made.CreatedAt.Equal(time.Unix(1, 0)) {
		t.Fatalf("room was created at %v", made.CreatedAt)
	}
	mustEqual(t, "location", made.CreatedAt.Location(), time.UTC)
	want := chat.Room{ID: alice.room.id, Name: "Lobby ☕", Public: true, CreatedAt: made.CreatedAt}
	mustEqual(t, "room", made, want)
	standing := alice.stands()
	mustEqual(t, "standing's room", standing.Room.CreatedAt.Equal(made.CreatedAt), true)
	standing.Room.CreatedAt = made.CreatedAt
	mustEqual(t, "standing", standing, chat.Standing{Room: want})
	mustEqual(t, "entries", len(alice.log("")), 0)
	mustEqual(t, "seq", alice.says("hi").Seq, 1)
}

func createsOwner(t *testing.T, r room) {
	owner, other := r.in(someRoom()).user("owner"), r.user("other")
	made := owner.create(chat.Room{ID: owner.room.id}, owner.id)
	member := owner.stands().Member
	if member.User != owner.id || member.Role != chat.Moderate || member.Banned || !member.Since.Equal(made.CreatedAt) {
		t.Fatalf("owner is %+v of a room created at %v", member, made.CreatedAt)
	}
	mustEqualSlices(t, "rooms", owner.rooms(), []chat.RoomID{owner.room.id})
	mustEqual(t, "rooms of others", len(other.rooms()), 0)
	mustEqual(t, "seq", owner.says("hi").Seq, 1)
}

func createsOnce(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	_, err := r.Create(t.Context(), chat.Room{ID: r.id, Name: "Mine now", Public: true}, bob.id)
	mustFail(t, err, chat.Conflict)
	standing := bob.stands()
	mustEqual(t, "name", standing.Room.Name, "")
	mustEqual(t, "public", standing.Room.Public, false)
	mustEqual(t, "head", standing.Room.Head, 1)
	mustEqual(t, "member", standing.Member, chat.Member{})
}

func roomChangesShow(t *testing.T, r room) {
	alice := r.user("alice")
	created := alice.stands().Room
	want := created
	for _, step := range []struct {
		change chat.RoomChanged
		set    func()
	}{
		{chat.RoomChanged{Change: chat.RoomRenamed, Name: "Lobby"}, func() { want.Name = "Lobby" }},
		{chat.RoomChanged{Change: chat.RoomPublished}, func() { want.Public = true }},
		{chat.RoomChanged{Change: chat.RoomArchived}, func() { want.Archived = true }},
		{chat.RoomChanged{Change: chat.RoomRenamed, Name: ""}, func() { want.Name = "" }},
		{chat.RoomChanged{Change: chat.RoomHidden}, func() { want.Public = false }},
		{chat.RoomChanged{Change: chat.RoomUnarchived}, func() { want.Archived = false }},
	} {
		step.set()
		want.Head = alice.does(step.change).Seq
		want.Changed = want.Head
		mustEqual(t, "room", alice.stands().Room, want)
	}
}

func (s *storeSuite) testMembers(t *testing.T) {
	s.prove(t, []sentence{
		{"who is made a member joins, and a member gets a role", joinsAndGetsRole},
		{"a banned user is no member until somebody makes them one", bansUser},
		{"who leaves has no place and no read mark", leaverLosesMark},
		{"who leaves without a place loses the read mark all the same", strangerLosesMark},
		{"a refused or repeated leaving takes nothing", repeatedLeaving},
		{"many places are told at once, in the order asked for", tellsPlaces},
		{"members of other rooms are not in the list", func(t *testing.T, r room) {
			alice, other := r.user("alice"), newRoom(t, r.StoreUnderTest)
			alice.makes(alice, chat.MemberJoined, chat.Write)
			members, err := r.Members(t.Context(), other.id, "", 10)
			if err != nil || len(members) != 0 {
				t.Fatalf("members are %v, %v, want none", members, err)
			}
		}},
		{"a room that does not exist has no members", func(t *testing.T, r room) {
			members, err := r.Members(t.Context(), someRoom(), "", 10)
			if err != nil || len(members) != 0 {
				t.Fatalf("members are %v, %v, want none", members, err)
			}
		}},
	})
}

func (u user) mustBeMember(set chat.Entry, role chat.Role, banned bool) {
	u.Helper()
	got := u.stands().Member
	if !got.Since.Equal(set.At) {
		u.Fatalf("member since %v, want %v", got.Since, set.At)
	}
	got.Since = time.Time{}
	mustEqual(u, "member", got, chat.Member{User: u.id, Role: role, Banned: banned})
}

func joinsAndGetsRole(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	// The store decides whether the user joins or gets another role.
	set := alice.makes(bob, chat.MemberRole, chat.Read)
	mustEqual(t, "entry", set.Fact, chat.Fact(chat.MemberChanged{User: bob.id, Change: chat.MemberJoined, Role: chat.Read}))
	bob.mustBeMember(set, chat.Read, false)
	set = alice.makes(bob, chat.MemberJoined, chat.Moderate)
	mustEqual(t, "entry", set.Fact, chat.Fact(chat.MemberChanged{User: bob.id, Change: chat.MemberRole, Role: chat.Moderate}))
	bob.mustBeMember(set, chat.Moderate, false)
	mustEqual(t, "entry read", r.entry(set.Seq).Fact, set.Fact)
	mustEqual(t, "alice", alice.stands().Member, chat.Member{})
	mustEqualSlices(t, "rooms", bob.rooms(), []chat.RoomID{r.id})
}

func bansUser(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.makes(bob, chat.MemberJoined, chat.Write)
	bob.marks(1)
	set := alice.makes(bob, chat.MemberBanned, chat.None)
	mustEqual(t, "entry", set.Fact, chat.Fact(chat.MemberChanged{User: bob.id, Change: chat.MemberBanned}))
	bob.mustBeMember(set, chat.None, true)
	mustEqual(t, "rooms", len(bob.rooms()), 0)
	members, err := r.Members(t.Context(), r.id, "", 10)
	if err != nil || len(members) != 1 || !members[0].Banned {
		t.Fatalf("members are %+v, %v, want bob, banned", members, err)
	}
	set = alice.makes(bob, chat.MemberRole, chat.Write)
	mustEqual(t, "entry", set.Fact, chat.Fact(chat.MemberChanged{User: bob.id, Change: chat.MemberJoined, Role: chat.Write}))
	bob.mustBeMember(set, chat.Write, false)
	mustEqual(t, "read", bob.stands().Read, 1)
	mustEqualSlices(t, "rooms", bob.rooms(), []chat.RoomID{r.id})
}

func tellsPlaces(t *testing.T, r room) {
	alice, bob, carol := r.user("alice"), r.user("bob"), r.user("carol")
	alice.says("hi")
	alice.makes(bob, chat.MemberJoined, chat.Moderate)
	alice.makes(carol, chat.MemberBanned, chat.None)
	bob.marks(2)
	other := newRoom(t, r.StoreUnderTest)
	missing := someRoom()
	var asked []ports.Place
	var want []chat.Standing
	ask := func(u user) {
		asked = append(asked, ports.Place{Room: u.room.id, User: u.id})
		standing := chat.Standing{}
		if u.room.id != missing {
			standing = u.stands()
			standing.Unread = 0
		}
		want = append(want, standing)
	}
	elsewhere, nowhere := bob, bob
	elsewhere.room, nowhere.room = r.in(other.id), r.in(missing)
	for _, u := range []user{carol, elsewhere, bob, nowhere, alice, bob, nowhere, carol} {
		ask(u)
	}
	got, err := r.Places(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	mustEqualSlices(t, "places", got, want)
	if got, err := r.Places(t.Context(), nil); err != nil || len(got) != 0 {
		t.Fatalf("no places are %+v, %v", got, err)
	}
}

func leaverLosesMark(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	for _, change := range []chat.MemberChange{chat.MemberJoined, chat.MemberBanned} {
		role := map[chat.MemberChange]chat.Role{chat.MemberJoined: chat.Write}[change]
		alice.makes(bob, change, role)
		bob.marks(1)
		left := alice.makes(bob, chat.MemberLeft, chat.Write)
		mustEqual(t, "entry", left.Fact, chat.Fact(chat.MemberChanged{User: bob.id, Change: chat.MemberLeft}))
		standing := bob.stands()
		mustEqual(t, "member", standing.Member, chat.Member{})
		mustEqual(t, "read", standing.Read, 0)
		mustEqual(t, "rooms", len(bob.rooms()), 0)
	}
}

func strangerLosesMark(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	alice.marks(1)
	bob.marks(1)
	mustEqualSlices(t, "rooms", bob.rooms(), []chat.RoomID{r.id})
	r.mustBeSeq(bob.tries(chat.MemberChanged{User: bob.id, Change: chat.MemberLeft}), ports.Unchanged, 0)
	mustEqual(t, "read", bob.stands().Read, 0)
	mustEqual(t, "rooms", len(bob.rooms()), 0)
	mustEqual(t, "alice's read", alice.stands().Read, 1)
}

func repeatedLeaving(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.makes(bob, chat.MemberJoined, chat.Write)
	leave := bob.proposes(chat.MemberChanged{User: bob.id, Change: chat.MemberLeft})
	r.mustBe(r.appends(leave)[0], ports.Appended)
	alice.makes(bob, chat.MemberJoined, chat.Write)
	bob.marks(2)
	r.mustBeSeq(r.appends(leave)[0], ports.Duplicate, 2)
	mustEqual(t, "role", bob.stands().Member.Role, chat.Write)
	mustEqual(t, "read", bob.stands().Read, 2)
}

func (s *storeSuite) testPaging(t *testing.T) {
	s.prove(t, []sentence{
		{"a user's rooms come in the bytewise order of their ids, page by page", pagesRooms},
		{"a page goes on where the one before ended, whatever came to nothing", pagesWantedRooms},
		{"a room's members come in the bytewise order of their ids, page by page", pagesMembers},
	})
}

func pagesRooms(t *testing.T, r room) {
	alice := r.user("alice")
	var want []chat.RoomID
	for i, end := range []string{"", "-", ".", "0", "9", ":", "_", "a", "a-b", "ab", "b", "z", "-z", "a0", "a:"} {
		there := alice
		there.room = r.in(r.id + "x" + chat.RoomID(end))
		there.create(chat.Room{ID: there.room.id}, map[bool]chat.UserID{true: alice.id}[i%2 == 0])
		if i%2 == 1 {
			there.says("hi")
			there.marks(1)
		}
		want = append(want, there.room.id)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 2, 7, 15, 16, 200} {
		var got []chat.RoomID
		for after := chat.RoomID(""); ; {
			page, next := alice.lists(after, limit)
			for _, standing := range page {
				got = append(got, standing.Room.ID)
			}
			if next == "" {
				break
			}
			after = next
		}
		mustEqualSlices(t, "rooms", got, want)
	}
	page, _ := alice.lists(r.id+"xa", 1)
	if len(page) != 1 || !strings.HasPrefix(string(page[0].Room.ID), string(r.id)+"xa-") {
		t.Fatalf("rooms behind xa are %+v", page)
	}
	alice.room = r.in(page[0].Room.ID)
	mustEqual(t, "standing", page[0], alice.stands())
}

// pagesWantedRooms makes rooms of every sort that a list has or leaves out. Each page must continue
// where the one before it has ended, even if rooms in between are left out.
func pagesWantedRooms(t *testing.T, r room) {
	alice, root := r.user("alice"), r.user("root")
	in := func(u user, end string) user { u.room = r.in(r.id + "x" + chat.RoomID(end)); return u }
	granted := []chat.RoomID{}
	var want []chat.RoomID
	for i, sort := range []string{"member", "marked", "spoke", "granted", "all", "banned", "left", "leaver", "nowhere", "stranger", "unlisted", "back"} {
		for j := range 3 {
			end := fmt.Sprint(j, "-", i)
			there, other := in(alice, end), in(root, end)
			id := there.room.id
			if sort == "granted" || sort == "all" || sort == "banned" || sort == "nowhere" {
				granted = append(granted, id)
			}
			if sort == "nowhere" {
				continue
			}
			there.create(chat.Room{ID: id}, "")
			switch sort {
			case "member":
				other.makes(there, chat.MemberJoined, chat.Read)
			case "marked":
				there.marks(0)
			case "spoke", "all", "banned", "left", "unlisted", "back":
				there.says("hi")
			}
			switch sort {
			case "all":
				other.makes(there, chat.MemberJoined, chat.Read)
				there.marks(1)
			case "banned":
				there.marks(1)
				other.makes(there, chat.MemberBanned, chat.None)
			case "left":
				other.makes(there, chat.MemberJoined, chat.Read)
				other.makes(there, chat.MemberLeft, chat.None)
			case "leaver": // who has only made that entry
				other.makes(there, chat.MemberJoined, chat.Read)
				there.makes(there, chat.MemberLeft, chat.None)
			case "unlisted", "back":
				there.mustBeSeq(there.tries(chat.MemberChanged{User: there.id, Change: chat.MemberLeft}), ports.Unchanged, 0)
			}
			switch sort {
			case "back":
				there.says("again")
				fallthrough
			case "member", "marked", "spoke", "granted", "all":
				want = append(want, id)
			}
		}
	}
	slices.Sort(granted)
	slices.Sort(want)
	for _, limit := range []int{1, 2, 5, 15, 200} {
		var got []chat.RoomID
		for after := chat.RoomID(""); ; {
			page, next := alice.lists(after, limit, granted...)
			for _, standing := range page {
				got = append(got, standing.Room.ID)
			}
			if next == "" {
				break
			}
			if next <= after {
				t.Fatalf("a page goes on at %s, behind %s", next, after)
			}
			after = next
		}
		mustEqualSlices(t, fmt.Sprint("rooms in pages of ", limit), got, want)
	}
	// A user leaves and says something in one call, in both orders.
	x, y := in(alice, "9-1"), in(alice, "9-2")
	leave := chat.MemberChanged{User: alice.id, Change: chat.MemberLeft}
	for _, u := range []user{x, y} {
		u.create(chat.Room{ID: u.room.id}, "")
		u.makes(u, chat.MemberJoined, chat.Write)
	}
	r.appends(x.proposes(leave), x.proposes(chat.Message{Body: "still"}), y.proposes(chat.Message{Body: "bye"}), y.proposes(leave))
	mustEqual(t, "spoke after leaving", slices.Contains(alice.rooms(), x.room.id), true)
	mustEqual(t, "left after speaking", slices.Contains(alice.rooms(), y.room.id), false)
}

func pagesMembers(t *testing.T, r room) {
	alice := r.user("alice")
	var want []chat.Member
	for i, id := range []chat.UserID{"a", "B", "b", "Z", "z", "ab", "a b", "é", "e", "f", "🪿", "\uffee", "0", "~"} {
		fact := chat.MemberChanged{User: id, Change: chat.MemberJoined, Role: chat.Role(i%3 + 1)}
		if i == 4 {
			fact = chat.MemberChanged{User: id, Change: chat.MemberBanned}
		}
		want = append(want, chat.Member{User: id, Role: fact.Role, Banned: i == 4, Since: alice.does(fact).At})
	}
	slices.SortFunc(want, func(a, b chat.Member) int { return strings.Compare(string(a.User), string(b.User)) })
	for _, limit := range []int{1, 3, 14, 200} {
		var got []chat.Member
		for after := chat.UserID(""); ; after = got[len(got)-1].User {
			page, err := r.Members(t.Context(), r.id, after, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("page of %d members, %v, want %d at most", len(page), err, limit)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		if show(got) != show(want) {
			t.Fatalf("members are\n%s\nwant\n%s", show(got), show(want))
		}
	}
}

func show(members []chat.Member) string {
	lines := make([]string, len(members))
	for i, m := range members {
		lines[i] = fmt.Sprintf("%q %v banned %v since %s", m.User, m.Role, m.Banned, showTime(m.Since))
	}
	return strings.Join(lines, "\n")
}
