package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.RoomLists = (*Store)(nil)

// listStatements list a user's rooms in an order. They are prepared once for each of the readers'
// connections.
type listStatements struct {
	byActive, byActiveThen, byName, byID *sql.Stmt
	last                                 *sql.Stmt
}

// mineTable has the first ?3 rooms of the user ?1 by their ids, up to ?2, and those in ?4.
const mineTable = `
	WITH mine (id, number) AS MATERIALIZED (
		SELECT * FROM (
			SELECT id, room FROM member INDEXED BY member_by_user WHERE user = ?1 AND id <= ?2 AND role > 0
			UNION SELECT id, room FROM mark INDEXED BY mark_by_user WHERE user = ?1 AND id <= ?2
			UNION SELECT id, room FROM spoke INDEXED BY spoke_by_user WHERE user = ?1 AND id <= ?2 AND listed
			UNION SELECT g.id, g.number FROM json_each(?4) j CROSS JOIN room g ON g.id = j.value WHERE g.id <= ?2
			ORDER BY 1 LIMIT ?3
		)
	)`

// cutColumn is the last room of mine if mine is full, as there may be more rooms then. Otherwise it
// is empty.
const cutColumn = `(SELECT iif(count(*) = ?3, max(id), '') FROM mine)`

// byActive orders the rooms as they are now. It returns ?5 rooms.
const byActive = mineTable + `
	SELECT r.id, r.last_at, '', ` + cutColumn + ` FROM mine m CROSS JOIN room r ON r.number = m.number
	ORDER BY r.last_at DESC, r.id LIMIT ?5`

// byActiveThen orders the rooms as they were at ?6. It leaves out those in ?7, and begins after the
// room ?9 with the time ?8. In a room, later entries never have earlier times. So if a room has
// changed since, its last entry up to that time is searched backwards: first in steps that double,
// then by halving. For n entries that came since, this reads about 2·log2(n) rows.
const byActiveThen = mineTable + `, known (id, at) AS MATERIALIZED (
		SELECT r.id, CASE
			WHEN r.last_at <= ?6 THEN r.last_at
			WHEN r.created_at > ?6 THEN r.created_at
			ELSE coalesce((
				WITH RECURSIVE sought (above, upto, step) AS (
					SELECT r.head, NULL, 1
					UNION ALL
					SELECT iif(e.at > ?6, e.seq, s.above), iif(e.at > ?6, s.upto, e.seq), s.step * 2
					FROM sought s CROSS JOIN entry e
						ON e.room = r.number AND e.seq = iif(s.upto IS NULL, max(s.above - s.step, 1), (s.above + s.upto) / 2)
					WHERE s.above > coalesce(s.upto, 0) + 1
				)
				SELECT x.at FROM entry x WHERE x.room = r.number AND x.seq = (SELECT max(upto) FROM sought)
			), r.created_at)
		END
		FROM mine m CROSS JOIN room r ON r.number = m.number
		WHERE r.id NOT IN (SELECT value FROM json_each(?7))
	)
	SELECT id, at, '', ` + cutColumn + ` FROM known
	WHERE at < ?8 OR at = ?8 AND id > ?9
	ORDER BY at DESC, id LIMIT ?5`

// byName sorts by names with the letters A to Z made small, or by ids if there is no name. It
// begins after the name ?6 and the room ?7.
const byName = mineTable + `
	SELECT id, 0, name, ` + cutColumn + ` FROM (
		SELECT r.id, lower(iif(r.name = '', r.id, r.name)) AS name FROM mine m CROSS JOIN room r ON r.number = m.number
	) WHERE (name, id) > (?6, ?7)
	ORDER BY name, id LIMIT ?5`

const byID = mineTable + `
	SELECT id, 0, '', ` + cutColumn + ` FROM mine WHERE id > ?6 ORDER BY id LIMIT ?5`

