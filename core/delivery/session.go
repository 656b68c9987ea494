package delivery

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// session is one connection's life: who it is, its cursors, and what it has to be told.
type session struct {
	hub     *Hub
	id      string
	conn    ports.Conn
	remote  string
	shard   *shard
	opened  time.Time
	heard   atomic.Int64   // when something last came from the client, Unix nanoseconds
	writers sync.WaitGroup // a goroutine that waits for the socket, and those of the lines

	queued bool // is in the shard's dirty list; guarded by shard.mu

	stranger *stranger // nil once its token has come; guarded by hub.mu

	mu       sync.Mutex
	identity *chat.Identity // nil until authenticated
	join     *ports.Join    // the join that the connection began with, until it is made
	follows  follows
	sending  map[sendKey]int // changes under way
	lines    map[chat.RoomID]*line
	typesIn  []chat.RoomID // where its user types
	changes  int           // changes under way, and commands that wait for some
	pinged   time.Time

	outbox  []byte          // answers and entries of the log, encoded, unwritten
	owed    int             // how many bytes of it are answers
	handed  int             // the same of what a goroutine waits to write
	signals []pendingSignal // the latest of each slot
	due     []*follow       // behind their feeds, to be served by the next write

	badRun  int       // bad requests in a row
	limited int       // refusals since limitAt
	limitAt time.Time // when the present count of refusals began

	paused  bool // Command returned false
	writing bool // a goroutine waits for the socket
	closing bool // the close frame is in the outbox: nothing follows it
	reason  ports.CloseReason
	parting *parting // waits for what was asked to be answered
	dead    bool     // nothing is written any more
}

// sendKey is a change under way: a send by its key, and all others of its room by none.
type sendKey struct {
	room chat.RoomID
	key  chat.Key
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
		hub: h, id: rand.Text(), conn: conn, remote: opening.Remote, opened: now, pinged: now, join: opening.Join,
		shard: h.shards[int(h.next.Add(1))%len(h.shards)],
	}
	s.heard.Store(now.UnixNano())
	crowdedOut, hurry, err := h.enroll(s, &opening)
	if err != nil {
		return nil, err
	}
	if crowdedOut != nil {
		crowdedOut.makeWay(hurry)
	}
	s.shard.mu.Lock()
	s.shard.sessions[s] = struct{}{}
	s.shard.mu.Unlock()
	if opening.Identity != nil {
		s.welcome(opening.Identity)
		s.joinAtOnce(context.Background())
	}
	return s, nil
}

// welcome makes the session that of an identity.
func (s *session) welcome(who *chat.Identity) {
	s.mu.Lock()
	s.identity = who
	s.put(ports.Welcome{
		Session: s.id, User: who.Author(), Heartbeat: s.hub.cfg.Heartbeat, Log: s.hub.cfg.Which(), Expires: who.Expires,
		Features: s.hub.presence.Features(),
		Limits:   ports.Limits{FrameBytes: s.hub.cfg.FrameBytes, AnswerBytes: s.hub.cfg.AnswerBytes, Rooms: s.hub.cfg.RoomsPerSession, Replay: s.hub.cfg.Replay, Reactions: s.hub.cfg.Reactions},
	})
	s.mu.Unlock()
	s.hub.cfg.Observer.SessionOpened(s.id, who.User, s.remote)
	s.hub.queue(s)
}

// joinAtOnce makes the join that the connection began with, if there is one.
func (s *session) joinAtOnce(ctx context.Context) {
	s.mu.Lock()
	ask := s.join
	s.join = nil
	s.mu.Unlock()
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

// ID implements ports.Session.
func (s *session) ID() string { return s.id }

// Heard implements ports.Session.
func (s *session) Heard() { s.heard.Store(time.Now().UnixNano()) }

// Reply implements ports.Session.
func (s *session) Reply(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing && !s.full() { // a client that takes none of its answers needs no more
		s.raw(frame)
	}
}

// Finish implements ports.Session.
func (s *session) Finish(closeFrame []byte, reason ports.CloseReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing || s.parting != nil:
	case s.changes > 0:
		p := &parting{frame: bytes.Clone(closeFrame), reason: reason}
		p.late = time.AfterFunc(storeTime, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.part(p)
		})
		s.parting = p
	default:
		s.part(&parting{frame: closeFrame, reason: reason})
	}
}

// parting is how a session ends that waits for what its client asked last.
type parting struct {
	frame  []byte
	reason ports.CloseReason
	late   *time.Timer // nil where it did not wait
}

// part ends the session as its transport said. s.mu is held.
func (s *session) part(p *parting) {
	if p.late != nil {
		p.late.Stop()
	}
	if !s.closing {
		s.closing, s.reason = true, p.reason
		s.raw(p.frame)
	}
}

// concluded notes that something that the client asked is answered. s.mu is held.
func (s *session) concluded() {
	s.changes--
	if s.parting != nil && s.changes == 0 {
		s.part(s.parting)
	}
	s.unpause()
}

func (s *session) raw(frame []byte) {
	if s.outbox == nil && len(frame) > 0 {
		s.outbox = *outboxes.Get().(*[]byte)
	}
	s.outbox = append(s.outbox, frame...)
	s.owed += len(frame)
	s.hub.queue(s)
}

