package presence

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// maxTold is up to how many present users a room's readers are told of each one who comes or
	// goes. The cost of that grows with the square of their number.
	maxTold = 200
	// maxUnasked is up to how many present users those are told, too, who have not asked who is
	// present. They do not know who was there before.
	maxUnasked = 50
	// gatherFor is how long those who come or go are gathered, after the readers were told of the
	// last ones. As long as a crowd comes, which is so many in that time, nobody is told of it; at
	// the end, mostly, too many are present for it. That lasts up to crowdFor.
	gatherFor = 300 * time.Millisecond
	crowd     = 2
	crowdFor  = 2 * time.Second
	// maxNews is of how many the readers are told at once. More wait for the next tick: of more
	// signals than delivery keeps for a reader, the first ones would be lost.
	maxNews = 50
	// maxNamed is how many users an answer names, and a notice to the other nodes.
	maxNamed = 200
	// linger is how long a user whose last connection broke stays present. Most are back by then,
	// here or on another node, and then nobody hears of it.
	linger = 2 * time.Second
)

// room is who is present in a room, and who types there.
type room struct {
	id     chat.RoomID
	queued atomic.Bool // is in Node.due; set with mu held

	mu      sync.Mutex
	here    map[chat.UserID]user   // follow the room on this node
	leaving map[chat.UserID]leaver // followed it until a moment ago, and may come back
	others  map[ports.NodeID]ports.NodePresence
	untold  bool      // the other nodes have yet to be told who is here
	asks    bool      // the next notice asks the other nodes who is there
	shown   bool      // the last notice to the other nodes named somebody
	told    time.Time // when that notice was sent
	news    []news    // the readers have yet to be told
	since   time.Time // when the first of them came up
	wait    time.Time // until when the readers are told of none
	looked  int       // of how many it was known, at the last look, that they wait
	typing  typing
}

// user is somebody with sessions in a room.
type user struct {
	name     string
	sessions int
}

// leaver is somebody whose last session ended.
type leaver struct {
	name  string
	until time.Time
}

// news is that a user came or went. The session where that was is not told.
type news struct {
	chat.Signal
	session string
}

func newRoom(id chat.RoomID) *room {
	return &room{id: id, here: map[chat.UserID]user{}, asks: true}
}

// arrive counts a session of who, and reports whether they are newly present. r.mu is held.
func (r *room) arrive(who chat.Author) (news bool) {
	at := r.here[who.ID]
	r.here[who.ID] = user{who.Name, at.sessions + 1}
	if at.sessions > 0 {
		return false
	}
	if _, back := r.leaving[who.ID]; back {
		delete(r.leaving, who.ID)
		return false
	}
	r.untold = true
	return !r.elsewhere(who.ID)
}

// depart is the opposite of arrive. A user who may come back stays for a while. r.mu is held.
func (r *room) depart(who chat.Author, mayBeBack bool) (news bool) {
	at := r.here[who.ID]
	at.sessions--
	if at.sessions > 0 {
		r.here[who.ID] = at
		return false
	}
	delete(r.here, who.ID)
	if mayBeBack {
		if r.leaving == nil {
			r.leaving = map[chat.UserID]leaver{}
		}
		r.leaving[who.ID] = leaver{at.name, time.Now().Add(linger)}
		return false
	}
	r.untold = true
	return !r.elsewhere(who.ID)
}

// expire ends the presence of those who have not come back, and calls news for each who is
// present no more. r.mu is held.
func (r *room) expire(now time.Time, news func(chat.UserID)) {
	for id, l := range r.leaving {
		if now.Before(l.until) {
			continue
		}
		delete(r.leaving, id)
		r.untold = true
		if !r.elsewhere(id) {
			news(id)
		}
	}
	if len(r.leaving) == 0 {
		r.leaving = nil
	}
}

// gather adds news that the readers have yet to be told. Of a user who came and went meanwhile they
// need not hear. r.mu is held.
func (r *room) gather(one news, now time.Time) {
	at := slices.IndexFunc(r.news, func(other news) bool { return other.User == one.User })
	switch {
	case at < 0:
		if len(r.news) == 0 {
			r.since, r.looked = now, 0
		}
		r.news = append(r.news, one)
	case r.news[at].On != one.On:
		r.news = slices.Delete(r.news, at, at+1)
	}
}

