package search

import (
	"context"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func hasText(s string) bool { return strings.TrimSpace(s) != "" }

// scope is where a search looks: rooms that its user may read.
type scope struct {
	rooms     []chat.RoomID                 // the one that was active last comes first
	active    []time.Time                   // when the last entries of rooms were made
	seen      map[chat.RoomID]chat.Standing // the user's in rooms
	public    bool                          // public rooms too
	but       []chat.RoomID                 // but not these, from which the user is banned
	truncated bool
}

// scope returns where a query looks for matches.
func (s *Service) scope(ctx context.Context, by chat.Identity, ask *ports.Search) (scope, error) {
	if ask.Room != "" {
		return s.oneRoom(ctx, by, ask.Room)
	}
	keys, cut, err := s.cfg.Lists.Order(ctx, ports.OrderQuery{
		User: by.User, Granted: by.Grants.Rooms(), Sort: ports.SortActive, Max: listed, Limit: ports.MaxFindRooms + 1,
	})
	if err != nil {
		return scope{}, err
	}
	in := scope{public: ask.Public && (by.Admin || by.Grants == nil), seen: map[chat.RoomID]chat.Standing{}, truncated: cut != "" || len(keys) > ports.MaxFindRooms}
	keys = keys[:min(len(keys), ports.MaxFindRooms)]
	asked := make([]ports.Place, len(keys))
	for i := range keys {
		asked[i] = ports.Place{Room: keys[i].Room, User: by.User}
	}
	standings, err := s.cfg.Directory.Places(ctx, asked)
	if err != nil {
		return scope{}, err
	}
	for i := range standings {
		switch st := &standings[i]; {
		case reads(st, by):
			in.seen[st.Room.ID] = *st
			in.rooms, in.active = append(in.rooms, st.Room.ID), append(in.active, keys[i].At)
		case st.Room.Public:
			in.but = append(in.but, st.Room.ID)
		}
	}
	return in, nil
}

// oneRoom returns the scope of a search in one room. If the user may not read the room, the error
// is NotFound, as for other requests, or Forbidden if they are banned.
func (s *Service) oneRoom(ctx context.Context, by chat.Identity, room chat.RoomID) (scope, error) {
	standings, err := s.cfg.Directory.Places(ctx, []ports.Place{{Room: room, User: by.User}})
	if err != nil {
		return scope{}, err
	}
	st := &standings[0]
	if st.Room.ID == "" {
		return scope{}, chat.NoRoom(room)
	}
	if _, err := by.In(room).Entitle(st.Room, st.Member, chat.Read); err != nil {
		return scope{}, err
	}
	return scope{rooms: []chat.RoomID{room}, seen: map[chat.RoomID]chat.Standing{room: *st}}, nil
}
