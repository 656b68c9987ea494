package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// state is what the store has of a room when a proposal comes.
type state struct {
	room     ledger.Room
	used     map[chat.Key]chat.Entry
	places   map[chat.UserID]ledger.Place
	messages map[chat.Seq]ledger.Message
	tallies  map[chat.Seq][]ledger.Tally
	slots    map[chat.Seq][]chat.Slot
	broken   string // the method that fails
}

var errBroken = errors.New("broken")

// tearoom is a public room of seven entries. Entry 1 is a message of bob's, 2 is one that entry 3
// deleted, and the others are no messages. Ann moderates, bob is a writer, and dan is banned.
func tearoom(changed ...func(*state)) *state {
	s := &state{
		room: ledger.Room{
			Room: chat.Room{ID: "tea", Name: "Tea", Public: true, Head: 7, Messages: 2},
			Set:  [ledger.Properties]chat.Seq{ledger.Name: 4, ledger.Visibility: 5},
			Now:  noon,
		},
		used: map[chat.Key]chat.Entry{
			"old": {Room: "tea", Seq: 1, Key: "old"}, "taken": {Room: "tea", Seq: 4, Key: "taken", Fact: chat.Edited{Target: 4}},
		},
		places: map[chat.UserID]ledger.Place{
			"ann": {Member: chat.Member{User: "ann", Role: chat.Moderate}},
			"bob": {Member: chat.Member{User: "bob", Role: chat.Write}, Set: 6},
			"dan": {Member: chat.Member{User: "dan", Banned: true}, Set: 7},
		},
		messages: map[chat.Seq]ledger.Message{1: {Author: "bob"}, 2: {Author: "bob", Deleted: 3}},
		tallies:  map[chat.Seq][]ledger.Tally{},
		slots:    map[chat.Seq][]chat.Slot{},
	}
	for _, change := range changed {
		change(s)
	}
	return s
}

func archived(s *state)                    { s.room.Archived = true }
func hidden(s *state)                      { s.room.Public = false }
func withoutModerators(s *state)           { delete(s.places, "ann") }
func breaks(method string) func(*state)    { return func(s *state) { s.broken = method } }
func has(all ...ledger.Tally) func(*state) { return func(s *state) { s.tallies[1] = all } }
func holds(target chat.Seq, all ...chat.Slot) func(*state) {
	return func(s *state) { s.slots[target] = append(s.slots[target], all...) }
}
func place(is ledger.Place) func(*state) { return func(s *state) { s.places[is.User] = is } }
func member(user chat.UserID, r chat.Role) func(*state) {
	return place(ledger.Place{Member: chat.Member{User: user, Role: r}, Set: 7})
}

func (s *state) fails(method string) error {
	if s.broken == method {
		return errBroken
	}
	return nil
}

func (s *state) Room() *ledger.Room { return &s.room }

func (s *state) Used(_ chat.UserID, key chat.Key) (chat.Entry, bool, error) {
	e, used := s.used[key]
	return e, used, s.fails("Used")
}

func (s *state) Place(user chat.UserID) (ledger.Place, error) {
	return s.places[user], s.fails("Place")
}

func (s *state) Message(seq chat.Seq) (ledger.Message, bool, error) {
	m, found := s.messages[seq]
	return m, found, s.fails("Message")
}

func (s *state) Tallies(message chat.Seq, _ chat.UserID) ([]ledger.Tally, error) {
	return s.tallies[message], s.fails("Tallies")
}

func (s *state) Slot(target chat.Seq, of chat.SetType, slot string) (is chat.Slot, held bool, _ error) {
	for _, is := range s.slots[target] {
		if is.Type == of && is.Slot == slot {
			return is, true, s.fails("Slot")
		}
	}
	return is, false, s.fails("Slot")
}

func (s *state) Slots(target chat.Seq) (all []ledger.SlotSize, _ error) {
	for _, is := range s.slots[target] {
		all = append(all, ledger.SlotSize{Type: is.Type, Bytes: len(is.Slot) + len(is.Data)})
	}
	return all, s.fails("Slots")
}

