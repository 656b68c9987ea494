package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.Hooks = (*Store)(nil)

const (
	hooksQuery = `
		SELECT id, room, kind, url, filter, secrets, bot, bot_name, role, paused, from_at, made_by, granted, made_at, version, epoch, keys, signals
		FROM hook ORDER BY number`

	hookCountQuery = `SELECT count(*), count(*) FILTER (WHERE room = ?1 AND room <> ''), count(*) FILTER (WHERE id = ?2) FROM hook`

	makeHookStatement = `
		INSERT INTO hook (id, room, kind, url, filter, secrets, bot, bot_name, role, paused, from_at, made_by, granted, made_at, version, epoch, keys, signals)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`

	changeHookStatement = `
		UPDATE hook SET url = ?, filter = ?, secrets = ?, bot = ?, bot_name = ?, role = ?, paused = ?, from_at = ?, epoch = ?, keys = ?, signals = ?, version = version + 1
		WHERE id = ? AND version = ?`

	removeHookStatement = `DELETE FROM hook WHERE id = ?`

	leaseRoomStatement = `
		INSERT INTO hook_lease (hook, room, until) SELECT id, ?2, ?3 FROM hook WHERE id = ?1
		ON CONFLICT DO UPDATE SET until = excluded.until WHERE until <= ?4`

	returnRoomStatement = `DELETE FROM hook_lease WHERE hook = ?1 AND room = ?2`
)

// AllHooks implements ports.Hooks.
func (s *Store) AllHooks(ctx context.Context) (list []ports.Hook, err error) {
	err = eachRow(ctx, s.r.hooks, func(scan scanner) error {
		h, err := scanHook(scan)
		list = append(list, h)
		return err
	})
	return list, within(ctx, err, "read hooks")
}

func scanHook(scan scanner) (h ports.Hook, err error) {
	var filter string
	var from, made int64
	if err := scan(&h.ID, &h.Room, &h.Kind, &h.URL, &filter, &h.Secrets, &h.Bot.ID, &h.Bot.Name, &h.Role, &h.Paused, &from, &h.By, &h.Granted, &made, &h.Version, &h.Epoch, &h.Keys, &h.Signals); err != nil {
		return h, err
	}
	h.From, h.MadeAt = stamp(from), stamp(made)
	return h, json.Unmarshal([]byte(filter), &h.Filter)
}

// MakeHook implements ports.Hooks.
func (s *Store) MakeHook(ctx context.Context, h ports.Hook, now bool) (ports.Hook, error) {
	filter, err := json.Marshal(h.Filter)
	if err != nil {
		return ports.Hook{}, chat.Wrap(chat.Internal, err, "encode a hook's filter")
	}
	err = s.write(ctx, "make a hook", func(tx *transaction) error {
		var all, inRoom, same int
		if err := tx.row(s.w.hookCount, h.Room, h.ID).Scan(&all, &inRoom, &same); err != nil {
			return err
		}
		if same > 0 {
			return chat.Errorf(chat.Conflict, "there is a hook %s", h.ID)
		}
		if err := ports.RoomForHook(h.Room, all, inRoom); err != nil {
			return err
		}
		made := time.Now().UnixMicro()
		h.MadeAt, h.Version = stamp(made), 1
		if now {
			h.From = h.MadeAt
		}
		from := micro(h.From)
		h.From = stamp(from)
		return tx.exec(s.w.makeHook, h.ID, h.Room, h.Kind, h.URL, string(filter), h.Secrets, h.Bot.ID, h.Bot.Name, h.Role, h.Paused, from,
			h.By, h.Granted, made, h.Epoch, h.Keys, h.Signals)
	})
	if err != nil {
		return ports.Hook{}, err
	}
	return h, nil
}

// ChangeHook implements ports.Hooks.
func (s *Store) ChangeHook(ctx context.Context, h ports.Hook) (changed ports.Hook, err error) {
	filter, err := json.Marshal(h.Filter)
	if err != nil {
		return ports.Hook{}, chat.Wrap(chat.Internal, err, "encode a hook's filter")
	}
	err = s.write(ctx, "change a hook", func(tx *transaction) error {
		done, err := tx.changes(s.w.changeHook, h.URL, string(filter), h.Secrets, h.Bot.ID, h.Bot.Name, h.Role, h.Paused,
			micro(h.From), h.Epoch, h.Keys, h.Signals, h.ID, h.Version)
		if err != nil {
			return err
		}
		there := false
		err = tx.each(s.w.hooks, func(scan scanner) error {
			is, err := scanHook(scan)
			if is.ID == h.ID {
				changed, there = is, true
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case !there:
			return ports.NoHook(h.ID)
		case !done:
			return ports.StaleHook(h.ID)
		}
		return nil
	})
	if err != nil {
		return ports.Hook{}, err
	}
	return changed, nil
}

// RemoveHook implements ports.Hooks.
func (s *Store) RemoveHook(ctx context.Context, id chat.HookID) error {
	return s.write(ctx, "remove a hook", func(tx *transaction) error {
		done, err := tx.changes(s.w.removeHook, id)
		if err == nil && !done {
			err = ports.NoHook(id)
		}
		return err
	})
}

// micro returns a time as it is stored: 0 for the zero time.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// LeaseRooms implements ports.Hooks.
func (s *Store) LeaseRooms(ctx context.Context, id chat.HookID, rooms []chat.RoomID, lasts time.Duration) (got []chat.RoomID, err error) {
	err = s.writeBeside(ctx, "lease rooms of a hook", func(tx *transaction) error {
		now := time.Now()
		for _, room := range rooms {
			if lasts <= 0 {
				if err := tx.exec(s.w.returnRoom, id, room); err != nil {
					return err
				}
				got = append(got, room)
				continue
			}
			leased, err := tx.changes(s.w.leaseRoom, id, room, now.Add(lasts).UnixMicro(), now.UnixMicro())
			if err != nil {
				return err
			}
			if leased {
				got = append(got, room)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}
