package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

func lists(cfg *messaging.Config) { cfg.Lists = cfg.Directory.(*memory.Store) }

// lists asks for a page, which must succeed.
func (u user) lists(q ports.ListQuery) (rooms []chat.RoomID, page ports.RoomListPage) {
	u.t.Helper()
	page, err := u.List(context.Background(), u.Identity, q)
	if err != nil {
		u.t.Fatalf("list %+v: %v", q, err)
	}
	for _, r := range page.Rooms {
		rooms = append(rooms, r.Room.ID)
	}
	return rooms, page
}

// listsAll goes through all pages; between, where it is not nil, is called between two.
func (u user) listsAll(q ports.ListQuery, between func()) (rooms []chat.RoomID) {
	u.t.Helper()
	for {
		some, page := u.lists(q)
		if rooms = append(rooms, some...); page.Next == "" {
			return rooms
		}
		q.Cursor = page.Next
		if between != nil {
			between()
		}
	}
}

func TestRoomsComeInEachOrderWithTheirLastMessages(t *testing.T) {
	t.Parallel()
	n := newNode(t, lists)
	alice, bob := n.user("alice"), n.user("bob")
	for _, room := range []chat.RoomID{"c", "a", "b"} {
		alice.asAdmin().sets(n.room(room, false), "alice", chat.Read)
		tick()
		bob.asAdmin().says(room, "in "+string(room))
	}
	alice.asAdmin().sets(n.room("empty", false), "alice", chat.Read)
	for sort, want := range map[ports.RoomSort][]chat.RoomID{
		ports.SortActive: {"empty", "b", "a", "c"}, ports.SortID: {"a", "b", "c", "empty"}, ports.SortName: {"a", "b", "c", "empty"},
	} {
		got, page := alice.lists(ports.ListQuery{Sort: sort, Limit: 50})
		if !slices.Equal(got, want) || page.Next != "" || page.Truncated {
			t.Errorf("order %d: got %v, %q", sort, got, page.Next)
		}
		for _, r := range page.Rooms {
			if said := r.Last != nil; said == (r.Room.ID == "empty") || said && r.Last.Fact.(chat.Message).Body != "in "+string(r.Room.ID) || said && r.Unread != 1 {
				t.Errorf("%s is shown as %+v", r.Room.ID, r)
			}
			if r.Active.IsZero() != (sort != ports.SortActive) {
				t.Errorf("order %d: %s was active at %v", sort, r.Room.ID, r.Active)
			}
		}
		if got := alice.listsAll(ports.ListQuery{Sort: sort, Limit: 1}, nil); !slices.Equal(got, want) {
			t.Errorf("order %d by pages: got %v", sort, got)
		}
	}
}

// partsAway stands before a store, of which the rooms that sights and slots name go away after
// the order of a list is known, or the sights of its rooms.
type partsAway struct {
	*memory.Store
	sights, slots chat.RoomID
}

func (p *partsAway) Sights(ctx context.Context, user chat.UserID, rooms []chat.RoomID) ([]ports.RoomSight, error) {
	sights, err := p.Store.Sights(ctx, user, rooms)
	for i := range sights {
		if sights[i].Room.ID == p.sights {
			sights[i], err = ports.RoomSight{}, away(p.sights)
		}
	}
	return sights, err
}

func (p *partsAway) RoomSlots(ctx context.Context, rooms []chat.RoomID, types ...chat.SetType) (map[chat.RoomID][]chat.Slot, error) {
	slots, err := p.Store.RoomSlots(ctx, rooms, types...)
	switch {
	case !slices.Contains(rooms, p.slots):
		return slots, err
	case len(rooms) == 1: // all that is asked for is away
		return nil, errors.Unwrap(away(p.slots))
	}
	delete(slots, p.slots)
	return slots, away(p.slots)
}

func away(room chat.RoomID) error {
	return &ports.Partial{Lacks: func(r chat.RoomID) bool { return r == room }, Err: chat.Errorf(chat.Unavailable, "away")}
}

