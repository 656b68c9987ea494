package portstest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// heard checks that a node got exactly these entries, or, where the bus carries none, heard of the
// last.
func (s *busSuite) heard(n *busNode, want []chat.Entry) {
	n.t.Helper()
	last := want[len(want)-1]
	n.reaches(last.Room, last.Seq)
	if s.heads {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.entries[last.Room]
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			n.t.Fatalf("entry %d of %d that were heard is\n%+v\nwant\n%+v", i, len(got), got[i], want[i])
		}
	}
	if len(got) != len(want) {
		n.t.Errorf("heard %d entries, want %d", len(got), len(want))
	}
}

func (s *busSuite) testEntries(t *testing.T) {
	a, b, room := s.node(t).connected(), s.node(t).connected(), busRoom()
	b.follows(room)
	entries := []chat.Entry{
		busEntry(room, 1, chat.Message{Body: "hi", ReplyTo: 1, Meta: []byte(`{"a":[1,"ü\n"]}`)}),
		busEntry(room, 2, chat.Edited{Target: 1, Body: "ho"}),
		busEntry(room, 3, chat.Reacted{Target: 1, Emoji: "🍵", Removed: true, Count: 3}),
		busEntry(room, 4, chat.Deleted{Target: 1}),
		busEntry(room, 5, chat.MemberChanged{User: "bob", Change: chat.MemberBanned}),
		busEntry(room, 6, chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Moderate}),
		busEntry(room, 7, chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea \U0001F600"}),
		{Room: room, Seq: 8, At: busTime, Author: chat.Author{ID: "a user with: odd, signs * > \" $"}, Key: chat.NewKey(), Fact: chat.Message{Body: "x"}},
	}
	a.announces(entries[:3]...)
	for _, e := range entries[3:] {
		a.announces(e)
	}
	s.heard(b, entries)
}

func (s *busSuite) testLarge(t *testing.T) {
	a, b := s.node(t).connected(), s.node(t).connected()
	long := strings.Repeat("\U0001F600", chat.MaxBodyChars)
	var rooms []chat.RoomID
	var batch []chat.Entry
	for range 40 {
		room := busRoom()
		rooms = append(rooms, room)
		for seq := chat.Seq(1); seq <= 12; seq++ {
			batch = append(batch, busEntry(room, seq, chat.Message{Body: long, Meta: []byte(strings.Repeat("x", chat.MaxMetaBytes))}))
		}
	}
	for i := range 90 { // more entries of one room than fit into one message of any bus
		batch = append(batch, busEntry(rooms[0], chat.Seq(13+i), chat.Message{Body: long}))
	}
	b.follows(rooms...)
	a.announces(batch...)
	for _, room := range rooms {
		var want []chat.Entry
		for _, e := range batch {
			if e.Room == room {
				want = append(want, e)
			}
		}
		s.heard(b, want)
	}
}

func (s *busSuite) testFollowInForce(t *testing.T) {
	a, b := s.node(t).connected(), s.node(t).connected()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			room := busRoom()
			if err := b.Follow(t.Context(), room); err != nil {
				t.Errorf("Follow: %v", err)
			}
			a.announces(busEntries(room, 1, 1)...)
			b.hears("what was announced right after Follow", func() bool { return b.head[room] == 1 })
		})
	}
	wg.Wait()
}

