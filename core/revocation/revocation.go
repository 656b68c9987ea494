// Package revocation refuses tokens that were revoked.
//
// Every node knows all revocations. It reads them when it starts, and new ones every two seconds.
// It hears of those of other nodes by the bus at once. They are kept for ever, as nobody knows how
// long a leaked token is valid. A user has at most one, so they are few.
package revocation

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	lookEvery = 2 * time.Second
	lookTime  = 10 * time.Second
	page      = 1000

	// anewEvery is after how many looks all revocations are read again, and not only those after
	// the place. If a store was restored, or a standby took over, the same places may be given
	// again.
	anewEvery = 150
)

// Config configures a Guard. Store and Verifier are required.
type Config struct {
	Store    ports.Revocations
	Verifier ports.TokenVerifier // of the tokens themselves
	Bus      ports.Bus           // nil: this node is alone
	Observer ports.TokenObserver // nil: nobody is told
}

// Guard verifies tokens, and refuses those that were revoked.
type Guard struct {
	cfg Config

	mu      sync.RWMutex
	learned func(chat.Revocation)
	loaded  bool
	until   map[chat.UserID]time.Time
	place   int64             // up to which the store was read
	logs    int               // how often the store was found to have another log
	read    int               // logs at the last look; if logs is higher, place is not valid
	fresh   []chat.Revocation // learned since the last look
	again   []chat.Revocation // learned before that: told of once more at the next look
}

var _ ports.TokenVerifier = (*Guard)(nil)

// New returns a guard. It verifies no token before Load or Run has read the revocations.
func New(cfg Config) *Guard {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	return &Guard{cfg: cfg, learned: func(chat.Revocation) {}, until: map[chat.UserID]time.Time{}}
}

var (
	errNotLoaded = chat.Errorf(chat.Unavailable, "it is not known yet which tokens were revoked; try again")
	errRevoked   = chat.Errorf(chat.Unauthenticated, "the token was revoked")
)

// Verify implements ports.TokenVerifier.
func (g *Guard) Verify(ctx context.Context, token string) (chat.Identity, error) {
	who, err := g.cfg.Verifier.Verify(ctx, token)
	if err != nil {
		return who, err
	}
	g.mu.RLock()
	until, revoked := g.until[who.User]
	loaded := g.loaded
	g.mu.RUnlock()
	switch {
	case !loaded:
		return chat.Identity{}, errNotLoaded
	case revoked && chat.Revocation{User: who.User, Until: until}.Covers(who):
		g.cfg.Observer.TokenRefused("revoked")
		return chat.Identity{}, errRevoked
	}
	return who, nil
}

// Run reads the revocations, and then new ones, until ctx ends. It calls learned for each one that
// is new to this node, from the store or the bus, to end the sessions of these tokens. Seconds
// later it calls learned again: a token may have been verified just before the revocation, and its
// session opened just after. learned does not block, and may be called concurrently. Run is called
// once. A store that cannot be read is tried again; known revocations stay in force.
func (g *Guard) Run(ctx context.Context, learned func(chat.Revocation)) error {
	g.mu.Lock()
	g.learned = learned
	g.mu.Unlock()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for looks := 1; ; looks++ {
		if err := g.look(ctx, looks%anewEvery == 0); err != nil && ctx.Err() == nil {
			g.cfg.Observer.Fault(ctx, "read revocations", err)
		}
		for _, r := range g.due() {
			learned(r)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// due returns the revocations that are to be told of again.
func (g *Guard) due() []chat.Revocation {
	g.mu.Lock()
	defer g.mu.Unlock()
	due := g.again
	g.again, g.fresh = g.fresh, nil
	return due
}

// Load reads the revocations, so that tokens can be verified before Run.
func (g *Guard) Load(ctx context.Context) error { return g.look(ctx, false) }

// look reads what is new in the store, or all of it.
func (g *Guard) look(ctx context.Context, anew bool) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var place int64
	g.mu.RLock()
	logs := g.logs
	if !anew && g.read == logs {
		place = g.place
	}
	g.mu.RUnlock()
	for {
		list, next, err := g.cfg.Store.Revoked(ctx, place, page)
		if err != nil {
			return err
		}
		for _, r := range list {
			g.learn(r)
		}
		if next == place {
			break
		}
		place = next
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.place, g.loaded, g.read = place, true, logs
	return nil
}

// Revoke revokes the user's tokens that were issued until now, on all nodes, and ends their
// sessions. The issuer's clock may be up to chat.MaxIssuedAhead ahead, so tokens that are issued
// within that time are revoked too. Later ones are valid.
func (g *Guard) Revoke(ctx context.Context, user chat.UserID) (chat.Revocation, error) {
	r, err := g.cfg.Store.Revoke(ctx, user, time.Now().Add(chat.MaxIssuedAhead))
	if err != nil {
		return r, err
	}
	g.learn(r)
	if g.cfg.Bus != nil {
		// If this fails, others find it in the store.
		if err := g.cfg.Bus.Tell(ctx, ports.Revoked{User: r.User, Until: r.Until}); err != nil {
			g.cfg.Observer.Fault(ctx, "tell of a revocation", err)
		}
	}
	return r, nil
}

// Anew makes all revocations be read at the next look, as the store has another log. Known ones
// stay in force.
func (g *Guard) Anew() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.logs++
}

// Hear takes notices of other nodes.
func (g *Guard) Hear(notice ports.Notice) {
	if n, ok := notice.(ports.Revoked); ok {
		g.learn(chat.Revocation{User: n.User, Until: n.Until})
	}
}

// learn notes a revocation, and calls learned if it is new. Before the first ones are loaded it
// does not, as there can be no sessions yet.
func (g *Guard) learn(r chat.Revocation) {
	g.mu.Lock()
	until, known := g.until[r.User]
	if known && !until.Before(r.Until) {
		g.mu.Unlock()
		return
	}
	g.until[r.User] = r.Until
	tell := func(chat.Revocation) {}
	if g.loaded {
		g.fresh = append(g.fresh, r)
		tell = g.learned
	}
	g.mu.Unlock()
	tell(r)
}
