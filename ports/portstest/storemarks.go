package portstest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testMarks(t *testing.T) {
	s.prove(t, []sentence{
		{"a read mark moves forward and never back", func(t *testing.T, r room) {
			alice := r.user("alice")
			for range 5 {
				alice.says("hi")
			}
			for _, step := range [][2]chat.Seq{{2, 2}, {4, 4}, {1, 4}, {4, 4}, {5, 5}, {0, 5}} {
				mustEqual(t, fmt.Sprintf("read after mark %d", step[0]), alice.marks(step[0]).Read, step[1])
			}
			mustEqual(t, "read", alice.stands().Read, 5)
			mustEqual(t, "another's read", r.user("bob").stands().Read, 0)
		}},
		{"a mark beyond the head is invalid", func(t *testing.T, r room) {
			alice := r.user("alice")
			alice.says("hi")
			mustFail(t, alice.triesToMark(2).Err, chat.Invalid)
			mustEqual(t, "read", alice.stands().Read, 0)
			mustEqual(t, "bob's rooms", len(r.user("bob").rooms()), 0)
			mustFail(t, r.user("bob").triesToMark(2).Err, chat.Invalid)
			mustEqual(t, "bob's rooms", len(r.user("bob").rooms()), 0)
		}},
		{"marks of one call have an outcome each, and the furthest of a user in a room counts", marksTogether},
		{"a mark in a room that does not exist is not found", func(t *testing.T, r room) {
			nobody := r.in(someRoom()).user("alice")
			mustFail(t, nobody.triesToMark(0).Err, chat.NotFound)
			mustFail(t, nobody.triesToMark(1).Err, chat.NotFound)
		}},
		{"unread are the messages of others behind the mark that are not deleted, and nothing else", unreadCounts},
		{"unread is exact whoever spoke in what order, and whatever was deleted", unreadInTurns},
		{"the marks of a room are told, where they are few", tellsMarks},
		{"unread is counted so far and no further", unreadAtMost},
		{"a room with a read mark is the user's", func(t *testing.T, r room) {
			alice, bob := r.user("alice"), r.user("bob")
			alice.says("hi")
			mustEqual(t, "rooms", len(bob.rooms()), 0)
			bob.marks(1)
			mustEqualSlices(t, "rooms", bob.rooms(), []chat.RoomID{r.id})
		}},
	})
}

