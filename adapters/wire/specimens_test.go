package wire

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// The specimens are frames as they are sent over the socket, one in a file, for these tests and for
// authors of clients. A file is named <type>[.<variant>].json; an ok has the type of its command
// behind its own: ok.join.json.
const specimens = "specimens"

var update = flag.Bool("update", false, "write the specimens of what the service sends anew")

var (
	noon  = time.Date(2026, 11, 23, 12, 0, 0, 5e6, time.FixedZone("", 3600))
	alice = chat.Author{ID: "alice", Name: "Alice"}
	bob   = chat.Author{ID: "bob"}
	zero  = chat.Seq(0)
	seven = chat.Seq(7)
	trace = chat.ParseTrace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
)

// commands are the commands of the clients' specimens.
var commands = []struct {
	file string
	want ports.Command
}{
	{"auth", ports.Command{ID: "1", Ask: ports.Auth{Token: "eyJhbGciOi…"}}},
	{"join", ports.Command{ID: "2", Ask: ports.Join{Room: "general", Limit: 50}}},
	{"join.after", ports.Command{ID: "2", Ask: ports.Join{Room: "general", After: &seven, Limit: 50}}},
	{"join.all", ports.Command{ID: "2", Ask: ports.Join{Room: "general", After: &zero, Limit: 50}}},
	{"join.live", ports.Command{ID: "2", Ask: ports.Join{Room: "general", Limit: 0}}},
	{"leave", ports.Command{ID: "3", Ask: ports.Leave{Room: "general"}}},
	{"send", ports.Command{ID: "4", Ask: ports.Send{Room: "general", Body: "hello"}}},
	{"send.full", ports.Command{ID: "4", Ask: ports.Send{
		Room: "general", Body: "see\n\t<b>\"here\"</b> 👋 \u2028x", Key: "0b5c8e1e", ReplyTo: 7, Meta: []byte(`{"client": "web", "n": [1, 2.5e3, null]}`),
	}}},
	{"send.traced", ports.Command{ID: "4", Trace: trace, Ask: ports.Send{Room: "general", Body: "hello"}}},
	{"send.if_head", ports.Command{ID: "4", Ask: ports.Send{Room: "general", Body: "hello", IfHead: &seven}}},
	{"send.silent", ports.Command{ID: "4", Ask: ports.Send{Room: "general", Body: "The build is done.", IfHead: &zero, Silent: true}}},
	{"send.as", ports.Command{ID: "4", As: &chat.As{User: "bob", Name: "Bob"}, Ask: ports.Send{Room: "general", Body: "hello", Key: "order-17"}}},
	{"send.unknown", ports.Command{Ask: ports.Send{Room: "general", Body: "hello"}}},
	{"edit", ports.Command{ID: "5", Ask: ports.Edit{Room: "general", Seq: 7, Body: "hello!"}}},
	{"delete", ports.Command{ID: "6", Ask: ports.Delete{Room: "general", Seq: 7}}},
	{"delete.as", ports.Command{ID: "6", As: &chat.As{User: chat.System}, Ask: ports.Delete{Room: "general", Seq: 7}}},
	{"react", ports.Command{ID: "7", Ask: ports.React{Room: "general", Seq: 7, Emoji: "👍"}}},
	{"react.remove", ports.Command{ID: "7", Ask: ports.React{Room: "general", Seq: 7, Emoji: ":party:", Remove: true}}},
	{"history", ports.Command{ID: "8", Ask: ports.History{Room: "general", Limit: 50}}},
	{"history.before", ports.Command{ID: "8", Ask: ports.History{Room: "general", Before: 7, Limit: 200, Messages: true}}},
	{"history.after", ports.Command{ID: "8", Ask: ports.History{Room: "general", After: &seven, Limit: 1}}},
	{"search", ports.Command{ID: "20", Ask: ports.Search{Text: `"green tea" cup* -coffee`, Limit: 20}}},
	{"search.room", ports.Command{ID: "20", Ask: ports.Search{
		Text: "tea", Room: "general", Author: "alice", Has: ports.HasLink, From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		To: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Limit: 50, AtLeast: 7,
	}}},
	{"search.public", ports.Command{ID: "20", Ask: ports.Search{Text: "tea", Public: true, Limit: 20, Cursor: "b3BhcXVl"}}},
	{"read", ports.Command{ID: "9", Ask: ports.Mark{Room: "general", Seq: chat.MaxSeq}}},
	{"typing", ports.Command{ID: "10", Ask: ports.Typing{Room: "general", On: true}}},
	{"typing.off", ports.Command{Ask: ports.Typing{Room: "general"}}},
	{"presence", ports.Command{ID: "11", Ask: ports.Presence{Room: "general"}}},
	{"users", ports.Command{ID: "13", Ask: ports.Users{IDs: []chat.UserID{"alice", "bob"}}}},
	{"ping", ports.Command{ID: "12", Ask: ports.Ping{}}},
	{"pin", ports.Command{ID: "13", Ask: ports.Pin{Room: "general", Seq: 7}}},
	{"pin.until", ports.Command{ID: "13", Ask: ports.Pin{Room: "general", Seq: 7, Until: time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)}}},
	{"unpin", ports.Command{ID: "14", Ask: ports.Unpin{Room: "general", Seq: 7}}},
	{"set", ports.Command{ID: "15", Ask: ports.Set{
		Room: "general", Type: "x.task", Target: 7, Slot: "done", Data: []byte(`{"by":"bob","n":[1,2.5]}`), Key: "0b5c8e1e",
	}}},
	{"set.null", ports.Command{ID: "15", Ask: ports.Set{Room: "general", Type: "x.task", Target: 7, Slot: "done"}}},
	{"set.room", ports.Command{ID: "15", Ask: ports.Set{Room: "general", Type: "x.state", Data: []byte(`"open"`)}}},
}

