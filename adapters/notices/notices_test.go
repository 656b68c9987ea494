package notices_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// specimens has everything that a packet may hold.
func specimens() []notices.Packet {
	at := time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)
	entry := func(seq chat.Seq, fact chat.Fact) chat.Entry {
		return chat.Entry{
			Room: "tea", Seq: seq, At: at, Author: chat.Author{ID: "alice", Name: "Alice"}, Key: "k1", Messages: 3, Fact: fact,
			Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		}
	}
	via := func(client string, e chat.Entry) chat.Entry { e.Via = client; return e }
	packets := []notices.Packet{
		{From: "n1", Entries: []chat.Entry{
			entry(1, chat.Message{Body: "hi", ReplyTo: 4, Meta: []byte(`{"a":1}`)}),
			entry(2, chat.Message{Body: strings.Repeat("\U0001F600", chat.MaxBodyChars)}),
			entry(3, chat.Message{Body: strings.Repeat("x", 100)}), // its length takes one byte, the entry's two
			entry(4, chat.Edited{Target: 1, Body: "ho"}),
			entry(5, chat.Deleted{Target: 1}),
			entry(6, chat.Reacted{Target: 1, Emoji: "🍵", Removed: true, Count: 7}),
			entry(7, chat.MemberChanged{User: "bob", Change: chat.MemberBanned}),
			entry(8, chat.MemberChanged{User: "bob", Change: chat.MemberRole, Role: chat.Moderate}),
			entry(9, chat.Unknown{Type: "pinned", Target: 1, Data: []byte(`{"by":"bob"}`)}),
			entry(10, chat.Unknown{Type: "pinned"}),
			entry(11, chat.Set{Type: chat.Pinned, Target: 1, Data: []byte(`{"by":"bob"}`)}),
			entry(12, chat.Set{Type: "x.task", Slot: "done"}),
			entry(13, chat.Set{Type: "poll", Target: 1, Slot: "2", Data: []byte(`1`)}),
			via("shop", entry(11, chat.Message{Body: "hi"})), via("shop", entry(12, chat.Deleted{Target: 1})),
			entry(13, chat.Message{Body: "psst", Silent: true}),
			entry(chat.MaxSeq, chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"}),
		}},
		{From: "n1", Log: tea(), Heads: []notices.Head{{Room: "tea", Seq: 9}, {Room: "coffee", Seq: 1}}},
	}
	for _, n := range []ports.Notice{
		ports.Signalled{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalTyping, On: true}},
		ports.Signalled{Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalRead, Seq: 12}},
		ports.NodePresence{Node: "n2", Room: "tea", Version: 1 << 63, Users: []chat.Author{{ID: "a", Name: "A"}, {ID: "b"}}, Total: 300, Ask: true},
		ports.NodePresence{Node: "n2", Room: "tea", Version: 3},
		ports.Alive{Node: "n2", Going: true, Ask: true},
		ports.Alive{Node: "n2"},
		ports.Alive{Node: "n2", Features: []string{"threads", "search"}},
		ports.Writing{Node: "n2"},
		ports.StandingChanged{Room: "tea", User: "bob"},
		ports.StandingChanged{Room: "tea"},
		ports.MemberAdded{Room: "tea", User: "bob", By: chat.Author{ID: "alice", Name: "Alice"}, Role: chat.Write},
		ports.StandingChanged{Room: "tea", Opened: true},
		ports.ProfileChanged{User: "bob", Version: 7},
		ports.Disconnected{User: "bob"},
		ports.Revoked{User: "bob", Until: at},
		ports.HooksChanged{},
		ports.Grown{Rooms: []ports.RoomHead{{Room: "tea", Head: 9}, {Room: "den", Head: chat.MaxSeq}}},
	} {
		packets = append(packets, notices.Packet{From: "n3", Notice: n})
	}
	return packets
}

func TestWhatIsSentComesAsItWas(t *testing.T) {
	t.Parallel()
	for _, want := range specimens() {
		got, err := notices.Parse(want.Append(nil))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v\nis read as\n%+v, %v", want, got, err)
		}
	}
}

