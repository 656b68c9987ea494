package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// roomTables are all tables with what is of rooms, each by its room_id, that of rooms last.
var roomTables = []string{
	"entry", "reaction", "reactor", "member", "mark", "spoke", "slot", "hook_cursor", "found_filter", "found_piece", "found", "room",
}

// firstTables are the tables of which only those of the first database count. Where one refers to
// another it comes first.
var firstTables = []string{"hook_lease", "hook", "usr", "revocation", "lease_node"}

const (
	// Sessions of nodes that were there before the map changed: the check of a new connection keeps
	// later ones away.
	sessionsCondition = `
FROM pg_stat_activity, shard WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND backend_start < split_at AND (application_name LIKE 'parley%' OR usename = current_user AND application_name NOT IN ('psql', 'pg_dump'))
  AND application_name <> '` + growthName + `'`

	endSessionsStatement = `SELECT count(pg_terminate_backend(pid))` + sessionsCondition

	sessionsQuery = `SELECT count(*)` + sessionsCondition

	blocksOfQuery = `SELECT (pg_relation_size($1::text::regclass) + current_setting('block_size')::bigint - 1) / current_setting('block_size')::bigint`

	dropRowsStatement = `DELETE FROM %s WHERE ctid >= format('(%%s,0)', $1::bigint)::tid AND ctid < format('(%%s,0)', $2::bigint)::tid AND %s = $3`

	unsplitDoneStatement = `UPDATE shard SET split_at = NULL`

	strayRoomsQuery = `SELECT room_id, head FROM room WHERE room_id > $1 COLLATE "C" AND %s = $2 ORDER BY room_id LIMIT 1000`

	behindRoomsQuery = `
SELECT count(*) FROM unnest($1::text[], $2::bigint[]) AS p (room_id, head)
WHERE NOT EXISTS (SELECT FROM room r WHERE r.room_id = p.room_id AND r.head >= p.head)`
)

// endSessions ends the sessions of nodes that opened databases by the map before. They can write no
// room any more, and would read what is not written any more.
func (t *table) endSessions(ctx context.Context) error {
	for _, s := range t.seats {
		if s.splitAt == nil {
			continue
		}
		var ended int
		if err := s.conn.QueryRow(ctx, endSessionsStatement).Scan(&ended); err != nil {
			return s.failure(ctx, err)
		}
		if ended > 0 {
			t.say("%s: %d sessions from before are ended", s, ended)
		}
	}
	return nil
}

// dropBlocks is how many blocks of a table are looked through in one transaction: 8 MB.
const dropBlocks = 1000

// Drop deletes from each database of a cluster that has grown what is of the rooms that another one
// has now. It looks through all tables once, and rests as long as it works, so that nodes can go
// on. It may be broken off and repeated.
func (g *Growth) Drop(ctx context.Context) error {
	t, err := g.sitDown(ctx)
	defer t.close(ctx)
	if err != nil {
		return err
	}
	if err := t.check(); err != nil {
		return err
	}
	if !t.grown() {
		return chat.Errorf(chat.Conflict, "the cluster has not grown: first finish parley shards grow")
	}
	if err := t.endSessions(ctx); err != nil {
		return err
	}
	for _, s := range t.seats {
		if s.splitAt == nil {
			g.say("%s has nothing to drop", s)
			continue
		}
		if err := t.drop(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// drop deletes what is not of a database's own rooms.
func (t *table) drop(ctx context.Context, s *seat) error {
	if err := s.awaitSessions(ctx); err != nil {
		return err
	}
	if err := t.mustHave(ctx, t.seats[s.partner()-1], s); err != nil {
		return err
	}
	if s.Number > 1 {
		for _, name := range firstTables {
			if _, err := s.conn.Exec(ctx, "DELETE FROM "+name); err != nil {
				return s.failure(ctx, err)
			}
		}
	}
	var all int64
	for _, name := range roomTables {
		n, err := s.dropFrom(ctx, name)
		if err != nil {
			return err
		}
		all += n
	}
	if _, err := s.conn.Exec(ctx, unsplitDoneStatement); err != nil {
		return s.failure(ctx, err)
	}
	t.say("%s: %d rows of rooms of database %d are dropped", s, all, s.partner())
	return nil
}

// awaitSessions waits until the sessions that were ended are gone.
func (s *seat) awaitSessions(ctx context.Context) error {
	for deadline := time.Now().Add(patience); ; {
		var n int
		if err := s.conn.QueryRow(ctx, sessionsQuery).Scan(&n); err != nil {
			return s.failure(ctx, err)
		}
		if n == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return chat.Errorf(chat.Conflict, "%s: %d sessions are there from before it grew, and the store's user may not end them: stop the nodes that have them", s, n)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// dropFrom deletes the rows of other rooms from a table. None can come while it does.
func (s *seat) dropFrom(ctx context.Context, name string) (all int64, err error) {
	var blocks int64
	if err := s.conn.QueryRow(ctx, blocksOfQuery, name).Scan(&blocks); err != nil {
		return 0, s.failure(ctx, err)
	}
	statement := fmt.Sprintf(dropRowsStatement, name, NumberOf("room_id", s.Count))
	for from := int64(0); from < blocks; from += dropBlocks {
		began := time.Now()
		done, err := s.conn.Exec(ctx, statement, from, from+dropBlocks, s.partner())
		if err != nil {
			return all, s.failure(ctx, err)
		}
		all += done.RowsAffected()
		if err := sleep(ctx, time.Since(began)); err != nil {
			return all, err
		}
	}
	return all, nil
}

// mustHave fails with Conflict unless a database has all of its rooms that another one is about to
// drop, with as many entries: a last look before anything is deleted.
func (t *table) mustHave(ctx context.Context, has, drops *seat) error {
	query := fmt.Sprintf(strayRoomsQuery, NumberOf("room_id", drops.Count))
	for after := ""; ; {
		rows, err := drops.conn.Query(ctx, query, after, has.Number)
		if err != nil {
			return drops.failure(ctx, err)
		}
		var rooms []string
		var heads []int64
		for rows.Next() {
			var room string
			var head int64
			if err := rows.Scan(&room, &head); err != nil {
				rows.Close()
				return err
			}
			rooms, heads = append(rooms, room), append(heads, head)
		}
		if err := rows.Err(); err != nil {
			return drops.failure(ctx, err)
		}
		if len(rooms) == 0 {
			return nil
		}
		var lacks int
		if err := has.conn.QueryRow(ctx, behindRoomsQuery, rooms, heads).Scan(&lacks); err != nil {
			return has.failure(ctx, err)
		}
		if lacks > 0 {
			return chat.Errorf(chat.Conflict, "%s lacks rooms, or entries of rooms, that %s would drop: it was restored to an older state, or is another one. Nothing is dropped", has, drops)
		}
		after = rooms[len(rooms)-1]
	}
}
