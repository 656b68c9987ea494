package portstest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testSets(t *testing.T) {
	s.prove(t, []sentence{
		{"a message has what is set on it, by type and slot", setsOnMessages},
		{"a room has what is set on it, and changes with what is its own", setsOnRooms},
		{"what a slot holds is told by the entry that set it, and by no other", setsAreSuperseded},
		{"setting the same bytes again changes nothing, and unsetting what is not set neither", slotsUnchanged},
		{"a deletion takes what is set on the message, for ever", setsGoWithMessages},
		{"in one call, each proposal meets what those before it left", setsInOneCall},
		{"what may be set, and where, is for the ledger to say", setsRefused},
		{"a room's settings say who may", setsBySetting},
		{"a room has a number of pins at most, and an unpinned or deleted message makes room", pinsBounded},
		{"a message has a number of slots of an application's own at most", slotsBounded},
		{"pins are listed, the last one first", pinsListed},
		{"a pin that is due is told of until it is unset, and that once", pinsDue},
		{"what is set on rooms is told for many of them", setsOfManyRooms},
		{"a change of a room may depend on who changed it last", changesIf},
		{"entries are read that are named one by one", readAmong},
		{"bytes of values count in a span", setsCountBytes},
		{"wherever a reader begins, it ends with the same slots", setsConverge},
		{"from many at once, a slot holds what the last entry says", s.raceSets},
		{"from many at once, the bound holds", s.racePins},
	})
}

// setsSlot sets a slot, which must be a new entry; no data unsets it.
func (u user) setsSlot(of chat.SetType, target chat.Seq, slot, data string) chat.Entry {
	u.Helper()
	return u.does(setOf(of, target, slot, data))
}

func setOf(of chat.SetType, target chat.Seq, slot, data string) chat.Set {
	f := chat.Set{Type: of, Target: target, Slot: slot}
	if data != "" {
		f.Data = []byte(data)
	}
	return f
}

// pin pins a message for ever, or until a time.
func (u user) pin(target chat.Seq, until ...time.Time) chat.Set {
	pin := chat.Pin{By: u.id}
	for _, at := range until {
		pin.Until = at
	}
	return chat.Set{Type: chat.Pinned, Target: target, Data: pin.Data()}
}

// held returns the slots that are set on a message, or on the room (0), as text.
func (r room) held(target chat.Seq) string {
	r.Helper()
	if target > 0 {
		return showSlots(r.message(target, "").Slots)
	}
	all, err := r.RoomSlots(r.Context(), []chat.RoomID{r.id})
	if err != nil {
		r.Fatalf("slots of the room: %v", err)
	}
	return showSlots(all[r.id])
}

func showSlots(slots []chat.Slot) string {
	var all []string
	for _, is := range slots {
		all = append(all, fmt.Sprintf("%s[%s]=%s@%d", is.Type, is.Slot, is.Data, is.SetBy))
	}
	return strings.Join(all, " ")
}

// data returns the data of the set at a place when it is read.
func (r room) data(seq chat.Seq) string {
	r.Helper()
	f, ok := r.entry(seq).Fact.(chat.Set)
	if !ok {
		r.Fatalf("entry %d is no set: %s", seq, showEntry(r.entry(seq)))
	}
	if f.Data == nil {
		return "nothing"
	}
	return string(f.Data)
}

