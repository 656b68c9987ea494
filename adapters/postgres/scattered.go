package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// What is asked of all rooms, or of many, of an engine that distributes them. These are reads of
// one table each, which such an engine sends to all of its parts. All else is then asked room by
// room.
const (
	memberOfQuery = `SELECT room_id FROM member WHERE user_id = $1 AND room_id > $2 AND room_id <= $3 AND role > 0 ORDER BY room_id LIMIT $4`
	markOfQuery   = `SELECT room_id FROM mark WHERE user_id = $1 AND room_id > $2 AND room_id <= $3 ORDER BY room_id LIMIT $4`
	spokeOfQuery  = `SELECT room_id FROM spoke WHERE user_id = $1 AND room_id > $2 AND room_id <= $3 AND listed ORDER BY room_id LIMIT $4`

	roomIDsQuery = `SELECT room_id FROM room WHERE room_id > $1 ORDER BY room_id LIMIT $2`

	roomKeysQuery = `SELECT room_id, created_at, last_at, name FROM room WHERE room_id = ANY($1::text[]) ORDER BY room_id`

	publicRoomsQuery = `SELECT room_id FROM room WHERE public ORDER BY last_at DESC LIMIT $1`

	pendingRoomsQuery = `
SELECT room_id, head, last_at, extract(epoch FROM clock_timestamp() - last_at)::float8 FROM room
WHERE pending AND ` + shareOf + ` = ANY($1::integer[]) AND room_id > ($2::text[])[array_position($1::integer[], ` + shareOf + `)] COLLATE "C"
ORDER BY room_id LIMIT $3`

	waitingCursorsQuery = `
SELECT ` + cursorColumns + ` FROM hook_cursor
WHERE next_at <= clock_timestamp() AND ` + shareOf + ` = ANY($1::integer[]) AND consumer = ANY($2::text[])
ORDER BY next_at LIMIT $3`

	dueQuery = `
SELECT room_id, target, set_by, due FROM slot
WHERE due <= clock_timestamp() AND type = 'pinned' ORDER BY due, room_id, target LIMIT $1 OFFSET $2`
)

// Room by room.
const (
	deletedHereQuery = `SELECT 1 FROM entry WHERE room_id = $1 AND seq = $2 AND deleted_by IS NOT NULL`

	// It is as byActiveThen searches a room's last entry up to a time.
	activeHereQuery = `
WITH RECURSIVE sought (above, upto, step) AS (
  SELECT r.head, NULL::bigint, 1::bigint FROM room r WHERE r.room_id = $1
  UNION ALL
  SELECT CASE WHEN e.at > $2 THEN e.seq ELSE s.above END, CASE WHEN e.at > $2 THEN s.upto ELSE e.seq END, s.step * 2
  FROM sought s CROSS JOIN LATERAL (
    SELECT x.seq, x.at FROM entry x
    WHERE x.room_id = $1 AND x.seq = CASE WHEN s.upto IS NULL THEN greatest(s.above - s.step, 1) ELSE (s.above + s.upto) / 2 END
  ) e
  WHERE s.above > coalesce(s.upto, 0) + 1
)
SELECT x.at FROM entry x WHERE x.room_id = $1 AND x.seq = (SELECT max(upto) FROM sought)`
)

