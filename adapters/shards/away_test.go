package shards_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/adapters/shards"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// pair is a store of two servers, the second one of which can be stopped.
type pair struct {
	*testing.T
	*shards.Store
	second *pgtest.Server
	here   []chat.RoomID // rooms on the first one
	there  []chat.RoomID // and on the second
}

// newPair makes rooms on both servers, with one message each.
func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{T: t, second: pgtest.Start(t)}
	configs := databases(t, 1)
	configs = append(configs, postgres.Config{URL: p.second.Database(), MaxConns: 4})
	p.Store = open(t, configs)
	for i := 0; len(p.here) < 5 || len(p.there) < 5; i++ {
		room := chat.RoomID(fmt.Sprint("room-", i))
		if _, err := p.Create(t.Context(), chat.Room{ID: room, Public: true}, "alice"); err != nil {
			t.Fatal(err)
		}
		if shards.Slot(room)%2 == 0 {
			p.here = append(p.here, room)
		} else {
			p.there = append(p.there, room)
		}
		if _, err := p.says(room); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *pair) says(room chat.RoomID) (chat.Seq, error) {
	p.Helper()
	outcomes, err := p.Append(p.Context(), []chat.Proposal{message(room)})
	if err != nil {
		return 0, err
	}
	return outcomes[0].Entry.Seq, outcomes[0].Err
}

func message(room chat.RoomID) chat.Proposal {
	return chat.Proposal{Room: room, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: "hi"}}
}

