package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
)

func pinOf(user chat.UserID, until time.Time) []byte {
	return chat.Pin{By: user, Until: until}.Data()
}

func TestWhatAPinComesTo(t *testing.T) {
	t.Parallel()
	pin := func(author chat.UserID, until time.Time) chat.Proposal {
		return by(author, chat.Set{Type: chat.Pinned, Target: 1, Data: pinOf(author, until)})
	}
	unpin := func(author chat.UserID) chat.Proposal { return by(author, chat.Set{Type: chat.Pinned, Target: 1}) }
	system := func() chat.Proposal { return granted(unpin(chat.System), chat.Rights{Admin: true}) }
	setting := func(role string) func(*state) {
		return holds(0, chat.Slot{Type: chat.RoomMayPin, SetBy: 2, Data: chat.Text(role)})
	}
	pinned := func(until time.Time) func(*state) {
		return holds(1, chat.Slot{Type: chat.Pinned, SetBy: 6, Data: pinOf("ann", until)})
	}
	many := func(n int) func(*state) {
		return func(s *state) {
			for i := range n {
				holds(chat.Seq(100+i), chat.Slot{Type: chat.Pinned, SetBy: 2, Data: pinOf("ann", time.Time{})})(s)
			}
		}
	}
	forever := time.Time{}
	set, saved := `appended 8: set pinned "" on 1 to {"by":"ann"}`, `[slot pinned "" on 1 is {"by":"ann"}]`
	unset := `appended 8: set pinned "" on 1 to `
	check(t, []row{
		{name: "by a moderator", state: tearoom(), p: pin("ann", forever), want: set, saves: saved},
		{name: "by a writer", state: tearoom(), p: pin("bob", forever), want: "forbidden: this needs the role moderate in tea; yours is write"},
		{
			name: "by a writer, where writers may", state: tearoom(setting("write")), p: pin("bob", forever),
			want: `appended 8: set pinned "" on 1 to {"by":"bob"}`, saves: `[slot pinned "" on 1 is {"by":"bob"}]`,
		},
		{
			name: "a setting that only a later release knows is the strictest", state: tearoom(setting("owner")), p: pin("bob", forever),
			want: "forbidden: this needs the role moderate in tea; yours is write",
		},
		{name: "again", state: tearoom(pinned(forever)), p: pin("ann", forever), want: "unchanged since 6"},
		{
			name: "until a time", state: tearoom(), p: pin("ann", noon.Add(time.Minute)),
			want: `appended 8: set pinned "" on 1 to {"by":"ann","until":"2026-11-28T12:01:00.000Z"}`, saves: `[slot pinned "" on 1 is {"by":"ann","until":"2026-11-28T12:01:00.000Z"} due 12:01]`,
		},
		{name: "until now", state: tearoom(), p: pin("ann", noon), want: "invalid: until must lie in the future"},
		{name: "until a year and a day", state: tearoom(), p: pin("ann", noon.Add(chat.MaxPinAhead+time.Second)), want: "invalid: until must lie a year ahead at most"},
		{name: "the last that the room may have", state: tearoom(many(99)), p: pin("ann", forever), want: set, saves: saved},
		{name: "one more", state: tearoom(many(100)), p: pin("ann", forever), want: "conflict: there are 100 pinned messages, and may be no more"},
		{
			name: "another time for one of all that there may be", state: tearoom(many(99), pinned(noon.Add(time.Hour))), p: pin("ann", forever),
			want: set, saves: saved,
		},
		{name: "of the room", state: tearoom(), p: by("ann", chat.Set{Type: chat.Pinned, Data: pinOf("ann", forever)}), want: "invalid: pinned is set on a message: target must be its seq"},
		{name: "what is none", state: tearoom(), p: by("ann", chat.Set{Type: chat.Pinned, Target: 1, Data: []byte(`{}`)}), want: "invalid: data of the type pinned must be as the service writes it"},
		{name: "an end", state: tearoom(pinned(forever)), p: unpin("ann"), want: unset, saves: `[slot pinned "" on 1 is ]`},
		{name: "an end of what is not pinned", state: tearoom(), p: unpin("ann"), want: "unchanged since 0"},
		{name: "an end by itself", state: tearoom(pinned(noon)), p: system(), want: unset, saves: `[slot pinned "" on 1 is ]`},
		{name: "an end by itself in an archive", state: tearoom(pinned(noon), archived), p: system(), want: unset, saves: `[slot pinned "" on 1 is ]`},
		{name: "an end by itself of what has another end by now", state: tearoom(pinned(noon.Add(time.Second))), p: system(), want: "unchanged since 6"},
		{name: "an end by itself of what has none by now", state: tearoom(pinned(forever)), p: system(), want: "unchanged since 6"},
	})
}