// roomsOf returns the first rooms of a user behind after, up to upTo: those where they are a
// member, have a read mark, or have made an entry, and those of granted there. Of the last, some
// may not exist.
func (s *Store) roomsOf(ctx context.Context, user chat.UserID, after, upTo chat.RoomID, limit int, granted []chat.RoomID) (all []chat.RoomID, err error) {
	for _, query := range []string{memberOfQuery, markOfQuery, spokeOfQuery} {
		list, err := queryAll(ctx, s.pool, query, []any{string(user), string(after), string(upTo), limit}, pgx.RowTo[chat.RoomID])
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	for _, id := range granted {
		if id > after && id <= upTo {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// roomsScattered is Rooms.
func (s *Store) roomsScattered(ctx context.Context, query ports.RoomsQuery) (page []chat.Standing, next chat.RoomID, err error) {
	var rooms []chat.RoomID
	err = s.read(ctx, "list rooms", func(ctx context.Context) (err error) {
		if query.All {
			rooms, err = queryAll(ctx, s.pool, roomIDsQuery, []any{string(query.After), query.Limit}, pgx.RowTo[chat.RoomID])
			return err
		}
		rooms, err = s.roomsOf(ctx, query.User, query.After, lastRoomID, query.Limit, query.Next())
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(rooms) >= query.Limit {
		rooms = rooms[:query.Limit]
		next = rooms[query.Limit-1]
	}
	standings := make([]chat.Standing, len(rooms))
	err = s.eachRoom(ctx, len(rooms), ids(rooms), func(ctx context.Context, part *ofRoom) error {
		is, err := s.Standing(ctx, part.room, query.User)
		if errors.Is(err, chat.NotFound) {
			return nil
		}
		standings[part.places[0]] = is
		return err
	})
	for _, is := range standings {
		if is.Room.ID != "" && (query.All || !is.Member.Banned) {
			page = append(page, is)
		}
	}
	return page, next, err
}

// known is a room of a list.
type known struct {
	ports.RoomKey
	createdAt time.Time
}

// listedScattered is Listed.
func (s *Store) listedScattered(ctx context.Context, q ports.OrderQuery) (keys []ports.RoomKey, looked int, cut chat.RoomID, err error) {
	upTo := q.UpTo
	if upTo == "" {
		upTo = lastRoomID
	}
	var mine []known
	err = s.read(ctx, "list rooms", func(ctx context.Context) error {
		ids, err := s.roomsOf(ctx, q.User, "", upTo, q.Max+1, q.Granted)
		if err != nil {
			return err
		}
		mine, err = queryAll(ctx, s.pool, roomKeysQuery, []any{texts(ids)}, func(row pgx.CollectableRow) (k known, err error) {
			err = row.Scan(&k.Room, &k.createdAt, &k.At, &k.Name)
			k.At, k.createdAt = k.At.UTC(), k.createdAt.UTC()
			return k, err
		})
		return err
	})
	if err != nil {
		return nil, 0, "", err
	}
	if len(mine) > q.Max {
		mine = mine[:q.Max+1]
		cut = mine[q.Max].Room
	}
	looked = len(mine)
	if q.Sort == ports.SortActive {
		if mine, err = s.activeThen(ctx, q, mine); err != nil {
			return nil, 0, "", err
		}
	}
	if keys = inOrder(q, mine); len(keys) == 0 {
		return nil, 0, "", nil
	}
	return keys, looked, cut, nil
}

// activeThen returns rooms with their last activity up to q.AsOf, without those that q leaves out.
func (s *Store) activeThen(ctx context.Context, q ports.OrderQuery, rooms []known) ([]known, error) {
	rooms = slices.DeleteFunc(rooms, func(k known) bool { return slices.Contains(q.But, k.Room) })
	asOf := orNever(q.AsOf)
	err := joined(s.each(ctx, s.pool, len(rooms), func(ctx context.Context, i int) error {
		k := &rooms[i]
		if !k.At.After(asOf) {
			return nil
		}
		if k.At = k.createdAt; k.createdAt.After(asOf) {
			return nil
		}
		return s.read(ctx, "list rooms", func(ctx context.Context) error {
			err := s.pool.QueryRow(ctx, activeHereQuery, string(k.Room), asOf).Scan(&k.At)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			k.At = k.At.UTC()
			return err
		})
	}))
	return rooms, err
}

// inOrder returns the first rooms in the order that q asks for.
func inOrder(q ports.OrderQuery, rooms []known) (keys []ports.RoomKey) {
	for _, k := range rooms {
		switch key := k.RoomKey; q.Sort {
		case ports.SortActive:
			key.Name = ""
			keys = append(keys, key)
		case ports.SortName:
			if key.Name == "" {
				key.Name = string(key.Room)
			}
			key.At, key.Name = time.Unix(0, 0).UTC(), strings.Map(lower, key.Name)
			keys = append(keys, key)
		default:
			keys = append(keys, ports.RoomKey{Room: key.Room, At: time.Unix(0, 0).UTC()})
		}
	}
	order := func(a, b ports.RoomKey) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Room, b.Room))
	}
	if behind := q.Behind; behind != nil {
		after := *behind
		if q.Sort != ports.SortActive {
			after.At = time.Unix(0, 0).UTC()
		}
		if q.Sort != ports.SortName {
			after.Name = ""
		}
		keys = slices.DeleteFunc(keys, func(k ports.RoomKey) bool { return order(k, after) <= 0 })
	}
	slices.SortStableFunc(keys, order)
	return keys[:min(len(keys), q.Limit)]
}

// lower makes the letters A to Z small.
func lower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r - 'A' + 'a'
	}
	return r
}

// ofShares asks for what is of some shares, up to limit of each. ask returns up to a number of all
// of these shares together. If it returns so many, one share at least has its limit, and the others
// are asked for again.
func ofShares[T any](shares []ports.Share, limit int, room func(*T) chat.RoomID, ask func(shares []ports.Share, limit int) ([]T, error)) (all []T, err error) {
	for len(shares) > 0 {
		list, err := ask(shares, limit*len(shares))
		if err != nil {
			return nil, err
		}
		whole := len(list) < limit*len(shares)
		counts := map[ports.Share]int{}
		list = slices.DeleteFunc(list, func(of T) bool {
			share := ports.ShareOf(room(&of))
			counts[share]++
			return counts[share] > limit
		})
		all = append(all, slices.DeleteFunc(list, func(of T) bool { return !whole && counts[ports.ShareOf(room(&of))] < limit })...)
		if whole {
			break
		}
		shares = slices.DeleteFunc(slices.Clone(shares), func(share ports.Share) bool { return counts[share] >= limit })
	}
	return all, nil
}

// pendingScattered is Pending.
func (s *Store) pendingScattered(ctx context.Context, asked []ports.SharePlace, limit int) (rooms []ports.PendingRoom, err error) {
	after := map[ports.Share]string{}
	shares := make([]ports.Share, len(asked))
	for i, a := range asked {
		shares[i] = a.Share
		after[a.Share] = string(a.After)
	}
	err = s.read(ctx, "read pending rooms", func(ctx context.Context) (err error) {
		room := func(is *ports.PendingRoom) chat.RoomID { return is.Room }
		rooms, err = ofShares(shares, limit, room, func(shares []ports.Share, limit int) ([]ports.PendingRoom, error) {
			places := make([]string, len(shares))
			for i, share := range shares {
				places[i] = after[share]
			}
			return queryAll(ctx, s.pool, pendingRoomsQuery, []any{numbers(shares), places, limit}, scanPending)
		})
		return err
	})
	slices.SortStableFunc(rooms, func(a, b ports.PendingRoom) int { return cmp.Compare(a.Room, b.Room) })
	return rooms, err
}

// waitingScattered is Waiting.
func (s *Store) waitingScattered(ctx context.Context, shares []ports.Share, consumers []string, limit int) (all []ports.Cursor, err error) {
	room := func(c *ports.Cursor) chat.RoomID { return c.Room }
	all, err = ofShares(shares, limit, room, func(shares []ports.Share, limit int) ([]ports.Cursor, error) {
		return s.cursors(ctx, "read cursors that wait", waitingCursorsQuery, numbers(shares), consumers, limit)
	})
	slices.SortStableFunc(all, func(a, b ports.Cursor) int { return a.Next.Compare(b.Next) })
	return all, err
}

// duePinsScattered is DuePins.
func (s *Store) duePinsScattered(ctx context.Context, limit int) (due []ports.DuePin, err error) {
	err = s.read(ctx, "look for pins that are due", func(ctx context.Context) error {
		due = nil
		for offset := 0; ; offset += limit {
			page, err := queryAll(ctx, s.pool, dueQuery, []any{limit, offset}, scanDue)
			if err != nil {
				return err
			}
			stand := make([]bool, len(page))
			if err := joined(s.each(ctx, s.pool, len(page), func(ctx context.Context, i int) error {
				deleted := 0
				err := s.pool.QueryRow(ctx, deletedHereQuery, string(page[i].Room), int64(page[i].Message)).Scan(&deleted)
				if stand[i] = errors.Is(err, pgx.ErrNoRows); stand[i] {
					return nil
				}
				return err
			})); err != nil {
				return err
			}
			for i := range page {
				if stand[i] && len(due) < limit {
					due = append(due, page[i])
				}
			}
			if len(page) < limit || len(due) == limit {
				return nil
			}
		}
	})
	return due, err
}
