package wire

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

//go:embed asyncapi.json
var asyncAPI []byte

// description is the part of the document that the tests use.
type description struct {
	Info struct {
		Closes map[string]string `json:"x-close-codes"`
		Errors map[string]struct {
			Status int    `json:"status"`
			When   string `json:"when"`
		} `json:"x-error-codes"`
	} `json:"info"`
	Channels map[string]struct {
		Address  string         `json:"address"`
		Messages map[string]ref `json:"messages"`
	} `json:"channels"`
	Operations map[string]struct {
		Action   string `json:"action"`
		Messages []ref  `json:"messages"`
		Reply    struct {
			Messages []ref `json:"messages"`
		} `json:"reply"`
	} `json:"operations"`
	Components struct {
		Messages map[string]struct {
			Name     string `json:"name"`
			Examples []struct {
				Name    string `json:"name"`
				Payload any    `json:"payload"`
			} `json:"examples"`
		} `json:"messages"`
		Schemas map[string]struct {
			Enum      []string `json:"enum"`
			MaxLength int      `json:"maxLength"`
			Maximum   chat.Seq `json:"maximum"`
		} `json:"schemas"`
	} `json:"components"`
}

// ref points to a part of the document; the last part of the path is its name.
type ref struct {
	To string `json:"$ref"`
}

func named(refs []ref) (names []string) {
	for _, r := range refs {
		names = append(names, r.To[strings.LastIndexByte(r.To, '/')+1:])
	}
	return names
}

func described(t *testing.T) (d description) {
	t.Helper()
	if err := json.Unmarshal(asyncAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// payload returns the schema of a message. Clients ignore members that they do not know, so the
// document allows others. Here it may not: all that is encoded must be described.
func payload(t *testing.T, message string) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asyncAPI))
	if err != nil {
		t.Fatal(err)
	}
	forbidOthers(document)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // what AsyncAPI 3 builds on
	c.AssertFormat()
	if err := c.AddResource("mem:///asyncapi.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///asyncapi.json#/components/messages/" + message + "/payload")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func forbidOthers(part any) {
	switch part := part.(type) {
	case map[string]any:
		if _, ok := part["properties"]; ok && part["type"] == "object" {
			part["additionalProperties"] = false
		}
		for _, p := range part {
			forbidOthers(p)
		}
	case []any:
		for _, p := range part {
			forbidOthers(p)
		}
	}
}

func fits(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s.Validate(v)
}

// messageOf returns the message of a specimen: its name without the variant.
func (d *description) messageOf(side, specimen string) string {
	for name := side + "." + specimen; name != side; name = name[:strings.LastIndexByte(name, '.')] {
		if _, ok := d.Components.Messages[name]; ok {
			return name
		}
	}
	return ""
}

func TestSpecimensAreAsDescribed(t *testing.T) {
	t.Parallel()
	d := described(t)
	seen := map[string]int{}
	for _, side := range []string{"client", "server"} {
		for specimen, text := range readSpecimens(t, side) {
			message := d.messageOf(side, specimen)
			if message == "" {
				t.Errorf("no message describes the %s's %s", side, specimen)
				continue
			}
			seen[message]++
			if err := fits(t, payload(t, message), text); (err != nil) != (specimen == "send.unknown") {
				t.Errorf("%s: %v", specimen, err)
			}
			var want any
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			if !d.shows(message, specimen, want) {
				t.Errorf("the message %s lacks the example\n{ \"name\": %q, \"payload\": %s }", message, specimen, text)
			}
		}
	}
	for name, m := range d.Components.Messages {
		if seen[name] == 0 || len(m.Examples) != seen[name] {
			t.Errorf("the message %s has %d examples and %d specimens", name, len(m.Examples), seen[name])
		}
	}
}

func (d *description) shows(message, example string, payload any) bool {
	for _, e := range d.Components.Messages[message].Examples {
		if e.Name == example {
			return reflect.DeepEqual(e.Payload, payload)
		}
	}
	return false
}

func TestEveryMessageIsInItsPlaces(t *testing.T) {
	t.Parallel()
	d := described(t)
	all := slices.Sorted(maps.Keys(d.Components.Messages))
	for _, c := range d.Channels {
		if got := slices.Sorted(maps.Keys(c.Messages)); !slices.Equal(got, all) {
			t.Errorf("the channel %s has %v, want %v", c.Address, got, all)
		}
	}
	for kind := range types {
		o := d.Operations[kind]
		if got := named(o.Messages); o.Action != "receive" || !slices.Equal(got, []string{"client." + kind}) {
			t.Errorf("the operation %s does %q with %v", kind, o.Action, got)
		}
		if got := named(o.Reply.Messages); !slices.Equal(got, []string{"server.ok." + kind, "server.error"}) {
			t.Errorf("the operation %s is answered by %v", kind, got)
		}
	}
	inOperations := map[string]bool{}
	for _, o := range d.Operations {
		for _, name := range slices.Concat(named(o.Messages), named(o.Reply.Messages)) {
			inOperations[name] = true
		}
	}
	for _, name := range all {
		kind, client := strings.CutPrefix(name, "client.")
		if _, known := types[kind]; client && !known {
			t.Errorf("%s is described and not decoded", kind)
		}
		if !inOperations[name] {
			t.Errorf("no operation has the message %s", name)
		}
	}
}

