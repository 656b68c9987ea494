package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// batches are an append of each kind: messages alone, and messages with other facts. The text that
// the proxy waits for is sent together with the commit.
const cutHere = "cut here, right where it hurts"

func batches(room chat.RoomID) map[string][]chat.Proposal {
	react := says(room, "bob", "")
	react.Fact = chat.Reacted{Target: 1, Emoji: "👍"}
	return map[string][]chat.Proposal{
		"messages":    {says(room, "alice", "one"), says(room, "bob", cutHere), says(room, "alice", "three")},
		"other facts": {says(room, "alice", "one"), says(room, "bob", cutHere), react},
	}
}

func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, behind := range []bool{false, true} {
		for name := range batches("") {
			says := map[bool]string{false: "that never arrived stores nothing", true: "whose answer is lost is stored once"}[behind]
			t.Run(fmt.Sprintf("an append of %s %s", name, says), func(t *testing.T) {
				t.Parallel()
				database := migrated.Copy(t)
				direct := open(t, postgres.Config{URL: database})
				proxy := startProxy(t, database, cutHere)
				store := open(t, postgres.Config{URL: proxy.url, NoMigrate: true})
				room := newRoom(t, store)
				appendsMany(t, store, room, 1)

				batch := batches(room)[name]
				cut := proxy.arm(behind)
				_, err := store.Append(t.Context(), batch)
				mustFail(t, err, chat.Unavailable)
				<-cut.done
				stored := 1
				want := ports.Appended
				if behind {
					stored, want = 1+len(batch), ports.Duplicate
				}
				if got := log(t, direct, room); len(got) != stored {
					t.Fatalf("%d entries are stored, want %d", len(got), stored)
				}
				mustBe(t, appends(t, store, batch...), want, 2)
				if got := log(t, direct, room); len(got) != 1+len(batch) {
					t.Fatalf("%d entries are stored, want %d", len(got), 1+len(batch))
				}
			})
		}
	}
}

// held locks a room from outside the store, like another node that freezes in the middle of an
// append.
func held(t *testing.T, database string, room chat.RoomID) (release func()) {
	t.Helper()
	conn := connect(t, database)
	exec(t, conn, "BEGIN")
	exec(t, conn, "SELECT FROM room WHERE room_id = $1 FOR UPDATE", string(room))
	return func() { t.Helper(); exec(t, conn, "ROLLBACK") }
}

func TestRoomHeldByAnother(t *testing.T) {
	t.Parallel()

	t.Run("an append gives up with its context, and other rooms go on", func(t *testing.T) {
		t.Parallel()
		database := migrated.Copy(t)
		store := open(t, postgres.Config{URL: database})
		room, other := newRoom(t, store), newRoom(t, store)
		release := held(t, database, room)
		batch := []chat.Proposal{says(room, "alice", "hi")}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := store.Append(ctx, batch)
		mustFail(t, err, chat.Unavailable)
		appendsMany(t, store, other, 1)
		log(t, store, room) // readers wait for nobody
		release()
		mustBe(t, appends(t, store, batch...), ports.Appended, 1)
	})

	t.Run("an append without a deadline gives up after the store's timeout", func(t *testing.T) {
		t.Parallel()
		database := migrated.Copy(t)
		room := newRoom(t, open(t, postgres.Config{URL: database}))
		// So the wait for a lock is bounded by Timeout.
		store := open(t, postgres.Config{URL: with(t, database, "lock_timeout", "0"), Timeout: time.Second})
		defer held(t, database, room)()
		_, err := store.Append(t.Context(), []chat.Proposal{says(room, "alice", "hi")})
		mustFail(t, err, chat.Unavailable)
	})

	t.Run("an append whose connection is ended can be repeated", func(t *testing.T) {
		t.Parallel()
		database := migrated.Copy(t)
		store := open(t, postgres.Config{URL: with(t, with(t, database, "application_name", "victim"), "lock_timeout", "0")})
		room := newRoom(t, store)
		release := held(t, database, room)
		admin := connect(t, database)
		batch := []chat.Proposal{says(room, "alice", "hi")}
		failed := make(chan error, 1)
		go func() {
			_, err := store.Append(t.Context(), batch)
			failed <- err
		}()
		for ended := false; !ended; { // until the append is there and waits
			if err := admin.QueryRow(t.Context(), `SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'victim' AND wait_event_type = 'Lock'`).Scan(&ended); err != nil {
				t.Fatal(err)
			}
		}
		mustFail(t, <-failed, chat.Unavailable)
		release()
		mustBe(t, appends(t, store, batch...), ports.Appended, 1)
	})
}

