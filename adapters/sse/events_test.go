package sse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/ws"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// slowLine takes a random part of each write.
type slowLine struct {
	ports.Conn
	got bytes.Buffer
}

func (l *slowLine) TryWrite(p []byte) (int, error) {
	n := rand.IntN(len(p) + 1)
	if rand.IntN(3) == 0 {
		n = len(p)
	}
	l.got.Write(p[:n])
	return n, nil
}

func (l *slowLine) Write(p []byte) error { l.got.Write(p); return nil }

// written makes frames of some rooms, as a session writes them.
func written(count int) (frames []byte) {
	enc := ws.Encoder{}
	frames = enc.Frame(frames, ports.Welcome{Session: "s", Log: "log"})
	heads := map[chat.RoomID]chat.Seq{}
	rooms := []chat.RoomID{"tea", "a", "zoo"}
	for _, room := range rooms {
		frames = enc.Frame(frames, &ports.OK{Answer: ports.Joined{Room: room, Log: "log", Head: 0, From: 1, Role: chat.Write}})
	}
	for i := range count {
		room := rooms[rand.IntN(3)]
		heads[room]++
		e := chat.Entry{Room: room, Seq: heads[room], At: time.Unix(int64(i), 0), Author: chat.Author{ID: "alice"}, Fact: chat.Message{Body: strings.Repeat("x", rand.IntN(300))}}
		frames = enc.Entry(frames, &e)
		switch rand.IntN(10) {
		case 0:
			frames = enc.Frame(frames, ports.Heartbeat{})
		case 1:
			frames = enc.Frame(frames, ports.SignalFrame{Signal: chat.Signal{Kind: chat.SignalRead, Room: room, User: "bob", Seq: heads[room]}})
		}
	}
	frames = enc.Frame(frames, ports.Drain{ReconnectIn: 1234 * time.Millisecond})
	return enc.Frame(frames, ports.CloseFrame{Reason: ports.CloseRestart})
}

func stream(line ports.Conn, f form) *events {
	e := &events{link: newLink(), form: f, session: &session{}, cursors: newCursors("log", []chat.RoomID{"tea", "a", "zoo"}), head: []byte("HTTP/1.1 200 OK\r\n\r\n")}
	e.attach(line)
	return e
}