// dueNews returns what the readers are to be told now. r.mu is held.
func (r *room) dueNews(now time.Time) (due []news) {
	if len(r.news) == 0 || now.Before(r.wait) {
		return nil
	}
	if len(r.news)-r.looked >= crowd && now.Sub(r.since) < crowdFor {
		r.looked, r.wait = len(r.news), now.Add(gatherFor)
		return nil
	}
	n := min(len(r.news), maxNews)
	if due, r.news = r.news[:n], r.news[n:]; len(r.news) == 0 {
		r.news = nil
	}
	r.looked = len(r.news)
	return due
}

// elsewhere reports whether a user is present on another node. r.mu is held.
func (r *room) elsewhere(id chat.UserID) bool {
	for _, o := range r.others {
		_, found := slices.BinarySearchFunc(o.Users, chat.Author{ID: id}, byID)
		if found {
			return true
		}
	}
	return false
}

// has reports whether a user is present, on any node. r.mu is held.
func (r *room) has(id chat.UserID) bool {
	_, here := r.here[id]
	_, leaving := r.leaving[id]
	return here || leaving || r.elsewhere(id)
}

// anybody reports whether somebody is present on this node. r.mu is held.
func (r *room) anybody() bool { return len(r.here)+len(r.leaving) > 0 }

// first reports whether this node has the lowest id of the nodes with somebody in the room, without
// those in gone. If no such node has anybody there, it is true on each node. r.mu is held.
func (r *room) first(self ports.NodeID, gone []ports.NodeID) bool {
	here := r.anybody()
	for node := range r.others {
		if !slices.Contains(gone, node) && (!here || node < self) {
			return false
		}
	}
	return true
}

// count returns how many users are present. One on several nodes counts on each. r.mu is held.
func (r *room) count() int {
	n := len(r.here) + len(r.leaving)
	for _, o := range r.others {
		n += o.Total
	}
	return n
}

// list returns up to limit of the users on this node, ascending, and how many there are. r.mu is
// held.
func (r *room) list(limit int) (users []chat.Author, total int) {
	total = len(r.here) + len(r.leaving)
	users = make([]chat.Author, 0, min(total, limit))
	for id, u := range r.here {
		if len(users) == limit {
			break
		}
		users = append(users, chat.Author{ID: id, Name: u.name})
	}
	for id, l := range r.leaving {
		if len(users) == limit {
			break
		}
		users = append(users, chat.Author{ID: id, Name: l.name})
	}
	slices.SortFunc(users, byID)
	return users, total
}

// replace takes the presence of another node, and calls news for each user whose presence changes
// by it. r.mu is held.
func (r *room) replace(p ports.NodePresence, news func(id chat.UserID, on bool)) {
	before := r.others[p.Node]
	var came []chat.UserID
	for _, u := range p.Users {
		if !r.has(u.ID) {
			came = append(came, u.ID)
		}
	}
	if p.Total == 0 {
		delete(r.others, p.Node)
	} else {
		if r.others == nil {
			r.others = map[ports.NodeID]ports.NodePresence{}
		}
		r.others[p.Node] = p
	}
	for _, u := range before.Users {
		if !r.has(u.ID) {
			news(u.ID, false)
		}
	}
	for _, id := range came {
		news(id, true)
	}
}

// notice returns the next notice to the other nodes of who is here, if it is due. r.mu is held.
func (r *room) notice(now time.Time) (p ports.NodePresence, due bool) {
	if !r.untold || now.Sub(r.told) < r.pause() {
		return p, false
	}
	users, total := r.list(maxNamed)
	r.untold = false
	if total == 0 && !r.shown && !r.asks {
		return p, false
	}
	p = ports.NodePresence{Room: r.id, Users: users, Total: total, Ask: r.asks}
	r.asks, r.shown, r.told = false, total > 0, now
	return p, true
}

// pause returns the pause between two notices about the room. r.mu is held.
func (r *room) pause() time.Duration {
	if r.count() > maxTold {
		return tellLargeEvery
	}
	return tellEvery
}
