package wire

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want ports.Ask
	}{
		{`{"type":"auth","token":"x"}`, ports.Auth{Token: "x"}},
		{`{"type":"join","room":"tea"}`, ports.Join{Room: "tea", Limit: 50}},
		{`{"type":"join","room":"tea","after":7,"limit":0}`, ports.Join{Room: "tea", After: &seven, Limit: 0}},
		{`{"type":"join","room":"tea","after":null,"limit":null}`, ports.Join{Room: "tea", Limit: 50}},
		{`{"type":"leave","room":"tea"}`, ports.Leave{Room: "tea"}},
		{`{"type":"send","room":"tea","body":"a\nb \n"}`, ports.Send{Room: "tea", Body: "a\nb"}},
		{`{"type":"send","room":"tea","body":"x","key":"k","reply_to":7,"meta":{"a": 1}}`, ports.Send{Room: "tea", Body: "x", Key: "k", ReplyTo: 7, Meta: []byte(`{"a": 1}`)}},
		{`{"type":"edit","room":"tea","seq":7,"body":"x"}`, ports.Edit{Room: "tea", Seq: 7, Body: "x"}},
		{`{"type":"delete","room":"tea","seq":7}`, ports.Delete{Room: "tea", Seq: 7}},
		{`{"type":"react","room":"tea","seq":7,"emoji":"👍"}`, ports.React{Room: "tea", Seq: 7, Emoji: "👍"}},
		{`{"type":"react","room":"tea","seq":7,"emoji":":x:","remove":true}`, ports.React{Room: "tea", Seq: 7, Emoji: ":x:", Remove: true}},
		{`{"type":"history","room":"tea"}`, ports.History{Room: "tea", Limit: 50}},
		{`{"type":"history","room":"tea","before":7,"limit":200,"only":"messages"}`, ports.History{Room: "tea", Before: 7, Limit: 200, Messages: true}},
		{`{"type":"history","room":"tea","after":7}`, ports.History{Room: "tea", After: &seven, Limit: 50}},
		{`{"type":"read","room":"tea","seq":7}`, ports.Mark{Room: "tea", Seq: 7}},
		{`{"type":"typing","room":"tea"}`, ports.Typing{Room: "tea", On: true}},
		{`{"type":"typing","room":"tea","on":false}`, ports.Typing{Room: "tea"}},
		{`{"type":"presence","room":"tea"}`, ports.Presence{Room: "tea"}},
		{`{"type":"ping","extra":{"deep":[1,2,{"x":null}]}}`, ports.Ping{}},
		{`{"type":"read","room":"tea","seq":7.0}`, ports.Mark{Room: "tea", Seq: 7}},
		{`{"type":"ping","x":` + nested(63) + `}`, ports.Ping{}},
	} {
		if got := Decode([]byte(c.text)); !reflect.DeepEqual(got.Ask, c.want) {
			t.Errorf("%s is %#v, want %#v", c.text, got.Ask, c.want)
		}
	}
	if got := Decode([]byte(`{"type":"ping","id":"mine"}`)); got.ID != "mine" {
		t.Errorf("id %q", got.ID)
	}
}

