package portstest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testKeys(t *testing.T) {
	s.prove(t, []sentence{
		{"a used key gives the earlier entry", usedKeyIsDuplicate},
		{"a key that comes twice in one call is one entry", keyTwiceInOneCall},
		{"a key is its author's and its room's own", keyHasScope},
		{"a key that stored nothing is not used up", keyNotUsedUp},
		{"a key that was used for another thing is a conflict", keyOfAnotherThing},
		{"another value of the same is a duplicate", keyOfAnotherValue},
		{"a key that was used for what was deleted, or has left, is used for ever", keyOutlivesIt},
	})
	if s.plant != nil {
		t.Run("a key of an entry of a later kind may be of the same", func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, s.store)
			alice := r.user("alice")
			s.plant(t, LaterEntry{Room: r.id, Author: alice.proposes(nil).Author, Type: "poll"})
			for _, fact := range append(everySort(1, "bob"), setOf("x.a", 0, "", `1`)) {
				r.mustBeSeq(r.appends(alice.proposesAs(r.entry(1).Key, fact))[0], ports.Duplicate, 1)
			}
		})
	}
}

// things are facts that are all about different things. Each of them is a new entry in a room that
// has only two messages.
func things(other, another chat.UserID) []chat.Fact {
	return []chat.Fact{
		chat.Message{Body: "hi"},
		chat.Edited{Target: 1, Body: "hello"},
		chat.Edited{Target: 2, Body: "hello"},
		chat.Reacted{Target: 1, Emoji: "👍"},
		chat.Reacted{Target: 2, Emoji: "👍"},
		chat.Reacted{Target: 1, Emoji: "🎉"},
		chat.MemberChanged{User: other, Change: chat.MemberJoined, Role: chat.Write},
		chat.MemberChanged{User: another, Change: chat.MemberBanned},
		chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"},
		setOf("x.a", 0, "", `1`),
		setOf("x.a", 1, "", `1`),
		setOf("x.a", 2, "", `1`),
		setOf("x.a", 1, "s", `1`),
		setOf("x.b", 1, "", `1`),
		setOf(chat.RoomTopic, 0, "", `"Tea"`),
		chat.Deleted{Target: 1},
		chat.Deleted{Target: 2},
	}
}

func keyOfAnotherThing(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	alice.says("two")
	all := things("bob", "carol")
	key := func(i int) chat.Key { return chat.Key(fmt.Sprint("k", i)) }
	for i, fact := range all {
		r.mustBeSeq(r.appends(alice.proposesAs(key(i), fact))[0], ports.Appended, chat.Seq(i+3))
	}
	var proposals []chat.Proposal
	for i := range all {
		for _, fact := range all {
			proposals = append(proposals, alice.proposesAs(key(i), fact))
		}
	}
	check := func(at int, got ports.Outcome) {
		t.Helper()
		if i, j := at/len(all), at%len(all); i == j {
			r.mustBeSeq(got, ports.Duplicate, chat.Seq(i+3))
		} else if r.mustRefuse(got, chat.Conflict); !strings.Contains(got.Err.Error(), fmt.Sprintf("entry %d, which is something else", i+3)) {
			t.Errorf("%+v, whose key was used for %+v: %v", all[j], all[i], got.Err)
		}
	}
	for i, outcome := range r.appends(proposals...) { // together, and each alone
		check(i, outcome)
		if i%len(all) < 2 {
			check(i, r.appends(proposals[i])[0])
		}
	}
	mustEqual(t, "head", alice.stands().Room.Head, chat.Seq(len(all)+2))
}