func (s *state) Pins() (n int, _ error) {
	for _, all := range s.slots {
		for _, is := range all {
			if is.Type == chat.Pinned {
				n++
			}
		}
	}
	return n, s.fails("Pins")
}

func (s *state) Moderated(but chat.UserID) (bool, error) {
	for user, is := range s.places {
		if user != but && is.Role == chat.Moderate {
			return true, s.fails("Moderated")
		}
	}
	return false, s.fails("Moderated")
}

// everybody has the rights of a token that names no rooms.
var everybody = chat.Rights{Everybody: true}

// by is a proposal with a new key, of a user whose token names no rooms.
func by(author chat.UserID, f chat.Fact) chat.Proposal {
	return chat.Proposal{Room: "tea", Author: chat.Author{ID: author, Name: "N"}, By: everybody, Key: "new", Fact: f}
}

func granted(p chat.Proposal, rights chat.Rights) chat.Proposal { p.By = rights; return p }

func keyed(p chat.Proposal, key chat.Key) chat.Proposal { p.Key = key; return p }

// show returns a ruling's outcome in a word, with the seq or the reason.
func show(r ledger.Ruling) string {
	switch r.Status {
	case ports.Refused:
		return r.Err.Error()
	case ports.Appended:
		if f, ok := r.Entry.Fact.(chat.Set); ok {
			return fmt.Sprintf("appended %d: set %s %q on %d to %s", r.Entry.Seq, f.Type, f.Slot, f.Target, f.Data)
		}
		return fmt.Sprintf("appended %d: %+v", r.Entry.Seq, r.Entry.Fact)
	case ports.Duplicate:
		return fmt.Sprintf("duplicate of %d", r.Entry.Seq)
	case ports.Unchanged:
		return fmt.Sprintf("unchanged since %d", r.Entry.Seq)
	}
	return fmt.Sprintf("status %d", r.Status)
}

// saves shows what a store must save for a ruling, besides the entry.
func saves(r ledger.Ruling) string {
	var all []string
	if of := r.Rewrite; of != nil {
		all = append(all, fmt.Sprintf("rewrite %+v", *of))
	}
	if of := r.Reaction; of != nil {
		all = append(all, fmt.Sprintf("reaction %s total %d removed %t forget %v", of.Emoji, of.Count, of.Removed, of.Forget))
	}
	if of := r.Place; of != nil {
		all = append(all, fmt.Sprintf("place %s %s banned %t set %d since %s", of.User, of.Role, of.Banned, of.Set, of.Since.Format("15:04")))
	}
	if of := r.Room; of != nil {
		all = append(all, fmt.Sprintf("room %q public %t archived %t set %v", of.Name, of.Public, of.Archived, of.Set))
	}
	if of := r.Slot; of != nil {
		due := ""
		if !of.Due.IsZero() {
			due = " due " + of.Due.Format("15:04")
		}
		all = append(all, fmt.Sprintf("slot %s %q on %d is %s%s", of.Type, of.Set.Slot, of.Target, of.Data, due))
	}
	if r.Left != "" {
		all = append(all, "left "+string(r.Left))
	}
	return fmt.Sprint(all)
}

// a row is a state, a proposal to it, and what should become of it.
type row struct {
	name  string
	state *state
	p     chat.Proposal
	want  string
	saves string // empty: nothing besides the entry
}

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if row.saves == "" {
				row.saves = "[]"
			}
			got, err := ledger.Judge(row.state, &row.p)
			if err != nil || show(got) != row.want || saves(got) != row.saves {
				t.Errorf("got %s saving %s, %v\nwant %s saving %s", show(got), saves(got), err, row.want, row.saves)
			}
		})
	}
}

