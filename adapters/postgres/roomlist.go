package postgres

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.RoomLists = (*Store)(nil)

// mineTable has the first $3 rooms of the user $1 by their ids, up to $2, and those in $4. The
// sources of a user's rooms are all read in this order, and merged.
const mineTable = `
WITH mine AS MATERIALIZED (
  SELECT DISTINCT room_id FROM (
    (SELECT room_id FROM member WHERE user_id = $1 AND room_id <= $2 AND role > 0/*own room_id*/ ORDER BY room_id LIMIT $3)
    UNION ALL
    (SELECT room_id FROM mark WHERE user_id = $1 AND room_id <= $2/*own room_id*/ ORDER BY room_id LIMIT $3)
    UNION ALL
    (SELECT room_id FROM spoke WHERE user_id = $1 AND room_id <= $2 AND listed/*own room_id*/ ORDER BY room_id LIMIT $3)
    UNION ALL
    (SELECT r.room_id FROM unnest($4::text[]) granted JOIN room r ON r.room_id = granted WHERE r.room_id <= $2 ORDER BY r.room_id)
  ) ways
  ORDER BY room_id LIMIT $3
)`

// mineColumns are how many rooms mine has, and its last room if it is full, as there may be more
// rooms then. Otherwise the latter is empty.
const mineColumns = `(SELECT count(*) FROM mine), (SELECT CASE WHEN count(*) = $3 THEN max(room_id) ELSE '' END FROM mine)`

// byActive orders the rooms as they are now. It returns $5 rooms.
const byActive = mineTable + `
SELECT r.room_id, r.last_at, '', ` + mineColumns + `
FROM mine JOIN room r ON r.room_id = mine.room_id
ORDER BY r.last_at DESC, r.room_id LIMIT $5`

// byActiveThen orders the rooms as they were at $6. It leaves out those in $7, and begins after the
// room $9 with the time $8. In a room, later entries never have earlier times. So if a room has
// changed since, its last entry up to that time is searched backwards: first in steps that double,
// then by halving. For n entries that came since, this reads about 2·log2(n) rows.
const byActiveThen = mineTable + `, known AS MATERIALIZED (
  SELECT r.room_id, CASE
    WHEN r.last_at <= $6 THEN r.last_at
    WHEN r.created_at > $6 THEN r.created_at
    ELSE coalesce((
      WITH RECURSIVE sought (above, upto, step) AS (
        SELECT r.head, NULL::bigint, 1::bigint
        UNION ALL
        SELECT CASE WHEN e.at > $6 THEN e.seq ELSE s.above END, CASE WHEN e.at > $6 THEN s.upto ELSE e.seq END, s.step * 2
        FROM sought s CROSS JOIN LATERAL (
          SELECT x.seq, x.at FROM entry x
          WHERE x.room_id = r.room_id AND x.seq = CASE WHEN s.upto IS NULL THEN greatest(s.above - s.step, 1) ELSE (s.above + s.upto) / 2 END
        ) e
        WHERE s.above > coalesce(s.upto, 0) + 1
      )
      SELECT x.at FROM entry x WHERE x.room_id = r.room_id AND x.seq = (SELECT max(upto) FROM sought)
    ), r.created_at)
  END AS at
  FROM mine JOIN room r ON r.room_id = mine.room_id
  WHERE r.room_id <> ALL($7::text[])
)
SELECT room_id, at, '', ` + mineColumns + ` FROM known
WHERE at < $8 OR at = $8 AND room_id > $9
ORDER BY at DESC, room_id LIMIT $5`

// byName sorts by names with the letters A to Z made small, or by ids if there is no name. It
// begins after the name $6 and the room $7.
const byName = mineTable + `
SELECT room_id, 'epoch'::timestamptz, name, ` + mineColumns + `
FROM (
  SELECT r.room_id, lower((CASE r.name WHEN '' THEN r.room_id ELSE r.name END) COLLATE "C") COLLATE "C" AS name
  FROM mine JOIN room r ON r.room_id = mine.room_id
) k
WHERE (name, room_id) > ($6, $7)
ORDER BY name, room_id LIMIT $5`

const byID = mineTable + `
SELECT r.room_id, 'epoch'::timestamptz, '', ` + mineColumns + `
FROM mine JOIN room r ON r.room_id = mine.room_id
WHERE r.room_id > $6
ORDER BY r.room_id LIMIT $5`

// lastRoomID is greater than all ids of rooms.
const lastRoomID = "~"

// Order implements ports.RoomLists.
func (s *Store) Order(ctx context.Context, q ports.OrderQuery) (keys []ports.RoomKey, cut chat.RoomID, err error) {
	keys, _, cut, err = s.Listed(ctx, q)
	return keys, cut, err
}

