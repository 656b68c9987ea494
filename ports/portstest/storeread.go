package portstest

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testRead(t *testing.T) {
	s.prove(t, []sentence{
		{"a span gives the entries between its bounds, ascending", spansGiveEntries},
		{"messages are found wherever they are among other entries", messagesAmongOthers},
		{"a span ends with the entry with which it has its bytes", spansEndByBytes},
		{"a room that does not exist has no entries", func(t *testing.T, r room) {
			mustEqual(t, "entries", len(r.in(someRoom()).log("")), 0)
		}},
		{"an entry that does not exist is not found", func(t *testing.T, r room) {
			r.user("alice").says("hi")
			for _, place := range []struct {
				room chat.RoomID
				seq  chat.Seq
			}{{r.id, 0}, {r.id, 2}, {r.id, chat.MaxSeq}, {someRoom(), 1}} {
				_, err := r.Entry(t.Context(), place.room, place.seq)
				mustFail(t, err, chat.NotFound)
			}
		}},
		{"heads are those of the rooms that exist", headsOfRooms},
		{"a store that works passes its check", func(t *testing.T, r room) {
			if err := r.Check(t.Context()); err != nil {
				t.Fatalf("check: %v", err)
			}
		}},
	})
}

// spansGiveEntries compares every span of a small room with the same span cut from its whole log.
func spansGiveEntries(t *testing.T, r room) {
	alice := r.user("alice")
	newRoom(t, r.StoreUnderTest).user("alice").says("elsewhere")
	for range 3 {
		said := alice.says("hi")
		alice.edits(said.Seq, "hello")
		alice.reacts(said.Seq, "👍")
	}
	log := r.log(alice.id)
	mustEqual(t, "entries", len(log), 9)
	for after := range chat.Seq(11) {
		for before := range chat.Seq(12) {
			for _, limit := range []int{1, 2, 5, 9, 200} {
				for i := range 4 {
					span := ports.Span{After: after, Before: before, Limit: limit, Newest: i&1 > 0, Messages: i&2 > 0, Viewer: alice.id}
					if got, want := r.reads(span), cut(log, span); showEntries(got) != showEntries(want) {
						t.Fatalf("span %+v is\n%swant\n%s", span, showEntries(got), showEntries(want))
					}
				}
			}
		}
	}
}

// messagesAmongOthers reads messages of a room in which long and short runs of messages and of
// other entries alternate.
func messagesAmongOthers(t *testing.T, r room) {
	alice := r.user("alice")
	var batch []chat.Proposal
	for i, run := range []int{1, 70, 3, 1, 40, 140, 1, 200, 2, 2, 33, 65, 90, 1} {
		for range run {
			if i%2 == 0 {
				batch = append(batch, alice.proposes(chat.Message{Body: "hi"}))
			} else {
				batch = append(batch, alice.proposes(chat.Edited{Target: 1, Body: "hello"}))
			}
		}
	}
	r.appends(batch...)
	log := r.log("")
	mustEqual(t, "entries", len(log), len(batch))
	last := chat.Seq(len(log))
	for _, after := range []chat.Seq{0, 1, 2, 70, 71, 72, 114, 115, 254, 255, 256, 300, 456, 460, 561, last - 1, last, last + 1} {
		for _, before := range []chat.Seq{0, 1, 2, 71, 72, 73, 116, 200, 256, 257, 455, 456, 500, last, last + 1, last + 2, chat.MaxSeq} {
			for _, limit := range []int{1, 3, 51, 201, everything} {
				if wide := widthOf(after, before, last); limit < everything && limit > max(wide, 1) {
					continue // it bounds nothing, and neither does everything
				}
				for _, newest := range []bool{false, true} {
					span := ports.Span{After: after, Before: before, Limit: limit, Newest: newest, Messages: true}
					got, want := r.reads(span), cut(log, span)
					if len(got) != len(want) || len(got) > 0 && (got[0].Seq != want[0].Seq || got[len(got)-1].Seq != want[len(want)-1].Seq) {
						t.Fatalf("span %+v has %d messages, %s, want %d", span, len(got), showEntries(got), len(want))
					}
				}
			}
		}
	}
	if got, want := showEntries(r.reads(ports.Span{Limit: everything, Messages: true})), showEntries(cut(log, ports.Span{Limit: everything, Messages: true})); got != want {
		t.Fatalf("the messages are\n%swant\n%s", got, want)
	}
}

