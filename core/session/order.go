package session

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// line is what a session's client asked of one room behind something that it did there and that is
// under way still. Its commands take their turns, so that each sees what came before it; what the
// client asks of other rooms does not wait for them.
type line struct {
	waiting []waiting
	settled chan struct{} // closed when that for which the first one waits is over; nil while it waits for nothing
	first   ports.Ask     // that one, while it waits
}

// waiting is a command whose turn has not come.
type waiting struct {
	ctx context.Context
	asked
}

// waitsTurn puts a command into its room's line where it would not see what the same client did
// there before. It reports false where the command's turn is now.
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

// unsettled reports whether something of this session's is under way in a room that the command
// must see. What goes to the journal takes its order from there; who edits or deletes looks for the
// message first. The lock is held.
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

// run gives the commands of a line their turns, until there is none. Like a command that does not
// wait they are done even if their asker goes.
func (s *session) run(room chat.RoomID, l *line) {
	for {
		next, settled, ok := s.next(room, l)
		if !ok {
			return
		}
		if s.settles(settled, next.began) {
			s.perform(next.ctx, next.asked)
		} else {
			s.fail(next.ctx, next.asked, chat.Errorf(chat.Unavailable, "what you did in %s before is not stored yet; try again", room))
		}
		s.Lock()
		s.concluded()
		s.Unlock()
	}
}

// next takes the first command of a line, and what it waits for, if it does. Without one the line
// ends.
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

// settles waits until what a command must see is over, for as long as a command may wait for the
// store.
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

// settleLine lets the first command of a room's line go on, if what it waits for is over. The lock
// is held.
func (s *session) settleLine(room chat.RoomID) {
	if l := s.lines[room]; l != nil && l.settled != nil && !s.unsettled(room, l.first) {
		close(l.settled)
		l.settled = nil
	}
}