func setsOnMessages(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	alice.says("two")
	mustEqual(t, "at first", r.held(1), "")
	first := alice.setsSlot("x.task", 1, "b", ` {"done": true}`)
	mustEqual(t, "the entry", showEntry(first), showEntry(r.entry(3)))
	f := first.Fact.(chat.Set)
	if f.Type != "x.task" || f.Target != 1 || f.Slot != "b" || string(f.Data) != ` {"done": true}` {
		t.Errorf("the entry says %+v", f)
	}
	mustEqual(t, "messages", first.Messages, 2)
	alice.setsSlot("x.task", 1, "A", `1`)
	alice.setsSlot("x.color", 1, "", `"red"`)
	alice.does(alice.pin(1))
	want := fmt.Sprintf(`pinned[]={"by":%q}@6 x.color[]="red"@5 x.task[A]=1@4 x.task[b]= {"done": true}@3`, alice.id)
	mustEqual(t, "on one", r.held(1), want)
	mustEqual(t, "on two", r.held(2), "")
	mustEqual(t, "on the room", r.held(0), "")
	mustEqual(t, "as an entry", showSlots(r.entry(1).Fact.(chat.Message).Slots), want)
	alice.edits(1, "one again")
	alice.reacts(1, "👍")
	mustEqual(t, "on one, edited", r.held(1), want)
	alice.setsSlot("x.color", 1, "", "")
	mustEqual(t, "on one, unset", r.held(1), strings.Replace(want, ` x.color[]="red"@5`, "", 1))
	mustEqual(t, "changed", alice.stands().Room.Changed, 0)
}

func setsOnRooms(t *testing.T, r room) {
	alice := r.user("alice")
	alice.setsSlot("x.state", 0, "k", `{}`)
	mustEqual(t, "changed by an application's own", alice.stands().Room.Changed, 0)
	alice.setsSlot(chat.RoomTopic, 0, "", `"Tea"`)
	alice.setsSlot(chat.RoomCustom, 0, "b", `[1]`)
	alice.setsSlot(chat.RoomCustom, 0, "a", `null`)
	mustEqual(t, "on the room", r.held(0), `room.custom[a]=null@4 room.custom[b]=[1]@3 room.topic[]="Tea"@2 x.state[k]={}@1`)
	mustEqual(t, "changed", alice.stands().Room.Changed, 4)
	alice.setsSlot(chat.RoomCustom, 0, "b", "")
	mustEqual(t, "changed by unsetting", alice.stands().Room.Changed, 5)
	alice.does(chat.RoomChanged{Change: chat.RoomArchived})
	mustEqual(t, "changed otherwise", alice.stands().Room.Changed, 6)
	alice.setsSlot(chat.RoomAvatar, 0, "", `"a.png"`) // an archived room may be described
	alice.mustRefuse(alice.tries(setOf("x.state", 0, "k", `1`)), chat.Conflict)
	places, err := r.Places(t.Context(), []ports.Place{{Room: r.id, User: alice.id}})
	if err != nil || places[0].Room.Changed != 7 {
		t.Errorf("places tell %+v, %v", places, err)
	}
}

func setsAreSuperseded(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("hi")
	const first, second = `"the first"`, `"the second"`
	alice.setsSlot("x.a", 1, "s", first)          // 2
	alice.setsSlot("x.a", 1, "t", first)          // 3
	alice.setsSlot(chat.RoomTopic, 0, "", first)  // 4
	alice.setsSlot("x.a", 1, "s", second)         // 5
	alice.setsSlot(chat.RoomTopic, 0, "", second) // 6
	mustEqual(t, "2", r.data(2), "nothing")
	mustEqual(t, "3", r.data(3), first)
	mustEqual(t, "4", r.data(4), "nothing")
	mustEqual(t, "5", r.data(5), second)
	alice.setsSlot("x.a", 1, "s", "") // 7
	alice.setsSlot("x.a", 1, "t", "") // 8
	alice.setsSlot("x.a", 1, "s", first)
	for seq, want := range map[chat.Seq]string{3: "nothing", 5: "nothing", 7: "nothing", 8: "nothing", 9: first} {
		mustEqual(t, fmt.Sprint(seq), r.data(seq), want)
	}
	alice.setsSlot("x.a", 1, "s", second)
	if shown := showEntries(r.log("")); strings.Contains(shown, "the first") || strings.Count(shown, "the second") != 3 { // the message, and two entries
		t.Errorf("what is superseded is read:\n%s", shown)
	}
}

