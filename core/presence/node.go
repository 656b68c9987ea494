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
// lock held: they do not wait, and do not call the Node. A room that nobody follows has no readers.
type Readers interface {
	// Spread gives a signal to the readers of its room on this node, but not to the session origin.
	Spread(signal chat.Signal, origin string)
	// Tell does the same, and passes the signal on to the other nodes.
	Tell(signal chat.Signal, origin string)
}

// Config is what a Node works with. Readers is needed.
type Config struct {
	Readers  Readers
	Bus      ports.Bus              // nil: this node is alone
	Observer ports.PresenceObserver // nil: nobody is told

	AnswerBytes int      // the largest answer of Present, encoded; 0: 256 KiB
	Features    []string // what this node can do beyond protocol v1 as it was first published
}

// Node is who is present on this node, and what it knows of the others. Its methods may be called
// concurrently. Sessions are named by their ids, which are compared and nothing else.
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
	return &Node{
		cfg:   cfg,
		peers: newPeers(ports.NodeID(rand.Text()), cfg.Features, cfg.Bus == nil),
		rooms: map[chat.RoomID]*room{},
	}
}

// Open has the Node know a room, before the bus is told to follow it. What concerns a room that is
// not open is ignored.
func (n *Node) Open(id chat.RoomID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rooms[id] = newRoom(id)
}

// Close has the Node forget a room, when the bus is to follow it no longer. It reports false
// where the room is kept because the other nodes have yet to hear of it; with anyway it is not
// kept.
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

// Arrive takes that a session of a user follows a room from now on.
func (n *Node) Arrive(id chat.RoomID, who chat.Author, session string) {
	r := n.room(id)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrive(who) {
		n.tell(r, who.ID, true, session)
	}
	n.queue(r)
}

// Depart is the opposite of Arrive. Who may be back, as after a broken connection, stays present
// for a moment.
func (n *Node) Depart(id chat.RoomID, who chat.Author, session string, mayBeBack bool) {
	r := n.room(id)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.depart(who, mayBeBack) {
		n.tell(r, who.ID, false, session)
	}
	n.queue(r)
}

// tell tells the readers of a room that a user came or went. r.mu is held, so that what is told
// last is so.
func (n *Node) tell(r *room, user chat.UserID, on bool, session string) {
	if r.count() <= maxTold {
		sig := chat.Signal{Room: r.id, User: user, Kind: chat.SignalPresence, On: on}
		n.cfg.Readers.Spread(sig, session)
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
		n.replace(r, p)
	}
	if p.Ask && r.anybody() {
		r.untold = true
		n.queue(r)
	}
}

// replace takes what another node says of itself, and tells the readers what that changes. r.mu is
// held.
func (n *Node) replace(r *room, p ports.NodePresence) {
	r.replace(p, func(user chat.UserID, on bool) { n.tell(r, user, on, "") })
}

// Deaf takes that notices may have been missed: all nodes tell again who is there, this one too.
func (n *Node) Deaf() { n.peers.deaf() }

// Features returns what this node and all others that live can do, as far as it knows: a client may
// come back to any of them.
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

// Present returns who is present in a room. The total is exact where each node names all of its
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

// fitting returns the first of users: as many as an answer names, and as go into so many bytes
// however they are encoded.
func fitting(users []chat.Author, bytes int) []chat.Author {
	const (
		head   = 1 << 10 // more than an answer has around its list
		around = 64      // and around each user
		widest = 2       // bytes for one that has to be escaped
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