// entries are the entries of the specimens.
var entries = []struct {
	file  string
	entry chat.Entry
}{
	{"message", entry(7, "0b5c8e1e", chat.Message{Body: "hello"})},
	{"message.traced", chat.Entry{Room: "general", Seq: 7, At: noon, Author: alice, Fact: chat.Message{Body: "hello"}, Trace: trace}},
	{"message.made", entry(7, chat.NewKey(), chat.Message{Body: "the client gave no key"})},
	{"message.nameless", chat.Entry{Room: "general", Seq: 7, At: noon, Author: bob, Fact: chat.Message{Body: "who has no name has the id"}}},
	{"message.full", entry(8, "0b5c8e1e", chat.Message{
		Body: "see\n\t<b>\"here\"</b> & \\ 👋 \u2028", ReplyTo: 7, Meta: []byte(`{"client": "web"}`), EditedAt: noon.Add(time.Minute),
		Reactions: []chat.Reaction{{Emoji: "👍", Count: 2, Me: true}, {Emoji: ":party:", Count: 1}},
		Slots:     []chat.Slot{{Type: chat.Pinned, SetBy: 9, Data: []byte(`{"by":"alice"}`)}, {Type: "x.task", Slot: "done", SetBy: 10, Data: []byte(`{"by":"bob"}`)}},
	})},
	{"message.deleted", entry(7, "0b5c8e1e", chat.Message{Meta: []byte(`{"link":"gone"}`), DeletedAt: noon.Add(time.Hour), Reactions: []chat.Reaction{{Emoji: "👍", Count: 2}}})},
	{"message.silent", entry(7, chat.NewKey(), chat.Message{Body: "The build is done.", Silent: true})},
	{"message.via", via("shop-backend", entry(7, "order-17", chat.Message{Body: "hello"}))},
	{"deleted.via", chat.Entry{Room: "general", Seq: 9, At: noon, Author: chat.Author{ID: chat.System}, Via: "shop-backend", Fact: chat.Deleted{Target: 7}}},
	{"edited", entry(9, chat.NewKey(), chat.Edited{Target: 7, Body: "hello!"})},
	{"edited.deleted", entry(9, chat.NewKey(), chat.Edited{Target: 7})},
	{"deleted", entry(9, chat.NewKey(), chat.Deleted{Target: 7})},
	{"reacted", entry(9, chat.NewKey(), chat.Reacted{Target: 7, Emoji: "👍", Count: 3})},
	{"reacted.removed", entry(9, chat.NewKey(), chat.Reacted{Target: 7, Emoji: "👍", Removed: true})},
	{"set", entry(9, chat.NewKey(), chat.Set{Type: chat.Pinned, Target: 7, Data: chat.Pin{By: "alice", Until: noon.Add(time.Hour)}.Data()})},
	{"set.unset", entry(9, chat.NewKey(), chat.Set{Type: chat.Pinned, Target: 7})},
	{"set.own", entry(9, chat.NewKey(), chat.Set{Type: "x.task", Target: 7, Slot: "done", Data: []byte(`{"by":"bob","n":[1,2.5]}`)})},
	{"set.room", entry(9, chat.NewKey(), chat.Set{Type: chat.RoomTopic, Data: chat.Text("Tea & cake")})},
	{"member", entry(9, chat.NewKey(), chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Write})},
	{"member.role", entry(9, chat.NewKey(), chat.MemberChanged{User: "bob", Change: chat.MemberRole, Role: chat.Moderate})},
	{"member.left", entry(9, chat.NewKey(), chat.MemberChanged{User: "bob", Change: chat.MemberLeft})},
	{"member.banned", entry(9, chat.NewKey(), chat.MemberChanged{User: "bob", Change: chat.MemberBanned})},
	{"room", entry(9, chat.NewKey(), chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea & cake"})},
	{"room.nameless", entry(9, chat.NewKey(), chat.RoomChanged{Change: chat.RoomRenamed})},
	{"room.published", entry(9, chat.NewKey(), chat.RoomChanged{Change: chat.RoomPublished})},
	{"room.hidden", entry(9, chat.NewKey(), chat.RoomChanged{Change: chat.RoomHidden})},
	{"room.archived", entry(9, chat.NewKey(), chat.RoomChanged{Change: chat.RoomArchived})},
	{"room.unarchived", entry(9, chat.NewKey(), chat.RoomChanged{Change: chat.RoomUnarchived})},
}

func entry(seq chat.Seq, key chat.Key, fact chat.Fact) chat.Entry {
	return chat.Entry{Room: "general", Seq: seq, At: noon, Author: alice, Key: key, Fact: fact}
}

func via(client string, e chat.Entry) chat.Entry { e.Via = client; return e }

// frames are the other frames of the specimens.
var frames = []struct {
	file  string
	frame ports.Frame
}{
	{"welcome", ports.Welcome{Session: "s1", User: alice, Heartbeat: 25 * time.Second, Log: "5f2c9a01d7e3", Expires: noon.Add(time.Hour), Features: []string{"search"}, Limits: ports.Limits{FrameBytes: 65536, AnswerBytes: 262144, Rooms: 2000, Replay: 10000, Reactions: 50, People: true, Search: true}}},
	{"ok.search", &ports.OK{ID: "20", Answer: ports.SearchPage{
		Hits: []ports.SearchHit{{
			Entry: chat.Entry{Room: "general", Seq: 7, At: noon, Author: alice, Fact: chat.Message{Body: "Green tea, or a cup of it?"}},
			Marks: []ports.SearchMark{{From: 0, To: 9}, {From: 16, To: 19}},
		}},
		Next: "b3BhcXVl", Truncated: true, Behind: 3, Indexed: noon,
	}}},
	{"ok.search.room", &ports.OK{ID: "20", Answer: ports.SearchPage{OneRoom: true, IndexedSeq: 7}}},
	{"ok.auth", &ports.OK{ID: "1", Answer: ports.Authenticated{User: alice}}},
	{"ok.join", &ports.OK{ID: "2", Answer: ports.Joined{Room: "general", Log: "5f2c9a01d7e3", Head: 9, From: 8, Role: chat.Write, Read: 7}}},
	{"ok.join.marks", &ports.OK{ID: "2", Answer: ports.Joined{
		Room: "general", Log: "5f2c9a01d7e3", Head: 9, From: 8, Role: chat.Write, Read: 7, Marks: []ports.ReadMark{{Room: "general", User: "bob", Seq: 9}, {Room: "general", User: "carol", Seq: 4}},
	}}},
	{"ok.join.nobody", &ports.OK{ID: "2", Answer: ports.Joined{Room: "general", From: 1, Role: chat.Write, Marks: []ports.ReadMark{}}}},
	{"ok.join.truncated", &ports.OK{ID: "2", Answer: ports.Joined{Room: "general", Head: 20000, From: 10001, Truncated: true, Role: chat.Read}}},
	{"ok.join.implied", &ports.OK{Answer: ports.Joined{Room: "general", From: 1, Role: chat.Moderate}}},
	{"ok.leave", &ports.OK{ID: "3", Answer: ports.Left{Room: "general"}}},
	{"ok.send", &ports.OK{ID: "4", Answer: ports.Sent{Receipt: receipt}}},
	{"ok.send.made", &ports.OK{ID: "4", Answer: ports.Sent{Receipt: ports.Receipt{Room: "general", Seq: 1, At: receipt.At, Made: &ports.RoomMade{Moderator: "alice"}}}}},
	{"ok.send.made.unmoderated", &ports.OK{ID: "4", Answer: ports.Sent{Receipt: ports.Receipt{Room: "general", Seq: 1, At: receipt.At, Made: &ports.RoomMade{}}}}},
	{"ok.send.duplicate", &ports.OK{ID: "4", Answer: ports.Sent{Receipt: ports.Receipt{Room: "general", Seq: 7, At: noon, Duplicate: true}}}},
	{"ok.edit", &ports.OK{ID: "5", Answer: ports.Changed{Receipt: receipt}}},
	{"ok.delete", &ports.OK{ID: "6", Answer: ports.Changed{Receipt: receipt}}},
	{"ok.react", &ports.OK{ID: "7", Answer: ports.ReactionSet{Receipt: receipt}}},
	{"ok.react.unchanged", &ports.OK{ID: "7", Answer: ports.ReactionSet{Receipt: ports.Receipt{Room: "general", Unchanged: true}}}},
	{"ok.pin", &ports.OK{ID: "13", Answer: ports.SlotSet{Receipt: receipt}}},
	{"ok.unpin", &ports.OK{ID: "14", Answer: ports.SlotSet{Receipt: receipt}}},
	{"ok.unpin.unchanged", &ports.OK{ID: "14", Answer: ports.SlotSet{Receipt: ports.Receipt{Room: "general", Unchanged: true}}}},
	{"ok.set", &ports.OK{ID: "15", Answer: ports.SlotSet{Receipt: receipt}}},
	{"ok.history", &ports.OK{ID: "8", Answer: ports.Page{Room: "general", Log: "5f2c9a01d7e3", Head: 9, More: true, Entries: []chat.Entry{
		entry(7, "0b5c8e1e", chat.Message{Body: "hello!", EditedAt: noon}), entry(8, chat.NewKey(), chat.Edited{Target: 7, Body: "hello!"}),
	}}}},
	{"ok.history.empty", &ports.OK{ID: "8", Answer: ports.Page{Room: "general"}}},
	{"ok.read", &ports.OK{ID: "9", Answer: ports.Marked{Room: "general", Read: 7, Unread: 2}}},
	{"ok.typing", &ports.OK{ID: "10", Answer: ports.TypingNoted{}}},
	{"ok.presence", &ports.OK{ID: "11", Answer: ports.Present{Room: "general", Users: []chat.Author{alice, bob}, Total: 3}}},
	{"ok.presence.nobody", &ports.OK{ID: "11", Answer: ports.Present{Room: "general"}}},
	{"ok.users", &ports.OK{ID: "13", Answer: ports.ProfilePage{Users: []chat.Profile{
		{User: "alice", Name: "Alice", Avatar: "/avatars/alice.png", Custom: []byte(`{"pronouns":"she/her"}`), Version: 3}, {User: "bob", Version: 1},
	}}}},
	{"ok.users.nobody", &ports.OK{ID: "13", Answer: ports.ProfilePage{}}},
	{"ok.users.rest", &ports.OK{ID: "13", Answer: ports.ProfilePage{Users: []chat.Profile{{User: "alice", Name: "Alice", Version: 3}}, Rest: []chat.UserID{"bob"}}}},
	{"ok.ping", &ports.OK{ID: "12", Answer: ports.Pong{Now: noon}}},
	{"error.bad_request", ports.Failure{Err: chat.Errorf(chat.BadRequest, "a frame must be one JSON object")}},
	{"error.unknown_type", ports.Failure{ID: "4", Err: chat.Errorf(chat.UnknownType, "there is no type %q", "dance")}},
	{"error.invalid", ports.Failure{ID: "4", Err: chat.Errorf(chat.Invalid, "body is missing")}},
	{"error.invalid.ahead", ports.Failure{ID: "2", Err: chat.CursorAhead(12, 9)}},
	{"error.unauthenticated", ports.Failure{ID: "1", Err: chat.Errorf(chat.Unauthenticated, "the token has expired")}},
	{"error.forbidden", ports.Failure{ID: "4", Err: chat.Errorf(chat.Forbidden, "you may not write there")}},
	{"error.not_found", ports.Failure{ID: "2", Err: chat.Errorf(chat.NotFound, "there is no such room")}},
	{"error.conflict", ports.Failure{ID: "5", Err: chat.Errorf(chat.Conflict, "the message is deleted")}},
	{"error.conflict.moved", ports.Failure{ID: "4", Err: chat.HeadMoved(7, 9)}},
	{"error.rate_limited", ports.Failure{ID: "4", Err: &chat.Error{Kind: chat.RateLimited, Reason: "too many at once", RetryAfter: 120*time.Millisecond - 1}}},
	{"error.unavailable", ports.Failure{ID: "4", Err: &chat.Error{Kind: chat.Unavailable, Reason: "the log is out of reach", RetryAfter: time.Second, Cause: errSecret}}},
	{"error.internal", ports.Failure{ID: "4", Err: &chat.Error{Kind: chat.Internal, Reason: "a fault of the service (trace 4bf92f35)", Cause: errSecret}}},
	{"typing", ports.SignalFrame{Signal: chat.Signal{Room: "general", User: "bob", Kind: chat.SignalTyping, On: true}}},
	{"presence", ports.SignalFrame{Signal: chat.Signal{Room: "general", User: "bob", Kind: chat.SignalPresence, On: true}}},
	{"presence.gone", ports.SignalFrame{Signal: chat.Signal{Room: "general", User: "bob", Kind: chat.SignalPresence}}},
	{"read", ports.SignalFrame{Signal: chat.Signal{Room: "general", User: "bob", Kind: chat.SignalRead, Seq: 7}}},
	{"added", ports.Added{MemberAdded: ports.MemberAdded{Room: "general", User: "bob", By: alice, Role: chat.Write}}},
	{"user", ports.ProfileFrame{Profile: chat.Profile{
		User: "alice", Name: "Alice B.", Avatar: "https://example.com/alice.png", Custom: []byte(`{"pronouns":"she/her"}`), Version: 4,
	}}},
	{"user.nameless", ports.ProfileFrame{Profile: chat.Profile{User: "bob", Version: 2}}},
	{"left", ports.FollowEnded{Room: "general", Err: chat.Errorf(chat.Forbidden, "you are banned from general")}},
	{"drain", ports.Drain{ReconnectIn: 1500 * time.Millisecond}},
}

var (
	receipt   = ports.Receipt{Room: "general", Seq: 9, At: noon}
	errSecret = errors.New("password=hunter2")
)

// sent returns every specimen of the service, as the code encodes it, by file name.
func sent() map[string][]byte {
	all := map[string][]byte{}
	for _, e := range entries {
		all[e.file] = AppendEntry(nil, &e.entry)
	}
	for _, f := range frames {
		all[f.file] = AppendFrame(nil, f.frame)
	}
	return all
}

// readSpecimens returns the specimens of one side by their names.
func readSpecimens(tb testing.TB, side string) map[string][]byte {
	tb.Helper()
	folder, all := os.DirFS(filepath.Join(specimens, side)), map[string][]byte{}
	names, err := fs.Glob(folder, "*.json")
	if err != nil || len(names) == 0 {
		tb.Fatalf("no specimens of the %s: %v", side, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			tb.Fatal(err)
		}
		all[strings.TrimSuffix(name, ".json")] = bytes.TrimSuffix(text, []byte("\n"))
	}
	return all
}

func TestSpecimensOfClientsAreDecoded(t *testing.T) {
	t.Parallel()
	files := readSpecimens(t, "client")
	for _, c := range commands {
		text, ok := files[c.file]
		if !ok {
			t.Errorf("there is no specimen %s", c.file)
			continue
		}
		if got := Decode(text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %s is %#v, want %#v", c.file, text, got, c.want)
		}
	}
	if len(files) != len(commands) {
		t.Errorf("of %d specimens %d are looked at", len(files), len(commands))
	}
}

func TestSpecimensOfTheServiceAreWhatIsEncoded(t *testing.T) {
	t.Parallel()
	all := sent()
	if *update {
		for name, text := range all {
			if err := os.WriteFile(filepath.Join(specimens, "server", name+".json"), append(text, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files := readSpecimens(t, "server")
	for name, text := range all {
		if !bytes.Equal(text, files[name]) {
			t.Errorf("%s is\n%s, want\n%s", name, text, files[name])
		}
	}
	if len(files) != len(all) || len(all) != len(entries)+len(frames) {
		t.Errorf("of %d specimens %d are looked at", len(files), len(all))
	}
}
