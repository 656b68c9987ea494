package delivery

import (
	"container/list"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	leastStrangers = 16    // places for sessions without a token, where a tenth of all is fewer
	strangersAlone = 1_000 // the same where a node has no limit
	leastShare     = 8     // of these for one network, where a quarter is fewer
)

// strangers are the sessions whose token has yet to come. They have few places, and one network has few of these: when a place is needed
// the oldest makes way. So whoever connects and says nothing keeps nobody out, and least of all who has a token. The hub's mu guards it.
type strangers struct {
	most  int // places
	share int // of them for one network

	all  list.List // the oldest first
	from map[string]*list.List

	// Were sent away, and their connections are not gone yet: whoever does not go keeps out their own network first.
	going     int
	goingFrom map[string]int
}

// stranger is a session without a token, and where it stands.
type stranger struct {
	session  *session
	from     string        // its network
	among    *list.Element // all
	ofOne    *list.Element // those of its network
	sentAway bool          // is in no list any more
}

func newStrangers(sessions int) strangers {
	most := strangersAlone
	if sessions > 0 {
		most = min(max(sessions/10, leastStrangers), sessions)
	}
	return strangers{most: most, share: min(max(most/4, leastShare), most), from: map[string]*list.List{}, goingFrom: map[string]int{}}
}

func (g *strangers) add(s *session, from string) {
	one := &stranger{session: s, from: from}
	one.among = g.all.PushBack(one)
	own := g.from[one.from]
	if own == nil {
		own = list.New()
		g.from[one.from] = own
	}
	one.ofOne = own.PushBack(one)
	s.stranger = one
}

// remove takes out a session that has shown its token, or is over.
func (g *strangers) remove(s *session) {
	one := s.stranger
	if one == nil {
		return
	}
	s.stranger = nil
	if !one.sentAway {
		g.takeOut(one)
		return
	}
	g.going--
	if g.goingFrom[one.from]--; g.goingFrom[one.from] == 0 {
		delete(g.goingFrom, one.from)
	}
}

func (g *strangers) takeOut(one *stranger) {
	g.all.Remove(one.among)
	own := g.from[one.from]
	if own.Remove(one.ofOne); own.Len() == 0 {
		delete(g.from, one.from)
	}
}

// crowdedOut takes out who makes way for one more stranger from a network, if somebody must.
func (g *strangers) crowdedOut(from string, full bool) *session {
	if own := g.from[from]; own != nil && own.Len() >= g.share {
		return g.sendAway(own)
	}
	if full || g.all.Len() >= g.most {
		return g.sendAway(&g.all)
	}
	return nil
}

// sendAway takes out the oldest of a list. Its place is free from now on.
func (g *strangers) sendAway(of *list.List) *session {
	one := of.Front().Value.(*stranger)
	g.takeOut(one)
	one.sentAway = true
	g.going++
	g.goingFrom[one.from]++
	return one.session
}

// stay reports whether as many of those who were sent away are still there as may be, in all or of one network.
func (g *strangers) stay(from string) bool {
	return g.going >= g.most || g.goingFrom[from] >= g.share
}

var errCrowdedOut = chat.Errorf(chat.Unauthenticated, "no token came, and others need the place; give it in the handshake, or at once")

// full reports whether all places are taken, be it by strangers. h.mu is held.
func (h *Hub) full() bool {
	return h.cfg.MaxSessions > 0 && len(h.sessions)-h.strangers.going >= h.cfg.MaxSessions
}

// admit tells whether there is room for one more session. opening is nil where it is not known yet whose. h.mu is held.
func (h *Hub) admit(opening *ports.Opening) error {
	switch {
	case h.draining:
		return &chat.Error{Kind: chat.Unavailable, Reason: "this node is going away; try again", RetryAfter: time.Second}
	case h.full() && h.strangers.all.Len() == 0:
		return &chat.Error{Kind: chat.Unavailable, Reason: "this node is full; try again", RetryAfter: later()}
	case h.joins.crowded():
		return &chat.Error{Kind: chat.Unavailable, Reason: "too many are connecting; try again", RetryAfter: later()}
	case opening == nil:
		return nil
	case opening.Identity == nil && h.strangers.stay(opening.Network):
		return &chat.Error{Kind: chat.Unavailable, Reason: "too many connect without a token; try again, or with one", RetryAfter: later()}
	case opening.Identity != nil && h.cfg.SessionsPerUser > 0 && h.users[opening.Identity.User] >= h.cfg.SessionsPerUser:
		return &chat.Error{Kind: chat.RateLimited, Reason: "you have too many connections", RetryAfter: 5 * time.Second}
	}
	return nil
}

// enroll gives a session its place, and returns who made way for it, if somebody did. The caller tells them.
func (h *Hub) enroll(s *session, opening *ports.Opening) (crowdedOut *session, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.admit(opening); err != nil {
		return nil, err
	}
	full := h.full()
	if opening.Identity == nil {
		crowdedOut = h.strangers.crowdedOut(opening.Network, full)
		h.strangers.add(s, opening.Network)
	} else {
		if full {
			crowdedOut = h.strangers.sendAway(&h.strangers.all)
		}
		h.users[opening.Identity.User]++
	}
	h.sessions[s] = struct{}{}
	return crowdedOut, nil
}

// adopt counts a session among its user's, once its token has come.
func (h *Hub) adopt(s *session, who *chat.Identity) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.stranger != nil && s.stranger.sentAway {
		return errCrowdedOut
	}
	if h.cfg.SessionsPerUser > 0 && h.users[who.User] >= h.cfg.SessionsPerUser {
		return chat.Errorf(chat.RateLimited, "you have too many connections")
	}
	h.strangers.remove(s)
	h.users[who.User]++
	return nil
}

// dismissed gives back the place of a session that is over.
func (h *Hub) dismissed(s *session, identity *chat.Identity) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s)
	h.strangers.remove(s)
	if identity == nil {
		return
	}
	if h.users[identity.User]--; h.users[identity.User] <= 0 {
		delete(h.users, identity.User)
	}
}
