package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.Cursors = (*Store)(nil)

// shareOf computes ports.ShareOf in SQL, in the form that the indexes have.
const shareOf = `get_byte(sha256(room_id::bytea), 0)`

const (
	// For each share, the first rooms in its index.
	pendingQuery = `
SELECT r.room_id, r.head, r.last_at, extract(epoch FROM clock_timestamp() - r.last_at)::float8
FROM unnest($1::integer[], $2::text[]) AS a (share, after), LATERAL (
  SELECT room_id, head, last_at FROM room WHERE pending AND ` + shareOf + ` = a.share AND room_id > a.after COLLATE "C"/*own room_id*/
  ORDER BY room_id LIMIT $3
) r`

	cursorColumns = `room_id, consumer, seq, upto, head, sealed, tries, since, next_at, stalled, error`

	waitingQuery = `
SELECT c.* FROM unnest($1::integer[]) AS a (share), LATERAL (
  SELECT ` + cursorColumns + ` FROM hook_cursor WHERE next_at <= clock_timestamp() AND ` + shareOf + ` = a.share AND consumer = ANY($2::text[])/*own room_id*/
  ORDER BY next_at LIMIT $3
) c`

	cursorsQuery = `
SELECT ` + cursorColumns + ` FROM hook_cursor WHERE room_id = ANY($1::text[])`

	// A node that takes over a share waits for the lock on its lease. So everything that is moved
	// under the old lease is moved before that. If a lease was taken over while this statement
	// waited, its row is read again. No lease holds where the database is not the one that was
	// opened.
	moveStatement = `
WITH held AS MATERIALIZED (
  /*plain*/SELECT share, fence FROM lease WHERE share = ANY($14::smallint[]) AND node <> '' AND ` + shardStamp + ` = $16::text ORDER BY share FOR SHARE
  /*one SELECT DISTINCT share, fence FROM unnest($14::smallint[], $15::bigint[]) AS l (share, fence) WHERE fence >= 0 AND $16::text = $16*/
), p AS (
  SELECT p.*, h.share IS NOT NULL AS held
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::integer[], $8::bigint[], $9::boolean[], $10::text[],
    $11::boolean[], $12::bigint[], $13::bigint[], $14::smallint[], $15::bigint[]) WITH ORDINALITY
    AS p (room_id, consumer, seq, upto, head, sealed, tries, wait, stalled, error, is_new, was_seq, was_upto, share, fence, n)
  LEFT JOIN held h ON h.share = p.share AND h.fence = p.fence
), moved AS (
  UPDATE hook_cursor c SET seq = p.seq, upto = p.upto, head = p.head, sealed = p.sealed, tries = p.tries, stalled = p.stalled, error = p.error,
    since = CASE WHEN p.tries > 0 THEN CASE WHEN c.tries > 0 THEN c.since ELSE clock_timestamp() END END,
    next_at = CASE WHEN p.wait > 0 THEN clock_timestamp() + p.wait * interval '1 microsecond' END
  FROM p WHERE p.held AND NOT p.is_new AND c.room_id = p.room_id/*in c.room_id*/ AND c.consumer = p.consumer AND c.seq = p.was_seq AND c.upto = p.was_upto
  RETURNING p.n
), made AS (
  INSERT INTO hook_cursor AS c (` + cursorColumns + `)
  SELECT /*here*/room_id, consumer, seq, upto, head, sealed, tries, CASE WHEN tries > 0 THEN clock_timestamp() END,
    CASE WHEN wait > 0 THEN clock_timestamp() + wait * interval '1 microsecond' END, stalled, error
  FROM p/*and here*/ WHERE held AND is_new
  ON CONFLICT (room_id, consumer) DO NOTHING
  RETURNING room_id, consumer
)
SELECT outcome, CASE WHEN outcome = 2 THEN coalesce((SELECT head FROM room r WHERE r.room_id = q.room_id/*in r.room_id*/), 0) ELSE 0 END FROM (
  SELECT n, room_id, CASE WHEN NOT held THEN 0
    WHEN n IN (SELECT n FROM moved) OR (is_new AND (room_id, consumer) IN (SELECT room_id, consumer FROM made)) THEN 2 ELSE 1 END::smallint AS outcome
  FROM p
) q ORDER BY n`

	// Begin waits for the lock on the generation. So after Begin nothing is cleared under an
	// earlier generation. The statement waits for no room.
	clearStatement = `
WITH /*plain*/present AS MATERIALIZED (
  SELECT generation FROM consumer WHERE name = '' FOR SHARE
), /*one */quiet AS (
  SELECT r.room_id, r.head FROM room r JOIN unnest($1::text[], $2::bigint[]) AS p (room_id, head) ON p.room_id = r.room_id AND p.head = r.head
  WHERE r.pending/*in r.room_id*/ AND /*plain*/(SELECT generation FROM present) = $3/*one $3::bigint = $3*/
  ORDER BY r.room_id FOR UPDATE OF r SKIP LOCKED
)
UPDATE room r SET pending = false, quiet_head = r.head FROM quiet q WHERE r.room_id = q.room_id/*in r.room_id*/ AND r.head = q.head`

	walkQuery = `
SELECT room_id, NOT pending AND (head <> quiet_head OR head > 0 AND last_at >= $3::timestamptz) FROM room
WHERE room_id > $1 COLLATE "C" ORDER BY room_id LIMIT $2`

	wakeStatement = `
WITH asleep AS (
  SELECT room_id FROM room WHERE room_id = ANY($1::text[])/*in room_id*/ ORDER BY room_id FOR UPDATE SKIP LOCKED
), woken AS (
  UPDATE room r SET pending = true FROM asleep a WHERE r.room_id = a.room_id/*in r.room_id*/ AND NOT r.pending
)
SELECT count(*) FROM asleep`
)

