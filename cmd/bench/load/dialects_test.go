package load_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/cmd/bench/load"
)

// TestParleysFramesAreUnderstood reads every specimen of the wire's frames.
func TestParleysFramesAreUnderstood(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../adapters/wire/specimens/server/*.json")
	if err != nil || len(files) < 30 {
		t.Fatalf("there are %d specimens (%v)", len(files), err)
	}
	kinds := map[load.Kind]int{}
	for _, file := range files {
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, rest := load.Parley{}.Next(payload)
		if len(rest) > 0 {
			t.Errorf("%s: %q is left", file, rest)
		}
		kinds[m.Kind]++
		name := filepath.Base(file)
		switch {
		case len(name) > 5 && name[:5] == "error" && m.Kind != load.Failed,
			name == "welcome.json" && m.Kind != load.Opened,
			name == "ok.send.json" && m.Kind != load.Accepted,
			name == "ok.join.json" && m.Kind != load.Joined,
			name == "message.json" && (m.Kind != load.Entry || m.Seq != 7 || string(m.Body) != "hello" || string(m.Room) != "general"),
			name == "deleted.json" && m.Kind != load.Entry:
			t.Errorf("%s is taken for %+v", name, m)
		}
	}
	if kinds[load.Failed] == len(files) || kinds[load.Entry] < 10 {
		t.Errorf("kinds: %v", kinds)
	}
}

func TestCentrifugesFramesAreUnderstood(t *testing.T) {
	t.Parallel()
	// Recorded from the server in cmd/bench/peers.
	const frame = `{"id":1,"connect":{"client":"51b5c665","ping":25,"pong":true}}
{"id":1073741824,"subscribe":{"recoverable":true,"epoch":"PwbaDRax","positioned":true}}
{"id":2,"history":{"publications":[{"data":{"body":"hello2"},"offset":2},{"data":{"body":"hello"},"offset":1}],"epoch":"PwbaDRax","offset":2}}
{"push":{"channel":"bench","pub":{"data":{"body":"hello"},"info":{"user":"u","client":"c"},"offset":3,"epoch":"PwbaDRax"}}}
{"push":{"channel":"bench","pub":{"data":{"body":"a \" b"},"offset":4}}}
{"id":3,"publish":{}}
{}
{"id":7,"error":{"code":103,"message":"permission denied"}}
{"id":2,"subscribe":{"recoverable":true,"offset":9}}`
	want := []load.Message{
		{Kind: load.Opened},
		{Kind: load.Other, ID: 1 << 30},
		{Kind: load.Joined, ID: 2, Seq: 2, History: 2},
		{Kind: load.Entry, Room: []byte("bench"), Seq: 3, Body: []byte("hello")},
		{Kind: load.Entry, Room: []byte("bench"), Seq: 4, Body: []byte(`a " b`)},
		{Kind: load.Accepted, ID: 3},
		{Kind: load.PingDue},
		{Kind: load.Failed, ID: 7},
		{Kind: load.Joined, ID: 2, Seq: 9},
	}
	rest := []byte(frame)
	for i, w := range want {
		var m load.Message
		m, rest = load.Centrifuge{}.Next(rest)
		if m.Kind != w.Kind || m.ID != w.ID || m.Seq != w.Seq || m.History != w.History || !bytes.Equal(m.Room, w.Room) ||
			w.Kind == load.Entry && !bytes.Equal(m.Body, w.Body) {
			t.Errorf("message %d is taken for %+v, want %+v", i, m, w)
		}
	}
	if len(rest) > 0 {
		t.Errorf("%q is left", rest)
	}
}

func BenchmarkNext(b *testing.B) {
	payload, err := os.ReadFile("../../../adapters/wire/specimens/server/message.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if m, _ := (load.Parley{}).Next(payload); m.Seq != 7 {
			b.Fatal(m)
		}
	}
}
