package portstest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// BusUnderTest is what a node needs from a bus.
type BusUnderTest interface {
	ports.Bus
	ports.Checker
}

// Link is a node's connection to the bus, which can be cut. Cut breaks open connections and refuses
// new ones, Mend ends that.
type Link interface {
	Cut()
	Mend()
}

// BusPlace is what a bus needs to know of a node: which log the node keeps, if it tells that, and
// whom to tell of notices of other logs.
type BusPlace struct {
	Log     func() chat.LogID // nil: the node does not tell
	Foreign func(chat.LogID)
}

// BusOption declares a difference between buses.
type BusOption func(*busSuite)

// HeadsOnly declares a bus that carries no entries, but only the heads of logs.
func HeadsOnly() BusOption { return func(s *busSuite) { s.heads = true } }

// Uncut declares a bus whose links cannot be cut: those that open returns are nil.
func Uncut() BusOption { return func(s *busSuite) { s.uncut = true } }

// Bus proves a bus against the contracts of ports.Bus and ports.Checker. open is called for each
// node. All nodes are on one bus, and each has a link of its own. The suite runs the nodes. open
// closes what it opened, by t.Cleanup, which comes after the node's Run has returned.
func Bus(t *testing.T, open func(t *testing.T, at BusPlace) (BusUnderTest, Link), options ...BusOption) {
	t.Helper()
	s := &busSuite{open: open}
	for _, option := range options {
		option(s)
	}
	calm := []struct {
		says string
		test func(s *busSuite, t *testing.T)
	}{
		{"entries come whole and in order", (*busSuite).testEntries},
		{"a large batch over many rooms comes whole", (*busSuite).testLarge},
		{"a follower hears what is announced right after Follow has returned", (*busSuite).testFollowInForce},
		{"only those who follow a room hear of it", (*busSuite).testStrangers},
		{"a node does not hear itself", (*busSuite).testOwn},
		{"a node does not hear those of another log, and tells of them", (*busSuite).testForeign},
		{"a node whose log becomes another one hears those of that", (*busSuite).testRenewed},
		{"signals and presences come as they were", (*busSuite).testNotices},
		{"a presence of many users keeps their total", (*busSuite).testBigPresence},
		{"what is for all nodes comes to all the others", (*busSuite).testAll},
		{"in calm nothing is lost, by whoever it is announced", (*busSuite).testCrowd},
		{"nor in a burst", (*busSuite).testBurst},
		{"the entries are the caller's again", (*busSuite).testOwnership},
		{"Follow before Run is remembered", (*busSuite).testFollowBeforeRun},
		{"nobody waits for a node that has stopped", (*busSuite).testStopped},
		{"Run ends with its context", (*busSuite).testEnd},
	}
	for _, c := range calm {
		t.Run(c.says, func(t *testing.T) { t.Parallel(); c.test(s, t) })
	}
	if s.uncut {
		return
	}
	cut := []struct {
		says string
		test func(s *busSuite, t *testing.T)
	}{
		{"a node that is cut off says so, does not wait, and hears again once it is mended", (*busSuite).testCut},
		{"rooms followed while cut off are followed once it is mended", (*busSuite).testFollowCut},
		{"a bus that is away at the start is found when it comes", (*busSuite).testAwayAtStart},
		{"a node that was cut off many times hears again", (*busSuite).testCutOften},
	}
	for _, c := range cut {
		t.Run(c.says, func(t *testing.T) { t.Parallel(); c.test(s, t) })
	}
}

type busSuite struct {
	open         func(t *testing.T, at BusPlace) (BusUnderTest, Link)
	heads, uncut bool
}

// busPatience is how long the suite waits for what must come.
const busPatience = 30 * time.Second

// busNode is a node of the suite, and what it heard.
type busNode struct {
	BusUnderTest
	t    *testing.T
	link Link
	stop func()

	mu      sync.Mutex
	news    chan struct{} // closed and replaced whenever something is heard
	entries map[chat.RoomID][]chat.Entry
	head    map[chat.RoomID]chat.Seq // the highest that was told
	notices []ports.Notice
	foreign map[chat.LogID]int
	deaf    int
}

// suiteLog is the log of the suite's nodes.
func suiteLog() chat.LogID { return "5f2c9a01d7e35f2c9a01d7e3" }

// node starts another node.
func (s *busSuite) node(t *testing.T) *busNode {
	t.Helper()
	n := s.still(t)
	n.run()
	return n
}

// nodeOf starts another node, which keeps the given log.
func (s *busSuite) nodeOf(t *testing.T, log func() chat.LogID) *busNode {
	t.Helper()
	n := s.stillOf(t, log)
	n.run()
	return n
}

// still opens a node that does not run yet.
func (s *busSuite) still(t *testing.T) *busNode {
	t.Helper()
	return s.stillOf(t, suiteLog)
}

