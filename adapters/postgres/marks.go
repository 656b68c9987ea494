package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// markPatience is how long the insertion of a new mark waits for another transaction that inserts
// the same mark and has not committed. It does not wait at all for marks that exist.
const markPatience = 100 * time.Millisecond

// markStatement moves marks forward, never back, and not beyond the head. A mark that already
// stands there is not touched, so a batch that moves none writes nothing. A mark that somebody else
// has locked is left out, and so are all where the database is not the one that was opened. Rooms
// are read and not locked.
const markStatement = `
WITH asked AS (
  SELECT p.room_id, p.user_id, max(p.seq) AS seq
  FROM unnest($1::text[], $2::text[], $3::bigint[]) p (room_id, user_id, seq) JOIN room r ON r.room_id = p.room_id/*in r.room_id*/
  WHERE p.seq <= r.head AND ` + shardStamp + ` = $4::text GROUP BY p.room_id, p.user_id
), due AS MATERIALIZED (
  SELECT a.room_id, a.user_id, a.seq, k.seq AS was
  FROM asked a LEFT JOIN mark k ON k.room_id = a.room_id/*in k.room_id*/ AND k.user_id = a.user_id
  WHERE k.seq IS NULL OR k.seq < a.seq
), free AS MATERIALIZED (
  SELECT k.room_id, k.user_id FROM due d JOIN mark k ON k.room_id = d.room_id/*in k.room_id*/ AND k.user_id = d.user_id FOR UPDATE OF k SKIP LOCKED
)
INSERT INTO mark (room_id, user_id, seq)
SELECT /*here*/room_id, user_id, seq FROM due d/*and here*/
WHERE was IS NULL OR EXISTS (SELECT FROM free f WHERE f.room_id = d.room_id AND f.user_id = d.user_id)
ORDER BY room_id, user_id
ON CONFLICT (room_id, user_id) DO UPDATE SET seq = excluded.seq WHERE mark.seq < excluded.seq`

// markedQuery reads where marks stand, once for each room and user.
var markedQuery = `
SELECT r.head IS NOT NULL, coalesce(r.head, 0), coalesce(k.seq, 0), ` + unreadOf("p.room_id", "coalesce(k.seq, 0)", "p.user_id", "r.messages") + `
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY p (room_id, user_id, n)
LEFT JOIN room r ON r.room_id = p.room_id/*in r.room_id*/
LEFT JOIN mark k ON k.room_id = p.room_id/*in k.room_id*/ AND k.user_id = p.user_id
ORDER BY p.n`

// Mark implements ports.Directory.
func (s *Store) Mark(ctx context.Context, marks []ports.ReadMark) (outcomes []ports.MarkOutcome, err error) {
	if len(marks) == 0 {
		return nil, failure(ctx, ctx.Err(), "move read marks")
	}
	if room := func(i int) chat.RoomID { return marks[i].Room }; s.apart(len(marks), room) {
		outcomes = make([]ports.MarkOutcome, len(marks))
		return outcomes, s.eachRoom(ctx, len(marks), room, func(ctx context.Context, part *ofRoom) error {
			of, err := s.Mark(ctx, pick(marks, part.places))
			for _, at := range part.places {
				outcomes[at].Err = err
			}
			put(outcomes, part.places, of)
			return nil
		})
	}
	err = s.read(ctx, "move read marks", func(ctx context.Context) error {
		outcomes, err = s.mark(ctx, marks)
		return err
	})
	return outcomes, err
}

// mark moves marks. If somebody else holds one of them, it halves the batch until only those that
// are held fail.
func (s *Store) mark(ctx context.Context, marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
	outcomes, err := s.markTogether(ctx, marks)
	refused, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok || refused.Code != lockNotAvailable:
		return outcomes, err
	case len(marks) == 1:
		return []ports.MarkOutcome{{Err: heldMark()}}, nil
	}
	half := len(marks) / 2
	first, err := s.mark(ctx, marks[:half])
	if err != nil {
		return nil, err
	}
	second, err := s.mark(ctx, marks[half:])
	return append(first, second...), err
}

