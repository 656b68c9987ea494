package postgres

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// statements are all statements of the store, with the arguments of one typical call on the rows
// that fill makes.
var statements = []struct{ name, sql, args string }{
	{"lock", lockQuery, `array['big','r7']`},
	{"say", sayQuery, `array['big','big'], array['u1','u2'], array['',''], array['k1','new'], array['a','b'], array[0,77], array[null,null]::bytea[],
		array[0,0], array[2,2], null, ''`},
	{"rooms", roomsQuery, `array['big','r7']`},
	{"used", usedQuery, `array['big','big'], array['u1','u2'], array['k1','k7']`},
	{"targets", targetsQuery, `array['big','big'], array[77,9000]`},
	{"reactions", reactionsQuery, `array['big'], array[77]`},
	{"reactors", reactorsQuery, `array['big'], array[77], array['u1']`},
	{"moderators", moderatorsQuery, `array['big','r7'], array[2,3]`},
	{"members", membersQuery, `array['big','r7'], array['u1','u7']`},
	{"write entries", entriesStatement, `array['big'], array[20001], array[now()], array['u1'], array[''], array['n1'], array[1], array[1],
		array['x'], array[0], array[null]::bytea[], array[0], array[''], array[false], array[0], array[''], array[''], array[0], array[''], array[true], array[''], array[''], array[null]::bytea[]`},
	{"write messages", messagesStatement, `array['big'], array[77], array['x'], array[now()], array[null]::timestamptz[], array[0], array[true], array[true]`},
	{"write reactions", reactionsStatement, `array['big'], array[77], array['👍'], array[78], array[2]`},
	{"forget reactors", forgetReactorsStatement, `array['big'], array[77], array['👍']`},
	{"forget reactions", forgetReactionsStatement, `array['big'], array[77], array['👍']`},
	{"write reactors", reactorsStatement, `array['big'], array[77], array['👍'], array['u1'], array[true], array[79]`},
	{"write members", membersStatement, `array['big'], array['u1'], array[2], array[false], array[now()], array[80]`},
	{"note who spoke", spokeStatement, `array['big','big'], array['u1','u-new']`},
	{"forget who spoke", unlistStatement, `array['big'], array['u1']`},
	{"end a turn", turnStatement, `'big', 78`},
	{"take marks", unmarkStatement, `array['big'], array['u1']`},
	{"write rooms", roomsStatement, `array['big'], array[''], array[true], array[false], array[20001], array[20001], array[now()], array[0], array[0], array[0], array['u1'], array[0]`},
	{"read from the oldest", spanQueries[0][0], `'big', 9000, 9223372036854775807, 50, 'u1', 262144`},
	{"read from the newest", spanQueries[0][1], `'big', 0, 9223372036854775807, 50, 'u1', 262144`},
	{"read messages from the oldest", spanQueries[1][0], `'big', 9000, 9223372036854775807, 50, 'u1', 262144`},
	{"read messages from the newest", spanQueries[1][1], `'big', 0, 10000, 50, 'u1', 262144`},
	{"read some", pickedQuery, `'big', 0, 9223372036854775807, 50, 'u1', 262144, array[9,900,9000]`},
	{"slots", slotsQuery, `array['big'], array[77], array['x.a'], array['']`},
	{"pinned", pinnedQuery, `array['big']`},
	{"set", setSlotsStatement, `array['big'], array[77], array['x.a'], array[''], array[30001], array[now()], array[null]::timestamptz[], array['1']::bytea[]`},
	{"unset", unsetSlotsStatement, `array['big'], array[77], array['x.a'], array['']`},
	{"unset all", unslotStatement, `array['big'], array[77]`},
	{"slots of rooms", roomSlotsQuery, `array['big','r7'], array['room.topic']`},
	{"pins", pinsQuery, `'big', 9223372036854775807, 50`},
	{"due pins", duePinsQuery, `100`},
	{"heads", headsQuery, `array['big','r7']`},
	{"create", createQuery, `'r-new', 'New', true, 'u1', ''`},
	{"standing", standingQuery, `'u1', 'big'`},
	{"all rooms", allRoomsQuery, `'u1', 'c', 10`},
	{"places", placesQuery, `array['big','r7','big'], array['u1','u36','u9000']`},
	{"rooms of a user", roomsOfQuery, `'u1', '', 50, array['r3','r4','r5','nowhere']`},
	{"rooms by activity", byActive, `'u1', '~', 5001, array['r3','nowhere'], 51`},
	{"rooms by activity then", byActiveThen, `'u1', '~', 5001, array['r3','nowhere'], 51, now() - '1 s'::interval, array['r3'], now(), 'r1'`},
	{"rooms by name", byName, `'u1', '~', 5001, array['r3','nowhere'], 51, 'a', 'r1'`},
	{"rooms by id", byID, `'u1', '~', 5001, array['r3','nowhere'], 51, 'r1'`},
	{"sights of rooms", sightsQuery, `'u1', array['big','r7','nowhere']`},
	{"last messages of rooms", lastsQuery, `array['big','r7','nowhere'], 'u1', 9223372036854775807`},
	{"people", peopleQuery, `array['u1','nobody']`},
	{"write people", savePeopleStatement, `array['u1','new'], array['A','B'], array['',''], array[null,null]::bytea[], array[2,1], array[now(),now()], array['A','B'], array['','']`},
	{"members of a room", membersOfQuery, `'big', 'u5', 50`},
	{"marks of a room", marksQuery, `'r7', 200`},
	{"marks of a large room", marksQuery, `'big', 200`},
	{"mark", markStatement, `array['big','big','r7'], array['u1','u2','u1'], array[9001,9002,0], ''`},
	{"marked", markedQuery, `array['big','r7'], array['u1','u1']`},
	{"revoke", revokeStatement, `'u1', now()`},
	{"revoked", revokedQuery, `19990, 1000`},
	{"open the index of rooms", openFoundStatement, `array['big','r7']`},
	{"lock the index of rooms", lockFoundQuery, `array['big','r7']`},
	{"read blocks", blocksQuery, `array['big'], array[7]`},
	{"drop blocks", dropBlocksStatement, `array['big'], array[7]`},
	{"write pieces", putPiecesStatement, `array['big'], array[1000], array['a']::bytea[], array['1']::bytea[]`},
	{"sweep filters", sweepFiltersStatement, `array['big'], array['big'], array[7]`},
	{"write filters", putFiltersStatement, `array['big'], array[1000], array['1']::bytea[]`},
	{"write the blocks of rooms", putFoundStatement, `array['big'], array['1']::bytea[], array['1']::bytea[]`},
	{"blocks of rooms", manifestsQuery, `array['big','r7','nowhere']`},
	{"a piece of each block", pieceQuery, `array['big','big'], array[7,8], 'w55'`},
	{"some pieces of each block", piecesQuery, `array['big','big'], array[7,8], 'w55', 'w56'`},
	{"filters of blocks", filtersQuery, `array['big','big'], array[7,8]`},
	{"times", timesQuery, `array['big','big','r7'], array[9,9000,1]`},
	{"check", checkQuery, ``},
	{"which database", stampQuery, ``},
}

