package session

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/delivery"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

const (
	checksAtOnce = 256 // follows in one query
	checkWorkers = 2
	checkTries   = 5 // tries of one follow alone that fail with something other than Unavailable
	checkPause   = time.Second
)

// check is where the check of a follow's right to read stands.
type check uint8

const (
	checkNone   check = iota
	checkWaits        // it waits in the hub's list
	checkAsked        // a worker asks the store
	checkPassed       // a worker asks the store, but something has changed since: ask again
)

// checkMembers holds follows at e whose users may lose the right to read by it, until that is
// checked. It is called before e is delivered.
func (h *Hub) checkMembers(a *delivery.Audience, e *chat.Entry) {
	if !chat.EndsReading(e.Fact, "") {
		return
	}
	var user chat.UserID // everybody
	if m, ok := e.Fact.(chat.MemberChanged); ok {
		user = m.User
	}
	for _, one := range a.Endangered(e.Seq, user) {
		fl := of(one)
		fl.session.Lock()
		h.recheck(fl, e.Seq)
		fl.session.Unlock()
	}
}

// made takes the notice that a room was made, or may have been. Sessions that followed it while it
// was unmade go on if it is public. Otherwise their right to read is checked.
func (h *Hub) made(n ports.StandingChanged) {
	a := h.delivery.Audience(n.Room)
	if a == nil || n.User != "" || !n.Opened && a.View().Head > 0 {
		return
	}
	for _, one := range a.Of("") {
		fl := of(one)
		fl.session.Lock()
		switch {
		case fl.unmade && n.Opened:
			fl.setUnmade(false)
		case fl.unmade:
			h.doubt(fl, fl.Cursor())
		}
		fl.session.Unlock()
	}
}

// recheck starts a check whether a follow's user may still read, as the entry seq may have ended
// that right. It does nothing if the last check saw that entry. The session's mu is held.
func (h *Hub) recheck(fl *follow, seq chat.Seq) {
	if seq > fl.cleared {
		h.doubt(fl, seq)
	}
}

// doubt holds a follow at the entry until, and starts a check whether its user may still read the
// room. If not, the follow ends there. A follow has only one check that waits. The session's mu is
// held.
func (h *Hub) doubt(fl *follow, until chat.Seq) {
	if fl.Gone() || fl.refused != nil {
		return
	}
	fl.Hold(until)
	switch fl.check {
	case checkNone:
		h.ask(fl)
	case checkAsked:
		fl.check = checkPassed
	}
}

func (h *Hub) ask(fl *follow) {
	fl.check = checkWaits
	fl.asking = h.checks.Put(fl)
}

// watchRights checks who may still read, for many follows at once, until ctx ends. Its workers are
// not those that serve readers from the log. So when a room with thousands of followers is hidden,
// other rooms do not stall.
func (h *Hub) watchRights(ctx context.Context) {
	for h.checks.Wait(ctx) {
		for batch := h.checks.Take(checksAtOnce); len(batch) > 0 && ctx.Err() == nil; batch = h.checks.Take(checksAtOnce) {
			h.checkRights(ctx, batch)
		}
	}
}

// checkRights checks for some follows whether their users may still read. While the store is
// unavailable the follows stay held: they get nothing, and do not end.
func (h *Hub) checkRights(ctx context.Context, batch []*follow) {
	asked := make([]ports.Follower, 0, len(batch))
	held := batch[:0]
	for _, fl := range batch {
		if by, ok := fl.asks(); ok {
			held, asked = append(held, fl), append(asked, ports.Follower{By: by, Room: fl.Room()})
		}
	}
	if len(held) == 0 {
		return
	}
	rights, err := h.mayRead(ctx, asked)
	switch {
	case err == nil:
		var unknown []*follow
		for i, fl := range held {
			if err = rights[i].Err; errors.Is(err, chat.Unavailable) {
				h.cfg.Observer.Fault(ctx, "check who may still read", err)
				unknown = append(unknown, fl)
			} else {
				fl.session.checked(fl, rights[i])
			}
		}
		if len(unknown) > 0 {
			h.askLater(ctx, unknown)
		}
	case ctx.Err() != nil:
	case errors.Is(err, chat.Unavailable):
		h.cfg.Observer.Fault(ctx, "check who may still read", err)
		h.askLater(ctx, held)
	case len(held) > 1: // one that cannot be checked must not affect the others: halving finds it
		half := len(held) / 2
		h.checkRights(ctx, held[:half])
		h.checkRights(ctx, held[half:])
	default:
		h.cfg.Observer.Fault(ctx, "check who may still read", err)
		if fl := held[0]; fl.triedOften() {
			fl.session.checked(fl, ports.Right{Err: chat.Errorf(chat.Internal, "it cannot be checked now whether you may read %s", fl.Room())})
			return
		}
		h.askLater(ctx, held)
	}
}

func (h *Hub) mayRead(ctx context.Context, asked []ports.Follower) ([]ports.Right, error) {
	ctx, cancel := context.WithTimeout(ctx, feed.StoreTime)
	defer cancel()
	rights, err := h.cfg.Reader.MayRead(ctx, asked)
	if err == nil && len(rights) != len(asked) {
		err = chat.Errorf(chat.Internal, "there are %d rights of %d readers", len(rights), len(asked))
	}
	return rights, err
}

// askLater waits a moment, and puts the follows at the end of the list.
func (h *Hub) askLater(ctx context.Context, list []*follow) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(checkPause):
	}
	for _, fl := range list {
		fl.session.Lock()
		if !fl.Gone() {
			h.ask(fl)
		}
		fl.session.Unlock()
	}
}

// asks begins a check, and returns the user. ok is false if the follow or its session has ended.
func (fl *follow) asks() (by chat.Identity, ok bool) {
	s := fl.session
	s.Lock()
	defer s.Unlock()
	if fl.Gone() || s.identity == nil {
		return by, false
	}
	fl.check = checkAsked
	return *s.identity, true
}

// triedOften counts one more try, and reports whether it was the last.
func (fl *follow) triedOften() bool {
	s := fl.session
	s.Lock()
	defer s.Unlock()
	fl.tries++
	return fl.tries >= checkTries
}

// checked lets a follow go on, or end at its last entry.
func (s *session) checked(fl *follow, right ports.Right) {
	s.Lock()
	defer s.Unlock()
	again := fl.check == checkPassed
	fl.check = checkNone
	switch {
	case fl.Gone():
		return
	case again:
		s.hub.ask(fl)
		return
	case right.Err != nil:
		fl.refused = right.Err
		fl.Finish()
	case right.Unmade && fl.Cursor() < fl.View().Head:
		// The room has an entry, but the store does not show the room yet, as a replica may lag
		// behind. Ask again until it does.
		fl.check = checkWaits
		s.hub.later.Do(checkPause, func() {
			s.Lock()
			defer s.Unlock()
			if !fl.Gone() {
				s.hub.ask(fl)
			}
		})
	default:
		fl.tries, fl.cleared = 0, max(fl.cleared, right.Head)
		fl.setUnmade(right.Unmade)
		fl.Free()
	}
}

// dismiss ends a follow that has got its last entry, and tells why. The lock is held.
func (s *session) dismiss(fl *follow) {
	s.endFollow(fl)
	if s.Closing() {
		return
	}
	why := fl.refused
	if errors.Is(why, chat.NotFound) { // they know already that the room exists
		why = chat.Errorf(chat.NotFound, "you may not read %s any more", fl.Room())
	}
	s.Put(ports.FollowEnded{Room: fl.Room(), Err: why})
}
