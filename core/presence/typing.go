package delivery

import (
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	typingLasts  = 6 * time.Second // after the last sign of it, on whatever node it is shown
	typingEvery  = 3 * time.Second // a user's typing in a room is told so often, at most
	typingLonger = time.Second     // who types on for so long after that was told, it is told of again
	mostTypists  = 100             // of a room that are told of
	mostTyping   = 8               // rooms in which a session types at once; in one more, it ends in the first
)

// typist is a user who types in a room, or did so a moment ago.
type typist struct {
	by    *session // that typed last; nil: one of another node
	heard time.Time
	told  time.Time // when the room's readers were told last that they type
	types bool
	shown bool     // is what the readers were told last
	since chat.Seq // what the user says behind this entry ends it
}

// typing is who types in the room of a feed. Each node ends by itself what it shows: others may die, and what they tell may be lost. The
// feed's mu guards it.
type typing struct {
	who   map[chat.UserID]*typist
	look  *time.Timer     // when something is due next; nil while nobody types
	ended []pendingSignal // by messages that are not published yet
}

// types takes that a session's user types in a room, or has stopped. sent is the last entry that the session knows to be its own there.
// s.mu is held.
func (s *session) types(f *feed, on bool, sent chat.Seq) {
	if s.closing || s.dead {
		return
	}
	at := slices.Index(s.typesIn, f)
	switch {
	case !on && at >= 0:
		s.typesIn = slices.Delete(s.typesIn, at, at+1)
	case on && at < 0:
		if len(s.typesIn) >= mostTyping {
			s.hub.stopsTyping(s.typesIn[0], s)
			s.typesIn = slices.Delete(s.typesIn, 0, 1)
		}
		s.typesIn = append(s.typesIn, f)
	}
	s.hub.typed(chat.Signal{Room: f.room, User: s.identity.User, Kind: chat.SignalTyping, On: on, Seq: sent}, f, s)
}

// typed takes that a user types or has stopped: by a session, or, where by is nil, on another node.
func (h *Hub) typed(sig chat.Signal, f *feed, by *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := &f.typing
	t := g.who[sig.User]
	switch {
	case !sig.On && t == nil:
		return
	case !sig.On:
		h.endTyping(f, sig.User, t, by)
		return
	case t == nil && len(g.who) >= mostTypists:
		return
	case t == nil:
		if g.who == nil {
			g.who = map[chat.UserID]*typist{}
		}
		t = &typist{}
		g.who[sig.User] = t
	}
	if t.shown && sig.Seq > t.since { // the message that ended what is shown has yet to come here
		t.shown = false
		h.signal(f, chat.Signal{Room: f.room, User: sig.User, Kind: chat.SignalTyping, Seq: sig.Seq}, t.by)
	}
	now := time.Now()
	t.by, t.heard, t.types, t.since = by, now, true, max(sig.Seq, f.ring.now.head)
	if now.Sub(t.told) >= typingEvery {
		h.tellTyping(f, sig.User, t, now, sig.Seq)
	}
	h.typingDue(f, now)
}

// tellTyping tells that a user types, not ahead of what they said before. f.mu is held.
func (h *Hub) tellTyping(f *feed, user chat.UserID, t *typist, now time.Time, behind chat.Seq) {
	t.told, t.shown = now, true
	h.tellOf(f, chat.Signal{Room: f.room, User: user, Kind: chat.SignalTyping, On: true, Seq: behind}, t.by, t.by)
}

// endTyping tells that a user has stopped, if somebody was told that they type; the other nodes hear of it from the node of by. f.mu is held.
func (h *Hub) endTyping(f *feed, user chat.UserID, t *typist, by *session) {
	t.types = false
	if t.shown {
		t.shown = false
		h.tellOf(f, chat.Signal{Room: f.room, User: user, Kind: chat.SignalTyping}, t.by, by)
	}
}

// tellOf passes a signal on to a feed's readers but origin, and to the other nodes where it is a session's here. f.mu is held.
func (h *Hub) tellOf(f *feed, sig chat.Signal, origin, by *session) {
	h.signal(f, sig, origin)
	if by != nil {
		h.pass(sig)
	}
}

// stopsTyping ends the typing of a session that goes, unless its user types on another one.
func (h *Hub) stopsTyping(f *feed, s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for user, t := range f.typing.who {
		if t.by == s {
			h.endTyping(f, user, t, s)
			t.by = nil // which is forgotten
		}
	}
}

// said ends the typing of a message's author, as soon as a reader has that message. f.mu is held.
func (f *feed) said(e *chat.Entry, enc ports.Encoder) {
	t := f.typing.who[e.Author.ID]
	if _, message := e.Fact.(chat.Message); !message || t == nil || !t.types || e.Seq <= t.since {
		return
	}
	t.types = false
	if t.shown {
		t.shown = false
		sig := chat.Signal{Room: f.room, User: e.Author.ID, Kind: chat.SignalTyping, Seq: e.Seq}
		f.typing.ended = append(f.typing.ended, pendingSignal{Signal: sig, origin: t.by, frame: enc.Frame(nil, ports.SignalFrame{Signal: sig})})
	}
}

// takeEnded returns the signals of those whose messages are being published. f.mu is held.
func (f *feed) takeEnded() []pendingSignal {
	ended := f.typing.ended
	f.typing.ended = nil
	return ended
}

// again is when a typist is to be told of again; zero: not before there is another sign.
func (t *typist) again() time.Time {
	if t.types && (!t.shown || t.heard.Sub(t.told) >= typingLonger) {
		return t.told.Add(typingEvery)
	}
	return time.Time{}
}

// next is when something is due for a typist.
func (t *typist) next() time.Time {
	if !t.types {
		return t.told.Add(typingEvery) // forgotten: until then, another sign is told later
	}
	end := t.heard.Add(typingLasts)
	if again := t.again(); !again.IsZero() && again.Before(end) {
		return again
	}
	return end
}

// typingDue has the feed looked at when something is due for one of its typists. f.mu is held.
func (h *Hub) typingDue(f *feed, now time.Time) {
	g := &f.typing
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
		g.look = time.AfterFunc(first.Sub(now), func() { h.lookAtTyping(f) })
	default:
		g.look.Reset(first.Sub(now))
	}
}

// lookAtTyping does what is due for a feed's typists.
func (h *Hub) lookAtTyping(f *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for user, t := range f.typing.who {
		again := t.again()
		switch {
		case !t.types && !now.Before(t.told.Add(typingEvery)):
			delete(f.typing.who, user)
		case t.types && !now.Before(t.heard.Add(typingLasts)):
			h.endTyping(f, user, t, t.by)
		case !again.IsZero() && !now.Before(again):
			h.tellTyping(f, user, t, now, 0)
		}
	}
	h.typingDue(f, now)
}
