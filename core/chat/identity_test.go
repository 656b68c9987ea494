package chat_test

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		sentence string
		grants   chat.Grants
		room     chat.RoomID
		want     chat.Role
	}{
		{"nil grants nothing", nil, "tea", chat.None},
		{"empty grants nothing", chat.Grants{}, "tea", chat.None},
		{"the id grants", chat.Grants{"tea": chat.Write}, "tea", chat.Write},
		{"another id does not", chat.Grants{"teas": chat.Write, "te": chat.Write}, "tea", chat.None},
		{"the id beats a pattern that grants more", chat.Grants{"tea": chat.Read, "te*": chat.Moderate}, "tea", chat.Read},
		{"the id beats a longer pattern", chat.Grants{"tea": chat.Read, "*t*e*a*": chat.Moderate}, "tea", chat.Read},
		{"the longest pattern counts, not the highest role", chat.Grants{"support-*": chat.Moderate, "support-eu-*": chat.Read}, "support-eu-1", chat.Read},
		{"a longer pattern that does not fit does not count", chat.Grants{"support-*": chat.Write, "support-us-*": chat.Read}, "support-eu-1", chat.Write},
		{"of two as long the higher role counts", chat.Grants{"te*": chat.Read, "*ea": chat.Write}, "tea", chat.Write},
		{"a star alone fits all", chat.Grants{"*": chat.Read}, "tea", chat.Read},
		{"a star may stand for nothing", chat.Grants{"tea*": chat.Read}, "tea", chat.Read},
		{"a star at the start", chat.Grants{"*-ops": chat.Read}, "eu-ops", chat.Read},
		{"a star in the middle", chat.Grants{"team-*-ops": chat.Read}, "team-eu-ops", chat.Read},
		{"a star in the middle may stand for nothing", chat.Grants{"team-*ops": chat.Read}, "team-ops", chat.Read},
		{"what stands before and behind a star does not overlap", chat.Grants{"aba*aba": chat.Read}, "ababa", chat.None},
		{"stars in a row are as one", chat.Grants{"t**a": chat.Read}, "tea", chat.Read},
		{"many stars", chat.Grants{"*a*b*c*": chat.Read}, "xaybzcw", chat.Read},
		{"many stars in order only", chat.Grants{"*a*b*c*": chat.Read}, "xaycyb", chat.None},
		{"a part may come late again at the end", chat.Grants{"a*b*b": chat.Read}, "a-b-b-b", chat.Read},
		{"a part at the end must be there besides", chat.Grants{"a*b*b": chat.Read}, "a-b", chat.None},
		{"a dot is a dot", chat.Grants{"a.c*": chat.Read}, "abcd", chat.None},
		{"a question mark is no pattern", chat.Grants{"te?": chat.Read}, "tea", chat.None},
		{"case counts", chat.Grants{"TEA": chat.Read, "TE*": chat.Read}, "tea", chat.None},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			for range 20 { // the order of a map is random
				if got := row.grants.For(row.room); got != row.want {
					t.Fatalf("%v grants %s in %s, want %s", row.grants, got, row.room, row.want)
				}
			}
		})
	}
}

func TestGrantsAreEqualWhenTheyGrantTheSame(t *testing.T) {
	t.Parallel()
	tea := chat.Grants{"tea": chat.Read}
	for _, row := range []struct {
		a, b chat.Grants
		want bool
	}{
		{nil, nil, true},
		{nil, chat.Grants{}, false}, // no grants leave public rooms open, empty ones do not
		{chat.Grants{}, chat.Grants{}, true},
		{tea, chat.Grants{"tea": chat.Read}, true},
		{tea, chat.Grants{"tea": chat.Write}, false},
		{tea, chat.Grants{"tea": chat.Read, "den": chat.Read}, false},
		{tea, nil, false},
	} {
		if row.a.Equal(row.b) != row.want || row.b.Equal(row.a) != row.want {
			t.Errorf("%#v and %#v: want equal %t", row.a, row.b, row.want)
		}
	}
}

