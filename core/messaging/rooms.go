package messaging

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Mine implements ports.Rooms.
func (s *Service) Mine(ctx context.Context, by chat.Identity, after chat.RoomID, limit int) ([]ports.RoomView, chat.RoomID, error) {
	if err := s.charge(by, costRead); err != nil {
		return nil, "", err
	}
	page, next, err := s.cfg.Directory.Rooms(ctx, ports.RoomsQuery{User: by.User, Granted: by.Grants.Rooms(), After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	views := make([]ports.RoomView, 0, len(page))
	for _, st := range page {
		if role := st.Role(by); role.May(chat.Read) {
			views = append(views, ports.RoomView{Standing: st, Role: role})
		}
	}
	return views, next, nil
}

// Room implements ports.Rooms.
func (s *Service) Room(ctx context.Context, by chat.Identity, room chat.RoomID) (ports.RoomView, error) {
	if err := s.charge(by, costRead); err != nil {
		return ports.RoomView{}, err
	}
	return s.view(ctx, by, room)
}

// view returns a room to a user who may read it.
func (s *Service) view(ctx context.Context, by chat.Identity, room chat.RoomID) (ports.RoomView, error) {
	st, role, err := s.standing(ctx, by, room)
	if err != nil || !st.Room.Made() {
		return ports.RoomView{Standing: st, Role: role}, err
	}
	st, err = s.cfg.Directory.Standing(ctx, room, by.User)
	return ports.RoomView{Standing: st, Role: role}, err
}

// Create implements ports.Rooms.
func (s *Service) Create(ctx context.Context, by chat.Identity, room chat.Room) (ports.RoomView, error) {
	if err := s.charge(by, costWrite); err != nil {
		return ports.RoomView{}, err
	}
	if !s.mayOwn(by, room.ID) {
		return ports.RoomView{}, chat.Errorf(chat.Forbidden, "your token does not grant moderate in %s", room.ID)
	}
	if err := s.make(ctx, by, room, owner(by)); err != nil {
		return ports.RoomView{}, err
	}
	s.tellMade(ctx, room.ID, room.Public)
	st, role, err := s.standing(ctx, by, room.ID)
	return ports.RoomView{Standing: st, Role: role}, err
}

// Change implements ports.Rooms.
func (s *Service) Change(ctx context.Context, by chat.Identity, room chat.RoomID, change ports.RoomChange) (ports.RoomView, error) {
	if err := s.charge(by, costWrite); err != nil {
		return ports.RoomView{}, err
	}
	if err := s.moderates(ctx, by, room); err != nil {
		return ports.RoomView{}, err
	}
	for _, fact := range roomFacts(change) {
		if err := s.record(ctx, by, room, fact); err != nil {
			return ports.RoomView{}, err
		}
	}
	return s.view(ctx, by, room)
}

func roomFacts(change ports.RoomChange) (facts []chat.Fact) {
	if change.Name != nil {
		facts = append(facts, chat.RoomChanged{Change: chat.RoomRenamed, Name: *change.Name})
	}
	either := func(wish *bool, yes, no chat.RoomChange) {
		if wish == nil {
			return
		}
		if *wish {
			facts = append(facts, chat.RoomChanged{Change: yes})
		} else {
			facts = append(facts, chat.RoomChanged{Change: no})
		}
	}
	either(change.Public, chat.RoomPublished, chat.RoomHidden)
	either(change.Archived, chat.RoomArchived, chat.RoomUnarchived)
	return facts
}

// moderates checks that by may moderate room. It asks the directory, not the cache, as by may have
// lost the role a moment ago.
func (s *Service) moderates(ctx context.Context, by chat.Identity, room chat.RoomID) error {
	st, _, err := s.standing(ctx, by, room)
	if err != nil {
		return err
	}
	_, err = entitled(st, by, chat.Moderate)
	return err
}
