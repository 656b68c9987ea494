package portstest

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testTogether(t *testing.T) {
	s.prove(t, []sentence{
		{"a group is recorded whole, and its entries follow each other", groupIsWhole},
		{"each of a group is judged as if those before it were recorded", groupBuildsOnItself},
		{"if one of a group is refused, nothing of it is recorded", groupIsUndone},
		{"a group that comes again is duplicates throughout", groupIsRepeated},
		{"what was recorded before stays a duplicate in a group that is refused", groupKeepsDuplicates},
		{"what is set already is no refusal", groupTakesUnchanged},
		{"caps count what a group sets and unsets", groupCounts},
		{"a group of five hundred is one", groupOfMany},
		{"a group is of one room, and changes no members", groupIsBounded},
		{"a group to a room that does not exist is refused", func(t *testing.T, r room) {
			alice := r.in(someRoom()).user("alice")
			for _, outcome := range alice.appends(asGroup(1, alice.proposes(chat.Message{Body: "a"}), alice.proposes(chat.Message{Body: "b"}))...) {
				r.mustRefuse(outcome, chat.NotFound)
			}
		}},
	})
}

// asGroup makes proposals a group.
func asGroup(number uint64, proposals ...chat.Proposal) []chat.Proposal {
	for i := range proposals {
		proposals[i].Group = number
	}
	return proposals
}

// mustBeUndone fails the test unless the proposal was refused because of another one.
func (r room) mustBeUndone(got ports.Outcome, because int) {
	r.Helper()
	r.mustRefuse(got, chat.Conflict)
	if e := chat.AsError(got.Err); e.Detail != chat.UndoneWith || e.Reason != chat.Undone(because).Reason {
		r.Fatalf("outcome is %s, want one that was not done because of %d", showOutcome(got), because)
	}
}