// TestRoleOfEveryStanding goes through all standings in a room, and computes the role of each in a
// second, slower way.
func TestRoleOfEveryStanding(t *testing.T) {
	t.Parallel()
	tokens := []struct {
		name   string
		grants chat.Grants
		gives  chat.Role
	}{
		{"a token without grants", nil, chat.None},
		{"a token with empty grants", chat.Grants{}, chat.None},
		{"a token for other rooms", chat.Grants{"den": chat.Moderate}, chat.None},
		{"a token to read", chat.Grants{"tea": chat.Read}, chat.Read},
		{"a token to write", chat.Grants{"te*": chat.Write}, chat.Write},
		{"a token to moderate", chat.Grants{"*": chat.Moderate}, chat.Moderate},
	}
	for _, token := range tokens {
		for _, member := range []chat.Role{chat.None, chat.Read, chat.Write, chat.Moderate} {
			for n := range 8 {
				public, banned, admin := n&1 != 0, n&2 != 0, n&4 != 0
				if banned && member != chat.None {
					continue // no directory has that; a ban must win even so, see below
				}
				st := chat.Standing{Room: chat.Room{ID: "tea", Public: public}, Member: chat.Member{User: "alice", Role: member, Banned: banned}}
				by := chat.Identity{User: "alice", Grants: token.grants, Admin: admin}
				want := max(member, token.gives)
				if public && token.grants == nil && want < chat.Write {
					want = chat.Write
				}
				if banned {
					want = chat.None
				}
				if admin {
					want = chat.Moderate
				}
				name := fmt.Sprintf("%s, member %s, public %t, banned %t, admin %t", token.name, member, public, banned, admin)
				if got := st.Role(by); got != want {
					t.Errorf("%s: got %s, want %s", name, got, want)
				}
			}
		}
	}
}

func TestABanBeatsARoleThatCameWithIt(t *testing.T) {
	t.Parallel()
	st := chat.Standing{Room: chat.Room{ID: "tea", Public: true}, Member: chat.Member{User: "bob", Role: chat.Moderate, Banned: true}}
	if got := st.Role(chat.Identity{User: "bob", Grants: chat.Grants{"*": chat.Moderate}}); got != chat.None {
		t.Errorf("a banned moderator has the role %s", got)
	}
}

func TestARoleMayAllThatTheOnesBelowItMay(t *testing.T) {
	t.Parallel()
	ladder := []chat.Role{chat.None, chat.Read, chat.Write, chat.Moderate}
	for i, role := range ladder {
		for j, need := range ladder {
			if got := role.May(need); got != (i >= j) {
				t.Errorf("%s may what needs %s: %t", role, need, got)
			}
		}
	}
}

func TestAnIdentityIsAnAuthorByItsName(t *testing.T) {
	t.Parallel()
	by := chat.Identity{User: "alice", Name: "Alice", Admin: true}
	if got := by.Author(); got != (chat.Author{ID: "alice", Name: "Alice"}) {
		t.Errorf("got %+v", got)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fact chat.Fact
		want chat.Seq
	}{
		{chat.Message{ReplyTo: 7}, 0},
		{chat.Edited{Target: 7}, 7},
		{chat.Deleted{Target: 7}, 7},
		{chat.Reacted{Target: 7}, 7},
		{chat.MemberChanged{User: "bob"}, 0},
		{chat.RoomChanged{}, 0},
		{nil, 0},
	} {
		if got := (&chat.Entry{Seq: 9, Fact: row.fact}).Target(); got != row.want {
			t.Errorf("%T has the target %d, want %d", row.fact, got, row.want)
		}
	}
}

func TestSignalsShareASlotByRoomUserAndKind(t *testing.T) {
	t.Parallel()
	is := chat.Signal{Room: "tea", User: "alice", Kind: chat.SignalTyping, On: true}
	for _, row := range []struct {
		other chat.Signal
		want  bool
	}{
		{chat.Signal{Room: "tea", User: "alice", Kind: chat.SignalTyping, On: false, Seq: 4}, true},
		{chat.Signal{Room: "den", User: "alice", Kind: chat.SignalTyping, On: true}, false},
		{chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalTyping, On: true}, false},
		{chat.Signal{Room: "tea", User: "alice", Kind: chat.SignalRead, On: true}, false},
	} {
		if got := is.Slot() == row.other.Slot(); got != row.want {
			t.Errorf("%+v shares the slot of %+v: %t", row.other, is, got)
		}
	}
}
