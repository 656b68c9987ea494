package delivery

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// presenceTold is the size of a room, in present users, up to which each arrival and departure is told to its readers: above it
	// the telling would grow with the square of the room.
	presenceTold = 200
	// presenceShown is how many users a presence answer names, and what a node tells the others.
	presenceShown = 200
	// presenceLinger is how long a user whose last connection broke stays present: most are back by then, here or on another node,
	// and nobody need hear of it.
	presenceLinger = 2 * time.Second

	presenceEvery   = 100 * time.Millisecond // how often the other nodes are told of rooms where something changed, at most
	presenceBigs    = time.Second            // the same for rooms of more than presenceTold
	presenceAtOnce  = 500                    // rooms told of each time: what more there is waits for the next
	presenceRefresh = 2 * time.Minute        // after this they are told again, though nothing changed: notices may be lost

	beatEvery = time.Second     // how often a node tells that it is alive
	peerGone  = 5 * time.Second // a node that was silent for that long is gone, and who was present there with it
	peersKept = 1000            // nodes that are remembered to be gone
)

// attendance is who is present in the room of a feed. The feed's mu guards it.
type attendance struct {
	here    map[chat.UserID]presence // follow the feed on this node
	leaving map[chat.UserID]leaver   // did so a moment ago, and may be back
	others  map[ports.NodeID]ports.NodePresence
	queued  bool      // the feed is in the hub's list
	untold  bool      // the other nodes have yet to hear who is here
	asks    bool      // and are asked who is there
	shown   bool      // what they heard last was not that nobody is
	told    time.Time // when that was
}

type presence struct {
	name     string
	sessions int
}

type leaver struct {
	name  string
	until time.Time
}

// presences is what a hub knows of the other nodes, and which feeds have presence to tell.
type presences struct {
	self ports.NodeID

	mu       sync.Mutex
	due      []*feed
	version  uint64
	peers    map[ports.NodeID]time.Time // when they were last heard
	gone     map[ports.NodeID]bool      // were taken for dead
	refresh  bool                       // others ask for all that is here
	ask      bool                       // they are to be asked for all that is there
	features features
}

// arrive counts a session of who, and reports whether they are newly present.
func (a *attendance) arrive(who chat.Author) (news bool) {
	at := a.here[who.ID]
	a.here[who.ID] = presence{who.Name, at.sessions + 1}
	if at.sessions > 0 {
		return false
	}
	if _, back := a.leaving[who.ID]; back {
		delete(a.leaving, who.ID)
		return false
	}
	a.untold = true
	return !a.elsewhere(who.ID)
}

// depart is the opposite of arrive. Who may be back stays for a while.
func (a *attendance) depart(who chat.Author, mayBeBack bool) (news bool) {
	at := a.here[who.ID]
	at.sessions--
	if at.sessions > 0 {
		a.here[who.ID] = at
		return false
	}
	delete(a.here, who.ID)
	if mayBeBack {
		if a.leaving == nil {
			a.leaving = map[chat.UserID]leaver{}
		}
		a.leaving[who.ID] = leaver{at.name, time.Now().Add(presenceLinger)}
		return false
	}
	a.untold = true
	return !a.elsewhere(who.ID)
}

// expire ends the presence of those who have not come back, and calls news for each who is present no more.
func (a *attendance) expire(now time.Time, news func(chat.UserID)) {
	for id, l := range a.leaving {
		if now.Before(l.until) {
			continue
		}
		delete(a.leaving, id)
		a.untold = true
		if !a.elsewhere(id) {
			news(id)
		}
	}
	if len(a.leaving) == 0 {
		a.leaving = nil
	}
}

// elsewhere reports whether a user is present on another node.
func (a *attendance) elsewhere(user chat.UserID) bool {
	for _, o := range a.others {
		if _, found := slices.BinarySearchFunc(o.Users, user, byID); found {
			return true
		}
	}
	return false
}

func byID(a chat.Author, id chat.UserID) int { return cmp.Compare(a.ID, id) }

func (a *attendance) has(user chat.UserID) bool {
	_, here := a.here[user]
	_, leaving := a.leaving[user]
	return here || leaving || a.elsewhere(user)
}

// anybody reports whether somebody is present on this node.
func (a *attendance) anybody() bool { return len(a.here)+len(a.leaving) > 0 }

