package shards_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/adapters/shards"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// growth returns the growth to the databases of configs, which tells the test.
func growth(t testing.TB, configs []postgres.Config) *postgres.Growth {
	t.Helper()
	g, err := postgres.NewGrowth(configs, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// chatter writes to rooms through whichever store there is, as clients do: what has no answer is
// repeated with its key.
type chatter struct {
	testing.TB
	store atomic.Pointer[ports.Log]
	mu    sync.Mutex
	acked map[chat.RoomID]map[chat.Seq]chat.Key
	last  time.Time
	gap   time.Duration // the longest time without an acknowledgement
	count atomic.Int64
}

func newChatter(t testing.TB, store ports.Log) *chatter {
	t.Helper()
	c := &chatter{TB: t, acked: map[chat.RoomID]map[chat.Seq]chat.Key{}, last: time.Now()}
	c.store.Store(&store)
	return c
}

// writes says something in a room until ctx ends and the last one is acknowledged.
func (c *chatter) writes(ctx context.Context, room chat.RoomID, author chat.UserID) {
	for ctx.Err() == nil {
		p := message(room)
		p.Author.ID = author
		for {
			outcomes, err := (*c.store.Load()).Append(context.WithoutCancel(ctx), []chat.Proposal{p})
			if err == nil && outcomes[0].Status != ports.Held {
				c.took(room, outcomes[0], p.Key)
				break
			}
			if err != nil && !errors.Is(err, chat.Unavailable) {
				c.Errorf("append: %v", err)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func (c *chatter) took(room chat.RoomID, is ports.Outcome, key chat.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if is.Err != nil {
		c.Errorf("a message to %s is refused: %v", room, is.Err)
		return
	}
	if c.acked[room] == nil {
		c.acked[room] = map[chat.Seq]chat.Key{}
	}
	if was, taken := c.acked[room][is.Entry.Seq]; taken && was != key {
		c.Errorf("%s, %d: two were acknowledged", room, is.Entry.Seq)
	}
	c.acked[room][is.Entry.Seq] = key
	c.count.Add(1)
	c.gap, c.last = max(c.gap, time.Since(c.last)), time.Now()
}

// longest returns the longest time without an acknowledgement, and begins anew.
func (c *chatter) longest() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.gap
	c.gap = 0
	return was
}

// mustHave fails the test unless a store has what was acknowledged, each once, in order, and
// nothing else.
func (c *chatter) mustHave(store ports.Log) {
	c.Helper()
	for room, acked := range c.acked {
		var after chat.Seq
		for {
			entries, err := store.Read(c.Context(), room, ports.Span{After: after, Limit: 200})
			must(c, err)
			if len(entries) == 0 {
				break
			}
			for _, e := range entries {
				if after++; e.Seq != after || acked[e.Seq] != e.Key {
					c.Fatalf("%s: entry %d has the key %s, want %d with %s", room, e.Seq, e.Key, after, acked[after])
				}
			}
		}
		if int(after) != len(acked) {
			c.Errorf("%s has %d entries, and %d were acknowledged", room, after, len(acked))
		}
	}
}

// awaits waits until n more messages are acknowledged.
func (c *chatter) awaits(n int64) {
	c.Helper()
	for want := c.count.Load() + n; c.count.Load() < want; time.Sleep(time.Millisecond) {
		if c.Failed() || c.Context().Err() != nil {
			c.FailNow()
		}
	}
}

// roomsOf makes n rooms, of which alice is in all.
func roomsOf(t testing.TB, store ports.Directory, n int) (rooms []chat.RoomID) {
	t.Helper()
	for i := range n {
		room := chat.RoomID(fmt.Sprint("room-", i))
		_, err := store.Create(t.Context(), chat.Room{ID: room, Public: true}, "alice")
		must(t, err)
		rooms = append(rooms, room)
	}
	return rooms
}

// lists fails the test unless lists of rooms have each of them once.
func lists(t testing.TB, store *shards.Store, rooms []chat.RoomID) {
	t.Helper()
	want := slices.Sorted(slices.Values(rooms))
	var got []chat.RoomID
	for after := chat.RoomID(""); ; {
		page, next, err := store.Rooms(t.Context(), ports.RoomsQuery{User: "alice", After: after, Limit: 5})
		must(t, err)
		for _, st := range page {
			got = append(got, st.Room.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rooms are %v, want %v", got, want)
	}
	for _, sort := range []ports.RoomSort{ports.SortActive, ports.SortName, ports.SortID} {
		keys, _, err := store.Order(t.Context(), ports.OrderQuery{User: "alice", Sort: sort, Max: ports.MaxListed, Limit: len(rooms) + 5})
		must(t, err)
		got = nil
		for _, k := range keys {
			got = append(got, k.Room)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("in an order, rooms are %v, want %v", got, want)
		}
	}
}

// openAll opens several databases as one store, as a node does.
func openAll(ctx context.Context, configs []postgres.Config) (*shards.Store, func(), error) {
	stores, err := postgres.OpenShards(ctx, configs)
	if err != nil {
		return nil, nil, err
	}
	var servers []shards.Server
	for _, s := range stores {
		servers = append(servers, s)
	}
	return shards.New(servers...), func() {
		for _, s := range stores {
			s.Close()
		}
	}, nil
}

// One server is alone, and becomes two by its standby, and then four by theirs: nodes with the URLs
// of all wait beside those that run.
func TestAClusterGrowsUnderLoad(t *testing.T) {
	t.Parallel()
	servers := []*pgtest.Server{pgtest.Start(t)}
	database, err := url.Parse(servers[0].Database())
	must(t, err)
	name := strings.TrimPrefix(database.Path, "/")
	configs := []postgres.Config{{URL: database.String(), MaxConns: 8}}
	alone, err := postgres.Open(t.Context(), configs[0])
	must(t, err)
	defer alone.Close()
	rooms := roomsOf(t, alone, 24)
	c := newChatter(t, alone)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer stop()
	for i, room := range rooms {
		writers.Go(func() { c.writes(ctx, room, chat.UserID(fmt.Sprint("u", i))) })
	}
	running := ports.Mapped(alone)
	for range 2 {
		c.awaits(200)
		for _, s := range servers {
			standby := s.Standby(t)
			servers = append(servers, standby)
			configs = append(configs, postgres.Config{URL: standby.OnDatabase(name), MaxConns: 8})
		}
		opened := make(chan *shards.Store)
		go func() {
			defer close(opened)
			next, closer, err := openAll(t.Context(), configs)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(closer)
			log := ports.Log(next)
			c.store.Store(&log)
			opened <- next
		}()
		g := growth(t, configs)
		must(t, g.Status(t.Context()))
		c.longest()
		must(t, g.Grow(t.Context(), false))
		next := <-opened
		if next == nil {
			t.FailNow()
		}
		c.awaits(200)
		t.Logf("%d databases; the longest time without an acknowledgement was %v", len(configs), c.longest())
		mustBe(t, running.AwaitMap(t.Context()), chat.Conflict)
		running = next
		lists(t, next, rooms)
		must(t, g.Grow(t.Context(), false)) // once more
		must(t, g.Drop(t.Context()))
		lists(t, next, rooms)
		must(t, g.Drop(t.Context()))
		holdsOwn(t, configs, rooms)
	}
	c.awaits(200)
	stop()
	writers.Wait()
	final := open(t, configs)
	c.mustHave(final)
	lists(t, final, rooms)
}

// holdsOwn fails the test unless each database has its own rooms, and nothing of others.
func holdsOwn(t testing.TB, configs []postgres.Config, rooms []chat.RoomID) {
	t.Helper()
	for i, cfg := range configs {
		var want, got []string
		for _, room := range rooms {
			if shards.Slot(room)%len(configs) == i {
				want = append(want, string(room))
			}
		}
		conn, err := pgx.Connect(t.Context(), cfg.URL)
		must(t, err)
		var tables []string
		must(t, conn.QueryRow(t.Context(), `SELECT array_agg(table_name::text) FROM information_schema.columns
			WHERE table_schema = 'public' AND column_name = 'room_id' AND table_name NOT IN ('hook', 'hook_lease')`).Scan(&tables))
		for _, table := range tables {
			must(t, conn.QueryRow(t.Context(), "SELECT coalesce(array_agg(DISTINCT room_id ORDER BY room_id), '{}') FROM "+table).Scan(&got))
			slices.Sort(want)
			if table == "room" && !slices.Equal(got, want) {
				t.Errorf("database %d has the rooms %v, want %v", i+1, got, want)
			}
			for _, room := range got {
				if !slices.Contains(want, room) {
					t.Errorf("database %d has %s in %s", i+1, room, table)
				}
			}
		}
		must(t, conn.Close(t.Context()))
	}
}

// breaker breaks the nth statement off: the connection is closed, whatever the server does.
type breaker struct {
	left   atomic.Int64
	cancel context.CancelFunc
}

func (b *breaker) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if b.left.Add(-1) == 0 {
		b.cancel()
	}
	return ctx
}

func (*breaker) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// insist calls do until it has not been broken off: at its first statement, at its second, and so
// on.
func insist(t testing.TB, configs []postgres.Config, do func(ctx context.Context, g *postgres.Growth) error) {
	t.Helper()
	for n := int64(1); ; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		b := &breaker{cancel: cancel}
		b.left.Store(n)
		broken := slices.Clone(configs)
		for i := range broken {
			broken[i].Tracer = b
		}
		err := do(ctx, growth(t, broken))
		cancel()
		if err == nil {
			t.Logf("it was broken off %d times", n-1)
			return
		}
		if !errors.Is(err, chat.Unavailable) && !errors.Is(err, context.Canceled) || n > 500 {
			t.Fatalf("at statement %d: %v", n, err)
		}
	}
}

// copied makes the database of a store's URL anew, as it is, in another place.
func copied(t testing.TB, server *pgtest.Server, from postgres.Config) postgres.Config {
	t.Helper()
	to := postgres.Config{URL: server.Database(), MaxConns: 4}
	name := func(cfg postgres.Config) string {
		u, err := url.Parse(cfg.URL)
		must(t, err)
		return strings.TrimPrefix(u.Path, "/")
	}
	conn, err := pgx.Connect(t.Context(), server.URL())
	must(t, err)
	for _, statement := range []string{
		"DROP DATABASE " + name(to),
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name(from) + "'",
		"CREATE DATABASE " + name(to) + " TEMPLATE " + name(from),
	} {
		_, err := conn.Exec(t.Context(), statement)
		must(t, err)
	}
	must(t, conn.Close(t.Context()))
	return to
}

func TestAGrowthMayBeBrokenOffAnywhereAndRepeated(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	var configs []postgres.Config
	for range 2 {
		configs = append(configs, postgres.Config{URL: server.Database(), MaxConns: 4})
	}
	before, closer, err := openAll(t.Context(), configs)
	must(t, err)
	defer closer()
	rooms := roomsOf(t, before, 24)
	c := newChatter(t, before)
	for _, room := range rooms {
		ctx, stop := context.WithCancel(t.Context())
		stop() // after one
		c.writesOnce(ctx, room)
	}
	empty := []postgres.Config{{URL: server.Database()}, {URL: server.Database()}}
	insist(t, append(slices.Clone(configs), empty...), func(ctx context.Context, g *postgres.Growth) error { return g.Grow(ctx, true) })
	_, err = before.Append(t.Context(), []chat.Proposal{message(rooms[0])})
	mustBe(t, err, chat.Unavailable)
	all := append(slices.Clone(configs), copied(t, server, configs[0]), copied(t, server, configs[1]))
	insist(t, all, func(ctx context.Context, g *postgres.Growth) error { return g.Grow(ctx, false) })
	after := open(t, all)
	lists(t, after, rooms)
	c.mustHave(after)
	insist(t, all, func(ctx context.Context, g *postgres.Growth) error { return g.Drop(ctx) })
	lists(t, after, rooms)
	c.mustHave(after)
	holdsOwn(t, all, rooms)
	if err := growth(t, all).Undo(t.Context(), false); !errors.Is(err, chat.Conflict) {
		t.Errorf("it is undone: %v", err)
	}
}

// writesOnce says one thing in a room.
func (c *chatter) writesOnce(ctx context.Context, room chat.RoomID) {
	c.Helper()
	p := message(room)
	outcomes, err := (*c.store.Load()).Append(context.WithoutCancel(ctx), []chat.Proposal{p})
	must(c, err)
	c.took(room, outcomes[0], p.Key)
}

func TestAGrowthThatWasBegunCanBeGivenUp(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t)
			var configs []postgres.Config
			for range n {
				configs = append(configs, postgres.Config{URL: server.Database(), MaxConns: 4})
			}
			reopen := func() (log ports.Log, rooms ports.Directory) {
				t.Helper()
				if n == 1 {
					s, err := postgres.Open(t.Context(), configs[0])
					must(t, err)
					t.Cleanup(s.Close)
					return s, s
				}
				s := open(t, configs)
				return s, s
			}
			log, directory := reopen()
			rooms := roomsOf(t, directory, 8)
			c := newChatter(t, log)
			c.writesOnce(t.Context(), rooms[0])
			all := slices.Clone(configs)
			for range n {
				all = append(all, postgres.Config{URL: server.Database()})
			}
			must(t, growth(t, all).Grow(t.Context(), true))
			stale := copied(t, server, configs[n-1]) // from a growth that is given up
			insist(t, all, func(ctx context.Context, g *postgres.Growth) error { return g.Undo(ctx, true) })
			if err := growth(t, all).Undo(t.Context(), true); !errors.Is(err, chat.Conflict) {
				t.Errorf("it is undone twice: %v", err)
			}
			log, _ = reopen()
			c.store.Store(&log)
			c.writesOnce(t.Context(), rooms[0])
			must(t, growth(t, all).Grow(t.Context(), true))
			for i := range n {
				all[n+i] = copied(t, server, configs[i])
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			wrong := slices.Clone(all)
			wrong[2*n-1] = stale
			if err := growth(t, wrong).Grow(ctx, false); err == nil {
				t.Error("a copy from before is taken")
			}
			must(t, growth(t, all).Grow(t.Context(), false))
			c.mustHave(open(t, all))
		})
	}
}

func TestAGrowthOfOtherDatabasesIsRefused(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	database := func() postgres.Config { return postgres.Config{URL: server.Database(), MaxConns: 2} }
	pairOf := func() []postgres.Config {
		t.Helper()
		configs := []postgres.Config{database(), database()}
		_, closer, err := openAll(t.Context(), configs)
		must(t, err)
		closer()
		return configs
	}
	one, other := pairOf(), pairOf()
	a, b := one[0], one[1]
	aCopy, bCopy := copied(t, server, a), copied(t, server, b)
	alone := database()
	s, err := postgres.Open(t.Context(), alone)
	must(t, err)
	s.Close()
	for name, row := range map[string]struct {
		configs []postgres.Config
		want    string
	}{
		"another order":        {[]postgres.Config{b, a, aCopy, bCopy}, "should be number 1"},
		"copies out of order":  {[]postgres.Config{a, b, bCopy, aCopy}, "should be number 1"},
		"the same twice":       {[]postgres.Config{a, b, a, b}, "lead to the same database"},
		"of another cluster":   {[]postgres.Config{a, b, other[0], other[1]}, "another cluster"},
		"no standbys":          {[]postgres.Config{a, b, aCopy, bCopy}, "is no standby"},
		"one alone among two":  {[]postgres.Config{alone, b}, "they were not one"},
		"empty ones":           {[]postgres.Config{a, b, database(), database()}, "run parley migrate up"},
		"a copy of another":    {[]postgres.Config{alone, aCopy}, "they keep different logs"},
		"another one that was": {[]postgres.Config{alone, otherAlone(t, database())}, "keep different logs"},
	} {
		err := growth(t, row.configs).Grow(t.Context(), false)
		if !errors.Is(err, chat.Conflict) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q in it", name, err, row.want)
		}
	}
	if _, err := postgres.NewGrowth(one[:1], nil); err == nil {
		t.Error("one URL is taken")
	}
	open(t, one) // nothing was changed
}

// A standby that is about to be the only one of a server that waits for one would hold all commits
// up.
func TestAGrowthThatWouldHoldUpCommitsIsRefused(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	cfg := otherAlone(t, postgres.Config{URL: server.URL()})
	standby := server.Standby(t)
	g := growth(t, []postgres.Config{cfg, {URL: standby.URL()}})
	conn, err := pgx.Connect(t.Context(), server.URL())
	must(t, err)
	for _, names := range []string{"'*'", "''"} {
		for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = " + names, "SELECT pg_reload_conf()"} {
			_, err := conn.Exec(t.Context(), statement)
			must(t, err)
		}
		for now := ""; "'"+now+"'" != names; {
			must(t, conn.QueryRow(t.Context(), "SHOW synchronous_standby_names").Scan(&now))
		}
		err := g.Grow(t.Context(), false)
		if refused := errors.Is(err, chat.Conflict); refused != (names == "'*'") {
			t.Errorf("with %s: %v", names, err)
		}
	}
	must(t, conn.Close(t.Context()))
}

