package session

import (
	"container/list"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	minStrangers   = 16    // min places for strangers; otherwise a tenth of all places
	strangersAlone = 1_000 // places for strangers where a node has no limit
	// Min places of one network; otherwise a quarter of the strangers' places.
	minShare = 8
	maxGoing = 2 // times the places: sessions that were sent away and are not gone yet
)

// strangers are the sessions whose token has yet to come. They have few places, and one network may
// have only a share of these. When a place is needed, the network with the most strangers loses its
// oldest one. So connections without a token keep nobody out, least of all a client with a token.
// While some network has two strangers, a stranger that is alone in its network is not sent away.
// It has all of Config.AuthTime for its token, however many others come. The hub's mu guards this.
type strangers struct {
	places int
	share  int // max places of one network

	count int
	from  map[string]*network
	// Networks by their number of strangers. In each list, the one that had that number first
	// stands first.
	sizes map[int]*list.List
	top   int // the highest number of strangers of a network

	// Strangers that were sent away, whose connections are not gone yet. A network with too many of
	// these gets no new places.
	going     int
	goingFrom map[string]int
}

// network has the strangers from one network.
type network struct {
	strangers list.List     // the oldest first
	place     *list.Element // in its list of sizes
}

// stranger is a session without a token.
type stranger struct {
	session  *session
	from     string        // the network it comes from
	place    *list.Element // in its network's list
	sentAway bool          // it was sent away, and is in no list any more
}

func newStrangers(sessions int) strangers {
	places := strangersAlone
	if sessions > 0 {
		places = min(max(sessions/10, minStrangers), sessions)
	}
	share := min(max(places/4, minShare), places)
	return strangers{places: places, share: share, from: map[string]*network{}, sizes: map[int]*list.List{}, goingFrom: map[string]int{}}
}

func (g *strangers) add(s *session, from string) {
	of := g.from[from]
	if of == nil {
		of = &network{}
		g.from[from] = of
	}
	s.stranger = &stranger{session: s, from: from}
	s.stranger.place = of.strangers.PushBack(s.stranger)
	g.count++
	g.resize(of, of.strangers.Len()-1)
}

// resize moves a network to the list of its present size. Before, it had was strangers.
func (g *strangers) resize(of *network, was int) {
	if before := g.sizes[was]; before != nil {
		if before.Remove(of.place); before.Len() == 0 {
			delete(g.sizes, was)
		}
	}
	if now := of.strangers.Len(); now > 0 {
		if g.sizes[now] == nil {
			g.sizes[now] = list.New()
		}
		of.place = g.sizes[now].PushBack(of)
		g.top = max(g.top, now)
	}
	for g.top > 0 && g.sizes[g.top] == nil {
		g.top--
	}
}

// remove removes a session that has shown its token, or is over.
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
	of := g.from[one.from]
	of.strangers.Remove(one.place)
	g.count--
	g.resize(of, of.strangers.Len()+1)
	if of.strangers.Len() == 0 {
		delete(g.from, one.from)
	}
}

// crowdedOut removes and returns the session that must go to make a place for one more stranger
// from a network. It returns nil if none must go.
func (g *strangers) crowdedOut(from string, full bool) *session {
	if own := g.from[from]; own != nil && own.strangers.Len() >= g.share {
		return g.sendAway(own)
	}
	if full || g.count >= g.places {
		return g.sendAway(g.largest())
	}
	return nil
}

// largest returns the network with the most strangers. There must be one.
func (g *strangers) largest() *network { return g.sizes[g.top].Front().Value.(*network) }

// sendAway removes the oldest stranger of a network, and frees its place.
func (g *strangers) sendAway(of *network) *session {
	one := of.strangers.Front().Value.(*stranger)
	g.takeOut(one)
	one.sentAway = true
	g.going++
	g.goingFrom[one.from]++
	return one.session
}

// stay reports whether too many of the sessions that were sent away are not gone yet, of one
// network or of all together.
func (g *strangers) stay(from string) bool {
	return g.going >= maxGoing*g.places || g.goingFrom[from] >= g.share
}

// hurry reports whether too many sessions that were sent away are not gone yet. Then the next one
// must go at once, without a moment to read why.
func (g *strangers) hurry() bool { return g.going > g.places }

var errCrowdedOut = chat.Errorf(chat.Unauthenticated, "no token came, and another client needs the place; give the token in the handshake, or at once")

// full reports whether all places are taken, also those that strangers have. h.mu is held.
func (h *Hub) full() bool {
	return h.cfg.MaxSessions > 0 && len(h.sessions)-h.strangers.going >= h.cfg.MaxSessions
}

// admit returns an error if there is no place for one more session. opening is nil if it is not
// known yet whose session it is. h.mu is held.
func (h *Hub) admit(opening *ports.Opening) error {
	switch {
	case h.draining:
		return &chat.Error{Kind: chat.Unavailable, Reason: "this node is going away; try again", RetryAfter: time.Second}
	case h.full() && h.strangers.count == 0:
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

// enroll gives a session its place. It returns the session that must go to make that place, if any,
// and whether it must go at once. The caller ends that session.
func (h *Hub) enroll(s *session, opening *ports.Opening) (crowdedOut *session, hurry bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.admit(opening); err != nil {
		return nil, false, err
	}
	full := h.full()
	if opening.Identity == nil {
		crowdedOut = h.strangers.crowdedOut(opening.Network, full)
		h.strangers.add(s, opening.Network)
	} else {
		if full {
			crowdedOut = h.strangers.sendAway(h.strangers.largest())
		}
		h.users[opening.Identity.User]++
	}
	h.sessions[s] = struct{}{}
	return crowdedOut, h.strangers.hurry(), nil
}

// makeWay ends a session that was sent away to make a place.
func (s *session) makeWay(hurry bool) {
	s.Lock()
	defer s.Unlock()
	s.Close(ports.CloseUnauthenticated, errCrowdedOut)
	if hurry {
		s.Kill(ports.CloseSlow)
	}
}

// adopt makes a stranger one of its user's sessions. Its token has come.
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

// dismissed frees the place of a session that is over.
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