// everySort has a fact of each kind. Each of them changes something in the tearoom.
var everySort = []chat.Fact{
	chat.Message{Body: "hi"},
	chat.Edited{Target: 1, Body: "hi"},
	chat.Deleted{Target: 1},
	chat.Reacted{Target: 1, Emoji: "👍"},
	chat.MemberChanged{User: "eve", Change: chat.MemberJoined, Role: chat.Write},
	chat.RoomChanged{Change: chat.RoomRenamed, Name: "Cake"},
	chat.Set{Type: "x.task", Target: 1, Data: []byte(`1`)},
}

// TestRefusalsCountInTheirOrder proposes each kind of fact to a room that has every ground to
// refuse it. Then it removes the grounds one by one.
func TestRefusalsCountInTheirOrder(t *testing.T) {
	t.Parallel()
	type step struct {
		change func(*state, *chat.Proposal)
		want   string
	}
	const (
		isTaken   = "conflict: key was used for entry 4, which is something else"
		duplicate = "duplicate of 1"
		noRoom    = "not_found: there is no room tea"
		isBanned  = "forbidden: you are banned from tea"
		reader    = "forbidden: this needs the role write in tea; yours is read"
		writer    = "forbidden: this needs the role moderate in tea; yours is write"
		inArchive = "conflict: the room is archived"
		noMessage = "not_found: there is no such message"
		isDeleted = "conflict: the message is deleted"
	)
	newKey := func(want string) step { return step{func(_ *state, p *chat.Proposal) { p.Key = "new" }, want} }
	notBanned := func(want string) step {
		return step{func(s *state, _ *chat.Proposal) { delete(s.places, "dan") }, want}
	}
	role := func(r chat.Role, want string) step {
		return step{func(s *state, _ *chat.Proposal) { member("dan", r)(s) }, want}
	}
	opened := func(want string) step {
		return step{func(s *state, _ *chat.Proposal) { s.room.Archived = false }, want}
	}
	about := func(f chat.Fact, want string) step {
		return step{func(_ *state, p *chat.Proposal) { p.Fact = f }, want}
	}
	full := func(s *state, p *chat.Proposal) {
		p.Fact, p.Reactions = chat.Reacted{Target: 1, Emoji: "👍"}, 1
		has(ledger.Tally{Emoji: "🎉", First: 2, Total: 1})(s)
	}
	begin := func(f chat.Fact) (*state, chat.Proposal) {
		return tearoom(hidden, archived), keyed(by("dan", f), "taken")
	}
	for name, c := range map[string]struct {
		fact  chat.Fact
		steps []step
	}{
		"message": {chat.Message{Body: "hi", ReplyTo: 5}, []step{
			newKey(isBanned), notBanned(noRoom), role(chat.Read, reader), role(chat.Write, inArchive),
			opened("not_found: there is no such message to reply to"),
			about(chat.Message{Body: "hi", ReplyTo: 2}, "appended 8: {Body:hi ReplyTo:2 Meta:[] EditedAt:0001-01-01 00:00:00 +0000 UTC DeletedAt:0001-01-01 00:00:00 +0000 UTC Silent:false Reactions:[] Slots:[]}"),
		}},
		"edited": {chat.Edited{Target: 5, Body: "hi"}, []step{
			newKey(isBanned), notBanned(noRoom), role(chat.Read, reader), role(chat.Write, inArchive), opened(noMessage),
			about(chat.Edited{Target: 2, Body: "hi"}, isDeleted),
			about(chat.Edited{Target: 1, Body: "hi"}, "appended 8: {Target:1 Body:hi}"),
		}},
		"deleted": {chat.Deleted{Target: 5}, []step{
			newKey(isBanned), notBanned(noRoom), role(chat.Read, reader), role(chat.Write, inArchive), opened(noMessage),
			about(chat.Deleted{Target: 2}, writer),
			role(chat.Moderate, "unchanged since 3"),
			about(chat.Deleted{Target: 1}, "appended 8: {Target:1}"),
		}},
		"reacted": {chat.Reacted{Target: 5, Emoji: "👍"}, []step{
			newKey(isBanned), notBanned(noRoom), role(chat.Read, reader), role(chat.Write, inArchive), opened(noMessage),
			about(chat.Reacted{Target: 2, Emoji: "👍"}, isDeleted),
			{full, "conflict: the message has 1 different reactions, and takes no more"},
			about(chat.Reacted{Target: 1, Emoji: "👍", Removed: true}, "unchanged since 0"),
			about(chat.Reacted{Target: 1, Emoji: "🎉"}, "appended 8: {Target:1 Emoji:🎉 Removed:false Count:2}"),
		}},
		"member": {chat.MemberChanged{User: "bob", Change: chat.MemberBanned}, []step{
			newKey(isBanned), notBanned(noRoom),
			role(chat.Read, "forbidden: this needs the role moderate in tea; yours is read"), role(chat.Write, writer),
			role(chat.Moderate, "appended 8: {User:bob Change:banned Role:none}"), // archived or not
		}},
		"leaving": {chat.MemberChanged{User: "dan", Change: chat.MemberLeft}, []step{
			newKey("forbidden: you are banned from the room"), notBanned("unchanged since 0"),
			role(chat.Moderate, "appended 8: {User:dan Change:left Role:none}"),
			{func(s *state, _ *chat.Proposal) { withoutModerators(s) }, "conflict: you are the room's last moderator: make somebody else one first"},
		}},
		"room": {chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"}, []step{
			newKey(isBanned), notBanned(noRoom),
			role(chat.Read, "forbidden: this needs the role moderate in tea; yours is read"), role(chat.Write, writer),
			role(chat.Moderate, "unchanged since 4"), // archived or not
			about(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Cake"}, "appended 8: {Change:renamed Name:Cake}"),
		}},
		"set on a message": {chat.Set{Type: "x.task", Target: 5, Slot: "a b"}, []step{
			newKey(isBanned), notBanned(noRoom), role(chat.Read, reader),
			{func(s *state, _ *chat.Proposal) {
				holds(0, chat.Slot{Type: chat.RoomMaySet, SetBy: 4, Data: []byte(`"moderate"`)})(s)
				member("dan", chat.Write)(s)
			}, writer},
			role(chat.Moderate, inArchive), opened(noMessage),
			about(chat.Set{Type: "x.task", Target: 2, Slot: "a b"}, isDeleted),
			{func(_ *state, p *chat.Proposal) {
				p.Fact, p.If = chat.Set{Type: "x.task", Target: 1, Slot: "a b"}, new(chat.Seq)
			}, "conflict: the room has changed since: its last change is 5"},
			{func(_ *state, p *chat.Proposal) { *p.If = 5 }, "invalid: a slot's name must have at most 64 characters, of a-z A-Z 0-9 . _ : @ - only"},
			about(chat.Set{Type: "x.task", Target: 1}, "unchanged since 0"),
			about(chat.Set{Type: "x.task", Target: 1, Data: []byte(`1`)}, `appended 8: set x.task "" on 1 to 1`),
		}},
		"set on the room": {chat.Set{Type: chat.RoomTopic, Data: []byte(`1`)}, []step{
			newKey(isBanned), notBanned(noRoom), role(chat.Read, "forbidden: this needs the role moderate in tea; yours is read"), role(chat.Write, writer),
			role(chat.Moderate, "invalid: data must be a text"), // archived or not
			about(chat.Set{Type: chat.RoomTopic, Data: []byte(`"hi"`)}, `appended 8: set room.topic "" on 0 to "hi"`),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := begin(c.fact)
			steps := append([]step{
				{func(*state, *chat.Proposal) {}, isTaken}, {func(_ *state, p *chat.Proposal) { p.Key = "old" }, duplicate},
			}, c.steps...)
			for i, step := range steps {
				step.change(s, &p)
				if got, err := ledger.Judge(s, &p); err != nil || show(got) != step.want {
					t.Fatalf("step %d: got %s, %v; want %s", i, show(got), err, step.want)
				}
			}
		})
	}
}

