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

// CursorsUnderTest is a store that consumers can be run on.
type CursorsUnderTest interface {
	ports.Log
	ports.Directory
	ports.Cursors
	ports.Consumers
	ports.Retries
	ports.Leases
}

// Cursors tests a store against the contracts of ports.Cursors, ports.Consumers, ports.Retries and
// ports.Leases. open returns an empty store for one test.
func Cursors(t *testing.T, open func(t *testing.T) CursorsUnderTest) {
	t.Helper()
	for _, sentence := range slices.Concat(pendingSentences, moveSentences, consumerSentences, retrySentences, leaseSentences) {
		t.Run(sentence.says, func(t *testing.T) {
			t.Parallel()
			sentence.test(rail{t, open(t)})
		})
	}
}

// railSentence is one promise and the test that tries to break it.
type railSentence struct {
	says string
	test func(r rail)
}

// rail is a store in a test of consumers. Its methods fail the test when the store fails.
type rail struct {
	*testing.T
	CursorsUnderTest
}

// makes makes rooms with so many entries each.
func (r rail) makes(entries int, names ...chat.RoomID) {
	r.Helper()
	for _, id := range names {
		if _, err := r.Create(r.Context(), chat.Room{ID: id, Public: true}, ""); err != nil {
			r.Fatal(err)
		}
		for range entries {
			r.says(id)
		}
	}
}

// says appends a message, and returns its seq.
func (r rail) says(id chat.RoomID) chat.Seq {
	r.Helper()
	outcomes, err := r.Append(r.Context(), []chat.Proposal{{
		Room: id, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: "hi"},
	}})
	if err != nil || outcomes[0].Status != ports.Appended {
		r.Fatalf("append: %+v, %v", outcomes, err)
	}
	return outcomes[0].Entry.Seq
}

// pends returns which rooms of all shares are pending, by id.
func (r rail) pends() map[chat.RoomID]ports.PendingRoom {
	r.Helper()
	var asked []ports.SharePlace
	for share := range ports.Shares {
		asked = append(asked, ports.SharePlace{Share: ports.Share(share)})
	}
	list, err := r.Pending(r.Context(), asked, everything)
	if err != nil {
		r.Fatal(err)
	}
	all := map[chat.RoomID]ports.PendingRoom{}
	for _, is := range list {
		all[is.Room] = is
	}
	return all
}

// mustPend fails the test unless exactly these rooms are pending.
func (r rail) mustPend(want ...chat.RoomID) {
	r.Helper()
	var got []chat.RoomID
	for id := range r.pends() {
		got = append(got, id)
	}
	slices.Sort(got)
	slices.Sort(want)
	mustEqualSlices(r, "pending rooms", got, want)
}

func (r rail) clears(generation int64, rooms ...ports.RoomHead) {
	r.Helper()
	if err := r.Clear(r.Context(), rooms, generation); err != nil {
		r.Fatal(err)
	}
}

// holds makes a node live and take all shares that it can get.
func (r rail) holds(node ports.NodeID, lives time.Duration) map[ports.Share]ports.Lease {
	r.Helper()
	tenure, err := r.Renew(r.Context(), node, lives)
	if err != nil {
		r.Fatal(err)
	}
	more, err := r.Acquire(r.Context(), node)
	if err != nil {
		r.Fatal(err)
	}
	all := map[ports.Share]ports.Lease{}
	for _, l := range slices.Concat(tenure.Leases, more) {
		all[l.Share] = l
	}
	return all
}

// silences makes a node be silent for a second.
func (r rail) silences(node ports.NodeID) {
	r.Helper()
	if _, err := r.Renew(r.Context(), node, -time.Second); err != nil {
		r.Fatal(err)
	}
}

// seeks makes cursors be looked at now.
func (r rail) seeks(consumer string, rooms ...chat.RoomID) {
	r.Helper()
	for _, id := range rooms {
		if err := r.Seek(r.Context(), consumer, id, 0); err != nil {
			r.Fatal(err)
		}
	}
}

// moves moves cursors, and returns the outcomes.
func (r rail) moves(moves ...ports.CursorMove) (outcomes []ports.MoveOutcome) {
	r.Helper()
	all, err := r.Move(r.Context(), moves)
	if err != nil || len(all) != len(moves) {
		r.Fatalf("%d outcomes, %v", len(all), err)
	}
	for i, is := range all {
		if outcomes = append(outcomes, is.Outcome); is.Outcome != ports.Moved && is.Head != 0 {
			r.Errorf("move %d: %+v", i, is)
		}
	}
	return outcomes
}

