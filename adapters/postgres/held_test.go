package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// locked runs a statement beside the store, in a transaction that stays open until release is
// called.
func locked(t *testing.T, database, sql string, args ...any) (release func()) {
	t.Helper()
	conn := connect(t, with(t, database, "application_name", "psql-of-an-operator"))
	exec(t, conn, "BEGIN")
	exec(t, conn, sql, args...)
	return func() { t.Helper(); exec(t, conn, "ROLLBACK") }
}

// However the store's connections are made, the waits of appends are bounded.
func TestHeldRoomsAreLeftOut(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func(database string) postgres.Config{
		"with connections of their own": func(database string) postgres.Config { return postgres.Config{URL: database} },
		"with one connection":           func(database string) postgres.Config { return postgres.Config{URL: database, MaxConns: 1} },
		"behind a pooler": func(database string) postgres.Config {
			return postgres.Config{URL: with(t, database, "default_query_exec_mode", "exec")}
		},
		"bounded by the URL": func(database string) postgres.Config {
			return postgres.Config{URL: with(t, database, "lock_timeout", "50")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := migrated.Copy(t)
			store := open(t, config(database))
			r0, r1 := newRoom(t, store), newRoom(t, store)
			appendsMany(t, store, r0, 1)
			edit, beside := says(r0, "alice", ""), says(r1, "alice", "beside")
			edit.Fact = chat.Edited{Target: 1, Body: "edited"}
			for _, lock := range []string{
				"SELECT FROM room WHERE room_id = $1 FOR UPDATE",
				"SELECT FROM room WHERE room_id = $1 FOR KEY SHARE",
				"UPDATE room SET name = 'x' WHERE room_id = $1",
			} {
				release := locked(t, database, lock, string(r0))
				for _, batch := range [][]chat.Proposal{{says(r0, "alice", "hi"), beside}, {edit, beside}} {
					outcomes, err := store.Append(t.Context(), batch)
					if err != nil || outcomes[0].Status != ports.Held || outcomes[1].Entry.Room != r1 || outcomes[1].Entry.Seq != 1 {
						t.Fatalf("%s: got %+v, %v", lock, outcomes, err)
					}
					why := outcomes[0].Err
					if !errors.Is(why, chat.Unavailable) || !strings.Contains(why.Error(), string(r0)) || !strings.Contains(why.Error(), "psql-of-an-operator") {
						t.Errorf("%s: it is told as %v", lock, why)
					}
					if shown := chat.AsError(why).Reason; strings.Contains(shown, "psql") {
						t.Errorf("a client is told %s", shown)
					}
				}
				release()
			}
			mustBe(t, appends(t, store, edit), ports.Appended, 2)
		})
	}
}

func TestLocksBesideTheRooms(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	store := open(t, postgres.Config{URL: database})
	r0, r1 := newRoom(t, store), newRoom(t, store)
	appendsMany(t, store, r0, 1)
	edit, ban, leave := says(r0, "alice", ""), says(r0, "alice", ""), says(r0, "alice", "")
	join := says(r0, "alice", "")
	join.Fact = chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Write}
	mustBe(t, appends(t, store, join), ports.Appended, 2)
	edit.Fact = chat.Edited{Target: 1, Body: "edited"}
	ban.Fact = chat.MemberChanged{User: "bob", Change: chat.MemberBanned}
	leave.Fact = chat.MemberChanged{User: "bob", Change: chat.MemberLeft}
	if _, err := store.Mark(t.Context(), []ports.ReadMark{{Room: r0, User: "bob", Seq: 1}}); err != nil {
		t.Fatal(err)
	}
	for lock, p := range map[string]chat.Proposal{
		"SELECT FROM entry WHERE room_id = $1 AND seq = 1 FOR UPDATE":          edit,
		"SELECT FROM member WHERE room_id = $1 AND user_id = 'bob' FOR UPDATE": ban,
		"SELECT FROM mark WHERE room_id = $1 FOR UPDATE":                       leave,
	} {
		release := locked(t, database, lock, string(r0))
		outcomes, err := store.Append(t.Context(), []chat.Proposal{p, says(r1, "alice", "hi")})
		if err != nil || outcomes[0].Status != ports.Held || outcomes[1].Status != ports.Held {
			t.Fatalf("%s: got %+v, %v: nobody can tell whose row it is", lock, outcomes, err)
		}
		for _, room := range []chat.RoomID{r0, r1} {
			head := headOf(t, store, room)
			mustBe(t, appends(t, store, says(room, "alice", "not about that row")), ports.Appended, head+1)
		}
		if outcomes, err := store.Append(t.Context(), []chat.Proposal{p}); err != nil || outcomes[0].Status != ports.Held {
			t.Errorf("%s: alone: %+v, %v", lock, outcomes, err)
		}
		release()
	}
	head := headOf(t, store, r0)
	mustBe(t, appends(t, store, edit, ban), ports.Appended, head+1)
}

func headOf(t *testing.T, store *postgres.Store, room chat.RoomID) chat.Seq {
	t.Helper()
	heads, err := store.Heads(t.Context(), []chat.RoomID{room})
	if err != nil {
		t.Fatal(err)
	}
	return heads[room]
}

func TestALockedTableIsTold(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	store := open(t, postgres.Config{URL: database})
	room := newRoom(t, store)
	for _, lock := range []string{"LOCK TABLE room IN ACCESS EXCLUSIVE MODE", "LOCK TABLE entry IN ACCESS EXCLUSIVE MODE", "LOCK TABLE room IN EXCLUSIVE MODE", "LOCK TABLE entry IN SHARE MODE"} {
		release := locked(t, database, lock)
		p := says(room, "alice", "hi")
		_, err := store.Append(t.Context(), []chat.Proposal{p})
		if mustFail(t, err, chat.Unavailable); !strings.Contains(err.Error(), "psql-of-an-operator") || !strings.Contains(err.Error(), "table") {
			t.Errorf("%s is told as %v", lock, err)
		}
		release()
		mustBe(t, appends(t, store, p)[:1], ports.Appended, headOf(t, store, room))
	}
}

func TestReadersHoldUpNoAppend(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	store := open(t, postgres.Config{URL: database, MaxConns: 4})
	room := newRoom(t, store)
	appendsMany(t, store, room, 1)
	release := locked(t, database, "LOCK TABLE revocation IN ACCESS EXCLUSIVE MODE")
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 20 {
		readers.Go(func() { _, _, _ = store.Revoked(ctx, 0, 10) })
	}
	admin := connect(t, database)
	for waiting := 0; waiting < 2; { // all connections that reads may take wait for the table
		if err := admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		mustBe(t, appends(t, store, says(room, "alice", fmt.Sprint(i))), ports.Appended, chat.Seq(i+2))
	}
	if pool := store.Pool(); pool.Most != 4 || pool.Acquired < 2 || pool.Waits == 0 {
		t.Errorf("the pool is %+v", pool)
	}
	release()
	cancel()
	readers.Wait()
}