// nested is an array in arrays, n deep.
func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// refused are frames that the decoder refuses, with the kind of the error and a part of its text.
var refused = []struct {
	text   string
	kind   chat.Kind
	names  string
	beyond bool // a JSON Schema cannot express it
}{
	{``, chat.BadRequest, "object", false},
	{`null`, chat.BadRequest, "object", false},
	{`{"type":"ping"`, chat.BadRequest, "object", false},
	{`{"type":"ping"}{}`, chat.BadRequest, "object", false},
	{`{"type":"ping","x":` + nested(64) + `}`, chat.BadRequest, "64", true},
	{`{"Type":"ping"}`, chat.BadRequest, "type", false},
	{`{"type":["ping"]}`, chat.BadRequest, "type", false},
	{`{"type":"PING"}`, chat.UnknownType, "PING", false},
	{`{"type":"ping","id":5}`, chat.BadRequest, "id", false},
	{`{"type":"ping","id":"` + strings.Repeat("x", 65) + `"}`, chat.Invalid, "id", false},
	{`{"type":"auth"}`, chat.Invalid, "token", false},
	{`{"type":"users"}`, chat.Invalid, "ids", false},
	{`{"type":"users","ids":[]}`, chat.Invalid, "ids", false},
	{`{"type":"users","ids":"alice"}`, chat.BadRequest, "ids", false},
	{`{"type":"users","ids":[7]}`, chat.BadRequest, "ids", false},
	{`{"type":"users","ids":["alice",["bob"]]}`, chat.BadRequest, "ids", false},
	{`{"type":"users","ids":["` + strings.Repeat(`a","`, 100) + `a"]}`, chat.Invalid, "ids", false},
	{`{"type":"users","ids":["` + strings.Repeat("a", 129) + `"]}`, chat.Invalid, "ids", false},
	{`{"type":"users","ids":[""]}`, chat.Invalid, "ids", false},
	{`{"type":"users","ids":["a",".."]}`, chat.Invalid, "ids", true},
	{`{"type":"users","ids":["a\u0007"]}`, chat.Invalid, "ids", true},
	{`{"type":"users","ids":["a\ud800"]}`, chat.Invalid, "ids", true},
	{`{"type":"pin","room":"tea"}`, chat.Invalid, "seq", false},
	{`{"type":"pin","room":"tea","seq":0}`, chat.Invalid, "seq", false},
	{`{"type":"pin","room":"tea","seq":-1}`, chat.Invalid, "seq", false},
	{`{"type":"pin","room":"tea","seq":7,"until":"soon"}`, chat.Invalid, "until", false},
	{`{"type":"pin","room":"tea","seq":7,"until":7}`, chat.BadRequest, "until", false},
	{`{"type":"pin","room":"tea","seq":7,"until":"1969-01-01T00:00:00Z"}`, chat.Invalid, "until", true},
	{`{"type":"unpin","room":"tea"}`, chat.Invalid, "seq", false},
	{`{"type":"set","room":"tea","data":1}`, chat.Invalid, "set", false},
	{`{"type":"set","room":"tea","set":"pinned","data":1}`, chat.Invalid, "set", false},
	{`{"type":"set","room":"tea","set":"x.","data":1}`, chat.Invalid, "set", false},
	{`{"type":"set","room":"tea","set":"x.A","data":1}`, chat.Invalid, "set", false},
	{`{"type":"set","room":"tea","set":"x.` + strings.Repeat("a", 63) + `","data":1}`, chat.Invalid, "set", false},
	{`{"type":"set","room":"tea","set":7,"data":1}`, chat.BadRequest, "set", false},
	{`{"type":"set","room":"tea","set":"x.a"}`, chat.Invalid, "data", false},
	{`{"type":"set","room":"tea","set":"x.a","slot":"a b","data":1}`, chat.Invalid, "slot", false},
	{`{"type":"set","room":"tea","set":"x.a","slot":"` + strings.Repeat("a", 10_000) + `","data":1}`, chat.Invalid, "slot", false},
	{`{"type":"set","room":"tea","set":"x.a","slot":7,"data":1}`, chat.BadRequest, "slot", false},
	{`{"type":"set","room":"tea","set":"x.a","target":0,"data":1}`, chat.Invalid, "target", false},
	{`{"type":"set","room":"tea","set":"x.a","target":-1,"data":1}`, chat.Invalid, "target", false},
	{`{"type":"set","room":"tea","set":"x.a","data":"` + strings.Repeat("x", 4095) + `"}`, chat.Invalid, "data", true},
	{`{"type":"set","room":"tea","set":"x.a","data":` + nested(33) + `}`, chat.Invalid, "data", true},
	{`{"type":"set","room":"tea","set":"x.a","data":` + nested(99) + `}`, chat.Invalid, "data", true},
	{`{"type":"set","room":"tea","set":"x.a","data":"\ud800"}`, chat.Invalid, "data", true},
	{`{"type":"set","room":"tea","set":"x.a","data":["\u0000"]}`, chat.Invalid, "data", true},
	{`{"type":"set","room":"tea","set":"x.a","data":{"a":1,"a":1}}`, chat.Invalid, "data", true},
	{`{"type":"set","room":"tea","set":"x.a","data":1e999}`, chat.Invalid, "data", true},
	{`{"type":"set","room":"tea","set":"x.a","data":1,"key":""}`, chat.Invalid, "key", false},
	{`{"type":"join"}`, chat.Invalid, "room", false},
	{`{"type":"join","room":"tea","after":-1}`, chat.Invalid, "after", false},
	{`{"type":"join","room":"tea","after":1.5}`, chat.Invalid, "after", false},
	{`{"type":"join","room":"tea","after":9007199254740992}`, chat.Invalid, "after", false},
	{`{"type":"join","room":"tea","after":"7"}`, chat.BadRequest, "after", false},
	{`{"type":"join","room":"tea","limit":201}`, chat.Invalid, "limit", false},
	{`{"type":"send","room":"tea","body":"x","meta":[]}`, chat.BadRequest, "meta", false},
	{`{"type":"send","room":"tea","body":"x","meta":{"x":"` + strings.Repeat("x", 4096) + `"}}`, chat.Invalid, "meta", true},
	{`{"type":"send","room":"tea","body":"x","meta":{"x":"` + "\xff" + `"}}`, chat.Invalid, "meta", true},
	{`{"type":"send","room":"tea"}`, chat.Invalid, "body", false},
	{`{"type":"send","room":"tea","body":" \n"}`, chat.Invalid, "body", true},
	{`{"type":"send","room":"Tea","body":"x"}`, chat.Invalid, "room", false},
	{`{"type":"react","room":"tea","seq":7}`, chat.Invalid, "emoji", false},
	{`{"type":"read","room":"tea","seq":5.5}`, chat.Invalid, "seq", false},
	{`{"type":"leave","type":"ping"}`, chat.Invalid, "type", true},
	{`{"type":"history","room":"tea","before":7,"after":7}`, chat.Invalid, "before", false},
	{`{"type":"send","room":"tea","body":"x","reply_to":0}`, chat.Invalid, "reply_to", false},
	{`{"type":"send","room":"tea","body":"x","key":""}`, chat.Invalid, "key", false},
	{`{"type":"edit","room":"tea","body":"x"}`, chat.Invalid, "seq", false},
	{`{"type":"history","room":"tea","only":"x"}`, chat.Invalid, "only", false},
	{`{"type":"history","room":"tea","only":""}`, chat.Invalid, "only", false},
	{`{"type":"search","q":"tea","room":""}`, chat.Invalid, "room", false},
	{`{"type":"search","q":"tea","author":""}`, chat.Invalid, "author", false},
	{`{"type":"search","q":"tea","from":""}`, chat.Invalid, "from", false},
	{`{"type":"search","q":"tea","to":""}`, chat.Invalid, "to", false},
	{`{"type":"search","q":"tea","has":""}`, chat.Invalid, "has", false},
	{`{"type":"typing","room":"tea","on":1}`, chat.BadRequest, "on", false},
	{`{"type":"send","room":"tea","body":"` + strings.Repeat("x", 4001) + `"}`, chat.Invalid, "body", false},
	{`{"type":"send","room":"tea","body":"x","key":"` + strings.Repeat("x", 65) + `"}`, chat.Invalid, "key", false},
	{`{"type":"send","room":"` + strings.Repeat("x", 65) + `","body":"x"}`, chat.Invalid, "room", false},
	{`{"type":"react","room":"tea","seq":7,"emoji":"` + strings.Repeat("x", 33) + `"}`, chat.Invalid, "emoji", false},
	{`{"type":"history","room":"tea","limit":0}`, chat.Invalid, "limit", false},
	{`{"type":"edit","room":"tea","seq":"7","body":"x"}`, chat.BadRequest, "seq", false},
	{`{"type":"send","room":"tea","body":"x","if_head":-1}`, chat.Invalid, "if_head", false},
	{`{"type":"send","room":"tea","body":"x","if_head":9007199254740992}`, chat.Invalid, "if_head", false},
	{`{"type":"send","room":"tea","body":"x","if_head":1.5}`, chat.Invalid, "if_head", false},
	{`{"type":"send","room":"tea","body":"x","if_head":"7"}`, chat.BadRequest, "if_head", false},
	{`{"type":"send","room":"tea","body":"x","silent":1}`, chat.BadRequest, "silent", false},
	{`{"type":"send","room":"tea","body":"x","silent":"true"}`, chat.BadRequest, "silent", false},
	{`{"type":"send","room":"tea","body":"x","as":"bob"}`, chat.BadRequest, "as must", false},
	{`{"type":"send","room":"tea","body":"x","as":["bob"]}`, chat.BadRequest, "as must", false},
	{`{"type":"send","room":"tea","body":"x","as":{}}`, chat.Invalid, "as must", false},
	{`{"type":"send","room":"tea","body":"x","as":{"user":null}}`, chat.Invalid, "as must", false},
	{`{"type":"send","room":"tea","body":"x","as":{"name":"Bob"}}`, chat.Invalid, "as must", true},
	{`{"type":"send","room":"tea","body":"x","as":{"system":false}}`, chat.Invalid, "as must", true},
	{`{"type":"send","room":"tea","body":"x","as":{"user":"bob","system":true}}`, chat.Invalid, "as must", true},
	{`{"type":"send","room":"tea","body":"x","as":{"system":true,"name":"Bob"}}`, chat.Invalid, "as must", true},
	{`{"type":"send","room":"tea","body":"x","as":{"user":7}}`, chat.BadRequest, "as.user", false},
	{`{"type":"send","room":"tea","body":"x","as":{"system":"true"}}`, chat.BadRequest, "as.system", false},
	{`{"type":"send","room":"tea","body":"x","as":{"user":"bob","name":7}}`, chat.BadRequest, "as.name", false},
	{`{"type":"send","room":"tea","body":"x","as":{"user":""}}`, chat.Invalid, "as.user", false},
	{`{"type":"send","room":"tea","body":"x","as":{"user":"~system"}}`, chat.Invalid, "as.user", true},
	{`{"type":"send","room":"tea","body":"x","as":{"user":".."}}`, chat.Invalid, "as.user", true},
	{`{"type":"send","room":"tea","body":"x","as":{"user":"` + strings.Repeat("x", 129) + `"}}`, chat.Invalid, "as.user", false},
	{`{"type":"send","room":"tea","body":"x","as":{"user":"bob","name":"` + strings.Repeat("x", 129) + `"}}`, chat.Invalid, "as.name", false},
	{`{"type":"send","room":"tea","body":"x","as":{"user":"a","user":"b"}}`, chat.Invalid, "as", true},
	{`{"type":"send","room":"tea","body":"x","as":{"user":"\ud800"}}`, chat.Invalid, "as", true},
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range refused {
		m, ok := Decode([]byte(c.text)).Ask.(ports.Malformed)
		if !ok {
			t.Errorf("%s was decoded", c.text)
			continue
		}
		if e := chat.AsError(m.Err); e.Kind != c.kind || !strings.Contains(e.Reason, c.names) {
			t.Errorf("%s: %s %q, want %s naming %q", c.text, e.Kind, e.Reason, c.kind, c.names)
		}
	}
	for text, want := range map[string]string{
		`{"type":"send","room":"tea"}`:                       "send",
		`{"type":"send","id":7,"room":"tea","body":"hello"}`: "send",
		`{"type":"join"}`:                                    "join",
		`{"type":"dance"}`:                                   "malformed",
		`{"type":7}`:                                         "malformed",
		`["send"]`:                                           "malformed",
	} {
		if got := ports.NameOf(Decode([]byte(text)).Ask); got != want {
			t.Errorf("%s counts as %s, want %s", text, got, want)
		}
	}
	if got := Decode([]byte(`{"type":"dance","id":"mine"}`)); got.ID != "mine" {
		t.Errorf("an unknown type loses its id: %+v", got)
	}
}

