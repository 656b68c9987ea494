package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

func TestWhatIsUnknownGoesOutAsItStands(t *testing.T) {
	t.Parallel()
	const before, after = `{"type":"`, `","room":"general","seq":9,"at":"2026-11-23T11:00:00.005Z","author":{"id":"alice","name":"Alice"}`
	for name, c := range map[string]struct {
		fact chat.Unknown
		want string
	}{
		"with all that an entry may have":   {Unknown("poll", 8, 3, []byte(`{"slot":"","kind":"pinned","data":{"<":1e2}}`), nil), before + `poll` + after + `,"target":3,"data":{"<":1e2},"kind":"pinned","slot":""}`},
		"without a name":                    {Unknown("", 7, 0, nil, nil), before + `kind7` + after + `}`},
		"without name and number":           {Unknown("", 0, 0, nil, nil), before + `unknown` + after + `}`},
		"with a name that is none":          {Unknown("a\x00", 8, 0, nil, nil), before + `kind8` + after + `}`},
		"with a name that is too long":      {Unknown(strings.Repeat("x", MaxTypeChars+1), 8, 0, nil, nil), before + `kind8` + after + `}`},
		"with the name of something else":   {Unknown("message", 9, 0, nil, nil), before + `kind9` + after + `}`},
		"with a target that cannot be":      {Unknown("poll", 8, -1, nil, nil), before + `poll` + after + `}`},
		"with columns":                      {Unknown("poll", 8, 0, nil, map[string]any{"body": "<b>", "count": 2, "removed": true, "role": chat.Write, "name": "", "reply_to": chat.Seq(0), "meta": json.RawMessage(nil)}), before + `poll` + after + `,"body":"<b>","count":2,"removed":true,"role":"write"}`},
		"with a column that data has too":   {Unknown("poll", 8, 0, []byte(`{"body":1}`), map[string]any{"body": "x", "name": "y"}), before + `poll` + after + `,"body":1,"name":"y"}`},
		"with members of an entry's own":    {Unknown("poll", 8, 0, []byte(`{"room":1,"type":2,"seq":3,"at":4,"author":5,"target":6,"traceparent":7}`), nil), before + `poll` + after + `}`},
		"with data that is no object":       {Unknown("poll", 8, 0, []byte(`[1]`), nil), before + `poll` + after + `}`},
		"with data that is too large":       {Unknown("poll", 8, 0, []byte(`{"x":"`+strings.Repeat("x", MaxUnknownBytes)+`"}`), nil), before + `poll` + after + `}`},
		"with a column that cannot be JSON": {Unknown("poll", 8, 0, nil, map[string]any{"meta": json.RawMessage(`{"a":`)}), before + `poll` + after + `}`},
	} {
		e := entry(9, chat.NewKey(), c.fact)
		if got := string(AppendEntry(nil, &e)); got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("an entry %s is\n%s, want\n%s", name, got, c.want)
		}
	}
}

// A role of a later version is shown as the highest role of this version, and never breaks a frame.
func TestARoleOfALaterVersionIsShown(t *testing.T) {
	t.Parallel()
	e := entry(9, chat.NewKey(), chat.MemberChanged{User: "bob", Change: "knighted", Role: chat.Moderate + 5})
	if got := string(AppendEntry(nil, &e)); !strings.Contains(got, `"change":"knighted","role":"moderate"`) {
		t.Error(got)
	}
}