func TestAListLacksOnlyTheRoomsThatGoAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sights, slots chat.RoomID
		topics        []chat.RoomID
		sorted, mine  []chat.RoomID
	}{
		"nothing is away":                   {"", "", []chat.RoomID{"b"}, []chat.RoomID{"a", "b", "c"}, []chat.RoomID{"a", "b", "c"}},
		"before it is seen":                 {"a", "", []chat.RoomID{"b"}, []chat.RoomID{"b", "c"}, []chat.RoomID{"a", "b", "c"}},
		"before its topic is seen":          {"", "b", []chat.RoomID{"b", "c"}, []chat.RoomID{"a", "c"}, []chat.RoomID{"a", "c"}},
		"before the only topic is seen":     {"", "b", []chat.RoomID{"b"}, []chat.RoomID{"a", "c"}, []chat.RoomID{"a", "c"}},
		"one before each of the two":        {"a", "b", []chat.RoomID{"b", "c"}, []chat.RoomID{"c"}, []chat.RoomID{"a", "c"}},
		"the one that has no topic to show": {"", "c", []chat.RoomID{"a", "b"}, []chat.RoomID{"a", "b", "c"}, []chat.RoomID{"a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &partsAway{Store: memory.New()}
			n := newNodeOn(t, store.Store, func(cfg *messaging.Config) { cfg.Lists, cfg.Slots = store, store })
			alice := n.user("alice")
			for _, room := range []chat.RoomID{"a", "b", "c"} {
				alice.asAdmin().sets(n.room(room, false), "alice", chat.Moderate)
			}
			for _, room := range c.topics {
				topic := chat.Proposal{
					Room: room, Author: alice.Author(), Key: "topic", Fact: chat.Set{Type: chat.RoomTopic, Data: []byte(`"about it"`)},
				}
				if o, err := store.Append(t.Context(), []chat.Proposal{topic}); err != nil || o[0].Status != ports.Appended {
					t.Fatalf("%+v, %v", o, err)
				}
			}
			store.sights, store.slots = c.sights, c.slots
			mustLack := func(list string, err error, got, want []chat.RoomID) {
				t.Helper()
				lack, partly := errors.AsType[*ports.Partial](err)
				if !slices.Equal(got, want) || err != nil && !partly || partly == (len(want) == 3) {
					t.Errorf("%s has %v, %v", list, got, err)
				}
				for _, room := range []chat.RoomID{"a", "b", "c"} {
					if partly && lack.Lacks(room) == slices.Contains(got, room) {
						t.Errorf("%s: whether it lacks %s: %t", list, room, lack.Lacks(room))
					}
				}
			}
			page, err := n.List(t.Context(), alice.Identity, ports.ListQuery{Sort: ports.SortName, Limit: 50})
			var sorted, mine []chat.RoomID
			for _, r := range page.Rooms {
				sorted = append(sorted, r.Room.ID)
				if slices.Contains(c.topics, r.Room.ID) != (r.Topic == "about it") {
					t.Errorf("%s is shown with the topic %q", r.Room.ID, r.Topic)
				}
			}
			mustLack("the sorted list", err, sorted, c.sorted)
			views, _, err := n.Mine(t.Context(), alice.Identity, "", 50)
			for _, v := range views {
				mine = append(mine, v.Room.ID)
			}
			mustLack("the list by id", err, mine, c.mine)
		})
	}
}

func TestRoomsThatAUserMayNotReadAreInNoList(t *testing.T) {
	t.Parallel()
	n := newNode(t, lists)
	alice, mod := n.user("alice"), n.user("mod").asAdmin()
	for _, room := range []chat.RoomID{"banned", "hidden", "left", "stays"} {
		n.room(room, true)
		alice.says(room, "hi")
	}
	mod.sets("banned", "alice", chat.None)
	if _, err := mod.Change(context.Background(), mod.Identity, "hidden", ports.RoomChange{Public: new(false)}); err != nil {
		t.Fatal(err)
	}
	if err := alice.RemoveMember(context.Background(), alice.Identity, "left", "alice"); err != nil {
		t.Fatal(err)
	}
	for _, sort := range []ports.RoomSort{ports.SortActive, ports.SortID, ports.SortName} {
		if got := alice.listsAll(ports.ListQuery{Sort: sort, Limit: 1}, nil); !slices.Equal(got, []chat.RoomID{"stays"}) {
			t.Errorf("order %d: got %v", sort, got)
		}
	}
	admin := alice.asAdmin()
	if got := admin.listsAll(ports.ListQuery{Sort: ports.SortID, Limit: 50}, nil); slices.Contains(got, "banned") {
		t.Errorf("to an administrator come %v", got)
	}
}

