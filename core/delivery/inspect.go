package delivery

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
	feeds := h.feeds.All()
	seen := ports.FeedsSeen{Open: len(feeds), Feeds: []ports.FeedSeen{}}
	order := byFollowers
	if q.Behind {
		order = byFeedLag
	}
	for _, f := range feeds {
		if q.Room != "" && f.Room() != q.Room {
			continue
		}
		a := audienceOf(f)
		one := a.look()
		if q.Behind { // the order depends on it
			one.Behind = a.lag(one.Head)
		}
		seen.Feeds = first(seen.Feeds, one, q.Limit, order)
	}
	for i := range seen.Feeds {
		seen.Feeds[i].Present = h.presence.Here(seen.Feeds[i].Room)
	}
	if q.Behind {
		return seen
	}
	for i := range seen.Feeds {
		if a := h.audience(seen.Feeds[i].Room); a != nil {
			seen.Feeds[i].Behind = a.lag(seen.Feeds[i].Head)
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

// first puts one into a list of at most so many, which is in order.
func first[T any](list []T, one T, most int, order func(a, b T) int) []T {
	if len(list) >= most && order(one, list[len(list)-1]) >= 0 {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, one, order)
	list = slices.Insert(list, at, one)
	return list[:min(len(list), most)]
}

// look returns the audience and its feed as they are, but for how far its followers are.
func (a *audience) look() ports.FeedSeen {
	is := a.Look()
	a.mu.Lock()
	defer a.mu.Unlock()
	return ports.FeedSeen{
		Room: a.Room(), Head: is.Head, Ring: is.Floor, RingBytes: is.RingBytes, Idle: is.Idle,
		Followers: a.followers(),
	}
}

// lag returns how far the followers are behind head.
func (a *audience) lag(head chat.Seq) (l ports.Lag) {
	for _, fl := range a.of("") {
		fl.session.mu.Lock()
		n := fl.lag(head)
		fl.session.mu.Unlock()
		if n > 0 {
			l.Sessions++
			l.Entries += n
			l.Most = max(l.Most, n)
		}
	}
	return l
}

// lag returns how many entries up to head a follow has yet to get. Its session's mu is held.
func (fl *follow) lag(head chat.Seq) int64 {
	if fl.gone {
		return 0
	}
	return int64(max(head-fl.cursor, 0))
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
	return cmp.Or(cmp.Compare(b.behind, a.behind), a.session.opened.Compare(b.session.opened), cmp.Compare(a.session.id, b.session.id))
}

// matches reports whether the session is asked for.
func (s *session) matches(q ports.SessionQuery) (c candidate, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := chat.UserID("")
	if s.identity != nil {
		user = s.identity.User
	}
	if q.User != "" && user != q.User || q.Room != "" && s.follows.in(q.Room) == nil {
		return candidate{}, false
	}
	c.session = s
	for _, fl := range s.follows {
		c.behind += fl.lag(fl.View().Head)
	}
	return c, true
}

// inspect returns the session as it is.
func (s *session) inspect() ports.SessionSeen {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := ports.SessionSeen{
		ID: s.id, Remote: s.remote, Opened: s.opened.UTC(), Heard: time.Unix(0, s.heard.Load()).UTC(),
		Rooms: len(s.follows), Unwritten: len(s.outbox) + s.handed, Sending: s.changes, Blocked: s.writing, Paused: s.paused,
	}
	if s.identity != nil {
		one.User = s.identity.User
	}
	if s.closing {
		one.Closing = s.reason.String()
	}
	for _, fl := range s.follows {
		n := fl.lag(fl.View().Head)
		one.Behind += n
		one.Cursors = first(one.Cursors, ports.CursorSeen{Room: fl.Room(), Cursor: fl.cursor, Behind: n}, ports.MostCursorsSeen, byCursorLag)
	}
	return one
}

func byCursorLag(a, b ports.CursorSeen) int {
	return cmp.Or(cmp.Compare(b.Behind, a.Behind), cmp.Compare(a.Room, b.Room))
}
