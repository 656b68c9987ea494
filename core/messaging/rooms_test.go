package messaging_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// pages asks for a page of history, which must come.
func (u user) pages(q ports.History) ports.Page {
	u.t.Helper()
	page, err := u.History(u.t.Context(), u.Identity, q)
	if err != nil {
		u.t.Fatal(err)
	}
	return page
}

func TestHistoryComesInPages(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	alice, room := n.user("alice"), n.room("tea", true)
	for i := range 10 { // messages at 1, 3, 5, …, reactions at 2, 4, 6, …
		r := alice.says(room, fmt.Sprint(i))
		alice.does(ports.React{Room: room, Seq: r.Seq, Emoji: "👍"})
	}
	behind := func(seq chat.Seq) *chat.Seq { return &seq }
	for name, row := range map[string]struct {
		ask  ports.History
		want []chat.Seq
		more bool
	}{
		"neither bound gives the newest":             {ports.History{Limit: 3}, []chat.Seq{18, 19, 20}, true},
		"a limit of just all has no more":            {ports.History{Limit: 20}, upTo(20), false},
		"a limit of one less has more":               {ports.History{Limit: 19}, upTo(20)[1:], true},
		"before gives the ones right before":         {ports.History{Before: 4, Limit: 2}, []chat.Seq{2, 3}, true},
		"before ends at the first":                   {ports.History{Before: 4, Limit: 3}, []chat.Seq{1, 2, 3}, false},
		"before the first is nothing":                {ports.History{Before: 1, Limit: 3}, nil, false},
		"before beyond the head is the newest":       {ports.History{Before: 99, Limit: 1}, []chat.Seq{20}, true},
		"after gives the ones right behind":          {ports.History{After: behind(4), Limit: 2}, []chat.Seq{5, 6}, true},
		"after 0 begins at the first":                {ports.History{After: behind(0), Limit: 2}, []chat.Seq{1, 2}, true},
		"after ends at the last":                     {ports.History{After: behind(17), Limit: 3}, []chat.Seq{18, 19, 20}, false},
		"after the last is nothing":                  {ports.History{After: behind(20), Limit: 3}, nil, false},
		"messages only, the newest":                  {ports.History{Limit: 2, Messages: true}, []chat.Seq{17, 19}, true},
		"messages only, before":                      {ports.History{Before: 5, Limit: 2, Messages: true}, []chat.Seq{1, 3}, false},
		"messages only, after":                       {ports.History{After: behind(1), Limit: 2, Messages: true}, []chat.Seq{3, 5}, true},
		"messages only, with no other behind them":   {ports.History{After: behind(15), Limit: 2, Messages: true}, []chat.Seq{17, 19}, false},
		"both bounds give what lies between":         {ports.History{After: behind(4), Before: 8, Limit: 5}, []chat.Seq{5, 6, 7}, false},
		"both bounds give the first of what is more": {ports.History{After: behind(4), Before: 8, Limit: 2}, []chat.Seq{5, 6}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.ask.Room = room
			page := alice.pages(row.ask)
			mustBe(t, "places", seqs(page.Entries, room), row.want...)
			mustEqual(t, "more", page.More, row.more)
			mustEqual(t, "head", page.Head, 20)
			mustEqual(t, "room", page.Room, room)
		})
	}
}

func TestHistoryBehindAPlaceThatIsNotThereIsOfAnotherLog(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	alice, room := n.user("alice"), n.room("tea", true)
	for _, head := range []chat.Seq{0, 1, 2} {
		beyond := head + 1
		for _, messages := range []bool{false, true} {
			_, err := alice.History(t.Context(), alice.Identity, ports.History{Room: room, After: &beyond, Limit: 3, Messages: messages})
			if e := chat.AsError(err); e.Kind != chat.Invalid || e.Detail != chat.Ahead || e.Head != head {
				t.Errorf("behind %d of %d it is %+v", beyond, head, e)
			}
		}
		alice.says(room, "hi")
	}
}

func upTo(n chat.Seq) (all []chat.Seq) {
	for seq := chat.Seq(1); seq <= n; seq++ {
		all = append(all, seq)
	}
	return all
}

