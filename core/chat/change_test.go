package chat_test

import (
	"errors"
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

func TestWhatAChangeOfAMemberComesTo(t *testing.T) {
	t.Parallel()
	nobody, writer, banned := chat.Member{}, chat.Member{User: "bob", Role: chat.Write}, chat.Member{User: "bob", Banned: true}
	for _, c := range []struct {
		name   string
		change chat.MemberChange
		role   chat.Role
		was    chat.Member
		by     chat.UserID
		want   chat.MemberChange
		same   bool
		kind   chat.Kind
	}{
		{name: "who was nobody joins", change: chat.MemberRole, role: chat.Read, was: nobody, want: chat.MemberJoined},
		{name: "who was a member gets a role", change: chat.MemberJoined, role: chat.Read, was: writer, want: chat.MemberRole},
		{name: "a role that one has changes nothing", change: chat.MemberRole, role: chat.Write, was: writer, same: true},
		{name: "who was banned joins again", change: chat.MemberRole, role: chat.Read, was: banned, want: chat.MemberJoined},
		{name: "a member leaves", change: chat.MemberLeft, was: writer, by: "bob", want: chat.MemberLeft},
		{name: "nobody leaves nothing", change: chat.MemberLeft, was: nobody, by: "bob", same: true},
		{name: "another lifts a ban", change: chat.MemberLeft, was: banned, by: "ann", want: chat.MemberLeft},
		{name: "the banned do not", change: chat.MemberLeft, was: banned, by: "bob", kind: chat.Forbidden},
		{name: "a member is banned", change: chat.MemberBanned, role: chat.Write, was: writer, want: chat.MemberBanned},
		{name: "the banned are banned already", change: chat.MemberBanned, was: banned, same: true},
	} {
		got, same, err := chat.MemberChanged{User: "bob", Change: c.change, Role: c.role}.Settle(c.was, c.by)
		switch {
		case c.kind != "":
			if !errors.Is(err, c.kind) {
				t.Errorf("%s: got %v, want %s", c.name, err, c.kind)
			}
		case err != nil || same != c.same || !same && got.Change != c.want:
			t.Errorf("%s: got %+v, %v, %v", c.name, got, same, err)
		case !same && got.Place() != chat.Member{User: "bob", Role: got.Role, Banned: c.want == chat.MemberBanned}:
			t.Errorf("%s: the place is %+v", c.name, got.Place())
		case c.want == chat.MemberBanned && got.Role != chat.None:
			t.Errorf("%s: with the role %s", c.name, got.Role)
		}
	}
}

func TestWhatAChangeOfARoomSets(t *testing.T) {
	t.Parallel()
	room := chat.Room{ID: "tea", Name: "Tea", Public: true}
	for change, c := range map[chat.RoomChange]struct {
		want chat.Room
		of   chat.RoomProperty
	}{
		chat.RoomRenamed:    {chat.Room{ID: "tea", Name: "Cake", Public: true}, chat.RoomName},
		chat.RoomHidden:     {chat.Room{ID: "tea", Name: "Tea"}, chat.RoomVisibility},
		chat.RoomPublished:  {room, chat.RoomVisibility},
		chat.RoomArchived:   {chat.Room{ID: "tea", Name: "Tea", Public: true, Archived: true}, chat.RoomLife},
		chat.RoomUnarchived: {room, chat.RoomLife},
	} {
		if got, of := (chat.RoomChanged{Change: change, Name: "Cake"}).Apply(room); got != c.want || of != c.of {
			t.Errorf("%s makes it %+v, property %d", change, got, of)
		}
	}
}

func TestFactsAreSixSorts(t *testing.T) {
	t.Parallel()
	for _, f := range []chat.Fact{chat.Message{}, chat.Edited{}, chat.Deleted{}, chat.Reacted{}, chat.MemberChanged{}, chat.RoomChanged{}} {
		if err := chat.CheckFact(f); err != nil {
			t.Errorf("%T: %v", f, err)
		}
	}
	for _, f := range []chat.Fact{nil, &chat.Message{}} {
		if err := chat.CheckFact(f); !errors.Is(err, chat.Internal) {
			t.Errorf("%T: %v", f, err)
		}
	}
}
