package session

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// Command implements ports.Session.
func (s *session) Command(ctx context.Context, c ports.Command) (more bool) {
	began := time.Now()
	s.Heard()
	s.Lock()
	if _, malformed := c.Ask.(ports.Malformed); !malformed {
		s.badRun = 0
	}
	closing, known := s.Closing(), s.identity != nil
	s.Unlock()
	if closing {
		return false
	}
	ctx, a := s.begins(ctx, c, began)
	_, malformed := c.Ask.(ports.Malformed)
	_, auth := c.Ask.(ports.Auth)
	switch {
	case !known && !malformed && !auth:
		s.conclude(ctx, a, errNoToken)
	case !s.waitsTurn(ctx, a):
		s.perform(ctx, a)
	}
	return s.more()
}

// perform does a command and answers it. A change is answered when it is durable.
func (s *session) perform(ctx context.Context, a asked) {
	switch ask := a.Ask.(type) {
	case ports.Malformed:
		s.conclude(ctx, a, ask.Err)
	case ports.Auth:
		if _, err := a.By(chat.Identity{}); err != nil {
			s.conclude(ctx, a, err)
			return
		}
		s.conclude(ctx, a, s.within(ctx, func(ctx context.Context) error { return s.authenticate(ctx, a.ID, ask) }))
	case ports.Change:
		by, err := a.By(s.who())
		if err != nil {
			s.conclude(ctx, a, err)
			return
		}
		s.change(ctx, by, a, ask)
	default:
		s.conclude(ctx, a, s.within(ctx, func(ctx context.Context) error { return s.do(ctx, a.Command) }))
	}
}

// conclude ends a command. If it failed, it is answered here; otherwise it was answered already.
func (s *session) conclude(ctx context.Context, a asked, err error) {
	if err == nil {
		s.answered(ctx, a, nil)
		return
	}
	s.fail(ctx, a, err)
	if refused(err) {
		s.shut(ports.CloseUnauthenticated, nil)
	}
}

// asked is a command that is not answered yet.
type asked struct {
	ports.Command
	began  time.Time
	ending ports.Ending
}

// begins tells the observer that work on a command begins. This is the first step of a trace,
// unless the client has begun one.
func (s *session) begins(ctx context.Context, c ports.Command, began time.Time) (context.Context, asked) {
	if c.Trace != "" {
		ctx = ports.WithTrace(ctx, c.Trace)
	}
	ctx, ending := s.hub.cfg.Observer.Began(ctx, ports.Step{Name: ports.NameOf(c.Ask), Begins: true, Room: ports.RoomOf(c.Ask)})
	return ctx, asked{c, began, ending}
}

var errNoToken = chat.Errorf(chat.Unauthenticated, "the first frame must be auth, with a token")

// errNoSearch is the answer to a search where the service has none. It is that of an unknown type.
var errNoSearch = chat.Errorf(chat.UnknownType, "this service has no search")

// within bounds how long a command may take, as the next one waits for it.
func (s *session) within(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, feed.StoreTime)
	defer cancel()
	return do(ctx)
}

// more reports whether the session takes another command now. If not, its connection gets a Resume
// later.
func (s *session) more() bool {
	s.Lock()
	defer s.Unlock()
	if s.Closing() {
		return false
	}
	return !s.Pause()
}

func (s *session) do(ctx context.Context, c ports.Command) error {
	by, err := c.By(s.who())
	if err != nil {
		return err
	}
	id := c.ID
	switch ask := c.Ask.(type) {
	case ports.Join:
		return s.enter(ctx, id, ask)
	case ports.Leave:
		s.leave(id, ask.Room)
		return nil
	case ports.History:
		page, err := s.hub.cfg.Reader.History(ctx, by, ask)
		return s.okUnless(err, id, page)
	case ports.Search:
		if !s.hub.searches() {
			return errNoSearch
		}
		page, err := s.hub.cfg.Searcher.Search(ctx, by, ask)
		return s.okUnless(err, id, page)
	case ports.Mark:
		return s.mark(ctx, by, id, ask)
	case ports.Typing:
		return s.typing(ctx, id, ask)
	case ports.Presence:
		// The right is checked first, as the time that Present takes would tell that the room
		// exists.
		if _, err := s.hub.cfg.Reader.Allowed(ctx, s.who(), ask.Room); err != nil {
			return err
		}
		s.asks(ask.Room)
		s.ok(id, s.hub.presence.Present(ask.Room))
		return nil
	case ports.Users:
		return s.users(ctx, id, ask)
	case ports.Ping:
		s.ok(id, ports.Pong{Now: time.Now().UTC()})
		return nil
	default:
		return chat.Errorf(chat.Internal, "no command %T", ask)
	}
}