// Listed is Order, and tells at how many rooms it looked; 0 where there are no keys.
func (s *Store) Listed(ctx context.Context, q ports.OrderQuery) (keys []ports.RoomKey, looked int, cut chat.RoomID, err error) {
	if s.distributed {
		return s.listedScattered(ctx, q)
	}
	upTo := q.UpTo
	if upTo == "" {
		upTo = lastRoomID
	}
	query, args := byID, []any{string(q.User), string(upTo), q.Max + 1, texts(q.Granted), q.Limit}
	var behind ports.RoomKey
	if q.Behind != nil {
		behind = *q.Behind
	}
	switch {
	case q.Sort == ports.SortActive && q.AsOf.IsZero() && q.Behind == nil && len(q.But) == 0:
		query = byActive
	case q.Sort == ports.SortActive:
		query, args = byActiveThen, append(args, orNever(q.AsOf), texts(q.But), behind.At, string(behind.Room))
		if q.Behind == nil {
			args[7] = never
		}
	case q.Sort == ports.SortName:
		query, args = byName, append(args, behind.Name, string(behind.Room))
	default:
		args = append(args, string(behind.Room))
	}
	err = s.read(ctx, "list rooms", func(ctx context.Context) error {
		looked, cut = 0, ""
		keys, err = queryAll(ctx, s.pool, s.own(query), args, func(row pgx.CollectableRow) (k ports.RoomKey, err error) {
			err = row.Scan(&k.Room, &k.At, &k.Name, &looked, &cut)
			k.At = k.At.UTC()
			return k, err
		})
		return err
	})
	return keys, looked, cut, err
}

// never is later than the times of all entries.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func orNever(t time.Time) time.Time {
	if t.IsZero() {
		return never
	}
	return t
}

// sightsQuery returns the standings of user $1 in rooms, each with its index among them.
var sightsQuery = standingColumns + `, a.at
FROM unnest($2::text[]) WITH ORDINALITY a (room_id, at) JOIN room r ON r.room_id = a.room_id/*in r.room_id*/` + standingTables

// lastRows are the last messages of rooms. The first entries of a room are looked through. Of the
// others two indexes are read. One, entry_turns, has a message that begins a turn by its seq, and
// any other message that is not deleted by its negative seq. The other index has deleted messages.
var lastRows = ofTurns(`
SELECT e.* FROM unnest($1::text[]) a (room_id) CROSS JOIN LATERAL (
  SELECT greatest((
    SELECT w.seq FROM entry w WHERE w.room_id = a.room_id/*in w.room_id*/ AND w.seq <= {small} AND w.kind = 1 ORDER BY w.seq DESC LIMIT 1
  ), (
    SELECT t.seq FROM entry t WHERE t.room_id = a.room_id/*in t.room_id*/ AND {said t} AND {turn t} > 0 ORDER BY {turn t} DESC LIMIT 1
  ), (
    SELECT n.seq FROM entry n WHERE n.room_id = a.room_id/*in n.room_id*/ AND {said n} AND {turn n} < 0 ORDER BY {turn n} LIMIT 1
  ), (
    SELECT g.seq FROM entry g WHERE g.room_id = a.room_id/*in g.room_id*/ AND g.kind = 1 AND g.deleted_at IS NOT NULL
    ORDER BY (CASE WHEN g.deleted_at IS NOT NULL THEN g.seq END) DESC LIMIT 1
  )) AS seq
) l JOIN entry e ON e.room_id = a.room_id/*in e.room_id*/ AND e.seq = l.seq`)

// lastsQuery reads these rows as spanQuery does. The room is the first column.
var lastsQuery = strings.NewReplacer(
	"\nSELECT seq,", "\nSELECT room_id, seq,", "SELECT e.seq,", "SELECT e.room_id, e.seq,",
	"/*rows*/", lastRows, "/*newest*/", "", "$5", "$2", "$6::bigint", "$3::bigint",
).Replace(spanQuery)

// behindRoom scans a row without its first column, which is a room.
type behindRoom struct {
	pgx.CollectableRow
	room *chat.RoomID
}

// Scan implements pgx.CollectableRow.
func (r behindRoom) Scan(into ...any) error {
	return r.CollectableRow.Scan(append([]any{r.room}, into...)...)
}

// Sights implements ports.RoomLists. It makes two queries, however many rooms there are.
func (s *Store) Sights(ctx context.Context, user chat.UserID, rooms []chat.RoomID) (sights []ports.RoomSight, err error) {
	if s.apart(len(rooms), ids(rooms)) {
		sights = make([]ports.RoomSight, len(rooms))
		return whole(sights, s.eachRoom(ctx, len(rooms), ids(rooms), func(ctx context.Context, part *ofRoom) error {
			of, err := s.Sights(ctx, user, pick(rooms, part.places))
			put(sights, part.places, of)
			return err
		}))
	}
	room, texts := first(len(rooms), ids(rooms)), texts(rooms)
	err = s.read(ctx, "show rooms", func(ctx context.Context) error {
		sights = make([]ports.RoomSight, len(rooms))
		query, args := s.about(room, sightsQuery, string(user), texts)
		standings, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		places := make(map[chat.RoomID]int, len(rooms))
		if _, err := pgx.CollectRows(standings, func(row pgx.CollectableRow) (struct{}, error) {
			var at int
			st, err := scanStanding(row, user, &at)
			if err == nil {
				sights[at-1].Standing = st
				places[st.Room.ID] = at - 1
			}
			return struct{}{}, err
		}); err != nil {
			return err
		}
		query, args = s.about(room, lastsQuery, texts, string(user), int64(math.MaxInt64))
		lasts, err := queryAll(ctx, s.pool, query, args, func(row pgx.CollectableRow) (e chat.Entry, err error) {
			var room chat.RoomID
			e, err = scanEntry(behindRoom{row, &room}, "")
			e.Room = room
			return e, err
		})
		for i := range lasts {
			if at, ok := places[lasts[i].Room]; ok {
				sights[at].Last = &lasts[i]
			}
		}
		return err
	})
	return sights, err
}
