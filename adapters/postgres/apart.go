package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// The changes of rooms for an engine that distributes them, where they are more than the plain
// statements with the room's name. Rows that are of no room are locked by a statement of their own:
// such an engine has them elsewhere.

// inTurn makes two round trips about a room in one transaction: what the second one says depends on
// what the first one read. If second fails, nothing is stored.
func (s *Store) inTurn(ctx context.Context, room chat.RoomID, first func(*roomBatch), second func(*roomBatch) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // closes the connection, and so rolls back, if a transaction is open
	batch := &roomBatch{s: s, room: room}
	batch.Queue(beginTransaction)
	first(batch)
	if err := conn.SendBatch(ctx, &batch.Batch).Close(); err != nil {
		return s.undo(ctx, conn, err)
	}
	batch = &roomBatch{s: s, room: room}
	if err := second(batch); err != nil {
		return errors.Join(err, conn.SendBatch(ctx, rollback()).Close())
	}
	batch.Queue(endTransaction)
	if err := conn.SendBatch(ctx, &batch.Batch).Close(); err != nil {
		return s.undo(ctx, conn, err)
	}
	return nil
}

func rollback() *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue("rollback")
	return b
}

const (
	createHereStatement = `
INSERT INTO room (room_id, name, public, created_at, last_at) VALUES ($1, $2, $3, now(), now())
ON CONFLICT (room_id) DO NOTHING RETURNING created_at`

	ownHereStatement = `
INSERT INTO member (room_id, user_id, role, banned, since, set_by)
SELECT r.room_id, $2, 3, false, r.created_at, 0 FROM room r WHERE r.room_id = $1`
)

// createHere is Create. It has no row of the room to begin with.
func (s *Store) createHere(ctx context.Context, room chat.Room, owner chat.UserID) (chat.Room, error) {
	made := chat.Room{ID: room.ID, Name: room.Name, Public: room.Public}
	var stamp string
	var at *time.Time
	err := s.inTurn(ctx, room.ID, func(b *roomBatch) {
		b.Queue(stampQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&stamp) })
		b.Queue(createHereStatement, string(room.ID), room.Name, room.Public).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&at}, func() error { return nil })
			return err
		})
	}, func(b *roomBatch) error {
		switch {
		case stamp != s.stamp:
			return s.strange(stamp)
		case at == nil:
			return chat.Errorf(chat.Conflict, "there is a room of that id")
		case owner != "":
			b.Queue(ownHereStatement, string(room.ID), string(owner))
		}
		return nil
	})
	if err != nil {
		return chat.Room{}, failure(ctx, err, "create a room")
	}
	made.CreatedAt = at.UTC()
	return made, nil
}

const (
	leasesHereQuery = `SELECT share, fence FROM lease WHERE share = ANY($1::smallint[]) AND node <> '' AND ` + shardStamp + ` = $2::text ORDER BY share FOR SHARE`

	generationHereQuery = `SELECT generation FROM consumer WHERE name = '' FOR SHARE`
)

// moveApart is Move, with a commit for each room. If moves are in several rooms and nothing is
// known of one, its moves are MoveChanged.
func (s *Store) moveApart(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	all := make([]ports.CursorMoved, len(moves))
	parts := byRooms(len(moves), func(i int) chat.RoomID { return moves[i].To.Room })
	errs := s.each(ctx, s.pool, len(parts), func(ctx context.Context, i int) error {
		moved, err := s.moveHere(ctx, parts[i].room, pick(moves, parts[i].places))
		for n, at := range parts[i].places {
			if all[at].Outcome = ports.MoveChanged; err == nil {
				all[at] = moved[n]
			}
		}
		return err
	})
	for _, err := range errs {
		if err == nil {
			return all, nil
		}
	}
	return nil, joined(errs)
}

// moveHere moves cursors in one room.
func (s *Store) moveHere(ctx context.Context, room chat.RoomID, moves []ports.CursorMove) (moved []ports.CursorMoved, err error) {
	var shares []int16
	for _, m := range moves {
		shares = append(shares, int16(m.Lease.Share))
	}
	held := map[ports.Share]int64{}
	err = s.inTurn(ctx, room, func(b *roomBatch) {
		b.Queue(leasesHereQuery, shares, s.stamp).Query(func(rows pgx.Rows) error {
			var share int16
			var fence int64
			_, err := pgx.ForEachRow(rows, []any{&share, &fence}, func() error {
				held[ports.Share(share)] = fence
				return nil
			})
			return err
		})
	}, func(b *roomBatch) error {
		for i, m := range moves {
			if fence, ok := held[m.Lease.Share]; !ok || fence != m.Lease.Fence {
				moves[i].Lease.Fence = -1 // of no lease
			}
		}
		b.Queue(moveStatement, s.moveArgs(moves)...).Query(func(rows pgx.Rows) (err error) {
			moved, err = pgx.CollectRows(rows, scanMoved)
			return err
		})
		return nil
	})
	return moved, failure(ctx, err, "move cursors")
}

// clearApart is Clear, with a commit for each room.
func (s *Store) clearApart(ctx context.Context, rooms []ports.RoomHead, generation int64) error {
	return joined(s.each(ctx, s.pool, len(rooms), func(ctx context.Context, i int) error {
		is := rooms[i]
		return s.read(ctx, "clear pending rooms", func(ctx context.Context) error {
			var present int64
			return s.inTurn(ctx, is.Room, func(b *roomBatch) {
				b.Queue(generationHereQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&present) })
			}, func(b *roomBatch) error {
				if present == generation {
					b.Queue(clearStatement, []string{string(is.Room)}, []int64{int64(is.Head)}, generation)
				}
				return nil
			})
		})
	}))
}

// wakeApart makes rooms pending, with a commit for each, and returns how many.
func (s *Store) wakeApart(ctx context.Context, rooms []string) (count int, err error) {
	counts := make([]int, len(rooms))
	err = joined(s.each(ctx, s.pool, len(rooms), func(ctx context.Context, i int) error {
		b := s.batch(chat.RoomID(rooms[i]))
		b.Queue(wakeStatement, rooms[i:i+1]).QueryRow(func(row pgx.Row) error { return row.Scan(&counts[i]) })
		return s.send(ctx, s.pool, b)
	}))
	for _, n := range counts {
		count += n
	}
	return count, err
}

const (
	cursorPlacesQuery = `SELECT room_id FROM hook_cursor WHERE room_id > $1 COLLATE "C" ORDER BY room_id LIMIT $2`

	forgetHereStatement = `DELETE FROM hook_cursor WHERE room_id = $1 AND consumer = $2`
)

// forgetApart removes a page of a consumer's cursors, with a commit for each room.
func (s *Store) forgetApart(ctx context.Context, consumer string, after chat.RoomID, limit int) (next chat.RoomID, err error) {
	places, err := queryAll(ctx, s.pool, cursorPlacesQuery, []any{string(after), limit}, pgx.RowTo[chat.RoomID])
	if err != nil {
		return "", err
	}
	if len(places) == limit {
		next = places[limit-1]
	}
	return next, s.eachRoom(ctx, len(places), ids(places), func(ctx context.Context, part *ofRoom) error {
		_, err := s.pool.Exec(ctx, forgetHereStatement, string(part.room), consumer)
		return err
	})
}