func keyOfAnotherValue(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	for i, c := range [][]chat.Fact{
		{chat.Message{Body: "two"}, chat.Message{Body: "three", Meta: []byte(`{}`)}, chat.Message{ReplyTo: 1}, chat.Message{Body: "two", Silent: true}},
		{chat.Message{Body: "psst", Silent: true}, chat.Message{Body: "psst"}},
		{chat.Edited{Target: 1, Body: "uno"}, chat.Edited{Target: 1, Body: "eins"}},
		{chat.Reacted{Target: 1, Emoji: "❤"}, chat.Reacted{Target: 1, Emoji: "❤\ufe0f"}, chat.Reacted{Target: 1, Emoji: "❤", Removed: true}},
		{setOf("x.a", 1, "", `1`), setOf("x.a", 1, "", `2`), setOf("x.a", 1, "", "")},
		{
			// The entry will have MemberJoined.
			chat.MemberChanged{User: "bob", Change: chat.MemberRole, Role: chat.Write},
			chat.MemberChanged{User: "bob", Change: chat.MemberRole, Role: chat.Read},
			chat.MemberChanged{User: "bob", Change: chat.MemberLeft},
		},
		{chat.RoomChanged{Change: chat.RoomPublished}, chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"}},
	} {
		key, seq := chat.Key(fmt.Sprint("k", i)), chat.Seq(i+2)
		r.mustBeSeq(r.appends(alice.proposesAs(key, c[0]))[0], ports.Appended, seq)
		for _, fact := range c {
			r.mustBeSeq(r.appends(alice.proposesAs(key, fact))[0], ports.Duplicate, seq)
		}
	}
}

func keyOutlivesIt(t *testing.T, r room) {
	alice := r.user("alice")
	said, set := alice.proposesAs("said", chat.Message{Body: "one"}), alice.proposesAs("set", setOf("x.a", 1, "", `1`))
	r.appends(said, set)
	alice.setsSlot("x.a", 1, "", `2`)
	alice.deletes(1)
	r.mustBeSeq(r.appends(said)[0], ports.Duplicate, 1)
	r.mustBeSeq(r.appends(set)[0], ports.Duplicate, 2)
	r.mustRefuse(r.appends(alice.proposesAs("said", set.Fact))[0], chat.Conflict)
	r.mustRefuse(r.appends(alice.proposesAs("set", said.Fact))[0], chat.Conflict)
}

// sameThing reports whether an entry is what a proposal asks for, except for its value.
func sameThing(asked, is chat.Fact) bool {
	name := func(f chat.Fact) string {
		switch f := f.(type) {
		case chat.Reacted:
			return fmt.Sprintf("%T %d %s", f, f.Target, strings.TrimSuffix(f.Emoji, "\ufe0f"))
		case chat.MemberChanged:
			return fmt.Sprintf("%T %s", f, f.User)
		case chat.Set:
			return fmt.Sprintf("%T %d %s %q", f, f.Target, f.Type, f.Slot)
		default:
			return fmt.Sprintf("%T %d", f, chat.Target(f))
		}
	}
	return name(asked) == name(is)
}

func usedKeyIsDuplicate(t *testing.T, r room) {
	alice := r.user("alice")
	first := r.mustBe(r.appends(alice.proposesAs("again", chat.Message{Body: "hi"}))[0], ports.Appended)
	alice.says("in between")
	for range 2 {
		second := r.mustBe(r.appends(alice.proposesAs("again", chat.Message{Body: "hi"}))[0], ports.Duplicate)
		mustEqual(t, "room", second.Room, r.id)
		mustEqual(t, "seq", second.Seq, first.Seq)
		if !second.At.Equal(first.At) {
			t.Fatalf("duplicate is at %v, want %v", second.At, first.At)
		}
	}
	mustEqual(t, "head", alice.stands().Room.Head, 2)
	mustEqual(t, "entries", len(r.log("")), 2)
}

func keyTwiceInOneCall(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	outcomes := r.appends(
		alice.proposesAs("k", chat.Message{Body: "hi"}),
		bob.proposes(chat.Message{Body: "hello"}),
		alice.proposesAs("k", chat.Message{Body: "hi"}),
		alice.proposesAs("k", chat.Message{Body: "ho", Silent: true}),
		alice.proposesAs("k", chat.Deleted{Target: 2}),
	)
	r.mustBeSeq(outcomes[0], ports.Appended, 1)
	r.mustBeSeq(outcomes[1], ports.Appended, 2)
	for _, i := range []int{2, 3} {
		r.mustBeSeq(outcomes[i], ports.Duplicate, 1)
		if !outcomes[i].Entry.At.Equal(outcomes[0].Entry.At) {
			t.Fatalf("duplicate is at %v, want %v", outcomes[i].Entry.At, outcomes[0].Entry.At)
		}
	}
	r.mustRefuse(outcomes[4], chat.Conflict)
	mustEqual(t, "entries", len(r.log("")), 2)
}

func keyHasScope(t *testing.T, r room) {
	alice, bob, elsewhere := r.user("alice"), r.user("bob"), newRoom(t, r.StoreUnderTest).user("alice")
	elsewhere.id = alice.id
	for _, outcome := range r.appends(
		alice.proposesAs("k", chat.Message{Body: "alice's"}),
		bob.proposesAs("k", chat.Message{Body: "bob's"}),
		elsewhere.proposesAs("k", chat.Message{Body: "alice's elsewhere"}),
		alice.proposesAs("K", chat.Message{Body: "another case"}),
		alice.proposesAs("k ", chat.Message{Body: "trailing space"}),
	) {
		r.mustBe(outcome, ports.Appended)
	}
}

func keyNotUsedUp(t *testing.T, r room) {
	alice := r.user("alice")
	r.mustRefuse(r.appends(alice.proposesAs("k", chat.Deleted{Target: 1}))[0], chat.NotFound)
	alice.says("hi")
	alice.deletes(1)
	r.mustBeSeq(r.appends(alice.proposesAs("k", chat.Deleted{Target: 1}))[0], ports.Unchanged, 2)
	r.mustBeSeq(r.appends(alice.proposesAs("k", chat.Message{Body: "now"}))[0], ports.Appended, 3)
	r.mustRefuse(r.appends(alice.proposesAs("k", chat.Deleted{Target: 1}))[0], chat.Conflict)
}
