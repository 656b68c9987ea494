package postgres_test

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// TestGuardRoundTrips counts the round trips between the store and its server for each call. Over a
// network they are what a call costs; while rooms are locked, other nodes wait for them.
func TestGuardRoundTrips(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, migrated.Copy(t))
	store := open(t, postgres.Config{URL: relay.url, MaxConns: 1}) // whose statements are prepared once
	room, others := newRoom(t, store), []chat.RoomID{newRoom(t, store), newRoom(t, store), newRoom(t, store)}
	appendsMany(t, store, room, 300)

	for _, size := range []int{1, 16, 256} {
		relay.mustCount(t, fmt.Sprintf("an append of %d messages to one room", size), 1, func() {
			appendsMany(t, store, room, size)
		})
		relay.mustCount(t, fmt.Sprintf("an append of %d messages to three rooms", size), 1, func() {
			batch := make([]chat.Proposal, size)
			for i := range batch {
				batch[i] = says(others[i%len(others)], "alice", "hi")
			}
			appends(t, store, batch...)
		})
	}
	relay.mustCount(t, "an append with a reaction and an edit", 2, func() {
		react, edit := says(room, "bob", ""), says(room, "alice", "")
		react.Fact, edit.Fact = chat.Reacted{Target: 1, Emoji: "👍"}, chat.Edited{Target: 2, Body: "again"}
		appends(t, store, says(room, "alice", "hi"), react, edit)
	})

	for name, span := range map[string]ports.Span{
		"the newest page":          {Newest: true, Limit: 50, Viewer: "alice"},
		"a page of messages":       {Newest: true, Messages: true, Limit: 50, Viewer: "alice"},
		"a page behind a cursor":   {After: 100, Limit: 200, Viewer: "alice"},
		"a page with its reaction": {Before: 50, Limit: 50, Viewer: "bob"},
	} {
		relay.mustCount(t, name, 1, func() {
			if entries, err := store.Read(t.Context(), room, span); err != nil || len(entries) == 0 {
				t.Errorf("read: %d entries, %v", len(entries), err)
			}
		})
	}
	relay.mustCount(t, "the heads of a thousand rooms", 1, func() {
		rooms := append([]chat.RoomID{room}, others...)
		for i := range 1000 {
			rooms = append(rooms, chat.RoomID(fmt.Sprint("nowhere", i)))
		}
		if heads, err := store.Heads(t.Context(), rooms); err != nil || len(heads) != 4 {
			t.Errorf("heads: %v, %v", heads, err)
		}
	})
	relay.mustCount(t, "a thousand places", 1, func() {
		asked := make([]ports.Place, 1000)
		for i := range asked {
			asked[i] = ports.Place{Room: room, User: chat.UserID(fmt.Sprint("u", i))}
		}
		if standings, err := store.Places(t.Context(), asked); err != nil || standings[999].Room.ID != room {
			t.Errorf("places: %d, %v", len(standings), err)
		}
	})
	relay.mustCount(t, "rooms in the order of activity", 1, func() {
		q := ports.OrderQuery{User: "alice", Sort: ports.SortActive, Max: ports.MaxListed, Limit: 50}
		if keys, _, err := store.Order(t.Context(), q); err != nil || len(keys) != 4 {
			t.Errorf("order: %v, %v", keys, err)
		}
	})
	relay.mustCount(t, "a page of rooms with their last messages", 2, func() {
		rooms := append([]chat.RoomID{room}, others...)
		if sights, err := store.Sights(t.Context(), "alice", rooms); err != nil || sights[3].Last == nil {
			t.Errorf("sights: %+v, %v", sights, err)
		}
	})
	relay.mustCount(t, "a hundred claims of which none is news", 1, func() {
		claims := make([]chat.Claim, 100)
		for i := range claims {
			claims[i] = chat.Claim{User: chat.UserID(fmt.Sprint("u", i))}
		}
		if changed, err := store.Learn(t.Context(), claims); err != nil || len(changed) > 0 {
			t.Errorf("learn: %v, %v", changed, err)
		}
	})
	relay.mustCount(t, "a standing", 1, func() {
		if _, err := store.Standing(t.Context(), room, "alice"); err != nil {
			t.Error(err)
		}
	})
}

// relay stands between a store and its server and counts round trips.
type relay struct {
	url      string       // of the server, through the relay
	turns    atomic.Int64 // round trips: how often the store sent after an answer
	answered atomic.Bool  // the server spoke last
}

// startRelay starts a relay before the server that database is on.
func startRelay(t *testing.T, database string) *relay {
	t.Helper()
	r := &relay{}
	r.url = between(t, database, r.serve)
	return r
}

func (r *relay) serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer client.Close()
		hand(client, server, func([]byte) { r.answered.Store(true) })
	})
	hand(server, client, func(said []byte) {
		// The pool pings a connection that was idle for a second. That depends on how busy the
		// machine is and does not count.
		if r.answered.Swap(false) && !bytes.Contains(said, []byte("-- ping\x00")) {
			r.turns.Add(1)
		}
	})
	server.Close()
	wg.Wait()
}

// hand passes on bytes until either end closes; it calls tell with them first.
func hand(to, from net.Conn, tell func([]byte)) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			tell(buffer[:n])
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

// mustCount calls do twice, as the first call of its kind prepares its statements, and fails unless
// the second took that many turns.
func (r *relay) mustCount(t *testing.T, what string, want int64, do func()) {
	t.Helper()
	do()
	before := r.turns.Load()
	do()
	if got := r.turns.Load() - before; got != want {
		t.Errorf("%s took %d round trips, want %d", what, got, want)
	}
}
