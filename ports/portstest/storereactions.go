package portstest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testReactions(t *testing.T) {
	s.prove(t, []sentence{
		{"emoji that are written in two ways are one reaction, shown as first sent", alikeIsOne},
		{"emoji that only look related are two", relatedAreTwo},
		{"in one call, emoji that are written in two ways are one reaction too", alikeInOneCall},
		{"one emoji more than a message may have is a conflict, and one that is taken back makes room", reactionsBounded},
		{"in one call, the bound holds from proposal to proposal", reactionsBoundedInOneCall},
		{"a message with more than it may have keeps them", moreReactionsStay},
		{"emoji that nobody reacts with any more are remembered, but not without end", reactionsForgotten},
		{"from many at once, emoji that are written in two ways are one reaction", s.raceAlike},
		{"from many at once, the bound holds", s.raceBound},
	})
}

// alike are emoji that have two encodings.
var alike = [][2]string{
	{"❤", "❤\ufe0f"},
	{"❤\ufe0f", "❤\ufe0e"},
	{"\u00e9", "e\u0301"},
	{"1\u20e3", "1\ufe0f\u20e3"},
	{"👁\u200d🗨", "👁\ufe0f\u200d🗨\ufe0f"},
	{"👍", "👍\u200b"},
	{"\u00c5", "\u212b"},
}

func alikeIsOne(t *testing.T, r room) {
	for _, pair := range alike {
		for _, as := range [][2]string{pair, {pair[1], pair[0]}} {
			alice, bob := r.in(someRoom()).user("alice"), r.user("bob")
			alice.create(chat.Room{ID: alice.room.id}, "")
			bob = user{alice.room, bob.id}
			alice.says("hi")
			alice.mustBeSeq(alice.tries(chat.Reacted{Target: 1, Emoji: as[0], Removed: true}), ports.Unchanged, 0)
			mustEqual(t, "alice's count", alice.reacts(1, as[0]), 1)
			alice.mustBeSeq(alice.tries(chat.Reacted{Target: 1, Emoji: as[1]}), ports.Unchanged, 2)
			mustEqual(t, "bob's", bob.does(chat.Reacted{Target: 1, Emoji: as[1]}).Fact, chat.Fact(chat.Reacted{Target: 1, Emoji: as[0], Count: 2}))
			mustEqualSlices(t, "bob sees", alice.message(1, bob.id).Reactions, []chat.Reaction{{Emoji: as[0], Count: 2, Me: true}})
			mustEqual(t, "alice's taken back", alice.does(chat.Reacted{Target: 1, Emoji: as[1], Removed: true}).Fact,
				chat.Fact(chat.Reacted{Target: 1, Emoji: as[0], Count: 1, Removed: true}))
			alice.mustBeSeq(alice.tries(chat.Reacted{Target: 1, Emoji: as[0], Removed: true}), ports.Unchanged, 4)
			mustEqualSlices(t, "alice sees", alice.message(1, alice.id).Reactions, []chat.Reaction{{Emoji: as[0], Count: 1}})
			mustEqual(t, "count after bob", bob.unreacts(1, as[0]), 0)
			mustEqual(t, "the entry", alice.entry(3).Fact, chat.Fact(chat.Reacted{Target: 1, Emoji: as[0], Count: 2}))
			mustEqual(t, "alice's again", alice.does(chat.Reacted{Target: 1, Emoji: as[1]}).Fact, chat.Fact(chat.Reacted{Target: 1, Emoji: as[0], Count: 1}))
		}
	}
}

