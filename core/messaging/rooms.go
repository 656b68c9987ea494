package messaging

import (
	"context"
	"errors"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Mine implements ports.Rooms.
func (s *Service) Mine(ctx context.Context, by chat.Identity, after chat.RoomID, limit int) ([]ports.RoomView, chat.RoomID, error) {
	if err := s.charge(by, costRead); err != nil {
		return nil, "", err
	}
	page, next, err := s.cfg.Directory.Rooms(ctx, ports.RoomsQuery{User: by.User, Granted: by.Grants.Rooms(), After: after, Limit: limit})
	return s.cutList(ctx, by, page, next, err)
}

// lacking gathers what a list lacks, if it is made by several calls of which each may be Partial.
type lacking []*ports.Partial

// take takes the error of a call. It returns it if that is no Partial.
func (l *lacking) take(err error) error {
	if err == nil {
		return nil
	}
	partial, ok := errors.AsType[*ports.Partial](err)
	if ok {
		*l = append(*l, partial)
		return nil
	}
	return err
}

// has reports whether a room is among what is lacking.
func (l *lacking) has(room chat.RoomID) bool {
	return slices.ContainsFunc(*l, func(p *ports.Partial) bool { return p.Lacks(room) })
}

// err returns the error of the list.
func (l *lacking) err() error {
	if len(*l) == 0 {
		return nil
	}
	return &ports.Partial{Lacks: l.has, Err: (*l)[0].Err}
}

// cutList returns the views of rooms that by may read, as many as go into one answer. err is the
// error of what listed them.
func (s *Service) cutList(ctx context.Context, by chat.Identity, page []chat.Standing, next chat.RoomID, err error) ([]ports.RoomView, chat.RoomID, error) {
	var lacks lacking
	if err := lacks.take(err); err != nil {
		return nil, "", err
	}
	rooms := make([]chat.Room, len(page))
	for i, st := range page {
		rooms[i] = st.Room
	}
	set, err := s.described(ctx, rooms, listTypes...)
	if err := lacks.take(err); err != nil {
		return nil, "", err
	}
	views := make([]ports.RoomView, 0, len(page))
	bytes := answerHead
	for _, st := range page {
		role := st.Role(by)
		if !role.May(chat.Read) || lacks.has(st.Room.ID) {
			continue
		}
		view := ports.RoomView{Standing: st, Role: role, Metadata: set[st.Room.ID]}
		if bytes += roomSize(&view); bytes > s.cfg.AnswerBytes && len(views) > 0 {
			return views, views[len(views)-1].Room.ID, lacks.err()
		}
		views = append(views, view)
	}
	return views, next, lacks.err()
}

// Room implements ports.Rooms.
func (s *Service) Room(ctx context.Context, by chat.Identity, room chat.RoomID) (ports.RoomView, error) {
	if err := s.charge(by, costRead); err != nil {
		return ports.RoomView{}, err
	}
	return s.view(ctx, by, room)
}

// view returns the view of a room, for a user who may read it.
func (s *Service) view(ctx context.Context, by chat.Identity, room chat.RoomID) (ports.RoomView, error) {
	st, role, err := s.standing(ctx, by, room)
	if err != nil || !st.Room.Made() {
		return ports.RoomView{Standing: st, Role: role}, err
	}
	if st, err = s.cfg.Directory.Standing(ctx, room, by.User); err != nil {
		return ports.RoomView{}, err
	}
	// In this order, what is shown is at least as new as the change that it is said to belong to.
	set, err := s.described(ctx, []chat.Room{st.Room}, metadataTypes...)
	return ports.RoomView{Standing: st, Role: role, Metadata: set[room]}, err
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
	facts, sets := roomFacts(change), metadataSets(change)
	if err := s.mayDescribe(ctx, room, sets); err != nil {
		return ports.RoomView{}, err
	}
	for _, set := range sets {
		facts = append(facts, set)
	}
	if err := s.recordAll(ctx, by, room, facts, change.If); err != nil {
		return ports.RoomView{}, err
	}
	view, err := s.view(ctx, by, room)
	if err == nil && len(facts) == 0 && change.If != nil && *change.If != view.Room.Changed {
		err = chat.StaleChange(view.Room.Changed)
	}
	return view, err
}

// recordAll records facts one after the other. The condition is for the first of them that changes
// the room. So if two changes with the same condition come at once, one of them is refused.
func (s *Service) recordAll(ctx context.Context, by chat.Identity, room chat.RoomID, facts []chat.Fact, changed *chat.Seq) error {
	for _, fact := range facts {
		status, err := s.recordIf(ctx, by, room, fact, changed)
		if err != nil {
			return err
		}
		if status == ports.Appended {
			changed = nil
		}
	}
	return nil
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
