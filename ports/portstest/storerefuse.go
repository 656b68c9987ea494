package portstest

import (
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testRefusals(t *testing.T) {
	s.prove(t, []sentence{
		{"a room that does not exist takes nothing", missingRoomTakesNothing},
		{"a used key comes before all else", usedKeyComesFirst},
		{"an archived room takes changes of members and of itself only", archivedRoom},
		{"archived comes before not found, and not found before conflict", archivedBeforeNotFound},
		{"what is changed or replied to must be a message of that room", targetsAreMessages},
		{"a deleted message takes no edits and no reactions, but replies", deletedTakesNoChanges},
		{"nobody leaves a ban", nobodyLeavesABan},
	})
}

// everySort has a fact of every sort, with target for those that have one.
func everySort(target chat.Seq, other chat.UserID) []chat.Fact {
	return []chat.Fact{
		chat.Message{Body: "hi"},
		chat.Edited{Target: target, Body: "hello"},
		chat.Deleted{Target: target},
		chat.Reacted{Target: target, Emoji: "👍"},
		chat.MemberChanged{User: other, Change: chat.MemberJoined, Role: chat.Read},
		chat.RoomChanged{Change: chat.RoomRenamed, Name: "Name"},
	}
}

func missingRoomTakesNothing(t *testing.T, r room) {
	alice := r.in(someRoom()).user("alice")
	for _, fact := range everySort(1, "bob") {
		alice.mustRefuse(alice.tries(fact), chat.NotFound)
	}
	_, err := r.Standing(t.Context(), alice.room.id, alice.id)
	mustFail(t, err, chat.NotFound)
}

func usedKeyComesFirst(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	r.mustBe(r.appends(alice.proposesAs("k", chat.Message{Body: "hi"}))[0], ports.Appended)
	again := func() {
		t.Helper()
		for _, target := range []chat.Seq{0, 1, 99} {
			for _, fact := range everySort(target, bob.id)[1:] {
				r.mustRefuse(r.appends(alice.proposesAs("k", fact))[0], chat.Conflict)
			}
		}
		r.mustBeSeq(r.appends(alice.proposesAs("k", chat.Message{Body: "hi"}))[0], ports.Duplicate, 1)
		r.mustBeSeq(r.appends(alice.proposesAs("k", chat.Message{Body: "hi", ReplyTo: 99}))[0], ports.Duplicate, 1)
	}
	again()
	alice.deletes(1)
	again()
	alice.does(chat.RoomChanged{Change: chat.RoomArchived})
	again()
	mustEqual(t, "head", alice.stands().Room.Head, 3)
}

func archivedRoom(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	alice.does(chat.RoomChanged{Change: chat.RoomArchived})
	mustEqual(t, "archived", alice.stands().Room.Archived, true)
	for _, fact := range everySort(1, bob.id)[:4] {
		r.mustRefuse(alice.tries(fact), chat.Conflict)
	}
	mustEqual(t, "seq", alice.makes(bob, chat.MemberJoined, chat.Write).Seq, 3)
	mustEqual(t, "seq", alice.does(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Attic"}).Seq, 4)
	mustEqual(t, "seq", alice.does(chat.RoomChanged{Change: chat.RoomUnarchived}).Seq, 5)
	mustEqual(t, "archived", alice.stands().Room.Archived, false)
	mustEqual(t, "seq", alice.says("we are back").Seq, 6)
}

func archivedBeforeNotFound(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("hi")
	alice.deletes(1)
	// The target of a change may be a deletion, which is not a message, and cannot be deleted.
	r.mustRefuse(alice.tries(chat.Edited{Target: 2, Body: "?"}), chat.NotFound)
	r.mustRefuse(alice.tries(chat.Edited{Target: 1, Body: "?"}), chat.Conflict)
	// On a deleted message a reaction can neither be set nor, though there is none, be removed.
	r.mustRefuse(alice.tries(chat.Reacted{Target: 1, Emoji: "👍", Removed: true}), chat.Conflict)
	alice.does(chat.RoomChanged{Change: chat.RoomArchived})
	r.mustRefuse(alice.tries(chat.Deleted{Target: 99}), chat.Conflict)
	r.mustRefuse(alice.tries(chat.Deleted{Target: 1}), chat.Conflict)
	r.mustRefuse(alice.tries(chat.Message{Body: "?", ReplyTo: 99}), chat.Conflict)
}

func targetsAreMessages(t *testing.T, r room) {
	alice, bob, elsewhere := r.user("alice"), r.user("bob"), newRoom(t, r.StoreUnderTest).user("alice")
	alice.says("hi")
	alice.edits(1, "hello")
	alice.reacts(1, "👍")
	alice.makes(bob, chat.MemberJoined, chat.Write)
	alice.does(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Lobby"})
	for range 10 {
		elsewhere.says("message of another room")
	}
	// 1 is a message and 2 to 5 are not; 6 would be the seq of the proposal itself.
	for _, target := range []chat.Seq{2, 3, 4, 5, 6, 7, 10, chat.MaxSeq} {
		r.mustRefuse(alice.tries(chat.Message{Body: "re", ReplyTo: target}), chat.NotFound)
	}
	for _, target := range []chat.Seq{0, 2, 3, 4, 5, 6, 7, 10, chat.MaxSeq} {
		for _, fact := range everySort(target, bob.id)[1:4] {
			r.mustRefuse(alice.tries(fact), chat.NotFound)
		}
		r.mustRefuse(alice.tries(chat.Reacted{Target: target, Emoji: "👍", Removed: true}), chat.NotFound)
	}
	mustEqual(t, "head", alice.stands().Room.Head, 5)
}

func deletedTakesNoChanges(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	alice.reacts(1, "👍")
	alice.deletes(1)
	for _, fact := range []chat.Fact{
		chat.Edited{Target: 1, Body: "hello"},
		chat.Reacted{Target: 1, Emoji: "👍"},
		chat.Reacted{Target: 1, Emoji: "👍", Removed: true},
		chat.Reacted{Target: 1, Emoji: "🎉"},
	} {
		r.mustRefuse(alice.tries(fact), chat.Conflict)
	}
	mustEqual(t, "seq of the reply", bob.does(chat.Message{Body: "why?", ReplyTo: 1}).Seq, 4)
}

func nobodyLeavesABan(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	bob.marks(1)
	alice.makes(bob, chat.MemberBanned, chat.None)
	bob.mustRefuse(bob.tries(chat.MemberChanged{User: bob.id, Change: chat.MemberLeft}), chat.Forbidden)
	place := bob.stands()
	mustEqual(t, "banned", place.Member.Banned, true)
	mustEqual(t, "read mark", place.Read, 1)
	alice.makes(bob, chat.MemberLeft, chat.None) // but a moderator can end the ban
	mustEqual(t, "banned", bob.stands().Member.Banned, false)
}