func relatedAreTwo(t *testing.T, r room) {
	alice := r.user("alice")
	for _, pair := range [][2]string{
		{"👍", "👍🏽"},
		{"👩\u200d👧", "👩👧"},
		{"🏴", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"},
		{"a", "A"},
		{"e", "é"},
		{"①", "1"},
	} {
		said := alice.says("hi")
		mustEqual(t, "the first", alice.reacts(said.Seq, pair[0]), 1)
		mustEqual(t, "the second", alice.reacts(said.Seq, pair[1]), 1)
		mustEqualSlices(t, "reactions", r.message(said.Seq, "").Reactions, []chat.Reaction{{Emoji: pair[0], Count: 1}, {Emoji: pair[1], Count: 1}})
	}
}

func alikeInOneCall(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	outcomes := r.appends(
		alice.proposes(chat.Message{Body: "hi"}),
		alice.proposes(chat.Reacted{Target: 1, Emoji: "❤\ufe0f"}),
		bob.proposes(chat.Reacted{Target: 1, Emoji: "❤"}),
		alice.proposes(chat.Reacted{Target: 1, Emoji: "❤"}),
		alice.proposes(chat.Reacted{Target: 1, Emoji: "❤", Removed: true}),
		bob.proposes(chat.Reacted{Target: 1, Emoji: "❤\ufe0f", Removed: true}),
		bob.proposes(chat.Reacted{Target: 1, Emoji: "❤", Removed: true}),
		bob.proposes(chat.Reacted{Target: 1, Emoji: "❤"}),
	)
	mustEqual(t, "bob's", r.mustBe(outcomes[2], ports.Appended).Fact, chat.Fact(chat.Reacted{Target: 1, Emoji: "❤\ufe0f", Count: 2}))
	r.mustBeSeq(outcomes[3], ports.Unchanged, 2)
	r.mustBeSeq(outcomes[4], ports.Appended, 4)
	r.mustBeSeq(outcomes[5], ports.Appended, 5)
	r.mustBeSeq(outcomes[6], ports.Unchanged, 5)
	r.mustBeSeq(outcomes[7], ports.Appended, 6)
	mustEqualSlices(t, "reactions", r.message(1, bob.id).Reactions, []chat.Reaction{{Emoji: "❤\ufe0f", Count: 1, Me: true}})
}

// reactsWithin proposes a reaction to a message that may have limit different emoji.
func (u user) reactsWithin(limit int, emoji string) chat.Proposal {
	p := u.proposes(chat.Reacted{Target: 1, Emoji: emoji})
	p.Reactions = limit
	return p
}

func reactionsBounded(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	for i := range chat.MaxReactions {
		alice.reacts(1, fmt.Sprint("e", i))
	}
	r.mustRefuse(alice.tries(chat.Reacted{Target: 1, Emoji: "👍"}), chat.Conflict)
	r.mustRefuse(bob.tries(chat.Reacted{Target: 1, Emoji: "👍"}), chat.Conflict)
	r.mustBeSeq(bob.tries(chat.Reacted{Target: 1, Emoji: "👍", Removed: true}), ports.Unchanged, 0)
	mustEqual(t, "of one that is there", bob.reacts(1, "e7"), 2)
	mustEqual(t, "after one of two", alice.unreacts(1, "e7"), 1)
	r.mustRefuse(alice.tries(chat.Reacted{Target: 1, Emoji: "👍"}), chat.Conflict)
	mustEqual(t, "after both", bob.unreacts(1, "e7"), 0)
	mustEqual(t, "in the place that is free", bob.reacts(1, "👍"), 1)
	r.mustRefuse(alice.tries(chat.Reacted{Target: 1, Emoji: "e7"}), chat.Conflict)
	mustEqual(t, "different ones", len(r.message(1, "").Reactions), chat.MaxReactions)
	second := alice.says("another message")
	mustEqual(t, "on another message", alice.reacts(second.Seq, "👍"), 1)
}

func reactionsBoundedInOneCall(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	back := bob.proposes(chat.Reacted{Target: 1, Emoji: "b", Removed: true})
	outcomes := r.appends(
		alice.proposes(chat.Message{Body: "hi"}),
		alice.reactsWithin(2, "a"), bob.reactsWithin(2, "b"), alice.reactsWithin(2, "c"), alice.reactsWithin(2, "b"),
		back, alice.reactsWithin(2, "d"),
		alice.proposes(chat.Reacted{Target: 1, Emoji: "b", Removed: true}), alice.reactsWithin(2, "e"),
	)
	for i, want := range []chat.Kind{nothing, nothing, nothing, chat.Conflict, nothing, nothing, chat.Conflict, nothing, nothing} {
		if got := kindOf(outcomes[i]); got != want {
			t.Errorf("proposal %d gives %s, want %q", i, showOutcome(outcomes[i]), want)
		}
	}
	mustEqualSlices(t, "reactions", r.message(1, "").Reactions, []chat.Reaction{{Emoji: "a", Count: 1}, {Emoji: "e", Count: 1}})
}

func moreReactionsStay(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	for i := range 2 * chat.MaxReactions {
		r.mustBe(r.appends(alice.reactsWithin(1000, fmt.Sprint("e", i)))[0], ports.Appended)
	}
	r.mustRefuse(bob.tries(chat.Reacted{Target: 1, Emoji: "new"}), chat.Conflict)
	mustEqual(t, "of one that is there", bob.reacts(1, "e77"), 2)
	mustEqual(t, "of one that is taken back", alice.unreacts(1, "e3"), 0)
	r.mustRefuse(bob.tries(chat.Reacted{Target: 1, Emoji: "e3"}), chat.Conflict)
	mustEqual(t, "different ones", len(r.message(1, "").Reactions), 2*chat.MaxReactions-1)
}

func reactionsForgotten(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	comesAndGoes := func(emoji string) chat.Seq {
		r.mustBe(r.appends(alice.reactsWithin(2, emoji))[0], ports.Appended)
		return alice.does(chat.Reacted{Target: 1, Emoji: emoji, Removed: true}).Seq
	}
	set := map[string]chat.Seq{}
	for _, emoji := range []string{"a", "b", "c"} {
		set[emoji] = comesAndGoes(emoji)
	}
	gone := func(emoji string, want chat.Seq) {
		t.Helper()
		r.mustBeSeq(alice.tries(chat.Reacted{Target: 1, Emoji: emoji, Removed: true}), ports.Unchanged, want)
	}
	gone("a", set["a"])
	set["d"] = comesAndGoes("d") // with a there would be one too many
	gone("a", 0)
	gone("b", set["b"])
	set["b"] = comesAndGoes("b") // a remembered one does not make the message forget another
	gone("c", set["c"])
	r.mustBe(r.appends(bob.reactsWithin(2, "d"))[0], ports.Appended)
	r.mustBe(r.appends(bob.reactsWithin(2, "b"))[0], ports.Appended)
	mustEqualSlices(t, "reactions", r.message(1, "").Reactions, []chat.Reaction{{Emoji: "b", Count: 1}, {Emoji: "d", Count: 1}})
	bob.unreacts(1, "b")
	r.mustBe(r.appends(bob.reactsWithin(2, "a"))[0], ports.Appended) // added again, as a new one
	mustEqualSlices(t, "reactions", r.message(1, bob.id).Reactions, []chat.Reaction{{Emoji: "d", Count: 1, Me: true}, {Emoji: "a", Count: 1, Me: true}})
}

func (s *storeSuite) raceAlike(t *testing.T, r room) {
	const users = 8
	handles := s.handles(t)
	r.user("alice").says("hi")
	together(t, users, func(i int) {
		u := r.on(t, handles[i%len(handles)]).user(fmt.Sprint("user", i))
		u.reacts(1, []string{"❤", "❤\ufe0f"}[i/2%2])
		u.unreacts(1, []string{"❤\ufe0f", "❤"}[i/2%2])
		u.reacts(1, []string{"❤\ufe0f", "❤"}[i/2%2])
	})
	first := r.entry(2).Fact.(chat.Reacted).Emoji
	mustEqualSlices(t, "reactions", r.message(1, "").Reactions, []chat.Reaction{{Emoji: first, Count: users}})
}

func (s *storeSuite) raceBound(t *testing.T, r room) {
	const users, limit = 8, 3
	handles := s.handles(t)
	r.user("alice").says("hi")
	var appended atomic.Int64
	together(t, users, func(i int) {
		there := r.on(t, handles[i%len(handles)])
		outcome := there.appends(there.user(fmt.Sprint("user", i)).reactsWithin(limit, fmt.Sprint("e", i)))[0]
		switch kindOf(outcome) {
		case nothing:
			appended.Add(1)
		case chat.Conflict:
		default:
			t.Errorf("got %s", showOutcome(outcome))
		}
	})
	mustEqual(t, "appended", appended.Load(), limit)
	mustEqual(t, "different ones", len(r.message(1, "").Reactions), limit)
}
