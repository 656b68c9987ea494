package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var (
	_ ports.Consumers = (*Store)(nil)
	_ ports.Retries   = (*Store)(nil)
	_ ports.Leases    = (*Store)(nil)
)

const (
	beginStatement = `
WITH begun AS (
  INSERT INTO consumer (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET walked = false
)
UPDATE consumer SET generation = generation + 1 WHERE name = ''`

	begunQuery = `SELECT name, walked, generation FROM consumer`

	walkedStatement = `UPDATE consumer SET walked = true WHERE name = $1`

	headQuery = `SELECT head FROM room WHERE room_id = $1`

	seekStatement = `
INSERT INTO hook_cursor (` + cursorColumns + `)
SELECT /*plain*/$1/*one here*/, $2, $3, 0, 0, NULL, 0, NULL, clock_timestamp(), false, ''
/*plain*//*one FROM (SELECT room_id AS here FROM room WHERE room_id = $1) its */WHERE ` + shardStamp + ` = $4::text
ON CONFLICT (room_id, consumer) DO UPDATE SET seq = excluded.seq, upto = 0, head = 0, sealed = NULL, tries = 0, since = NULL,
  next_at = excluded.next_at, stalled = false, error = ''`

	stuckQuery = `
SELECT ` + cursorColumns + ` FROM hook_cursor
WHERE consumer = $1 AND room_id > $2 COLLATE "C" AND (next_at IS NOT NULL OR stalled)/*own room_id*/ ORDER BY room_id LIMIT $3`

	// The statement does not wait for a cursor that is being moved. So there is no deadlock with a
	// Move.
	retryStatement = `
WITH failed AS (
  SELECT room_id FROM hook_cursor
  WHERE consumer = $1 AND room_id = ANY($2::text[])/*in room_id*/ AND tries > 0 AND ` + shardStamp + ` = $5::text
    AND ($4 OR NOT stalled AND next_at > clock_timestamp() + $3 * interval '1 microsecond')
  FOR UPDATE SKIP LOCKED
)
UPDATE hook_cursor c SET next_at = clock_timestamp() + random() * $3 * interval '1 microsecond', stalled = stalled AND NOT $4,
  tries = CASE WHEN $4 THEN 0 ELSE tries END, since = CASE WHEN NOT $4 THEN since END, error = CASE WHEN $4 THEN '' ELSE error END
FROM failed f WHERE c.room_id = f.room_id/*in c.room_id*/ AND c.consumer = $1`

	forgetStatement = `DELETE FROM consumer WHERE name = $1`

	// The page may end within a room. Then the consumer's cursor there is removed with this page.
	forgetCursorsStatement = `
WITH page AS MATERIALIZED (
  SELECT room_id FROM hook_cursor WHERE room_id > $2 COLLATE "C" ORDER BY room_id LIMIT $3
), ends AS (
  SELECT max(room_id) AS last, count(*) AS n FROM page
), gone AS (
  DELETE FROM hook_cursor c USING ends WHERE ` + shardStamp + ` = $4::text AND c.consumer = $1 AND c.room_id > $2 COLLATE "C" AND c.room_id <= ends.last
)
SELECT ` + shardStamp + `, CASE WHEN n < $3 THEN '' ELSE last END FROM ends`

	// The living nodes are counted as they were before the statement, except for the node itself.
	renewNodeStatement = `
WITH gone AS (
  DELETE FROM lease_node WHERE until < clock_timestamp() - interval '1 hour' AND node <> $1
), renewed AS (
  INSERT INTO lease_node (node, until) VALUES ($1, clock_timestamp() + $2 * interval '1 microsecond')
  ON CONFLICT (node) DO UPDATE SET until = excluded.until
)
SELECT count(*) FROM lease_node WHERE until > clock_timestamp() AND node <> $1`

	leasesQuery = `SELECT share, fence FROM lease WHERE node = $1 ORDER BY share`

	// If another node takes a share at the same moment, PostgreSQL checks the changed row again.
	// This check must use the same list of nodes. So the list is an array: a joined table would not
	// be read again.
	acquireStatement = `
WITH living AS MATERIALIZED (
  SELECT node FROM lease_node WHERE until > clock_timestamp()
), part AS (
  SELECT CASE WHEN bool_or(node = $1) THEN (255 + count(*)) / count(*) - (SELECT count(*) FROM lease WHERE node = $1) END AS lacks FROM living
), free AS (
  SELECT share, node FROM lease l WHERE node <> ALL (ARRAY(SELECT node FROM living))
  ORDER BY share LIMIT (SELECT greatest(coalesce(lacks, 0), 0) FROM part) FOR UPDATE OF l SKIP LOCKED
)
UPDATE lease l SET node = $1, fence = fence + 1 FROM free f WHERE l.share = f.share RETURNING l.share, l.fence, f.node`

	releaseStatement = `UPDATE lease SET node = '' WHERE node = $1 AND share = ANY($2::smallint[])`

	leaveStatement = `
WITH gone AS (DELETE FROM lease_node WHERE node = $1)
UPDATE lease SET node = '' WHERE node = $1`
)

// exec runs a statement that may be repeated without harm.
func (s *Store) exec(ctx context.Context, what, statement string, args ...any) error {
	return s.read(ctx, what, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, statement, args...)
		return err
	})
}

