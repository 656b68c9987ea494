package messaging

import (
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

const (
	// standingAge is how long a standing is good: what was changed on another node counts here after that, however deaf the bus.
	standingAge = 3 * time.Second
	// standingsMost bounds the cache; when it is full it starts anew, which costs each writer one question.
	standingsMost = 1 << 16
)

// standings remembers for seconds how users stand in rooms, so that a user who writes much is looked up seldom.
type standings struct {
	mu    sync.Mutex
	known map[standingKey]standingAt
	turn  uint64 // counts the times that something was forgotten
}

type standingKey struct {
	room chat.RoomID
	user chat.UserID
}

type standingAt struct {
	chat.Standing
	until time.Time
}

// ticket is drawn before the directory is asked, so that an answer which a change has overtaken is not remembered.
type ticket struct {
	standingKey
	turn uint64
}

func newStandings() *standings { return &standings{known: map[standingKey]standingAt{}} }

func (c *standings) ticket(user chat.UserID, room chat.RoomID) ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ticket{standingKey{room, user}, c.turn}
}

func (c *standings) put(t ticket, st chat.Standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.turn != c.turn {
		return
	}
	if len(c.known) >= standingsMost {
		clear(c.known)
	}
	c.known[t.standingKey] = standingAt{st, time.Now().Add(standingAge)}
}

func (c *standings) get(user chat.UserID, room chat.RoomID) (chat.Standing, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, ok := c.known[standingKey{room, user}]
	if !ok || time.Now().After(st.until) {
		return chat.Standing{}, false
	}
	return st.Standing, true
}

// learn forgets the standings that entries changed.
func (c *standings) learn(entries []chat.Entry) {
	for i := range entries {
		switch f := entries[i].Fact.(type) {
		case chat.MemberChanged:
			c.forget(func(k standingKey) bool { return k.room == entries[i].Room && k.user == f.User })
		case chat.RoomChanged:
			c.forget(func(k standingKey) bool { return k.room == entries[i].Room })
		}
	}
}

func (c *standings) forget(which func(standingKey) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	for k := range c.known {
		if which(k) {
			delete(c.known, k)
		}
	}
}
