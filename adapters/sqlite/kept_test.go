package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Batches keep rows of rooms and users for the next batch. These tests change the rows in other
// ways, and see that the next batch knows.

func TestABatchKnowsWhatOtherStoresWrote(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	one, other := openStore(t, sqlite.Config{Path: path}), openStore(t, sqlite.Config{Path: path})
	if _, err := one.Create(t.Context(), chat.Room{ID: "general", Public: true}, "mod"); err != nil {
		t.Fatal(err)
	}
	by := map[chat.UserID]chat.Rights{"mod": {}, "bob": {Everybody: true}}
	says := func(store *sqlite.Store, user chat.UserID, fact chat.Fact) ports.Outcome {
		t.Helper()
		outcomes, err := store.Append(t.Context(), []chat.Proposal{{
			Room: "general", Author: chat.Author{ID: user}, By: by[user], Key: chat.NewKey(), Fact: fact,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return outcomes[0]
	}
	for seq := chat.Seq(1); seq <= 8; seq++ {
		store := one
		if seq%3 == 0 {
			store = other
		}
		if got := says(store, "bob", chat.Message{Body: "hi"}); got.Status != ports.Appended || got.Entry.Seq != seq {
			t.Fatalf("message %d is %+v", seq, got)
		}
	}
	if got := says(other, "mod", chat.MemberChanged{User: "bob", Change: chat.MemberBanned}); got.Status != ports.Appended {
		t.Fatalf("the ban is %+v", got)
	}
	if got := says(one, "bob", chat.Message{Body: "hi"}); chat.AsError(got.Err).Kind != chat.Forbidden {
		t.Fatalf("a message after the ban is %+v", got)
	}
}

func TestABatchKnowsWhatElseItsStoreWrote(t *testing.T) {
	t.Parallel()
	store := openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	if got, err := store.Append(t.Context(), []chat.Proposal{proposal(0, chat.Message{Body: "hi"})}); err != nil || chat.AsError(got[0].Err).Kind != chat.NotFound {
		t.Fatalf("a message to no room is %+v, %v", got, err)
	}
	if _, err := store.Create(t.Context(), chat.Room{ID: "room0"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := store.Begin(t.Context(), "consumer"); err != nil {
		t.Fatal(err)
	}
	begun, err := store.Begun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := chat.Seq(1); seq <= 3; seq++ {
		if err := appendOf(t, store, 1, 1); err != nil {
			t.Fatal(err)
		}
		if pending := mustPend(t, store); len(pending) != 1 || pending[0].Head != seq {
			t.Fatalf("after entry %d, pending rooms are %+v", seq, pending)
		}
		if err := store.Clear(t.Context(), []ports.RoomHead{{Room: "room0", Head: seq}}, begun.Generation); err != nil {
			t.Fatal(err)
		}
		if pending := mustPend(t, store); len(pending) != 0 {
			t.Fatalf("after they were cleared, pending rooms are %+v", pending)
		}
	}
}

func mustPend(t *testing.T, store *sqlite.Store) []ports.PendingRoom {
	t.Helper()
	if _, err := store.Renew(t.Context(), "node", time.Minute); err != nil { // it notes shares
		t.Fatal(err)
	}
	rooms, err := store.Pending(t.Context(), []ports.SharePlace{{Share: ports.ShareOf("room0")}}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return rooms
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	store := openStore(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "parley.db")})
	store.Keep(8, 100)
	for i := range 20 {
		if _, err := store.Create(t.Context(), chat.Room{ID: chat.RoomID(fmt.Sprint("room", i)), Public: true}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		if got, err := store.Append(t.Context(), []chat.Proposal{proposal(i, chat.Message{Body: "hi"})}); err != nil || got[0].Status != ports.Appended {
			t.Fatalf("a message to room %d is %+v, %v", i, got, err)
		}
		if rooms, _ := store.Kept(); rooms < 1 || rooms > 8+1 {
			t.Fatalf("after %d rooms, %d are kept", i+1, rooms)
		}
	}
	store.Keep(100, 8)
	for i := range 40 {
		p := proposal(0, chat.Message{Body: "hi"})
		p.Author.ID = chat.UserID(fmt.Sprint("user", i))
		if got, err := store.Append(t.Context(), []chat.Proposal{p}); err != nil || got[0].Status != ports.Appended || got[0].Entry.Seq != chat.Seq(i+2) {
			t.Fatalf("a message of user %d is %+v, %v", i, got, err)
		}
		if _, users := store.Kept(); users < 1 || users > 8+1 {
			t.Fatalf("after %d users, %d are kept", i+1, users)
		}
	}
}