// shut ends the session from outside, with an error for the client where there is one to tell.
func (s *session) shut(reason ports.CloseReason, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close(reason, failure)
}

// close puts the close frame behind what is in the outbox; nothing follows it. s.mu is held.
func (s *session) close(reason ports.CloseReason, failure error) {
	if s.closing {
		return
	}
	if failure != nil {
		s.put(ports.Failure{Err: failure})
	}
	s.put(ports.CloseFrame{Reason: reason})
	s.closing, s.reason = true, reason
	s.hub.queue(s)
}

// kill ends the connection; nothing is written any more. s.mu is held.
func (s *session) kill(reason ports.CloseReason) {
	if s.dead {
		return
	}
	s.dead = true
	if !s.closing {
		s.closing, s.reason = true, reason
	}
	s.conn.Close(reason)
}

// Closed implements ports.Session.
func (s *session) Closed() {
	s.mu.Lock()
	if !s.closing {
		s.closing, s.reason = true, ports.CloseGone
	}
	s.dead = true
	if s.parting != nil {
		s.parting.late.Stop()
	}
	for _, fl := range slices.Clone(s.follows) {
		s.endFollow(fl)
	}
	for _, room := range s.typesIn {
		s.hub.presence.StopTyping(room, s.id)
	}
	reason, identity := s.reason, s.identity
	s.due, s.signals, s.outbox, s.typesIn = nil, nil, nil, nil
	s.mu.Unlock()
	s.conn.Close(ports.CloseGone)

	s.shard.mu.Lock()
	delete(s.shard.sessions, s)
	s.shard.mu.Unlock()
	s.hub.dismissed(s, identity)
	if identity != nil {
		s.hub.cfg.Observer.SessionClosed(s.id, identity.User, reason, time.Since(s.opened))
	}
	s.writers.Wait() // last, as what was asked for may wait for the store
}

// who returns the session's identity. It must be authenticated.
func (s *session) who() chat.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.identity
}

func (h *Hub) queue(s *session) { s.shard.queueSession(s) }

// ok answers a command that succeeded; without an id there is nothing to answer.
func (s *session) ok(id string, answer ports.Answer) {
	if id == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.put(ports.OK{ID: id, Answer: answer})
		s.hub.queue(s)
	}
}

// fail answers a command that failed, and ends the session of a client that goes on failing.
func (s *session) fail(ctx context.Context, a asked, err error) {
	e := *chat.AsError(err)
	switch e.Kind {
	case chat.Internal:
		e.Reason = "a fault of the service; it is logged under " + s.hub.cfg.Observer.Fault(ctx, "answer a command", err)
	case chat.Unavailable:
		if e.RetryAfter == 0 {
			e.RetryAfter = time.Second
		}
		if e.Cause != nil { // that nobody has told of yet
			s.hub.cfg.Observer.Fault(ctx, "answer a command", err)
		}
	}
	s.mu.Lock()
	if !s.closing {
		s.put(ports.Failure{ID: a.ID, Err: &e})
		s.count(e.Kind)
		s.hub.queue(s)
	}
	s.mu.Unlock()
	s.answered(ctx, a, &e)
}

func (s *session) answered(ctx context.Context, a asked, err error) {
	s.hub.cfg.Observer.Commanded(ctx, s.id, a.Ask, err, time.Since(a.began))
	if ports.IsSend(a.Ask) {
		s.hub.cfg.Observer.Sent(err)
	}
	a.ending.End(err)
}

const (
	mostBadRun  = 10               // bad requests in a row
	mostLimited = 500              // refusals within limitWindow
	limitWindow = 10 * time.Second // counted anew after that
)

// count closes on a client that sends rubbish, or goes on over the limit. s.mu is held.
func (s *session) count(kind chat.Kind) {
	switch kind {
	case chat.BadRequest:
		if s.badRun++; s.badRun >= mostBadRun {
			s.close(ports.CloseBadRequests, nil)
		}
	case chat.RateLimited:
		if now := time.Now(); now.Sub(s.limitAt) > limitWindow {
			s.limited, s.limitAt = 0, now
		}
		if s.limited++; s.limited >= mostLimited {
			s.close(ports.CloseFlooding, nil)
		}
	}
}

// unpause takes commands again if the reason not to is gone. s.mu is held.
func (s *session) unpause() {
	if s.paused && !s.full() {
		s.paused = false
		s.conn.Resume()
	}
}

// authenticate verifies a token: the first, or a fresh one for the same user.
func (s *session) authenticate(ctx context.Context, id string, ask ports.Auth) error {
	s.mu.Lock()
	old := s.identity
	s.mu.Unlock()
	if old != nil { // the first is a part of connecting, which has bounds of its own
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
	s.mu.Lock()
	s.identity = &fresh
	if !old.Grants.Equal(fresh.Grants) || old.Admin != fresh.Admin {
		for _, fl := range s.follows {
			s.hub.doubt(fl, fl.cursor)
		}
	}
	s.mu.Unlock()
	s.ok(id, ports.Authenticated{User: fresh.Author()})
	return nil
}

// refused reports whether err is for a token that is no good.
func refused(err error) bool { return errors.Is(err, chat.Unauthenticated) }
