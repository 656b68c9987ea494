package portstest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testAppend(t *testing.T) {
	s.prove(t, []sentence{
		{"nothing to append gives no outcomes", func(t *testing.T, r room) {
			r.appends()
			mustEqual(t, "head", r.user("alice").stands().Room.Head, 0)
		}},
		{"entries of every sort are numbered from 1 without holes", numbersEverySort},
		{"rooms are numbered each on its own, in the order of the proposals", numbersRoomsApart},
		{"what is appended is what is read", appendedIsRead},
		{"each entry says by which client a service made it, if one did", saysVia},
		{"each entry knows how many messages there are up to it", countsMessages},
		{"a thousand proposals to many rooms go in one call", appendsThousand},
		{"proposals of one call build on those before them", buildsOnEarlier},
		{"a refused proposal spoils nobody else's", refusedSpoilsNobody},
		{"the clock is in UTC and never goes back within a room", clockAdvances},
	})
}

func numbersEverySort(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	var got []chat.Seq
	for _, fact := range []chat.Fact{
		chat.Message{Body: "hi"},
		chat.Edited{Target: 1, Body: "hello"},
		chat.Reacted{Target: 1, Emoji: "👋"},
		chat.Deleted{Target: 1},
		chat.MemberChanged{User: bob.id, Change: chat.MemberJoined, Role: chat.Write},
		chat.RoomChanged{Change: chat.RoomRenamed, Name: "Lobby"},
		chat.Message{Body: "bye"},
	} {
		got = append(got, alice.does(fact).Seq)
	}
	mustEqualSlices(t, "seqs", got, []chat.Seq{1, 2, 3, 4, 5, 6, 7})
	for i, entry := range r.log("") {
		mustEqual(t, "seq read", entry.Seq, chat.Seq(i+1))
	}
	mustEqual(t, "head", alice.stands().Room.Head, 7)
}

func numbersRoomsApart(t *testing.T, r room) {
	here, there := r.user("alice"), newRoom(t, r.StoreUnderTest).user("alice")
	here.says("before")
	outcomes := r.appends(
		there.proposes(chat.Message{Body: "one"}),
		here.proposes(chat.Message{Body: "two"}),
		there.proposes(chat.Message{Body: "three"}),
		here.proposes(chat.Message{Body: "four"}),
	)
	for i, want := range []chat.Seq{1, 2, 2, 3} {
		mustEqual(t, fmt.Sprintf("seq of outcome %d", i), r.mustBe(outcomes[i], ports.Appended).Seq, want)
	}
	mustEqual(t, "room of outcome 0", outcomes[0].Entry.Room, there.room.id)
	mustEqual(t, "last body here", here.message(3, "").Body, "four")
	mustEqual(t, "last body there", there.message(2, "").Body, "three")
}

