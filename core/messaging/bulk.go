package messaging

import (
	"context"
	"errors"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// SetMembers implements ports.Members.
func (s *Service) SetMembers(ctx context.Context, by chat.Identity, room chat.RoomID, set []ports.MemberSet) ([]ports.MemberResult, error) {
	if err := s.charge(by, costRead); err != nil {
		return nil, err
	}
	if err := s.moderates(ctx, by, room); err != nil {
		return nil, err
	}
	placed, err := s.placed(ctx, by, room, set)
	if err != nil {
		return nil, err
	}
	b := bulk{Service: s, by: by, room: room, placed: placed, results: make([]ports.MemberResult, len(set)), done: make(chan settled, len(set))}
	for i := range set {
		if err := b.set(ctx, i, set[i]); err != nil {
			b.results[i].Err = err
		}
	}
	b.wait(ctx)
	return b.results, nil
}

// placed returns which of the users have a place in the room. It returns nil if additions are not
// counted for by.
func (s *Service) placed(ctx context.Context, by chat.Identity, room chat.RoomID, set []ports.MemberSet) (map[chat.UserID]bool, error) {
	if !s.adding.limits(by) {
		return nil, nil
	}
	asked := make([]ports.Place, len(set))
	for i := range set {
		asked[i] = ports.Place{Room: room, User: set[i].User}
	}
	standings, err := s.cfg.Directory.Places(ctx, asked)
	if err != nil {
		return nil, err
	}
	placed := map[chat.UserID]bool{by.User: true}
	for i, st := range standings {
		if st.Member != (chat.Member{}) {
			placed[set[i].User] = true
		}
	}
	return placed, nil
}

// bulk is a list of places under way. All of them go to the journal at once, in their order.
type bulk struct {
	*Service
	by      chat.Identity
	room    chat.RoomID
	placed  map[chat.UserID]bool // nil: additions are not counted
	results []ports.MemberResult
	done    chan settled // has room for the result of each
	waits   int
}

// settled is the result of one place.
type settled struct {
	at      int
	charged bool
	outcome ports.Outcome
	err     error
}

// set submits one place, or returns why it may not be set.
func (b *bulk) set(ctx context.Context, at int, to ports.MemberSet) error {
	fact := chat.MemberChanged{User: to.User, Change: chat.MemberRole, Role: to.Role}
	switch {
	case to.Banned && to.User == b.by.User:
		return chat.Errorf(chat.Conflict, "you cannot ban yourself")
	case to.Banned:
		fact.Change, fact.Role = chat.MemberBanned, chat.None
	case to.Role == chat.None:
		fact.Change = chat.MemberLeft
	}
	if err := b.charge(b.by, costWrite); err != nil {
		return err
	}
	charged := b.placed != nil && fact.Change == chat.MemberRole && !b.placed[to.User]
	if charged {
		if err := b.adding.take(b.by, costOne); err != nil {
			return err
		}
		b.placed[to.User] = true
	}
	b.waits++
	b.journal.submit(draft{
		proposal: chat.Proposal{
			Room: b.room, Author: b.by.Author(), Via: b.by.Via, By: b.by.In(b.room), Key: chat.NewKey(), Fact: fact,
		},
		trace: ports.TraceOf(ctx),
		done:  func(o ports.Outcome, err error) { b.done <- settled{at, charged, o, err} },
	})
	return nil
}

// wait waits for all that were submitted, as long as ctx allows.
func (b *bulk) wait(ctx context.Context) {
	waiting := make([]bool, len(b.results))
	for i := range waiting {
		waiting[i] = b.results[i].Err == nil
	}
	for range b.waits {
		select {
		case is := <-b.done:
			waiting[is.at] = false
			b.results[is.at] = ports.MemberResult{Unchanged: is.outcome.Status == ports.Unchanged, Err: is.err}
			// If it is Unavailable, they may be a member.
			if is.err != nil && is.charged && !errors.Is(is.err, chat.Unavailable) {
				b.adding.give(b.by, costOne)
			}
		case <-ctx.Done():
			for i, waits := range waiting {
				if waits {
					b.results[i].Err = chat.Wrap(chat.Unavailable, ctx.Err(), "wait for the log")
				}
			}
			return
		}
	}
}

// All implements ports.Rooms.
func (s *Service) All(ctx context.Context, by chat.Identity, after chat.RoomID, limit int) ([]ports.RoomView, chat.RoomID, error) {
	if !by.Admin {
		return nil, "", chat.Errorf(chat.Forbidden, "to list all rooms needs a token with the scope chat:admin")
	}
	page, next, err := s.cfg.Directory.Rooms(ctx, ports.RoomsQuery{User: by.User, All: true, After: after, Limit: limit})
	return s.cutList(ctx, by, page, next, err)
}
