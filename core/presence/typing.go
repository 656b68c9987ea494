package presence

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

const (
	typingLasts = 6 * time.Second // after the last sign, on each node that shows it
	typingEvery = 3 * time.Second // min pause between two signals that a user types
	typingAgain = time.Second     // who still types so long after a signal is told of again
	maxTypists  = 100             // max users in a room who are shown as typing
)

// typing is who types in a room. Each node ends the typing that it shows by itself. Another node
// may die, and its signals may be lost.
type typing struct {
	who  map[chat.UserID]*typist
	look *time.Timer // for what is due next; nil while nobody types
}

// typist is a user who types in a room, or did so a moment ago.
type typist struct {
	session string // the session that typed last; empty: it is on another node
	heard   time.Time
	told    time.Time // when the room's readers were last told that the user types
	types   bool
	shown   bool     // the last signal to the readers said that the user types
	since   chat.Seq // a message of the user after this entry ends the typing
}

// Types tells that a user types in a room, or has stopped. session is where; it is empty if the
// session is on another node. sig.Seq is the last entry there that is known to be the user's own.
// head is the last entry that has come to this node.
func (n *Node) Types(sig chat.Signal, head chat.Seq, session string) {
	r := n.room(sig.Room)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.typing.who[sig.User]
	switch {
	case !sig.On && t == nil:
		return
	case !sig.On:
		n.endTyping(r, sig.User, t, session)
		return
	case t == nil && len(r.typing.who) >= maxTypists:
		return
	case t == nil:
		if r.typing.who == nil {
			r.typing.who = map[chat.UserID]*typist{}
		}
		t = &typist{}
		r.typing.who[sig.User] = t
	}
	if t.shown && sig.Seq > t.since { // a message that ends the shown typing has yet to come here
		t.shown = false
		n.over(t, typingSignal(r.id, sig.User, false, sig.Seq))
	}
	now := time.Now()
	t.session, t.heard, t.types, t.since = session, now, true, max(sig.Seq, head)
	if now.Sub(t.told) >= typingEvery {
		n.tellTyping(r, sig.User, t, now, sig.Seq)
	}
	n.lookLater(r, now)
}

// StopTyping ends the typing of a session in a room, unless its user types in another one.
func (n *Node) StopTyping(id chat.RoomID, session string) {
	r := n.room(id)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for user, t := range r.typing.who {
		if t.session == session {
			n.endTyping(r, user, t, session)
			t.session = "" // the session has ended
		}
	}
}

// Said ends the typing of a message's author, for each reader once they have that message. It is
// called before readers are given the entry, so that both go out by one write.
func (n *Node) Said(e *chat.Entry) {
	if _, message := e.Fact.(chat.Message); !message {
		return
	}
	r := n.room(e.Room)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.typing.who[e.Author.ID]
	if t == nil || !t.types || e.Seq <= t.since {
		return
	}
	t.types = false
	if t.shown {
		t.shown = false
		n.over(t, typingSignal(r.id, e.Author.ID, false, e.Seq))
	}
}

// over tells this node's readers that typing ends by a message. All nodes get that message, so each
// tells its own readers.
func (n *Node) over(t *typist, sig chat.Signal) {
	n.cfg.Readers.Spread(sig, t.session)
	if t.session != "" {
		n.cfg.Readers.Arose(sig)
	}
}

func typingSignal(room chat.RoomID, user chat.UserID, on bool, seq chat.Seq) chat.Signal {
	return chat.Signal{Room: room, User: user, Kind: chat.SignalTyping, On: on, Seq: seq}
}

// tellTyping tells readers that a user types. They get the signal after the entry behind. r.mu is
// held.
func (n *Node) tellTyping(r *room, user chat.UserID, t *typist, now time.Time, behind chat.Seq) {
	t.told, t.shown = now, true
	n.pass(typingSignal(r.id, user, true, behind), t.session, t.session)
}

// endTyping tells that a user has stopped, if the readers were told that they type. The node of the
// session tells the other nodes. r.mu is held.
func (n *Node) endTyping(r *room, user chat.UserID, t *typist, session string) {
	t.types = false
	if t.shown {
		t.shown = false
		n.pass(typingSignal(r.id, user, false, 0), t.session, session)
	}
}

// pass gives a signal to a room's readers, except origin. If session is of this node, the other
// nodes get it too.
func (n *Node) pass(sig chat.Signal, origin, session string) {
	if session == "" {
		n.cfg.Readers.Spread(sig, origin)
		return
	}
	n.cfg.Readers.Tell(sig, origin)
}

// again returns when readers are told again that a user types; zero: not before another sign.
func (t *typist) again() time.Time {
	if t.types && (!t.shown || t.heard.Sub(t.told) >= typingAgain) {
		return t.told.Add(typingEvery)
	}
	return time.Time{}
}

// next returns when something is due for a typist.
func (t *typist) next() time.Time {
	if !t.types {
		return t.told.Add(typingEvery) // it is kept until then, so that typingEvery holds
	}
	end := t.heard.Add(typingLasts)
	if again := t.again(); !again.IsZero() && again.Before(end) {
		return again
	}
	return end
}

// lookLater sets the timer for what is due next for one of the room's typists. r.mu is held.
func (n *Node) lookLater(r *room, now time.Time) {
	g := &r.typing
	var first time.Time
	for _, t := range g.who {
		if next := t.next(); first.IsZero() || next.Before(first) {
			first = next
		}
	}
	switch {
	case first.IsZero():
		if g.look != nil {
			g.look.Stop()
			g.look = nil
		}
	case g.look == nil:
		g.look = time.AfterFunc(first.Sub(now), func() { n.lookAtTyping(r) })
	default:
		g.look.Reset(first.Sub(now))
	}
}

// lookAtTyping does what is due for a room's typists.
func (n *Node) lookAtTyping(r *room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for user, t := range r.typing.who {
		again := t.again()
		switch {
		case !t.types && !now.Before(t.told.Add(typingEvery)):
			delete(r.typing.who, user)
		case t.types && !now.Before(t.heard.Add(typingLasts)):
			n.endTyping(r, user, t, t.session)
		case !again.IsZero() && !now.Before(again):
			n.tellTyping(r, user, t, now, 0)
		}
	}
	n.lookLater(r, now)
}
