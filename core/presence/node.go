package presence

import (
	"cmp"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Readers are the sessions that follow rooms on this node. Their methods are called with the room's
// lock held. They do not wait, and do not call the Node. A room that nobody follows has no readers.
type Readers interface {
	// Spread gives a signal to the readers of its room on this node, but not to the session origin.
	Spread(signal chat.Signal, origin string)
	// SpreadAsked gives it only to those who have asked who is present.
	SpreadAsked(signal chat.Signal, origin string)
	// Tell does the same as Spread, sends the signal to the other nodes too, and does what Arose
	// does.
	Tell(signal chat.Signal, origin string)
	// Arose tells of a signal those who are no readers. Of all nodes one does so, as a rule: the
	// one where the user is.
	Arose(signal chat.Signal)
}

// Config configures a Node. Readers is required.
type Config struct {
	Readers  Readers
	Bus      ports.Bus              // nil: this node is alone
	Observer ports.PresenceObserver // nil: nobody is told

	AnswerBytes int      // max bytes of an encoded answer of Present; 0: 256 KiB
	Features    []string // of this node, beyond the first published protocol v1
	Alone       bool     // there are no other nodes, whatever Bus there is
}

// Node knows who is present on this node, and what the others told. Its methods may be called
// concurrently. Sessions are named by their ids, which are only compared.
type Node struct {
	cfg   Config
	peers peers

	mu    sync.RWMutex
	rooms map[chat.RoomID]*room
	due   []*room // have something to tell to the other nodes, or a presence to end
}

// New returns a Node. It may be used before Run, but tells other nodes nothing until then.
func New(cfg Config) *Node {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	if cfg.AnswerBytes <= 0 {
		cfg.AnswerBytes = 256 << 10
	}
	if cfg.Alone {
		cfg.Bus = nil // nobody would hear
	}
	return &Node{
		cfg:   cfg,
		peers: newPeers(ports.NodeID(rand.Text()), cfg.Features, cfg.Bus == nil),
		rooms: map[chat.RoomID]*room{},
	}
}

// Open opens a room, before the bus is told to follow it. Calls about a room that is not open are
// ignored.
func (n *Node) Open(id chat.RoomID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rooms[id] = newRoom(id)
}

// Close closes a room, before the bus stops following it. It reports false if the room stays
// open because the other nodes have yet to hear of it. With anyway it is closed in any case.
func (n *Node) Close(id chat.RoomID, anyway bool) (closed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.rooms[id]; r != nil && r.queued.Load() && !anyway {
		return false
	}
	delete(n.rooms, id)
	return true
}

// room returns an open room, or nil.
func (n *Node) room(id chat.RoomID) *room {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.rooms[id]
}

// all returns the open rooms.
func (n *Node) all() []*room {
	n.mu.RLock()
	defer n.mu.RUnlock()
	list := make([]*room, 0, len(n.rooms))
	for _, r := range n.rooms {
		list = append(list, r)
	}
	return list
}

// Arrive tells that a session of a user follows a room from now on.
func (n *Node) Arrive(id chat.RoomID, who chat.Author, session string) {
	r := n.room(id)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrive(who) {
		n.tell(r, who.ID, true, session, true)
	}
	n.queue(r)
}

// Depart is the opposite of Arrive. A user who may come back, as after a broken connection, stays
// present for a moment.
func (n *Node) Depart(id chat.RoomID, who chat.Author, session string, mayBeBack bool) {
	r := n.room(id)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.depart(who, mayBeBack) {
		n.tell(r, who.ID, false, session, true)
	}
	n.queue(r)
}

// tell tells the readers of a room that a user came or went: at once if none did for a while,
// otherwise together with others. If arose is true, it happened on this node, and those who are no
// readers are told too. r.mu is held, so that signals leave in the order of the changes.
func (n *Node) tell(r *room, user chat.UserID, on bool, session string, arose bool) {
	if r.count() > maxTold {
		return
	}
	sig := chat.Signal{Room: r.id, User: user, Kind: chat.SignalPresence, On: on}
	if arose {
		n.cfg.Readers.Arose(sig)
	}
	now := time.Now()
	r.gather(news{sig, session}, now)
	n.tellNews(r, now)
}

// tellNews tells the readers of a room who came and went, if it is time. If many are present, only
// those are told who have asked. r.mu is held.
func (n *Node) tellNews(r *room, now time.Time) {
	due := r.dueNews(now)
	if len(due) == 0 {
		return
	}
	present := r.count()
	spread := n.cfg.Readers.Spread
	if present > maxUnasked {
		spread = n.cfg.Readers.SpreadAsked
	}
	for _, one := range due {
		spread(one.Signal, one.session)
	}
	if present > 1 && len(r.news) == 0 { // somebody else was there to be told
		r.wait = now.Add(gatherFor)
	}
}

// Hear takes what another node tells of itself: ports.NodePresence or ports.Alive. Other notices
// are ignored.
func (n *Node) Hear(notice ports.Notice) {
	switch notice := notice.(type) {
	case ports.NodePresence:
		n.hearPresence(notice)
	case ports.Alive:
		n.peers.alive(notice, time.Now())
	}
}

func (n *Node) hearPresence(p ports.NodePresence) {
	if p.Node == n.peers.self {
		return
	}
	n.peers.heard(p.Node, time.Now())
	r := n.room(p.Room)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Version > r.others[p.Node].Version {
		n.replace(r, p, false)
	}
	if p.Ask && r.anybody() {
		r.untold = true
		n.queue(r)
	}
}

// replace takes the presence of another node, and tells the readers what it changes. Those who are
// no readers were told by the other node itself. If that node is gone, inPlace is true, and this
// one tells them in its place. r.mu is held.
func (n *Node) replace(r *room, p ports.NodePresence, inPlace bool) {
	r.replace(p, func(user chat.UserID, on bool) { n.tell(r, user, on, "", inPlace) })
	n.queue(r)
}

// Deaf has all nodes, also this one, tell their presence again, as notices may have been lost.
func (n *Node) Deaf() { n.peers.deaf() }

// Features returns the features that this node and all others that live have, as far as it knows. A
// client may reconnect to any of them.
func (n *Node) Features() []string { return n.peers.shared(time.Now()) }

// Here returns how many users are present in a room on this node.
func (n *Node) Here(id chat.RoomID) int {
	r := n.room(id)
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.here)
}