const lockNotAvailable = "55P03"

func heldMark() error {
	return chat.Errorf(chat.Unavailable, "another request is moving the read mark; try again")
}

// markTogether moves marks in one round trip, and tells where they stand.
func (s *Store) markTogether(ctx context.Context, marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
	var all, each columns
	at := make(map[memberKey]int, len(marks))
	for _, m := range marks {
		all.add(m.Room, m.Seq, "", m.User)
		k := memberKey{m.Room, m.User}
		if _, listed := at[k]; !listed {
			at[k] = len(each.rooms)
			each.add(m.Room, 0, "", m.User)
		}
	}
	stand := make([]marked, 0, len(each.rooms))
	batch := s.batch(marks[0].Room)
	batch.bound(markPatience)
	batch.Queue(markStatement, all.rooms, all.users, all.seqs, s.stamp)
	batch.Queue(markedQuery, each.rooms, each.users).Query(func(rows pgx.Rows) error {
		var m marked
		_, err := pgx.ForEachRow(rows, []any{&m.exists, &m.head, &m.read, &m.unread}, func() error {
			stand = append(stand, m)
			return nil
		})
		return err
	})
	if err := s.send(ctx, s.pool, batch); err != nil {
		return nil, err
	}
	outcomes := make([]ports.MarkOutcome, len(marks))
	for i, m := range marks {
		outcomes[i] = stand[at[memberKey{m.Room, m.User}]].outcome(m.Seq)
	}
	return outcomes, nil
}

// marked is a user's mark in a room.
type marked struct {
	exists     bool
	head, read chat.Seq
	unread     int64
}

// outcome returns the outcome of a mark at seq.
func (m marked) outcome(seq chat.Seq) ports.MarkOutcome {
	switch {
	case !m.exists:
		return ports.MarkOutcome{Err: noRoom()}
	case seq > m.head:
		return ports.MarkOutcome{Err: chat.Errorf(chat.Invalid, "seq must not be beyond the room's head, %d", m.head)}
	case m.read < seq:
		return ports.MarkOutcome{Err: heldMark()}
	}
	return ports.MarkOutcome{Read: m.read, Unread: m.unread}
}

// marksQuery returns whether room $1 has more than $2 members and banned users. If not, it returns
// its marks, at most $2 and one more. It always returns at least one row.
const marksQuery = `
SELECT n.large, coalesce(k.user_id, ''), coalesce(k.seq, 0) FROM (
  SELECT count(*) > $2::bigint AS large FROM (
    SELECT FROM member m
    WHERE m.room_id = $1 AND (m.role > 0 OR m.banned) AND (CASE WHEN m.role > 0 OR m.banned THEN m.user_id END) > ''
    ORDER BY (CASE WHEN m.role > 0 OR m.banned THEN m.user_id END) LIMIT $2::bigint + 1
  ) m
) n LEFT JOIN LATERAL (
  SELECT k.user_id, k.seq FROM mark k
  WHERE k.room_id = $1 AND NOT n.large
    AND NOT EXISTS (SELECT FROM member b WHERE b.room_id = k.room_id/*in b.room_id*/ AND b.user_id = k.user_id AND b.banned)
  ORDER BY k.user_id LIMIT $2::bigint + 1
) k ON true
ORDER BY k.user_id`

// Marks implements ports.Directory.
func (s *Store) Marks(ctx context.Context, room chat.RoomID, limit int) (marks []ports.ReadMark, all bool, err error) {
	large := false
	err = s.read(ctx, "read marks", func(ctx context.Context) error {
		query, args := s.about(room, marksQuery, string(room), limit)
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		marks = nil
		m := ports.ReadMark{Room: room}
		_, err = pgx.ForEachRow(rows, []any{&large, &m.User, &m.Seq}, func() error {
			if m.User != "" {
				marks = append(marks, m)
			}
			return nil
		})
		return err
	})
	if err != nil || large || len(marks) > limit {
		return nil, false, err
	}
	return marks, true, nil
}
