package portstest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testLists(t *testing.T) {
	s.prove(t, []sentence{
		{"rooms come in each order", ordersRooms},
		{"an order begins behind a room", ordersBehind},
		{"rooms that are alike come in the order of their ids", ordersAlike},
		{"rooms stand where they stood at a time", ordersAsOf},
		{"a long log is gone back in", ordersFarBack},
		{"no more rooms are looked at than asked for, and that is told", ordersCut},
		{"rooms of a token are among them, and those of others are not", ordersGranted},
		{"a room is seen with its last message", sightsLast},
		{"sights are as the rooms asked for", sightsInOrder},
	})
}

// shelf has the rooms of one user.
type shelf struct {
	user
	rooms []room
}

// shelf makes n rooms that the user writes in, whose ids ascend.
func (r room) shelf(n int) shelf {
	r.Helper()
	s := shelf{user: r.user("reader")}
	for i := range n {
		tick()
		one := r.in(chat.RoomID(fmt.Sprintf("%s-%03d", r.id, i)))
		one.create(chat.Room{ID: one.id, Name: fmt.Sprintf("Name %03d", n-i)}, s.user.id)
		s.rooms = append(s.rooms, one)
	}
	return s
}

// in returns the user in one of the rooms. The time is later than all before.
func (s shelf) in(i int) user {
	tick()
	return user{s.rooms[i], s.user.id}
}

// tick waits until the clock of stores moves on.
func tick() {
	for now := time.Now().UnixMicro(); time.Now().UnixMicro() == now; {
	}
}

// orders asks for the rooms in an order, and returns their indexes.
func (s shelf) orders(q ports.OrderQuery) (which []int, keys []ports.RoomKey, cut chat.RoomID) {
	s.Helper()
	q.User = s.user.id
	if q.Limit == 0 {
		q.Limit = everything
	}
	if q.Max == 0 {
		q.Max = everything
	}
	keys, cut, err := s.Order(s.Context(), q)
	if err != nil {
		s.Fatalf("order: %v", err)
	}
	for _, k := range keys {
		which = append(which, slices.IndexFunc(s.rooms, func(r room) bool { return r.id == k.Room }))
	}
	return which, keys, cut
}

func (s shelf) mustOrder(q ports.OrderQuery, want ...int) []ports.RoomKey {
	s.Helper()
	got, keys, _ := s.orders(q)
	mustEqualSlices(s, fmt.Sprintf("rooms of %+v", q), got, want)
	return keys
}

