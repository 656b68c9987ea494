package session

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/delivery"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// session is one connection's life: its identity, its cursors, and what it has to be told.
type session struct {
	*delivery.Reader

	hub    *Hub
	remote string
	via    string
	opened time.Time
	heard  atomic.Int64 // when something last came from the client, Unix nanoseconds

	stranger *stranger // nil once its token has come; guarded by hub.mu

	// Guarded by the reader's lock.
	identity *chat.Identity // nil until authenticated
	join     *ports.Join    // the join that opened the connection, until it is made
	lines    map[chat.RoomID]*line
	typesIn  []chat.RoomID // where its user types
	pinged   time.Time
	badRun   int       // bad requests in a row
	limited  int       // refusals since limitAt
	limitAt  time.Time // when limited began to count
	parting  *parting  // not nil: it ends when its commands are answered
}

var _ ports.Session = (*session)(nil)

// Ready implements ports.Sessions.
func (h *Hub) Ready(opening *ports.Opening) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.admit(opening)
}

// Open implements ports.Sessions.
func (h *Hub) Open(conn ports.Conn, opening ports.Opening) (ports.Session, error) {
	now := time.Now()
	s := &session{
		Reader: h.delivery.NewReader(conn, rand.Text(), opening.Packing, opening.Head),
		hub:    h, remote: opening.Remote, via: cmp.Or(opening.Via, "socket"), opened: now, pinged: now, join: opening.Join,
	}
	s.heard.Store(now.UnixNano())
	crowdedOut, hurry, err := h.enroll(s, &opening)
	if err != nil {
		return nil, err
	}
	if crowdedOut != nil {
		crowdedOut.makeWay(hurry)
	}
	if opening.Identity != nil {
		s.welcome(opening.Identity)
		s.joinAtOnce(context.Background())
	} else if len(opening.Head) > 0 {
		s.Lock()
		s.PutRaw(nil) // the head waits for nothing else
		s.Unlock()
	}
	if err := s.read(context.Background(), opening.Reads); err != nil {
		s.Closed()
		return nil, err
	}
	return s, nil
}

// welcome gives the session its identity.
func (s *session) welcome(who *chat.Identity) {
	s.Lock()
	s.identity = who
	s.Put(ports.Welcome{
		Session: s.ID(), User: who.Author(), Heartbeat: s.hub.cfg.Heartbeat, Log: s.hub.cfg.Which(), Expires: who.Expires,
		Features: s.hub.presence.Features(),
		Limits:   ports.Limits{FrameBytes: s.hub.cfg.FrameBytes, AnswerBytes: s.hub.cfg.AnswerBytes, Rooms: s.hub.cfg.RoomsPerSession, Replay: s.hub.cfg.Replay, Reactions: s.hub.cfg.Reactions, People: s.hub.cfg.Profiles != nil, Search: s.hub.searches()},
	})
	s.Unlock()
	s.hub.cfg.Observer.SessionOpened(s.ID(), who.User, s.remote)
}

// joinAtOnce makes the join that opened the connection, if there is one.
func (s *session) joinAtOnce(ctx context.Context) {
	s.Lock()
	ask := s.join
	s.join = nil
	s.Unlock()
	if ask == nil {
		return
	}
	ctx, a := s.begins(ctx, ports.Command{Ask: *ask}, time.Now())
	if err := s.within(ctx, func(ctx context.Context) error { return s.enter(ctx, "", *ask) }); err != nil {
		s.fail(ctx, a, err)
		return
	}
	s.answered(ctx, a, nil)
}

// Heard implements ports.Session.
func (s *session) Heard() { s.heard.Store(time.Now().UnixNano()) }

// Reply implements ports.Session.
func (s *session) Reply(frame []byte) {
	s.Lock()
	defer s.Unlock()
	if !s.Full() { // a client that does not read its answers gets no more
		s.PutRaw(frame)
	}
}

// Finish implements ports.Session.
func (s *session) Finish(closeFrame []byte, reason ports.CloseReason) {
	s.Lock()
	defer s.Unlock()
	switch {
	case s.Closing() || s.parting != nil:
	case s.Owes() > 0:
		p := &parting{frame: bytes.Clone(closeFrame), reason: reason}
		p.late = time.AfterFunc(feed.StoreTime, func() {
			s.Lock()
			defer s.Unlock()
			s.part(p)
		})
		s.parting = p
	default:
		s.part(&parting{frame: closeFrame, reason: reason})
	}
}

// parting is how a session ends when its last commands are answered.
type parting struct {
	frame  []byte
	reason ports.CloseReason
	late   *time.Timer // nil if it did not wait
}

// part ends the session in the way that its transport asked for. The lock is held.
func (s *session) part(p *parting) {
	if p.late != nil {
		p.late.Stop()
	}
	s.CloseWith(p.frame, p.reason)
}

// concluded notes that a command is answered. The lock is held.
func (s *session) concluded() {
	s.Owe(-1)
	if s.parting != nil && s.Owes() == 0 {
		s.part(s.parting)
	}
}

// shut ends the session from outside. failure is for the client, or nil.
func (s *session) shut(reason ports.CloseReason, failure error) {
	s.Lock()
	defer s.Unlock()
	s.Close(reason, failure)
}

