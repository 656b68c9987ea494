package messaging

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Write implements ports.Writer.
func (s *Service) Write(ctx context.Context, by chat.Identity, change ports.Change, done func(ports.Receipt, error)) {
	proposal, made, err := s.check(ctx, by, change)
	if err != nil {
		done(ports.Receipt{}, err)
		return
	}
	s.journal.submit(draft{proposal: proposal, written: done, made: made, trace: ports.TraceOf(ctx)})
}

func receipt(room chat.RoomID, o *ports.Outcome, made *ports.RoomMade) ports.Receipt {
	return ports.Receipt{
		Room: room, Seq: o.Entry.Seq, At: o.Entry.At,
		Duplicate: o.Status == ports.Duplicate, Unchanged: o.Status == ports.Unchanged, Made: made,
	}
}

// check is propose as a step of a trace.
func (s *Service) check(ctx context.Context, by chat.Identity, change ports.Change) (chat.Proposal, *ports.RoomMade, error) {
	ctx, ending := s.cfg.Observer.Began(ctx, ports.Step{Name: "check", Room: change.In()})
	proposal, made, err := s.propose(ctx, by, change)
	ending.End(err)
	return proposal, made, err
}

// propose checks that by may make the change. The first message in a room makes the room. The log
// then checks the right to write there.
func (s *Service) propose(ctx context.Context, by chat.Identity, change ports.Change) (p chat.Proposal, made *ports.RoomMade, err error) {
	if err := s.charge(by, costWrite); err != nil {
		return chat.Proposal{}, nil, err
	}
	p, first, err := s.proposal(ctx, by, change)
	if err == nil && first {
		made, err = s.makeFor(ctx, by, change.In())
	}
	if p.Key == "" {
		p.Key = chat.NewKey()
	}
	return p, made, err
}

// proposal checks that by may make the change, and returns the proposal. It has a key only if the
// change has one. first is true for a message that would be the first of a room that is not made
// yet.
func (s *Service) proposal(ctx context.Context, by chat.Identity, change ports.Change) (_ chat.Proposal, first bool, err error) {
	send, says := change.(ports.Send)
	st, role, err := s.known(ctx, by, change.In(), chat.Write, send.Makes)
	if err != nil {
		return chat.Proposal{}, false, err
	}
	if first = says && !st.Room.Made(); first {
		// Otherwise the log would refuse the message, but the room would exist.
		if err := s.mayBeFirst(by, send); err != nil {
			return chat.Proposal{}, false, err
		}
	}
	p := chat.Proposal{Room: change.In(), Author: by.Author(), Via: by.Via, By: by.In(change.In())}
	switch c := change.(type) {
	case ports.Send:
		p.Key = c.Key
		p.IfHead = c.IfHead
		p.Fact = chat.Message{Body: c.Body, ReplyTo: c.ReplyTo, Meta: c.Meta, Silent: c.Silent}
	case ports.Edit:
		p.Key = c.Key
		p.Fact = chat.Edited{Target: c.Seq, Body: c.Body}
		err = s.own(ctx, by, c.Room, c.Seq, "edit")
	case ports.Delete:
		p.Key = c.Key
		p.Fact = chat.Deleted{Target: c.Seq}
		if !role.May(chat.Moderate) {
			err = s.own(ctx, by, c.Room, c.Seq, "delete")
		}
	case ports.React:
		p.Key = c.Key
		p.Fact = chat.Reacted{Target: c.Seq, Emoji: c.Emoji, Removed: c.Remove}
		p.Reactions = s.cfg.Reactions
	case ports.Pin, ports.Unpin, ports.Set:
		p.Fact, p.Key, err = s.set(ctx, by, change)
	default:
		err = chat.Errorf(chat.Internal, "no change %T", change)
	}
	return p, first, err
}

// mayBeFirst refuses a message that the log would not take as the first one of a room.
func (s *Service) mayBeFirst(by chat.Identity, send ports.Send) error {
	switch {
	case send.ReplyTo != 0:
		return chat.Errorf(chat.NotFound, "there is no such message to reply to")
	case send.IfHead != nil && *send.IfHead != 0:
		return chat.HeadMoved(*send.IfHead, 0)
	case send.Silent && !by.Service() && !s.mayOwn(by, send.Room):
		return chat.Errorf(chat.Forbidden, "this needs the role %s in %s, or a service", chat.Moderate, send.Room)
	}
	return nil
}

// own checks that the user is the author of a message. The author never changes, so this still
// holds when the change is appended.
func (s *Service) own(ctx context.Context, by chat.Identity, room chat.RoomID, seq chat.Seq, act string) error {
	entry, err := s.cfg.Log.Entry(ctx, room, seq)
	if err != nil {
		return err
	}
	if _, ok := entry.Fact.(chat.Message); !ok {
		return chat.Errorf(chat.NotFound, "there is no message %d in %s", seq, room)
	}
	if entry.Author.ID != by.User {
		return chat.Errorf(chat.Forbidden, "you may %s your own messages only", act)
	}
	return nil
}

// record appends a fact and waits for it. The caller has checked the user's right, and the log
// checks it again.
func (s *Service) record(ctx context.Context, by chat.Identity, room chat.RoomID, fact chat.Fact) error {
	_, err := s.recordIf(ctx, by, room, fact, nil)
	return err
}

// recordIf is like record, with the condition of a proposal. It returns the status.
func (s *Service) recordIf(ctx context.Context, by chat.Identity, room chat.RoomID, fact chat.Fact, changed *chat.Seq) (ports.Status, error) {
	type result struct {
		status ports.Status
		err    error
	}
	results := make(chan result, 1)
	s.journal.submit(draft{
		proposal: chat.Proposal{Room: room, Author: by.Author(), Via: by.Via, By: by.In(room), Key: chat.NewKey(), Fact: fact, If: changed},
		trace:    ports.TraceOf(ctx),
		done:     func(o ports.Outcome, err error) { results <- result{o.Status, err} },
	})
	select {
	case r := <-results:
		return r.status, r.err
	case <-ctx.Done():
		return ports.Refused, chat.Wrap(chat.Unavailable, ctx.Err(), "wait for the log")
	}
}
