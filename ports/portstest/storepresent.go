package portstest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testPresentForm(t *testing.T) {
	s.prove(t, []sentence{
		{"a changed message is read in its present form, and its changes at their own places", changedMessage},
		{"an edit is replayed with the present body", editReplayed},
		{"what was deleted or overwritten can be read nowhere", nothingLeaks},
		{"a deletion takes the body and the meta and leaves the rest", deletionLeavesRest},
		{"a reaction counts its users, and knows its viewer", reactionsCount},
		{"reactions are in the order in which their emoji first came", reactionsInOrder},
		{"a reaction entry keeps the count of its moment", reactedKeepsCount},
		{"reactions to a message are that message's only", reactionsApart},
		{"one entry is read without a viewer", entryHasNoViewer},
	})
}

func changedMessage(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	first := alice.says("hi")
	edit := alice.edits(1, "hello")
	bob.reacts(1, "👍")
	message := r.message(1, bob.id)
	mustEqual(t, "body", message.Body, "hello")
	mustEqualSlices(t, "reactions", message.Reactions, []chat.Reaction{{Emoji: "👍", Count: 1, Me: true}})
	if !message.EditedAt.Equal(edit.At) || !message.DeletedAt.IsZero() {
		t.Fatalf("edited at %v, want %v; deleted at %v, want never", message.EditedAt, edit.At, message.DeletedAt)
	}
	deletion := bob.deletes(1)
	log := r.log("")
	message = log[0].Fact.(chat.Message)
	mustEqual(t, "body", message.Body, "")
	if !message.DeletedAt.Equal(deletion.At) {
		t.Fatalf("deleted at %v, want %v", message.DeletedAt, deletion.At)
	}
	mustEqual(t, "author", log[0].Author, first.Author)
	mustEqual(t, "edit", log[1].Fact, chat.Fact(chat.Edited{Target: 1}))
	mustEqual(t, "reaction", log[2].Fact, chat.Fact(chat.Reacted{Target: 1, Emoji: "👍", Count: 1}))
	mustEqual(t, "deletion", log[3].Fact, chat.Fact(chat.Deleted{Target: 1}))
	mustEqual(t, "deletion's author", log[3].Author, bob.proposes(nil).Author)
}

func editReplayed(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	alice.edits(1, "two")
	last := alice.edits(1, "three")
	for i, entry := range r.log("")[1:] {
		mustEqual(t, fmt.Sprintf("edit %d", i), entry.Fact, chat.Fact(chat.Edited{Target: 1, Body: "three"}))
	}
	mustEqual(t, "edit read alone", r.entry(2).Fact, chat.Fact(chat.Edited{Target: 1, Body: "three"}))
	if at := r.message(1, "").EditedAt; !at.Equal(last.At) {
		t.Fatalf("edited at %v, want %v", at, last.At)
	}
	alice.deletes(1)
	for _, seq := range []chat.Seq{2, 3} {
		mustEqual(t, "edit of a deleted message", r.entry(seq).Fact, chat.Fact(chat.Edited{Target: 1}))
	}
}

func nothingLeaks(t *testing.T, r room) {
	const secret = "s3cret"
	alice := r.user("alice")
	r.appends(alice.proposesAs("m", chat.Message{Body: secret + " one", Meta: []byte(`{"link":"` + secret + `"}`)}))
	r.appends(alice.proposesAs("e", chat.Edited{Target: 1, Body: secret + " two"}))
	alice.deletes(1)
	alice.says(secret + " three")
	alice.edits(4, "overwritten")
	together := []chat.Fact{chat.Message{Body: secret, Meta: []byte(`{"link":"` + secret + `"}`)}, chat.Edited{Target: 6, Body: secret}, chat.Deleted{Target: 6}}
	var batch []chat.Proposal
	for _, fact := range together {
		batch = append(batch, alice.proposes(fact))
	}
	for _, o := range r.appends(batch...) {
		r.mustBe(o, ports.Appended)
	}

	var shown strings.Builder
	for seq := range chat.Seq(9) {
		for _, span := range []ports.Span{
			{After: seq, Limit: everything},
			{Before: seq, Limit: everything, Viewer: alice.id},
			{After: seq, Limit: everything, Messages: true},
			{Before: seq, Limit: 1, Newest: true},
		} {
			shown.WriteString(showEntries(r.reads(span)))
		}
		if seq > 0 {
			shown.WriteString(showEntry(r.entry(seq)))
		}
	}
	for _, key := range []chat.Key{"m", "e", batch[0].Key, batch[1].Key} {
		shown.WriteString(showOutcome(r.appends(alice.proposesAs(key, chat.Message{Body: "x"}))[0]))
	}
	if strings.Contains(shown.String(), secret) {
		t.Fatalf("what was deleted or overwritten is read:\n%s", shown.String())
	}
}