func TestANodeSkipsWhatALaterReleaseSays(t *testing.T) {
	t.Parallel()
	later := protowire.AppendString(protowire.AppendTag(nil, 4000, protowire.BytesType), "news")
	later = protowire.AppendFixed64(protowire.AppendTag(later, 4001, protowire.Fixed64Type), 7)
	want := specimens()[1]
	got, err := notices.Parse(want.Append(bytes.Clone(later)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as %+v, %v", got, err)
	}
}

func TestAnEntryOfAnUnknownKindIsStillAHead(t *testing.T) {
	t.Parallel()
	entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "tea")
	entry = protowire.AppendVarint(protowire.AppendTag(entry, 2, protowire.VarintType), 7)
	entry = protowire.AppendBytes(protowire.AppendTag(entry, 99, protowire.BytesType), []byte("a fact of tomorrow"))
	got, err := notices.Parse(protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), entry))
	if want := (notices.Packet{Heads: []notices.Head{{Room: "tea", Seq: 7}}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as %+v, %v", got, err)
	}
}

// TestAnEntryThatLacksSomethingIsStillAHead makes each member out of range, or leaves it out.
func TestAnEntryThatLacksSomethingIsStillAHead(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	of := func(fact chat.Fact) chat.Entry {
		return chat.Entry{Room: "tea", Seq: 7, At: at, Author: chat.Author{ID: "alice"}, Messages: 3, Fact: fact}
	}
	lacking := func(change func(*chat.Entry)) chat.Entry {
		e := of(chat.Message{Body: "hi"})
		change(&e)
		return e
	}
	for name, e := range map[string]chat.Entry{
		"no time":                 lacking(func(e *chat.Entry) { e.At = time.Time{} }),
		"no fact":                 lacking(func(e *chat.Entry) { e.Fact = nil }),
		"fewer than no messages":  lacking(func(e *chat.Entry) { e.Messages = -1 }),
		"more messages than seqs": lacking(func(e *chat.Entry) { e.Messages = int64(chat.MaxSeq) + 1 }),
		"a reply to behind all":   of(chat.Message{Body: "hi", ReplyTo: chat.MaxSeq + 1}),
		"a reply to before all":   of(chat.Message{Body: "hi", ReplyTo: -1}),
		"an edit of nothing":      of(chat.Edited{Body: "ho"}),
		"an edit of behind all":   of(chat.Edited{Target: chat.MaxSeq + 1, Body: "ho"}),
		"a deletion of nothing":   of(chat.Deleted{}),
		"a reaction to nothing":   of(chat.Reacted{Emoji: "🍵"}),
		"a set of no type":        of(chat.Set{Target: 1}),
		"a set before all":        of(chat.Set{Type: "x.a", Target: -1}),
		"a set of no JSON":        of(chat.Set{Type: "x.a", Data: []byte(`{"a":`)}),
		"reactions below none":    of(chat.Reacted{Target: 1, Emoji: "🍵", Count: -1}),
		"a role that is none":     of(chat.MemberChanged{User: "bob", Change: chat.MemberRole, Role: chat.Moderate + 1}),
	} {
		p := notices.Packet{From: "n1", Entries: []chat.Entry{e}}
		got, err := notices.Parse(p.Append(nil))
		if want := (notices.Packet{From: "n1", Heads: []notices.Head{{Room: "tea", Seq: 7}}}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read as %+v, %v", name, got, err)
		}
	}
}

func TestARoleOfWhichOnlyTheLastByteIsOneIsNone(t *testing.T) {
	t.Parallel()
	for _, role := range []int64{-1, 256, 257, 1 << 40} {
		member := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "bob")
		member = protowire.AppendVarint(protowire.AppendTag(member, 10, protowire.VarintType), uint64(role))
		e := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "tea")
		e = protowire.AppendVarint(protowire.AppendTag(e, 2, protowire.VarintType), 7)
		e = protowire.AppendVarint(protowire.AppendTag(e, 3, protowire.VarintType), 1)
		e = protowire.AppendString(protowire.AppendTag(e, 4, protowire.BytesType), "alice")
		e = protowire.AppendBytes(protowire.AppendTag(e, 13, protowire.BytesType), member)
		got, err := notices.Parse(protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), e))
		if err != nil || len(got.Entries) > 0 || len(got.Heads) != 1 {
			t.Errorf("role %d: read as %+v, %v", role, got, err)
		}
	}
}

