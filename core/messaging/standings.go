package messaging

import (
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// standingAge is how long a cached standing is valid. The bus tells of changes on other nodes
	// at once; if it fails, they take effect here after this time.
	standingAge = 3 * time.Second
	// aloneAge takes its place on a node that is alone: it makes all changes itself.
	aloneAge = 15 * time.Second
	// maxStandings bounds the cache. When it is full it is emptied, which costs each writer one
	// query.
	maxStandings = 1 << 16
)

// standings caches standings for seconds, so that a user who writes much is looked up seldom.
// Standings that are forgotten free their memory.
type standings struct {
	valid time.Duration // how long each of them is

	mu        sync.Mutex
	known     map[standingKey]standingAt // those put since the maps were rotated
	older     map[standingKey]standingAt // those put before that
	ages      bool                       // a timer runs that rotates the maps
	forgotten uint64                     // counts how often something was forgotten
}

type standingKey struct {
	room chat.RoomID
	user chat.UserID
}

type standingAt struct {
	chat.Standing
	until time.Time
}

// ticket is taken before the directory is asked. With it, an answer is not cached if something
// changed meanwhile, and the age of a cached answer counts from the question.
type ticket struct {
	standingKey
	forgotten uint64
	drawn     time.Time
}

func newStandings() *standings {
	return &standings{valid: standingAge, known: map[standingKey]standingAt{}}
}

func (c *standings) ticket(user chat.UserID, room chat.RoomID) ticket {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return ticket{standingKey{room, user}, c.forgotten, now}
}

func (c *standings) put(t ticket, st chat.Standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.forgotten != c.forgotten {
		return
	}
	if len(c.known) >= maxStandings {
		clear(c.known)
	}
	c.known[t.standingKey] = standingAt{st, t.drawn.Add(c.valid)}
	c.age()
}

// age starts the timer that rotates the maps, if there is anything in them. c.mu is held.
func (c *standings) age() {
	if !c.ages && len(c.known)+len(c.older) > 0 {
		c.ages = true
		time.AfterFunc(c.valid, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.known, c.older, c.ages = map[standingKey]standingAt{}, c.known, false
			c.age()
		})
	}
}

func (c *standings) get(user chat.UserID, room chat.RoomID) (chat.Standing, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := standingKey{room, user}
	st, ok := c.known[key]
	if !ok {
		st, ok = c.older[key]
	}
	if !ok || time.Now().After(st.until) {
		return chat.Standing{}, false
	}
	return st.Standing, true
}

// learn forgets the standings that a batch may have changed.
func (c *standings) learn(batch []draft) {
	for i := range batch {
		if changed, ok := standingChanged(batch[i].proposal.Room, batch[i].proposal.Fact); ok {
			c.hear(changed)
		}
	}
}

// correct forgets standings that are out of date. The log refused something to their authors that
// this node had allowed.
func (c *standings) correct(batch []draft, outcomes []ports.Outcome) {
	for i := range outcomes {
		if p := &batch[i].proposal; errors.Is(outcomes[i].Err, chat.Forbidden) || errors.Is(outcomes[i].Err, chat.NotFound) {
			c.hear(ports.StandingChanged{Room: p.Room, User: p.Author.ID})
		}
	}
}

// standingChanged returns whose standing a fact changes, if it does.
func standingChanged(room chat.RoomID, fact chat.Fact) (changed ports.StandingChanged, does bool) {
	switch f := fact.(type) {
	case chat.MemberChanged:
		return ports.StandingChanged{Room: room, User: f.User}, true
	case chat.RoomChanged:
		return ports.StandingChanged{Room: room}, true
	}
	return ports.StandingChanged{}, false
}

// hear forgets the standings that have changed.
func (c *standings) hear(n ports.StandingChanged) {
	c.forget(func(known map[standingKey]standingAt) {
		if n.User != "" {
			delete(known, standingKey{n.Room, n.User})
			return
		}
		maps.DeleteFunc(known, func(k standingKey, _ standingAt) bool { return k.room == n.Room })
	})
}

// clear forgets everything.
func (c *standings) clear() {
	c.forget(func(known map[standingKey]standingAt) { clear(known) })
}

func (c *standings) forget(what func(known map[standingKey]standingAt)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten++
	what(c.known)
	what(c.older)
}