// TestTheEntryIsTheRoomsNext checks the parts of an entry that all kinds share.
func TestTheEntryIsTheRoomsNext(t *testing.T) {
	t.Parallel()
	for _, f := range everySort {
		s, p := tearoom(), by("ann", f)
		got, err := ledger.Judge(s, &p)
		if err != nil {
			t.Fatal(err)
		}
		messages := int64(2)
		if _, ok := f.(chat.Message); ok {
			messages++
		}
		e := got.Entry
		if e.Room != "tea" || e.Seq != 8 || !e.At.Equal(noon) || e.Author != p.Author || e.Key != p.Key || e.Messages != messages {
			t.Errorf("%T: the entry is %+v", f, e)
		}
		s.room.Follow(&got)
		if s.room.Head != 8 || s.room.Messages != messages {
			t.Errorf("%T: the room is %+v", f, s.room)
		}
		if renamed, ok := f.(chat.RoomChanged); ok && (s.room.Name != renamed.Name || s.room.Set[ledger.Name] != 8) {
			t.Errorf("the room is still %+v", s.room)
		}
	}
}

func TestARoomStaysWhereNothingIsAppended(t *testing.T) {
	t.Parallel()
	for _, p := range []chat.Proposal{
		by("dan", chat.Message{Body: "hi"}),
		keyed(by("ann", chat.Message{Body: "hi"}), "old"),
		by("ann", chat.Deleted{Target: 2}),
		by("ann", chat.RoomChanged{Change: chat.RoomPublished}),
	} {
		s := tearoom()
		was := s.room
		got, err := ledger.Judge(s, &p)
		if s.room.Follow(&got); err != nil || s.room != was {
			t.Errorf("%+v: the room is %+v, %v", p, s.room, err)
		}
	}
}

