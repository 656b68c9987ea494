package wire

import (
	"encoding/json"
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
	seven := chat.Seq(7)
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
		{`{"type":"leave","type":"ping"}`, ports.Ping{}},
	} {
		if got := Decode([]byte(c.text)); !reflect.DeepEqual(got.Ask, c.want) {
			t.Errorf("%s is %#v, want %#v", c.text, got.Ask, c.want)
		}
	}
	if got := Decode([]byte(`{"type":"ping","id":"mine"}`)); got.ID != "mine" {
		t.Errorf("id %q", got.ID)
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		kind  chat.Kind
		names string
	}{
		{``, chat.BadRequest, "object"},
		{`null`, chat.BadRequest, "object"},
		{`{"type":"ping"`, chat.BadRequest, "object"},
		{`{"Type":"ping"}`, chat.BadRequest, "type"},
		{`{"type":["ping"]}`, chat.BadRequest, "type"},
		{`{"type":"PING"}`, chat.UnknownType, "PING"},
		{`{"type":"ping","id":5}`, chat.BadRequest, "id"},
		{`{"type":"ping","id":"` + strings.Repeat("x", 65) + `"}`, chat.Invalid, "id"},
		{`{"type":"auth"}`, chat.Invalid, "token"},
		{`{"type":"join"}`, chat.Invalid, "room"},
		{`{"type":"join","room":"tea","after":-1}`, chat.Invalid, "after"},
		{`{"type":"join","room":"tea","after":1.5}`, chat.Invalid, "after"},
		{`{"type":"join","room":"tea","after":9007199254740992}`, chat.Invalid, "after"},
		{`{"type":"join","room":"tea","after":"7"}`, chat.BadRequest, "after"},
		{`{"type":"join","room":"tea","limit":201}`, chat.Invalid, "limit"},
		{`{"type":"send","room":"tea","body":"x","meta":[]}`, chat.BadRequest, "meta"},
		{`{"type":"send","room":"tea","body":"x","meta":{"x":"` + strings.Repeat("x", 4096) + `"}}`, chat.Invalid, "meta"},
		{`{"type":"send","room":"tea","body":"x","reply_to":0}`, chat.Invalid, "reply_to"},
		{`{"type":"send","room":"tea","body":"x","key":""}`, chat.Invalid, "key"},
		{`{"type":"edit","room":"tea","body":"x"}`, chat.Invalid, "seq"},
		{`{"type":"history","room":"tea","only":"x"}`, chat.Invalid, "only"},
		{`{"type":"typing","room":"tea","on":1}`, chat.BadRequest, "on"},
	} {
		m, ok := Decode([]byte(c.text)).Ask.(ports.Malformed)
		if !ok {
			t.Errorf("%s was decoded", c.text)
			continue
		}
		if e := chat.AsError(m.Err); e.Kind != c.kind || !strings.Contains(e.Reason, c.names) {
			t.Errorf("%s: %s %q, want %s naming %q", c.text, e.Kind, e.Reason, c.kind, c.names)
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

var noon = time.Date(2026, 11, 23, 12, 0, 0, 5e6, time.FixedZone("", 3600))

func TestFrames(t *testing.T) {
	t.Parallel()
	alice := chat.Author{ID: "alice", Name: "Alice"}
	for _, c := range []struct {
		frame ports.Frame
		want  string
	}{
		{
			ports.Welcome{Session: "s", User: alice, Heartbeat: 25 * time.Second, Limits: ports.Limits{FrameBytes: 65536, Rooms: 2000, Replay: 10000}},
			`{"type":"welcome","session":"s","user":{"id":"alice","name":"Alice"},"heartbeat_ms":25000,"limits":{"frame_bytes":65536,"body_chars":4000,"meta_bytes":4096,"rooms":2000,"replay":10000,"page":200}}`,
		},
		{ports.OK{ID: "1", Answer: ports.Authenticated{User: alice}}, `{"type":"ok","id":"1","user":{"id":"alice","name":"Alice"}}`},
		{ports.OK{Answer: ports.Joined{Room: "tea", Head: 9, From: 5, Truncated: true, Role: chat.Write, Read: 3}}, `{"type":"ok","room":"tea","head":9,"from":5,"truncated":true,"role":"write","read":3}`},
		{ports.OK{ID: "1", Answer: ports.Left{Room: "tea"}}, `{"type":"ok","id":"1","room":"tea"}`},
		{ports.OK{ID: "1", Answer: ports.Sent{Receipt: ports.Receipt{Room: "tea", Seq: 7, At: noon, Duplicate: true}}}, `{"type":"ok","id":"1","room":"tea","seq":7,"at":"2026-11-23T11:00:00.005Z","duplicate":true}`},
		{ports.OK{ID: "1", Answer: ports.Changed{Receipt: ports.Receipt{Room: "tea", Seq: 7}}}, `{"type":"ok","id":"1","room":"tea","seq":7}`},
		{ports.OK{ID: "1", Answer: ports.ReactionSet{Receipt: ports.Receipt{Room: "tea", Seq: 7, Unchanged: true}}}, `{"type":"ok","id":"1","room":"tea","seq":7,"changed":false}`},
		{ports.OK{ID: "1", Answer: ports.Page{Room: "tea", Head: 2}}, `{"type":"ok","id":"1","room":"tea","head":2,"entries":[],"more":false}`},
		{ports.OK{ID: "1", Answer: ports.Marked{Room: "tea", Read: 2, Unread: 1}}, `{"type":"ok","id":"1","room":"tea","read":2,"unread":1}`},
		{ports.OK{ID: "1", Answer: ports.TypingNoted{}}, `{"type":"ok","id":"1"}`},
		{ports.OK{ID: "1", Answer: ports.Present{Room: "tea", Users: []chat.Author{alice, {ID: "bob"}}, Total: 3}}, `{"type":"ok","id":"1","room":"tea","users":[{"id":"alice","name":"Alice"},{"id":"bob","name":"bob"}],"total":3}`},
		{ports.OK{ID: "1", Answer: ports.Pong{Now: noon}}, `{"type":"ok","id":"1","now":"2026-11-23T11:00:00.005Z"}`},
		{ports.Failure{ID: "1", Err: chat.Errorf(chat.NotFound, "there is no room %q", "x")}, `{"type":"error","id":"1","code":"not_found","message":"there is no room \"x\""}`},
		{ports.Failure{Err: &chat.Error{Kind: chat.RateLimited, Reason: "slow", RetryAfter: 300 * time.Microsecond}}, `{"type":"error","code":"rate_limited","message":"slow","retry_after_ms":1}`},
		{ports.Failure{Err: fmt.Errorf("do it: %w", fmt.Errorf("secret"))}, `{"type":"error","code":"internal","message":"a fault of the service"}`},
		{ports.SignalFrame{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalTyping, On: true}}, `{"type":"typing","room":"tea","user":"bob","on":true}`},
		{ports.SignalFrame{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalPresence}}, `{"type":"presence","room":"tea","user":"bob","online":false}`},
		{ports.SignalFrame{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalRead, Seq: 7}}, `{"type":"read","room":"tea","user":"bob","seq":7}`},
		{ports.Drain{ReconnectIn: 1500 * time.Millisecond}, `{"type":"drain","reconnect_in_ms":1500}`},
	} {
		if got := string(AppendFrame(nil, c.frame)); got != c.want {
			t.Errorf("%T is\n%s, want\n%s", c.frame, got, c.want)
		}
	}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	const start = `"room":"tea","seq":7,"at":"2026-11-23T11:00:00.005Z","author":{"id":"alice","name":"Alice"}`
	for _, c := range []struct {
		fact chat.Fact
		want string
	}{
		{chat.Message{Body: "hi"}, `{"type":"message",` + start + `,"body":"hi"}`},
		{chat.Message{DeletedAt: noon, Reactions: []chat.Reaction{{Emoji: "x", Count: 2}}}, `{"type":"message",` + start + `,"deleted_at":"2026-11-23T11:00:00.005Z","reactions":[{"emoji":"x","count":2}]}`},
		{chat.Edited{Target: 3, Body: "x"}, `{"type":"edited",` + start + `,"target":3,"body":"x"}`},
		{chat.Edited{Target: 3}, `{"type":"edited",` + start + `,"target":3}`},
		{chat.Deleted{Target: 3}, `{"type":"deleted",` + start + `,"target":3}`},
		{chat.Reacted{Target: 3, Emoji: "x", Count: 0, Removed: true}, `{"type":"reacted",` + start + `,"target":3,"emoji":"x","removed":true,"count":0}`},
		{chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Write}, `{"type":"member",` + start + `,"user":"bob","change":"joined","role":"write"}`},
		{chat.MemberChanged{User: "bob", Change: chat.MemberBanned}, `{"type":"member",` + start + `,"user":"bob","change":"banned"}`},
		{chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"}, `{"type":"room",` + start + `,"change":"renamed","name":"Tea"}`},
		{chat.RoomChanged{Change: chat.RoomArchived}, `{"type":"room",` + start + `,"change":"archived"}`},
	} {
		e := chat.Entry{Room: "tea", Seq: 7, At: noon, Author: chat.Author{ID: "alice", Name: "Alice"}, Key: chat.NewKey(), Fact: c.fact}
		got := AppendEntry(nil, &e)
		if string(got) != c.want || !json.Valid(got) {
			t.Errorf("%T is\n%s, want\n%s", c.fact, got, c.want)
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
		ports.CloseRestart: 1012, ports.CloseUnauthenticated: 4401, ports.CloseExpired: 4401, ports.CloseBanned: 4403, ports.CloseDisconnected: 4403,
		ports.CloseSilent: 4408, ports.CloseSlow: 4408, ports.CloseBadRequests: 4400, ports.CloseFlooding: 4429, ports.CloseInternal: 1011,
		ports.CloseProtocol: 1002, ports.CloseGone: 1000,
	} {
		if got, _ := CloseCode(reason); got != want {
			t.Errorf("%s is %d, want %d", reason, got, want)
		}
	}
	err := &chat.Error{Kind: chat.Internal, Reason: "a fault", Cause: fmt.Errorf("secret")}
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