func TestAPageOfRoomsIsCutByBytes(t *testing.T) {
	t.Parallel()
	const most = 20_000
	n := newNode(t, lists, func(cfg *messaging.Config) { cfg.AnswerBytes = most })
	alice := n.user("alice")
	var all []chat.RoomID
	for i := range 20 {
		room := n.room(chat.RoomID(fmt.Sprintf("r%02d", i)), true)
		alice.says(room, strings.Repeat("x", 3000))
		all = append(all, room)
	}
	q := ports.ListQuery{Sort: ports.SortID, Limit: 200}
	for pages := 1; ; pages++ {
		got, page := alice.lists(q)
		if len(got) == 0 || len(got) > 6 || !slices.Equal(got, all[:len(got)]) {
			t.Fatalf("page %d has %v", pages, got)
		}
		if all, q.Cursor = all[len(got):], page.Next; page.Next == "" {
			break
		}
	}
	if len(all) > 0 {
		t.Errorf("%v are left", all)
	}
}

func TestACursorIsGoodForItsListOnly(t *testing.T) {
	t.Parallel()
	log := chat.NewLogID()
	n := newNode(t, lists, func(cfg *messaging.Config) { cfg.Which = func() chat.LogID { return log } })
	alice, bob := n.user("alice"), n.user("bob")
	for _, room := range []chat.RoomID{"a", "b", "c"} {
		n.room(room, true)
		alice.says(room, "hi")
		bob.says(room, "hi")
	}
	_, page := alice.lists(ports.ListQuery{Sort: ports.SortActive, Limit: 1})
	good := page.Next
	refused := func(name string, u user, q ports.ListQuery) {
		t.Helper()
		q.Limit = 1
		if page, err := u.List(context.Background(), u.Identity, q); !errors.Is(err, chat.Invalid) || !strings.HasPrefix(chat.AsError(err).Reason, "cursor must be") {
			t.Errorf("%s: got %+v, %v", name, page, err)
		}
	}
	refused("another user", bob, ports.ListQuery{Sort: ports.SortActive, Cursor: good})
	refused("another sort", alice, ports.ListQuery{Sort: ports.SortName, Cursor: good})
	for i := range good {
		refused("cut", alice, ports.ListQuery{Sort: ports.SortActive, Cursor: good[:max(i, 1)]})
		bad := []byte(good)
		bad[i] ^= 1
		refused("another character", alice, ports.ListQuery{Sort: ports.SortActive, Cursor: string(bad)})
	}
	for name, cursor := range map[string]string{"nothing of ours": "a", "no base64": "{}", "longer": good + "AAAA", "padded": good + "=", "huge": strings.Repeat("A", 1<<20)} {
		refused(name, alice, ports.ListQuery{Sort: ports.SortActive, Cursor: cursor})
	}
	if got, _ := alice.lists(ports.ListQuery{Sort: ports.SortActive, Limit: 5, Cursor: good}); len(got) != 2 {
		t.Errorf("with the cursor itself come %v", got)
	}
	log = chat.NewLogID()
	refused("another log", alice, ports.ListQuery{Sort: ports.SortActive, Cursor: good})
}

func FuzzCursor(f *testing.F) {
	n := newNode(f, lists)
	alice := n.user("alice")
	for _, room := range []chat.RoomID{"a", "b", "c"} {
		n.room(room, true)
		alice.says(room, "hi")
	}
	for sort := ports.SortID; sort <= ports.SortName; sort++ {
		_, page := alice.lists(ports.ListQuery{Sort: sort, Limit: 1})
		f.Add(uint8(sort), page.Next)
	}
	f.Fuzz(func(t *testing.T, sort uint8, cursor string) {
		page, err := alice.List(context.Background(), alice.Identity, ports.ListQuery{Sort: ports.RoomSort(sort % 3), Cursor: cursor, Limit: 2})
		if err != nil && !errors.Is(err, chat.Invalid) || len(page.Rooms) > 2 {
			t.Errorf("%q: %d rooms, %v", cursor, len(page.Rooms), err)
		}
	})
}

