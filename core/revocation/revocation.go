// Package revocation refuses tokens that were revoked.
//
// Every node knows all revocations: it reads them when it starts and every two seconds what is new,
// and hears of those of other nodes by the bus at once. They are kept for ever, as nobody knows how
// long a token that was given away lives; a user has one at most, so that they are few.
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

	// anewEvery is after how many looks all is read anew, not only what is behind the place: a
	// store that was restored, or whose standby took over, may give places again that were given
	// before.
	anewEvery = 150
)

// Config is what a Guard works with. Store and Verifier are needed.
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
	place   int64             // of the store, up to which it was read
	logs    int               // how often the store was found to keep another log
	read    int               // logs at the last look: where it was fewer, the place is of no use
	fresh   []chat.Revocation // learned since the last look
	again   []chat.Revocation // learned before that, and told of once more at the next
}

var _ ports.TokenVerifier = (*Guard)(nil)

// New returns a guard. It verifies nothing before it has read what was revoked: by Load, or by Run.
func New(cfg Config) *Guard {
	if cfg.Observer == nil {
		cfg.Observer = ports.Unobserved{}
	}
	return &Guard{cfg: cfg, learned: func(chat.Revocation) {}, until: map[chat.UserID]time.Time{}}
}

var (
	errNotLoaded = chat.Errorf(chat.Unavailable, "what tokens were revoked is not known yet; try again")
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

// Run reads what was revoked, and goes on reading what is new, until ctx ends. It tells learned of
// each revocation that is new to this node, by whichever way it came, so that it ends the sessions
// that those tokens opened; learned does not block, and may be called concurrently. Seconds later
// it is told again: a token may have been verified just before, and its session been opened just
// after. Run is called once. A store that cannot be read is tried again; what is known stays in
// force.
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

// due returns what is to be told again.
func (g *Guard) due() []chat.Revocation {
	g.mu.Lock()
	defer g.mu.Unlock()
	due := g.again
	g.again, g.fresh = g.fresh, nil
	return due
}

// Load reads what was revoked, for who wants tokens to be taken before Run.
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

// Revoke makes the user's tokens that were issued until now good no more, on all nodes, and ends
// the sessions that they opened. As the clock of their issuer may be ahead, a token of now may say
// that it was issued in up to chat.MaxIssuedAhead: the user's new tokens are good after that.
func (g *Guard) Revoke(ctx context.Context, user chat.UserID) (chat.Revocation, error) {
	r, err := g.cfg.Store.Revoke(ctx, user, time.Now().Add(chat.MaxIssuedAhead))
	if err != nil {
		return r, err
	}
	g.learn(r)
	if g.cfg.Bus != nil {
		if err := g.cfg.Bus.Tell(ctx, ports.Revoked{User: r.User, Until: r.Until}); err != nil { // others find it in the store
			g.cfg.Observer.Fault(ctx, "tell of a revocation", err)
		}
	}
	return r, nil
}

// Anew has all be read at the next look, because the store keeps another log. What is known stays
// in force.
func (g *Guard) Anew() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.logs++
}

// Hear takes what other nodes tell.
func (g *Guard) Hear(notice ports.Notice) {
	if n, ok := notice.(ports.Revoked); ok {
		g.learn(chat.Revocation{User: n.User, Until: n.Until})
	}
}

// learn notes a revocation, and tells of it if it is news. Before all are known nobody is: there
// can be no sessions yet.
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