// isBack starts the second server again.
func (p *pair) isBack() {
	p.Helper()
	p.second.Start()
	for range 200 {
		if p.Servers()[1].Check(p.Context()) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.Fatal("the second server does not come back")
}

func TestAServerThatIsAwayTakesItsRoomsAwayAndNoOthers(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	here, there := p.here[0], p.there[0]
	p.second.Stop(pgtest.Immediate)
	if seq, err := p.says(here); err != nil || seq != 2 {
		t.Errorf("seq %d, %v", seq, err)
	}
	_, err := p.says(there)
	mustBe(t, err, chat.Unavailable)
	_, err = p.Read(t.Context(), there, ports.Span{Limit: 1})
	mustBe(t, err, chat.Unavailable)
	if entries, err := p.Read(t.Context(), here, ports.Span{Limit: 10}); err != nil || len(entries) != 2 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	marks, err := p.Mark(t.Context(), []ports.ReadMark{{Room: there, User: "bob", Seq: 1}, {Room: here, User: "bob", Seq: 1}})
	if err != nil || marks[1].Err != nil || marks[1].Read != 1 {
		t.Errorf("marks are %+v, %v", marks, err)
	}
	mustBe(t, marks[0].Err, chat.Unavailable)
	if err := p.Check(t.Context()); err != nil {
		t.Errorf("the store is away: %v", err)
	}
	if err := p.CheckWrite(t.Context()); err != nil {
		t.Errorf("the store cannot be written: %v", err)
	}
	well := []bool{true, false}
	for i, server := range p.Servers() {
		if err := server.Check(t.Context()); (err == nil) != well[i] {
			t.Errorf("server %d: %v", i+1, err)
		}
	}
	heads, err := p.Heads(t.Context(), []chat.RoomID{there, here})
	p.mustLack(err)
	if len(heads) != 1 || heads[here] != 2 {
		t.Errorf("heads are %v", heads)
	}
	places, err := p.Places(t.Context(), []ports.Place{{Room: there, User: "alice"}, {Room: here, User: "alice"}})
	p.mustLack(err)
	if len(places) != 2 || places[1].Room.Head != 2 {
		t.Errorf("places are %+v", places)
	}
	page, next, err := p.Rooms(t.Context(), ports.RoomsQuery{User: "alice", Limit: 100})
	p.mustLack(err)
	if len(page) != len(p.here) || next != "" {
		t.Errorf("rooms are %+v, next %q", page, next)
	}
	keys, _, err := p.Order(t.Context(), ports.OrderQuery{User: "alice", Sort: ports.SortActive, Max: 100, Limit: 100})
	p.mustLack(err)
	if len(keys) != len(p.here) || keys[0].Room != here {
		t.Errorf("rooms are %+v", keys)
	}
	sights, err := p.Sights(t.Context(), "alice", []chat.RoomID{there, here})
	p.mustLack(err)
	if len(sights) != 2 || sights[0].Room.ID != "" || sights[1].Room.ID != here {
		t.Errorf("sights are %+v", sights)
	}
	slots, err := p.RoomSlots(t.Context(), []chat.RoomID{there, here})
	p.mustLack(err)
	if len(slots) > 0 {
		t.Errorf("slots are %+v", slots)
	}
	p.isBack()
	if seq, err := p.says(there); err != nil || seq != 2 {
		t.Errorf("seq %d, %v", seq, err)
	}
	p.second.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err = p.Check(ctx)
	if p.second.Resume(); err != nil || ctx.Err() != nil {
		t.Errorf("one that is frozen holds it up: %v, %v", err, ctx.Err())
	}
}

// mustLack fails the test unless an error says that the rooms of the second server are away, and no
// others.
func (p *pair) mustLack(err error) {
	p.Helper()
	lack, ok := errors.AsType[*ports.Partial](err)
	if !ok {
		p.Fatalf("error is %v, want a partial one", err)
	}
	mustBe(p.T, err, chat.Unavailable)
	if !lack.Lacks(p.there[0]) || lack.Lacks(p.here[0]) {
		p.Errorf("%v: it lacks other rooms", err)
	}
}

func mustBe(t testing.TB, err error, want chat.Kind) {
	t.Helper()
	if err == nil || chat.AsError(err).Kind != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestEachLaneIsOfOneServer(t *testing.T) {
	t.Parallel()
	configs := databases(t, 3)
	s, other := open(t, configs), open(t, configs)
	servers, rooms := map[int]int{}, map[int]int{}
	for i := range 3000 {
		room := chat.RoomID(fmt.Sprint("room-", i))
		lane, at := s.Lane(room), shards.Slot(room)%3
		if was, known := servers[lane]; known && was != at {
			t.Fatalf("lane %d has rooms of server %d and of server %d", lane, was, at)
		}
		if lane%s.Apart() != at {
			t.Fatalf("lane %d of server %d may go with lanes of others", lane, at)
		}
		servers[lane] = at
		rooms[at]++
		if is := other.Lane(room); is != lane {
			t.Fatalf("on another node %s goes by lane %d, and not %d", room, is, lane)
		}
	}
	if len(servers) != s.Lanes() {
		t.Errorf("%d of %d lanes are used", len(servers), s.Lanes())
	}
	for at, n := range rooms {
		if n < 850 || n > 1150 {
			t.Errorf("server %d has %d of 3,000 rooms", at, n)
		}
	}
}

// Where rooms are must never change: entries would be looked for where they are not.
func TestSlotsAreAsTheyWere(t *testing.T) {
	t.Parallel()
	var got []int
	for _, room := range []chat.RoomID{"a", "lobby", "room-1", "room-2"} {
		got = append(got, shards.Slot(room))
	}
	if want := []int{810, 301, 178, 436}; !slices.Equal(got, want) {
		t.Errorf("slots are %v, want %v", got, want)
	}
}

// move moves a consumer's cursor in a room from nothing, under a lease.
func (p *pair) move(l ports.Lease, room chat.RoomID) (ports.MoveOutcome, error) {
	p.Helper()
	outcomes, err := p.Move(p.Context(), []ports.CursorMove{{Lease: l, To: ports.Cursor{Consumer: "audit", Room: room, Seq: 1}}})
	if err != nil {
		return 0, err
	}
	return outcomes[0].Outcome, nil
}

// acquires has a node take all shares that are free, and returns the lease of a room's share.
func (p *pair) acquires(node ports.NodeID, room chat.RoomID) ports.Lease {
	p.Helper()
	if _, err := p.Renew(p.Context(), node, time.Minute); err != nil {
		p.Fatal(err)
	}
	leases, err := p.Acquire(p.Context(), node)
	if err != nil {
		p.Fatal(err)
	}
	for _, l := range leases {
		if l.Share == ports.ShareOf(room) {
			return l
		}
	}
	p.Fatalf("%s did not get the share of %s", node, room)
	return ports.Lease{}
}

func TestALeaseThatWasGivenWhileAServerWasAwayCountsThereOnceItIsBack(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	there := p.there[0]
	old := p.acquires("n1", there)
	p.second.Stop(pgtest.Immediate)
	if err := p.Leave(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	present := p.acquires("n2", there)
	_, err := p.move(present, there)
	mustBe(t, err, chat.Unavailable)
	both, err := p.Move(t.Context(), []ports.CursorMove{
		{Lease: present, To: ports.Cursor{Consumer: "audit", Room: there, Seq: 1}},
		{Lease: ports.Lease{Share: ports.ShareOf(p.here[0]), Fence: present.Fence}, To: ports.Cursor{Consumer: "audit", Room: p.here[0], Seq: 1}},
	})
	if err != nil || both[0].Outcome != ports.MoveChanged || both[1].Outcome != ports.Moved {
		t.Errorf("moves on both servers: %v, %v", both, err)
	}
	p.isBack()
	if cursors, err := p.Load(t.Context(), []chat.RoomID{there}); err != nil || len(cursors) != 0 {
		t.Fatalf("cursors are %+v, %v", cursors, err)
	}
	if outcome, err := p.move(old, there); err != nil || outcome != ports.MoveLost {
		t.Errorf("under the lease before: %v, %v", outcome, err)
	}
	if outcome, err := p.move(present, there); err != nil || outcome != ports.Moved {
		t.Errorf("under the present lease: %v, %v", outcome, err)
	}
}

func TestAConsumerIsWalkedOnceAllServersKnow(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	there := ports.RoomHead{Room: p.there[0], Head: 1}
	pends := func() bool {
		t.Helper()
		rooms, err := p.Pending(t.Context(), []ports.SharePlace{{Share: ports.ShareOf(there.Room)}}, 100)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(rooms, func(is ports.PendingRoom) bool { return is.Room == there.Room })
	}
	before, err := p.Begun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.second.Stop(pgtest.Immediate)
	if err := p.Begin(t.Context(), "audit"); err != nil {
		t.Errorf("begin: %v", err)
	}
	_, err = p.Wake(t.Context(), ports.WakeQuery{Limit: 100})
	mustBe(t, err, chat.Unavailable)
	if pends() {
		t.Error("a room of a server that is away is pending")
	}
	p.isBack()
	if _, err := p.Wake(t.Context(), ports.WakeQuery{Limit: 100}); err != nil {
		t.Fatal(err)
	}
	if err := p.Clear(t.Context(), []ports.RoomHead{there}, before.Generation); err != nil || !pends() {
		t.Errorf("a room is cleared under the generation before: %t, %v", !pends(), err)
	}
	now, err := p.Begun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Clear(t.Context(), []ports.RoomHead{there}, now.Generation); err != nil || pends() {
		t.Errorf("a room is not cleared under the present generation: %t, %v", pends(), err)
	}
}