func slotsUnchanged(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.says("hi")
	r.mustBeSeq(alice.tries(setOf("x.a", 1, "", "")), ports.Unchanged, 0)
	alice.setsSlot("x.a", 1, "", `1`)
	r.mustBeSeq(bob.tries(setOf("x.a", 1, "", `1`)), ports.Unchanged, 2)
	alice.setsSlot("x.a", 1, "", `1.0`) // other bytes
	alice.setsSlot("x.a", 1, "", "")
	r.mustBeSeq(bob.tries(setOf("x.a", 1, "", "")), ports.Unchanged, 0)
	alice.does(alice.pin(1))
	r.mustBeSeq(alice.tries(alice.pin(1)), ports.Unchanged, 5)
	bob.does(bob.pin(1))
	r.mustBeSeq(r.appends(alice.proposesAs("k", setOf("x.b", 1, "", `1`)))[0], ports.Appended, 7)
	r.mustBeSeq(r.appends(alice.proposesAs("k", setOf("x.b", 1, "", `2`)))[0], ports.Duplicate, 7)
	mustEqual(t, "head", alice.stands().Room.Head, 7)
}

func setsGoWithMessages(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("one")
	alice.says("two")
	const secret = `"a secret"`
	alice.setsSlot("x.a", 1, "", secret)
	alice.setsSlot("x.a", 1, "s", secret)
	alice.does(alice.pin(1))
	alice.setsSlot("x.a", 2, "", `"stays"`)
	alice.deletes(1)
	mustEqual(t, "on one", r.held(1), "")
	mustEqual(t, "on two", r.held(2), `x.a[]="stays"@6`)
	for _, seq := range []chat.Seq{3, 4, 5} {
		mustEqual(t, fmt.Sprint(seq), r.data(seq), "nothing")
	}
	mustEqual(t, "pins", fmt.Sprint(r.pins(0, 10)), "[]")
	for _, fact := range []chat.Fact{setOf("x.a", 1, "", `1`), setOf("x.a", 1, "", ""), alice.pin(1), setOf(chat.Pinned, 1, "", "")} {
		r.mustRefuse(alice.tries(fact), chat.Conflict)
	}
	if shown := showEntries(r.log(alice.id)); strings.Contains(shown, "a secret") {
		t.Errorf("what was set on a deleted message is read:\n%s", shown)
	}
}

func setsInOneCall(t *testing.T, r room) {
	alice := r.user("alice")
	facts := []chat.Fact{
		chat.Message{Body: "hi"},            // 1
		setOf("x.a", 1, "", `1`),            // 2
		setOf("x.a", 1, "", `1`),            // unchanged
		setOf("x.a", 1, "", `2`),            // 3
		alice.pin(1),                        // 4
		setOf("x.a", 1, "s", `3`),           // 5
		setOf("x.a", 1, "s", ""),            // 6
		chat.Message{Body: "ho"},            // 7
		setOf("x.a", 7, "", `4`),            // 8
		chat.Deleted{Target: 7},             // 9
		setOf("x.a", 7, "", `5`),            // conflict
		setOf(chat.RoomTopic, 0, "", `"a"`), // 10
		setOf(chat.RoomTopic, 0, "", `"b"`), // 11
	}
	var batch []chat.Proposal
	for _, fact := range facts {
		batch = append(batch, alice.proposes(fact))
	}
	var got []string
	for _, o := range r.appends(batch...) {
		got = append(got, fmt.Sprint(statusNames[o.Status], " ", o.Entry.Seq))
	}
	mustEqual(t, "outcomes", strings.Join(got, ", "), "appended 1, appended 2, unchanged 2, appended 3, appended 4, appended 5, appended 6, "+
		"appended 7, appended 8, appended 9, refused 0, appended 10, appended 11")
	mustEqual(t, "on one", r.held(1), fmt.Sprintf(`pinned[]={"by":%q}@4 x.a[]=2@3`, alice.id))
	mustEqual(t, "on the room", r.held(0), `room.topic[]="b"@11`)
	mustEqual(t, "changed", alice.stands().Room.Changed, 11)
	for seq, want := range map[chat.Seq]string{2: "nothing", 3: "2", 5: "nothing", 8: "nothing", 10: "nothing", 11: `"b"`} {
		mustEqual(t, fmt.Sprint(seq), r.data(seq), want)
	}
}

