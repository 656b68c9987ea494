package wire_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestABatchIsTheSameBytesEachTime(t *testing.T) {
	t.Parallel()
	e := chat.Entry{
		Room: "general", Seq: 7, At: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Author: chat.Author{ID: "alice", Name: "Alice"},
		Fact: chat.Message{Body: "hi"}, Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	b := ports.HookBatch{ID: "x", Hook: "h", Room: "general", First: 7, Last: 9, Head: 12, Entries: []chat.Entry{e, e}}
	const entry = `{"type":"message","room":"general","seq":7,"at":"2026-11-23T12:00:00.000Z","author":{"id":"alice","name":"Alice"},"body":"hi"}`
	const want = `"hook":"h","room":"general","first":7,"last":9,"head":12,"entries":[` + entry + `,` + entry + `]}`
	if got := string(wire.AppendBatch(nil, &b)); got != `{"type":"entries",`+want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(wire.AppendBatches(nil, []ports.HookBatch{b, b})); got != `{"batches":[{"type":"entries","id":"x",`+want+`,{"type":"entries","id":"x",`+want+`]}` {
		t.Errorf("pulled: got %s", got)
	}
	if got := string(wire.AppendTest(nil, "h")); got != `{"type":"test","hook":"h","entries":[]}` {
		t.Errorf("a test: got %s", got)
	}
	at := time.Date(2026, 11, 23, 12, 0, 0, 5e6, time.UTC)
	signals := []ports.HookSignal{
		{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalTyping, On: true, Seq: 7}, At: at},
		{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalPresence}, At: at},
		{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalRead, Seq: 7}, At: at},
	}
	const of, when = `"room":"tea","user":"bob",`, `"at":"2026-11-23T12:00:00.005Z"}`
	const told = `{"type":"typing",` + of + `"on":true,` + when + `,{"type":"presence",` + of + `"online":false,` + when + `,{"type":"read",` + of + `"seq":7,` + when
	if got := string(wire.AppendSignals(nil, "h", signals)); got != `{"type":"signals","hook":"h","signals":[`+told+`],"entries":[]}` {
		t.Errorf("signals: got %s", got)
	}
	if got := string(wire.AppendBatches(nil, nil)); got != `{"batches":[]}` {
		t.Errorf("nothing: got %s", got)
	}
}

func TestAnswersOfHooks(t *testing.T) {
	t.Parallel()
	seven, zero := chat.Seq(7), chat.Seq(0)
	for text, want := range map[string]ports.HookAnswer{
		"": {}, "OK": {}, "[1]": {}, "null": {}, `"{"`: {}, "{}": {}, "\ufeff{}": {},
		` {"ok":true} `: {}, //nolint:gocritic // mapKey: the space is what is tested
		`{"ack":7}`:     {Ack: &seven}, `{"ack":7.0,"do":null}`: {Ack: &seven}, `{"ack":0}`: {Ack: &zero}, `{"ack":null,"do":[]}`: {},
		`{"do":[{"type":"send","body":"hi"},{"type":"send","room":"other","body":"ho","key":"k","reply_to":3,"meta":{"a":1}}]}`: {Do: []ports.HookCommand{
			{Change: ports.Send{Room: "general", Body: "hi"}},
			{Change: ports.Send{Room: "other", Body: "ho", Key: "k", ReplyTo: 3, Meta: []byte(`{"a":1}`)}, Key: "k"},
		}},
		`{"do":[{"type":"edit","seq":1,"body":"x"},{"type":"delete","seq":2},{"type":"react","seq":3,"emoji":"👍","remove":true}]}`: {Do: []ports.HookCommand{
			{Change: ports.Edit{Room: "general", Seq: 1, Body: "x"}},
			{Change: ports.Delete{Room: "general", Seq: 2}},
			{Change: ports.React{Room: "general", Seq: 3, Emoji: "👍", Remove: true}},
		}},
	} {
		if got, err := wire.ReadAnswer([]byte(text), "general"); err != nil || !reflect.DeepEqual(got, want) { //nolint:govet // none of them has an error
			t.Errorf("%s: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{`{`, `{"ack":7}x`, `{"ack":"7"}`, `{"ack":1.5}`, `{"ack":-1}`, `{"ack":9007199254740992}`, `{"do":{}}`, `{"do":"x"}`, `{ack:1}`} {
		if got, err := wire.ReadAnswer([]byte(text), "general"); err == nil {
			t.Errorf("%s: got %+v", text, got)
		}
	}
}

func TestACommandThatCannotBeReadSpoilsNoOther(t *testing.T) {
	t.Parallel()
	bad := []string{
		`7`, `[]`, `null`, `{}`, `{"type":"send"}`, `{"type":"send","body":7}`, `{"type":"send","body":"x","room":"NO"}`, `{"type":"join","room":"general"}`,
		`{"type":"read","seq":1}`, `{"type":"fly"}`, `{"type":"edit","body":"x"}`, `{"type":"delete","seq":1,"key":""}`, `{"type":"send","body":"\ud800"}`,
	}
	good := `{"type":"send","body":"hi"}`
	text := `{"do":[` + good + `,` + strings.Join(bad, ",") + `,` + good + `]}`
	a, err := wire.ReadAnswer([]byte(text), "general")
	if err != nil || len(a.Do) != len(bad)+2 {
		t.Fatalf("got %d commands, %v", len(a.Do), err)
	}
	for i, c := range a.Do {
		if edge := i == 0 || i == len(a.Do)-1; edge != (c.Err == nil) || edge != (c.Change != nil) {
			t.Errorf("command %d: got %+v", i, c)
		}
	}
}

func TestAnAnswerWithTooManyCommandsAsksForNothing(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		ports.MaxHookCommands:     "",
		ports.MaxHookCommands + 1: "do has 21 commands, and may have 20 at most: none of them is done; to do more, take a part of the entries by ack",
		31:                        "do has 31 commands, and may have 20 at most: none of them is done; to do more, take a part of the entries by ack",
	} {
		text := `{"ack":7,"do":[` + strings.TrimPrefix(strings.Repeat(`,{"type":"send","body":"hi"}`, n), ",") + `]}`
		a, err := wire.ReadAnswer([]byte(text), "general")
		switch {
		case want == "" && (err != nil || len(a.Do) != n || a.Ack == nil):
			t.Errorf("%d commands: got %+v, %v", n, a, err)
		case want != "" && (!errors.Is(err, chat.Invalid) || chat.AsError(err).Reason != want || a.Do != nil || a.Ack != nil):
			t.Errorf("%d commands: got %+v, %v", n, a, err)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"ack":7,"do":[{"type":"send","body":"hi"},{"type":"react","seq":3,"emoji":"👍"},7,[],{"type":"delete","seq":1}]}`))
	f.Add([]byte(`OK`))
	f.Add([]byte(`{"do":[{"type":"send","body":"` + "\xff" + `"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := wire.ReadAnswer(data, "general")
		if err != nil && (a.Ack != nil || a.Do != nil) && !errors.Is(err, chat.BadRequest) {
			t.Errorf("an error with an answer: %+v, %v", a, err)
		}
		for _, c := range a.Do {
			if (c.Err == nil) == (c.Change == nil) {
				t.Errorf("got %+v", c)
			}
		}
	})
}