func TestWhatAnApplicationsOwnSetComesTo(t *testing.T) {
	t.Parallel()
	own := func(target chat.Seq, slot, data string) chat.Proposal {
		f := chat.Set{Type: "x.task", Target: target, Slot: slot}
		if data != "" {
			f.Data = []byte(data)
		}
		return by("bob", f)
	}
	full := func(target chat.Seq, n, bytes int) func(*state) {
		return func(s *state) {
			for i := range n {
				name := fmt.Sprintf("s%03d", i)
				holds(target, chat.Slot{Type: "x.other", Slot: name, SetBy: 5, Data: []byte(strings.Repeat("1", bytes-len(name)))})(s)
			}
		}
	}
	set := func(target int, slot string) (want, saves string) {
		return fmt.Sprintf(`appended 8: set x.task %q on %d to 1`, slot, target), fmt.Sprintf(`[slot x.task %q on %d is 1]`, slot, target)
	}
	onOne, ofOne := set(1, "a")
	onRoom, ofRoom := set(0, "")
	pinned := holds(1, chat.Slot{Type: chat.Pinned, SetBy: 2, Data: pinOf("ann", time.Time{})})
	check(t, []row{
		{name: "on a message", state: tearoom(), p: own(1, "a", "1"), want: onOne, saves: ofOne},
		{name: "on the room", state: tearoom(), p: own(0, "", "1"), want: onRoom, saves: ofRoom},
		{name: "what is there", state: tearoom(holds(1, chat.Slot{Type: "x.task", Slot: "a", SetBy: 5, Data: []byte("1")})), p: own(1, "a", "1"), want: "unchanged since 5"},
		{name: "in an archive", state: tearoom(archived), p: own(0, "", "1"), want: "conflict: the room is archived"},
		{name: "the last slot of a message", state: tearoom(full(1, 15, 5), pinned), p: own(1, "a", "1"), want: onOne, saves: ofOne},
		{name: "one slot more", state: tearoom(full(1, 16, 5)), p: own(1, "a", "1"), want: "conflict: there are 16 slots of types x. on one message, and may be no more"},
		{name: "the last bytes of a message", state: tearoom(full(1, 2, 4095)), p: own(1, "a", "1"), want: onOne, saves: ofOne},
		{
			name: "one byte more", state: tearoom(full(1, 2, 4095)), p: own(1, "a", "12"),
			want: "conflict: the slots of types x. on one message may have 8192 bytes together",
		},
		{name: "the last slot of the room", state: tearoom(full(0, 99, 5), full(1, 16, 5)), p: own(0, "", "1"), want: onRoom, saves: ofRoom},
		{name: "one more on the room", state: tearoom(full(0, 100, 5)), p: own(0, "", "1"), want: "conflict: there are 100 slots of types x. on a room, and may be no more"},
		{name: "4097 bytes", state: tearoom(), p: own(1, "a", strings.Repeat("1", 4097)), want: "invalid: data must have at most 4096 bytes"},
		{name: "a name of 10 kB", state: tearoom(), p: own(1, strings.Repeat("a", 10_000), "1"), want: "invalid: a slot's name must have at most 64 characters, of a-z A-Z 0-9 . _ : @ - only"},
		{name: "before all messages", state: tearoom(), p: own(-1, "", "1"), want: "not_found: there is no such message"},
		{name: "a type that is too long", state: tearoom(), p: by("bob", chat.Set{Type: chat.SetType("x." + strings.Repeat("a", 63))}), want: "invalid: set must be x. and 1 to 62 characters of a-z 0-9 . _ -"},
	})
}

