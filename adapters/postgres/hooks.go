package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.Hooks = (*Store)(nil)

const (
	// hookLock is an advisory lock under which hooks are made: the first eight bytes of "hooks
	// made".
	hookLock = 0x686f6f6b73206d61

	hookColumns = `id, room_id, kind, url, filter, secrets, bot, bot_name, role, paused, from_at, made_by, granted, made_at, version, epoch, keys, signals`

	hooksQuery = `SELECT ` + hookColumns + ` FROM hook ORDER BY number`

	hookCountQuery = `
SELECT count(*), count(*) FILTER (WHERE room_id = $1 AND room_id <> ''), count(*) FILTER (WHERE id = $2), coalesce(max(number), 0) FROM hook`

	makeHookStatement = `
INSERT INTO hook (number, ` + hookColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $15 THEN statement_timestamp() ELSE $12::timestamptz END, $13, $14, statement_timestamp(), 1, $16, $17, $18)
RETURNING ` + hookColumns

	changeHookStatement = `
UPDATE hook SET url = $3, filter = $4, secrets = $5, bot = $6, bot_name = $7, role = $8, paused = $9, from_at = $10, epoch = $11, keys = $12, signals = $13, version = version + 1
WHERE id = $1 AND version = $2 RETURNING ` + hookColumns

	hookThereQuery = `SELECT EXISTS (SELECT FROM hook WHERE id = $1)`

	removeHookStatement = `DELETE FROM hook WHERE id = $1`

	// All transactions lock rooms in one order, so that no two wait for each other.
	leaseRoomsStatement = `
INSERT INTO hook_lease AS l (hook_id, room_id, until_time)
SELECT h.id, r.id, now() + $3 FROM hook h, unnest($2::text[]) r (id) WHERE h.id = $1 ORDER BY r.id
ON CONFLICT (hook_id, room_id) DO UPDATE SET until_time = excluded.until_time WHERE l.until_time <= now()
RETURNING room_id`

	returnRoomsStatement = `DELETE FROM hook_lease WHERE hook_id = $1 AND room_id = ANY($2)`
)

// AllHooks implements ports.Hooks.
func (s *Store) AllHooks(ctx context.Context) (list []ports.Hook, err error) {
	err = s.read(ctx, "read hooks", func(ctx context.Context) error {
		list, err = queryAll(ctx, s.pool, hooksQuery, nil, scanHook)
		return err
	})
	return list, err
}

func scanHook(row pgx.CollectableRow) (h ports.Hook, err error) {
	var filter string
	var from *time.Time
	var role int16
	err = row.Scan(&h.ID, &h.Room, &h.Kind, &h.URL, &filter, &h.Secrets, &h.Bot.ID, &h.Bot.Name, &role, &h.Paused, &from, &h.By, &h.Granted,
		&h.MadeAt, &h.Version, &h.Epoch, &h.Keys, &h.Signals)
	if err != nil {
		return h, err
	}
	if h.Role = chat.Role(role); from != nil {
		h.From = from.UTC()
	}
	h.MadeAt = h.MadeAt.UTC()
	return h, json.Unmarshal([]byte(filter), &h.Filter)
}

// MakeHook implements ports.Hooks. Concurrent calls wait for each other.
func (s *Store) MakeHook(ctx context.Context, h ports.Hook, now bool) (made ports.Hook, err error) {
	filter, err := json.Marshal(h.Filter)
	if err != nil {
		return ports.Hook{}, chat.Wrap(chat.Internal, err, "encode a hook's filter")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockRevocations, int64(hookLock)); err != nil {
			return err
		}
		var all, inRoom, same int
		var last int64
		if err := tx.QueryRow(ctx, hookCountQuery, string(h.Room), string(h.ID)).Scan(&all, &inRoom, &same, &last); err != nil {
			return err
		}
		if same > 0 {
			return chat.Errorf(chat.Conflict, "there is a hook %s", h.ID)
		}
		if err := ports.RoomForHook(h.Room, all, inRoom); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, makeHookStatement, last+1, string(h.ID), string(h.Room), string(h.Kind), h.URL, string(filter), h.Secrets,
			string(h.Bot.ID), h.Bot.Name, int16(h.Role), h.Paused, orNull(h.From), string(h.By), h.Granted, now, h.Epoch, h.Keys, h.Signals)
		if err != nil {
			return err
		}
		made, err = pgx.CollectExactlyOneRow(rows, scanHook)
		return err
	})
	if err != nil {
		return ports.Hook{}, failure(ctx, err, "make a hook")
	}
	return made, nil
}

// ChangeHook implements ports.Hooks.
func (s *Store) ChangeHook(ctx context.Context, h ports.Hook) (changed ports.Hook, err error) {
	filter, err := json.Marshal(h.Filter)
	if err != nil {
		return ports.Hook{}, chat.Wrap(chat.Internal, err, "encode a hook's filter")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, changeHookStatement, string(h.ID), h.Version, h.URL, string(filter), h.Secrets, string(h.Bot.ID), h.Bot.Name,
		int16(h.Role), h.Paused, orNull(h.From), h.Epoch, h.Keys, h.Signals)
	if err == nil {
		changed, err = pgx.CollectExactlyOneRow(rows, scanHook)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return changed, failure(ctx, err, "change a hook")
	}
	var there bool
	if err := s.pool.QueryRow(ctx, hookThereQuery, string(h.ID)).Scan(&there); err != nil {
		return ports.Hook{}, failure(ctx, err, "change a hook")
	}
	if there {
		return ports.Hook{}, ports.StaleHook(h.ID)
	}
	return ports.Hook{}, ports.NoHook(h.ID)
}

// RemoveHook implements ports.Hooks.
func (s *Store) RemoveHook(ctx context.Context, id chat.HookID) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	done, err := s.pool.Exec(ctx, removeHookStatement, string(id))
	switch {
	case err != nil:
		return failure(ctx, err, "remove a hook")
	case done.RowsAffected() == 0:
		return ports.NoHook(id)
	}
	return nil
}

// orNull returns a time, or nil for the zero time, which is stored as NULL.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// LeaseRooms implements ports.Hooks.
func (s *Store) LeaseRooms(ctx context.Context, id chat.HookID, rooms []chat.RoomID, lasts time.Duration) ([]chat.RoomID, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if lasts <= 0 {
		if _, err := s.pool.Exec(ctx, returnRoomsStatement, string(id), texts(rooms)); err != nil {
			return nil, failure(ctx, err, "give back rooms of a hook")
		}
		return rooms, nil
	}
	got, err := queryAll(ctx, s.pool, leaseRoomsStatement, []any{string(id), texts(rooms), lasts}, pgx.RowTo[chat.RoomID])
	if err != nil {
		return nil, failure(ctx, err, "lease rooms of a hook")
	}
	return got, nil
}
