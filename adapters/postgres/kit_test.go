package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func newRoom(t testing.TB, store *postgres.Store) chat.RoomID {
	t.Helper()
	room, err := store.Create(t.Context(), chat.Room{ID: chat.RoomID("t" + strings.ToLower(rand.Text()))}, "")
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return room.ID
}

func says(room chat.RoomID, author chat.UserID, body string) chat.Proposal {
	return chat.Proposal{Room: room, Author: chat.Author{ID: author, Name: "The " + string(author)}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: body}}
}

// appendsMany says n messages in a room.
func appendsMany(t testing.TB, store *postgres.Store, room chat.RoomID, n int) {
	t.Helper()
	batch := make([]chat.Proposal, n)
	for i := range batch {
		batch[i] = says(room, "alice", "hi")
	}
	appends(t, store, batch...)
}

// appends hands proposals to the store, which must take the call.
func appends(t testing.TB, store *postgres.Store, proposals ...chat.Proposal) []ports.Outcome {
	t.Helper()
	outcomes, err := store.Append(t.Context(), proposals)
	for err == nil && slices.ContainsFunc(outcomes, func(o ports.Outcome) bool { return o.Status == ports.Held }) {
		outcomes, err = store.Append(t.Context(), proposals) // by its key, no entry is stored twice
	}
	if err != nil || len(outcomes) != len(proposals) {
		t.Fatalf("append: %d outcomes of %d, %v", len(outcomes), len(proposals), err)
	}
	return outcomes
}

// mustBe fails the test unless all outcomes have the status, and the seqs from first on.
func mustBe(t testing.TB, outcomes []ports.Outcome, want ports.Status, first chat.Seq) {
	t.Helper()
	for i, o := range outcomes {
		if o.Status != want || o.Entry.Seq != first+chat.Seq(i) {
			t.Fatalf("outcome %d is %+v, want status %d and seq %d", i, o, want, first+chat.Seq(i))
		}
	}
}

func mustFail(t testing.TB, err error, want chat.Kind) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %s", err, want)
	}
}

// log returns all entries of a room, which must have no holes.
func log(t testing.TB, store *postgres.Store, room chat.RoomID) []chat.Entry {
	t.Helper()
	entries, err := store.Read(t.Context(), room, ports.Span{Limit: 1 << 20})
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	for i, e := range entries {
		if e.Seq != chat.Seq(i+1) {
			t.Fatalf("entry %d stands at place %d", e.Seq, i+1)
		}
	}
	return entries
}

// connect opens a connection beside the store.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// together runs do n times at once and waits for all.
func together(n int, do func()) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(do)
	}
	wg.Wait()
}
