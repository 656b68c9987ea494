package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// wide is the valid character that takes the most bytes in a frame.
const wide = "\u2028"

// largest are the largest possible entries, and larger ones of earlier releases.
func largest() map[string]chat.Entry {
	author := chat.Author{ID: chat.UserID(strings.Repeat(wide, chat.MaxUserIDChars)), Name: strings.Repeat(wide, chat.MaxNameChars)}
	e := chat.Entry{
		Room: chat.RoomID(strings.Repeat("r", chat.MaxRoomIDChars)), Seq: chat.MaxSeq, At: noon, Author: author, Key: chat.Key(strings.Repeat(wide, chat.MaxKeyChars)), Trace: trace,
	}
	with := func(fact chat.Fact) chat.Entry { e := e; e.Fact = fact; return e }
	said := chat.Message{
		Body: strings.Repeat(wide, chat.MaxBodyChars), ReplyTo: chat.MaxSeq, EditedAt: noon,
		Meta: []byte(`{"x":"` + strings.Repeat("x", chat.MaxMetaBytes-8) + `"}`),
	}
	for i := range 5000 {
		said.Reactions = append(said.Reactions, chat.Reaction{Emoji: fmt.Sprintf("%08d", i) + strings.Repeat(wide, chat.MaxEmojiChars-8), Count: 1 << 50, Me: true})
	}
	for i := range chat.MaxMessageSlots { // as wide as they may be: twice as many bytes as may be set
		name := fmt.Sprintf("%064d", i)
		said.Slots = append(said.Slots, chat.Slot{Type: chat.SetType("x." + name[2:]), Slot: name, Data: []byte(`"` + strings.Repeat("x", chat.MaxMessageBytes/8) + `"`)})
	}
	said.Slots = append(said.Slots, chat.Slot{Type: chat.Pinned, Data: chat.Pin{By: author.ID, Until: noon}.Data()})
	return map[string]chat.Entry{
		"a message": with(said), "a set": with(chat.Set{Type: "x.a", Target: chat.MaxSeq, Data: []byte(`"` + strings.Repeat("x", MaxUnknownBytes-2) + `"`)}), "an edit": with(chat.Edited{Target: chat.MaxSeq, Body: said.Body}),
		"what is unknown": with(Unknown(strings.Repeat(wide, MaxTypeChars), 7, chat.MaxSeq, []byte(`{"x":"`+strings.Repeat(wide, MaxUnknownBytes/3-10)+`"}`), nil)),
	}
}

func TestNoEntryIsLargerThanIsSaid(t *testing.T) {
	t.Parallel()
	for name, e := range largest() {
		frame := AppendEntry(nil, &e)
		if !json.Valid(frame) || len(frame) > MaxEntryBytes {
			t.Errorf("%s has %d bytes, more than %d, or is no JSON", name, len(frame), MaxEntryBytes)
		}
		if got := MeasureEntry(&e); got != len(frame) {
			t.Errorf("%s measures %d bytes and has %d", name, got, len(frame))
		}
		if name != "a message" && e.Size() > len(frame) {
			t.Errorf("%s has the size %d, more than its frame, %d", name, e.Size(), len(frame))
		}
	}
}

// The maximum number of reactions that can be configured are all shown, however long they are; one
// more need not be.
func TestReactionsAreAllShown(t *testing.T) {
	t.Parallel()
	for name, widest := range map[string]string{"of four bytes": "🍵", "that are escaped": `"`, "of three bytes": "\ufffd"} {
		said := chat.Message{Body: "hello"}
		for i := range MaxReactions + 1 {
			emoji, err := chat.ParseEmoji(string([]rune{'\U00020000' + rune(i)}) + strings.Repeat(widest, chat.MaxEmojiChars-1))
			if err != nil {
				t.Fatal(err)
			}
			said.Reactions = append(said.Reactions, chat.Reaction{Emoji: emoji, Count: int(chat.MaxSeq), Me: true})
		}
		shown := func(n int) int {
			m := said
			m.Reactions = m.Reactions[:n]
			e := chat.Entry{Room: "tea", Seq: 1, At: noon, Fact: m}
			return strings.Count(string(AppendEntry(nil, &e)), `"emoji"`)
		}
		if got := shown(MaxReactions); got != MaxReactions {
			t.Errorf("of %d reactions %s %d are shown", MaxReactions, name, got)
		}
		if got := shown(MaxReactions + 1); name == "of four bytes" && got != MaxReactions {
			t.Errorf("of one more than %d reactions %s %d are shown: the bound could be higher", MaxReactions, name, got)
		}
	}
	if MaxReactions < chat.MaxReactions {
		t.Errorf("%d are shown, fewer than there are unless configured", MaxReactions)
	}
}

// What may be set on a message is all shown, however it is spread.
func TestWhatIsSetIsAllShown(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 8, chat.MaxMessageSlots} {
		said := chat.Message{Body: "hello"}
		for i := range n {
			name := fmt.Sprintf("%064d", i)
			said.Slots = append(said.Slots, chat.Slot{
				Type: chat.SetType("x." + name[2:]), Slot: name, Data: []byte(`"` + strings.Repeat("x", chat.MaxMessageBytes/n-len(name)-2) + `"`),
			})
		}
		e := chat.Entry{Room: "tea", Seq: 1, At: noon, Fact: said}
		if shown := strings.Count(string(AppendEntry(nil, &e)), `"set"`); shown != n {
			t.Errorf("of %d slots %d are shown", n, shown)
		}
	}
}

// A room may hold meta that was accepted before the rules for it, and a node of the release before
// sends such meta. Readers get the message without it.
func TestMetaThatReadersCannotReadIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, meta := range []string{
		`{"x":1e999}`, `{"x":"\ud800"}`, `{"\udfff":1}`, `{"x":"\u0000"}`, `{"x":1,"x":2}`, `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		`{"x":"` + "\xff" + `"}`, `[1]`, `null`, `{`,
	} {
		e := entry(7, "k", chat.Message{Body: "hello", Meta: []byte(meta)})
		page := ports.Page{Room: "general", Head: 7, Entries: []chat.Entry{e}}
		for _, text := range [][]byte{AppendEntry(nil, &e), AppendAnswer(nil, page), AppendFrame(nil, &ports.OK{ID: "1", Answer: page})} {
			if strings.Contains(string(text), "meta") || !strings.Contains(string(text), `"body":"hello"`) || !json.Valid(text) {
				t.Errorf("with the meta %s it is %s", meta, text)
			}
		}
	}
	e := entry(7, "k", chat.Message{Body: "hello", Meta: []byte(`{ "x": 1 }`)})
	if text := string(AppendEntry(nil, &e)); !strings.Contains(text, `"meta":{ "x": 1 }`) {
		t.Errorf("a good meta is not as it was sent: %s", text)
	}
}