func (s *busSuite) stillOf(t *testing.T, log func() chat.LogID) *busNode {
	t.Helper()
	n := &busNode{
		t: t, news: make(chan struct{}), entries: map[chat.RoomID][]chat.Entry{}, head: map[chat.RoomID]chat.Seq{}, foreign: map[chat.LogID]int{},
	}
	n.BusUnderTest, n.link = s.open(t, BusPlace{Log: log, Foreign: func(theirs chat.LogID) { n.hear(func() { n.foreign[theirs]++ }) }})
	return n
}

// run runs the node until the test ends or stop is called, and waits until it is connected, unless
// it is cut off.
func (n *busNode) run() {
	n.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := n.Run(ctx, n); err != nil {
			n.t.Errorf("Run: %v", err)
		}
	})
	n.stop = sync.OnceFunc(func() {
		cancel()
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(busPatience):
			n.t.Error("Run does not end with its context")
		}
	})
	n.t.Cleanup(n.stop)
}

// connected waits until the node's Check says that it is connected.
func (n *busNode) connected() *busNode {
	n.t.Helper()
	n.eventually("it is connected", func() bool { return n.Check(n.t.Context()) == nil })
	return n
}

func (n *busNode) follows(rooms ...chat.RoomID) *busNode {
	n.t.Helper()
	for _, room := range rooms {
		if err := n.Follow(n.t.Context(), room); err != nil {
			n.t.Fatalf("Follow: %v", err)
		}
	}
	return n
}

func (n *busNode) announces(entries ...chat.Entry) {
	n.t.Helper()
	if err := n.Announce(n.t.Context(), entries); err != nil {
		n.t.Errorf("Announce: %v", err)
	}
}

func (n *busNode) tells(notice ports.Notice) {
	n.t.Helper()
	if err := n.Tell(n.t.Context(), notice); err != nil {
		n.t.Errorf("Tell: %v", err)
	}
}

// Entries implements ports.Listener.
func (n *busNode) Entries(entries []chat.Entry) {
	n.hear(func() {
		for i := range entries {
			e := entries[i]
			n.entries[e.Room] = append(n.entries[e.Room], e)
			n.head[e.Room] = max(n.head[e.Room], e.Seq)
		}
	})
}

// Head implements ports.Listener.
func (n *busNode) Head(room chat.RoomID, seq chat.Seq) {
	n.hear(func() { n.head[room] = max(n.head[room], seq) })
}

// Hear implements ports.Listener.
func (n *busNode) Hear(notice ports.Notice) { n.hear(func() { n.notices = append(n.notices, notice) }) }

// Deaf implements ports.Listener.
func (n *busNode) Deaf() { n.hear(func() { n.deaf++ }) }

func (n *busNode) hear(note func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	note()
	close(n.news)
	n.news = make(chan struct{})
}

// hears waits until ok returns true. ok looks at what the node has heard. It is called with the
// node's lock held.
func (n *busNode) hears(what string, ok func() bool) {
	n.t.Helper()
	deadline := time.After(busPatience)
	for {
		n.mu.Lock()
		is, news := ok(), n.news
		n.mu.Unlock()
		if is {
			return
		}
		select {
		case <-news:
		case <-deadline:
			n.t.Fatalf("not heard in time: %s; %s", what, n.heardSoFar())
		}
	}
}

func (n *busNode) heardSoFar() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return fmt.Sprintf("heads %v, %d notices, deaf %d times", n.head, len(n.notices), n.deaf)
}

// eventually waits until ok returns true. It polls, for changes that cause no call of the listener.
func (n *busNode) eventually(what string, ok func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(busPatience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("not in time: %s", what)
		}
	}
}

// reaches waits until the node knows of seq in room.
func (n *busNode) reaches(room chat.RoomID, seq chat.Seq) {
	n.t.Helper()
	n.hears(fmt.Sprintf("that %s reaches %d", room, seq), func() bool { return n.head[room] >= seq })
}

// hasHeard waits for a notice.
func (n *busNode) hasHeard(want ports.Notice) {
	n.t.Helper()
	n.hears(fmt.Sprintf("%+v", want), func() bool {
		return slices.ContainsFunc(n.notices, func(got ports.Notice) bool { return reflect.DeepEqual(got, want) })
	})
}

var busRooms struct {
	sync.Mutex
	next int
}

// busRoom returns a room that no other test on the same bus has.
func busRoom() chat.RoomID {
	busRooms.Lock()
	defer busRooms.Unlock()
	busRooms.next++
	return chat.RoomID(fmt.Sprintf("r%d.%s", busRooms.next, strings.ToLower(string(chat.NewKey())[1:13])))
}

var busTime = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

func busEntry(room chat.RoomID, seq chat.Seq, fact chat.Fact) chat.Entry {
	return chat.Entry{
		Room: room, Seq: seq, At: busTime, Author: chat.Author{ID: "alice", Name: "Alice"}, Key: "k", Messages: int64(seq), Fact: fact,
		Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

func busEntries(room chat.RoomID, from, to chat.Seq) (entries []chat.Entry) {
	for seq := from; seq <= to; seq++ {
		entries = append(entries, busEntry(room, seq, chat.Message{Body: fmt.Sprint("message ", seq)}))
	}
	return entries
}