// Whatever is said, joined, left and made between the pages of a list, each room of its first view
// comes once, and none twice.
func TestAListIsOfOneViewWhateverHappensMeanwhile(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 13))
		n := newNode(t, lists)
		alice, all := n.user("alice"), []chat.RoomID{}
		for i := range 25 {
			room := n.room(chat.RoomID(fmt.Sprintf("r%02d", i)), true)
			if all = append(all, room); i < 20 {
				alice.says(room, "hi")
			}
		}
		for range random.IntN(60) {
			n.user("bob").says(all[random.IntN(20)], "hi")
		}
		view := slices.Clone(all[:20])
		gone := map[chat.RoomID]bool{}
		between := func() {
			for range random.IntN(8) {
				room := all[random.IntN(len(all))]
				switch random.IntN(6) {
				case 0:
					alice.says(room, "join")
				case 1:
					gone[room] = true
					if err := alice.RemoveMember(context.Background(), alice.Identity, room, "alice"); err != nil {
						t.Fatal(err)
					}
				case 2:
					room = n.room(chat.RoomID(fmt.Sprintf("new%d", len(all))), true)
					all = append(all, room)
					alice.says(room, "made")
				default:
					n.user("bob").says(room, "more")
				}
			}
		}
		sort := []ports.RoomSort{ports.SortActive, ports.SortActive, ports.SortID, ports.SortName}[seed%4]
		got := alice.listsAll(ports.ListQuery{Sort: sort, Limit: 1 + random.IntN(9)}, between)
		mustBeView(t, fmt.Sprint("seed ", seed), got, view, gone)
		n.stop()
	}
}

// mustBeView fails the test unless each room of a view came once, or perhaps not at all where it
// was left meanwhile, and no other twice.
func mustBeView(t *testing.T, name string, got, view []chat.RoomID, gone map[chat.RoomID]bool) {
	t.Helper()
	times := map[chat.RoomID]int{}
	for _, room := range got {
		if times[room]++; times[room] > 1 {
			t.Fatalf("%s: %s comes twice in %v", name, room, got)
		}
	}
	for _, room := range view {
		if times[room] == 0 && !gone[room] {
			t.Fatalf("%s: %s does not come in %v", name, room, got)
		}
	}
}

// An entry may become visible later than its time: its transaction had begun, and ended while the
// list was paged through. The room comes once all the same.
func TestAListIsOfOneViewWhereEntriesBecomeVisibleLate(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 7))
		w := &lateWorld{random: random, at: map[chat.RoomID][]time.Time{}, now: time.Unix(1_800_000_000, 0).UTC()}
		var view []chat.RoomID
		for i := range 60 {
			room := chat.RoomID(fmt.Sprintf("r%02d", i))
			if seed%4 == 0 { // not all of them go into a cursor
				room += chat.RoomID(strings.Repeat("x", 60))
			}
			w.at[room] = []time.Time{w.now.Add(-time.Duration(random.IntN(15_000)) * time.Millisecond)}
			view = append(view, room)
		}
		n := newNode(t, func(cfg *messaging.Config) { cfg.Lists = w })
		got := n.user("alice").listsAll(ports.ListQuery{Sort: ports.SortActive, Limit: 1 + random.IntN(12)}, w.goOn)
		mustBeView(t, fmt.Sprint("seed ", seed), got, view, nil)
		if len(got) != len(view) {
			t.Fatalf("seed %d: %v come", seed, got)
		}
		n.stop()
	}
}

// lateWorld is a store of rooms with the times of their visible entries.
type lateWorld struct {
	random *rand.Rand
	at     map[chat.RoomID][]time.Time
	now    time.Time // of the first page
}

// goOn makes entries visible: of a time before the first page, by as much as a commit may take, or
// behind it.
func (w *lateWorld) goOn() {
	for room, at := range w.at {
		when := w.now.Add(time.Duration(w.random.IntN(5000)) * time.Millisecond)
		if w.random.IntN(3) > 0 {
			when = w.now.Add(-time.Duration(w.random.IntN(9_000)) * time.Millisecond)
		}
		if w.random.IntN(4) == 0 && !when.Before(at[len(at)-1]) {
			w.at[room] = append(at, when)
		}
	}
}

