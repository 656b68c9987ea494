package session

import (
	"cmp"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.Inspector = (*Hub)(nil)

// InspectFeeds implements ports.Inspector.
func (h *Hub) InspectFeeds(q ports.FeedQuery) ports.FeedsSeen {
	audiences := h.delivery.Audiences()
	seen := ports.FeedsSeen{Open: len(audiences), Feeds: []ports.FeedSeen{}}
	order := byFollowers
	if q.Behind {
		order = byFeedLag
	}
	for _, a := range audiences {
		if q.Room != "" && a.Room() != q.Room {
			continue
		}
		one := a.Look()
		if q.Behind { // the order depends on it
			one.Behind = a.Lag(one.Head)
		}
		seen.Feeds = first(seen.Feeds, one, q.Limit, order)
	}
	for i := range seen.Feeds {
		one := &seen.Feeds[i]
		one.Present = h.presence.Here(one.Room)
		if a := h.delivery.Audience(one.Room); a != nil && !q.Behind {
			one.Behind = a.Lag(one.Head)
		}
	}
	return seen
}

func byFollowers(a, b ports.FeedSeen) int {
	return cmp.Or(cmp.Compare(b.Followers, a.Followers), cmp.Compare(a.Room, b.Room))
}

func byFeedLag(a, b ports.FeedSeen) int {
	return cmp.Or(cmp.Compare(b.Behind.Entries, a.Behind.Entries), byFollowers(a, b))
}

// first inserts one into a sorted list, and returns the first limit elements of the result.
func first[T any](list []T, one T, limit int, order func(a, b T) int) []T {
	if len(list) >= limit && order(one, list[len(list)-1]) >= 0 {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, one, order)
	list = slices.Insert(list, at, one)
	return list[:min(len(list), limit)]
}

// InspectSessions implements ports.Inspector.
func (h *Hub) InspectSessions(q ports.SessionQuery) ports.SessionsSeen {
	all := h.all()
	var found []candidate
	for _, s := range all {
		if c, ok := s.matches(q); ok {
			found = first(found, c, q.Limit, byLag)
		}
	}
	seen := ports.SessionsSeen{Open: len(all), Sessions: make([]ports.SessionSeen, 0, len(found))}
	for _, c := range found {
		seen.Sessions = append(seen.Sessions, c.session.inspect())
	}
	return seen
}

// candidate is a session that may be shown.
type candidate struct {
	session *session
	behind  int64
}

func byLag(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.behind, a.behind), a.session.opened.Compare(b.session.opened), cmp.Compare(a.session.ID(), b.session.ID()))
}

// matches reports whether the query asks for the session.
func (s *session) matches(q ports.SessionQuery) (c candidate, ok bool) {
	s.Lock()
	defer s.Unlock()
	user := chat.UserID("")
	if s.identity != nil {
		user = s.identity.User
	}
	if q.User != "" && user != q.User || q.Room != "" && s.In(q.Room) == nil {
		return candidate{}, false
	}
	c.session = s
	for _, fl := range s.Follows() {
		c.behind += fl.Lag(fl.View().Head)
	}
	return c, true
}

// inspect returns the state of the session.
func (s *session) inspect() ports.SessionSeen {
	s.Lock()
	defer s.Unlock()
	one := s.Look()
	one.ID, one.Remote, one.Via, one.Opened = s.ID(), s.remote, s.via, s.opened.UTC()
	one.Heard = time.Unix(0, s.heard.Load()).UTC()
	if s.identity != nil {
		one.User = s.identity.User
	}
	for _, fl := range s.Follows() {
		n := fl.Lag(fl.View().Head)
		one.Behind += n
		at := ports.CursorSeen{Room: fl.Room(), Cursor: fl.Cursor(), Behind: n}
		one.Cursors = first(one.Cursors, at, ports.MaxCursorsSeen, byCursorLag)
	}
	return one
}

func byCursorLag(a, b ports.CursorSeen) int {
	return cmp.Or(cmp.Compare(b.Behind, a.Behind), cmp.Compare(a.Room, b.Room))
}