// Present returns who is present in a room. The total is exact if each node names all of its
// users.
func (n *Node) Present(id chat.RoomID) ports.Present {
	answer := ports.Present{Room: id, Users: []chat.Author{}}
	r := n.room(id)
	if r == nil {
		return answer
	}
	r.mu.Lock()
	users, _ := r.list(len(r.here) + len(r.leaving))
	unnamed := 0
	for _, o := range r.others {
		users = append(users, o.Users...)
		unnamed += o.Total - len(o.Users)
	}
	r.mu.Unlock()
	slices.SortFunc(users, byID)
	users = slices.CompactFunc(users, func(a, b chat.Author) bool { return a.ID == b.ID })
	answer.Total = len(users) + unnamed
	answer.Users = append(answer.Users, fitting(users, n.cfg.AnswerBytes)...)
	return answer
}

func byID(a, b chat.Author) int { return cmp.Compare(a.ID, b.ID) }

// fitting returns the first of users: at most maxNamed, and only as many as fit into bytes in any
// encoding.
func fitting(users []chat.Author, bytes int) []chat.Author {
	const (
		head   = 1 << 10 // more bytes than an answer has around its list
		around = 64      // more bytes than it has around each user
		widest = 2       // bytes of a byte that is escaped
	)
	users = users[:min(len(users), maxNamed)]
	bytes -= head
	for i, u := range users {
		// A user without a name is shown by the id.
		if bytes -= around + widest*(len(u.ID)+max(len(u.Name), len(u.ID))); bytes < 0 {
			return users[:i]
		}
	}
	return users
}