// widthOf returns how many entries lie after after and before before, in a log that ends at last.
func widthOf(after, before, last chat.Seq) int {
	if before == 0 || before > last {
		before = last + 1
	}
	return max(int(before-after)-1, 0)
}

func spansEndByBytes(t *testing.T, r room) {
	alice := r.user("alice")
	for i := range 6 { // bodies of one to four bytes a character, meta, reactions, and edits, which have their message's body
		said := alice.does(chat.Message{Body: strings.Repeat([]string{"x", "é", "🪿"}[i%3], 100*i+1), Meta: []byte(`{"n":"` + strings.Repeat("y", 50*i) + `"}`)})
		alice.edits(said.Seq, strings.Repeat("é", 40*i+3))
		alice.reacts(said.Seq, strings.Repeat("z", 5*i+1))
	}
	alice.deletes(1)
	log := r.log(alice.id)
	for _, bytes := range []int{1, 2, 100, 101, 250, 500, 1000, 1500, 2000, 4000, 1 << 20} {
		for _, after := range []chat.Seq{0, 1, 5, 10, 15} {
			for i := range 4 {
				span := ports.Span{After: after, Limit: 8, Newest: i&1 > 0, Messages: i&2 > 0, Viewer: alice.id, Bytes: bytes}
				if got, want := r.reads(span), span.Fit(cut(log, span)); showEntries(got) != showEntries(want) || len(want) == 0 {
					t.Fatalf("span %+v is\n%swant\n%s", span, showEntries(got), showEntries(want))
				}
			}
		}
	}
}

// cut returns the part of a whole log that a span asks for.
func cut(log []chat.Entry, span ports.Span) []chat.Entry {
	log = slices.DeleteFunc(slices.Clone(log), func(e chat.Entry) bool {
		_, message := e.Fact.(chat.Message)
		return e.Seq <= span.After || span.Before > 0 && e.Seq >= span.Before || span.Messages && !message
	})
	if len(log) <= span.Limit {
		return log
	}
	if span.Newest {
		return log[len(log)-span.Limit:]
	}
	return log[:span.Limit]
}

func headsOfRooms(t *testing.T, r room) {
	alice, empty := r.user("alice"), newRoom(t, r.StoreUnderTest)
	alice.says("one")
	alice.deletes(1)
	got, err := r.Heads(t.Context(), []chat.RoomID{r.id, someRoom(), empty.id, r.id})
	want := map[chat.RoomID]chat.Seq{r.id: 2, empty.id: 0}
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("heads are %v, %v, want %v", got, err, want)
	}
	if got, err := r.Heads(t.Context(), nil); err != nil || len(got) != 0 {
		t.Fatalf("heads of no rooms are %v, %v", got, err)
	}
}

func (s *storeSuite) testText(t *testing.T) {
	s.prove(t, []sentence{
		{"a body of 4,000 characters of four bytes is kept", func(t *testing.T, r room) {
			body := strings.Repeat("🪿", chat.MaxBodyChars)
			alice := r.user("alice")
			alice.says(body)
			alice.edits(1, strings.Repeat("🦆", chat.MaxBodyChars))
			alice.says(body)
			mustEqual(t, "edited body", r.message(1, "").Body, strings.Repeat("🦆", chat.MaxBodyChars))
			mustEqual(t, "body", r.message(3, "").Body, body)
		}},
		{"every character that a body may have is kept", keepsEveryCharacter},
		{"bodies that look like something else are kept", keepsOddBodies},
		{"meta is kept byte by byte", keepsMeta},
		{"names, ids, keys and emoji are kept", keepsNames},
	})
}

