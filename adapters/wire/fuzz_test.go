package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// FuzzDecode compares the scanner with encoding/json: the same texts are objects, with the same
// strings.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"type":"send","id":"1","room":"tea","body":"héllo \"x\" \ud83d\udc4b \ud83d","key":"k","meta":{"a":[1,-2.5e+3,true,null]},"reply_to":5}`,
		`{"type":"join","room":"tea","after":0,"limit":5}`, ` { } `, `{"a":1,}`, `{"type":"ping"} x`, `[]`, `{"a":"` + "\xff" + `"}`,
		`{"type":"history","room":"a","only":"messages","before":9007199254740991}`, `{"type":null}`, `{"\u0074ype":"ping"}`,
		`{"type":"send","room":"a","body":"x","as":{"user":"b","name":" B ","system":false}}`, `{"type":"delete","room":"a","seq":1,"as":{"system":true,"user":null}}`,
		`{"type":"send","room":"a","body":"x","if_head":0,"silent":true}`, `{"type":"send","room":"a","body":"x","if_head":-0.0,"silent":null}`,
		`{"a":` + nested(70) + `}`, `{"a":` + strings.Repeat(`{"b":[1,`, 70) + `{}` + strings.Repeat(`],"c":[]}`, 70) + `}`, `{"a":01}`, `{"a":-}`, `{"a":1e}`,
	} {
		f.Add([]byte(seed))
	}
	for _, side := range []string{"client", "server"} {
		for _, text := range readSpecimens(f, side) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var theirs map[string]json.RawMessage
		theirErr := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &theirs)
		ours := map[string]string{}
		ok := members(data, "a frame", func(name []byte, v value) { ours[string(name)] = string(v.raw) }) == nil
		deep := depth(data) > 10_000 // encoding/json refuses it
		if isObject := theirErr == nil && theirs != nil; ok != isObject && !deep {
			t.Fatalf("ours says %v of %q, encoding/json %v %v", ok, data, theirErr, theirs != nil)
		}
		if !ok {
			if _, bad := Decode(data).Ask.(ports.Malformed); !bad {
				t.Fatalf("%q is no object and was decoded", data)
			}
			return
		}
		if len(ours) != len(theirs) {
			t.Fatalf("the names of %q are %v, encoding/json has %v", data, ours, theirs)
		}
		for name, raw := range theirs {
			if !bytes.Equal(bytes.TrimSpace(raw), []byte(ours[name])) {
				t.Fatalf("%q of %q is %q, encoding/json has %q", name, data, ours[name], raw)
			}
			var text string
			if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
				if got := unquote(raw); got != text {
					t.Fatalf("%q says %q, encoding/json %q", raw, got, text)
				}
			}
		}
		valid(t, Decode(data))
	})
}

// depth is an upper bound of how deep a text nests: it counts brackets in strings too.
func depth(data []byte) (deepest int) {
	at := 0
	for _, c := range data {
		switch c {
		case '{', '[':
			at++
			deepest = max(deepest, at)
		case '}', ']':
			at--
		}
	}
	return deepest
}

// valid checks that the values in a command are valid.
func valid(t *testing.T, c ports.Command) {
	t.Helper()
	if utf8.RuneCountInString(c.ID) > MaxIDChars {
		t.Fatalf("id %q", c.ID)
	}
	if c.As != nil {
		if _, err := chat.ParseUserID(string(c.As.User)); err != nil && (c.As.User != chat.System || c.As.Name != "") {
			t.Fatalf("as %+v", c.As)
		}
		if name, err := chat.ParseName(c.As.Name); err != nil || name != c.As.Name {
			t.Fatalf("as %+v", c.As)
		}
	}
	switch a := c.Ask.(type) {
	case ports.Malformed:
		if e := chat.AsError(a.Err); e.Kind != chat.BadRequest && e.Kind != chat.UnknownType && e.Kind != chat.Invalid || e.Reason == "" {
			t.Fatalf("malformed for %v", a.Err)
		}
	case ports.Send:
		if body, err := chat.ParseBody(a.Body); err != nil || body != a.Body {
			t.Fatalf("body %q", a.Body)
		}
		if _, err := chat.ParseRoomID(string(a.Room)); err != nil {
			t.Fatal(err)
		}
		if a.Meta != nil && !json.Valid(a.Meta) {
			t.Fatalf("meta %q", a.Meta)
		}
	case ports.History:
		if a.Limit < 1 || a.Limit > ports.MaxPage || a.Before > 0 && a.After != nil {
			t.Fatalf("history %+v", a)
		}
	case ports.Join:
		if a.Limit < 0 || a.Limit > ports.MaxPage || a.After != nil && *a.After < 0 {
			t.Fatalf("join %+v", a)
		}
	}
}