// Pending implements ports.Cursors.
func (s *Store) Pending(ctx context.Context, asked []ports.SharePlace, limit int) (rooms []ports.PendingRoom, err error) {
	shares, places := make([]int32, len(asked)), make([]string, len(asked))
	for i, a := range asked {
		shares[i], places[i] = int32(a.Share), string(a.After)
	}
	if s.distributed {
		return s.pendingScattered(ctx, asked, limit)
	}
	err = s.read(ctx, "read pending rooms", func(ctx context.Context) (err error) {
		rooms, err = queryAll(ctx, s.pool, s.own(pendingQuery), []any{shares, places, limit}, scanPending)
		return err
	})
	return rooms, err
}

func scanPending(row pgx.CollectableRow) (is ports.PendingRoom, err error) {
	var quiet float64
	err = row.Scan(&is.Room, &is.Head, &is.LastAt, &quiet)
	is.LastAt, is.Quiet = is.LastAt.UTC(), time.Duration(max(0, quiet)*float64(time.Second))
	return is, err
}

func scanCursor(row pgx.CollectableRow) (c ports.Cursor, err error) {
	var since, next *time.Time
	err = row.Scan(&c.Room, &c.Consumer, &c.Seq, &c.UpTo, &c.Head, &c.Sealed, &c.Tries, &since, &next, &c.Stalled, &c.Error)
	if since != nil {
		c.Since = since.UTC()
	}
	if next != nil {
		c.Next = next.UTC()
	}
	return c, err
}

// cursors runs a query for cursors.
func (s *Store) cursors(ctx context.Context, what, query string, args ...any) (list []ports.Cursor, err error) {
	err = s.read(ctx, what, func(ctx context.Context) (err error) {
		list, err = queryAll(ctx, s.pool, s.own(query), args, scanCursor)
		return err
	})
	return list, err
}

// Waiting implements ports.Cursors.
func (s *Store) Waiting(ctx context.Context, shares []ports.Share, consumers []string, limit int) ([]ports.Cursor, error) {
	if s.distributed {
		return s.waitingScattered(ctx, shares, consumers, limit)
	}
	return s.cursors(ctx, "read cursors that wait", waitingQuery, numbers(shares), consumers, limit)
}

func numbers(shares []ports.Share) []int32 {
	list := make([]int32, len(shares))
	for i, share := range shares {
		list[i] = int32(share)
	}
	return list
}

// Load implements ports.Cursors.
func (s *Store) Load(ctx context.Context, rooms []chat.RoomID) ([]ports.Cursor, error) {
	return s.cursors(ctx, "read cursors", cursorsQuery, texts(rooms))
}