// fill makes a room with 20,000 entries among 3,000 rooms with 5 members each; every user is in few
// rooms, and in the big one.
var fill = []string{
	`INSERT INTO room (room_id, name, public, created_at, last_at) SELECT 'r' || n, '', true, now(), now() FROM generate_series(1, 3000) n`,
	`INSERT INTO room (room_id, name, public, created_at, last_at, head, messages) VALUES ('big', '', true, now(), now(), 20000, 20000)`,
	`INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, body, reacted)
		SELECT 'big', n, now(), 'u' || n % 100, '', 'k' || n, n, 1, repeat('x', 60), n % 2 = 0 FROM generate_series(1, 20000) n`,
	`INSERT INTO reaction (room_id, target, emoji, first_seq, total) SELECT 'big', n, '👍', n + 1, 1 FROM generate_series(2, 20000, 2) n`,
	`INSERT INTO reactor (room_id, target, emoji, user_id, removed, set_by) SELECT 'big', n, '👍', 'u1', false, n + 1 FROM generate_series(2, 20000, 2) n`,
	`INSERT INTO member (room_id, user_id, role, banned, since, set_by) SELECT 'r' || n, 'u' || (n * 5 + i), 2, false, now(), 0 FROM generate_series(1, 3000) n, generate_series(0, 4) i`,
	`INSERT INTO member (room_id, user_id, role, banned, since, set_by) SELECT 'big', 'u' || n, 2, n = 9, now(), 0 FROM generate_series(1, 5000) n`,
	`INSERT INTO mark (room_id, user_id, seq) SELECT room_id, user_id, CASE room_id WHEN 'big' THEN 19960 ELSE 0 END FROM member`,
	`INSERT INTO spoke (room_id, user_id) SELECT DISTINCT room_id, author FROM entry`,
	`UPDATE entry SET deleted_at = now(), deleted_by = 20001, body = NULL WHERE room_id = 'big' AND seq = 78`,
	`INSERT INTO usr (user_id, name, avatar, v, as_of, said_name, said_avatar) SELECT 'u' || n, '', '', 1, now(), '', '' FROM generate_series(1, 20000) n`,
	`INSERT INTO slot (room_id, target, type, slot, set_by, at, due, data)
		SELECT 'big', n, CASE WHEN n % 500 = 0 THEN 'pinned' ELSE 'x.a' END, '', n + 1, now(), CASE WHEN n % 500 = 0 THEN now() + interval '1 day' END, '1' FROM generate_series(1, 20000) n`,
	`INSERT INTO slot (room_id, target, type, slot, set_by, at, data) SELECT 'r' || n, 0, 'room.topic', '', 1, now(), '1' FROM generate_series(1, 3000) n`,
	`UPDATE entry SET slotted = true WHERE room_id = 'big' AND seq % 8 = 1`,
	`INSERT INTO found (room_id, blocks) SELECT room_id, '' FROM room`,
	`INSERT INTO found_piece (room_id, block, key, data)
		SELECT 'big', b, convert_to('w' || n, 'UTF8'), convert_to(repeat('x', 900), 'UTF8') FROM generate_series(1, 100) b, generate_series(10, 99) n`,
	`INSERT INTO found_filter (room_id, block, data) SELECT room_id, b, convert_to(repeat('x', 900), 'UTF8') FROM room, generate_series(7, 8) b`,
	`INSERT INTO revocation (place, until_time, user_id) SELECT n, now(), 'u' || n FROM generate_series(1, 20000) n`,
}