// FuzzReadBatch holds a batch against its commands one by one: each is decoded as the frame that it
// would be.
func FuzzReadBatch(f *testing.F) {
	for _, seed := range []string{
		`{"commands":[{"type":"ping"},7,null,"x",[],{}],"as":{"user":"bob"}}`, `{"commands":[]}`, `{"commands":[{"type":"send","room":"a","body":"\ud800"}]}`,
		`{"commands":{},"commands":[{}]}`, `{"commands":[ {"type":"batch","commands":[{}]} , {"a":` + nested(70) + `} ]}`, `{"commands":[{}],"x":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		commands, _, err := ReadBatch(data)
		if err != nil {
			if e := chat.AsError(err); e.Kind != chat.BadRequest && e.Kind != chat.Invalid || len(commands) > 0 {
				t.Fatalf("%d commands, %v", len(commands), err)
			}
			return
		}
		var theirs struct {
			Commands []json.RawMessage `json:"commands"`
		}
		if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &theirs); err != nil {
			return // deeper than encoding/json goes, or a name in another case
		}
		if len(commands) > MaxBatch || len(commands) == 0 {
			t.Fatalf("there are %d commands", len(commands))
		}
		for i, c := range commands {
			valid(t, c)
			if len(theirs.Commands) != len(commands) || !utf8.Valid(theirs.Commands[i]) {
				continue
			}
			if want := Decode(theirs.Commands[i]); ports.NameOf(want.Ask) != ports.NameOf(c.Ask) || want.ID != c.ID {
				t.Fatalf("%s became %+v, alone %+v", theirs.Commands[i], c, want)
			}
		}
	})
}

// refEntry is an entry's frame for encoding/json: the members of all types, in their order.
type refEntry struct {
	Type      string          `json:"type"`
	Room      string          `json:"room"`
	Seq       int64           `json:"seq"`
	At        string          `json:"at"`
	Author    refUser         `json:"author"`
	Via       string          `json:"via,omitempty"`
	Set       *string         `json:"set,omitempty"`
	Target    int64           `json:"target,omitempty"`
	Slot      *string         `json:"slot,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Body      *string         `json:"body,omitempty"`
	Key       string          `json:"key,omitempty"`
	ReplyTo   int64           `json:"reply_to,omitempty"`
	Meta      json.RawMessage `json:"meta,omitempty"`
	EditedAt  string          `json:"edited_at,omitempty"`
	DeletedAt string          `json:"deleted_at,omitempty"`
	Silent    bool            `json:"silent,omitempty"`
	Reactions []refReaction   `json:"reactions,omitempty"`
	Emoji     string          `json:"emoji,omitempty"`
	Removed   *bool           `json:"removed,omitempty"`
	Count     *int            `json:"count,omitempty"`
	User      string          `json:"user,omitempty"`
	Change    string          `json:"change,omitempty"`
	Role      string          `json:"role,omitempty"`
	Name      *string         `json:"name,omitempty"`
}

type refUser struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type refReaction struct {
	Emoji string `json:"emoji"`
	Count int    `json:"count"`
	Me    bool   `json:"me,omitempty"`
}

// reference returns the frame that an entry should have.
func reference(e *chat.Entry) refEntry {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	ref := refEntry{Room: string(e.Room), Seq: int64(e.Seq), At: stamp(e.At), Author: refUser{string(e.Author.ID), e.Author.Name}, Via: e.Via}
	if ref.Author.Name == "" {
		ref.Author.Name = ref.Author.ID
	}
	switch f := e.Fact.(type) {
	case chat.Message:
		ref.Type, ref.ReplyTo, ref.Meta = "message", int64(f.ReplyTo), f.Meta
		ref.EditedAt, ref.DeletedAt, ref.Silent = stamp(f.EditedAt), stamp(f.DeletedAt), f.Silent
		if f.DeletedAt.IsZero() {
			ref.Body = &f.Body
		}
		if !e.Key.Made() {
			ref.Key = string(e.Key)
		}
		for _, r := range f.Reactions {
			ref.Reactions = append(ref.Reactions, refReaction(r))
		}
	case chat.Set:
		ref.Type, ref.Set, ref.Target, ref.Slot, ref.Data = "set", (*string)(&f.Type), int64(f.Target), &f.Slot, f.Data
	case chat.Edited:
		ref.Type, ref.Target = "edited", int64(f.Target)
		if f.Body != "" {
			ref.Body = &f.Body
		}
	case chat.Deleted:
		ref.Type, ref.Target = "deleted", int64(f.Target)
	case chat.Reacted:
		ref.Type, ref.Target, ref.Emoji, ref.Removed, ref.Count = "reacted", int64(f.Target), f.Emoji, &f.Removed, &f.Count
	case chat.MemberChanged:
		ref.Type, ref.User, ref.Change = "member", string(f.User), string(f.Change)
		if f.Role != chat.None {
			ref.Role = f.Role.String()
		}
	case chat.RoomChanged:
		ref.Type, ref.Change = "room", string(f.Change)
		if f.Change == chat.RoomRenamed {
			ref.Name = &f.Name
		}
	}
	return ref
}

// FuzzEntry compares the encoder with encoding/json, byte by byte, with one entry of each type.
func FuzzEntry(f *testing.F) {
	f.Add("hello", "Alice", "k", "👍", int64(7), int64(1700000000123))
	f.Add("<b>&\u2028\u2029\"\\\x00\x1f\x7f\xff\n\t", "", "\x1fmade", "x", int64(1), int64(0))
	f.Add("hello", "", "k", strings.Repeat("x", 5000), int64(1), int64(0)) // no store keeps it, and no frame shows it
	for _, e := range entries {
		if m, ok := e.entry.Fact.(chat.Message); ok {
			f.Add(m.Body, e.entry.Author.Name, string(e.entry.Key), "👍", int64(e.entry.Seq), noon.UnixMilli())
		}
	}
	f.Fuzz(func(t *testing.T, text, who, key, emoji string, n, ms int64) {
		if n < 1 || n > int64(chat.MaxSeq) || ms < 0 || ms > 250000000000000 {
			return
		}
		if emoji == "" || utf8.RuneCountInString(emoji) > chat.MaxEmojiChars { // how many reactions are shown is bounded by size
			return
		}
		at, seq := time.UnixMilli(ms), chat.Seq(n)
		for _, fact := range []chat.Fact{
			chat.Message{
				Body: text, ReplyTo: seq, Meta: []byte(`{"a":1}`), EditedAt: at,
				Reactions: []chat.Reaction{{Emoji: emoji, Count: int(n), Me: true}, {Emoji: "-", Count: 1}},
			},
			chat.Message{DeletedAt: at, Silent: true},
			chat.Edited{Target: seq, Body: text},
			chat.Set{Type: chat.SetType(text), Target: seq, Slot: who, Data: []byte(`{"a":1}`)},
			chat.Set{Type: "x.a", Slot: text},
			chat.Deleted{Target: seq},
			chat.Reacted{Target: seq, Emoji: emoji, Removed: ms%2 == 0, Count: int(n)},
			chat.MemberChanged{User: chat.UserID(emoji), Change: chat.MemberJoined, Role: chat.Role(n % 4)},
			chat.RoomChanged{Change: chat.RoomRenamed, Name: text},
		} {
			e := chat.Entry{Room: "tea", Seq: seq, At: at, Author: chat.Author{ID: "u", Name: who}, Via: who, Key: chat.Key(key), Fact: fact}
			var want bytes.Buffer
			enc := json.NewEncoder(&want)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(reference(&e)); err != nil {
				t.Fatal(err)
			}
			if got := AppendEntry(nil, &e); !bytes.Equal(got, bytes.TrimRight(want.Bytes(), "\n")) {
				t.Fatalf("got  %s\nwant %s", got, want.Bytes())
			}
		}
	})
}
