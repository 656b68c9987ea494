package wire_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestThePlaceOfAnEntryIsReadFromItsFrame(t *testing.T) {
	t.Parallel()
	for _, fact := range []chat.Fact{
		chat.Message{Body: `","seq":1,"at":`},
		chat.Edited{Target: 1, Body: "x"},
		chat.Deleted{Target: 1},
		chat.Reacted{Target: 1, Emoji: "👍"},
		chat.MemberChanged{User: "bob", Change: chat.MemberJoined},
		chat.RoomChanged{Change: chat.RoomRenamed, Name: `"`},
		chat.Set{Type: "x.a", Data: []byte("{}")},
	} {
		for _, seq := range []chat.Seq{1, 42, chat.MaxSeq} {
			e := chat.Entry{Room: "dm:1-2_3.4", Seq: seq, At: time.Unix(1, 0), Author: chat.Author{ID: `al"ice`}, Fact: fact}
			frame := wire.AppendEntry(nil, &e)
			if room, got, ok := wire.PlaceOf(frame); string(room) != string(e.Room) || got != seq || !ok {
				t.Errorf("%s: %s %d %v", frame, room, got, ok)
			}
		}
	}
	joined := ports.Joined{Room: "tea", Head: 9, From: 3, Truncated: true, Role: chat.Write, Read: 2}
	for _, log := range []chat.LogID{"", "abc"} {
		joined.Log = log
		frame := wire.AppendFrame(nil, &ports.OK{Answer: joined})
		if at, ok := wire.JoinedOf(frame); at != (wire.Place{Room: "tea", Head: 9, From: 3, Truncated: true}) || !ok {
			t.Errorf("%s: %v %v", frame, at, ok)
		}
	}
	for _, f := range []ports.Frame{
		ports.SignalFrame{Signal: chat.Signal{Kind: chat.SignalRead, Room: "tea", User: "bob", Seq: 4}},
		&ports.OK{ID: "1", Answer: joined},
		&ports.OK{Answer: ports.Left{Room: "tea"}},
		&ports.OK{Answer: ports.Sent{Receipt: ports.Receipt{Room: "tea", Seq: 4}}},
		ports.FollowEnded{Room: "tea", Err: chat.NotFound},
		ports.Drain{},
		ports.Welcome{},
	} {
		frame := wire.AppendFrame(nil, f)
		if _, _, ok := wire.PlaceOf(frame); ok {
			t.Errorf("%s has a place", frame)
		}
		if _, ok := wire.JoinedOf(frame); ok {
			t.Errorf("%s joins a room", frame)
		}
	}
	if got := wire.TypeOf(wire.AppendFrame(nil, ports.Drain{})); string(got) != "drain" {
		t.Errorf("the type is %q", got)
	}
}

func FuzzPlace(f *testing.F) {
	f.Add([]byte(`{"type":"message","room":"tea","seq":7,"at":"`))
	f.Add([]byte(`{"type":"ok","room":"tea","log":"a","head":7,"from":8,"truncated":true`))
	f.Fuzz(func(_ *testing.T, frame []byte) {
		wire.PlaceOf(frame)
		wire.JoinedOf(frame)
		wire.TypeOf(frame)
	})
}
