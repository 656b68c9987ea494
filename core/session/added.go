package session

import (
	"context"
	"sync"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// maxAdditions is how many additions may wait to be passed on. Any more are lost.
const maxAdditions = 1024

// additions gathers the notices that users were made members of rooms by others. So one pass over
// the sessions serves many notices.
type additions struct {
	mu      sync.Mutex
	waiting map[chat.UserID][]ports.MemberAdded
	count   int
}

// put adds an addition, unless too many wait. first says that none waited before.
func (a *additions) put(n ports.MemberAdded) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count >= maxAdditions {
		return false
	}
	if a.waiting == nil {
		a.waiting = map[chat.UserID][]ports.MemberAdded{}
	}
	a.waiting[n.User] = append(a.waiting[n.User], n)
	a.count++
	return a.count == 1
}

func (a *additions) take() map[chat.UserID][]ports.MemberAdded {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.waiting
	a.waiting, a.count = nil, 0
	return taken
}

// added makes sure that the sessions of a user on this node are told that the user was made a
// member of a room.
func (h *Hub) added(n ports.MemberAdded) {
	h.mu.RLock()
	here := h.users[n.User] > 0
	h.mu.RUnlock()
	if here && h.additions.put(n) {
		h.chores.Put(func(context.Context) { h.tellAdditions() })
	}
}

func (h *Hub) tellAdditions() {
	waiting := h.additions.take()
	for _, s := range h.all() {
		s.Lock()
		if s.identity != nil {
			s.hearsAdditions(waiting[s.identity.User])
		}
		s.Unlock()
	}
}

// hearsAdditions tells the client about additions. A client that does not even read its answers is
// not told. The lock is held.
func (s *session) hearsAdditions(additions []ports.MemberAdded) {
	for _, n := range additions {
		if s.Clogged() {
			return
		}
		s.Put(ports.Added{MemberAdded: n})
	}
}
