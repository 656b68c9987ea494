package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	fetchEntries = 200 // entries that one look into the log serves at most
	storeTime    = 10 * time.Second
)

// fetch serves a reader from the log: the entries behind its cursor, as many as one write takes.
func (h *Hub) fetch(ctx context.Context, fl *follow) {
	s := fl.session
	s.mu.Lock()
	cursor, viewer, over := fl.cursor, fl.who.ID, fl.gone || s.closing
	s.mu.Unlock()
	if over {
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	entries, err := h.cfg.Log.Read(ctx, fl.feed.room, ports.Span{After: cursor, Limit: fetchEntries, Viewer: viewer})
	if err == nil && (len(entries) == 0 || entries[0].Seq != cursor+1) {
		err = chat.Errorf(chat.Internal, "the log does not go on behind %d in %s", cursor, fl.feed.room)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fl.fetching = false
	if fl.gone || s.closing {
		return
	}
	if err != nil {
		h.cfg.Observer.Fault(ctx, "serve a reader from the log", err)
		s.want(fl) // the next look at the sessions tries again
		return
	}
	h.cfg.Observer.CaughtUp(s.serve(fl, entries), time.Since(began))
	s.want(fl)
	h.queue(s)
}

// serve puts entries of the log into the outbox, until it holds a write's worth, and returns how many. s.mu is held.
func (s *session) serve(fl *follow, entries []chat.Entry) (served int) {
	if s.outbox == nil {
		s.outbox = *outboxes.Get().(*[]byte)
	}
	for i := range entries {
		e := &entries[i]
		if e.Seq != fl.cursor+1 || fl.until > 0 && e.Seq > fl.until || len(s.outbox) >= runBytes {
			break
		}
		if s.sending[sendKey{e.Room, e.Key}] > 0 && e.Author.ID == fl.who.ID {
			// The log has what this session's client has no answer for yet: the answer goes first.
			fl.held = true
			break
		}
		s.outbox = s.hub.cfg.Encoder.Entry(s.outbox, e)
		fl.cursor = e.Seq
		served++
		if endangers(e.Fact, fl.who.ID) {
			s.hub.recheck(s, e.Room, e.Seq, 0)
		}
	}
	return served
}

// endangers reports whether a fact may take from user the right to read.
func endangers(fact chat.Fact, user chat.UserID) bool {
	switch f := fact.(type) {
	case chat.MemberChanged:
		return (f.User == user || user == "") && (f.Change == chat.MemberBanned || f.Change == chat.MemberLeft)
	case chat.RoomChanged:
		return f.Change == chat.RoomHidden
	}
	return false
}

// checkMembers has those looked at again who may have lost the right to read by e.
func (h *Hub) checkMembers(f *feed, e *chat.Entry) {
	if !endangers(e.Fact, "") {
		return
	}
	var user chat.UserID // everybody
	if m, ok := e.Fact.(chat.MemberChanged); ok {
		user = m.User
	}
	for _, fl := range f.of(user) {
		h.recheck(fl.session, e.Room, e.Seq, 0)
	}
}

const recheckTries = 5

// recheck asks whether a session may still read a room, and ends its follow behind the entry seq if not.
func (h *Hub) recheck(s *session, room chat.RoomID, seq chat.Seq, tried int) {
	h.work.put(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		_, _, err := h.cfg.Reader.Enter(ctx, s.who(), room)
		banned := errors.Is(err, chat.Forbidden)
		switch {
		case err == nil:
		case banned || errors.Is(err, chat.NotFound):
			s.endBehind(room, seq, banned)
		case tried < recheckTries:
			time.AfterFunc(time.Second, func() { h.recheck(s, room, seq, tried+1) })
		default: // nobody knows: whoever may comes back
			h.cfg.Observer.Fault(ctx, "check who may still read", err)
			s.shut(ports.CloseInternal, nil)
		}
	})
}

// endBehind ends the follow of a room with the entry seq, and the session too where the user was banned.
func (s *session) endBehind(room chat.RoomID, seq chat.Seq, banned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl := s.follows[room]; fl != nil {
		fl.until, fl.banned = seq, banned
		s.want(fl)
		s.hub.queue(s)
	}
}

// dismiss ends a follow that has reached its last entry. s.mu is held.
func (s *session) dismiss(fl *follow) {
	s.endFollow(fl)
	if fl.banned {
		s.close(ports.CloseBanned, chat.Errorf(chat.Forbidden, "you are banned from %s", fl.feed.room))
	}
}
