package portstest

import (
	"bytes"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// LaterEntry is an entry of a kind that a later release makes.
type LaterEntry struct {
	Room   chat.RoomID
	Author chat.Author
	Type   string   // empty: the later release gave none
	Target chat.Seq // 0: none
	Data   []byte   // the members, a JSON object; nil: none
}

// Later declares that a later release may have written into the store. plant puts such an entry at
// the end of its room's log.
func Later(plant func(t *testing.T, entry LaterEntry)) StoreOption {
	return func(s *storeSuite) { s.plant = plant }
}

func (s *storeSuite) testLater(t *testing.T) {
	if s.plant == nil {
		return // no later release writes into this store
	}
	plant := func(u user, name string, target chat.Seq, data string) {
		s.plant(t, LaterEntry{Room: u.room.id, Author: u.proposes(nil).Author, Type: name, Target: target, Data: []byte(data)})
	}
	s.prove(t, []sentence{
		{"an entry of a later kind is read at its place, as it stands", func(t *testing.T, r room) {
			alice := r.user("alice")
			alice.says("one")
			plant(alice, "pinned", 1, `{"until":"2030","by":{"id":"x"}}`)
			alice.says("two")
			mustEqual(t, "head", alice.stands().Room.Head, 3)
			log := r.log(alice.id)
			mustEqual(t, "entries", len(log), 3)
			for _, e := range []chat.Entry{log[1], r.entry(2)} {
				mustBeUnknown(t, e, chat.Unknown{Type: "pinned", Target: 1, Data: []byte(`{"by":{"id":"x"},"until":"2030"}`)})
				mustEqual(t, "seq", e.Seq, 2)
				mustEqual(t, "author", e.Author, log[0].Author)
				if e.At.IsZero() || e.At.Location() != log[0].At.Location() {
					t.Errorf("it is at %v", e.At)
				}
			}
		}},
		{"every span has it, but for those of messages", func(t *testing.T, r room) {
			alice := r.user("alice")
			for range 3 {
				alice.says("hi")
				plant(alice, "pinned", 0, `{}`)
			}
			log := r.log(alice.id)
			mustEqual(t, "entries", len(log), 6)
			for after := range chat.Seq(7) {
				for _, newest := range []bool{false, true} {
					for _, only := range []bool{false, true} {
						span := ports.Span{After: after, Limit: 2, Newest: newest, Messages: only}
						if got, want := r.reads(span), cut(log, span); showEntries(got) != showEntries(want) {
							t.Fatalf("span %+v is\n%swant\n%s", span, showEntries(got), showEntries(want))
						}
					}
				}
			}
		}},
		{"it counts as nothing", func(t *testing.T, r room) {
			alice, bob := r.user("alice"), r.user("bob")
			alice.says("one")
			plant(alice, "pinned", 1, ``)
			mustEqual(t, "messages", bob.stands().Room.Messages, 1)
			mustEqual(t, "unread", bob.marks(1).Unread, 0)
			bob.marks(2)
			alice.says("two")
			mustEqual(t, "unread", bob.stands().Unread, 1)
		}},
		{"it always has a type", func(t *testing.T, r room) {
			alice := r.user("alice")
			for i, name := range []string{"", "ok", "a\nb"} {
				plant(alice, name, 0, ``)
				e := r.entry(chat.Seq(i + 1))
				if f, ok := e.Fact.(chat.Unknown); !ok || f.Type == "" || f.Type == name || f.Data != nil {
					t.Errorf("one of the type %q is read as %s", name, showEntry(e))
				}
			}
		}},
		{"members that are none of its own are left out, and so is what is no object", func(t *testing.T, r room) {
			alice := r.user("alice")
			for i, c := range []struct{ data, want string }{
				{`{"seq":9,"room":"x","type":"y","at":1,"author":2,"traceparent":3,"target":4,"ok":true}`, `{"ok":true}`},
				{`{"seq":9}`, ``},
				{`[1]`, ``},
				{`null`, ``},
				{`{"a":`, ``},
				{"{\"a\":\"\xff\"}", ``},
				{`{"a":1,"a":2}`, ``},
				{`{"a":1e999}`, ``},
				{`{"a":"\ud800"}`, ``},
			} {
				plant(alice, "pinned", 0, c.data)
				mustBeUnknown(t, r.entry(chat.Seq(i+1)), chat.Unknown{Type: "pinned", Data: []byte(c.want)})
			}
		}},
		{"it is no message: nobody changes it or replies to it", func(t *testing.T, r room) {
			alice := r.user("alice")
			plant(alice, "pinned", 0, `{"a":1}`)
			for _, fact := range everySort(1, "bob")[1:4] {
				r.mustRefuse(alice.tries(fact), chat.NotFound)
			}
			r.mustRefuse(alice.tries(chat.Message{Body: "re", ReplyTo: 1}), chat.NotFound)
			mustEqual(t, "seq", alice.says("hi").Seq, 2)
		}},
		{"what it says of a message goes with that message", func(t *testing.T, r room) {
			alice := r.user("alice")
			alice.says("one")
			alice.says("two")
			plant(alice, "preview", 1, `{"title":"one"}`)
			plant(alice, "preview", 2, `{"title":"two"}`)
			alice.deletes(1)
			log := r.log("")
			mustBeUnknown(t, log[2], chat.Unknown{Type: "preview", Target: 1})
			mustBeUnknown(t, log[3], chat.Unknown{Type: "preview", Target: 2, Data: []byte(`{"title":"two"}`)})
		}},
		{"no proposal is of a later kind", func(t *testing.T, r room) {
			_, err := r.Append(t.Context(), []chat.Proposal{r.user("alice").proposes(chat.Unknown{Type: "pinned"})})
			mustFail(t, err, chat.Internal)
			mustEqual(t, "head", r.user("alice").stands().Room.Head, 0)
		}},
	})
}

func mustBeUnknown(t *testing.T, e chat.Entry, want chat.Unknown) {
	t.Helper()
	got, ok := e.Fact.(chat.Unknown)
	if !ok || got.Type != want.Type || got.Target != want.Target || !bytes.Equal(got.Data, want.Data) {
		t.Errorf("entry %d is %s with %s, want %+v with %s", e.Seq, showEntry(e), got.Data, want, want.Data)
	}
}
