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
	v := fl.feed.view.Load()
	cursor, viewer, over := fl.cursor, fl.who.ID, fl.gone || s.closing
	if inRing := s.inRing(fl, v); over || inRing { // somebody else has just read for the ring what this one waits for
		fl.fetching = false
		s.want(fl)
		s.mu.Unlock()
		h.queue(s)
		return
	}
	s.mu.Unlock()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	entries, err := h.cfg.Log.Read(ctx, fl.feed.room, ports.Span{After: cursor, Limit: fetchEntries, Viewer: viewer})
	if err == nil && (len(entries) == 0 || entries[0].Seq != cursor+1) {
		err = chat.Errorf(chat.Internal, "the log does not go on behind %d in %s", cursor, fl.feed.room)
	}
	if err == nil {
		fl.feed.prime(v, entries, h.cfg.Encoder)
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
			s.hub.recheck(fl, e.Seq)
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

// checkMembers holds those at e who may lose the right to read by it, until it is known whether they do. It comes before e is seen.
func (h *Hub) checkMembers(f *feed, e *chat.Entry) {
	if !endangers(e.Fact, "") {
		return
	}
	var user chat.UserID // everybody
	if m, ok := e.Fact.(chat.MemberChanged); ok {
		user = m.User
	}
	for _, fl := range f.of(user) {
		fl.session.mu.Lock()
		h.recheck(fl, e.Seq)
		fl.session.mu.Unlock()
	}
}

const recheckTries = 5

// recheck holds a follow at the entry seq, and asks whether its session may still read the room: if not, it ends there. The
// session's mu is held.
func (h *Hub) recheck(fl *follow, seq chat.Seq) {
	if fl.checks == 0 {
		fl.until = max(seq, 1)
	}
	fl.checks++
	h.askAgain(fl, 0)
}

func (h *Hub) askAgain(fl *follow, tried int) {
	h.work.put(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		s := fl.session
		_, _, err := h.cfg.Reader.Enter(ctx, s.who(), fl.feed.room)
		switch {
		case err == nil, errors.Is(err, chat.Forbidden), errors.Is(err, chat.NotFound):
			s.checked(fl, err)
		case tried < recheckTries:
			time.AfterFunc(time.Second, func() { h.askAgain(fl, tried+1) })
		default: // nobody knows: whoever may comes back
			h.cfg.Observer.Fault(ctx, "check who may still read", err)
			s.shut(ports.CloseInternal, nil)
		}
	})
}

// checked lets a follow go on, or end, and the session with it where its user was banned.
func (s *session) checked(fl *follow, refused error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fl.checks--
	switch {
	case refused != nil:
		fl.ended, fl.banned = true, errors.Is(refused, chat.Forbidden)
	case fl.checks == 0 && !fl.ended:
		fl.until = 0
	}
	s.want(fl)
	s.hub.queue(s)
}

// dismiss ends a follow that has reached its last entry. s.mu is held.
func (s *session) dismiss(fl *follow) {
	s.endFollow(fl)
	if fl.banned {
		s.close(ports.CloseBanned, chat.Errorf(chat.Forbidden, "you are banned from %s", fl.feed.room))
	}
}