func deletionLeavesRest(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("hi")
	alice.does(chat.Message{Body: "hello", ReplyTo: 1, Meta: []byte(`{"a":1}`)})
	alice.reacts(2, "👍")
	alice.deletes(2)
	message := r.message(2, alice.id)
	mustEqual(t, "body", message.Body, "")
	mustEqual(t, "reply to", message.ReplyTo, 1)
	if message.Meta != nil {
		t.Errorf("meta is %q", message.Meta)
	}
	mustEqualSlices(t, "reactions", message.Reactions, []chat.Reaction{{Emoji: "👍", Count: 1, Me: true}})
	mustEqual(t, "messages", alice.stands().Room.Messages, 2)
}

func reactionsCount(t *testing.T, r room) {
	alice, bob, carol := r.user("alice"), r.user("bob"), r.user("carol")
	alice.says("hi")
	mustEqual(t, "alice's count", alice.reacts(1, "👍"), 1)
	mustEqual(t, "bob's count", bob.reacts(1, "👍"), 2)
	mustEqual(t, "bob's other count", bob.reacts(1, "🎉"), 1)
	mustEqualSlices(t, "bob sees", r.message(1, bob.id).Reactions, []chat.Reaction{{Emoji: "👍", Count: 2, Me: true}, {Emoji: "🎉", Count: 1, Me: true}})
	mustEqualSlices(t, "alice sees", r.message(1, alice.id).Reactions, []chat.Reaction{{Emoji: "👍", Count: 2, Me: true}, {Emoji: "🎉", Count: 1}})
	mustEqualSlices(t, "carol sees", r.message(1, carol.id).Reactions, []chat.Reaction{{Emoji: "👍", Count: 2}, {Emoji: "🎉", Count: 1}})
	mustEqual(t, "count after alice", alice.unreacts(1, "👍"), 1)
	mustEqualSlices(t, "alice sees", r.message(1, alice.id).Reactions, []chat.Reaction{{Emoji: "👍", Count: 1}, {Emoji: "🎉", Count: 1}})
	mustEqual(t, "count after bob", bob.unreacts(1, "🎉"), 0)
	mustEqualSlices(t, "nobody sees", r.message(1, "").Reactions, []chat.Reaction{{Emoji: "👍", Count: 1}})
	mustEqual(t, "count after bob", bob.unreacts(1, "👍"), 0)
	mustEqual(t, "reactions left", len(r.message(1, bob.id).Reactions), 0)
	mustEqual(t, "alice's count", alice.reacts(1, "👍"), 1)
}

func reactionsInOrder(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	emojis := func() (all []string) {
		for _, reaction := range r.message(1, "").Reactions {
			all = append(all, reaction.Emoji)
		}
		return all
	}
	for _, emoji := range []string{"z", ":party:", "👍", "a"} {
		alice.reacts(1, emoji)
	}
	bob.reacts(1, "a")
	bob.reacts(1, "z")
	mustEqualSlices(t, "emoji", emojis(), []string{"z", ":party:", "👍", "a"})
	// The first user to react takes it back. The emoji keeps its place, also after it was gone.
	alice.unreacts(1, "z")
	alice.unreacts(1, ":party:")
	mustEqualSlices(t, "emoji", emojis(), []string{"z", "👍", "a"})
	bob.reacts(1, ":party:")
	mustEqualSlices(t, "emoji", emojis(), []string{"z", ":party:", "👍", "a"})
}

func reactedKeepsCount(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	alice.reacts(1, "👍")
	bob.reacts(1, "👍")
	alice.unreacts(1, "👍")
	for i, entry := range r.log("")[1:] {
		want := []chat.Reacted{
			{Target: 1, Emoji: "👍", Count: 1},
			{Target: 1, Emoji: "👍", Count: 2},
			{Target: 1, Emoji: "👍", Count: 1, Removed: true},
		}[i]
		mustEqual(t, "reaction", entry.Fact, chat.Fact(want))
	}
}

func reactionsApart(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	alice.says("two")
	alice.reacts(1, "👍")
	mustEqual(t, "count of another", alice.reacts(2, "👍"), 1)
	alice.reacts(2, "🎉")
	mustEqualSlices(t, "reactions of one", r.message(1, "").Reactions, []chat.Reaction{{Emoji: "👍", Count: 1}})
	mustEqualSlices(t, "reactions of two", r.message(2, "").Reactions, []chat.Reaction{{Emoji: "👍", Count: 1}, {Emoji: "🎉", Count: 1}})
}

func entryHasNoViewer(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("hi")
	alice.reacts(1, "👍")
	mustEqualSlices(t, "reactions", r.entry(1).Fact.(chat.Message).Reactions, []chat.Reaction{{Emoji: "👍", Count: 1}})
}