func keepsEveryCharacter(t *testing.T, r room) {
	alice := r.user("alice")
	var bodies []string
	var body strings.Builder
	chars := 0
	flush := func() {
		parsed, err := chat.ParseBody(body.String() + ".")
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, parsed)
		body.Reset()
		chars = 0
	}
	for c := range rune(unicode.MaxRune + 1) {
		if 0xd800 <= c && c <= 0xdfff || unicode.IsControl(c) && c != '\n' && c != '\t' { // surrogates and control characters
			continue
		}
		body.WriteRune(c)
		if chars++; chars == chat.MaxBodyChars-1 {
			flush()
		}
	}
	flush()
	proposals := make([]chat.Proposal, len(bodies))
	for i, body := range bodies {
		proposals[i] = alice.proposes(chat.Message{Body: body})
	}
	r.appends(proposals...)
	for i, entry := range r.log("") {
		if got := entry.Fact.(chat.Message).Body; got != bodies[i] {
			t.Fatalf("body %d comes back otherwise: %q", i, got)
		}
	}
}

func keepsOddBodies(t *testing.T, r room) {
	alice := r.user("alice")
	for _, body := range []string{
		"0", "null", "NULL", "1e999", "{}", `"`, `\`, `\u0000`, "\\N", "'; DROP TABLE message; --", "%s%n", "$1", "?", "{1,2}", " leading",
		"\n\tlines\n", "e\u0301 is not é", "\ufeffmark", "\ufffd", "\U0010ffff", "a\u2028b", "\u200d",
	} {
		body = strings.TrimRightFunc(body, unicode.IsSpace)
		said := alice.says(body)
		mustEqual(t, "body appended", said.Fact.(chat.Message).Body, body)
		mustEqual(t, "body", r.message(said.Seq, "").Body, body)
		alice.edits(said.Seq, body+body)
		mustEqual(t, "edited body", r.message(said.Seq, "").Body, body+body)
	}
}

func keepsMeta(t *testing.T, r room) {
	alice := r.user("alice")
	for _, meta := range []string{
		`{}`, `{ "z": 1, "a": 1.0, "a": 1e2 }`, `{"nul":"\u0000","lone":"\ud800"}`, `{"deep":[[[{}]]],"emoji":"🪿"}`,
		`{"long":"` + strings.Repeat("x", chat.MaxMetaBytes-11) + `"}`,
	} {
		said := alice.does(chat.Message{Body: "hi", Meta: []byte(meta)})
		mustEqual(t, "meta appended", string(said.Fact.(chat.Message).Meta), meta)
		mustEqual(t, "meta", string(r.message(said.Seq, "").Meta), meta)
	}
	if meta := r.message(alice.says("plain").Seq, "").Meta; meta != nil {
		t.Fatalf("meta is %q, want nil", meta)
	}
}

func keepsNames(t *testing.T, r room) {
	for _, author := range []chat.Author{
		{ID: "alice", Name: "Alice"},
		{ID: "Alice", Name: "alice"},
		{ID: " ", Name: ""},
		{ID: "o'brien; --", Name: `"\`},
		{ID: chat.UserID(strings.Repeat("🪿", chat.MaxUserIDChars)), Name: strings.Repeat("🦆", chat.MaxNameChars)},
		{ID: "é", Name: "composed"},
		{ID: "e\u0301", Name: "decomposed"},
	} {
		key := chat.Key(strings.Repeat("🔑", chat.MaxKeyChars))
		said := r.mustBe(r.appends(chat.Proposal{Room: r.id, Author: author, By: chat.Rights{Admin: true}, Key: key, Fact: chat.Message{Body: "hi"}})[0], ports.Appended)
		got := r.entry(said.Seq)
		mustEqual(t, "author", got.Author, author)
		mustEqual(t, "key", got.Key, key)
	}
	alice := r.user("alice")
	emojis := []string{"👩‍👩‍👧‍👦", ":party:", "a", "A", "e\u0301", "'", strings.Repeat("🪿", chat.MaxEmojiChars)}
	for _, emoji := range emojis {
		mustEqual(t, "count", alice.reacts(1, emoji), 1)
	}
	for i, reaction := range r.message(1, alice.id).Reactions {
		mustEqual(t, "reaction", reaction, chat.Reaction{Emoji: emojis[i], Count: 1, Me: true})
	}
}
