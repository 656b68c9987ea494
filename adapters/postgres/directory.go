package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// createQuery makes a room and its owner's place. It returns no time if the room exists, or if the
// database is another one than was opened, which it tells.
const createQuery = `
WITH here AS MATERIALIZED (
  SELECT ` + shardStamp + ` AS stamp
), made AS (
  INSERT INTO room (room_id, name, public, created_at, last_at)
  SELECT $1, $2, $3, now, now FROM (SELECT clock_timestamp() AS now) c, here WHERE here.stamp = $5
  ON CONFLICT (room_id) DO NOTHING RETURNING room_id, created_at
), owner AS (
  INSERT INTO member (room_id, user_id, role, banned, since, set_by)
  SELECT room_id, $4, 3, false, created_at, 0 FROM made WHERE $4::text <> ''
)
SELECT here.stamp, made.created_at FROM here LEFT JOIN made ON true`

// Create implements ports.Directory.
func (s *Store) Create(ctx context.Context, room chat.Room, owner chat.UserID) (chat.Room, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.distributed {
		return s.createHere(ctx, room, owner)
	}
	made := chat.Room{ID: room.ID, Name: room.Name, Public: room.Public}
	var stamp string
	var at *time.Time
	err := s.pool.QueryRow(ctx, createQuery, string(room.ID), room.Name, room.Public, string(owner), s.stamp).Scan(&stamp, &at)
	switch {
	case err != nil:
		return chat.Room{}, failure(ctx, err, "create a room")
	case stamp != s.stamp:
		return chat.Room{}, s.strange(stamp)
	case at == nil:
		return chat.Room{}, chat.Errorf(chat.Conflict, "there is a room of that id")
	}
	made.CreatedAt = at.UTC()
	return made, nil
}

// standingColumns and standingTables tell how user $1 stands in the rooms r.
var standingColumns = `
SELECT coalesce(r.room_id, ''), coalesce(r.name, ''), coalesce(r.public, false), coalesce(r.archived, false), coalesce(r.created_at, 'epoch'),
  coalesce(r.head, 0), coalesce(r.messages, 0), coalesce(greatest(r.name_set, r.public_set, r.archived_set, r.meta_set), 0), coalesce(m.role, 0), coalesce(m.banned, false), m.since, coalesce(k.seq, 0),
  ` + unreadOf("r.room_id", "coalesce(k.seq, 0)", "$1", "r.messages")

const standingTables = `
LEFT JOIN member m ON m.room_id = r.room_id/*in m.room_id*/ AND m.user_id = $1 AND (m.role > 0 OR m.banned)
LEFT JOIN mark k ON k.room_id = r.room_id/*in k.room_id*/ AND k.user_id = $1`

var standingQuery = standingColumns + `
FROM room r` + standingTables + `
WHERE r.room_id = $2`

// roomsOfQuery reads a page from each of the sources of a user's rooms. Its result may have rooms
// that are not to be listed.
var roomsOfQuery = standingColumns + `, mine.room_id
FROM (
  (SELECT room_id FROM member WHERE user_id = $1 AND room_id > $2 AND role > 0/*own room_id*/ ORDER BY room_id LIMIT $3)
  UNION
  (SELECT room_id FROM mark WHERE user_id = $1 AND room_id > $2/*own room_id*/ ORDER BY room_id LIMIT $3)
  UNION
  (SELECT room_id FROM spoke WHERE user_id = $1 AND room_id > $2 AND listed/*own room_id*/ ORDER BY room_id LIMIT $3)
  UNION
  (SELECT granted COLLATE "C" FROM unnest($4::text[]) granted)
  ORDER BY room_id LIMIT $3
) mine
LEFT JOIN room r ON r.room_id = mine.room_id` + standingTables + `
ORDER BY mine.room_id`

// allRoomsQuery is like roomsOfQuery, for all rooms.
var allRoomsQuery = standingColumns + `, r.room_id
FROM (SELECT * FROM room WHERE room_id > $2/*own room_id*/ ORDER BY room_id LIMIT $3) r` + standingTables + `
ORDER BY r.room_id`

// placesQuery takes pairs of a room and a user. For each pair whose room exists it returns the
// pair's index and standing. About one room, it must not go by the index member_in.
const placesQuery = `
SELECT r.room_id, r.name, r.public, r.archived, r.created_at, r.head, r.messages,
  greatest(r.name_set, r.public_set, r.archived_set, r.meta_set), coalesce(m.role, 0), coalesce(m.banned, false), m.since, coalesce(k.seq, 0), 0::bigint, a.at
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY a (room_id, user_id, at)
JOIN room r ON r.room_id = a.room_id/*in r.room_id*/
LEFT JOIN member m ON m.room_id = a.room_id/*in m.room_id*/ AND m.user_id = a.user_id AND (m.role > 0 OR m.banned)/*plain*//*one IS TRUE*/
LEFT JOIN mark k ON k.room_id = a.room_id/*in k.room_id*/ AND k.user_id = a.user_id`

