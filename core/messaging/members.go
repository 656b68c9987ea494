package messaging

import (
	"context"
	"errors"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Members implements ports.Members.
func (s *Service) Members(ctx context.Context, by chat.Identity, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, chat.UserID, error) {
	if err := s.charge(by, costRead); err != nil {
		return nil, "", err
	}
	_, role, err := s.standing(ctx, by, room)
	if err != nil {
		return nil, "", err
	}
	page, err := s.cfg.Directory.Members(ctx, room, after, limit)
	if err != nil {
		return nil, "", err
	}
	var next chat.UserID
	if len(page) == limit {
		next = page[limit-1].User
	}
	if !role.May(chat.Moderate) {
		page = slices.DeleteFunc(page, func(m chat.Member) bool { return m.Banned })
	}
	return page, next, nil
}

// SetMember implements ports.Members.
func (s *Service) SetMember(ctx context.Context, by chat.Identity, room chat.RoomID, user chat.UserID, role chat.Role) (chat.Member, error) {
	if err := s.charge(by, costWrite); err != nil {
		return chat.Member{}, err
	}
	if err := s.moderates(ctx, by, room); err != nil {
		return chat.Member{}, err
	}
	fact := chat.MemberChanged{User: user, Change: chat.MemberRole, Role: role}
	if role == chat.None {
		if user == by.User {
			return chat.Member{}, chat.Errorf(chat.Conflict, "you cannot ban yourself")
		}
		fact.Change = chat.MemberBanned
	}
	charged, err := s.chargeAdding(ctx, by, room, fact)
	if err != nil {
		return chat.Member{}, err
	}
	if err := s.record(ctx, by, room, fact); err != nil {
		if charged && !errors.Is(err, chat.Unavailable) { // if Unavailable, they may be a member
			s.adding.give(by, costOne)
		}
		return chat.Member{}, err
	}
	standings, err := s.cfg.Directory.Places(ctx, []ports.Place{{Room: room, User: user}})
	if err != nil {
		return chat.Member{}, err
	}
	return standings[0].Member, nil
}

// chargeAdding charges by for making somebody else a member, who has no place in the room yet. This
// is limited, as the other user did not ask for it.
func (s *Service) chargeAdding(ctx context.Context, by chat.Identity, room chat.RoomID, fact chat.MemberChanged) (charged bool, err error) {
	if by.Admin || by.Service() || fact.Change == chat.MemberBanned || fact.User == by.User {
		return false, nil
	}
	standings, err := s.cfg.Directory.Places(ctx, []ports.Place{{Room: room, User: fact.User}})
	if err != nil || standings[0].Member != (chat.Member{}) {
		return false, err
	}
	return true, s.adding.take(by, costOne)
}

// RemoveMember implements ports.Members.
func (s *Service) RemoveMember(ctx context.Context, by chat.Identity, room chat.RoomID, user chat.UserID) error {
	if err := s.charge(by, costWrite); err != nil {
		return err
	}
	// Leaving needs no role. A banned user cannot leave, as that would end the ban.
	if user == by.User {
		if _, _, err := s.standing(ctx, by, room); err != nil {
			return err
		}
	} else if err := s.moderates(ctx, by, room); err != nil {
		return err
	}
	return s.record(ctx, by, room, chat.MemberChanged{User: user, Change: chat.MemberLeft})
}