func setsRefused(t *testing.T, r room) {
	alice := r.user("alice")
	alice.says("hi")
	alice.deletes(1)
	alice.says("ho")
	for _, fact := range []chat.Fact{
		setOf("x.a", 4, "", `1`), setOf("x.a", 99, "", `1`), setOf("x.a", 2, "", `1`), setOf("x.a", -1, "", `1`), setOf("x.a", chat.MaxSeq, "", `1`),
		alice.pin(2), alice.pin(4),
	} {
		r.mustRefuse(alice.tries(fact), chat.NotFound)
	}
	r.mustRefuse(alice.tries(setOf("x.a", 1, "", `1`)), chat.Conflict)
	for _, fact := range []chat.Fact{
		setOf("x.", 3, "", `1`), setOf("x.A", 3, "", `1`), setOf("x.a", 3, "a b", `1`), setOf("x.a", 3, strings.Repeat("a", 65), `1`),
		setOf("x.a", 3, "", strings.Repeat("1", chat.MaxSetBytes+1)), setOf(chat.RoomTopic, 3, "", `"a"`),
		setOf(chat.Pinned, 0, "", `{"by":"a"}`), setOf(chat.RoomTopic, 0, "", `1`), setOf(chat.RoomAvatar, 0, "", `"http://a"`),
		alice.pin(3, time.Now().Add(-time.Hour)), alice.pin(3, time.Now().Add(2*chat.MaxPinAhead)),
	} {
		r.mustRefuse(alice.tries(fact), chat.Invalid)
	}
	for _, of := range []chat.SetType{"poll", "", "room.other", "x"} {
		_, err := r.Append(t.Context(), []chat.Proposal{alice.proposes(setOf(of, 3, "", `1`))})
		mustFail(t, err, chat.Internal)
	}
	mustEqual(t, "head", alice.stands().Room.Head, 3)
}

func setsBySetting(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.makes(bob, chat.MemberJoined, chat.Write)
	alice.says("hi")
	does := func(fact chat.Fact) ports.Outcome { return r.appends(bob.proposesBy(chat.Rights{}, fact))[0] }
	r.mustRefuse(does(bob.pin(2)), chat.Forbidden)
	r.mustBeSeq(does(setOf("x.a", 2, "", `1`)), ports.Appended, 3)
	r.mustRefuse(does(setOf(chat.RoomMayPin, 0, "", `"write"`)), chat.Forbidden)
	alice.setsSlot(chat.RoomMayPin, 0, "", `"write"`)
	alice.setsSlot(chat.RoomMaySet, 0, "", `"moderate"`)
	r.mustBeSeq(does(bob.pin(2)), ports.Appended, 6)
	r.mustRefuse(does(setOf("x.a", 2, "", `2`)), chat.Forbidden)
	alice.setsSlot(chat.RoomMayPin, 0, "", "")
	alice.setsSlot(chat.RoomMaySet, 0, "", `"write"`)
	r.mustRefuse(does(setOf(chat.Pinned, 2, "", "")), chat.Forbidden)
	r.mustBeSeq(does(setOf("x.a", 2, "", `2`)), ports.Appended, 9)
	// In one call, a setting counts from then on.
	outcomes := r.appends(alice.proposes(setOf(chat.RoomMaySet, 0, "", `"moderate"`)), bob.proposesBy(chat.Rights{}, setOf("x.a", 2, "", `3`)))
	r.mustRefuse(outcomes[1], chat.Forbidden)
}