// untended keeps autovacuum from the tables: plans would change when it counts rows, and how many
// pages they read when it moves them.
const untended = `DO $$
DECLARE
  t regclass;
BEGIN
  FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t);
  END LOOP;
END $$`

// ownConn returns a connection of the store for the time of the test, and a function that runs a
// statement on it.
func ownConn(t *testing.T, store *Store) (conn *pgxpool.Conn, exec func(sql string)) {
	t.Helper()
	conn, err := store.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Release)
	return conn, func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// A statement that is planned while the tables are empty is not planned anew until the tables are
// analysed. So each is prepared while they are empty, and must still go by the keys after they are
// filled: it must read few pages.
func TestPlansGoByTheKeysFromTheFirstDay(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), Config{URL: pgtest.URL(t), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	conn, exec := ownConn(t, store)
	call := func(i int) string {
		if statements[i].args == "" {
			return fmt.Sprintf("EXECUTE q%d", i)
		}
		return fmt.Sprintf("EXECUTE q%d(%s)", i, statements[i].args)
	}
	exec("SET plan_cache_mode = force_generic_plan")
	exec(untended)
	for i, s := range statements {
		exec(fmt.Sprintf("PREPARE q%d AS %s", i, s.sql))
		exec("BEGIN")
		exec(call(i)) // plans it, and the plan is kept
		exec("ROLLBACK")
	}
	for _, sql := range fill {
		exec(sql)
	}
	for i, s := range statements {
		exec("BEGIN")
		var plan []byte
		if err := conn.QueryRow(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+call(i), pgx.QueryExecModeSimpleProtocol).Scan(&plan); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		exec("ROLLBACK")
		pages := pagesOf(t, plan)
		t.Logf("%-32s %4d pages", s.name, pages)
		if pages > 200 || strings.Contains(string(plan), `"Seq Scan"`) {
			t.Errorf("%s takes %d pages; its plan:\n%s", s.name, pages, plan)
		}
	}
}