func groupIsWhole(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	elsewhere := newRoom(t, r.StoreUnderTest).user("carol")
	proposals := slices.Concat(
		[]chat.Proposal{bob.proposes(chat.Message{Body: "before"})},
		asGroup(7, alice.proposes(chat.Message{Body: "one"}), alice.proposes(chat.Message{Body: "two", Silent: true}), bob.proposes(setOf("x.a", 0, "", `1`))),
		asGroup(8, alice.proposes(chat.Message{Body: "three"}), alice.proposes(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"})),
		asGroup(9, elsewhere.proposes(chat.Message{Body: "one"}), elsewhere.proposes(chat.Message{Body: "two"})),
		[]chat.Proposal{bob.proposes(chat.Message{Body: "behind"})},
	)
	outcomes := r.appends(proposals...)
	for i, want := range []chat.Seq{1, 2, 3, 4, 5, 6, 1, 2, 7} {
		mustEqual(t, fmt.Sprintf("seq of outcome %d", i), r.mustBe(outcomes[i], ports.Appended).Seq, want)
	}
	log := r.log("")
	mustEqual(t, "entries", len(log), 7)
	for i, e := range log {
		at := i
		if i == 6 {
			at = 8
		}
		mustBeEntries(t, []chat.Entry{outcomes[at].Entry}, []chat.Entry{e})
	}
	mustEqual(t, "name", alice.stands().Room.Name, "Tea")
	mustEqual(t, "messages", alice.stands().Room.Messages, 5)
}

func groupBuildsOnItself(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	head := chat.Seq(1)
	second := bob.proposes(chat.Message{Body: "two", ReplyTo: 1})
	second.IfHead = &head
	outcomes := r.appends(asGroup(1,
		alice.proposes(chat.Message{Body: "one"}), second,
		alice.proposes(chat.Reacted{Target: 1, Emoji: "👍"}), bob.proposes(chat.Reacted{Target: 1, Emoji: "👍"}),
		alice.proposes(chat.Edited{Target: 2, Body: "zwei"}),
		alice.proposes(setOf("x.a", 2, "", `1`)), alice.proposes(alice.pin(2)),
		alice.proposes(chat.Deleted{Target: 1}),
		alice.proposes(chat.Reacted{Target: 2, Emoji: "🎉"}), alice.proposes(chat.Reacted{Target: 2, Emoji: "🎉", Removed: true}),
	)...)
	for i, outcome := range outcomes {
		r.mustBeSeq(outcome, ports.Appended, chat.Seq(i+1))
	}
	mustEqual(t, "reactions", outcomes[3].Entry.Fact.(chat.Reacted).Count, 2)
	mustEqual(t, "reactions", outcomes[9].Entry.Fact.(chat.Reacted).Count, 0)
	mustEqual(t, "deleted", r.message(1, "").DeletedAt.IsZero(), false)
	mustEqual(t, "edited", r.message(2, "").Body, "zwei")
	mustEqual(t, "reply", r.message(2, "").ReplyTo, 1)
	mustEqual(t, "pins", fmt.Sprint(r.pins(0, 10)), "[{2 7}]")
}

func groupIsUndone(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("one")
	alice.says("gone")
	alice.deletes(2)
	was := showEntries(r.log(""))
	refused := alice.proposes(chat.Edited{Target: 2, Body: "back"})
	good := func() []chat.Proposal {
		return []chat.Proposal{
			alice.proposes(chat.Message{Body: "two"}), alice.proposes(chat.Edited{Target: 1, Body: "uno"}), bob.proposes(chat.Reacted{Target: 1, Emoji: "👍"}),
			alice.proposes(setOf("x.a", 1, "", `1`)), alice.proposes(setOf(chat.RoomTopic, 0, "", `"Tea"`)), alice.proposes(chat.Deleted{Target: 1}),
			bob.proposes(chat.RoomChanged{Change: chat.RoomPublished}),
		}
	}
	for at := range len(good()) + 1 {
		group := slices.Insert(good(), at, refused)
		outcomes := r.appends(asGroup(1, group...)...)
		for i, outcome := range outcomes {
			if i == at {
				r.mustRefuse(outcome, chat.Conflict)
				mustEqual(t, "reason", chat.AsError(outcome.Err).Reason, "the message is deleted")
				continue
			}
			r.mustBeUndone(outcome, at)
		}
		if log := showEntries(r.log("")); log != was {
			t.Fatalf("refused at %d, there is\n%s", at, log)
		}
		mustEqual(t, "on one", r.held(1), "")
		mustEqual(t, "on the room", r.held(0), "")
		mustEqual(t, "changed", alice.stands().Room.Changed, 0)
	}
	// Others in the call go on, and the keys are not used up.
	outcomes := r.appends(slices.Concat(asGroup(1, slices.Insert(good(), 3, refused)...), []chat.Proposal{bob.proposes(chat.Message{Body: "next"})})...)
	r.mustBeSeq(outcomes[len(outcomes)-1], ports.Appended, 4)
	group := asGroup(2, good()...)
	for i, outcome := range r.appends(group...) {
		r.mustBeSeq(outcome, ports.Appended, chat.Seq(i+5))
	}
}

func groupIsRepeated(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	group := asGroup(1, alice.proposes(chat.Message{Body: "two"}), alice.proposes(chat.Edited{Target: 1, Body: "uno"}),
		alice.proposes(alice.pin(1)), alice.proposes(chat.Deleted{Target: 1}))
	for i, outcome := range r.appends(group...) {
		r.mustBeSeq(outcome, ports.Appended, chat.Seq(i+2))
	}
	for i, outcome := range r.appends(append(asGroup(2, slices.Clone(group)...), group...)...) {
		r.mustBeSeq(outcome, ports.Duplicate, chat.Seq(i%len(group)+2))
	}
	mustEqual(t, "head", alice.stands().Room.Head, 5)
}

func groupKeepsDuplicates(t *testing.T, r room) {
	alice := r.user("alice")
	first, last := alice.proposes(chat.Message{Body: "one"}), alice.proposes(chat.Message{Body: "two"})
	r.appends(first, last)
	another := alice.proposesAs(last.Key, chat.Reacted{Target: 1, Emoji: "👍"}) // this key was used
	outcomes := r.appends(asGroup(1, first, alice.proposes(chat.Message{Body: "three"}), another, last, alice.proposes(chat.Message{Body: "four"}))...)
	r.mustBeSeq(outcomes[0], ports.Duplicate, 1)
	r.mustBeUndone(outcomes[1], 2)
	r.mustRefuse(outcomes[2], chat.Conflict)
	r.mustBeSeq(outcomes[3], ports.Duplicate, 2)
	r.mustBeUndone(outcomes[4], 2)
	mustEqual(t, "head", alice.stands().Room.Head, 2)
	// If a group has a key twice, for the same thing, it makes one entry.
	same := alice.proposes(chat.Message{Body: "three"})
	outcomes = r.appends(asGroup(1, same, alice.proposes(chat.Message{Body: "four"}), same)...)
	r.mustBeSeq(outcomes[0], ports.Appended, 3)
	r.mustBeSeq(outcomes[2], ports.Duplicate, 3)
}

func groupTakesUnchanged(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	alice.reacts(1, "👍")
	alice.setsSlot("x.a", 1, "", `1`)
	outcomes := r.appends(asGroup(1, alice.proposes(chat.Reacted{Target: 1, Emoji: "👍"}), alice.proposes(setOf("x.a", 1, "", `1`)), alice.proposes(chat.Message{Body: "two"}))...)
	r.mustBeSeq(outcomes[0], ports.Unchanged, 2)
	r.mustBeSeq(outcomes[1], ports.Unchanged, 3)
	r.mustBeSeq(outcomes[2], ports.Appended, 4)
}

func groupCounts(t *testing.T, r room) {
	alice := r.user("alice")
	alice.manyMessages(chat.MaxPins + 3)
	pins := func(from, to int) (all []chat.Proposal) {
		for n := from; n <= to; n++ {
			all = append(all, alice.proposes(alice.pin(chat.Seq(n))))
		}
		return all
	}
	unpin := func(n chat.Seq) chat.Proposal { return alice.proposes(chat.Set{Type: chat.Pinned, Target: n}) }
	r.appends(pins(1, chat.MaxPins-2)...)
	outcomes := r.appends(asGroup(1, pins(chat.MaxPins-1, chat.MaxPins+1)...)...)
	r.mustBeUndone(outcomes[0], 2)
	r.mustRefuse(outcomes[2], chat.Conflict)
	for _, outcome := range r.appends(asGroup(1, append(pins(chat.MaxPins-1, chat.MaxPins), unpin(1), alice.proposes(chat.Deleted{Target: 2}))...)...) {
		r.mustBe(outcome, ports.Appended)
	}
	group := asGroup(1, slices.Concat(pins(chat.MaxPins+1, chat.MaxPins+2), []chat.Proposal{unpin(3)}, pins(chat.MaxPins+3, chat.MaxPins+3))...)
	for _, outcome := range r.appends(group...) {
		r.mustBe(outcome, ports.Appended)
	}
	mustEqual(t, "pins", len(r.pins(0, 200)), chat.MaxPins)
	// Slots of the application's own, by their number and bytes.
	sets := func(n int, data string) (all []chat.Proposal) {
		for i := range n {
			all = append(all, alice.proposes(setOf("x.a", 5, fmt.Sprint("s", i), data)))
		}
		return all
	}
	outcomes = r.appends(asGroup(1, sets(chat.MaxMessageSlots+1, `1`)...)...)
	r.mustBeUndone(outcomes[0], chat.MaxMessageSlots)
	for _, outcome := range r.appends(asGroup(1, append(sets(chat.MaxMessageSlots, `1`), append(sets(1, ""), alice.proposes(setOf("x.b", 5, "", `1`)))...)...)...) {
		r.mustBe(outcome, ports.Appended)
	}
}

func groupOfMany(t *testing.T, r room) {
	alice := r.user("alice")
	var group []chat.Proposal
	for i := range 499 {
		group = append(group, alice.proposes(chat.Message{Body: fmt.Sprint(i)}))
	}
	bad := alice.proposes(chat.Edited{Target: 9999, Body: "x"})
	for _, outcome := range r.appends(asGroup(1, append(group, bad)...)...)[:499] {
		r.mustBeUndone(outcome, 499)
	}
	for i, outcome := range r.appends(asGroup(1, group...)...) {
		r.mustBeSeq(outcome, ports.Appended, chat.Seq(i+1))
	}
}

func groupIsBounded(t *testing.T, r room) {
	alice, elsewhere := r.user("alice"), newRoom(t, r.StoreUnderTest).user("alice")
	hi := chat.Message{Body: "hi"}
	for _, group := range [][]chat.Proposal{
		{alice.proposes(hi), elsewhere.proposes(hi)},
		{alice.proposes(hi), alice.proposes(chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Read})},
	} {
		_, err := r.Append(t.Context(), asGroup(1, group...))
		mustFail(t, err, chat.Internal)
	}
	mustEqual(t, "head", alice.stands().Room.Head, 0)
}

// drawGroups makes some of the proposals groups.
func drawGroups(t *rapid.T, proposals []chat.Proposal) {
	for i, number := 0, uint64(0); i < len(proposals); i++ {
		if !rapid.Bool().Draw(t, "grouped") {
			continue
		}
		number++
		for n := rapid.IntRange(2, 5).Draw(t, "size"); n > 0 && i < len(proposals); n, i = n-1, i+1 {
			if _, member := proposals[i].Fact.(chat.MemberChanged); !member {
				proposals[i].Group = number
			}
		}
	}
}

// runOf returns how many of the first proposals are one group.
func runOf(proposals []chat.Proposal) int {
	n := slices.IndexFunc(proposals, func(p chat.Proposal) bool { return p.Group == 0 || p.Group != proposals[0].Group })
	if n < 0 {
		return len(proposals)
	}
	return max(n, 1)
}

// checkTogether compares the outcomes of a group with the model's, and adds its entries.
func (m *model) checkTogether(t tester, proposals []chat.Proposal, got []ports.Outcome) {
	t.Helper()
	trial := &model{created: m.created, log: slices.Clone(m.log), marks: m.marks}
	refused := slices.IndexFunc(proposals, func(p chat.Proposal) bool {
		status, _, seq, fact := trial.decide(p)
		if status == ports.Appended {
			trial.log = append(trial.log, chat.Entry{Room: p.Room, Seq: seq, Author: p.Author, Key: p.Key, Fact: fact})
		}
		return status == ports.Refused
	})
	for i, p := range proposals {
		status, _, seq, _ := m.decide(p)
		switch {
		case refused < 0:
			m.check(t, p, got[i])
		case i == refused:
			_, kind, _, _ := trial.decide(p)
			if got[i].Status != ports.Refused || !isKind(got[i].Err, kind) {
				t.Fatalf("%+v gives %s, want %s", p, showOutcome(got[i]), kind)
			}
		case status == ports.Duplicate:
			if got[i].Status != status || got[i].Entry.Seq != seq {
				t.Fatalf("%+v gives %s, want a duplicate of %d", p, showOutcome(got[i]), seq)
			}
		case got[i].Status != ports.Refused || got[i].Err == nil || chat.AsError(got[i].Err).Detail != chat.UndoneWith:
			t.Fatalf("%+v gives %s, but %d was refused", p, showOutcome(got[i]), refused)
		}
	}
}