func setsOfManyRooms(t *testing.T, r room) {
	one, two, bare := r.user("alice"), newRoom(t, r.StoreUnderTest).user("alice"), newRoom(t, r.StoreUnderTest)
	one.setsSlot(chat.RoomTopic, 0, "", `"one"`)
	one.setsSlot(chat.RoomCustom, 0, "k", `1`)
	two.setsSlot(chat.RoomAvatar, 0, "", `"a"`)
	two.says("hi")
	two.setsSlot("x.a", 2, "", `1`) // on a message
	rooms := []chat.RoomID{one.room.id, bare.id, two.room.id, someRoom(), one.room.id}
	for want, types := range map[string][]chat.SetType{
		`room.custom[k]=1@2 room.topic[]="one"@1 | room.avatar[]="a"@1`: nil,
		`room.topic[]="one"@1 | room.avatar[]="a"@1`:                    {chat.RoomAvatar, chat.RoomTopic},
		` | `: {"x.a"},
	} {
		got, err := r.RoomSlots(t.Context(), rooms, types...)
		if err != nil || showSlots(got[one.room.id])+" | "+showSlots(got[two.room.id]) != want || len(got[bare.id]) > 0 {
			t.Errorf("of %v it tells %v, %v", types, got, err)
		}
	}
	if got, err := r.RoomSlots(t.Context(), nil); err != nil || len(got) > 0 {
		t.Errorf("of no rooms it tells %v, %v", got, err)
	}
}

