package people

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	maxWaiting = 4096  // claims that wait; any more are lost, and come with a later request
	maxSettled = 16384 // users in each of two generations whose last claim is remembered
)

// claims are what tokens say of users: the claims that are yet to be written, and those that were
// written lately.
type claims struct {
	wake chan struct{} // of capacity one: claims wait
	seed maphash.Seed

	mu       sync.Mutex
	waiting  map[chat.UserID]chat.Claim
	young    map[chat.UserID]heard
	old      map[chat.UserID]heard
	listener ports.Listener // nil until there is one
}

// heard is the latest claim of a user that the store knows.
type heard struct {
	words  uint64 // a hash
	issued int64  // Unix nanoseconds
}

func newClaims() claims {
	return claims{
		wake: make(chan struct{}, 1), seed: maphash.MakeSeed(),
		waiting: map[chat.UserID]chat.Claim{}, young: map[chat.UserID]heard{}, old: map[chat.UserID]heard{},
	}
}

// put queues a claim to be written, unless the store knows what it says or too many wait.
func (c *claims) put(claim chat.Claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known(claim) {
		return
	}
	waits, already := c.waiting[claim.User]
	switch {
	case already && !claim.Issued.After(waits.Issued):
		return
	case !already && len(c.waiting) >= maxWaiting:
		return
	}
	c.waiting[claim.User] = claim
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// known reports whether the store can learn nothing from a claim: it says what the last one said,
// or is older. c.mu is held.
func (c *claims) known(claim chat.Claim) bool {
	last, ok := c.young[claim.User]
	if !ok {
		last, ok = c.old[claim.User]
	}
	return ok && (last.words == c.words(claim) || nanoseconds(claim.Issued) <= last.issued)
}

// settled is known for callers that do not hold c.mu: it reports whether the store can learn
// nothing from a claim.
func (c *claims) settled(claim chat.Claim) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known(claim)
}

// settle notes that the store knows what claims say.
func (c *claims) settle(list []chat.Claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, claim := range list {
		if c.known(claim) {
			continue
		}
		if len(c.young) >= maxSettled {
			c.old, c.young = c.young, map[chat.UserID]heard{}
		}
		c.young[claim.User] = heard{c.words(claim), nanoseconds(claim.Issued)}
	}
}

// take returns the claims that wait.
func (c *claims) take() []chat.Claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Collect(maps.Values(c.waiting))
	c.waiting = map[chat.UserID]chat.Claim{}
	return list
}

func (c *claims) words(claim chat.Claim) uint64 {
	return maphash.String(c.seed, claim.Name+"\x00"+claim.Avatar)
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func (c *claims) listen(l ports.Listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listener = l
}

// tell tells the listener, if there is one.
func (c *claims) tell(notice ports.Notice) {
	c.mu.Lock()
	l := c.listener
	c.mu.Unlock()
	if l != nil {
		l.Hear(notice)
	}
}