// execHere executes a statement about a room that writes nothing where the database is not the one
// that was opened, and tells if so.
func (s *Store) execHere(ctx context.Context, room chat.RoomID, statement string, args ...any) error {
	var stamp string
	batch := s.batch(room)
	batch.Queue(statement, args...)
	batch.Queue(stampQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&stamp) })
	if err := s.send(ctx, s.pool, batch); err != nil {
		return err
	}
	if stamp != s.stamp {
		return s.strange(stamp)
	}
	return nil
}

// Begin implements ports.Consumers.
func (s *Store) Begin(ctx context.Context, consumer string) error {
	return s.exec(ctx, "begin a consumer", beginStatement, consumer)
}

// Begun implements ports.Consumers.
func (s *Store) Begun(ctx context.Context) (begun ports.Begun, err error) {
	err = s.read(ctx, "read consumers", func(ctx context.Context) error {
		begun = ports.Begun{Walked: map[string]bool{}}
		rows, err := s.pool.Query(ctx, begunQuery)
		if err != nil {
			return err
		}
		var name string
		var walked bool
		var generation int64
		_, err = pgx.ForEachRow(rows, []any{&name, &walked, &generation}, func() error {
			if name == "" {
				begun.Generation = generation
			} else {
				begun.Walked[name] = walked
			}
			return nil
		})
		return err
	})
	return begun, err
}

// Walked implements ports.Consumers.
func (s *Store) Walked(ctx context.Context, consumer string) error {
	return s.exec(ctx, "note a walk", walkedStatement, consumer)
}

// Seek implements ports.Consumers.
func (s *Store) Seek(ctx context.Context, consumer string, room chat.RoomID, seq chat.Seq) error {
	return s.read(ctx, "set a cursor", func(ctx context.Context) error {
		var head chat.Seq
		err := s.pool.QueryRow(ctx, headQuery, string(room)).Scan(&head)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return chat.NoRoom(room)
		case err != nil:
			return err
		case seq > head:
			return chat.CursorAhead(seq, head)
		}
		return s.execHere(ctx, room, seekStatement, string(room), consumer, int64(seq), s.stamp)
	})
}

// Stuck implements ports.Consumers.
func (s *Store) Stuck(ctx context.Context, consumer string, after chat.RoomID, limit int) ([]ports.Cursor, error) {
	return s.cursors(ctx, "read cursors", stuckQuery, consumer, string(after), limit)
}

// Forget implements ports.Consumers.
func (s *Store) Forget(ctx context.Context, consumer string, after chat.RoomID, limit int) (next chat.RoomID, err error) {
	err = s.read(ctx, "forget a consumer", func(ctx context.Context) error {
		if after == "" {
			if _, err := s.pool.Exec(ctx, forgetStatement, consumer); err != nil {
				return err
			}
		}
		if s.distributed {
			next, err = s.forgetApart(ctx, consumer, after, limit)
			return err
		}
		var stamp string
		err := s.pool.QueryRow(ctx, forgetCursorsStatement, consumer, string(after), limit, s.stamp).Scan(&stamp, &next)
		if err == nil && stamp != s.stamp {
			return s.strange(stamp)
		}
		return err
	})
	return next, err
}

// Retry implements ports.Retries.
func (s *Store) Retry(ctx context.Context, consumer string, rooms []chat.RoomID, within time.Duration, anew bool) error {
	if s.apart(len(rooms), ids(rooms)) {
		return joined(s.each(ctx, s.pool, len(rooms), func(ctx context.Context, i int) error { return s.Retry(ctx, consumer, rooms[i:i+1], within, anew) }))
	}
	return s.read(ctx, "have pairs tried again", func(ctx context.Context) error {
		return s.execHere(ctx, first(len(rooms), ids(rooms)), retryStatement, consumer, texts(rooms), within.Microseconds(), anew, s.stamp)
	})
}

// Renew implements ports.Leases.
func (s *Store) Renew(ctx context.Context, node ports.NodeID, lives time.Duration) (is ports.Tenure, err error) {
	err = s.read(ctx, "renew leases", func(ctx context.Context) error {
		var others int
		if err := s.pool.QueryRow(ctx, renewNodeStatement, string(node), lives.Microseconds()).Scan(&others); err != nil {
			return err
		}
		is.Nodes = others + 1
		is.Leases, err = queryAll(ctx, s.pool, leasesQuery, []any{string(node)}, func(row pgx.CollectableRow) (l ports.Lease, err error) {
			err = row.Scan(&l.Share, &l.Fence)
			return l, err
		})
		return err
	})
	return is, err
}

// Acquire implements ports.Leases. A try whose outcome was lost does no harm, as Renew returns the
// shares that it got.
func (s *Store) Acquire(ctx context.Context, node ports.NodeID) (more []ports.Lease, err error) {
	err = s.read(ctx, "acquire leases", func(ctx context.Context) error {
		batch := s.batch("")
		batch.Queue(acquireStatement, string(node)).Query(func(rows pgx.Rows) (err error) {
			more, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l ports.Lease, err error) {
				err = row.Scan(&l.Share, &l.Fence, &l.From)
				return l, err
			})
			return err
		})
		return s.send(ctx, s.pool, batch)
	})
	return more, err
}

// Release implements ports.Leases.
func (s *Store) Release(ctx context.Context, node ports.NodeID, shares []ports.Share) error {
	list := make([]int16, len(shares))
	for i, share := range shares {
		list[i] = int16(share)
	}
	return s.exec(ctx, "give back leases", releaseStatement, string(node), list)
}

// Leave implements ports.Leases.
func (s *Store) Leave(ctx context.Context, node ports.NodeID) error {
	return s.exec(ctx, "give back leases", leaveStatement, string(node))
}