func (s *busSuite) testStrangers(t *testing.T) {
	a, b, c := s.node(t).connected(), s.node(t).connected(), s.node(t).connected()
	tea, coffee, gone := busRoom(), busRoom(), busRoom()
	b.follows(tea)
	c.follows(coffee, gone)
	c.Unfollow(gone)
	a.announces(busEntries(gone, 1, 1)...)
	a.announces(busEntries(tea, 1, 2)...)
	a.tells(ports.Signalled{Signal: chat.Signal{Room: tea, User: "bob", Kind: chat.SignalTyping, On: true}})
	a.announces(busEntries(coffee, 1, 3)...)
	b.reaches(tea, 2)
	c.reaches(coffee, 3) // what was told before it has come, or will not come
	for _, n := range []*busNode{b, c} {
		n.mu.Lock()
		ofTea := func(notice ports.Notice) bool { return notice.About() == tea }
		if n == b && (n.head[coffee] > 0 || n.head[gone] > 0) || n == c && (n.head[tea] > 0 || slices.ContainsFunc(n.notices, ofTea)) {
			t.Errorf("heard of rooms that it does not follow: %v, %v", n.head, n.notices)
		}
		n.mu.Unlock()
	}
	// A node that stopped following may still hear for a moment, and may follow again at any time.
	c.follows(gone)
	a.announces(busEntries(gone, 2, 2)...)
	c.reaches(gone, 2)
}

func (s *busSuite) testOwn(t *testing.T) {
	a, b, room := s.node(t).connected(), s.node(t).connected(), busRoom()
	a.follows(room)
	b.follows(room)
	a.announces(busEntries(room, 1, 2)...)
	a.tells(ports.NodePresence{Node: "a", Room: room, Version: 1})
	a.tells(ports.Alive{Node: "a"})
	b.reaches(room, 2)
	b.hasHeard(ports.NodePresence{Node: "a", Room: room, Version: 1})
	b.hasHeard(ports.Alive{Node: "a"})
	b.announces(busEntries(room, 3, 3)...)
	a.reaches(room, 3)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.entries[room] {
		if e.Seq < 3 {
			t.Errorf("a node hears of its own entry %d", e.Seq)
		}
	}
	for _, n := range a.notices {
		if alive, ok := n.(ports.Alive); ok && alive.Node == "a" || n.About() == room {
			t.Errorf("a node hears its own %+v", n)
		}
	}
}

func (s *busSuite) testNotices(t *testing.T) {
	a, b, room := s.node(t).connected(), s.node(t).connected(), busRoom()
	b.follows(room)
	for _, n := range []ports.Notice{
		ports.Signalled{Signal: chat.Signal{Room: room, User: "bob", Kind: chat.SignalTyping, On: true}},
		ports.Signalled{Signal: chat.Signal{Room: room, User: "bob", Kind: chat.SignalTyping}},
		ports.Signalled{Signal: chat.Signal{Room: room, User: "Зоя '\"\\ \U0001F600", Kind: chat.SignalRead, Seq: chat.MaxSeq}},
		ports.NodePresence{Node: "n", Room: room, Version: 7, Users: []chat.Author{{ID: "alice", Name: "Alice"}, {ID: "bob"}}, Total: 2, Ask: true},
		ports.NodePresence{Node: "n", Room: room, Version: 8},
	} {
		a.tells(n)
		b.hasHeard(n)
	}
}

func (s *busSuite) testBigPresence(t *testing.T) {
	a, b, room := s.node(t).connected(), s.node(t).connected(), busRoom()
	b.follows(room)
	sent := ports.NodePresence{Node: "n", Room: room, Version: 1, Total: 12_345}
	for i := range 200 {
		id := fmt.Sprintf("%0*d", chat.MaxUserIDChars, i)
		sent.Users = append(sent.Users, chat.Author{ID: chat.UserID(id), Name: strings.Repeat("\U0001F600", chat.MaxNameChars)})
	}
	a.tells(sent)
	b.hears("the presence", func() bool {
		for _, n := range b.notices {
			got, ok := n.(ports.NodePresence)
			if !ok || got.Room != room || got.Total != sent.Total || len(got.Users) == 0 {
				continue
			}
			return reflect.DeepEqual(got.Users, sent.Users[:len(got.Users)])
		}
		return false
	})
}