// A statement about one room is planned each time, whatever is known of the tables, and must go by
// the keys: on tables that are whole, and on some that are partitioned.
func TestPlansOfOneRoomGoByTheKeys(t *testing.T) {
	t.Parallel()
	for name, partitioned := range map[string]bool{"whole": false, "partitioned": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.URL(t)
			if err := NewMigrator(Config{URL: database}).Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			if partitioned {
				if err := pgtest.Partition(database); err != nil {
					t.Fatal(err)
				}
			}
			store, err := Open(t.Context(), Config{URL: pgtest.Distributed(database), MaxConns: 1, NoMigrate: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(store.Close)
			plansOfOneRoom(t, store)
		})
	}
}

// manyInOneRoom are arguments about 64 things in one room: where there are so many, a plan could
// read the whole room.
var manyInOneRoom = func() map[string]string {
	array := func(what string, of func(i int) string) string {
		var list []string
		for i := range 64 {
			list = append(list, of(i))
		}
		return "array[" + strings.Join(list, ",") + "]" + what
	}
	always := func(text string) func(int) string { return func(int) string { return text } }
	rooms, users := array("", always("'big'")), array("", func(i int) string { return fmt.Sprintf("'u%d'", i) })
	keys := array("", func(i int) string { return fmt.Sprintf("'new%d'", i) })
	seqs := array("::bigint[]", func(i int) string { return strconv.Itoa(100 + 7*i) })
	none, nulls := array("::bigint[]", always("0")), array("::bytea[]", always("null"))
	empty := array("", always("''"))
	roles := array("::smallint[]", always("3"))
	return map[string]string{
		"say":  strings.Join([]string{rooms, users, empty, keys, empty, none, nulls, roles, roles, "null", "''"}, ", "),
		"used": strings.Join([]string{rooms, users, keys}, ", "), "targets": rooms + ", " + seqs, "reactions": rooms + ", " + seqs,
		"reactors": strings.Join([]string{rooms, seqs, users}, ", "), "members": rooms + ", " + users, "places": rooms + ", " + users,
		"mark": strings.Join([]string{rooms, users, seqs, "''"}, ", "), "note who spoke": rooms + ", " + users, "times": rooms + ", " + seqs,
		"forget who spoke": rooms + ", " + users, "take marks": rooms + ", " + users, "unset all": rooms + ", " + seqs,
	}
}()

var removed = regexp.MustCompile(`"Rows Removed by Join Filter": ([0-9]+)`)

// comparedIn returns how many pairs of rows a plan compared that do not belong together.
func comparedIn(plan []byte) (sum int) {
	for _, match := range removed.FindAllSubmatch(plan, -1) {
		n, _ := strconv.Atoi(string(match[1]))
		sum += n
	}
	return sum
}

