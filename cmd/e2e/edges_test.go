package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// edgesSuite is what the service's edges take and refuse, by socket and by HTTP alike. It runs on every store.
func edgesSuite(t *testing.T, s *service) {
	tests := map[string]func(*testing.T, *service){
		"frames and bodies are I-JSON, and meta is bounded": iJSON,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, s) })
	}
}

func iJSON(t *testing.T, s *service) {
	room, alice := s.room(), s.token(t, "alice")
	on := s.connects(t, "alice")
	on.asks("join", "room", room)
	nested := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	for members, field := range map[string]string{
		`"body":"x","key":"\ud800"`:                "key",
		`"body":"x","key":"\udbff"`:                "key",
		`"body":"x\udc00"`:                         "body",
		`"body":"x","meta":{"a":"\ud800"}`:         "meta",
		`"body":"x","meta":{"\ud800":1}`:           "meta",
		`"body":"x","meta":{"a":1e999}`:            "meta",
		`"body":"x","meta":{"a":"\u0000"}`:         "meta",
		`"body":"x","meta":{"a\u0000":1}`:          "meta",
		`"body":"x","meta":{"a":1,"a":2}`:          "meta",
		`"body":"x","meta":` + nested(33):          "meta",
		`"body":"x","meta":` + nested(600):         "meta",
		`"body":"x","body":"y"`:                    "body",
		`"body":"x","unknown":[1e999]`:             "unknown",
		`"body":"x","unknown":{"a":["\udfff"]}`:    "unknown",
		`"body":"x","reply_to":1.5`:                "reply_to",
		`"body":"x","reply_to":9007199254740993.0`: "reply_to",
	} {
		on.writes(`{"type":"send","id":"bad","room":"` + room + `",` + members + `}`)
		if f := on.answer("bad"); f.str("code") != "invalid" || !strings.HasPrefix(f.str("message"), field+" ") {
			t.Errorf("the frame with %.60s got %v", members, f)
		}
		e := s.gets(t, 422, alice, "POST", "/v1/rooms/"+room+"/messages", "{"+members+"}").sub("error")
		if e.str("code") != "invalid" || !strings.HasPrefix(e.str("message"), field+" ") {
			t.Errorf("the body with %.60s got %v", members, e)
		}
	}
	meta := `{"deep":` + nested(31) + `,"n":[-0,1.7976931348623157e308,5e-324,12345678901234567890],"wave":"\ud83d\udc4b"}`
	on.writes("\ufeff" + `{"type":"send","id":"good","room":"` + room + `","body":"x","meta":` + meta + `}`)
	if f := on.answer("good"); f.num("seq") != 1 {
		t.Fatalf("good meta got %v", f)
	}
	s.gets(t, 201, alice, "POST", "/v1/rooms/"+room+"/messages", "\ufeff"+`{"body":"x","reply_to":1.0,"meta":`+meta+`}`)
	var want any
	if err := json.Unmarshal([]byte(meta), &want); err != nil {
		t.Fatal(err)
	}
	for _, e := range on.reads(room, 1, 2) {
		if got, _ := json.Marshal(e["meta"]); string(got) != string(encoded(t, want)) {
			t.Errorf("meta is %s, want %s", got, meta)
		}
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