// Places implements ports.Directory.
func (s *Store) Places(ctx context.Context, asked []ports.Place) (standings []chat.Standing, err error) {
	room := func(i int) chat.RoomID { return asked[i].Room }
	if s.apart(len(asked), room) {
		standings = make([]chat.Standing, len(asked))
		return whole(standings, s.eachRoom(ctx, len(asked), room, func(ctx context.Context, part *ofRoom) error {
			of, err := s.Places(ctx, pick(asked, part.places))
			put(standings, part.places, of)
			return err
		}))
	}
	rooms, users := make([]string, len(asked)), make([]string, len(asked))
	for i, p := range asked {
		rooms[i], users[i] = string(p.Room), string(p.User)
	}
	err = s.read(ctx, "read standings", func(ctx context.Context) error {
		standings = make([]chat.Standing, len(asked))
		query, args := s.about(first(len(asked), room), placesQuery, rooms, users)
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		var at int64
		for rows.Next() {
			st, err := scanStanding(rows, "", &at)
			if err != nil {
				rows.Close()
				return err
			}
			if st.Member != (chat.Member{}) {
				st.Member.User = asked[at-1].User
			}
			standings[at-1] = st
		}
		return rows.Err()
	})
	return standings, err
}

// scanStanding reads a row of standingColumns, and the columns after them into more.
func scanStanding(row pgx.CollectableRow, user chat.UserID, more ...any) (chat.Standing, error) {
	var st chat.Standing
	var since *time.Time
	err := row.Scan(append([]any{
		&st.Room.ID, &st.Room.Name, &st.Room.Public, &st.Room.Archived, &st.Room.CreatedAt, &st.Room.Head,
		&st.Room.Messages, &st.Room.Changed, &st.Member.Role, &st.Member.Banned, &since, &st.Read, &st.Unread,
	}, more...)...)
	st.Room.CreatedAt = st.Room.CreatedAt.UTC()
	if since != nil {
		st.Member.User, st.Member.Since = user, since.UTC()
	}
	return st, err
}

// Standing implements ports.Directory.
func (s *Store) Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (st chat.Standing, err error) {
	err = s.read(ctx, "read a standing", func(ctx context.Context) error {
		query, args := s.about(room, standingQuery, string(user), string(room))
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		st, err = oneStanding(rows, user)
		return err
	})
	return st, err
}

// oneStanding reads the row of standingQuery.
func oneStanding(rows pgx.Rows, user chat.UserID) (chat.Standing, error) {
	st, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (chat.Standing, error) { return scanStanding(row, user) })
	if errors.Is(err, pgx.ErrNoRows) {
		return chat.Standing{}, noRoom()
	}
	return st, err
}

// Rooms implements ports.Directory.
func (s *Store) Rooms(ctx context.Context, query ports.RoomsQuery) (page []chat.Standing, next chat.RoomID, err error) {
	if s.distributed {
		return s.roomsScattered(ctx, query)
	}
	list, args := roomsOfQuery, []any{string(query.User), string(query.After), query.Limit, texts(query.Next())}
	if query.All {
		list, args = allRoomsQuery, args[:3]
	}
	err = s.read(ctx, "list rooms", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, s.own(list), args...)
		if err != nil {
			return err
		}
		page, next = nil, ""
		seen := 0
		_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
			var id chat.RoomID
			st, err := scanStanding(row, query.User, &id)
			if seen++; seen == query.Limit {
				next = id
			}
			if st.Room.ID == id && (query.All || !st.Member.Banned) {
				page = append(page, st)
			}
			return struct{}{}, err
		})
		return err
	})
	return page, next, err
}

const membersOfQuery = `
SELECT user_id, role, banned, since FROM member
WHERE room_id = $1 AND (role > 0 OR banned) AND (CASE WHEN role > 0 OR banned THEN user_id END) > $2
ORDER BY (CASE WHEN role > 0 OR banned THEN user_id END) LIMIT $3`

// Members implements ports.Directory.
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) (members []chat.Member, err error) {
	err = s.read(ctx, "list members", func(ctx context.Context) error {
		members, err = queryAll(ctx, s.pool, membersOfQuery, []any{string(room), string(after), limit},
			func(row pgx.CollectableRow) (m chat.Member, err error) {
				err = row.Scan(&m.User, &m.Role, &m.Banned, &m.Since)
				m.Since = m.Since.UTC()
				return m, err
			})
		return err
	})
	return members, err
}