func TestRubbishIsAnError(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"text":                     []byte("hello there"),
		"a cut off packet":         specimens()[0].Append(nil)[:100],
		"an entry without a place": protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), nil),
		"an entry too far":         packet(notices.Packet{Entries: []chat.Entry{{Room: "tea", Seq: chat.MaxSeq + 1}}}),
		"an entry before all":      packet(notices.Packet{Entries: []chat.Entry{{Room: "tea", Seq: -1}}}),
		"an entry nowhere":         packet(notices.Packet{Entries: []chat.Entry{{Seq: 1}}}),
		"a head too far":           packet(notices.Packet{Heads: []notices.Head{{Room: "tea", Seq: chat.MaxSeq + 1}}}),
		"a head before all":        packet(notices.Packet{Heads: []notices.Head{{Room: "tea"}}}),
		"a head nowhere":           packet(notices.Packet{Heads: []notices.Head{{Seq: 1}}}),
		"a signal of nobody":       packet(notices.Packet{Notice: ports.Signalled{Signal: chat.Signal{Room: "tea", Kind: chat.SignalTyping}}}),
		"a signal nowhere":         packet(notices.Packet{Notice: ports.Signalled{Signal: chat.Signal{User: "bob", Kind: chat.SignalRead}}}),
		"a mark before all": packet(notices.Packet{Notice: ports.Signalled{
			Signal: chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalRead, Seq: -1},
		}}),
		"a presence on no node":      packet(notices.Packet{Notice: ports.NodePresence{Room: "tea"}}),
		"a presence nowhere":         packet(notices.Packet{Notice: ports.NodePresence{Node: "n"}}),
		"a presence of less than no": packet(notices.Packet{Notice: ports.NodePresence{Node: "n", Room: "tea", Total: -1}}),
		"a node without a name":      packet(notices.Packet{Notice: ports.Alive{Ask: true}}),
		"a standing nowhere":         packet(notices.Packet{Notice: ports.StandingChanged{User: "bob"}}),
		"nobody's profile":           packet(notices.Packet{Notice: ports.ProfileChanged{Version: 7}}),
		"a profile before all":       packet(notices.Packet{Notice: ports.ProfileChanged{User: "bob", Version: -1}}),
		"nobody disconnected":        packet(notices.Packet{Notice: ports.Disconnected{}}),
		"no room has grown":          packet(notices.Packet{Notice: ports.Grown{}}),
		"a room grew to nothing":     packet(notices.Packet{Notice: ports.Grown{Rooms: []ports.RoomHead{{Room: "tea"}}}}),
		"too many rooms have grown":  packet(notices.Packet{Notice: manyGrown(ports.MaxGrown + 1)}),
		"nobody revoked":             packet(notices.Packet{Notice: ports.Revoked{Until: time.Unix(1, 0)}}),
		"revoked until never":        packet(notices.Packet{Notice: ports.Revoked{User: "bob"}}),
	} {
		if p, err := notices.Parse(b); err == nil {
			t.Errorf("%s is read as %+v", name, p)
		}
	}
}

// manyGrown names n rooms whose ids are as long as they may be.
func manyGrown(n int) (grown ports.Grown) {
	for i := range n {
		grown.Rooms = append(grown.Rooms, ports.RoomHead{Room: chat.RoomID(fmt.Sprintf("%064d", i)), Head: chat.MaxSeq})
	}
	return grown
}

func TestRoomsThatHaveGrownFitIntoWhatAnyBusCarries(t *testing.T) {
	t.Parallel()
	const pgNotify = 8000 // bytes of a notification of PostgreSQL, which has packets in base64
	if n := len(packet(notices.Packet{From: "n1", Log: tea(), Notice: manyGrown(ports.MaxGrown)})); n*4/3 > pgNotify {
		t.Errorf("%d bytes", n)
	}
}

// tea is the log of the nodes here.
func tea() chat.LogID { return "7ea7ea7ea7ea7ea7ea7ea7ea" }

// ear counts what it is told.
type ear struct{ heard int }

func (e *ear) Entries(entries []chat.Entry) { e.heard += len(entries) }
func (e *ear) Head(chat.RoomID, chat.Seq)   { e.heard++ }
func (e *ear) Hear(ports.Notice)            { e.heard++ }
func (e *ear) Deaf()                        {}

func TestPacketsOfAnotherLogAreDroppedAndTold(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		own, theirs chat.LogID
		taken       bool
	}{
		"the same":            {"a", "a", true},
		"another":             {"a", "b", false},
		"an earlier release":  {"a", "", true},
		"not known here":      {"", "b", true},
		"another, and longer": {"a", "ab", false},
	} {
		var foreign []chat.LogID
		at := notices.Place{Self: "n0", Log: func() chat.LogID { return row.own }, Foreign: func(l chat.LogID) { foreign = append(foreign, l) }}
		for _, p := range specimens() {
			var l ear
			p.Log = row.theirs
			got, err := notices.Parse(p.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			if got.Tell(at, &l); (l.heard > 0) != row.taken {
				t.Errorf("%s: of %+v it hears %d", name, p, l.heard)
			}
			own := got
			own.From = "n0"
			own.Tell(at, &l)
		}
		if told := len(foreign); row.taken && told > 0 || !row.taken && (told != len(specimens()) || foreign[0] != row.theirs) {
			t.Errorf("%s: told %v", name, foreign)
		}
	}
	var l ear
	p := specimens()[0]
	p.Log = "b"
	if p.Tell(notices.Place{Log: tea}, &l); l.heard > 0 {
		t.Error("nobody is told, and it is taken")
	}
}