// Order implements ports.RoomLists.
func (w *lateWorld) Order(_ context.Context, q ports.OrderQuery) (keys []ports.RoomKey, cut chat.RoomID, err error) {
	before := func(a, b ports.RoomKey) int {
		return cmpOr(b.At.Compare(a.At), strings.Compare(string(a.Room), string(b.Room)))
	}
	for room, at := range w.at {
		at := slices.DeleteFunc(slices.Clone(at), func(t time.Time) bool { return !q.AsOf.IsZero() && t.After(q.AsOf) })
		if len(at) == 0 { // made long before
			at = []time.Time{w.now.Add(-time.Hour)}
		}
		k := ports.RoomKey{Room: room, At: at[len(at)-1]}
		if !slices.Contains(q.But, room) && (q.Behind == nil || before(*q.Behind, k) < 0) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, before)
	return keys[:min(q.Limit, len(keys))], "", nil
}

func cmpOr(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

// Sights implements ports.RoomLists.
func (w *lateWorld) Sights(_ context.Context, user chat.UserID, rooms []chat.RoomID) ([]ports.RoomSight, error) {
	sights := make([]ports.RoomSight, len(rooms))
	for i, room := range rooms {
		sights[i].Standing = chat.Standing{Room: chat.Room{ID: room, Public: true}, Member: chat.Member{User: user, Role: chat.Read}}
	}
	return sights, nil
}

// A user of more rooms than are looked at is told so, and sees the first by their ids, each once,
// also while they join others.
func TestAListOfTooManyRoomsSaysSo(t *testing.T) {
	t.Parallel()
	n := newNode(t, lists)
	alice := n.user("alice")
	const more = 20
	for i := range ports.MaxListed + more {
		if _, err := n.store.Create(context.Background(), chat.Room{ID: chat.RoomID(fmt.Sprintf("r%05d", i))}, "alice"); err != nil {
			t.Fatal(err)
		}
	}
	for _, sort := range []ports.RoomSort{ports.SortID, ports.SortActive} {
		var got []chat.RoomID
		q := ports.ListQuery{Sort: sort, Limit: 200}
		for {
			some, page := alice.lists(q)
			if !page.Truncated {
				t.Fatal("a page does not say that there are more rooms")
			}
			got = append(got, some...)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
			if _, err := n.store.Create(context.Background(), chat.Room{ID: chat.RoomID(fmt.Sprintf("q%d-%05d", sort, len(got)))}, "alice"); err != nil {
				t.Fatal(err)
			}
		}
		var view []chat.RoomID
		for i := range ports.MaxListed - more*int(sort) {
			view = append(view, chat.RoomID(fmt.Sprintf("r%05d", i)))
		}
		mustBeView(t, fmt.Sprint("order ", sort), got, view[:ports.MaxListed-100], nil)
	}
}

func TestAListCostsTwoQuestionsOfTheStore(t *testing.T) {
	t.Parallel()
	counted := &countedLists{RoomLists: memory.New()}
	n := newNodeOn(t, counted.RoomLists.(*memory.Store), func(cfg *messaging.Config) { cfg.Lists = counted })
	for i := range 120 {
		n.user("alice").says(n.room(chat.RoomID(fmt.Sprint("r", i)), true), "hi")
	}
	if got, _ := n.user("alice").lists(ports.ListQuery{Sort: ports.SortActive, Limit: 50}); len(got) != 50 {
		t.Fatalf("got %d rooms", len(got))
	}
	if counted.orders != 1 || counted.keys != 51 || counted.sights != 1 || counted.rooms != 50 {
		t.Errorf("a page of 50 rooms of 120 costs %+v", counted)
	}
}

type countedLists struct {
	ports.RoomLists
	orders, keys, sights, rooms int
}

func (c *countedLists) Order(ctx context.Context, q ports.OrderQuery) ([]ports.RoomKey, chat.RoomID, error) {
	keys, cut, err := c.RoomLists.Order(ctx, q)
	c.orders++
	c.keys += len(keys)
	return keys, cut, err
}

func (c *countedLists) Sights(ctx context.Context, user chat.UserID, rooms []chat.RoomID) ([]ports.RoomSight, error) {
	c.sights++
	c.rooms += len(rooms)
	return c.RoomLists.Sights(ctx, user, rooms)
}

// tick waits until the clock of stores moves on.
func tick() {
	for now := time.Now().UnixMicro(); time.Now().UnixMicro() == now; {
	}
}
