package portstest

import (
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testUnchanged(t *testing.T) {
	s.prove(t, []sentence{
		{"deleting again names the first deletion", func(t *testing.T, r room) {
			alice, bob := r.user("alice"), r.user("bob")
			alice.says("hi")
			alice.deletes(1)
			alice.says("more")
			r.mustBeSeq(alice.tries(chat.Deleted{Target: 1}), ports.Unchanged, 2)
			r.mustBeSeq(bob.tries(chat.Deleted{Target: 1}), ports.Unchanged, 2)
			mustEqual(t, "head", alice.stands().Room.Head, 3)
		}},
		{"an edit with the same body is a change all the same", func(t *testing.T, r room) {
			alice := r.user("alice")
			alice.says("hi")
			mustEqual(t, "seq", alice.edits(1, "hi").Seq, 2)
			mustEqual(t, "seq", alice.edits(1, "hi").Seq, 3)
		}},
		{"a reaction that is as proposed names the entry that set it so", unchangedReactions},
		{"a member's place that is as proposed names the entry that set it so", unchangedMembers},
		{"a room's property that is as proposed names the entry that set it so", unchangedRooms},
		{"what no entry set has seq 0", unchangedFromCreate},
	})
}

func unchangedReactions(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	on, off := chat.Reacted{Target: 1, Emoji: "👍"}, chat.Reacted{Target: 1, Emoji: "👍", Removed: true}
	r.mustBeSeq(alice.tries(off), ports.Unchanged, 0)
	alice.does(on)
	bob.does(on)
	r.mustBeSeq(alice.tries(on), ports.Unchanged, 2)
	r.mustBeSeq(bob.tries(on), ports.Unchanged, 3)
	alice.does(off)
	r.mustBeSeq(alice.tries(off), ports.Unchanged, 4)
	r.mustBeSeq(bob.tries(on), ports.Unchanged, 3)
	alice.does(on)
	r.mustBeSeq(alice.tries(on), ports.Unchanged, 5)
	r.mustBeSeq(alice.tries(chat.Reacted{Target: 1, Emoji: "🎉", Removed: true}), ports.Unchanged, 0)
}

func unchangedMembers(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	as := func(change chat.MemberChange, role chat.Role) chat.MemberChanged {
		return chat.MemberChanged{User: bob.id, Change: change, Role: role}
	}
	r.mustBeSeq(alice.tries(as(chat.MemberLeft, chat.None)), ports.Unchanged, 0)
	alice.makes(bob, chat.MemberJoined, chat.Write)
	r.mustBeSeq(alice.tries(as(chat.MemberJoined, chat.Write)), ports.Unchanged, 1)
	r.mustBeSeq(alice.tries(as(chat.MemberRole, chat.Write)), ports.Unchanged, 1)
	alice.makes(bob, chat.MemberRole, chat.Moderate)
	r.mustBeSeq(alice.tries(as(chat.MemberRole, chat.Moderate)), ports.Unchanged, 2)
	alice.makes(bob, chat.MemberBanned, chat.None)
	r.mustBeSeq(alice.tries(as(chat.MemberBanned, chat.None)), ports.Unchanged, 3)
	alice.makes(bob, chat.MemberLeft, chat.None)
	r.mustBeSeq(alice.tries(as(chat.MemberLeft, chat.None)), ports.Unchanged, 4)
	alice.makes(bob, chat.MemberBanned, chat.None)
	mustEqual(t, "head", alice.stands().Room.Head, 5)
}

func unchangedRooms(t *testing.T, r room) {
	alice := r.user("alice")
	for _, pair := range [][2]chat.RoomChanged{
		{{Change: chat.RoomRenamed, Name: "Lobby"}, {Change: chat.RoomRenamed, Name: ""}},
		{{Change: chat.RoomPublished}, {Change: chat.RoomHidden}},
		{{Change: chat.RoomArchived}, {Change: chat.RoomUnarchived}},
	} {
		for range 2 {
			for _, fact := range pair {
				set := alice.does(fact)
				alice.does(chat.MemberChanged{User: chat.UserID("m" + string(someRoom())), Change: chat.MemberJoined, Role: chat.Read})
				r.mustBeSeq(alice.tries(fact), ports.Unchanged, set.Seq)
			}
		}
	}
}

func unchangedFromCreate(t *testing.T, r room) {
	owner := r.in(someRoom()).user("owner")
	owner.create(chat.Room{ID: owner.room.id, Name: "Lobby", Public: true}, owner.id)
	for _, fact := range []chat.Fact{
		chat.RoomChanged{Change: chat.RoomRenamed, Name: "Lobby"},
		chat.RoomChanged{Change: chat.RoomPublished},
		chat.RoomChanged{Change: chat.RoomUnarchived},
		chat.MemberChanged{User: owner.id, Change: chat.MemberRole, Role: chat.Moderate},
	} {
		owner.mustBeSeq(owner.tries(fact), ports.Unchanged, 0)
	}
	r.mustBeSeq(r.user("alice").tries(chat.RoomChanged{Change: chat.RoomHidden}), ports.Unchanged, 0)
	r.mustBeSeq(r.user("alice").tries(chat.RoomChanged{Change: chat.RoomRenamed}), ports.Unchanged, 0)
}