// lastOf is the seq of the last message of the room e.room. Two indexes are read. One, entry_turn,
// has a message that begins a turn by its seq, and any other message that is not deleted by its
// negative seq. The other index has deleted messages.
var lastOf = strings.NewReplacer("{said t}", isSaid("t"), "{turn t}", itsTurn("t")).Replace(`
	SELECT max(
		coalesce((SELECT t.seq FROM entry t INDEXED BY entry_turn WHERE t.room = e.room AND {said t} AND {turn t} > 0 ORDER BY {turn t} DESC LIMIT 1), 0),
		coalesce((SELECT t.seq FROM entry t INDEXED BY entry_turn WHERE t.room = e.room AND {said t} AND {turn t} < 0 ORDER BY {turn t} LIMIT 1), 0),
		coalesce((SELECT g.seq FROM entry g INDEXED BY entry_gone
			WHERE g.room = e.room AND g.kind = 'message' AND g.deleted_at IS NOT NULL ORDER BY g.seq DESC LIMIT 1), 0))`)

// lastQuery reads the last message of the room ?1 in the same form as a span.
var lastQuery = entries + ` AND e.seq = (` + strings.ReplaceAll(lastOf, "= e.room", "= (SELECT number FROM room WHERE id = ?1)") + `)`

func (l *listStatements) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, map[**sql.Stmt]string{
		&l.byActive: byActive, &l.byActiveThen: byActiveThen, &l.byName: byName, &l.byID: byID, &l.last: lastQuery,
	})
}

// lastRoomID is greater than all ids of rooms.
const lastRoomID = "~"

// never is later than the times of all entries.
const never = int64(1) << 60

// Order implements ports.RoomLists.
func (s *Store) Order(ctx context.Context, q ports.OrderQuery) (keys []ports.RoomKey, cut chat.RoomID, err error) {
	upTo := q.UpTo
	if upTo == "" {
		upTo = lastRoomID
	}
	query, args := s.l.byID, []any{q.User, upTo, q.Max + 1, list(q.Granted), q.Limit}
	var behind ports.RoomKey
	if q.Behind != nil {
		behind = *q.Behind
	}
	switch {
	case q.Sort == ports.SortActive && q.AsOf.IsZero() && q.Behind == nil && len(q.But) == 0:
		query = s.l.byActive
	case q.Sort == ports.SortActive:
		asOf, at := never, never
		if !q.AsOf.IsZero() {
			asOf = q.AsOf.UnixMicro()
		}
		if q.Behind != nil {
			at = behind.At.UnixMicro()
		}
		query, args = s.l.byActiveThen, append(args, asOf, list(append([]chat.RoomID{}, q.But...)), at, behind.Room)
	case q.Sort == ports.SortName:
		query, args = s.l.byName, append(args, behind.Name, behind.Room)
	default:
		args = append(args, behind.Room)
	}
	err = eachRow(ctx, query, func(scan scanner) error {
		var k ports.RoomKey
		var at int64
		err := scan(&k.Room, &at, &k.Name, &cut)
		if q.Sort == ports.SortActive {
			k.At = stamp(at)
		}
		keys = append(keys, k)
		return err
	}, args...)
	return keys, cut, within(ctx, err, "list rooms")
}

// Sights implements ports.RoomLists.
func (s *Store) Sights(ctx context.Context, user chat.UserID, rooms []chat.RoomID) ([]ports.RoomSight, error) {
	sights := make([]ports.RoomSight, len(rooms))
	err := s.view(ctx, "show rooms", func(tx *transaction) error {
		for i, room := range rooms {
			st, err := scanStanding(tx.row(s.r.standing, user, room).Scan, user)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			sights[i].Standing = st
			if st.Room.Messages == 0 {
				continue
			}
			if sights[i].Last, err = s.last(tx, room, user); err != nil {
				return err
			}
		}
		return nil
	})
	return sights, err
}

// last returns the last message of a room, or nil.
func (s *Store) last(tx *transaction, room chat.RoomID, viewer chat.UserID) (*chat.Entry, error) {
	var p page
	if err := tx.each(s.l.last, p.add, room); err != nil || len(p.entries) == 0 {
		return nil, err
	}
	p.entries[0].Room = room
	return &p.entries[0], p.react(tx, s.r.reactions, viewer)
}
