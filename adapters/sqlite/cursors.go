package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var (
	_ ports.Cursors   = (*Store)(nil)
	_ ports.Consumers = (*Store)(nil)
	_ ports.Retries   = (*Store)(nil)
)

// cursors selects the columns that scanCursor reads.
const cursors = `
	SELECT r.id, c.consumer, c.seq, c.upto, c.head, c.sealed, c.tries, c.since, coalesce(c.next_at, 0), c.stalled, c.error
	FROM hook_cursor c JOIN room r ON r.number = c.room`

func scanCursor(scan scanner) (c ports.Cursor, err error) {
	var since, next int64
	err = scan(&c.Room, &c.Consumer, &c.Seq, &c.UpTo, &c.Head, &c.Sealed, &c.Tries, &since, &next, &c.Stalled, &c.Error)
	c.Since, c.Next = stamp(since), stamp(next)
	return c, err
}

// Pending implements ports.Cursors.
func (s *Store) Pending(ctx context.Context, asked []ports.SharePlace, limit int) (rooms []ports.PendingRoom, err error) {
	at := now()
	err = s.view(ctx, "read pending rooms", func(tx *transaction) error {
		var some bool
		if err := tx.row(s.r.somePending).Scan(&some); err != nil || !some {
			return err
		}
		for _, a := range asked {
			if err := tx.each(s.r.pending, func(scan scanner) error {
				var is ports.PendingRoom
				var last int64
				err := scan(&is.Room, &is.Head, &last)
				is.LastAt, is.Quiet = stamp(last), time.Duration(max(0, at-last))*time.Microsecond
				rooms = append(rooms, is)
				return err
			}, a.Share, a.After, limit); err != nil {
				return err
			}
		}
		return nil
	})
	return rooms, err
}

// Waiting implements ports.Cursors.
func (s *Store) Waiting(ctx context.Context, shares []ports.Share, consumers []string, limit int) (list []ports.Cursor, err error) {
	names, err := json.Marshal(consumers)
	if err != nil {
		return nil, err
	}
	left := map[ports.Share]int{}
	for _, share := range shares {
		left[share] = limit
	}
	open := limit * len(shares)
	err = eachRow(ctx, s.r.waiting, func(scan scanner) error {
		c, err := scanCursor(scan)
		share := ports.ShareOf(c.Room)
		if err != nil || left[share] == 0 {
			return err
		}
		left[share]--
		list = append(list, c)
		if open--; open == 0 {
			return errEnough
		}
		return nil
	}, now(), string(names))
	if err != nil && !errors.Is(err, errEnough) {
		return nil, within(ctx, err, "read cursors that wait")
	}
	return list, nil
}

// Load implements ports.Cursors.
func (s *Store) Load(ctx context.Context, rooms []chat.RoomID) ([]ports.Cursor, error) {
	ids, err := json.Marshal(rooms)
	if err != nil {
		return nil, err
	}
	list, err := s.cursors(ctx, s.r.cursors, string(ids))
	return list, within(ctx, err, "read cursors")
}