func ordersRooms(t *testing.T, r room) {
	s := r.on(t, r.StoreUnderTest).shelf(4)
	last := map[int]time.Time{}
	for _, i := range []int{2, 0, 3, 1} {
		last[i] = s.in(i).says("hi").At
	}
	keys := s.mustOrder(ports.OrderQuery{Sort: ports.SortActive}, 1, 3, 0, 2)
	for n, i := range []int{1, 3, 0, 2} {
		if !keys[n].At.Equal(last[i]) || keys[n].At.Location() != time.UTC {
			t.Fatalf("room %d was active at %v, want %v", i, keys[n].At, last[i])
		}
	}
	s.in(0).deletes(1) // any entry counts
	s.mustOrder(ports.OrderQuery{Sort: ports.SortActive}, 0, 1, 3, 2)
	s.mustOrder(ports.OrderQuery{Sort: ports.SortName}, 3, 2, 1, 0)
	s.in(3).does(chat.RoomChanged{Change: chat.RoomRenamed, Name: "nAME 003B"})
	s.in(1).does(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Ämter"})
	s.in(2).does(chat.RoomChanged{Change: chat.RoomRenamed})
	keys = s.mustOrder(ports.OrderQuery{Sort: ports.SortName}, 3, 0, 2, 1)
	mustEqual(t, "name", keys[0].Name, "name 003b")
	mustEqual(t, "name of a room that has none", keys[2].Name, string(s.rooms[2].id))
	mustEqual(t, "name with other letters", keys[3].Name, "Ämter")
	s.mustOrder(ports.OrderQuery{Sort: ports.SortID}, 0, 1, 2, 3)
}

func ordersBehind(t *testing.T, r room) {
	s := r.on(t, r.StoreUnderTest).shelf(7)
	for _, i := range []int{2, 0, 6, 3, 5, 1, 4} {
		s.in(i).says("hi")
	}
	for _, sort := range []ports.RoomSort{ports.SortID, ports.SortActive, ports.SortName} {
		all, _, _ := s.orders(ports.OrderQuery{Sort: sort})
		var got []int
		var behind *ports.RoomKey
		for {
			page, keys, _ := s.orders(ports.OrderQuery{Sort: sort, Limit: 3, Behind: behind, AsOf: time.Now().Add(time.Hour)})
			if len(keys) == 0 {
				break
			}
			got, behind = append(got, page...), &keys[len(keys)-1]
		}
		mustEqualSlices(t, fmt.Sprintf("rooms in order %d by pages", sort), got, all)
	}
}

func ordersAlike(t *testing.T, r room) {
	s := r.on(t, r.StoreUnderTest).shelf(4)
	var said []chat.Proposal
	for _, i := range []int{3, 1, 0, 2} {
		said = append(said, s.in(i).proposes(chat.Message{Body: "hi"}))
		s.in(i).does(chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"})
	}
	for _, o := range s.appends(said...) { // in one batch, which has one time in some stores
		s.mustBe(o, ports.Appended)
	}
	_, keys, _ := s.orders(ports.OrderQuery{Sort: ports.SortActive})
	for i := 1; i < len(keys); i++ {
		if a, b := keys[i-1], keys[i]; a.At.Before(b.At) || a.At.Equal(b.At) && a.Room > b.Room {
			t.Fatalf("%v comes before %v", a, b)
		}
	}
	s.mustOrder(ports.OrderQuery{Sort: ports.SortName}, 0, 1, 2, 3)
	s.mustOrder(ports.OrderQuery{Sort: ports.SortName, Behind: &ports.RoomKey{Name: "tea", Room: s.rooms[1].id}}, 2, 3)
}

func ordersAsOf(t *testing.T, r room) {
	s := r.on(t, r.StoreUnderTest).shelf(5)
	for _, i := range []int{0, 1, 2, 3} {
		s.in(i).says("hi")
	}
	keys := s.mustOrder(ports.OrderQuery{Sort: ports.SortActive}, 3, 2, 1, 0, 4)
	asOf := keys[0].At
	for range 5 {
		s.in(0).says("again")
		s.in(2).says("again")
	}
	s.in(4).says("first")
	later := s.in(0).room.in(s.in(0).room.id + "-later")
	later.create(chat.Room{ID: later.id}, s.user.id)
	then := s.mustOrder(ports.OrderQuery{Sort: ports.SortActive, AsOf: asOf}, -1, 3, 2, 1, 0, 4)
	for i, k := range then[1:] {
		if !k.At.Equal(keys[i].At) {
			t.Fatalf("%s stood at %v, and now stands at %v", k.Room, keys[i].At, k.At)
		}
	}
	mustEqual(t, "the room that was made later", then[0].Room, later.id)
	s.mustOrder(ports.OrderQuery{Sort: ports.SortActive, AsOf: asOf, Behind: &keys[1]}, 1, 0, 4)
	s.mustOrder(ports.OrderQuery{Sort: ports.SortActive, AsOf: asOf, Behind: &keys[1], But: []chat.RoomID{s.rooms[0].id, "nowhere"}}, 1, 4)
	s.mustOrder(ports.OrderQuery{Sort: ports.SortActive, But: []chat.RoomID{s.rooms[2].id, later.id}}, 4, 0, 3, 1)
	s.mustOrder(ports.OrderQuery{Sort: ports.SortActive, AsOf: keys[2].At}, -1, 1, 0, 4, 3, 2)
	s.mustOrder(ports.OrderQuery{Sort: ports.SortActive, AsOf: time.Unix(1, 0)}, -1, 4, 3, 2, 1, 0)
}

// ordersFarBack asks for the order at the time of each entry of a log, so that each one is the last
// once.
func ordersFarBack(t *testing.T, r room) {
	s := r.on(t, r.StoreUnderTest).shelf(1)
	var at []time.Time
	for len(at) < 23 {
		at = append(at, s.in(0).says("hi").At)
	}
	made := s.in(0).stands().Room.CreatedAt
	for i, asOf := range at {
		keys := s.mustOrder(ports.OrderQuery{Sort: ports.SortActive, AsOf: asOf}, 0)
		if !keys[0].At.Equal(asOf) {
			t.Fatalf("as of entry %d it stands at %v, want %v", i+1, keys[0].At, asOf)
		}
	}
	if keys := s.mustOrder(ports.OrderQuery{Sort: ports.SortActive, AsOf: made}, 0); !keys[0].At.Equal(made) {
		t.Fatalf("before all entries it stands at %v, want %v", keys[0].At, made)
	}
}

func ordersCut(t *testing.T, r room) {
	s := r.on(t, r.StoreUnderTest).shelf(5)
	s.in(4).says("hi")
	for _, sort := range []ports.RoomSort{ports.SortID, ports.SortActive, ports.SortName} {
		if got, _, cut := s.orders(ports.OrderQuery{Sort: sort, Max: 5}); cut != "" || len(got) != 5 {
			t.Fatalf("of five it has %v, cut at %q", got, cut)
		}
		got, _, cut := s.orders(ports.OrderQuery{Sort: sort, Max: 3})
		slices.Sort(got)
		mustEqualSlices(t, "what it looks at", got, []int{0, 1, 2, 3})
		mustEqual(t, "where it is cut", cut, s.rooms[3].id)
		got, _, cut = s.orders(ports.OrderQuery{Sort: sort, Max: 3, UpTo: s.rooms[2].id})
		slices.Sort(got)
		mustEqualSlices(t, "what it looks at up to a room", got, []int{0, 1, 2})
		mustEqual(t, "where it is cut up to a room", cut, "")
	}
}

func ordersGranted(t *testing.T, r room) {
	s := r.on(t, r.StoreUnderTest).shelf(2)
	other := r.user("other")
	other.says("mine alone")
	s.in(0).says("hi")
	all := shelf{user: s.user, rooms: append(slices.Clone(s.rooms), r)}
	for _, sort := range []ports.RoomSort{ports.SortID, ports.SortActive, ports.SortName} {
		got, _, _ := all.orders(ports.OrderQuery{Sort: sort})
		slices.Sort(got)
		mustEqualSlices(t, "rooms", got, []int{0, 1})
		granted := []chat.RoomID{r.id, s.rooms[1].id, "zz-nowhere"}
		slices.Sort(granted)
		got, _, _ = all.orders(ports.OrderQuery{Sort: sort, Granted: granted})
		slices.Sort(got)
		mustEqualSlices(t, "rooms with those of the token", got, []int{0, 1, 2})
	}
	s.in(0).does(chat.MemberChanged{User: s.user.id, Change: chat.MemberLeft})
	all.mustOrder(ports.OrderQuery{}, 1)
}

func (u user) sees(rooms ...chat.RoomID) []ports.RoomSight {
	u.Helper()
	sights, err := u.Sights(u.Context(), u.id, rooms)
	if err != nil || len(sights) != len(rooms) {
		u.Fatalf("%d sights of %d rooms, %v", len(sights), len(rooms), err)
	}
	return sights
}

func sightsLast(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	alice.makes(alice, chat.MemberJoined, chat.Write)
	must := func(seq chat.Seq) ports.RoomSight {
		t.Helper()
		sight := alice.sees(r.id)[0]
		if (sight.Last == nil) != (seq == 0) || sight.Last != nil && sight.Last.Seq != seq {
			t.Fatalf("the last message is %+v, want %d", sight.Last, seq)
		}
		mustEqual(t, "standing", sight.Standing, alice.stands())
		if seq > 0 {
			mustBeEntries(t, []chat.Entry{*sight.Last}, r.reads(ports.Span{After: seq - 1, Limit: 1, Viewer: alice.id}))
		}
		return sight
	}
	must(0)
	first := bob.says("one").Seq
	must(first)
	second := bob.says("two").Seq // goes on with the turn
	must(second)
	alice.reacts(second, "👍")
	bob.edits(second, "too")
	if m := must(second).Last.Fact.(chat.Message); m.Body != "too" || len(m.Reactions) != 1 || !m.Reactions[0].Me {
		t.Fatalf("the last message is %+v", m)
	}
	bob.deletes(second)
	if m := must(second).Last.Fact.(chat.Message); m.DeletedAt.IsZero() || m.Body != "" {
		t.Fatalf("the deleted message is %+v", m)
	}
	third := alice.says("three").Seq // begins a turn
	must(third)
	alice.deletes(third)
	must(third)
	bob.deletes(first)
	must(third)
	fourth := bob.says("four").Seq
	must(fourth)
}

func sightsInOrder(t *testing.T, r room) {
	s := r.on(t, r.StoreUnderTest).shelf(3)
	s.in(0).says("zero")
	s.in(2).says("two")
	asked := []chat.RoomID{s.rooms[2].id, "nowhere", s.rooms[1].id, s.rooms[0].id}
	for i, sight := range s.sees(asked...) {
		if sight.Room.ID != asked[i] && !(asked[i] == "nowhere" && sight.Room.ID == "") {
			t.Fatalf("sight %d is of %q, want %q", i, sight.Room.ID, asked[i])
		}
		if (sight.Last != nil) != (i == 0 || i == 3) || sight.Last != nil && sight.Last.Room != asked[i] {
			t.Fatalf("of %q the last message is %+v", asked[i], sight.Last)
		}
	}
	mustEqual(t, "sights of nothing", len(s.sees()), 0)
}