func TestAKeyIsLookedForLaterWhereTheStoreWantsIt(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]chat.Proposal{
		"appended 8: {Target:1}":             keyed(by("bob", chat.Deleted{Target: 1}), "old"),
		"forbidden: you are banned from tea": keyed(by("dan", chat.Deleted{Target: 1}), "old"),
	} {
		if got, err := ledger.JudgeNew(tearoom(breaks("Used")), &p); err != nil || show(got) != want {
			t.Errorf("got %s, %v; want %s", show(got), err, want)
		}
	}
}

func TestWhatTheStoreFailsToSayEndsTheCall(t *testing.T) {
	t.Parallel()
	resigns := chat.MemberChanged{User: "ann", Change: chat.MemberLeft}
	for method, facts := range map[string][]chat.Fact{
		"Used":      everySort,
		"Place":     everySort,
		"Message":   append([]chat.Fact{chat.Message{Body: "re", ReplyTo: 1}}, everySort[1:4]...),
		"Tallies":   {everySort[3]},
		"Slot":      {everySort[6], chat.Set{Type: "x.task"}},
		"Slots":     {everySort[6]},
		"Pins":      {chat.Set{Type: chat.Pinned, Target: 1, Data: chat.Pin{By: "ann"}.Data()}},
		"Moderated": {resigns},
	} {
		for _, f := range facts {
			p := by("ann", f)
			if _, err := ledger.Judge(tearoom(breaks(method)), &p); !errors.Is(err, errBroken) {
				t.Errorf("%s fails for %T: got %v", method, f, err)
			}
		}
	}
}

func TestFactsAreSevenSorts(t *testing.T) {
	t.Parallel()
	all := make([]chat.Proposal, len(everySort))
	for i, f := range everySort {
		all[i] = by("ann", f)
	}
	if err := ledger.Check(all); err != nil {
		t.Errorf("all seven: %v", err)
	}
	for _, f := range []chat.Fact{nil, &chat.Message{}, chat.Unknown{Type: "later"}, chat.Set{Type: "poll", Target: 1}} {
		p := by("ann", f)
		if err := ledger.Check(append(slices.Clone(all), p)); !errors.Is(err, chat.Internal) {
			t.Errorf("%T: %v", f, err)
		}
		if _, err := ledger.Judge(tearoom(), &p); !errors.Is(err, chat.Internal) {
			t.Errorf("%T before the judge: %v", f, err)
		}
	}
}
