package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// openShards opens databases as one cluster, and closes them with the test.
func openShards(t *testing.T, urls ...string) ([]*postgres.Store, error) {
	t.Helper()
	if len(urls) == 1 {
		_, err := postgres.Open(t.Context(), postgres.Config{URL: urls[0]})
		return nil, err
	}
	var configs []postgres.Config
	for _, url := range urls {
		configs = append(configs, postgres.Config{URL: url, MaxConns: 2})
	}
	stores, err := postgres.OpenShards(t.Context(), configs)
	if err == nil {
		for _, s := range stores {
			t.Cleanup(s.Close)
		}
	}
	return stores, err
}

func mustOpenShards(t *testing.T, urls ...string) []*postgres.Store {
	t.Helper()
	stores, err := openShards(t, urls...)
	if err != nil {
		t.Fatal(err)
	}
	return stores
}

func TestDatabasesAreOpenedAsTheClusterThatTheyAre(t *testing.T) {
	t.Parallel()
	a, b, alone, empty := pgtest.URL(t), pgtest.URL(t), pgtest.URL(t), pgtest.URL(t)
	otherA, otherB := pgtest.URL(t), pgtest.URL(t)
	first := mustOpenShards(t, a, b)
	if is := first[1].Shard(); is.Number != 2 || is.Count != 2 || is.Epoch != 1 || is.Cluster == "" || is.Cluster != first[0].Shard().Cluster {
		t.Errorf("the second one is %s", is)
	}
	again := mustOpenShards(t, a, b)
	if again[1].Shard() != first[1].Shard() {
		t.Errorf("it is %s, and was %s", again[1].Shard(), first[1].Shard())
	}
	mustOpenShards(t, otherA, otherB)
	newRoom(t, open(t, postgres.Config{URL: alone}))
	for name, row := range map[string]struct {
		urls []string
		want string
	}{
		"another order":               {[]string{b, a}, "place 1 is number 2 of 2: name them in their order"},
		"one that lacks":              {[]string{a}, "number 1 of 2"},
		"one too many":                {[]string{a, b, empty}, "3 URLs, and the database at the one in place 1 is number 1 of 2"},
		"one of another cluster":      {[]string{a, otherB}, "of another cluster"},
		"one that was alone, first":   {[]string{alone, empty}, "database 1 of the store's URLs has rooms"},
		"one that was alone, last":    {[]string{otherA, alone}, "database 2 of the store's URLs has rooms"},
		"an empty one for a lost one": {[]string{a, empty}, "database 2 of the store's URLs is empty"},
		"the same one twice":          {[]string{a, a}, "place 1 and 2 lead to the same database"},
		"an empty one twice":          {[]string{empty, empty}, "place 1 and 2 lead to the same database"},
	} {
		stores, err := openShards(t, row.urls...)
		mustFail(t, err, chat.Conflict)
		if !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %d stores, %v, want %q in it", name, len(stores), err, row.want)
		}
	}
	open(t, postgres.Config{URL: empty}) // nothing was made of it
}

func TestNodesThatStartTogetherFormOneCluster(t *testing.T) {
	t.Parallel()
	a, b := pgtest.URL(t), pgtest.URL(t)
	together(6, func() {
		stores, err := postgres.OpenShards(t.Context(), []postgres.Config{{URL: a, MaxConns: 2}, {URL: b, MaxConns: 2}})
		if err != nil {
			t.Error(err)
			return
		}
		for i, s := range stores {
			if is := s.Shard(); is.Number != i+1 || is.Count != 2 {
				t.Errorf("store %d is %s", i, is)
			}
			s.Close()
		}
	})
}

// spreadAnew has a database be another one of its cluster, as whoever spreads rooms anew does: once
// all appends before are done.
const spreadAnew = `BEGIN; LOCK TABLE room IN EXCLUSIVE MODE; UPDATE shard SET epoch = epoch + 1; COMMIT`