func appendedIsRead(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	entries := []chat.Entry{
		alice.does(chat.Message{Body: "hi", Meta: []byte(`{"a":1}`)}),
		bob.does(chat.Message{Body: "hi back", ReplyTo: 1}),
		bob.does(chat.Reacted{Target: 1, Emoji: "👋"}),
		bob.does(chat.Reacted{Target: 1, Emoji: "👋", Removed: true}),
		alice.does(chat.MemberChanged{User: bob.id, Change: chat.MemberJoined, Role: chat.Write}),
		alice.does(chat.MemberChanged{User: bob.id, Change: chat.MemberBanned}),
		alice.does(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Lobby"}),
		alice.does(chat.RoomChanged{Change: chat.RoomPublished}),
		bob.does(chat.Message{Body: "a second", Meta: []byte(`{}`)}),
		bob.does(chat.Edited{Target: 9, Body: "a second one"}),
		bob.does(chat.Deleted{Target: 2}),
	}
	nobody := chat.Proposal{Room: r.id, Author: chat.Author{ID: "nameless"}, By: chat.Rights{Admin: true}, Key: "a key", Fact: chat.Message{Body: "hi"}}
	entries = append(entries, r.mustBe(r.appends(nobody)[0], ports.Appended))
	// Two entries have changed since: the second message was deleted, and the one at 9 edited.
	second := entries[1].Fact.(chat.Message)
	second.Body, second.DeletedAt = "", entries[10].At
	entries[1].Fact = second
	ninth := entries[8].Fact.(chat.Message)
	ninth.Body, ninth.EditedAt = "a second one", entries[9].At
	entries[8].Fact = ninth
	mustBeEntries(t, r.log(""), entries)
	for _, entry := range entries {
		mustBeEntries(t, []chat.Entry{r.entry(entry.Seq)}, []chat.Entry{entry})
	}
}

func saysVia(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	by := func(via string, p chat.Proposal) chat.Proposal { p.Via = via; return p }
	widest := strings.Repeat("\U0001F600", chat.MaxClientChars)
	var entries []chat.Entry
	for _, call := range [][]chat.Proposal{
		{by("shop", alice.proposes(chat.Message{Body: "one"})), bob.proposes(chat.Message{Body: "two"}), by(widest, bob.proposes(chat.Message{Body: "three"}))},
		{bob.proposes(chat.Message{Body: "four"})},
		{
			by("shop", bob.proposes(chat.Message{Body: "five"})), bob.proposes(chat.Reacted{Target: 1, Emoji: "👍"}),
			by("shop", alice.proposes(chat.Reacted{Target: 2, Emoji: "👍"})), by("desk", alice.proposes(chat.MemberChanged{User: bob.id, Change: chat.MemberRole, Role: chat.Read})),
			by("desk", alice.proposes(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"})),
		},
	} {
		for _, outcome := range r.appends(call...) {
			entries = append(entries, r.mustBe(outcome, ports.Appended))
		}
	}
	log := r.log("")
	mustEqual(t, "entries", len(log), 9)
	for i, want := range []string{"shop", "", widest, "", "shop", "", "shop", "desk", "desk"} {
		mustEqual(t, "via appended", entries[i].Via, want)
		mustEqual(t, "via read", log[i].Via, want)
		mustEqual(t, "via of the entry", r.entry(chat.Seq(i+1)).Via, want)
	}
	again := r.appends(chat.Proposal{Room: r.id, Author: chat.Author{ID: alice.id}, Via: "another", By: chat.Rights{Admin: true}, Key: entries[0].Key, Fact: chat.Message{Body: "one"}})
	r.mustBeSeq(again[0], ports.Duplicate, 1)
}

func countsMessages(t *testing.T, r room) {
	alice := r.user("alice")
	outcomes := r.appends(
		alice.proposes(chat.Message{Body: "one"}),
		alice.proposes(chat.Edited{Target: 1, Body: "uno"}),
		alice.proposes(chat.Message{Body: "two"}),
		alice.proposes(chat.Deleted{Target: 1}),
		alice.proposes(chat.Message{Body: "three"}),
	)
	log := r.log("")
	for i, want := range []int64{1, 1, 2, 2, 3} {
		mustEqual(t, "messages appended", r.mustBe(outcomes[i], ports.Appended).Messages, want)
		mustEqual(t, "messages read", log[i].Messages, want)
	}
	mustEqual(t, "messages of the room", alice.stands().Room.Messages, 3)
}

func appendsThousand(t *testing.T, r room) {
	const rooms, proposals = 40, 1000
	authors := make([]user, rooms)
	for i := range authors {
		authors[i] = newRoom(t, r.StoreUnderTest).user("alice")
	}
	batch := make([]chat.Proposal, proposals)
	for i := range batch {
		batch[i] = authors[i%rooms].proposes(chat.Message{Body: fmt.Sprintf("message %d", i)})
	}
	for i, outcome := range r.appends(batch...) {
		authors[i%rooms].mustBeSeq(outcome, ports.Appended, chat.Seq(i/rooms+1))
	}
	for i, author := range authors {
		log := author.log("")
		mustEqual(t, "entries", len(log), proposals/rooms)
		for j, entry := range log {
			mustEqual(t, "body", entry.Fact.(chat.Message).Body, fmt.Sprintf("message %d", j*rooms+i))
		}
	}
}

func buildsOnEarlier(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	outcomes := r.appends(
		alice.proposes(chat.Message{Body: "one"}),
		alice.proposes(chat.Edited{Target: 1, Body: "uno"}),
		bob.proposes(chat.Message{Body: "a reply", ReplyTo: 1}),
		bob.proposes(chat.Reacted{Target: 1, Emoji: "👍"}),
		alice.proposes(chat.Reacted{Target: 1, Emoji: "👍"}),
		alice.proposes(chat.Reacted{Target: 1, Emoji: "👍"}),
		bob.proposes(chat.Deleted{Target: 3}),
		bob.proposes(chat.Edited{Target: 3, Body: "too late"}),
		alice.proposes(chat.RoomChanged{Change: chat.RoomArchived}),
		bob.proposes(chat.Message{Body: "too late"}),
		alice.proposes(chat.RoomChanged{Change: chat.RoomUnarchived}),
		bob.proposes(chat.Message{Body: "again"}),
	)
	for _, i := range []int{0, 1, 2, 3, 4, 6, 8, 10, 11} {
		r.mustBe(outcomes[i], ports.Appended)
	}
	mustEqual(t, "second count", outcomes[4].Entry.Fact.(chat.Reacted).Count, 2)
	r.mustBeSeq(outcomes[5], ports.Unchanged, 5)
	r.mustRefuse(outcomes[7], chat.Conflict)
	r.mustRefuse(outcomes[9], chat.Conflict)
	r.mustBeSeq(outcomes[11], ports.Appended, 9)
	first := r.message(1, "")
	mustEqual(t, "body", first.Body, "uno")
	mustEqualSlices(t, "reactions", first.Reactions, []chat.Reaction{{Emoji: "👍", Count: 2}})
	mustEqual(t, "deleted body", r.message(3, "").Body, "")
}

func refusedSpoilsNobody(t *testing.T, r room) {
	alice, lost := r.user("alice"), r.in(someRoom()).user("alice")
	alice.says("first")
	alice.deletes(1)
	taken := alice.proposes(chat.Message{Body: "taken"})
	r.mustBeSeq(r.appends(taken)[0], ports.Appended, 3)
	outcomes := r.appends(
		alice.proposes(chat.Message{Body: "four"}),
		lost.proposes(chat.Message{Body: "nowhere"}),
		alice.proposes(chat.Edited{Target: 1, Body: "undead"}),
		taken,
		alice.proposes(chat.Deleted{Target: 1}),
		alice.proposes(chat.Reacted{Target: 99, Emoji: "👍"}),
		alice.proposes(chat.Message{Body: "five"}),
	)
	r.mustBeSeq(outcomes[0], ports.Appended, 4)
	r.mustRefuse(outcomes[1], chat.NotFound)
	r.mustRefuse(outcomes[2], chat.Conflict)
	r.mustBeSeq(outcomes[3], ports.Duplicate, 3)
	r.mustBeSeq(outcomes[4], ports.Unchanged, 2)
	r.mustRefuse(outcomes[5], chat.NotFound)
	r.mustBeSeq(outcomes[6], ports.Appended, 5)
	mustEqual(t, "head", alice.stands().Room.Head, 5)
}

func clockAdvances(t *testing.T, r room) {
	alice := r.user("alice")
	created := alice.stands().Room.CreatedAt
	last := created
	for range 20 {
		for _, outcome := range r.appends(alice.proposes(chat.Message{Body: "tick"}), alice.proposes(chat.Message{Body: "tock"})) {
			at := outcome.Entry.At
			if at.Before(last) {
				t.Fatalf("at %v comes after %v", at, last)
			}
			mustEqual(t, "location", at.Location(), time.UTC)
			last = at
		}
	}
	// The store's clock may be another machine's, so the times are only near.
	if last.Sub(created) > time.Hour || created.IsZero() || time.Since(last).Abs() > 24*time.Hour {
		t.Fatalf("created at %v, last entry at %v", created, last)
	}
	mustEqual(t, "location read", r.entry(1).At.Location(), time.UTC)
}