// Move implements ports.Cursors.
func (s *Store) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	all := make([]ports.CursorMoved, len(moves))
	err := s.writeBeside(ctx, "move cursors", func(tx *transaction) error {
		for i := range moves {
			var err error
			if all[i], err = s.move(tx, &moves[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (s *Store) move(tx *transaction, m *ports.CursorMove) (is ports.CursorMoved, err error) {
	var holds bool
	if err := tx.row(s.w.holds, m.Lease.Share, m.Lease.Fence).Scan(&holds); err != nil || !holds {
		return ports.CursorMoved{Outcome: ports.MoveLost}, err
	}
	to, at := &m.To, now()
	var next any
	if m.Wait > 0 {
		next = at + m.Wait.Microseconds()
	}
	var done bool
	if m.Was == nil {
		done, err = tx.changes(s.w.insertCursor, to.Room, to.Consumer, to.Seq, to.UpTo, to.Head, to.Sealed, to.Tries, at, next, to.Stalled, to.Error)
	} else {
		done, err = tx.changes(s.w.moveCursor, to.Room, to.Consumer, to.Seq, to.UpTo, to.Head, to.Sealed, to.Tries, at, next, to.Stalled, to.Error,
			m.Was.Seq, m.Was.UpTo)
	}
	if err != nil || !done {
		return ports.CursorMoved{Outcome: ports.MoveChanged}, err
	}
	is.Outcome = ports.Moved
	return is, tx.row(s.w.head, to.Room).Scan(&is.Head)
}

// Clear implements ports.Cursors.
func (s *Store) Clear(ctx context.Context, rooms []ports.RoomHead, generation int64) error {
	return s.write(ctx, "clear pending rooms", func(tx *transaction) error {
		for _, is := range rooms {
			if err := tx.exec(s.w.clear, is.Room, is.Head, generation); err != nil {
				return err
			}
		}
		return nil
	})
}

// Wake implements ports.Cursors. It writes only if there is something to change.
func (s *Store) Wake(ctx context.Context, query ports.WakeQuery) (woken ports.Woken, err error) {
	since := chat.MaxSeq // later than any time
	if query.Since != nil {
		since = chat.Seq(query.Since.UnixMicro())
	}
	var asleep []int64
	looked := 0
	err = eachRow(ctx, s.r.walk, func(scan scanner) error {
		var number int64
		var wakes bool
		err := scan(&number, &woken.Next, &wakes)
		if looked++; wakes {
			asleep = append(asleep, number)
		}
		return err
	}, query.After, query.Limit, since)
	if err != nil {
		return ports.Woken{}, within(ctx, err, "look through rooms")
	}
	if looked < query.Limit {
		woken.Next = ""
	}
	if woken.Count = len(asleep); woken.Count == 0 {
		return woken, nil
	}
	err = s.write(ctx, "wake rooms", func(tx *transaction) error {
		for _, number := range asleep {
			if err := tx.exec(s.w.wake, number); err != nil {
				return err
			}
		}
		return nil
	})
	return woken, err
}

// Begin implements ports.Consumers.
func (s *Store) Begin(ctx context.Context, consumer string) error {
	return s.write(ctx, "begin a consumer", func(tx *transaction) error {
		return errors.Join(tx.exec(s.w.begin, consumer), tx.exec(s.w.generate))
	})
}

// Begun implements ports.Consumers.
func (s *Store) Begun(ctx context.Context) (ports.Begun, error) {
	begun := ports.Begun{Walked: map[string]bool{}}
	err := eachRow(ctx, s.r.begun, func(scan scanner) error {
		var name string
		var walked bool
		var generation int64
		err := scan(&name, &walked, &generation)
		if name == "" {
			begun.Generation = generation
		} else {
			begun.Walked[name] = walked
		}
		return err
	})
	return begun, within(ctx, err, "read consumers")
}

// Walked implements ports.Consumers.
func (s *Store) Walked(ctx context.Context, consumer string) error {
	return s.write(ctx, "note a walk", func(tx *transaction) error { return tx.exec(s.w.walked, consumer) })
}

// cursors runs a query for cursors.
func (s *Store) cursors(ctx context.Context, query *sql.Stmt, args ...any) (list []ports.Cursor, err error) {
	err = eachRow(ctx, query, func(scan scanner) error {
		c, err := scanCursor(scan)
		list = append(list, c)
		return err
	}, args...)
	return list, err
}

// Seek implements ports.Consumers.
func (s *Store) Seek(ctx context.Context, consumer string, room chat.RoomID, seq chat.Seq) error {
	return s.write(ctx, "set a cursor", func(tx *transaction) error {
		var head chat.Seq
		found, err := found(tx.row(s.w.head, room).Scan(&head))
		switch {
		case err != nil:
			return err
		case !found:
			return noRoom()
		case seq > head:
			return chat.CursorAhead(seq, head)
		}
		return tx.exec(s.w.seek, room, consumer, seq, now())
	})
}

// Stuck implements ports.Consumers.
func (s *Store) Stuck(ctx context.Context, consumer string, after chat.RoomID, limit int) ([]ports.Cursor, error) {
	list, err := s.cursors(ctx, s.r.stuck, consumer, after, limit)
	return list, within(ctx, err, "read cursors")
}

// Retry implements ports.Retries.
func (s *Store) Retry(ctx context.Context, consumer string, rooms []chat.RoomID, within time.Duration, anew bool) error {
	return s.write(ctx, "have pairs tried again", func(tx *transaction) error {
		at := now()
		for _, room := range rooms {
			var err error
			next := at + rand.N(within.Microseconds()+1)
			if anew {
				err = tx.exec(s.w.retryAnew, room, consumer, next)
			} else {
				err = tx.exec(s.w.retry, room, consumer, next, at+within.Microseconds())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget implements ports.Consumers.
func (s *Store) Forget(ctx context.Context, consumer string, after chat.RoomID, limit int) (next chat.RoomID, err error) {
	err = s.write(ctx, "forget a consumer", func(tx *transaction) error {
		if after == "" {
			if err := tx.exec(s.w.forget, consumer); err != nil {
				return err
			}
		}
		var numbers []int64
		if err := tx.each(s.w.roomsBehind, func(scan scanner) error {
			var number int64
			err := scan(&number, &next)
			numbers = append(numbers, number)
			return err
		}, after, limit); err != nil {
			return err
		}
		if len(numbers) < limit {
			next = ""
		}
		for _, number := range numbers {
			if err := tx.exec(s.w.forgetCursor, number, consumer); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}
