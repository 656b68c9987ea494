package messaging

import (
	"context"
	"errors"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// make makes a room. It counts against a limit of its own, if it succeeds.
func (s *Service) make(ctx context.Context, by chat.Identity, room chat.Room, owner chat.UserID) error {
	if err := s.making.take(by, costOne); err != nil {
		return err
	}
	_, err := s.cfg.Directory.Create(ctx, room, owner)
	if err != nil && !errors.Is(err, chat.Unavailable) { // if Unavailable, the room may exist
		s.making.give(by, costOne)
	}
	return err
}

// makeFor makes a room for by's first message in it. It returns what to tell by about the new room.
// It returns nil if somebody else has made the room already: then the message goes there.
func (s *Service) makeFor(ctx context.Context, by chat.Identity, room chat.RoomID) (*ports.RoomMade, error) {
	var made ports.RoomMade
	if s.mayOwn(by, room) {
		made.Moderator = owner(by)
	}
	err := s.make(ctx, by, chat.Unmade(room), made.Moderator)
	switch {
	case errors.Is(err, chat.Conflict):
		return nil, nil
	case err != nil:
		return nil, err
	}
	s.tellMade(ctx, room, true)
	return &made, nil
}

// mayOwn reports whether by becomes the moderator of a room that they make. If their token has
// grants, these must allow it.
func (s *Service) mayOwn(by chat.Identity, room chat.RoomID) bool {
	return by.Admin || by.Grants == nil || by.In(room).Granted.May(chat.Moderate)
}

// owner returns who moderates a room that by makes. It is nobody for the system, which has no place
// in rooms.
func owner(by chat.Identity) chat.UserID {
	if by.User == chat.System {
		return ""
	}
	return by.User
}

// tellMade tells this node and the others that a room was made. Users who followed it while it was
// Unmade may not be allowed to read it.
func (s *Service) tellMade(ctx context.Context, room chat.RoomID, public bool) {
	notice := ports.StandingChanged{Room: room, Opened: public}
	s.standings.hear(notice)
	select {
	case <-s.runs:
		s.audience.Hear(notice)
	default: // the service does not run yet, so nobody follows a room
	}
	if s.cfg.Bus == nil {
		return
	}
	if err := s.cfg.Bus.Tell(ctx, notice); err != nil {
		s.cfg.Observer.Fault(ctx, "tell of a room", err)
	}
}