func TestWhatMetadataComesTo(t *testing.T) {
	t.Parallel()
	custom := func(key, data string) chat.Proposal {
		return by("ann", chat.Set{Type: chat.RoomCustom, Slot: key, Data: []byte(data)})
	}
	ifChanged := func(p chat.Proposal, at chat.Seq) chat.Proposal { p.If = &at; return p }
	keys := func(n, bytes int) func(*state) {
		return func(s *state) {
			for i := range n {
				holds(0, chat.Slot{Type: chat.RoomCustom, Slot: fmt.Sprintf("s%03d", i), SetBy: 5, Data: []byte(strings.Repeat("1", bytes-4))})(s)
			}
		}
	}
	set := `appended 8: set room.custom "a" on 0 to 1`
	saved := `[room "Tea" public true archived false set [4 5 0 8] slot room.custom "a" on 0 is 1]`
	check(t, []row{
		{name: "a key", state: tearoom(), p: custom("a", "1"), want: set, saves: saved},
		{name: "as the room was", state: tearoom(), p: ifChanged(custom("a", "1"), 5), want: set, saves: saved},
		{name: "as the room is no more", state: tearoom(), p: ifChanged(custom("a", "1"), 4), want: "conflict: the room has changed since: its last change is 5"},
		{name: "a key without a name", state: tearoom(), p: custom("", "1"), want: "invalid: a key of custom must have 1 to 64 characters"},
		{name: "the last key", state: tearoom(keys(31, 5)), p: custom("a", "1"), want: set, saves: saved},
		{name: "one more", state: tearoom(keys(32, 5)), p: custom("a", "1"), want: "conflict: there are 32 keys in custom, and may be no more"},
		{name: "the last bytes", state: tearoom(keys(2, 2047)), p: custom("a", "1"), want: set, saves: saved},
		{name: "one byte more", state: tearoom(keys(2, 2047)), p: custom("a", "12"), want: "conflict: the keys in custom may have 4096 bytes together"},
		{
			name: "the room's name, as it is no more", state: tearoom(), p: ifChanged(by("ann", chat.RoomChanged{Change: chat.RoomRenamed, Name: "Cake"}), 4),
			want: "conflict: the room has changed since: its last change is 5",
		},
		{name: "a setting that there is not", state: tearoom(), p: by("ann", chat.Set{Type: chat.RoomMayPin, Data: []byte(`"read"`)}), want: "invalid: a room's setting must be the role write or moderate"},
		{name: "on a message", state: tearoom(), p: by("ann", chat.Set{Type: chat.RoomTopic, Target: 1, Data: []byte(`"a"`)}), want: "invalid: room.topic is set on the room: target must not be there"},
		{name: "in a slot", state: tearoom(), p: by("ann", chat.Set{Type: chat.RoomTopic, Slot: "b", Data: []byte(`"a"`)}), want: "invalid: room.topic has one slot only: slot must be empty"},
	})
}

// TestASetIsARoomsChangeOnlyIfItIsOfTheRoom holds what a room is told to have changed by last.
func TestASetIsARoomsChangeOnlyIfItIsOfTheRoom(t *testing.T) {
	t.Parallel()
	for want, f := range map[chat.Seq]chat.Set{
		0: {Type: "x.task", Data: []byte("1")},
		8: {Type: chat.RoomAvatar, Data: []byte(`"https://example.org/a.png"`)},
	} {
		s, p := tearoom(), by("ann", f)
		got, err := ledger.Judge(s, &p)
		if s.room.Follow(&got); err != nil || s.room.Changed != want || s.room.Set[ledger.Metadata] != want {
			t.Errorf("%s: the room is %+v, %v", f.Type, s.room, err)
		}
	}
}