func otherAlone(t testing.TB, cfg postgres.Config) postgres.Config {
	t.Helper()
	s, err := postgres.Open(t.Context(), cfg)
	must(t, err)
	s.Close()
	return cfg
}

// What is dropped is what the map says: databases compute slots as this package does.
func TestDatabasesComputeSlotsToo(t *testing.T) {
	t.Parallel()
	configs := databases(t, 1)
	conn := connect(t, configs, "")
	for i := range 300 {
		room := chat.RoomID(fmt.Sprint("room:", i, "_", i*i))
		var got int
		must(t, conn.QueryRow(t.Context(), "SELECT "+postgres.NumberOf("$1::text", 12), string(room)).Scan(&got))
		if want := shards.Slot(room)%12 + 1; got != want {
			t.Errorf("%s is of database %d, want %d", room, got, want)
		}
	}
}

// A message costs as many statements on several servers as on one.
func TestGuardASendCostsTheSameOnSeveralServers(t *testing.T) {
	t.Parallel()
	counts := map[int]int64{}
	for _, n := range []int{1, 3} {
		b := &batches{}
		configs := databases(t, n)
		for i := range configs {
			configs[i].Tracer = b
		}
		var store ports.Log
		var rooms []chat.RoomID
		if n == 1 {
			s, err := postgres.Open(t.Context(), configs[0])
			must(t, err)
			t.Cleanup(s.Close)
			store, rooms = s, roomsOf(t, s, 9)
		} else {
			s := open(t, configs)
			store, rooms = s, roomsOf(t, s, 9)
		}
		says := func() {
			for _, room := range rooms {
				_, err := store.Append(t.Context(), []chat.Proposal{message(room)})
				must(t, err)
			}
		}
		says() // connections are made
		b.queries.Store(0)
		says()
		counts[n] = b.queries.Load()
	}
	if counts[1] == 0 || counts[3] != counts[1] {
		t.Errorf("statements are %v", counts)
	}
}

// batches counts statements that are sent together, and others.
type batches struct{ queries atomic.Int64 }

func (b *batches) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	b.queries.Add(1)
	return ctx
}
func (*batches) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (*batches) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (b *batches) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	b.queries.Add(1)
}
func (*batches) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