// mustMove moves one cursor.
func (r rail) mustMove(m ports.CursorMove) {
	r.Helper()
	mustEqual(r, "the outcome of a move", r.moves(m)[0], ports.Moved)
}

// cursor returns a cursor, or false if there is none.
func (r rail) cursor(room chat.RoomID, consumer string) (ports.Cursor, bool) {
	r.Helper()
	list, err := r.Load(r.Context(), []chat.RoomID{room, "elsewhere"})
	if err != nil {
		r.Fatal(err)
	}
	for _, c := range list {
		if c.Room == room && c.Consumer == consumer {
			return c, true
		}
	}
	return ports.Cursor{}, false
}

func (r rail) begun() ports.Begun {
	r.Helper()
	begun, err := r.Begun(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return begun
}

func (r rail) begins(consumer string) int64 {
	r.Helper()
	if err := r.Begin(r.Context(), consumer); err != nil {
		r.Fatal(err)
	}
	return r.begun().Generation
}

var pendingSentences = []railSentence{
	{"a room is pending from when it is made, and each entry makes it so again", func(r rail) {
		r.makes(0, "empty")
		r.makes(2, "tea")
		r.mustPend("empty", "tea")
		is := r.pends()["tea"]
		if e, err := r.Entry(r.Context(), "tea", 2); err != nil || is.Head != 2 || !is.LastAt.Equal(e.At) || is.Quiet < 0 || is.Quiet > time.Minute {
			r.Errorf("it is %+v, and its last entry %+v, %v", is, e, err)
		}
		r.clears(0, ports.RoomHead{Room: "tea", Head: 2}, ports.RoomHead{Room: "empty"})
		r.mustPend()
		r.says("tea")
		r.mustPend("tea")
		r.clears(0, ports.RoomHead{Room: "tea", Head: 3})
		edit := chat.Proposal{
			Room: "tea", Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Edited{Target: 1, Body: "ho"},
		}
		if outcomes, err := r.Append(r.Context(), []chat.Proposal{edit}); err != nil || outcomes[0].Status != ports.Appended {
			r.Fatalf("%+v, %v", outcomes, err)
		}
		r.mustPend("tea")
	}},
	{"a room whose head is another one stays pending", func(r rail) {
		r.makes(2, "tea", "den")
		r.clears(0, ports.RoomHead{Room: "tea", Head: 1}, ports.RoomHead{Room: "den", Head: 2}, ports.RoomHead{Room: "nowhere", Head: 1})
		r.mustPend("tea")
	}},
	{"no bit is cleared under a generation that is past", func(r rail) {
		r.makes(1, "tea")
		old := r.begun().Generation
		now := r.begins("audit")
		if now <= old {
			r.Errorf("generation %d, and %d after a consumer has begun", old, now)
		}
		r.clears(old, ports.RoomHead{Room: "tea", Head: 1})
		r.mustPend("tea")
		r.clears(now, ports.RoomHead{Room: "tea", Head: 1})
		r.mustPend()
	}},
	{"of each share a page of rooms is returned, in their order", func(r rail) {
		var names []chat.RoomID
		var share ports.Share
		for i := 0; len(names) < 5; i++ {
			name := chat.RoomID(fmt.Sprintf("room%d", i))
			if i == 0 {
				share = ports.ShareOf(name)
			}
			if ports.ShareOf(name) == share {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		r.makes(1, names...)
		other := chat.RoomID("other")
		for i := 0; ports.ShareOf(other) == share; i++ {
			other = chat.RoomID(fmt.Sprintf("other%d", i))
		}
		r.makes(1, other)
		var got []chat.RoomID
		for after := chat.RoomID(""); ; {
			page, err := r.Pending(r.Context(), []ports.SharePlace{{Share: share, After: after}}, 2)
			if err != nil || len(page) > 2 {
				r.Fatalf("%d rooms, %v", len(page), err)
			}
			for _, is := range page {
				got = append(got, is.Room)
			}
			if len(page) < 2 {
				break
			}
			after = page[1].Room
		}
		mustEqualSlices(r, "rooms of the share", got, names)
		both, err := r.Pending(r.Context(), []ports.SharePlace{{Share: share, After: names[3]}, {Share: ports.ShareOf(other)}}, 2)
		if err != nil || len(both) != 2 {
			r.Errorf("of two shares: %+v, %v", both, err)
		}
	}},
	{"rooms with entries since a time can be made pending again, page by page", func(r rail) {
		names := []chat.RoomID{"a", "b", "c", "d", "e"}
		r.makes(1, names...)
		r.makes(0, "empty")
		var heads []ports.RoomHead
		for _, id := range append(slices.Clone(names), "empty") {
			heads = append(heads, ports.RoomHead{Room: id, Head: 1})
		}
		heads[5].Head = 0
		r.clears(0, heads...)
		r.mustPend()
		last := r.says("c")
		e, err := r.Entry(r.Context(), "c", last)
		if err != nil {
			r.Fatal(err)
		}
		r.clears(0, ports.RoomHead{Room: "c", Head: last})
		mustEqual(r, "rooms that are woken for nothing", r.wakes(nil), 0)
		mustEqual(r, "rooms that are woken by their time", r.wakes(&e.At), 1)
		r.mustPend("c")
		mustEqual(r, "rooms that are woken again", r.wakes(&e.At), 0)
		start := time.Time{}
		mustEqual(r, "rooms that are woken from the start", r.wakes(&start), 4)
		r.mustPend(names...)
	}},
}

// wakes wakes rooms in pages of two, and returns how many.
func (r rail) wakes(since *time.Time) (count int) {
	r.Helper()
	for query := (ports.WakeQuery{Limit: 2, Since: since}); ; {
		woken, err := r.Wake(r.Context(), query)
		if err != nil || woken.Held != 0 {
			r.Fatalf("%+v, %v", woken, err)
		}
		count += woken.Count
		if query.After = woken.Next; query.After == "" {
			return count
		}
	}
}

// isTo returns a move that sets a new cursor.
func isTo(l ports.Lease, c ports.Cursor) ports.CursorMove { return ports.CursorMove{Lease: l, To: c} }

var moveSentences = []railSentence{
	{"a cursor is as it was moved, with all that it has", func(r rail) {
		r.makes(9, "tea")
		l := r.holds("n1", time.Minute)[ports.ShareOf("tea")]
		want := ports.Cursor{
			Consumer: "audit", Room: "tea", Seq: 2, UpTo: 5, Head: 9, Sealed: bytes.Repeat([]byte{0xff}, 32), Tries: 1, Error: strings.Repeat("é", 150),
		}
		move := isTo(l, want)
		move.Wait = time.Hour
		r.mustMove(move)
		got, _ := r.cursor("tea", "audit")
		since, next := got.Since, got.Next
		if d := next.Sub(since); d < time.Hour-time.Second || d > time.Hour+time.Second || time.Since(since).Abs() > time.Minute {
			r.Errorf("it failed at %v and waits until %v", since, next)
		}
		got.Since, got.Next = time.Time{}, time.Time{}
		mustEqual(r, "the cursor", fmt.Sprint(got), fmt.Sprint(want))

		want.Tries, want.Error, want.Stalled = 2, "again", true
		r.mustMove(ports.CursorMove{Lease: l, Was: &ports.CursorState{Seq: 2, UpTo: 5}, To: want})
		got, _ = r.cursor("tea", "audit")
		if !got.Since.Equal(since) || !got.Next.IsZero() || !got.Stalled || got.Tries != 2 || got.Error != "again" {
			r.Errorf("after another failure it is %+v", got)
		}
		r.mustMove(ports.CursorMove{Lease: l, Was: &ports.CursorState{Seq: 2, UpTo: 5}, To: ports.Cursor{Consumer: "audit", Room: "tea", Seq: 5}})
		got, _ = r.cursor("tea", "audit")
		mustEqual(r, "the cursor after success", fmt.Sprint(got), fmt.Sprint(ports.Cursor{Consumer: "audit", Room: "tea", Seq: 5}))
	}},
	{"a move tells the head of its room", func(r rail) {
		r.makes(9, "tea")
		r.makes(0, "empty")
		all := r.holds("n1", time.Minute)
		mustReach := func(room chat.RoomID, was *ports.CursorState, to, head chat.Seq) {
			r.Helper()
			got, err := r.Move(r.Context(), []ports.CursorMove{
				{Lease: all[ports.ShareOf("den")], Was: &ports.CursorState{Seq: 1}, To: ports.Cursor{Consumer: "audit", Room: "den", Seq: 2}},
				{Lease: all[ports.ShareOf(room)], Was: was, To: ports.Cursor{Consumer: "audit", Room: room, Seq: to}},
			})
			if err != nil || len(got) != 2 || got[0] != (ports.CursorMoved{Outcome: ports.MoveChanged}) || got[1] != (ports.CursorMoved{Outcome: ports.Moved, Head: head}) {
				r.Errorf("%s to %d: %+v, %v; want the head %d", room, to, got, err, head)
			}
		}
		mustReach("empty", nil, 0, 0)
		mustReach("tea", nil, 2, 9)
		r.says("tea")
		mustReach("tea", &ports.CursorState{Seq: 2}, 3, 10)
	}},
	{"a cursor that was changed meanwhile is not moved, and spoils no other", func(r rail) {
		r.makes(9, "tea", "den")
		all := r.holds("n1", time.Minute)
		tea, den := all[ports.ShareOf("tea")], all[ports.ShareOf("den")]
		r.mustMove(isTo(tea, ports.Cursor{Consumer: "audit", Room: "tea", Seq: 2, UpTo: 5}))
		to := ports.Cursor{Consumer: "audit", Room: "tea", Seq: 7}
		got := r.moves(
			isTo(den, ports.Cursor{Consumer: "audit", Room: "den", Seq: 1}),
			isTo(tea, to),
		)
		mustEqualSlices(r, "outcomes", got, []ports.MoveOutcome{ports.Moved, ports.MoveChanged})
		for _, was := range []ports.CursorState{{Seq: 2}, {Seq: 1, UpTo: 5}, {Seq: 5}} {
			got := r.moves(
				ports.CursorMove{Lease: tea, Was: &was, To: to},
				ports.CursorMove{Lease: den, Was: &was, To: ports.Cursor{Consumer: "other", Room: "den"}},
			)
			mustEqualSlices(r, "outcomes", got, []ports.MoveOutcome{ports.MoveChanged, ports.MoveChanged})
		}
		c, _ := r.cursor("tea", "audit")
		mustEqual(r, "the cursor", c.Seq, 2)
	}},
	{"no cursor moves under a lease that is another's by now, or nobody's", func(r rail) {
		r.makes(9, "tea")
		share := ports.ShareOf("tea")
		old := r.holds("n1", time.Minute)[share]
		r.silences("n1")
		taken := r.holds("n2", time.Minute)[share]
		if taken.Fence <= old.Fence || taken.From != "n1" {
			r.Fatalf("taken over: %+v, was %+v", taken, old)
		}
		c := ports.Cursor{Consumer: "audit", Room: "tea", Seq: 2}
		mustEqual(r, "a move of the node that was silent", r.moves(isTo(old, c))[0], ports.MoveLost)
		r.mustMove(isTo(taken, c))
		if err := r.Release(r.Context(), "n2", []ports.Share{share}); err != nil {
			r.Fatal(err)
		}
		mustEqual(r, "a move under what was given back",
			r.moves(ports.CursorMove{Lease: taken, Was: &ports.CursorState{Seq: 2}, To: c})[0], ports.MoveLost)
	}},
	{"cursors whose time has come are found, the earliest first, those of the consumers that are asked for", func(r rail) {
		r.makes(9, "tea", "den", "zoo")
		all := r.holds("n1", time.Minute)
		lease := func(id chat.RoomID) ports.Lease { return all[ports.ShareOf(id)] }
		r.seeks("audit", "zoo", "tea")
		r.mustMove(ports.CursorMove{Lease: lease("den"), To: ports.Cursor{Consumer: "audit", Room: "den"}, Wait: time.Hour})
		r.seeks("other", "den")
		r.mustMove(isTo(lease("zoo"), ports.Cursor{Consumer: "other", Room: "zoo"}))
		waits := func(limit int, consumers []string, rooms ...chat.RoomID) (got []string) {
			var shares []ports.Share
			for _, id := range rooms {
				if share := ports.ShareOf(id); !slices.Contains(shares, share) {
					shares = append(shares, share)
				}
			}
			list, err := r.Waiting(r.Context(), shares, consumers, limit)
			if err != nil {
				r.Fatal(err)
			}
			for _, c := range list {
				got = append(got, c.Consumer+" in "+string(c.Room))
			}
			slices.Sort(got)
			return got
		}
		mustEqualSlices(r, "all that wait", waits(9, []string{"audit", "other"}, "tea", "den", "zoo"), []string{"audit in tea", "audit in zoo", "other in den"})
		mustEqualSlices(r, "of one consumer", waits(9, []string{"audit", "nobody"}, "tea", "den", "zoo"), []string{"audit in tea", "audit in zoo"})
		mustEqualSlices(r, "of one share", waits(9, []string{"audit"}, "tea"), []string{"audit in tea"})
		// Wait until it is later by any clock.
		for before := time.Now().Add(time.Millisecond); time.Now().Before(before); {
			r.pends()
		}
		r.seeks("third", "zoo")
		mustEqualSlices(r, "the first", waits(1, []string{"third", "audit"}, "zoo"), []string{"audit in zoo"})
	}},
}