func packet(p notices.Packet) []byte { return p.Append(nil) }

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x12\x0e\n\x01tH\xa4\xa4\xa4\xa4\xa4p\x10\xfe\xff\x7f")) // an entry without a time
	f.Add([]byte("2\tr\x02n28\x01\xa8\x01\x01"))                           // a feature that is not text
	for _, p := range specimens() {
		f.Add(p.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := notices.Parse(b)
		if err != nil {
			return
		}
		again, err := notices.Parse(p.Append(nil))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%+v\nis read again as\n%+v, %v", p, again, err)
		}
	})
}

func BenchmarkPacket(b *testing.B) {
	p := notices.Packet{From: "n1", Entries: specimens()[0].Entries[:1]}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = p.Append(buf[:0])
		}
		b.ReportMetric(float64(len(buf)), "bytes")
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		buf := p.Append(nil)
		for b.Loop() {
			if _, err := notices.Parse(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestABatchIsSplitByRoomAndSize(t *testing.T) {
	t.Parallel()
	var batch []chat.Entry
	for i := range 300 {
		room := []chat.RoomID{"tea", "den", "tea"}[i%3]
		batch = append(batch, chat.Entry{Room: room, Seq: chat.Seq(i + 1), At: time.Unix(1, 0).UTC(), Fact: chat.Message{Body: strings.Repeat("x", i)}})
	}
	batch = append(batch, chat.Entry{Room: "den", Seq: 301, At: time.Unix(1, 0).UTC(), Fact: chat.Message{Body: strings.Repeat("x", 3000)}})
	const maxBytes = 1000
	got := map[chat.RoomID][]chat.Entry{}
	heads := map[chat.RoomID]chat.Seq{}
	packets := 0
	notices.Place{Self: "n1", Log: tea}.Split(batch, maxBytes, func(room chat.RoomID, b []byte) {
		packets++
		p, err := notices.Parse(b)
		if err != nil || p.From != "n1" || p.Log != tea() || len(b) > maxBytes {
			t.Fatalf("a packet of %d bytes from %q: %v", len(b), p.From, err)
		}
		got[room] = append(got[room], p.Entries...)
		for _, h := range p.Heads {
			heads[h.Room] = h.Seq
		}
	})
	for _, room := range []chat.RoomID{"tea", "den"} {
		var want []chat.Entry
		for _, e := range batch[:300] {
			if e.Room == room {
				want = append(want, e)
			}
		}
		if !reflect.DeepEqual(got[room], want) {
			t.Errorf("%s got %d entries, want %d", room, len(got[room]), len(want))
		}
	}
	if heads["den"] != 301 || len(heads) != 1 {
		t.Errorf("what is too large is told as %v", heads)
	}
	if packets > 80 {
		t.Errorf("%d packets", packets)
	}
}

func TestAPresenceThatIsTooLargeLosesUsers(t *testing.T) {
	t.Parallel()
	whole := ports.NodePresence{Node: "n", Room: "tea", Version: 1, Total: 500}
	for i := range 200 {
		whole.Users = append(whole.Users, chat.Author{ID: chat.UserID(strings.Repeat("u", i%100+1)), Name: "someone"})
	}
	for _, maxBytes := range []int{100, 1000, 5000, 1 << 20} {
		b := notices.Place{Self: "n1", Log: tea}.Fit(whole, maxBytes)
		p, err := notices.Parse(b)
		got, _ := p.Notice.(ports.NodePresence)
		if err != nil || p.Log != tea() || len(b) > maxBytes || got.Total != 500 || !slices.Equal(got.Users, whole.Users[:len(got.Users)]) {
			t.Errorf("in %d bytes: %d bytes, %d users, %v", maxBytes, len(b), len(got.Users), err)
		}
		if maxBytes == 1<<20 && len(got.Users) != 200 {
			t.Errorf("%d users are left where there is room for all", len(got.Users))
		}
	}
}