func TestHistoryMarksTheReadersOwnReactions(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	alice, bob, room := n.user("alice"), n.user("bob"), n.room("tea", true)
	alice.says(room, "hi")
	bob.does(ports.React{Room: room, Seq: 1, Emoji: "👍"})
	for _, u := range []user{alice, bob} {
		got := u.pages(ports.History{Room: room, Limit: 1, Messages: true}).Entries[0].Fact.(chat.Message).Reactions
		mustBe(t, "reactions as seen by "+string(u.User), got, chat.Reaction{Emoji: "👍", Count: 1, Me: u.User == "bob"})
	}
}

func TestTheHeadOfAPageIsNotBehindItsEntries(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	alice, bob, room := n.user("alice"), n.user("bob"), n.room("tea", true)
	n.log.onRead = func() error { alice.says(room, "just now"); return nil } // once the room was looked at
	page := bob.pages(ports.History{Room: room, Limit: 5})
	mustBe(t, "places", seqs(page.Entries, room), 1)
	mustEqual(t, "head", page.Head, 1)
}

func TestReadMarksAndWhatIsUnread(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	alice, bob, room := n.user("alice"), n.user("bob"), n.room("tea", true)
	marks := func(u user, seq, read chat.Seq, unread int64) {
		t.Helper()
		got, err := u.Mark(t.Context(), u.Identity, ports.Mark{Room: room, Seq: seq})
		if want := (ports.Marked{Room: room, Read: read, Unread: unread}); err != nil || got != want {
			t.Errorf("%s marks %d: got %+v, %v; want %+v", u.User, seq, got, err, want)
		}
	}
	for range 3 {
		alice.says(room, "hi")
	}
	alice.does(ports.React{Room: room, Seq: 1, Emoji: "👍"}) // 4
	alice.says(room, "more")                                // 5
	marks(bob, 1, 1, 3)
	marks(bob, 4, 4, 1)
	marks(bob, 2, 4, 1) // never back
	marks(bob, 0, 4, 1)
	marks(alice, 5, 5, 0)
	marks(bob, 4, 4, 1)
	bob.says(room, "one's own is never unread") // 6
	marks(bob, 4, 4, 1)
	alice.does(ports.Delete{Room: room, Seq: 5}) // 7
	marks(bob, 4, 4, 0)
	alice.says(room, "and more") // 8
	marks(alice, 6, 6, 0)
	if _, err := bob.Mark(t.Context(), bob.Identity, ports.Mark{Room: room, Seq: 9}); !errors.Is(err, chat.Invalid) {
		t.Errorf("a mark beyond the head got %v", err)
	}
	v, err := n.Room(t.Context(), bob.Identity, room)
	if err != nil || v.Read != 4 || v.Unread != 1 || v.Room.Head != 8 || v.Room.Messages != 6 {
		t.Errorf("bob sees the room as %+v, %v", v, err)
	}
}

