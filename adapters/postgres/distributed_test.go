package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
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
	"github.com/parley-chat/parley/ports/portstest"
)

// partitioned is a migrated database whose tables of rooms are partitioned by the room.
var partitioned = pgtest.NewPattern(func(url string) error {
	if err := postgres.NewMigrator(postgres.Config{URL: url}).Up(context.Background()); err != nil {
		return err
	}
	return pgtest.Partition(url)
})

// An engine that distributes tables by room_id can be had on few machines. What a store says to one
// is therefore said to a PostgreSQL whose tables are partitioned by room_id: the plan of each
// statement must be about one partition, and the same one of all tables.
func TestAStoreOfDistributedTables(t *testing.T) {
	t.Parallel()
	h := &hearer{said: map[string][]call{}, kept: map[kept]int{}, seen: map[string]statement{}}
	_, h.named = postgres.OneRooms(t)
	t.Run("keeps its contracts", func(t *testing.T) { h.contracts(t) })
	if t.Failed() {
		return
	}
	h.check(t)
}

// contracts has a store keep its contracts, and listens.
func (h *hearer) contracts(t *testing.T) {
	openOn := func(t *testing.T, database string) *postgres.Store {
		t.Helper()
		return open(t, postgres.Config{URL: pgtest.Distributed(database), MaxConns: 6, NoMigrate: true, Tracer: h})
	}
	t.Run("of a store", func(t *testing.T) {
		t.Parallel()
		database := partitioned.Copy(t)
		portstest.Store(t,
			func(t *testing.T) portstest.StoreUnderTest { return openOn(t, database) },
			portstest.Shared(func(t *testing.T, _ portstest.StoreUnderTest) portstest.StoreUnderTest { return openOn(t, database) }),
			portstest.Lockable(func(t *testing.T, room chat.RoomID) func() { return held(t, database, room) }),
			portstest.Later(func(t *testing.T, e portstest.LaterEntry) { plant(t, database, e) }))
	})
	t.Run("of cursors", func(t *testing.T) {
		t.Parallel()
		portstest.Cursors(t, func(t *testing.T) portstest.CursorsUnderTest { return openOn(t, partitioned.Copy(t)) })
	})
	t.Run("of the search index", func(t *testing.T) {
		t.Parallel()
		portstest.SearchIndex(t, func(t *testing.T) portstest.SearchUnderTest { return openOn(t, partitioned.Copy(t)) })
	})
	t.Run("of checks", func(t *testing.T) {
		t.Parallel()
		store := openOn(t, partitioned.Copy(t))
		if err := store.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := store.CheckWrite(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// hearer hears what stores say to their databases.
type hearer struct {
	mu    sync.Mutex
	said  map[string][]call // by the statement, a few times
	kept  map[kept]int
	seen  map[string]statement
	named map[string]bool   // statements whose last argument is the room
	wrong []string          // what was wrong at the time
	rooms map[*pgx.Conn]any // the room of the transaction that is open on a connection
}

type kept struct {
	sql   string
	rooms int
}

// call is a call of a statement.
type call struct{ args []any }

// heardOften is how many calls of a statement are kept: of those about one room, of those about
// two, and so on, as far as the first argument tells.
const heardOften = 4

var locks = regexp.MustCompile(`(?i)\bFOR (UPDATE|SHARE|NO KEY|KEY)\b|SKIP LOCKED|pg_advisory|LOCK TABLE`)

// statement is what the text of a statement tells.
type statement struct {
	verb                     verb
	readOnly, locks, aboutIt bool // aboutIt: the room is its last argument
}

type verb int

const (
	does verb = iota
	explains
	begins
	ends
)

// sees looks at the text of a statement. It does so once, because texts are long, and are said many
// times.
func (h *hearer) sees(sql string) statement {
	is, seen := h.seen[sql]
	if seen {
		return is
	}
	is.locks, is.aboutIt = locks.MatchString(sql), h.named[sql]
	switch text := strings.ToLower(strings.TrimSpace(sql)); {
	case strings.HasPrefix(text, "explain"):
		is.verb = explains
	case strings.HasPrefix(text, "begin"):
		is.verb, is.readOnly = begins, strings.Contains(text, "read only")
	case strings.HasPrefix(text, "commit"), strings.HasPrefix(text, "rollback"):
		is.verb = ends
	}
	h.seen[sql] = is
	return is
}

// hears takes a statement, and returns whether a transaction is open after it.
func (h *hearer) hears(conn *pgx.Conn, open bool, sql string, args []any) bool {
	args = slices.DeleteFunc(slices.Clone(args), func(arg any) bool { _, is := arg.(pgx.QueryExecMode); return is })
	h.mu.Lock()
	defer h.mu.Unlock()
	is := h.sees(sql)
	switch is.verb {
	case explains:
		return open
	case begins:
		if h.rooms == nil {
			h.rooms = map[*pgx.Conn]any{}
		}
		h.rooms[conn] = nil
		if is.readOnly {
			h.rooms[conn] = "any"
		}
		return true
	case ends:
		return false
	case does:
	}
	if !open && is.locks {
		h.wrong = append(h.wrong, "a lock that no transaction keeps: "+sql)
	}
	if open && is.aboutIt {
		switch room := args[len(args)-1]; h.rooms[conn] {
		case nil:
			h.rooms[conn] = room
		case room, "any":
		default:
			h.wrong = append(h.wrong, fmt.Sprintf("a transaction about %v, and then about %v: %s", h.rooms[conn], room, sql))
		}
	}
	k := kept{sql: sql}
	if len(args) > 0 {
		rooms, _ := args[0].([]string)
		k.rooms = len(rooms)
	}
	if h.kept[k]++; h.kept[k] <= heardOften {
		h.said[sql] = append(h.said[sql], call{args})
	}
	return open
}

func (h *hearer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	h.hears(conn, conn.PgConn().TxStatus() != 'I', data.SQL, data.Args)
	return ctx
}

func (*hearer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (h *hearer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	open := conn.PgConn().TxStatus() != 'I'
	for _, q := range data.Batch.QueuedQueries {
		open = h.hears(conn, open, q.SQL, q.Arguments)
	}
	return ctx
}

func (*hearer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (*hearer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// check looks at the plans of what was said.
func (h *hearer) check(t *testing.T) {
	slices.Sort(h.wrong)
	for _, wrong := range slices.Compact(h.wrong) {
		t.Error(wrong)
	}
	p := planner{store: open(t, postgres.Config{URL: pgtest.Distributed(partitioned.Copy(t)), MaxConns: 2, NoMigrate: true})}
	scattered := map[string]string{postgres.MakesRoom: "a room is made, and is nowhere before"}
	for why, sql := range postgres.Scattered {
		scattered[sql] = why
	}
	checked := 0
	for sql, calls := range h.said {
		if len(p.tablesOf(sql)) == 0 {
			continue
		}
		checked++
		why, may := scattered[sql]
		err := p.areOne(t, sql, calls)
		switch {
		case may && err == nil:
			t.Errorf("%s: it needs no exception", why)
		case !may && err != nil:
			t.Errorf("%v: %s", err, sql)
		}
	}
	t.Logf("%d statements about rooms, of %d", checked, len(h.said))
	for sql, why := range scattered {
		if h.said[sql] == nil {
			t.Errorf("%s: nobody asked", why)
		}
	}
	of, _ := postgres.OneRooms(t)
	for _, name := range slices.Sorted(maps.Keys(of)) {
		heard := h.said[of[name]] != nil
		if plain := slices.Contains(postgres.Plain, name); heard == plain && len(p.tablesOf(of[name])) > 0 {
			t.Errorf("%s: heard %t, and it is only for the plain way: %t", name, heard, plain)
		}
	}
}

// planner asks for plans, as a store's connection makes them.
type planner struct{ store *postgres.Store }

var tableNames = regexp.MustCompile(`(?:FROM|JOIN|INTO|UPDATE|USING|TABLE)\s+([a-z_]+)`)

// tablesOf returns the tables of rooms that a statement is about.
func (planner) tablesOf(sql string) (tables []string) {
	for _, match := range tableNames.FindAllStringSubmatch(sql, -1) {
		if slices.Contains(postgres.RoomTables, match[1]) && !slices.Contains(tables, match[1]) {
			tables = append(tables, match[1])
		}
	}
	return tables
}

// areOne fails unless each call of a statement is about one partition.
func (p planner) areOne(t *testing.T, sql string, calls []call) error {
	for _, is := range calls {
		var plan []byte
		if err := postgres.Pool(p.store).QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+sql, is.args...).Scan(&plan); err != nil {
			t.Errorf("%v: %s", err, sql)
			return nil
		}
		if err := p.mustBeOne(sql, plan); err != nil {
			return fmt.Errorf("%w, where it is called with %.500s: %s", err, fmt.Sprint(is.args), plan)
		}
	}
	return nil
}

// node is a part of a plan.
type node struct {
	Relation string `json:"Relation Name"`
	Kind     string `json:"Node Type"`
	Inserts  string `json:"Operation"`
	Plans    []node
}

var partitionOf = regexp.MustCompile(`^([a-z_]+)_([0-9]+)$`)

// mustBeOne fails unless a plan is about one partition, and the same one of each table of rooms
// that the statement is about.
func (p planner) mustBeOne(sql string, plan []byte) error {
	var tops []struct{ Plan node }
	if err := json.Unmarshal(plan, &tops); err != nil || len(tops) != 1 {
		return fmt.Errorf("the plan cannot be read: %w", err)
	}
	numbers, named := map[string]bool{}, map[string]bool{}
	var look func(n node)
	look = func(n node) {
		if match := partitionOf.FindStringSubmatch(n.Relation); match != nil {
			named[match[1]], numbers[match[2]] = true, true
		} else if n.Kind == "ModifyTable" && n.Inserts == "Insert" {
			named[n.Relation] = true // where to is in the row
		}
		for _, part := range n.Plans {
			look(part)
		}
	}
	look(tops[0].Plan)
	if len(numbers) != 1 {
		return fmt.Errorf("the plan names %d partitions", len(numbers))
	}
	for _, table := range p.tablesOf(sql) {
		if !named[table] {
			return fmt.Errorf("the plan names no partition of %s", table)
		}
	}
	return nil
}

// An engine may fail for some rooms, as where one of its servers is away. It says so before the
// commit.
func TestARoomWhoseTransactionIsGivenUpFailsForItself(t *testing.T) {
	t.Parallel()
	database := partitioned.Copy(t)
	store := open(t, postgres.Config{URL: pgtest.Distributed(database), NoMigrate: true})
	well, ill := newRoom(t, store), newRoom(t, store)
	admin := connect(t, database)
	exec(t, admin, `CREATE FUNCTION ill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the server is away' USING ERRCODE = '08006'; END $$`)
	exec(t, admin, `CREATE TRIGGER ill BEFORE INSERT ON entry FOR EACH ROW WHEN (NEW.room_id = '`+string(ill)+`') EXECUTE FUNCTION ill()`)
	silent := says(ill, "alice", "hi")
	silent.Fact = chat.Message{Body: "hi", Silent: true}
	for _, p := range []chat.Proposal{says(ill, "alice", "hi"), silent} {
		outcomes, err := store.Append(t.Context(), []chat.Proposal{says(well, "alice", "hi"), p, says(well, "bob", "hi")})
		if err != nil {
			t.Fatal(err)
		}
		if outcomes[0].Status != ports.Appended || outcomes[2].Entry.Seq != outcomes[0].Entry.Seq+1 {
			t.Errorf("in the other room: %+v", outcomes)
		}
		if outcomes[1].Status != ports.Refused || chat.AsError(outcomes[1].Err).Kind != chat.Unavailable {
			t.Errorf("in the room: %+v", outcomes[1])
		}
		_, err = store.Append(t.Context(), []chat.Proposal{p})
		mustFail(t, err, chat.Unavailable)
	}
	if n := len(log(t, store, ill)); n > 0 {
		t.Errorf("%d entries are stored", n)
	}
	exec(t, admin, `DROP TRIGGER ill ON entry`)
	mustBe(t, appends(t, store, silent), ports.Appended, 1)
}

// An engine commits on another server, and may lose its answer. Whatever code it tells that by, it
// is not known what was stored.
func TestOfACommitThatFailsNothingIsKnown(t *testing.T) {
	t.Parallel()
	database := partitioned.Copy(t)
	store := open(t, postgres.Config{URL: pgtest.Distributed(database), NoMigrate: true})
	well, ill := newRoom(t, store), newRoom(t, store)
	admin := connect(t, database)
	exec(t, admin, `CREATE FUNCTION ill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no answer to the commit' USING ERRCODE = 'XX000'; END $$`)
	exec(t, admin, `CREATE CONSTRAINT TRIGGER ill AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (NEW.room_id = '`+string(ill)+`') EXECUTE FUNCTION ill()`)
	silent := says(ill, "alice", "hi")
	silent.Fact = chat.Message{Body: "hi", Silent: true}
	for _, p := range []chat.Proposal{says(ill, "alice", "hi"), silent} {
		_, err := store.Append(t.Context(), []chat.Proposal{p})
		mustFail(t, err, chat.Unavailable)
		_, err = store.Append(t.Context(), []chat.Proposal{says(well, "alice", "hi"), p})
		mustFail(t, err, chat.Unavailable)
	}
	exec(t, admin, `DROP TRIGGER ill ON entry`)
	mustBe(t, appends(t, store, silent), ports.Appended, 1)
}

// An engine may not answer for some rooms. What is asked about several is then told of the others.
func TestRoomsThatAreAwayTakeNoOthersAway(t *testing.T) {
	t.Parallel()
	database := partitioned.Copy(t)
	store := open(t, postgres.Config{URL: pgtest.Distributed(database), NoMigrate: true, Timeout: 3 * time.Second})
	admin := connect(t, database)
	rooms := map[string]chat.RoomID{} // by partition
	for len(rooms) < 3 {
		id, in := newRoom(t, store), ""
		if err := admin.QueryRow(t.Context(), "SELECT tableoid::regclass::text FROM room WHERE room_id = $1", string(id)).Scan(&in); err != nil {
			t.Fatal(err)
		}
		rooms[in] = id
	}
	var asked []chat.RoomID
	var places []ports.Place
	for _, in := range slices.Sorted(maps.Keys(rooms)) {
		asked, places = append(asked, rooms[in]), append(places, ports.Place{Room: rooms[in], User: "alice"})
	}
	exec(t, admin, "BEGIN")
	exec(t, admin, "LOCK TABLE "+slices.Min(slices.Collect(maps.Keys(rooms))))
	mustLackFirst := func(err error) {
		t.Helper()
		lack, ok := errors.AsType[*ports.Partial](err)
		if !ok || !lack.Lacks(asked[0]) || lack.Lacks(asked[1]) || lack.Lacks(asked[2]) {
			t.Errorf("error is %v", err)
		}
	}
	heads, err := store.Heads(t.Context(), asked)
	mustLackFirst(err)
	if len(heads) != 2 {
		t.Errorf("heads are %v", heads)
	}
	standings, err := store.Places(t.Context(), places)
	mustLackFirst(err)
	if len(standings) != 3 || standings[0].Room.ID != "" || standings[1].Room.ID != asked[1] || standings[2].Room.ID != asked[2] {
		t.Errorf("standings are %+v", standings)
	}
	exec(t, admin, "ROLLBACK")
	if heads, err = store.Heads(t.Context(), asked); err != nil || len(heads) != 3 {
		t.Errorf("heads are %v, %v", heads, err)
	}
}

// A call about many rooms is bounded as a whole: rooms that do not answer in time are not asked one
// after the other.
func TestACallAboutManyRoomsIsBoundedAsAWhole(t *testing.T) {
	t.Parallel()
	database := partitioned.Copy(t)
	patient := open(t, postgres.Config{URL: pgtest.Distributed(database), NoMigrate: true})
	var places []ports.Place
	for range 12 {
		places = append(places, ports.Place{Room: newRoom(t, patient), User: "alice"})
	}
	asked := &counter{}
	// One of the two connections is for appends.
	store := open(t, postgres.Config{URL: pgtest.Distributed(database), NoMigrate: true, MaxConns: 2, Timeout: time.Second, Tracer: asked})
	admin := connect(t, database)
	exec(t, admin, "BEGIN")
	exec(t, admin, "LOCK TABLE room")
	_, err := store.Places(t.Context(), places)
	mustFail(t, err, chat.Unavailable)
	if ports.IsPartial(err) {
		t.Errorf("of some rooms it returns something: %v", err)
	}
	// The server gives up at about the time of the call's end. Then one room more may be asked for.
	if n := asked.n.Load(); n < 1 || n > 2 {
		t.Errorf("%d of 12 rooms were asked for over one connection, want 1 or 2", n)
	}
	exec(t, admin, "ROLLBACK")
}

// counter counts queries for standings.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "LEFT JOIN mark") {
		c.n.Add(1)
	}
	return ctx
}

func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// An operator has Citus distribute the tables by what the document says.
func TestTheDocumentNamesTheTablesOfRooms(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/CLUSTER.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "create_distributed_table('room', 'room_id')")
	list, _, _ = strings.Cut(list, "create_reference_table")
	named := []string{"room"}
	for _, match := range regexp.MustCompile(`'([a-z_]+)'[,\]]`).FindAllStringSubmatch(list, -1) {
		if match[1] != "room_id" {
			named = append(named, match[1])
		}
	}
	slices.Sort(named)
	if want := slices.Sorted(slices.Values(postgres.RoomTables)); !slices.Equal(named, want) {
		t.Errorf("it names %v, want %v", named, want)
	}
}
