package session_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// watched is a connection that tells of its writes.
type watched struct {
	sink
	wrote func()
}

func (w *watched) TryWrite(p []byte) (int, error) {
	w.wrote()
	return len(p), nil
}

// TestAHugeRoomHoldsUpNobodyElse sends an entry to a small room while the first of 5,000 readers of
// a huge one is served. The entry must not wait for all of them.
func TestAHugeRoomHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	const huge = 5000
	w := newWorld(t, 0)
	ctx, cancel := context.WithCancel(context.Background())
	hub := session.New(session.Config{Log: w.store, Reader: open{w.store}, Encoder: fixed{}, AntiEntropy: time.Hour})
	done := make(chan struct{})
	go func() { defer close(done); hub.Run(ctx) }()
	defer func() { cancel(); <-done }()

	var served atomic.Int64
	smallAfter := make(chan int64, 1)
	entry := func(room chat.RoomID) []chat.Entry {
		return []chat.Entry{{Room: room, Seq: 1, Fact: chat.Message{Body: "x"}}}
	}
	join := func(conn ports.Conn, user string, room chat.RoomID) {
		t.Helper()
		s, err := hub.Open(conn, ports.Opening{Identity: identity(user), Join: &ports.Join{Room: room}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Closed)
	}
	for _, room := range []chat.RoomID{"huge", "small"} {
		if _, err := w.store.Create(ctx, chat.Room{ID: room, Public: true}, ""); err != nil {
			t.Fatal(err)
		}
	}
	inHuge := &watched{wrote: func() {
		if served.Add(1) == 1 {
			hub.Entries(entry("small"))
		}
	}}
	for i := range huge {
		join(inHuge, fmt.Sprint("user", i), "huge")
	}
	join(&watched{wrote: func() { smallAfter <- served.Load() }}, "alice", "small")
	hub.Entries(entry("huge"))
	if after := <-smallAfter; after > huge/2 {
		t.Errorf("the small room's reader was served after %d of the huge room's %d", after, huge)
	}
}

// TestManySmallRoomsAreWrittenToByTwo has one commit bring entries to four rooms of ten readers.
// Two of the writes must be under way at once, although there is one shard.
func TestManySmallRoomsAreWrittenToByTwo(t *testing.T) {
	t.Parallel()
	const rooms, readers = 4, 10
	w := newWorld(t, 0)
	hub := session.New(session.Config{Log: w.store, Reader: open{w.store}, Encoder: fixed{}, AntiEntropy: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); hub.Run(ctx) }()
	defer func() { cancel(); <-done }()
	entries := func(seq chat.Seq) (all []chat.Entry) {
		for i := range rooms {
			all = append(all, chat.Entry{Room: chat.RoomID(fmt.Sprint("small", i)), Seq: seq, Fact: chat.Message{Body: "x"}})
		}
		return all
	}
	join := func(room chat.RoomID, user string, wrote func()) {
		t.Helper()
		if _, err := w.store.Create(ctx, chat.Room{ID: room, Public: true}, ""); err != nil && chat.AsError(err).Kind != chat.Conflict {
			t.Fatal(err)
		}
		s, err := hub.Open(&watched{wrote: wrote}, ports.Opening{Identity: identity(user), Join: &ports.Join{Room: room}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Closed)
	}
	var underWay atomic.Int64
	var pairing, busy atomic.Bool
	paired, wrote := make(chan struct{}), make(chan struct{}, 3*rooms*readers)
	for i := range rooms * readers {
		join(chat.RoomID(fmt.Sprint("small", i%rooms)), fmt.Sprint("user", i), func() {
			defer func() { wrote <- struct{}{} }()
			if !pairing.Load() {
				return
			}
			if underWay.Add(1) == 2 {
				close(paired)
				pairing.Store(false)
			}
			select {
			case <-paired:
			case <-time.After(20 * time.Second):
				if pairing.Swap(false) {
					t.Error("a write waited in vain for another one beside it")
				}
			}
		})
	}
	join("first", "alice", func() {
		if busy.Swap(false) { // what comes now is queued together
			hub.Entries(entries(2))
		}
	})
	all := func() {
		for range rooms * readers {
			<-wrote
		}
	}
	hub.Entries(entries(1))
	all()
	pairing.Store(true)
	busy.Store(true)
	hub.Entries([]chat.Entry{{Room: "first", Seq: 1, Fact: chat.Message{Body: "x"}}})
	all()
	if len(wrote) > 0 {
		t.Errorf("%d writes more than one for each entry and reader", len(wrote))
	}
}