func plansOfOneRoom(t *testing.T, store *Store) {
	conn, exec := ownConn(t, store)
	exec(untended)
	for _, sql := range fill {
		exec(sql)
	}
	exec(`INSERT INTO spoke (room_id, user_id) SELECT room_id, user_id FROM member ON CONFLICT DO NOTHING`)
	for _, known := range []string{"nothing", "much"} {
		if known == "much" {
			exec("ANALYZE")
		}
		for i, s := range statements {
			is := inRoom(s.sql)
			if !is.named || slices.Contains(Plain, s.name) {
				continue
			}
			if known == "nothing" {
				exec(fmt.Sprintf("PREPARE q%d AS %s", i, is.sql))
			}
			exec("BEGIN")
			var plan []byte
			if many := manyInOneRoom[s.name]; many != "" {
				s.args = many
			}
			explain := fmt.Sprintf("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE q%d(%s, 'big')", i, s.args)
			if err := conn.QueryRow(t.Context(), explain, pgx.QueryExecModeSimpleProtocol).Scan(&plan); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			exec("ROLLBACK")
			pages, compared := pagesOf(t, plan), comparedIn(plan)
			t.Logf("where %-7s is known: %-32s %4d pages, %d rows compared in vain", known, s.name, pages, compared)
			few := 200
			if manyInOneRoom[s.name] != "" {
				few *= 10
			}
			if pages > few || compared > 1000 || strings.Contains(string(plan), `"Seq Scan"`) {
				t.Errorf("where %s is known, %s takes %d pages; its plan:\n%s", known, s.name, pages, plan)
			}
		}
	}
}

// The append of a single message is not planned anew, and the row of the room names the last
// speaker.
func TestGuardASendIsPlannedOnceAndKnowsTheSpeaker(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), Config{URL: pgtest.URL(t), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if _, err := store.Create(t.Context(), chat.Room{ID: "room"}, ""); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		p := chat.Proposal{Room: "room", Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.Key(fmt.Sprint(i)), Fact: chat.Message{Body: "hi"}}
		if outcomes, err := store.Append(t.Context(), []chat.Proposal{p}); err != nil || outcomes[0].Err != nil {
			t.Fatal(outcomes, err)
		}
	}
	conn, err := store.appends.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	var plans int
	if err := conn.QueryRow(t.Context(), `SELECT sum(custom_plans) FROM pg_prepared_statements`).Scan(&plans); err != nil || plans != 0 {
		t.Errorf("sends were planned anew %d times, %v", plans, err)
	}
	const next = `array['room'], array['bob'], array[''], array['k'], array['hi'], array[0], array[null]::bytea[], array[3], array[0], null, ''`
	said := `PREPARE say AS ` + sayQuery + `; EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE say(` + next + `)`
	results, err := conn.Conn().PgConn().Exec(t.Context(), said).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	plan := string(results[1].Rows[0][0])
	if n := strings.Count(plan, `"Index Name": "entry_turns"`); n != 1 {
		t.Errorf("the index of turns comes %d times", n)
	}
	_, looks, _ := strings.Cut(plan, `"Index Name": "entry_turns"`)
	if _, looks, _ = strings.Cut(looks, `"Actual Loops": `); !strings.HasPrefix(looks, "0") {
		t.Errorf("who spoke before is looked up:\n%s", plan)
	}
}