func TestNothingIsWrittenByAnOldMap(t *testing.T) {
	t.Parallel()
	a, b := pgtest.URL(t), pgtest.URL(t)
	store := mustOpenShards(t, a, b)[0]
	room := newRoom(t, store)
	appendsMany(t, store, room, 3)
	db := connect(t, a)
	exec(t, db, spreadAnew)
	react := says(room, "bob", "")
	react.Fact = chat.Reacted{Target: 1, Emoji: "👍"}
	for name, proposals := range map[string][]chat.Proposal{
		"messages":    {says(room, "alice", "a"), says(room, "alice", "b")},
		"other facts": {react},
	} {
		if outcomes, err := store.Append(t.Context(), proposals); err == nil {
			t.Errorf("%s are appended: %+v", name, outcomes)
		} else {
			mustFail(t, err, chat.Unavailable)
		}
	}
	for name, write := range writes(store, room) {
		if err := write(); !errors.Is(err, chat.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustFail(t, store.AwaitMap(t.Context()), chat.Conflict)
	mustFail(t, store.Check(t.Context()), chat.Unavailable)
	var rooms, entries int
	if err := db.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM room), (SELECT count(*) FROM entry)").Scan(&rooms, &entries); err != nil || rooms != 1 || entries != 3 {
		t.Errorf("there are %d rooms and %d entries, %v", rooms, entries, err)
	}
	exec(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	_, err := store.Heads(t.Context(), []chat.RoomID{room}) // by a new connection
	mustFail(t, err, chat.Unavailable)
	if _, err := openShards(t, a, b); err == nil || !strings.Contains(err.Error(), "the first one 2") {
		t.Errorf("got %v, want that the epochs differ", err)
	}
	exec(t, connect(t, b), spreadAnew)
	mustBe(t, appends(t, mustOpenShards(t, a, b)[0], says(room, "alice", "again")), ports.Appended, 4)
}

// writes are all calls that write what is of a room, but for appends. The error is Unavailable
// where nothing was written.
func writes(store *postgres.Store, room chat.RoomID) map[string]func() error {
	refused := func(done bool) error {
		if done {
			return nil
		}
		return chat.Errorf(chat.Unavailable, "refused")
	}
	ctx := context.Background()
	return map[string]func() error{
		"create": func() error {
			_, err := store.Create(ctx, chat.Room{ID: "new"}, "")
			return err
		},
		"mark": func() error {
			outcomes, err := store.Mark(ctx, []ports.ReadMark{{Room: room, User: "bob", Seq: 1}})
			if err == nil {
				err = outcomes[0].Err
			}
			return err
		},
		"move": func() error {
			moved, err := store.Move(ctx, []ports.CursorMove{{Lease: ports.Lease{Share: ports.ShareOf(room), Fence: 1}, To: ports.Cursor{Consumer: "c", Room: room, Seq: 1}}})
			if err == nil {
				err = refused(moved[0].Outcome != ports.MoveLost)
			}
			return err
		},
		"seek":   func() error { return store.Seek(ctx, "c", room, 1) },
		"retry":  func() error { return store.Retry(ctx, "c", []chat.RoomID{room}, 0, true) },
		"forget": func() error { _, err := store.Forget(ctx, "c", "a", 10); return err },
		"index": func() error {
			return store.Index(ctx, []ports.SearchDoc{{Room: room, Seq: 1, Tokens: []string{"hi"}}})
		},
	}
}

// Writes wait for whoever spreads rooms anew, and are refused then, though they began before.
func TestWritesThatWaitForANewMapAreRefused(t *testing.T) {
	t.Parallel()
	a, b := pgtest.URL(t), pgtest.URL(t)
	stores, err := postgres.OpenShards(t.Context(), []postgres.Config{{URL: a, MaxConns: 16}, {URL: b, MaxConns: 2}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stores {
		t.Cleanup(s.Close)
	}
	store := stores[0]
	room := newRoom(t, store)
	appendsMany(t, store, room, 1)
	if _, err := store.Renew(t.Context(), "n", time.Hour); err != nil {
		t.Fatal(err)
	}
	if leases, err := store.Acquire(t.Context(), "n"); err != nil || len(leases) != ports.Shares {
		t.Fatal(len(leases), err)
	}
	all := writes(store, room)
	for name, write := range all { // they work, so that their statements are prepared
		if err := write(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	db, watching := connect(t, a), connect(t, a)
	exec(t, db, "DELETE FROM mark; DELETE FROM hook_cursor; DELETE FROM room WHERE room_id = 'new'")
	exec(t, db, "BEGIN")
	exec(t, db, postgres.LockGates)
	exec(t, db, "UPDATE shard SET epoch = epoch + 1")
	var calls sync.WaitGroup
	for name, write := range all {
		calls.Go(func() {
			if err := write(); !errors.Is(err, chat.Unavailable) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for waiting := 0; waiting < len(all)-1; /* a mark waits only for a moment */ {
		if err := watching.QueryRow(t.Context(), "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, db, "COMMIT")
	calls.Wait()
	var rows int
	if err := db.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM mark) + (SELECT count(*) FROM hook_cursor) + (SELECT count(*) FROM room WHERE room_id = 'new')").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows were written, %v", rows, err)
	}
}

// A table that is forgotten where a cluster grows would keep rows of rooms that are elsewhere, or
// lose them.
func TestAllTablesAreKnownWhereAClusterGrows(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	open(t, postgres.Config{URL: url})
	rows, err := connect(t, url).Query(t.Context(), `
SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'room_id')
FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'goose_db_version'`)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"consumer": true, "lease": true, "log": true, "shard": true} // each database has its own
	for _, name := range postgres.FirstTables {
		known[name] = true
	}
	var name string
	var ofRooms bool
	seen := 0
	if _, err := pgx.ForEachRow(rows, []any{&name, &ofRooms}, func() error {
		seen++
		if !known[name] && !slices.Contains(postgres.RoomTables, name) {
			t.Errorf("%s is not known: is what it has of rooms (%t), of the first database, or of each?", name, ofRooms)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := len(known) + len(postgres.RoomTables); seen != want {
		t.Errorf("there are %d tables, and %d are known", seen, want)
	}
}

// Appends are under way all the time while rooms are spread anew. None that was acknowledged comes
// after that by the map before.
func TestAppendsUnderWayEndBeforeRoomsAreSpreadAnew(t *testing.T) {
	t.Parallel()
	a, b := pgtest.URL(t), pgtest.URL(t)
	stores := []*postgres.Store{mustOpenShards(t, a, b)[0], mustOpenShards(t, a, b)[0]}
	room := newRoom(t, stores[0])
	appendsMany(t, stores[0], room, 1)
	db := connect(t, a)
	acknowledged := make([]chat.Seq, 8)
	turned := make(chan chat.Seq, 1)
	go func() {
		var head chat.Seq
		for head < 50 { // until they are at it
			if db.QueryRow(t.Context(), "SELECT head FROM room").Scan(&head) != nil {
				break
			}
		}
		if err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
			_, locked := tx.Exec(t.Context(), "LOCK TABLE room IN EXCLUSIVE MODE")
			_, turned := tx.Exec(t.Context(), "UPDATE shard SET epoch = epoch + 1")
			return errors.Join(locked, turned, tx.QueryRow(t.Context(), "SELECT head FROM room").Scan(&head))
		}); err != nil {
			t.Error(err)
		}
		turned <- head
	}()
	var next atomic.Int64
	together(len(acknowledged), func() {
		i := int(next.Add(1)) - 1
		for range 100_000 {
			outcomes, err := stores[i%2].Append(t.Context(), []chat.Proposal{says(room, chat.UserID(fmt.Sprint("u", i)), "hi")})
			if err != nil {
				return
			}
			if outcomes[0].Status == ports.Appended {
				acknowledged[i] = outcomes[0].Entry.Seq
			}
		}
		t.Error("it is appended for ever")
	})
	head := <-turned
	for _, seq := range acknowledged {
		if seq > head {
			t.Errorf("%d was appended behind %d, where rooms were spread anew", seq, head)
		}
	}
	var now chat.Seq
	if err := db.QueryRow(t.Context(), "SELECT head FROM room").Scan(&now); err != nil || now != head {
		t.Errorf("the head is %d, and was %d, %v", now, head, err)
	}
}
