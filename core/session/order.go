package session

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// line has the commands of a session to one room that wait until an earlier change there is
// answered. They take their turns, so that each sees what came before it. Commands to other rooms
// do not wait for them.
type line struct {
	waiting []waiting
	settled chan struct{} // closed when the first one need not wait any more; nil: it does not
	first   ports.Ask     // the first one, while it waits
}

// waiting is a command whose turn has not come.
type waiting struct {
	ctx context.Context
	asked
}

// waitsTurn puts a command into its room's line if it must see an earlier command there that is not
// done yet. It reports false if the command can be done now.
func (s *session) waitsTurn(ctx context.Context, a asked) bool {
	room := ports.RoomOf(a.Ask)
	if room == "" {
		return false
	}
	s.Lock()
	defer s.Unlock()
	l := s.lines[room]
	if l == nil {
		if !s.unsettled(room, a.Ask) {
			return false
		}
		if s.lines == nil {
			s.lines = map[chat.RoomID]*line{}
		}
		l = &line{}
		s.lines[room] = l
		s.Go(func() { s.run(room, l) })
	}
	l.waiting = append(l.waiting, waiting{ctx, a})
	s.Owe(1)
	return true
}

// unsettled reports whether the command must wait for a change of this session in the room that is
// not answered yet. Sends and reactions need not wait, as the journal keeps their order. An edit or
// a deletion must find its message first. The lock is held.
func (s *session) unsettled(room chat.RoomID, ask ports.Ask) bool {
	sends := false
	switch ask.(type) {
	case ports.Edit, ports.Delete, ports.Typing:
		sends = true
	case ports.History, ports.Mark, ports.Join, ports.Presence:
	default:
		return false
	}
	return s.Expects(room, sends)
}

// run does the commands of a line one after the other, until none is left. They are done even if
// the client goes, like commands that do not wait.
func (s *session) run(room chat.RoomID, l *line) {
	for {
		next, settled, ok := s.next(room, l)
		if !ok {
			return
		}
		if s.settles(settled, next.began) {
			s.perform(next.ctx, next.asked)
		} else {
			s.fail(next.ctx, next.asked, chat.Errorf(chat.Unavailable, "an earlier command in %s is not stored yet; try again", room))
		}
		s.Lock()
		s.concluded()
		s.Unlock()
	}
}

// next takes the first command of a line. settled is closed when the command need not wait any
// more, and is nil if it need not wait at all. ok is false if the line was empty, and has ended.
func (s *session) next(room chat.RoomID, l *line) (first waiting, settled <-chan struct{}, ok bool) {
	s.Lock()
	defer s.Unlock()
	l.settled, l.first = nil, nil
	if len(l.waiting) == 0 {
		delete(s.lines, room)
		return first, nil, false
	}
	first, l.waiting = l.waiting[0], l.waiting[1:]
	if s.unsettled(room, first.Ask) {
		l.settled, l.first = make(chan struct{}), first.Ask
	}
	return first, l.settled, true
}

// settles waits until settled is closed, for as long as a command may wait for the store.
func (s *session) settles(settled <-chan struct{}, since time.Time) bool {
	if settled == nil {
		return true
	}
	late := time.NewTimer(time.Until(since.Add(feed.StoreTime)))
	defer late.Stop()
	select {
	case <-settled:
		return true
	case <-late.C:
		return false
	}
}

// settleLine lets the first command of a room's line go on, if it need not wait any more. The lock
// is held.
func (s *session) settleLine(room chat.RoomID) {
	if l := s.lines[room]; l != nil && l.settled != nil && !s.unsettled(room, l.first) {
		close(l.settled)
		l.settled = nil
	}
}
