package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// description is the part of the document that tests look at.
type description struct {
	Info struct {
		Closes map[string]string `json:"x-close-codes"`
	} `json:"info"`
	Channels map[string]struct {
		Address  string                     `json:"address"`
		Messages map[string]json.RawMessage `json:"messages"`
	} `json:"channels"`
	Components struct {
		Messages map[string]struct {
			Examples []struct {
				Payload json.RawMessage `json:"payload"`
			} `json:"examples"`
		} `json:"messages"`
		Schemas map[string]struct {
			Enum []string `json:"enum"`
		} `json:"schemas"`
	} `json:"components"`
}

func described(t *testing.T) (d description, schema func(name string) *jsonschema.Schema) {
	t.Helper()
	if err := json.Unmarshal(AsyncAPI, &d); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(AsyncAPI))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:///asyncapi.json", document); err != nil {
		t.Fatal(err)
	}
	return d, func(name string) *jsonschema.Schema {
		t.Helper()
		s, err := c.Compile("mem:///asyncapi.json#/components/schemas/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func check(t *testing.T, s *jsonschema.Schema, text []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}

func TestAsyncAPIHasEveryFrame(t *testing.T) {
	t.Parallel()
	d, schema := described(t)
	var ofDocument []string
	for name, m := range d.Components.Messages {
		for _, c := range d.Channels {
			if _, ok := c.Messages[name]; !ok {
				t.Errorf("%s is not in the channel %s", name, c.Address)
			}
		}
		for _, e := range m.Examples {
			check(t, schema(name), e.Payload)
		}
		kind, ok := strings.CutPrefix(name, "client.")
		if !ok {
			continue
		}
		ofDocument = append(ofDocument, kind)
		for _, e := range m.Examples { // what the document shows is what the decoder takes
			if bad, ok := Decode(e.Payload).Ask.(ports.Malformed); ok {
				t.Errorf("the example of %s is refused: %v", name, bad.Err)
			}
		}
	}
	for kind := range types {
		if !slices.Contains(ofDocument, kind) {
			t.Errorf("%s is decoded and not described", kind)
		}
	}
	if len(ofDocument) != len(types) {
		t.Errorf("described are %v", ofDocument)
	}
}

func TestWhatIsEncodedIsAsDescribed(t *testing.T) {
	t.Parallel()
	_, schema := described(t)
	author := chat.Author{ID: "alice", Name: "Alice"}
	described := map[string]bool{}
	each := func(text []byte) {
		t.Helper()
		var f struct{ Type string }
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		described["server."+f.Type] = true
		check(t, schema("server."+f.Type), text)
	}
	for _, fact := range []chat.Fact{
		chat.Message{Body: "x", ReplyTo: 1, Meta: []byte("{}"), EditedAt: noon, Reactions: []chat.Reaction{{Emoji: "x", Count: 1, Me: true}}},
		chat.Message{DeletedAt: noon},
		chat.Edited{Target: 1, Body: "x"},
		chat.Edited{Target: 1},
		chat.Deleted{Target: 1},
		chat.Reacted{Target: 1, Emoji: "x", Removed: true},
		chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Read},
		chat.MemberChanged{User: "bob", Change: chat.MemberLeft},
		chat.MemberChanged{User: "bob", Change: chat.MemberBanned},
		chat.MemberChanged{User: "bob", Change: chat.MemberRole, Role: chat.Moderate},
		chat.RoomChanged{Change: chat.RoomRenamed, Name: "x"},
		chat.RoomChanged{Change: chat.RoomPublished},
		chat.RoomChanged{Change: chat.RoomHidden},
		chat.RoomChanged{Change: chat.RoomArchived},
		chat.RoomChanged{Change: chat.RoomUnarchived},
	} {
		each(AppendEntry(nil, &chat.Entry{Room: "tea", Seq: 2, At: noon, Author: author, Key: "k", Fact: fact}))
	}
	receipt := ports.Receipt{Room: "tea", Seq: 1, At: noon}
	page := ports.Page{Room: "tea", Head: 1, Entries: []chat.Entry{{Room: "tea", Seq: 1, At: noon, Author: author, Fact: chat.Message{Body: "x"}}}}
	for _, frame := range []ports.Frame{
		ports.Welcome{Session: "s", User: author, Heartbeat: 1e9, Limits: ports.Limits{FrameBytes: 1, Rooms: 1, Replay: 1}},
		ports.OK{ID: "1", Answer: ports.Authenticated{User: author}},
		ports.OK{ID: "1", Answer: ports.Joined{Room: "tea", From: 1, Role: chat.Read}},
		ports.OK{ID: "1", Answer: ports.Left{Room: "tea"}},
		ports.OK{ID: "1", Answer: ports.Sent{Receipt: receipt}},
		ports.OK{ID: "1", Answer: ports.Changed{Receipt: receipt}},
		ports.OK{ID: "1", Answer: ports.ReactionSet{Receipt: receipt}},
		ports.OK{ID: "1", Answer: page},
		ports.OK{ID: "1", Answer: ports.Marked{Room: "tea"}},
		ports.OK{ID: "1", Answer: ports.TypingNoted{}},
		ports.OK{ID: "1", Answer: ports.Present{Room: "tea", Users: []chat.Author{author}, Total: 1}},
		ports.OK{ID: "1", Answer: ports.Pong{Now: noon}},
		ports.Failure{ID: "1", Err: chat.Errorf(chat.RateLimited, "x")},
		ports.SignalFrame{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalTyping}},
		ports.SignalFrame{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalPresence}},
		ports.SignalFrame{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalRead, Seq: 1}},
		ports.Drain{ReconnectIn: 1e9},
	} {
		each(AppendFrame(nil, frame))
	}
	d := description{}
	if err := json.Unmarshal(AsyncAPI, &d); err != nil {
		t.Fatal(err)
	}
	for name := range d.Components.Messages {
		if strings.HasPrefix(name, "server.") && !described[name] {
			t.Errorf("%s is described and never encoded", name)
		}
	}
}

func TestAsyncAPIHasEveryCode(t *testing.T) {
	t.Parallel()
	d, _ := described(t)
	codes := d.Components.Schemas["code"].Enum
	for kind := range statuses {
		if !slices.Contains(codes, string(kind)) {
			t.Errorf("the code %s is not described", kind)
		}
	}
	if len(codes) != len(statuses) {
		t.Errorf("described are %v", codes)
	}
	for reason := range closings {
		if code := fmt.Sprint(closings[reason].code); d.Info.Closes[code] == "" && ports.CloseReason(reason) != ports.CloseGone {
			t.Errorf("the close code %s is not described", code)
		}
	}
}