// TestHoweverAClientReadsItGetsTheSame compares clients that take parts with one that takes all.
func TestHoweverAClientReadsItGetsTheSame(t *testing.T) {
	t.Parallel()
	for range 50 {
		frames := written(200)
		whole, parts := &slowLine{}, &slowLine{}
		if err := stream(whole, plain{}).Write(frames); err != nil {
			t.Fatal(err)
		}
		e := stream(parts, plain{})
		for rest := frames; len(rest) > 0; {
			n, err := e.TryWrite(rest)
			if err != nil {
				t.Fatal(err)
			}
			if rest = rest[n:]; rand.IntN(20) == 0 && len(rest) > 0 {
				if err := e.Write(rest); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		if !bytes.Equal(whole.got.Bytes(), parts.got.Bytes()) {
			t.Fatalf("a client that reads in parts got\n%s\nand one that takes all\n%s", &parts.got, &whole.got)
		}
	}
}

// TestAnIDHasAllCursors reads a stream, and compares each id with what came before it.
func TestAnIDHasAllCursors(t *testing.T) {
	t.Parallel()
	line := &slowLine{}
	if err := stream(line, plain{}).Write(written(300)); err != nil {
		t.Fatal(err)
	}
	at := map[string]chat.Seq{}
	rooms := []chat.RoomID{"zoo", "tea", "a"}
	for event := range strings.SplitSeq(line.got.String(), "\n\n") {
		event, ok := strings.CutPrefix(event, "id: ")
		if !ok {
			continue
		}
		id, data, _ := strings.Cut(event, "\ndata: ")
		var room string
		var seq chat.Seq
		_, place, _ := strings.Cut(data, `"room":`)
		fmt.Sscanf(place, `%q,"seq":%d`, &room, &seq)
		at[room] = max(seq, at[room])
		c := newCursors("log", rooms)
		if err := c.parse("log", id); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for i, name := range c.rooms {
			if c.at[i] > at[string(name)] || string(name) == room && c.at[i] != seq {
				t.Fatalf("after %s the id of %s has %v", data, id, c.at)
			}
		}
	}
}

func TestIDsThatDoNotFit(t *testing.T) {
	t.Parallel()
	one := func() cursors { return newCursors("log", []chat.RoomID{"tea"}) }
	two := func() cursors { return newCursors("log", []chat.RoomID{"tea", "a"}) }
	other := newCursors("log", []chat.RoomID{"tea", "b"})
	good := two()
	good.at[0], good.at[1] = 5, unknown
	for _, test := range []struct {
		c      cursors
		id     string
		detail chat.Detail
		says   string
	}{
		{one(), "older.7", chat.OtherLog, "start anew"},
		{two(), strings.Replace(good.String(), "log", "older", 1), chat.OtherLog, "start anew"},
		{two(), other.String(), "", "other rooms"},
		{two(), "log.7", "", "other rooms"},
		{one(), good.String(), "", "other rooms"},
		{one(), "log", "", "must be the id"},
		{one(), "log.", "", "must be the id"},
		{one(), "log.-1", "", "must be the id"},
		{one(), "log.x", "", "must be the id"},
		{one(), "log.9007199254740992", "", "must be the id"},
		{one(), "log.99999999999999999999999", "", "must be the id"},
		{two(), good.String() + "-1", "", "must be the id"},
	} {
		err := test.c.parse("log", test.id)
		if e := chat.AsError(err); err == nil || e.Kind != chat.Invalid || e.Detail != test.detail || !strings.Contains(e.Reason, test.says) {
			t.Errorf("%q: %v, want one that says %q", test.id, err, test.says)
		}
	}
	c := two()
	if err := c.parse("log", good.String()); err != nil || c.at[0] != 5 || c.at[1] != unknown {
		t.Errorf("%s is %v, %v", &good, c.at, err)
	}
}

func TestListsOfRooms(t *testing.T) {
	t.Parallel()
	rooms, after, err := parseRooms("general@12,dm:1:2@0,news", 3)
	if got := fmt.Sprint(rooms, after, err); got != "[general dm:1:2 news] [12 0 -1] <nil>" {
		t.Error(got)
	}
	for text, says := range map[string]string{
		"": "must be a list", "a,b,c,d": "4 rooms", "a,": "no room id", "A": "no room id", "a,a@1": "twice", "a@": "no seq", "a@x": "no seq", "a@-1": "no seq", "a@1@2": "no seq",
		"a@9007199254740992": "no seq",
	} {
		if _, _, err := parseRooms(text, 3); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want an error that says %q", text, err, says)
		}
	}
}

func FuzzID(f *testing.F) {
	f.Add("log.7")
	f.Add("log.1abc.1-2-")
	f.Fuzz(func(t *testing.T, id string) {
		for _, rooms := range [][]chat.RoomID{{"tea"}, {"a", "tea", "zoo"}} {
			c := newCursors("log", rooms)
			if c.parse("log", id) != nil {
				continue
			}
			again := newCursors("log", rooms)
			if err := again.parse("log", c.String()); err != nil || again.String() != c.String() {
				t.Errorf("%q is %s, and that is %s, %v", id, &c, &again, err)
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add(written(3))
	f.Fuzz(func(t *testing.T, p []byte) {
		for len(p) > 0 {
			is, size, err := nextFrame(p)
			if err != nil {
				return
			}
			if size < 2 || size > len(p) || len(is.payload) > size-2 {
				t.Fatalf("a frame of %d bytes, of %d", size, len(p))
			}
			plain{}.event(nil, is, &cursors{}, false, nil)
			p = p[size:]
		}
	})
}

// idleLine takes everything, and keeps nothing.
type idleLine struct{ ports.Conn }

func (idleLine) TryWrite(p []byte) (int, error) { return len(p), nil }

func TestGuardAnEventAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	if underRace {
		t.Skip("the race detector empties pools")
	}
	frame := ws.Encoder{}.Entry(nil, &chat.Entry{Room: "tea", Seq: 7, At: time.Unix(1, 0), Author: chat.Author{ID: "alice"}, Fact: chat.Message{Body: "hi"}})
	for name, is := range map[string]form{"plain": plain{}, "durable": &durable{log: "log", tag: "1"}} {
		e := stream(idleLine{}, is)
		if n := testing.AllocsPerRun(1000, func() {
			if n, err := e.TryWrite(frame); n != len(frame) || err != nil {
				t.Fatal(n, err)
			}
		}); n > 0 {
			t.Errorf("%s: an event allocates %v times", name, n)
		}
	}
}

// BenchmarkEvents makes events of the frames of entries, for one reader.
func BenchmarkEvents(b *testing.B) {
	const entries = 100
	var frames []byte
	for i := range entries {
		frames = ws.Encoder{}.Entry(frames, &chat.Entry{
			Room: "tea", Seq: chat.Seq(i + 1), At: time.Unix(1, 0), Author: chat.Author{ID: "alice", Name: "Alice"}, Fact: chat.Message{Body: strings.Repeat("x", 100)},
		})
	}
	for _, is := range []struct {
		name string
		form form
	}{{"plain", plain{}}, {"durable", &durable{log: "log", tag: "1"}}} {
		b.Run(is.name, func(b *testing.B) {
			e := stream(idleLine{}, is.form)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := e.TryWrite(frames); n != len(frames) || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/event")
		})
	}
}