// count returns how many are present; who is so on several nodes counts on each.
func (a *attendance) count() int {
	n := len(a.here) + len(a.leaving)
	for _, o := range a.others {
		n += o.Total
	}
	return n
}

// list returns up to most of those present on this node, ascending, and how many they are.
func (a *attendance) list(most int) (users []chat.Author, total int) {
	total = len(a.here) + len(a.leaving)
	users = make([]chat.Author, 0, min(total, most))
	for id, p := range a.here {
		if len(users) == most {
			break
		}
		users = append(users, chat.Author{ID: id, Name: p.name})
	}
	for id, l := range a.leaving {
		if len(users) == most {
			break
		}
		users = append(users, chat.Author{ID: id, Name: l.name})
	}
	slices.SortFunc(users, func(a, b chat.Author) int { return cmp.Compare(a.ID, b.ID) })
	return users, total
}

// replace takes what another node says of itself, and calls news for each user whose presence that changes.
func (a *attendance) replace(n ports.NodePresence, news func(user chat.UserID, on bool)) {
	was := a.others[n.Node]
	var came []chat.UserID
	for _, u := range n.Users {
		if !a.has(u.ID) {
			came = append(came, u.ID)
		}
	}
	if n.Total == 0 {
		delete(a.others, n.Node)
	} else {
		if a.others == nil {
			a.others = map[ports.NodeID]ports.NodePresence{}
		}
		a.others[n.Node] = n
	}
	for _, u := range was.Users {
		if !a.has(u.ID) {
			news(u.ID, false)
		}
	}
	for _, user := range came {
		news(user, true)
	}
}

// presenceOf tells the readers of a feed that a user came or went. The feed's mu is held, so that what is told last is so.
func (h *Hub) presenceOf(f *feed, user chat.UserID, on bool, origin *session) {
	if f.attendance.count() <= presenceTold {
		h.signal(f, chat.Signal{Room: f.room, User: user, Kind: chat.SignalPresence, On: on}, origin)
	}
}

// attend puts a feed that has presence to tell, or to end, into the list. The feed's mu is held.
func (h *Hub) attend(f *feed) {
	a := &f.attendance
	if h.cfg.Bus == nil {
		a.untold = false
	}
	if a.queued || !a.untold && len(a.leaving) == 0 {
		return
	}
	a.queued = true
	h.presences.mu.Lock()
	defer h.presences.mu.Unlock()
	h.presences.due = append(h.presences.due, f)
}

// watchPresence ends presences and tells the other nodes who is here, until ctx ends.
func (h *Hub) watchPresence(ctx context.Context) {
	tick := time.NewTicker(presenceEvery)
	defer tick.Stop()
	last, beat := time.Now(), time.Time{}
	for {
		select {
		case <-ctx.Done():
			h.beat(context.WithoutCancel(ctx), ports.Alive{Node: h.presences.self, Going: true})
			return
		case now := <-tick.C:
			if now.Sub(last) > peerGone/2 { // this node stood still: it cannot tell who was silent
				h.presences.forgive(now)
			}
			last = now
			if h.cfg.Bus != nil && now.Sub(beat) >= beatEvery {
				beat = now
				h.beat(ctx, h.presences.beat())
				h.forgetPeers(now)
			}
			for _, f := range h.presences.take() {
				h.attendTo(ctx, f, now)
			}
		}
	}
}

func (h *Hub) beat(ctx context.Context, alive ports.Alive) {
	if h.cfg.Bus == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	// A bus that is away says so itself; and then nobody is there to be told.
	if err := h.cfg.Bus.Tell(ctx, alive); err != nil && !errors.Is(err, chat.Unavailable) {
		h.cfg.Observer.Fault(ctx, "tell the other nodes that this one is alive", err)
	}
}