// moving has the moves of one call, column by column.
type moving struct {
	rooms, consumers, errors  []string
	seqs, uptos, heads, waits []int64
	sealed                    [][]byte
	tries                     []int32
	stalled, isNew            []bool
	wasSeqs, wasUptos, fences []int64
	shares                    []int16
}

func (c *moving) add(m *ports.CursorMove) {
	to := &m.To
	c.rooms, c.consumers, c.errors = append(c.rooms, string(to.Room)), append(c.consumers, to.Consumer), append(c.errors, to.Error)
	c.seqs, c.uptos, c.heads = append(c.seqs, int64(to.Seq)), append(c.uptos, int64(to.UpTo)), append(c.heads, int64(to.Head))
	c.waits, c.sealed = append(c.waits, m.Wait.Microseconds()), append(c.sealed, to.Sealed)
	c.tries, c.stalled = append(c.tries, int32(to.Tries)), append(c.stalled, to.Stalled)
	var was ports.CursorState
	if m.Was != nil {
		was = *m.Was
	}
	c.isNew, c.wasSeqs, c.wasUptos = append(c.isNew, m.Was == nil), append(c.wasSeqs, int64(was.Seq)), append(c.wasUptos, int64(was.UpTo))
	c.shares, c.fences = append(c.shares, int16(m.Lease.Share)), append(c.fences, m.Lease.Fence)
}

// Move implements ports.Cursors.
func (s *Store) Move(ctx context.Context, moves []ports.CursorMove) (all []ports.CursorMoved, err error) {
	if len(moves) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.distributed {
		return s.moveApart(ctx, moves)
	}
	all, err = queryAll(ctx, s.pool, moveStatement, s.moveArgs(moves), scanMoved)
	if err != nil {
		return nil, failure(ctx, err, "move cursors")
	}
	return all, nil
}

// moveArgs returns the arguments of moveStatement.
func (s *Store) moveArgs(moves []ports.CursorMove) []any {
	var c moving
	for i := range moves {
		c.add(&moves[i])
	}
	return []any{
		c.rooms, c.consumers, c.seqs, c.uptos, c.heads, c.sealed, c.tries, c.waits, c.stalled, c.errors, c.isNew, c.wasSeqs, c.wasUptos, c.shares, c.fences,
		s.stamp,
	}
}

func scanMoved(row pgx.CollectableRow) (is ports.CursorMoved, err error) {
	err = row.Scan(&is.Outcome, &is.Head)
	return is, err
}

// Clear implements ports.Cursors.
func (s *Store) Clear(ctx context.Context, rooms []ports.RoomHead, generation int64) error {
	if s.distributed {
		return s.clearApart(ctx, rooms, generation)
	}
	ids, heads := make([]string, len(rooms)), make([]int64, len(rooms))
	for i, is := range rooms {
		ids[i], heads[i] = string(is.Room), int64(is.Head)
	}
	return s.read(ctx, "clear pending rooms", func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, clearStatement, ids, heads, generation)
		return err
	})
}

// Wake implements ports.Cursors. It locks only rows that it changes.
func (s *Store) Wake(ctx context.Context, query ports.WakeQuery) (woken ports.Woken, err error) {
	err = s.read(ctx, "look through rooms", func(ctx context.Context) error {
		woken = ports.Woken{}
		var asleep []string
		looked := 0
		rows, err := s.pool.Query(ctx, walkQuery, string(query.After), query.Limit, query.Since)
		if err != nil {
			return err
		}
		var wakes *bool
		if _, err := pgx.ForEachRow(rows, []any{&woken.Next, &wakes}, func() error {
			if looked++; wakes != nil && *wakes {
				asleep = append(asleep, string(woken.Next))
			}
			return nil
		}); err != nil {
			return err
		}
		if looked < query.Limit {
			woken.Next = ""
		}
		if len(asleep) == 0 {
			return nil
		}
		if s.distributed {
			woken.Count, err = s.wakeApart(ctx, asleep)
		} else {
			err = s.pool.QueryRow(ctx, wakeStatement, asleep).Scan(&woken.Count)
		}
		if err != nil {
			return err
		}
		woken.Held = len(asleep) - woken.Count
		return nil
	})
	return woken, err
}