func TestDecodeKeepsNothingOfTheText(t *testing.T) {
	t.Parallel()
	text := []byte(`{"type":"send","id":"mine","room":"tea","body":"hello","key":"k","meta":{"a":1}}`)
	got := Decode(text)
	want := Decode(append([]byte(nil), text...))
	for i := range text {
		text[i] = 'x'
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the command changed with its text: %+v", got)
	}
}

func TestTheHotPathsAllocateLittle(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	if n := testing.AllocsPerRun(100, func() { Decode(benchSend) }); n > 5 { // id, room, body, key, and the command itself
		t.Errorf("decoding a send allocates %v times", n)
	}
	meta := []byte(`{"client":"web","n":[1,2.5e3,null],"link":{"url":"https://example.com","title":"An example"}}`)
	if n := testing.AllocsPerRun(100, func() { GoodMeta(meta) }); n > 0 {
		t.Errorf("looking at a meta allocates %v times", n)
	}
	dst := make([]byte, 0, 4096)
	for _, e := range entries {
		if n := testing.AllocsPerRun(100, func() { dst = AppendEntry(dst[:0], &e.entry) }); n > 0 {
			t.Errorf("encoding %s allocates %v times", e.file, n)
		}
	}
}

func TestFailuresHideTheirCause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("do it: %w", errSecret), `{"type":"error","code":"internal","message":"a fault of the service"}`},
		{fmt.Errorf("do it: %w: %w", chat.NotFound, errSecret), `{"type":"error","code":"not_found","message":"not_found"}`},
		{fmt.Errorf("do it: %w", chat.Errorf(chat.Invalid, "a\x00 <\"b\">")), `{"type":"error","code":"invalid","message":"a\u0000 <\"b\">"}`},
		{&chat.Error{Kind: chat.RateLimited, Reason: "slow", RetryAfter: 300 * time.Microsecond}, `{"type":"error","code":"rate_limited","message":"slow","retry_after_ms":1}`},
		{&chat.Error{Kind: chat.Unavailable, Reason: "away", RetryAfter: 1500*time.Millisecond + 1}, `{"type":"error","code":"unavailable","message":"away","retry_after_ms":1501}`},
	} {
		if got := string(AppendFrame(nil, ports.Failure{Err: c.err})); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}