func TestTheDocumentHasEveryCode(t *testing.T) {
	t.Parallel()
	d := described(t)
	codes := d.Components.Schemas["ErrorCode"].Enum
	for kind, status := range statuses {
		if got := d.Info.Errors[string(kind)]; got.Status != status || got.When == "" || !slices.Contains(codes, string(kind)) {
			t.Errorf("the code %s is described as %+v, want the status %d", kind, got, status)
		}
	}
	if len(codes) != len(statuses) || len(d.Info.Errors) != len(statuses) {
		t.Errorf("described are %v and %v", codes, d.Info.Errors)
	}
	transport := []string{"1002", "1003", "1007", "1009"} // the WebSocket's own
	inTable := map[string]bool{}
	for reason := range closings {
		code := strconv.Itoa(int(closings[reason].code))
		inTable[code] = true
		if d.Info.Closes[code] == "" {
			t.Errorf("the close code %s is not described", code)
		}
	}
	for code := range d.Info.Closes {
		if !inTable[code] && !slices.Contains(transport, code) {
			t.Errorf("the close code %s is described and never used", code)
		}
	}
}

func TestTheDocumentHasTheLimits(t *testing.T) {
	t.Parallel()
	schemas := described(t).Components.Schemas
	for name, want := range map[string]int{
		"FrameID": MaxIDChars, "UserID": chat.MaxUserIDChars, "Body": chat.MaxBodyChars, "Key": chat.MaxKeyChars, "Emoji": chat.MaxEmojiChars,
	} {
		if got := schemas[name].MaxLength; got != want {
			t.Errorf("%s has at most %d characters, want %d", name, got, want)
		}
	}
	for _, name := range []string{"Seq", "Cursor"} {
		if got := schemas[name].Maximum; got != chat.MaxSeq {
			t.Errorf("%s is at most %d, want %d", name, got, chat.MaxSeq)
		}
	}
}

// The document does not describe frames that the decoder refuses, as far as schemas can say it.
func TestWhatIsRefusedIsNotDescribed(t *testing.T) {
	t.Parallel()
	for _, c := range refused {
		var frame struct{ Type string }
		if c.beyond || json.Unmarshal([]byte(c.text), &frame) != nil {
			continue
		}
		if _, known := types[frame.Type]; !known {
			continue
		}
		if fits(t, payload(t, "client."+frame.Type), []byte(c.text)) == nil {
			t.Errorf("the document allows %s", c.text)
		}
	}
	for _, c := range []string{ // those of the service
		`{"type":"message","room":"tea","seq":7,"at":"2026-11-23T11:00:00.005Z","author":{"id":"a","name":"A"}}`,
		`{"type":"message","room":"tea","seq":7,"at":"2026-11-23T11:00:00Z","author":{"id":"a","name":"A"},"body":"x"}`,
		`{"type":"message","room":"tea","seq":7,"at":"2026-11-23T11:00:00.005Z","author":{"id":"a"},"body":"x"}`,
		`{"type":"message","room":"tea","seq":0,"at":"2026-11-23T11:00:00.005Z","author":{"id":"a","name":"A"},"body":"x"}`,
		`{"type":"message","room":"tea","seq":7,"at":"2026-11-23T11:00:00.005Z","author":{"id":"a","name":"A"},"body":"x","deleted_at":"2026-11-23T11:00:00.005Z"}`,
		`{"type":"message","room":"tea","seq":7,"at":"2026-11-23T11:00:00.005Z","author":{"id":"a","name":"A"},"meta":{},"deleted_at":"2026-11-23T11:00:00.005Z"}`,
	} {
		if fits(t, payload(t, "server.message"), []byte(c)) == nil {
			t.Errorf("the document allows %s", c)
		}
	}
}

// Every close reason has a row, so that CloseCode can take it.
func TestEveryReasonHasARow(t *testing.T) {
	t.Parallel()
	for reason := ports.CloseGone; reason <= ports.CloseProtocol; reason++ {
		if code, _ := CloseCode(reason); code < 1000 {
			t.Errorf("%s has the close code %d", reason, code)
		}
	}
}
