package memory

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// AllHooks implements ports.Hooks.
func (s *Store) AllHooks(ctx context.Context) ([]ports.Hook, error) {
	if err := ended(ctx, "read hooks"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]ports.Hook, len(s.hooks))
	for i := range s.hooks {
		list[i] = copied(s.hooks[i])
	}
	return list, nil
}

// copied is a hook that shares no memory with the one given.
func copied(h ports.Hook) ports.Hook {
	h.Filter.Rooms, h.Filter.Types = slices.Clone(h.Filter.Rooms), slices.Clone(h.Filter.Types)
	h.Secrets, h.Keys = slices.Clone(h.Secrets), slices.Clone(h.Keys)
	return h
}

// MakeHook implements ports.Hooks.
func (s *Store) MakeHook(ctx context.Context, h ports.Hook, now bool) (ports.Hook, error) {
	if err := ended(ctx, "make a hook"); err != nil {
		return ports.Hook{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hook(h.ID) >= 0 {
		return ports.Hook{}, chat.Errorf(chat.Conflict, "there is a hook %s", h.ID)
	}
	inRoom := 0
	for i := range s.hooks {
		if h.Room != "" && s.hooks[i].Room == h.Room {
			inRoom++
		}
	}
	if err := ports.RoomForHook(h.Room, len(s.hooks), inRoom); err != nil {
		return ports.Hook{}, err
	}
	h.MadeAt, h.Version = time.Now().UTC().Truncate(time.Microsecond), 1
	if now {
		h.From = h.MadeAt
	}
	h.From = h.From.UTC().Truncate(time.Microsecond)
	s.hooks = append(s.hooks, copied(h))
	return h, nil
}

func (s *Store) hook(id chat.HookID) int {
	return slices.IndexFunc(s.hooks, func(h ports.Hook) bool { return h.ID == id })
}

// ChangeHook implements ports.Hooks.
func (s *Store) ChangeHook(ctx context.Context, h ports.Hook) (ports.Hook, error) {
	if err := ended(ctx, "change a hook"); err != nil {
		return ports.Hook{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.hook(h.ID)
	switch {
	case i < 0:
		return ports.Hook{}, ports.NoHook(h.ID)
	case s.hooks[i].Version != h.Version:
		return ports.Hook{}, ports.StaleHook(h.ID)
	}
	is := &s.hooks[i]
	is.URL, is.Filter, is.Secrets, is.Keys, is.Bot, is.Role, is.Paused = h.URL, h.Filter, h.Secrets, h.Keys, h.Bot, h.Role, h.Paused
	is.From, is.Epoch, is.Signals = h.From.UTC().Truncate(time.Microsecond), h.Epoch, h.Signals
	is.Version++
	*is = copied(*is)
	return copied(*is), nil
}

// RemoveHook implements ports.Hooks.
func (s *Store) RemoveHook(ctx context.Context, id chat.HookID) error {
	if err := ended(ctx, "remove a hook"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.hook(id)
	if i < 0 {
		return ports.NoHook(id)
	}
	s.hooks = slices.Delete(s.hooks, i, i+1)
	delete(s.hookLeases, id)
	return nil
}

// LeaseRooms implements ports.Hooks.
func (s *Store) LeaseRooms(ctx context.Context, id chat.HookID, rooms []chat.RoomID, lasts time.Duration) (got []chat.RoomID, err error) {
	if err := ended(ctx, "lease rooms of a hook"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hook(id) < 0 {
		return nil, nil
	}
	if s.hookLeases == nil {
		s.hookLeases = map[chat.HookID]map[chat.RoomID]time.Time{}
	}
	leased := s.hookLeases[id]
	if leased == nil {
		leased = map[chat.RoomID]time.Time{}
		s.hookLeases[id] = leased
	}
	now := time.Now()
	for _, room := range rooms {
		switch {
		case lasts <= 0:
			delete(leased, room)
			got = append(got, room)
		case !leased[room].After(now):
			leased[room] = now.Add(lasts)
			got = append(got, room)
		}
	}
	return got, nil
}