func marksTogether(t *testing.T, r room) {
	alice, bob, carol, nowhere := r.user("alice"), r.user("bob"), r.user("carol"), r.in(someRoom()).user("alice")
	other := newRoom(t, r.StoreUnderTest).user("alice")
	for range 5 {
		carol.says("hi")
	}
	other.says("mine")
	alice.marks(2)
	mark := func(u user, seq chat.Seq) ports.ReadMark {
		return ports.ReadMark{Room: u.room.id, User: u.id, Seq: seq}
	}
	outcomes, err := r.Mark(t.Context(), []ports.ReadMark{
		mark(alice, 1), mark(alice, 3), mark(alice, 9), mark(bob, 4), mark(nowhere, 0), mark(carol, 0), mark(other, 1), mark(alice, 2), mark(bob, 6),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []ports.MarkOutcome{{Read: 3, Unread: 2}, {Read: 3, Unread: 2}, {Err: chat.Invalid}, {Read: 4, Unread: 1}, {Err: chat.NotFound}, {}, {Read: 1}, {Read: 3, Unread: 2}, {Err: chat.Invalid}}
	for i, got := range outcomes {
		if want[i].Err != nil {
			mustFail(t, got.Err, chat.AsError(want[i].Err).Kind)
		} else {
			mustEqual(t, fmt.Sprint("outcome ", i), got, want[i])
		}
	}
	mustEqual(t, "outcomes", len(outcomes), len(want))
	mustEqual(t, "alice's read", alice.stands().Read, 3)
	mustEqual(t, "bob's read", bob.stands().Read, 4)
	mustEqualSlices(t, "carol's rooms", carol.rooms(), []chat.RoomID{r.id})
	if outcomes, err := r.Mark(t.Context(), nil); err != nil || len(outcomes) != 0 {
		t.Fatalf("no marks give %v, %v", outcomes, err)
	}
}

func unreadCounts(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("one")
	alice.edits(1, "uno")
	alice.reacts(1, "👍")
	alice.says("two")
	bob.says("and")
	alice.deletes(1)
	alice.says("three")
	alice.makes(bob, chat.MemberJoined, chat.Write)
	mustEqual(t, "unread at first", bob.stands().Unread, 2)
	mustEqual(t, "alice's unread", alice.stands().Unread, 1)
	for seq, want := range map[chat.Seq]int64{0: 3, 1: 3, 2: 3, 3: 3, 4: 2, 5: 1, 6: 1, 7: 0, 8: 0} {
		carol := r.user(fmt.Sprint("carol", seq))
		o := carol.marks(seq)
		mustEqual(t, fmt.Sprintf("unread after mark %d", seq), o.Unread, want)
		standing := carol.stands()
		mustEqual(t, "standing's unread", standing.Unread, want)
		if page, _ := carol.lists("", 2); len(page) != 1 || page[0] != standing {
			t.Fatalf("rooms are %+v, want %+v", page, standing)
		}
	}
}

// unreadInTurns lets three users write in turns of all lengths, and delete in all orders. It checks
// the unread counts after each change.
func unreadInTurns(t *testing.T, r room) {
	users := []user{r.user("alice"), r.user("bob"), r.user("carol")}
	var by []int // the author of each entry; -1: it is no message, or deleted
	compare := func() {
		t.Helper()
		for i, u := range users {
			for _, mark := range []int{0, 1, len(by) / 3, len(by) / 2, len(by)} {
				reader := u
				if mark > 0 {
					u.marks(chat.Seq(mark))
				}
				mark = int(u.stands().Read)
				want := int64(0)
				for _, author := range by[mark:] {
					if author >= 0 && author != i {
						want++
					}
				}
				mustEqual(t, fmt.Sprintf("unread of %s behind %d of %v", reader.id, mark, by), u.stands().Unread, want)
			}
			u.does(chat.MemberChanged{User: u.id, Change: chat.MemberJoined, Role: chat.Read})
			u.does(chat.MemberChanged{User: u.id, Change: chat.MemberLeft}) // removes the mark
			by = append(by, -1, -1)
		}
	}
	for _, turn := range []struct{ who, times int }{{0, 3}, {1, 1}, {0, 1}, {2, 2}, {1, 2}, {0, 1}, {1, 1}, {0, 2}, {2, 1}} {
		for range turn.times {
			users[turn.who].says("hi")
			by = append(by, turn.who)
		}
	}
	compare()
	for _, seq := range []chat.Seq{4, 1, 8, 9, 14, 2, 10, 11, 5, 13, 3, 6, 7, 12} {
		users[0].deletes(seq)
		by[seq-1] = -1
		by = append(by, -1)
		compare()
		users[int(seq)%3].says("again")
		by = append(by, int(seq)%3)
	}
	// Sent and deleted in one call, so that neighbours change together.
	a, b := users[0], users[1]
	next := chat.Seq(len(by)) + 1
	r.appends(a.proposes(chat.Message{Body: "1"}), b.proposes(chat.Message{Body: "2"}), b.proposes(chat.Message{Body: "3"}), a.proposes(chat.Message{Body: "4"}),
		a.proposes(chat.Deleted{Target: next + 1}), a.proposes(chat.Deleted{Target: next}), a.proposes(chat.Message{Body: "5"}), a.proposes(chat.Deleted{Target: next + 2}))
	by = append(by, -1, -1, -1, 0, -1, -1, 0, -1)
	compare()
	// A repeated message between two turns is not a new message there.
	once := b.proposesAs("once", chat.Message{Body: "6"})
	r.appends(once, a.proposes(chat.Message{Body: "7"}), once, b.proposes(chat.Message{Body: "8"}))
	by = append(by, 1, 0, 1)
	compare()
}

func tellsMarks(t *testing.T, r room) {
	alice, bob, carol := r.user("alice"), r.user("bob"), r.user("carol")
	marks := func(limit int, wantAll bool, want ...ports.ReadMark) {
		t.Helper()
		got, all, err := r.Marks(t.Context(), r.id, limit)
		if err != nil || all != wantAll || !slices.Equal(got, want) {
			t.Fatalf("marks are %v, all %t, %v, want %v, %t", got, all, err, want, wantAll)
		}
	}
	of := func(u user, seq chat.Seq) ports.ReadMark { return ports.ReadMark{Room: r.id, User: u.id, Seq: seq} }
	marks(2, true)
	alice.says("one")
	alice.says("two")
	carol.marks(1)
	bob.marks(2)
	marks(2, true, of(bob, 2), of(carol, 1))
	marks(1, false)
	// Members count even if they have no mark. Banned users count too, though their marks are not
	// told.
	alice.makes(bob, chat.MemberJoined, chat.Read)
	alice.makes(alice, chat.MemberJoined, chat.Write)
	marks(2, true, of(bob, 2), of(carol, 1))
	alice.makes(carol, chat.MemberBanned, chat.None)
	marks(2, false)
	marks(3, true, of(bob, 2))
	alice.makes(bob, chat.MemberLeft, chat.None)
	marks(2, true)
	nowhere, all, err := r.Marks(t.Context(), someRoom(), 2)
	if err != nil || !all || len(nowhere) != 0 {
		t.Fatalf("marks of no room are %v, all %t, %v", nowhere, all, err)
	}
}

func unreadAtMost(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	for _, u := range []user{alice, bob, alice} { // 1,006 of alice among 503 of bob
		batch := make([]chat.Proposal, 503)
		for i := range batch {
			batch[i] = u.proposes(chat.Message{Body: "hi"})
		}
		r.appends(batch...)
	}
	mustEqual(t, "bob's unread", bob.stands().Unread, chat.MaxUnread)
	mustEqual(t, "alice's unread", alice.stands().Unread, 503)
	for _, seq := range []chat.Seq{6, 7, 8, 503, 1006, 1007, 1509} {
		want := min(chat.MaxUnread, 1006-min(int64(seq), 503)-max(int64(seq)-1006, 0))
		mustEqual(t, fmt.Sprintf("bob's unread behind %d", seq), bob.marks(seq).Unread, want)
	}
	mustEqual(t, "carol's unread", r.user("carol").stands().Unread, chat.MaxUnread)
}