// asks notes that the client wants to know who comes to a room and goes. That must come before it
// is told who is present.
func (s *session) asks(room chat.RoomID) {
	s.Lock()
	defer s.Unlock()
	if fl := s.In(room); fl != nil {
		fl.Ask()
	}
}

func (s *session) okUnless(err error, id string, answer ports.Answer) error {
	if err == nil {
		s.ok(id, answer)
	}
	return err
}

// change records a change, and answers when the change is durable. The next command does not wait
// for that.
func (s *session) change(ctx context.Context, by chat.Identity, a asked, ask ports.Change) {
	var key chat.Key // of a send
	if send, ok := ask.(ports.Send); ok {
		if send.Key == "" {
			send.Key = chat.NewKey()
			ask = send
		}
		key = send.Key
	}
	s.Lock()
	s.Owe(1)
	s.Expect(ask.In(), key)
	s.Unlock()
	s.hub.cfg.Writer.Write(ctx, by, ask, func(receipt ports.Receipt, err error) {
		if err != nil {
			s.fail(context.WithoutCancel(ctx), a, err)
		} else {
			made := ask.In()
			if receipt.Duplicate || receipt.Unchanged {
				made = ""
			}
			s.okBefore(a.ID, ports.AnswerTo(ask, receipt), made)
			s.answered(ctx, a, nil)
		}
		s.changed(ask.In(), key, receipt.Seq)
	})
}

// changed notes that a change was answered. seq is its entry if it succeeded. Entries that waited
// for the answer are sent now.
func (s *session) changed(room chat.RoomID, key chat.Key, seq chat.Seq) {
	s.Lock()
	defer s.Unlock()
	if s.Settled(room, key, seq) {
		s.settleLine(room)
	}
	s.concluded()
}

func (s *session) mark(ctx context.Context, by chat.Identity, id string, ask ports.Mark) error {
	marked, err := s.hub.cfg.Reader.Mark(ctx, by, ask)
	if err != nil {
		return err
	}
	s.ok(id, marked)
	if marked.Read == ask.Seq { // others need not hear of a mark before the present one
		s.hub.Tell(chat.Signal{Room: ask.Room, User: by.User, Kind: chat.SignalRead, Seq: marked.Read}, s.ID())
	}
	return nil
}

func (s *session) typing(ctx context.Context, id string, ask ports.Typing) error {
	role, err := s.hub.cfg.Reader.Allowed(ctx, s.who(), ask.Room)
	if err != nil {
		return err
	}
	if !role.May(chat.Write) {
		return chat.Errorf(chat.Forbidden, "you may only read here, so you cannot type")
	}
	f, sent, err := s.typingFeed(ctx, ask)
	if err != nil {
		return err
	}
	s.ok(id, ports.TypingNoted{})
	if f != nil {
		s.Lock()
		defer s.Unlock()
		s.types(f, ask.On, sent)
	}
	return nil
}

// typingFeed returns the feed of the room to type in, and the last entry there that the session was
// told is its own. A feed that nobody here follows stays open for longer than typing lasts. Without
// a feed there is no typing to end, and f is nil.
func (s *session) typingFeed(ctx context.Context, ask ports.Typing) (f *feed.Feed, sent chat.Seq, err error) {
	s.Lock()
	fl := s.In(ask.Room)
	if fl != nil {
		f, sent = fl.Feed, fl.Sent()
	}
	s.Unlock()
	switch {
	case fl != nil:
	case !ask.On:
		f = s.hub.delivery.Get(ask.Room)
	default:
		if f, err = s.hub.delivery.Acquire(ctx, ask.Room); err == nil {
			f.Release()
		}
	}
	return f, sent, err
}

// maxTyping is in how many rooms a session types at once. If it begins to type in one more, its
// typing in the first one ends.
const maxTyping = 8

// types notes that a session's user types in a room, or has stopped. sent is the last entry there
// that the session knows to be its own. The lock is held.
func (s *session) types(f *feed.Feed, on bool, sent chat.Seq) {
	if s.Closing() {
		return
	}
	at := slices.Index(s.typesIn, f.Room())
	switch {
	case !on && at >= 0:
		s.typesIn = slices.Delete(s.typesIn, at, at+1)
	case on && at < 0:
		if len(s.typesIn) >= maxTyping {
			s.hub.presence.StopTyping(s.typesIn[0], s.ID())
			s.typesIn = slices.Delete(s.typesIn, 0, 1)
		}
		s.typesIn = append(s.typesIn, f.Room())
	}
	sig := chat.Signal{Room: f.Room(), User: s.identity.User, Kind: chat.SignalTyping, On: on, Seq: sent}
	s.hub.presence.Types(sig, f.View().Head, s.ID())
}