func (s *busSuite) testAll(t *testing.T) {
	a, b, c := s.node(t).connected(), s.node(t).connected(), s.node(t).connected()
	c.follows(busRoom())
	user := chat.UserID(busRoom())
	for _, n := range []ports.Notice{
		ports.Alive{Node: ports.NodeID(user), Going: true, Ask: true, Features: []string{"threads", "search"}},
		ports.Writing{Node: ports.NodeID(user)},
		ports.StandingChanged{Room: busRoom(), User: user},
		ports.StandingChanged{Room: busRoom()},
		ports.MemberAdded{Room: busRoom(), User: user, By: chat.Author{ID: "alice", Name: "Alice"}, Role: chat.Read},
		ports.StandingChanged{Room: busRoom(), Opened: true},
		ports.Disconnected{User: user},
		ports.Revoked{User: user, Until: busTime},
		ports.HooksChanged{},
		ports.Grown{Rooms: []ports.RoomHead{{Room: chat.RoomID(strings.ToLower(string(user))), Head: 7}}},
	} {
		a.tells(n)
		b.hasHeard(n)
		c.hasHeard(n)
	}
}

// noticesOf returns one notice of each kind, about a room and a user.
func noticesOf(room chat.RoomID, user chat.UserID) []ports.Notice {
	return []ports.Notice{
		ports.Signalled{Signal: chat.Signal{Room: room, User: user, Kind: chat.SignalTyping, On: true}},
		ports.Signalled{Signal: chat.Signal{Room: room, User: user, Kind: chat.SignalRead, Seq: 7}},
		ports.NodePresence{Node: ports.NodeID(user), Room: room, Version: 1, Users: []chat.Author{{ID: user}}, Total: 1},
		ports.Alive{Node: ports.NodeID(user)},
		ports.Writing{Node: ports.NodeID(user)},
		ports.StandingChanged{Room: room, User: user},
		ports.Disconnected{User: user},
		ports.Revoked{User: user, Until: busTime},
	}
}

func (s *busSuite) testForeign(t *testing.T) {
	stranger := chat.NewLogID()
	room := busRoom()
	ours, theirs := s.node(t).connected(), s.nodeOf(t, func() chat.LogID { return stranger }).connected()
	early, late := s.nodeOf(t, nil).connected(), s.nodeOf(t, func() chat.LogID { return "" }).connected()
	peer := s.node(t).connected()
	for _, n := range []*busNode{ours, theirs, early, late, peer} {
		n.follows(room)
	}
	// Every kind of notice from the other log.
	foreign := noticesOf(room, chat.UserID(busRoom()))
	theirs.announces(busEntries(room, 1, 3)...)
	for _, n := range foreign {
		theirs.tells(n)
	}
	for _, n := range []*busNode{early, late} { // these do not tell their log
		n.reaches(room, 3)
		for _, notice := range foreign {
			n.hasHeard(notice)
		}
	}
	// And from nodes of this log, and of an earlier release.
	own, old := noticesOf(room, chat.UserID(busRoom())), noticesOf(room, chat.UserID(busRoom()))
	peer.announces(busEntries(room, 1, 1)...)
	early.announces(busEntries(room, 2, 2)...)
	for i := range own {
		peer.tells(own[i])
		early.tells(old[i])
		ours.hasHeard(own[i])
		ours.hasHeard(old[i])
	}
	ours.reaches(room, 2)
	ours.hears("of the other log", func() bool { return ours.foreign[stranger] > 0 })
	ours.mu.Lock()
	defer ours.mu.Unlock()
	if ours.head[room] > 2 {
		t.Errorf("it heard of the entry %d, which is of another log", ours.head[room])
	}
	for _, got := range ours.notices {
		if slices.ContainsFunc(foreign, func(n ports.Notice) bool { return reflect.DeepEqual(got, n) }) {
			t.Errorf("it heard %+v, which is of another log", got)
		}
	}
	if ours.foreign[""]+ours.foreign[suiteLog()] > 0 {
		t.Errorf("it told of %v", ours.foreign)
	}
}