func TestMineListsWhatTheUserMayReadPageByPage(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	root, bob := n.user("root").asAdmin(), n.user("bob")
	hidden := false
	for i := range 7 {
		room := n.room(chat.RoomID(fmt.Sprint("r", i)), true)
		if _, err := bob.Mark(t.Context(), bob.Identity, ports.Mark{Room: room}); err != nil {
			t.Fatal(err)
		}
		if i == 1 || i == 2 || i == 4 { // keeps a mark there, but may not read any more
			if _, err := n.Change(t.Context(), root.Identity, room, ports.RoomChange{Public: &hidden}); err != nil {
				t.Fatal(err)
			}
		}
	}
	root.sets(n.room("p", false), "bob", chat.Read)
	root.sets(n.room("q", false), "bob", chat.None) // banned
	n.room("s", true)                               // nothing of his
	for limit, want := range map[int][]string{
		1:   {"p", "r0", "", "", "r3", "", "r5", "r6", ""}, // a page may be empty and have a next one
		2:   {"p r0", "", "r3", "r5 r6", ""},
		3:   {"p r0", "r3", "r5 r6"},
		200: {"p r0 r3 r5 r6"},
	} {
		var got []string
		for after, more := chat.RoomID(""), true; more; {
			views, next, err := n.Mine(t.Context(), bob.Identity, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			page := ""
			for i, v := range views {
				if i > 0 {
					page += " "
				}
				page += string(v.Room.ID)
				if want := map[bool]chat.Role{true: chat.Write, false: chat.Read}[v.Room.Public]; v.Role != want {
					t.Errorf("the role in %s is %s, want %s", v.Room.ID, v.Role, want)
				}
			}
			got, after, more = append(got, page), next, next != ""
		}
		mustBe(t, fmt.Sprint("pages of ", limit), got, want...)
	}
	views, _, err := n.Mine(t.Context(), bob.granted(chat.Grants{"r5": chat.Read}).Identity, "", 200)
	if err != nil || len(views) != 2 || views[0].Room.ID != "p" || views[1].Room.ID != "r5" {
		t.Errorf("with a token for r5 only: %+v, %v", views, err)
	}
}

func TestWhoMakesARoomModeratesIt(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	alice := n.user("alice")
	for _, public := range []bool{false, true} {
		id := chat.RoomID(fmt.Sprint("tea-", public))
		v, err := n.Create(t.Context(), alice.Identity, chat.Room{ID: id, Name: "Tea", Public: public})
		if err != nil || v.Role != chat.Moderate || v.Room.Name != "Tea" || v.Room.Public != public || v.Room.Head != 0 || v.Member.Role != chat.Moderate {
			t.Errorf("got %+v, %v", v, err)
		}
		mustEqual(t, "seq of the first message", alice.says(id, "hi").Seq, 1)
		if _, err := n.Create(t.Context(), n.user("bob").Identity, chat.Room{ID: id}); !errors.Is(err, chat.Conflict) {
			t.Errorf("making it again got %v", err)
		}
	}
}

func TestATokenWithGrantsMakesTheRoomsThatItModerates(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for i, row := range []struct {
		by   chat.Identity
		want chat.Kind
	}{
		{chat.Identity{User: "alice", Grants: chat.Grants{"r*": chat.Moderate}}, ""},
		{chat.Identity{User: "alice", Grants: chat.Grants{"r*": chat.Write}}, chat.Forbidden},
		{chat.Identity{User: "alice", Grants: chat.Grants{}}, chat.Forbidden},
		{chat.Identity{User: "alice", Grants: chat.Grants{}, Admin: true}, ""},
	} {
		room := chat.RoomID(fmt.Sprint("r", i))
		if _, err := n.Create(t.Context(), row.by, chat.Room{ID: room}); row.want == "" && err != nil || row.want != "" && !errors.Is(err, row.want) {
			t.Errorf("%+v: got %v, want %q", row.by, err, row.want)
		}
		if _, err := n.store.Standing(t.Context(), room, "alice"); (err == nil) != (row.want == "") {
			t.Errorf("%+v: then the room got %v", row.by, err)
		}
	}
}

func TestChangingARoom(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	root, room := n.user("root").asAdmin(), n.room("tea", false)
	name, empty, yes, no := "Tea", "", true, false
	for _, step := range []struct {
		change ports.RoomChange
		want   chat.Room
		facts  []chat.RoomChange
	}{
		{ports.RoomChange{}, chat.Room{}, nil},
		{ports.RoomChange{Name: &name}, chat.Room{Name: name}, []chat.RoomChange{chat.RoomRenamed}},
		{ports.RoomChange{Name: &name, Public: &no}, chat.Room{Name: name}, nil}, // as it is
		{ports.RoomChange{Public: &yes, Archived: &yes}, chat.Room{Name: name, Public: true, Archived: true}, []chat.RoomChange{chat.RoomPublished, chat.RoomArchived}},
		{ports.RoomChange{Name: &empty, Public: &no}, chat.Room{Archived: true}, []chat.RoomChange{chat.RoomRenamed, chat.RoomHidden}},
		{ports.RoomChange{Archived: &no}, chat.Room{}, []chat.RoomChange{chat.RoomUnarchived}},
	} {
		before := len(n.logged(room))
		v, err := n.Change(t.Context(), root.Identity, room, step.change)
		if got := (chat.Room{Name: v.Room.Name, Public: v.Room.Public, Archived: v.Room.Archived}); err != nil || got != step.want {
			t.Errorf("%+v: got %+v, %v; want %+v", step.change, got, err, step.want)
		}
		var facts []chat.RoomChange
		for _, e := range n.logged(room)[before:] {
			facts = append(facts, e.Fact.(chat.RoomChanged).Change)
		}
		mustBe(t, "entries", facts, step.facts...)
	}
}

func TestAnArchivedRoomIsReadAndRunButNotWritten(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	root, alice, room := n.user("root").asAdmin(), n.user("alice"), n.room("tea", true)
	sent := ports.Send{Room: room, Body: "hi", Key: "k"}
	alice.does(sent)
	archived := true
	if _, err := n.Change(t.Context(), root.Identity, room, ports.RoomChange{Archived: &archived}); err != nil {
		t.Fatal(err)
	}
	alice.isRefused(ports.Edit{Room: room, Seq: 1, Body: "x"}, chat.Conflict)
	for _, u := range []user{alice, root} {
		u.isRefused(ports.Send{Room: room, Body: "more"}, chat.Conflict)
		u.isRefused(ports.Delete{Room: room, Seq: 1}, chat.Conflict)
		u.isRefused(ports.React{Room: room, Seq: 1, Emoji: "👍"}, chat.Conflict)
	}
	if r := alice.does(sent); !r.Duplicate || r.Seq != 1 {
		t.Errorf("what was sent before got %+v", r)
	}
	root.sets(room, "bob", chat.Read)
	mustEqual(t, "entries", len(alice.pages(ports.History{Room: room, Limit: 10}).Entries), 3)
	if _, err := n.Mark(t.Context(), alice.Identity, ports.Mark{Room: room, Seq: 1}); err != nil {
		t.Errorf("marking got %v", err)
	}
}

func TestMembersAreListedPageByPageAndTheBannedToModeratorsOnly(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	root, room := n.user("root").asAdmin(), n.room("tea", false)
	for i := range 6 {
		role := []chat.Role{chat.Read, chat.None, chat.Moderate}[i%3] // u1 and u4 are banned
		root.sets(room, chat.UserID(fmt.Sprint("u", i)), role)
	}
	for who, want := range map[string][]string{
		"root": {"u0 u1!", "u2 u3", "u4! u5", ""},
		"u2":   {"u0 u1!", "u2 u3", "u4! u5", ""},
		"u0":   {"u0", "u2 u3", "u5", ""},
	} {
		u := n.user(who)
		u.Admin = who == "root"
		var got []string
		for after, more := chat.UserID(""), true; more; {
			members, next, err := n.Members(t.Context(), u.Identity, room, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			page := ""
			for i, m := range members {
				if i > 0 {
					page += " "
				}
				page += string(m.User)
				if m.Banned {
					page += "!"
				}
			}
			got, after, more = append(got, page), next, next != ""
		}
		mustBe(t, "pages for "+who, got, want...)
	}
}

func TestNobodyBansThemselves(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for _, u := range []user{n.user("alice"), n.user("root").asAdmin()} {
		room := chat.RoomID("of-" + string(u.User))
		if _, err := n.Create(t.Context(), u.Identity, chat.Room{ID: room}); err != nil {
			t.Fatal(err)
		}
		if m, err := n.SetMember(t.Context(), u.Identity, room, u.User, chat.None); !errors.Is(err, chat.Conflict) || m != (chat.Member{}) {
			t.Errorf("%s bans themselves: got %+v, %v", u.User, m, err)
		}
		mustEqual(t, "entries", len(n.logged(room)), 0)
		n.user("root").asAdmin().sets(room, "bob", chat.Moderate)
		u.sets(room, u.User, chat.Write) // to step down is fine where there is another
	}
}

func TestComingGoingAndBeingBanned(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	root, bob, room := n.user("root").asAdmin(), n.user("bob"), n.room("tea", false)
	leaves := func() error { return n.RemoveMember(t.Context(), bob.Identity, room, "bob") }
	root.sets(room, "bob", chat.Write)
	bob.says(room, "hi")
	if _, err := n.Mark(t.Context(), bob.Identity, ports.Mark{Room: room, Seq: 2}); err != nil {
		t.Fatal(err)
	}
	if err := leaves(); err != nil {
		t.Fatalf("leaving got %v", err)
	}
	bob.isRefused(ports.Send{Room: room, Body: "still?"}, chat.NotFound)
	if err := leaves(); !errors.Is(err, chat.NotFound) {
		t.Errorf("leaving what one is not in got %v", err)
	}
	root.sets(room, "bob", chat.None)
	if err := leaves(); !errors.Is(err, chat.Forbidden) {
		t.Errorf("leaving a ban behind got %v", err)
	}
	bob.isRefused(ports.Send{Room: room, Body: "still?"}, chat.Forbidden)
	if err := n.RemoveMember(t.Context(), root.Identity, room, "bob"); err != nil {
		t.Fatal(err)
	}
	bob.isRefused(ports.Send{Room: room, Body: "now?"}, chat.NotFound) // the ban is gone, and so is the membership
	root.sets(room, "bob", chat.Write)
	v, err := n.Room(t.Context(), bob.Identity, room)
	if err != nil || v.Read != 0 || v.Member.Role != chat.Write || time.Since(v.Member.Since) > time.Minute {
		t.Errorf("back again: %+v, %v", v, err)
	}
	var changes []chat.MemberChange
	for _, e := range n.logged(room) {
		if f, ok := e.Fact.(chat.MemberChanged); ok {
			changes = append(changes, f.Change)
		}
	}
	mustBe(t, "entries", changes, chat.MemberJoined, chat.MemberLeft, chat.MemberBanned, chat.MemberLeft, chat.MemberJoined)
}

func TestChangingWhoOneNoLongerModeratesIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	here := newNode(t)
	there := newNodeOn(t, here.store, func(c *messaging.Config) { c.Lanes = 1 })
	room := here.room("tea", false)
	root, eve := here.user("root").asAdmin(), there.user("eve")
	root.sets(room, "eve", chat.Moderate)
	eve.sets(room, "mallory", chat.Write) // eve is known there
	root.sets(room, "eve", chat.Write)
	if _, err := there.SetMember(t.Context(), eve.Identity, room, "mallory", chat.Moderate); !errors.Is(err, chat.Forbidden) {
		t.Errorf("got %v", err)
	}
}

func TestHowManyPeopleAUserAddsIsLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.AddsLimit = messaging.Rate{PerSecond: 3. / 3600, Burst: 3} })
		eve, root := n.user("eve"), n.user("root").asAdmin()
		for _, room := range []chat.RoomID{"a", "b"} {
			if _, err := n.Create(t.Context(), eve.Identity, chat.Room{ID: room}); err != nil {
				t.Fatal(err)
			}
		}
		sets := func(u user, room chat.RoomID, whom chat.UserID, role chat.Role) error {
			_, err := n.SetMember(t.Context(), u.Identity, room, whom, role)
			return err
		}
		eve.sets("a", "u1", chat.Read)
		eve.sets("a", "u2", chat.Read)
		eve.sets("b", "u1", chat.Read) // the third, whatever the room
		for _, whom := range []chat.UserID{"u3", "u2"} {
			if e := chat.AsError(sets(eve, "b", whom, chat.Read)); e.Kind != chat.RateLimited || e.RetryAfter < 19*time.Minute || e.RetryAfter > 20*time.Minute {
				t.Errorf("one more got %v, to be tried again in %v", e, e.RetryAfter)
			}
		}
		// What concerns those who are in is not counted, nor a ban, nor its end, nor what an admin
		// does.
		eve.sets("a", "u1", chat.Write)
		eve.sets("a", "u1", chat.None)
		eve.sets("a", "stranger", chat.None)
		eve.sets("a", "stranger", chat.Read)
		root.sets("b", "u3", chat.Read)
		// Who has left is added anew.
		u1 := n.user("u1")
		if err := n.RemoveMember(t.Context(), u1.Identity, "b", "u1"); err != nil {
			t.Errorf("leaving, as a reader, got %v", err)
		}
		if err := sets(eve, "b", "u1", chat.Read); !errors.Is(err, chat.RateLimited) {
			t.Errorf("adding who has left got %v", err)
		}
		time.Sleep(20 * time.Minute)
		eve.sets("b", "u1", chat.Read)
	})
}