func changesIf(t *testing.T, r room) {
	alice := r.user("alice")
	iff := func(changed chat.Seq, fact chat.Fact) ports.Outcome {
		t.Helper()
		p := alice.proposes(fact)
		p.If = &changed
		return r.appends(p)[0]
	}
	stale := func(o ports.Outcome) {
		t.Helper()
		r.mustRefuse(o, chat.Conflict)
		mustEqual(t, "detail", chat.AsError(o.Err).Detail, chat.Stale)
	}
	r.mustBeSeq(iff(0, setOf(chat.RoomTopic, 0, "", `"a"`)), ports.Appended, 1)
	stale(iff(0, setOf(chat.RoomTopic, 0, "", `"b"`)))
	stale(iff(0, setOf(chat.RoomTopic, 0, "", `"a"`)))
	r.mustBeSeq(iff(1, setOf(chat.RoomTopic, 0, "", `"a"`)), ports.Unchanged, 1)
	r.mustBeSeq(iff(1, chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"}), ports.Appended, 2)
	alice.says("hi")
	alice.setsSlot("x.a", 0, "", `1`)
	stale(iff(1, chat.RoomChanged{Change: chat.RoomPublished}))
	r.mustBeSeq(iff(2, chat.RoomChanged{Change: chat.RoomPublished}), ports.Appended, 5)
	mustEqual(t, "changed", alice.stands().Room.Changed, 5)
}

func readAmong(t *testing.T, r room) {
	alice := r.user("alice")
	alice.manyMessages(6)
	alice.reacts(5, "👍")
	alice.setsSlot("x.a", 2, "", `1`)
	for want, span := range map[string]ports.Span{
		"[2 5 8]": {Among: []chat.Seq{8, 2, 5, 5, 99}, Limit: 10},
		"[2 5]":   {Among: []chat.Seq{5, 2, 8}, Limit: 2},
		"[5]":     {Among: []chat.Seq{2, 5, 8}, After: 2, Before: 8, Limit: 9, Viewer: alice.id},
		"[]":      {Among: []chat.Seq{}, Limit: 9},
	} {
		seqs := []chat.Seq{}
		for _, e := range r.reads(span) {
			seqs = append(seqs, e.Seq)
			mustEqual(t, "the entry", showEntry(e), showEntry(r.reads(ports.Span{After: e.Seq - 1, Limit: 1, Viewer: span.Viewer})[0]))
		}
		mustEqual(t, "places", fmt.Sprint(seqs), want)
	}
}

// setsConverge takes the state at each place, and applies the entries after it, as a client does.
// All must end in the same state.
func setsConverge(t *testing.T, r room) {
	alice := r.user("alice")
	alice.manyMessages(3)
	steps := []chat.Fact{
		setOf("x.a", 1, "", `1`), setOf("x.a", 2, "s", `2`), setOf("x.a", 1, "", `3`), alice.pin(3), setOf(chat.RoomTopic, 0, "", `"a"`),
		setOf("x.a", 1, "", ""), setOf("x.a", 2, "t", `4`),
		chat.Deleted{Target: 2},
		setOf(chat.RoomTopic, 0, "", `"b"`), setOf("x.a", 1, "", `3`),
		setOf(chat.Pinned, 3, "", ""), alice.pin(3),
	}
	for _, fact := range steps {
		alice.does(fact)
	}
	want := slots{}
	for seq := range chat.Seq(4) {
		want[seq] = r.held(seq)
	}
	for after := range chat.Seq(len(steps) + 4) {
		seen := slotsSeen{}
		// What it knew before.
		for _, e := range r.reads(ports.Span{Limit: int(after) + 1, Before: after + 1}) {
			seen.apply(e)
		}
		for _, e := range r.reads(ports.Span{After: after, Limit: everything}) {
			seen.apply(e)
		}
		for seq, held := range want {
			mustEqual(t, fmt.Sprintf("from %d on, at %d", after, seq), seen.show(seq), held)
		}
	}
}

type slots map[chat.Seq]string

// slotsSeen has the slots that a reader knows who applies entries in order.
type slotsSeen map[chat.Seq][]chat.Slot

func (s slotsSeen) apply(e chat.Entry) {
	switch f := e.Fact.(type) {
	case chat.Message:
		s[e.Seq] = slices.Clone(f.Slots)
	case chat.Deleted:
		delete(s, f.Target)
	case chat.Set:
		s[f.Target] = slices.DeleteFunc(s[f.Target], func(is chat.Slot) bool { return is.Type == f.Type && is.Slot == f.Slot })
		if f.Data != nil {
			s[f.Target] = append(s[f.Target], chat.Slot{Type: f.Type, Slot: f.Slot, SetBy: e.Seq, Data: f.Data})
		}
	}
}

func (s slotsSeen) show(target chat.Seq) string {
	slices.SortFunc(s[target], func(a, b chat.Slot) int {
		return strings.Compare(string(a.Type)+"\x00"+a.Slot, string(b.Type)+"\x00"+b.Slot)
	})
	return showSlots(s[target])
}

func (s *storeSuite) raceSets(t *testing.T, r room) {
	handles := s.handles(t)
	r.user("alice").says("hi")
	together(t, 8, func(i int) {
		u := user{r.on(t, handles[i%len(handles)]), chat.UserID(fmt.Sprint("u", i))}
		for n := range 5 {
			u.tries(setOf("x.a", 1, "", fmt.Sprint(i*100+n)))
			u.tries(setOf(chat.RoomTopic, 0, "", fmt.Sprintf(`"%d"`, i*100+n)))
		}
	})
	last := map[chat.Seq]chat.Entry{}
	for _, e := range r.log("") {
		if f, ok := e.Fact.(chat.Set); ok {
			if f.Data != nil && last[f.Target].Seq > e.Seq {
				t.Errorf("entry %d still has its data", e.Seq)
			}
			last[f.Target] = e
		}
	}
	for target, e := range last {
		f := e.Fact.(chat.Set)
		if held := r.held(target); !bytes.Contains([]byte(held), append(append([]byte("="), f.Data...), '@')) || f.Data == nil {
			t.Errorf("%d holds %s, and the last entry says %q", target, held, f.Data)
		}
	}
}