func (s *busSuite) testRenewed(t *testing.T) {
	var log atomic.Value
	first, second := chat.NewLogID(), chat.NewLogID()
	log.Store(first)
	room := busRoom()
	a := s.nodeOf(t, func() chat.LogID { return log.Load().(chat.LogID) }).connected().follows(room)
	b := s.nodeOf(t, func() chat.LogID { return second }).connected().follows(room)
	b.announces(busEntries(room, 1, 1)...)
	a.hears("of the other log", func() bool { return a.foreign[second] > 0 })
	log.Store(second)
	b.announces(busEntries(room, 2, 2)...)
	a.reaches(room, 2)
	a.announces(busEntries(room, 3, 3)...)
	b.reaches(room, 3)
	if b.foreign[first] > 0 {
		t.Errorf("told of %v", b.foreign)
	}
}

func (s *busSuite) testCrowd(t *testing.T) {
	const rooms, each = 20, 200
	nodes := []*busNode{s.node(t).connected(), s.node(t).connected(), s.node(t).connected()}
	var all []chat.RoomID
	for range rooms {
		all = append(all, busRoom())
	}
	for _, n := range nodes {
		n.follows(all...)
	}
	var wg sync.WaitGroup
	for i, room := range all { // each room has its announcer
		wg.Go(func() {
			for seq := chat.Seq(1); seq <= each; seq += 4 {
				nodes[i%len(nodes)].announces(busEntries(room, seq, seq+3)...)
			}
		})
	}
	wg.Wait()
	for i, room := range all {
		for j, n := range nodes {
			if j != i%len(nodes) {
				s.heard(n, busEntries(room, 1, each))
			}
		}
	}
}

func (s *busSuite) testBurst(t *testing.T) {
	const burst = 20_000
	a, b := s.node(t).connected(), s.node(t).connected()
	room, quiet := busRoom(), busRoom()
	b.follows(room, quiet)
	entries := busEntries(room, 1, burst)
	for i := range entries {
		a.announces(entries[i])
	}
	a.announces(busEntries(quiet, 1, 1)...)
	b.reaches(quiet, 1) // what was told before it has come, or will not come
	s.heard(b, entries)
}

func (s *busSuite) testOwnership(t *testing.T) {
	a, b, room := s.node(t).connected(), s.node(t).connected(), busRoom()
	b.follows(room)
	batch := busEntries(room, 1, 100)
	for len(batch) > 0 {
		a.announces(batch[:10]...)
		clear(batch[:10])
		batch = batch[10:]
	}
	s.heard(b, busEntries(room, 1, 100))
}

func (s *busSuite) testFollowBeforeRun(t *testing.T) {
	a, b, room := s.node(t).connected(), s.still(t), busRoom()
	b.follows(room)
	b.run()
	b.connected()
	// If it does not follow yet, its Deaf, or another try, will tell.
	for seq, deadline := chat.Seq(1), time.Now().Add(busPatience); ; seq++ {
		a.announces(busEntries(room, seq, seq)...)
		time.Sleep(10 * time.Millisecond)
		b.mu.Lock()
		head := b.head[room]
		b.mu.Unlock()
		if head > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a room that was followed before Run is not followed")
		}
	}
}

func (s *busSuite) testStopped(t *testing.T) {
	a, b, c, room := s.node(t).connected(), s.node(t).connected(), s.node(t).connected(), busRoom()
	b.follows(room)
	c.follows(room)
	b.stop()
	a.announces(busEntries(room, 1, 3)...)
	s.heard(c, busEntries(room, 1, 3))
}

func (s *busSuite) testEnd(t *testing.T) {
	a := s.node(t).connected()
	a.stop()
	within(t, "what is said after the end", func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		room := busRoom()
		_ = a.Announce(ctx, busEntries(room, 1, 1)) // it may fail, but must not wait or panic
		_ = a.Tell(ctx, ports.Alive{Node: "a"})
		_ = a.Follow(ctx, room)
		a.Unfollow(room)
	})
}