// TestServerGoesAndComes stops the server under writers and readers, which only try again.
func TestServerGoesAndComes(t *testing.T) {
	t.Parallel()
	const writers, perWriter = 4, 60
	server := pgtest.Start(t)
	store := open(t, postgres.Config{URL: server.Database()})
	room := newRoom(t, store)

	var acknowledged atomic.Int64
	down := make(chan struct{}, writers+1) // somebody found the server gone
	halfway := make(chan struct{})
	var wg sync.WaitGroup
	var seqs sync.Map
	for w := range writers {
		wg.Go(func() {
			for i := range perWriter {
				p := says(room, chat.UserID(fmt.Sprint("writer", w)), fmt.Sprint(i))
				seqs.Store(p.Key, insist(t, store, p, down))
				if acknowledged.Add(1) == writers*perWriter/3 {
					close(halfway)
				}
			}
		})
	}
	<-halfway
	server.Stop(pgtest.Immediate)
	<-down
	_, err := store.Read(t.Context(), room, ports.Span{Limit: 1})
	mustFail(t, err, chat.Unavailable)
	mustFail(t, store.Check(t.Context()), chat.Unavailable)
	server.Start()
	wg.Wait()

	entries := log(t, store, room)
	if len(entries) != writers*perWriter {
		t.Errorf("%d entries are stored, want %d", len(entries), writers*perWriter)
	}
	for _, e := range entries {
		if seq, ok := seqs.Load(e.Key); !ok || seq != e.Seq {
			t.Errorf("entry %d was acknowledged as %v", e.Seq, seq)
		}
	}
}

// insist tries to append a proposal until the store accepts it, and returns its seq. The store may
// fail with Unavailable only.
func insist(t *testing.T, store *postgres.Store, p chat.Proposal, down chan<- struct{}) chat.Seq {
	for t.Context().Err() == nil {
		outcomes, err := store.Append(t.Context(), []chat.Proposal{p})
		if err == nil && outcomes[0].Status != ports.Held {
			return outcomes[0].Entry.Seq
		}
		if err != nil && !errors.Is(err, chat.Unavailable) {
			t.Errorf("append: %v", err)
		}
		select {
		case down <- struct{}{}:
		default:
		}
	}
	return 0
}

func TestReadsOutliveARestart(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	store := open(t, postgres.Config{URL: server.Database(), MaxConns: 4})
	room := newRoom(t, store)
	appendsMany(t, store, room, 3)
	for range 5 {
		together(4, func() { log(t, store, room) }) // all connections are open, and idle
		server.Stop(pgtest.Fast)
		server.Start()
		if got := log(t, store, room); len(got) != 3 {
			t.Fatalf("%d entries are read, want 3", len(got))
		}
	}
}

func TestFrozenServer(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	database := server.Database()
	patient := open(t, postgres.Config{URL: database})
	room := newRoom(t, patient)
	store := open(t, postgres.Config{URL: database, Timeout: time.Second})
	batch := []chat.Proposal{says(room, "alice", "hi")}

	server.Pause()
	_, err := store.Append(t.Context(), batch)
	mustFail(t, err, chat.Unavailable)
	_, err = store.Heads(t.Context(), []chat.RoomID{room})
	mustFail(t, err, chat.Unavailable)
	_, err = store.Mark(t.Context(), []ports.ReadMark{{Room: room, User: "alice"}})
	mustFail(t, err, chat.Unavailable)
	mustFail(t, store.Check(t.Context()), chat.Unavailable)
	server.Resume()

	err = store.Check(t.Context())
	for range 10 { // a slow machine needs more than one timeout to connect anew
		if err == nil {
			break
		}
		err = store.Check(t.Context())
	}
	if err != nil {
		t.Fatalf("check after it goes on: %v", err)
	}
	outcome := appends(t, patient, batch...)[0] // the first attempt may have been committed late
	if outcome.Entry.Seq != 1 || len(log(t, patient, room)) != 1 {
		t.Fatalf("outcome is %+v, want place 1 and nothing else", outcome)
	}
}

