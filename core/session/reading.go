package session

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// read joins the rooms of a client that gives no commands. If it can join none of them, it fails
// with the first error. It also fails if it cannot find out now whether it may join one of them:
// such a client would not ask again.
func (s *session) read(ctx context.Context, rooms []ports.Join) error {
	if len(rooms) == 0 {
		return nil
	}
	return s.within(ctx, func(ctx context.Context) error {
		var refused []ports.FollowEnded
		for _, ask := range rooms {
			switch err := s.readOne(ctx, ask); {
			case err == nil:
			case lasting(err):
				refused = append(refused, ports.FollowEnded{Room: ask.Room, Err: err})
			default:
				return err
			}
		}
		if len(refused) == len(rooms) {
			return named(refused[0], len(rooms))
		}
		s.Lock()
		defer s.Unlock()
		for _, f := range refused {
			s.Put(f)
		}
		return nil
	})
}

// readOne joins a room. If that is over the user's rate limit, it waits. A client that gives no
// commands cannot join many rooms in any other way.
func (s *session) readOne(ctx context.Context, ask ports.Join) error {
	ctx, a := s.begins(ctx, ports.Command{Ask: ask}, time.Now())
	err := s.enter(ctx, "", ask)
	for err != nil && chat.AsError(err).Kind == chat.RateLimited {
		select {
		case <-ctx.Done():
			s.answered(ctx, a, err)
			return err
		case <-time.After(chat.AsError(err).RetryAfter):
			err = s.enter(ctx, "", ask)
		}
	}
	s.answered(ctx, a, err)
	return err
}

// lasting reports whether a join that failed would fail again if it were repeated.
func lasting(err error) bool {
	switch chat.AsError(err).Kind {
	case chat.Unavailable, chat.RateLimited, chat.Internal:
		return false
	}
	return true
}

// named returns why a room was refused. If several rooms were asked for, the reason has the room's
// name.
func named(f ports.FollowEnded, rooms int) error {
	if rooms == 1 {
		return f.Err
	}
	e := *chat.AsError(f.Err)
	e.Reason = fmt.Sprintf("%s: %s", f.Room, e.Reason)
	return &e
}
