package session

import (
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/delivery"
	"github.com/parley-chat/parley/ports"
)

// enter makes the session follow a room. The answer goes before the first entry.
func (s *session) enter(ctx context.Context, id string, ask ports.Join) error {
	if err := s.hub.joins.enter(ctx); err != nil {
		return err
	}
	log := s.hub.cfg.Which()
	standing, role, marks, a, err := s.survey(ctx, ask.Room)
	s.hub.joins.leave()
	if err != nil {
		return err
	}
	answer := ports.Joined{
		Room: ask.Room, Log: log, Role: role, Read: standing.Read, Marks: marks,
		// The feed may lag behind the log for a moment, but its entries will come.
		Head: max(a.View().Head, standing.Room.Head),
	}
	if err := s.begin(a, id, ask, answer, standing.Room); err != nil {
		a.Release()
		return err
	}
	return nil
}

// survey asks the store for all that a join needs. The caller releases the audience's feed.
func (s *session) survey(ctx context.Context, room chat.RoomID) (chat.Standing, chat.Role, []ports.ReadMark, *delivery.Audience, error) {
	standing, role, err := s.hub.cfg.Reader.Enter(ctx, s.who(), room)
	if err != nil {
		return standing, role, nil, nil, err
	}
	marks := []ports.ReadMark{}
	if standing.Room.Made() {
		if marks, err = s.hub.cfg.Reader.Marks(ctx, s.who(), room); err != nil {
			return standing, role, nil, nil, err
		}
	}
	a, err := s.hub.delivery.Join(ctx, room)
	return standing, role, marks, a, err
}

// begin starts the follow and answers, in one step. The user's right to read was checked when the
// room was as seen.
func (s *session) begin(a *delivery.Audience, id string, ask ports.Join, answer ports.Joined, seen chat.Room) error {
	s.Lock()
	defer s.Unlock()
	if s.Closing() {
		return chat.Errorf(chat.Unavailable, "the session ends")
	}
	earlier := s.In(ask.Room)
	if earlier == nil && s.Rooms() >= s.hub.cfg.RoomsPerSession {
		return chat.Errorf(chat.Conflict, "you have joined %d rooms, and one connection may join no more", s.Rooms())
	}
	cursor, truncated, err := s.start(ask, answer.Head)
	if err != nil {
		return err
	}
	answer.From, answer.Truncated = cursor+1, truncated
	fl := newFollow(s, a, seen)
	if a.Add(&fl.Follow, cursor) > seen.Head {
		s.hub.doubt(fl, seen.Head)
	}
	if ask.Presence || earlier != nil && earlier.Asked() {
		fl.Ask()
	}
	s.hub.presence.Arrive(a.Room(), fl.Who, s.ID())
	if earlier != nil {
		s.endFollow(of(earlier))
	}
	s.Begin(&fl.Follow, &ports.OK{ID: id, Answer: answer})
	return nil
}

// start returns the cursor that a join begins with.
func (s *session) start(ask ports.Join, head chat.Seq) (cursor chat.Seq, truncated bool, err error) {
	if ask.After == nil {
		return max(head-chat.Seq(ask.Limit), 0), false, nil
	}
	cursor = *ask.After
	if cursor > head {
		return 0, false, chat.CursorAhead(cursor, head)
	}
	if oldest := head - chat.Seq(s.hub.cfg.Replay); cursor < oldest {
		return oldest, true, nil
	}
	return cursor, false, nil
}

func (s *session) leave(id string, room chat.RoomID) {
	s.Lock()
	defer s.Unlock()
	if fl := s.In(room); fl != nil {
		s.endFollow(of(fl))
	}
	if id != "" {
		s.Put(&ports.OK{ID: id, Answer: ports.Left{Room: room}})
	}
}

// endFollow ends the session's place in a room. The lock is held.
func (s *session) endFollow(fl *follow) {
	if !s.End(&fl.Follow) {
		return
	}
	if at := slices.Index(s.typesIn, fl.Room()); at >= 0 {
		s.typesIn = slices.Delete(s.typesIn, at, at+1)
		s.hub.presence.StopTyping(fl.Room(), s.ID())
	}
	s.hub.checks.Leave(fl.asking)
	// If the whole session ends, the user may come back soon.
	s.hub.presence.Depart(fl.Room(), fl.Who, s.ID(), s.Closing())
	fl.Release()
}