func TestStandbyTakesNothing(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	room := newRoom(t, open(t, postgres.Config{URL: database}))
	standby := open(t, postgres.Config{URL: with(t, database, "default_transaction_read_only", "on"), NoMigrate: true})
	log(t, standby, room)
	mustFail(t, standby.Check(t.Context()), chat.Unavailable)
	_, err := standby.Append(t.Context(), []chat.Proposal{says(room, "alice", "hi")})
	mustFail(t, err, chat.Unavailable)
	_, err = standby.Create(t.Context(), chat.Room{ID: "new"}, "")
	mustFail(t, err, chat.Unavailable)
}

func TestTextThatTheDatabaseCannotKeepIsInvalid(t *testing.T) {
	t.Parallel()
	store := open(t, postgres.Config{URL: migrated.Copy(t)})
	room := newRoom(t, store)
	_, err := store.Append(t.Context(), []chat.Proposal{says(room, "alice", "fine"), says(room, "alice", "a\x00b")})
	mustFail(t, err, chat.Invalid)
	if got := log(t, store, room); len(got) != 0 {
		t.Fatalf("%d entries are stored, want none", len(got))
	}
}

func TestAPlanThatAMigrationBrokeIsMadeAnew(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	store := open(t, postgres.Config{URL: database, MaxConns: 1})
	before, err := store.LogID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, connect(t, database), `ALTER TABLE log ALTER COLUMN log_id TYPE varchar`)
	_, err = store.LogID(t.Context())
	mustFail(t, err, chat.Unavailable)
	if after, err := store.LogID(t.Context()); err != nil || after != before {
		t.Errorf("planned anew it is %q, %v, want %q", after, err, before)
	}
}

// TestWhatTheServerDoesNotSupportIsNoOutage has the server refuse a statement as engines do that
// speak PostgreSQL's protocol and lack a part of it. It would refuse a repetition too.
func TestWhatTheServerDoesNotSupportIsNoOutage(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	store, admin := open(t, postgres.Config{URL: database}), connect(t, database)
	room := newRoom(t, store)
	exec(t, admin, `CREATE FUNCTION lacks() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'complex joins are not supported' USING ERRCODE = 'feature_not_supported'; END $$`)
	exec(t, admin, `CREATE TRIGGER lacks BEFORE INSERT ON entry EXECUTE FUNCTION lacks()`)
	_, err := store.Append(t.Context(), []chat.Proposal{says(room, "alice", "hi")})
	mustFail(t, err, chat.Internal)
}

// TestADiskThatIsFullIsKnownWhileReadsWork has the server refuse writes that need space, as on a
// full disk.
func TestADiskThatIsFullIsKnownWhileReadsWork(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	store, admin := open(t, postgres.Config{URL: database}), connect(t, database)
	room := newRoom(t, store)
	appendsMany(t, store, room, 1)
	exec(t, admin, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`)
	exec(t, admin, `CREATE TRIGGER full_disk BEFORE INSERT ON entry EXECUTE FUNCTION full_disk()`)
	_, err := store.Append(t.Context(), []chat.Proposal{says(room, "alice", "lost")})
	mustFail(t, err, chat.Unavailable)
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("it can be read: %v", err)
	}
	mustFail(t, store.CheckWrite(t.Context()), chat.Unavailable)
	exec(t, admin, `DROP TRIGGER full_disk ON entry`)
	for _, table := range []string{"room", "spoke"} {
		exec(t, admin, `CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON `+table+` EXECUTE FUNCTION full_disk()`)
		if err := store.CheckWrite(t.Context()); !errors.Is(err, chat.Unavailable) {
			t.Errorf("where %s takes nothing: %v", table, err)
		}
		exec(t, admin, `DROP TRIGGER full_disk ON `+table)
	}
	if err := store.CheckWrite(t.Context()); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	exec(t, admin, `ALTER DATABASE `+pgx.Identifier{admin.Config().Database}.Sanitize()+` SET default_transaction_read_only = on`)
	readOnly := open(t, postgres.Config{URL: database, NoMigrate: true})
	mustFail(t, readOnly.CheckWrite(t.Context()), chat.Unavailable)
}