func TestFramesOfTheTransportAreNoJSON(t *testing.T) {
	t.Parallel()
	for _, frame := range []ports.Frame{ports.Heartbeat{}, ports.CloseFrame{Reason: ports.CloseRestart}} {
		if got := string(AppendFrame([]byte("before"), frame)); got != "before" {
			t.Errorf("%T appends %q", frame, got)
		}
	}
}

func TestAnswersForHTTPHaveTheFieldsOfTheirOK(t *testing.T) {
	t.Parallel()
	for _, f := range frames {
		ok, is := f.frame.(*ports.OK)
		if !is {
			continue
		}
		want := strings.Replace(string(AppendFrame(nil, &ports.OK{Answer: ok.Answer})), `"type":"ok"`, "", 1)
		want = strings.Replace(want, "{,", "{", 1)
		if got := string(AppendAnswer([]byte("before"), ok.Answer)); got != "before"+want {
			t.Errorf("%s is %s, want %s", f.file, got, want)
		}
	}
}

func TestEveryKindAndReasonHasItsCode(t *testing.T) {
	t.Parallel()
	for kind, want := range map[chat.Kind]int{
		chat.BadRequest: 400, chat.UnknownType: 400, chat.Invalid: 422, chat.Unauthenticated: 401, chat.Forbidden: 403, chat.NotFound: 404,
		chat.Conflict: 409, chat.RateLimited: 429, chat.Unavailable: 503, chat.Internal: 500,
	} {
		if got := HTTPStatus(kind); got != want {
			t.Errorf("%s is %d, want %d", kind, got, want)
		}
	}
	for reason, want := range map[ports.CloseReason]uint16{
		ports.CloseRestart: 1012, ports.CloseUnauthenticated: 4401, ports.CloseExpired: 4401, ports.CloseRevoked: 4401, ports.CloseDisconnected: 4403,
		ports.CloseSilent: 4408, ports.CloseSlow: 4408, ports.CloseBadRequests: 4400, ports.CloseFlooding: 4429, ports.CloseInternal: 1011,
		ports.CloseProtocol: 1002, ports.CloseGone: 1000,
	} {
		if got, _ := CloseCode(reason); got != want {
			t.Errorf("%s is %d, want %d", reason, got, want)
		}
	}
	err := &chat.Error{Kind: chat.Internal, Reason: "a fault", Cause: errSecret}
	if got := string(AppendHTTPError(nil, err, "t1")); got != `{"error":{"code":"internal","message":"a fault","trace_id":"t1"}}` {
		t.Error(got)
	}
}

// A command of 150 bytes, as a client would send it.
var benchSend = []byte(`{"type":"send","id":"c0ffee-17","room":"support-4711","body":"Good morning, is anybody there who could help me with my order?","key":"0b5c8e1e-1f2a"}`)

func BenchmarkDecodeSend(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(benchSend)))
	for b.Loop() {
		if _, ok := Decode(benchSend).Ask.(ports.Send); !ok {
			b.Fatal("not a send")
		}
	}
}

func BenchmarkAppendEntry(b *testing.B) {
	e := chat.Entry{Room: "support-4711", Seq: 123456, At: noon, Author: chat.Author{ID: "alice", Name: "Alice"}, Key: "0b5c8e1e-1f2a", Fact: chat.Message{
		Body: "Good morning, is anybody there who could help me with my order?",
	}}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendEntry(dst[:0], &e)
	}
}