// attendTo does for one feed what is due. The bus is told without the feed's lock: it may call a listener.
func (h *Hub) attendTo(ctx context.Context, f *feed, now time.Time) {
	f.mu.Lock()
	a := &f.attendance
	a.queued = false
	a.expire(now, func(user chat.UserID) { h.presenceOf(f, user, false, nil) })
	notice, due := h.presenceDue(f, now)
	h.attend(f)
	f.mu.Unlock()
	if !due {
		return
	}
	if err := h.cfg.Bus.Tell(ctx, notice); err != nil {
		if !errors.Is(err, chat.Unavailable) {
			h.cfg.Observer.Fault(ctx, "tell the other nodes who is present", err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		a.untold, a.asks = true, a.asks || notice.Ask
		h.attend(f)
	}
}

// presenceDue returns what the other nodes are to be told of who is here, if they are. The feed's mu is held.
func (h *Hub) presenceDue(f *feed, now time.Time) (notice ports.NodePresence, due bool) {
	a := &f.attendance
	if !a.untold || now.Sub(a.told) < a.pause() {
		return notice, false
	}
	users, total := a.list(presenceShown)
	a.untold = false
	if total == 0 && !a.shown && !a.asks {
		return notice, false
	}
	notice = ports.NodePresence{
		Node: h.presences.self, Room: f.room, Version: h.presences.next(), Users: users, Total: total, Ask: a.asks,
	}
	a.asks, a.shown, a.told = false, total > 0, now
	return notice, true
}

// pause returns how long the other nodes are left alone about the room.
func (a *attendance) pause() time.Duration {
	if a.count() > presenceTold {
		return presenceBigs
	}
	return presenceEvery
}

// attended takes what another node tells of a room.
func (h *Hub) attended(n ports.NodePresence) {
	if n.Node == h.presences.self {
		return
	}
	h.presences.heard(n.Node, time.Now())
	f := h.feed(n.Room)
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &f.attendance
	if n.Version > a.others[n.Node].Version {
		a.replace(n, func(user chat.UserID, on bool) { h.presenceOf(f, user, on, nil) })
	}
	if n.Ask && a.anybody() {
		a.untold = true
		h.attend(f)
	}
}

// forgetPeers ends the presence of those who were on nodes that are gone.
func (h *Hub) forgetPeers(now time.Time) {
	gone, refresh, left := h.presences.silent(now)
	h.cfg.Observer.Peers(left)
	if len(gone) == 0 && !refresh {
		return
	}
	h.mu.RLock()
	feeds := make([]*feed, 0, len(h.feeds))
	for _, f := range h.feeds {
		feeds = append(feeds, f)
	}
	h.mu.RUnlock()
	for _, f := range feeds {
		f.mu.Lock()
		for _, node := range gone {
			if was, ok := f.attendance.others[node]; ok {
				nobody := ports.NodePresence{Node: node, Room: f.room, Version: was.Version}
				f.attendance.replace(nobody, func(user chat.UserID, on bool) { h.presenceOf(f, user, on, nil) })
			}
		}
		if refresh && f.attendance.anybody() {
			f.attendance.untold = true
			h.attend(f)
		}
		f.mu.Unlock()
	}
}

// shown returns the first of users: as many as an answer names, and as go into so many bytes however they are encoded.
func shown(users []chat.Author, bytes int) []chat.Author {
	const around, widest = 64, 2 // what an answer has around a user; bytes for one that has to be escaped
	bytes -= answerHead
	for n, u := range users[:min(len(users), presenceShown)] {
		if bytes -= around + widest*(len(u.ID)+max(len(u.Name), len(u.ID))); bytes < 0 {
			return users[:n]
		}
	}
	return users[:min(len(users), presenceShown)]
}

// present returns who follows a room. The total is exact where each node names all of its users.
func (h *Hub) present(room chat.RoomID) ports.Present {
	answer := ports.Present{Room: room, Users: []chat.Author{}}
	f := h.feed(room)
	if f == nil {
		return answer
	}
	f.mu.Lock()
	a := &f.attendance
	users, _ := a.list(len(a.here) + len(a.leaving))
	unnamed := 0
	for _, o := range a.others {
		users = append(users, o.Users...)
		unnamed += o.Total - len(o.Users)
	}
	f.mu.Unlock()
	slices.SortFunc(users, func(a, b chat.Author) int { return cmp.Compare(a.ID, b.ID) })
	users = slices.CompactFunc(users, func(a, b chat.Author) bool { return a.ID == b.ID })
	answer.Total = len(users) + unnamed
	answer.Users = append(answer.Users, shown(users, h.cfg.AnswerBytes)...)
	return answer
}