// Reads are not planned anew either.
func TestGuardReadsArePlannedOnce(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), Config{URL: pgtest.URL(t), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if _, err := store.Create(t.Context(), chat.Room{ID: "room"}, "alice"); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := store.Standing(t.Context(), "room", "alice"); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Read(t.Context(), "room", ports.Span{Limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
	var anew, once int
	const plans = `SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements`
	if err := store.pool.QueryRow(t.Context(), plans).Scan(&anew, &once); err != nil || anew != 0 || once < 40 {
		t.Errorf("reads were planned anew %d times, and %d times not, %v", anew, once, err)
	}
}

// A page gathers reactions and slots of those messages that have some, and of no others.
func TestGuardAPageGathersOnlyWhatThereIs(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), Config{URL: pgtest.URL(t), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	for _, sql := range []string{
		`INSERT INTO room (room_id, name, public, created_at, last_at, head, messages) VALUES ('big', '', true, now(), now(), 100, 100)`,
		`INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, body, reacted, slotted)
			SELECT 'big', n, now(), 'u1', '', 'k' || n, n, 1, 'x', n = 7, n IN (8, 9) FROM generate_series(1, 100) n`,
	} {
		if _, err := store.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for newest, query := range spanQueries[0] {
		var tops []struct{ Plan node }
		var plan []byte
		rows := store.pool.QueryRow(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) "+query, "big", 0, 1000, 50+50*newest, "u1", 1<<18)
		if err := rows.Scan(&plan); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(plan, &tops); err != nil {
			t.Fatal(err)
		}
		if n := tops[0].Plan.runs("Aggregate"); n != 3 {
			t.Errorf("%d are gathered, want 3:\n%s", n, plan)
		}
	}
}

// node is a node of a plan.
type node struct {
	Type  string `json:"Node Type"`
	Loops int    `json:"Actual Loops"`
	Plans []node
}

// runs returns how often nodes of a type were run.
func (n *node) runs(of string) (all int) {
	if n.Type == of {
		all = n.Loops
	}
	for i := range n.Plans {
		all += n.Plans[i].runs(of)
	}
	return all
}

// pagesOf returns how many pages a plan read; each read counts.
func pagesOf(t *testing.T, plan []byte) int {
	t.Helper()
	var tops []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	if err := json.Unmarshal(plan, &tops); err != nil || len(tops) != 1 {
		t.Fatalf("plan cannot be read: %v\n%s", err, plan)
	}
	return tops[0].Plan.Hit + tops[0].Plan.Read
}

// The cost of a page of messages grows with the number of its messages, and not with the entries
// between them. The room has 300 messages, then n reactions, then 10 messages.
func TestAPageOfMessagesLooksAtFewOtherEntries(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	store, err := Open(t.Context(), Config{URL: database, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	conn, err := store.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	rooms := map[string]int{"short": 3_000, "long": 120_000}
	for room, n := range rooms {
		exec(`INSERT INTO room (room_id, name, public, created_at, last_at, head, messages) VALUES ($1, '', true, now(), now(), $2::bigint + 310, 310)`, room, n)
		exec(`INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind, body, target, emoji, total)
			SELECT $1, n, now(), 'u1', '', 'k' || n, CASE WHEN n <= 300 THEN n WHEN n <= $2::bigint + 300 THEN 300 ELSE n - $2 END,
				CASE WHEN n <= 300 OR n > $2 + 300 THEN 1 ELSE 4 END, 'x', 1, 'x', 1
			FROM generate_series(1, $2::bigint + 310) n`, room, n)
	}
	pages := func(room string, newest, after, before int) int {
		t.Helper()
		var plan []byte
		rows := conn.QueryRow(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+spanQueries[1][newest], room, after, before, 51, "u1", 1<<18)
		if err := rows.Scan(&plan); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(plan), `"Seq Scan"`) {
			t.Errorf("the plan goes through the table:\n%s", plan)
		}
		return pagesOf(t, plan)
	}
	const noBound = 1 << 50
	for name, at := range map[string]func(n int) (newest, after, before int){
		"the newest":                         func(int) (int, int, int) { return 1, 0, noBound },
		"the newest before the last":         func(n int) (int, int, int) { return 1, 0, n + 301 },
		"the newest before all others":       func(int) (int, int, int) { return 1, 0, 301 },
		"the newest where there are none":    func(n int) (int, int, int) { return 1, 300, n + 301 },
		"the oldest":                         func(int) (int, int, int) { return 0, 0, noBound },
		"the oldest behind the first ones":   func(int) (int, int, int) { return 0, 299, noBound },
		"the oldest in the midst of others":  func(n int) (int, int, int) { return 0, n / 2, noBound },
		"the oldest where there are none":    func(n int) (int, int, int) { return 0, 300, n + 301 },
		"the oldest where there are no more": func(n int) (int, int, int) { return 0, n + 310, noBound },
	} {
		short, long := 0, 0
		for room, n := range rooms {
			newest, after, before := at(n)
			if got := pages(room, newest, after, before); room == "long" {
				long = got
			} else {
				short = got
			}
		}
		t.Logf("%-36s %4d pages, and %4d among 40 times as many others", name, short, long)
		if long > 400 || long > short+100 {
			t.Errorf("%s take %d pages, and %d among 40 times as many other entries", name, short, long)
		}
	}
}