// Closed implements ports.Session.
func (s *session) Closed() {
	s.Lock()
	reason, identity := s.Drop(), s.identity
	if s.parting != nil {
		s.parting.late.Stop()
	}
	for _, fl := range s.Follows() {
		s.endFollow(of(fl))
	}
	for _, room := range s.typesIn {
		s.hub.presence.StopTyping(room, s.ID())
	}
	s.typesIn = nil
	s.Forget()
	s.Unlock()

	s.hub.watchers.drop(s)
	s.hub.dismissed(s, identity)
	if identity != nil {
		s.hub.cfg.Observer.SessionClosed(s.ID(), identity.User, reason, time.Since(s.opened))
	}
	s.Wait() // last, as commands may still wait for the store
}

// who returns the session's identity. It must be authenticated.
func (s *session) who() chat.Identity {
	s.Lock()
	defer s.Unlock()
	return *s.identity
}

// oks lends frames. That is safe, as an encoder keeps none.
var oks = sync.Pool{New: func() any { return new(ports.OK) }}

// ok answers a command that succeeded. A command without an id gets no answer.
func (s *session) ok(id string, answer ports.Answer) { s.okBefore(id, answer, "") }

// okBefore is ok for a change that made an entry in a room, of which the hub is told next. If the
// session follows the room, the client gets both together.
func (s *session) okBefore(id string, answer ports.Answer, room chat.RoomID) {
	if id == "" {
		return
	}
	f := oks.Get().(*ports.OK)
	f.ID, f.Answer = id, answer
	s.Lock()
	if fl := s.In(room); fl != nil {
		s.PutBefore(fl, f)
	} else {
		s.Put(f)
	}
	s.Unlock()
	*f = ports.OK{}
	oks.Put(f)
}

// fail answers a command that failed, and ends the session if too many do.
func (s *session) fail(ctx context.Context, a asked, err error) {
	e := *chat.AsError(err)
	switch e.Kind {
	case chat.Internal:
		e.Reason = "a fault of the service; it is logged under " + s.hub.cfg.Observer.Fault(ctx, "answer a command", err)
	case chat.Unavailable:
		if e.RetryAfter == 0 {
			e.RetryAfter = time.Second
		}
		if e.Cause != nil { // it is not logged yet
			s.hub.cfg.Observer.Fault(ctx, "answer a command", err)
		}
	}
	s.Lock()
	if !s.Closing() {
		s.Put(ports.Failure{ID: a.ID, Err: &e})
		s.count(e.Kind)
	}
	s.Unlock()
	s.answered(ctx, a, &e)
}

func (s *session) answered(ctx context.Context, a asked, err error) {
	s.hub.cfg.Observer.Commanded(ctx, s.ID(), a.Ask, err, time.Since(a.began))
	if ports.IsSend(a.Ask) {
		s.hub.cfg.Observer.Sent(err)
	}
	a.ending.End(err)
}

const (
	maxBadRun   = 10               // so many bad requests in a row
	maxLimited  = 500              // refusals within limitWindow
	limitWindow = 10 * time.Second // then the count starts anew
)

// count ends the session of a client that sends bad requests, or goes on over its limit. The lock
// is held.
func (s *session) count(kind chat.Kind) {
	switch kind {
	case chat.BadRequest:
		if s.badRun++; s.badRun >= maxBadRun {
			s.Close(ports.CloseBadRequests, nil)
		}
	case chat.RateLimited:
		if now := time.Now(); now.Sub(s.limitAt) > limitWindow {
			s.limited, s.limitAt = 0, now
		}
		if s.limited++; s.limited >= maxLimited {
			s.Close(ports.CloseFlooding, nil)
		}
	}
}

// authenticate verifies a token: the first, or a fresh one for the same user.
func (s *session) authenticate(ctx context.Context, id string, ask ports.Auth) error {
	s.Lock()
	old := s.identity
	s.Unlock()
	if old != nil { // connecting, with the first token, has its own limits
		if err := s.hub.cfg.Limiter.Charge(*old); err != nil {
			return err
		}
	}
	fresh, err := s.hub.cfg.Verifier.Verify(ctx, ask.Token)
	if err != nil {
		return err
	}
	if old == nil {
		if err := s.hub.adopt(s, &fresh); err != nil {
			return err
		}
		s.welcome(&fresh)
		s.ok(id, ports.Authenticated{User: fresh.Author()})
		s.joinAtOnce(ctx)
		return nil
	}
	if old.User != fresh.User {
		return chat.Errorf(chat.Unauthenticated, "the token is another user's")
	}
	s.Lock()
	s.identity = &fresh
	if !old.Grants.Equal(fresh.Grants) || old.Admin != fresh.Admin {
		for _, fl := range s.Follows() {
			s.hub.doubt(of(fl), fl.Cursor())
		}
	}
	s.Unlock()
	s.ok(id, ports.Authenticated{User: fresh.Author()})
	return nil
}

// refused reports whether err means that a token is refused.
func refused(err error) bool { return errors.Is(err, chat.Unauthenticated) }
