package revocation_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/revocation"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issued verifies a time of issue as a token of alice's. An empty one has no time of issue.
type issued struct{}

func (issued) Verify(_ context.Context, token string) (chat.Identity, error) {
	who := chat.Identity{User: "alice"}
	if token == "" {
		return who, nil
	}
	at, err := time.Parse(time.RFC3339, token)
	who.Issued = at
	return who, err
}

// node is a guard on a node of its own, and what it has learned.
type node struct {
	*revocation.Guard
	bus *localbus.Bus

	mu      sync.Mutex
	learned []chat.Revocation
}

func (n *node) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.learned)
}

// listener is the listener of a node.
type listener struct {
	ports.Listener
	node *node
}

func (l listener) Hear(n ports.Notice) { l.node.Hear(n) }
func (listener) Deaf()                 {}

func run(t *testing.T, store ports.Revocations, bus *localbus.Bus) *node {
	n := &node{bus: bus}
	n.Guard = revocation.New(revocation.Config{Store: store, Verifier: issued{}, Bus: bus})
	learned := func(r chat.Revocation) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.learned = append(n.learned, r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { n.Run(ctx, learned) })
	wg.Go(func() { bus.Run(ctx, listener{nil, n}) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	synctest.Wait()
	return n
}

// takes reports whether a node takes a token.
func (n *node) takes(t *testing.T, token string) bool {
	t.Helper()
	_, err := n.Verify(t.Context(), token)
	if err != nil && !errors.Is(err, chat.Unauthenticated) {
		t.Errorf("got %v", err)
	}
	return err == nil
}

func TestARevocationIsInForceOnAllNodesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, bus := memory.New(), localbus.New()
		one, two := run(t, store, bus), run(t, store, bus.Node())
		began, token := time.Now(), time.Now().UTC().Format(time.RFC3339)
		if !one.takes(t, token) || !two.takes(t, token) || !two.takes(t, "") {
			t.Fatal("a good token is refused")
		}
		if _, err := one.Revoke(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, n := range []*node{one, two} {
			if n.takes(t, token) || n.takes(t, "") || n.count() != 1 {
				t.Errorf("a revoked token is taken, or %d revocations are told of", n.count())
			}
		}
		ahead := time.Now().Add(chat.MaxIssuedAhead).UTC().Format(time.RFC3339) // by the clock of an issuer that is ahead
		for range 2 {
			if one.takes(t, ahead) || two.takes(t, ahead) {
				t.Errorf("a token that was issued before by a clock that is ahead is taken, %v after", time.Since(began))
			}
			time.Sleep(chat.MaxIssuedAhead + time.Second)
		}
		if fresh := time.Now().UTC().Format(time.RFC3339); !one.takes(t, fresh) || !two.takes(t, fresh) {
			t.Error("a new token is refused")
		}
		time.Sleep(time.Hour)
		if one.count() != 2 || two.count() != 2 {
			t.Errorf("told of it %d and %d times, want twice: for sessions that were being opened", one.count(), two.count())
		}
	})
}

func TestWithoutTheBusItTakesSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, bus := memory.New(), localbus.New()
		one, two := run(t, store, bus), run(t, store, bus.Node())
		two.bus.Cut()
		token := time.Now().UTC().Format(time.RFC3339)
		if _, err := one.Revoke(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		if two.takes(t, token) || two.count() != 1 {
			t.Error("a revoked token is taken")
		}
		late := run(t, store, bus.Node())
		if late.takes(t, token) {
			t.Error("a node that starts takes a revoked token")
		}
	})
}

// away is a store that a test can make unreachable.
type away struct {
	ports.Revocations
	away atomic.Bool
}

func (a *away) Revoked(ctx context.Context, behind int64, limit int) ([]chat.Revocation, int64, error) {
	if a.away.Load() {
		return nil, behind, chat.Errorf(chat.Unavailable, "the store is away")
	}
	return a.Revocations.Revoked(ctx, behind, limit)
}

func TestNobodyIsTakenBeforeItIsKnownWhoIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &away{Revocations: memory.New()}
		store.away.Store(true)
		n := run(t, store, localbus.New())
		if _, err := n.Verify(t.Context(), ""); !errors.Is(err, chat.Unavailable) {
			t.Errorf("got %v", err)
		}
		store.away.Store(false)
		time.Sleep(2*time.Second + time.Millisecond)
		if !n.takes(t, "") {
			t.Error("refused")
		}
		store.away.Store(true)
		time.Sleep(5 * time.Second)
		if !n.takes(t, "") {
			t.Error("a store that goes away shuts everybody out")
		}
	})
}

// verified lets a test do something between a token's verification and what follows it.
type verified struct {
	issued
	then func()
}

func (v verified) Verify(ctx context.Context, token string) (chat.Identity, error) {
	who, err := v.issued.Verify(ctx, token)
	v.then()
	return who, err
}

func TestATokenThatIsRevokedWhileItIsVerifiedIsRefused(t *testing.T) {
	t.Parallel()
	store := memory.New()
	var g *revocation.Guard
	g = revocation.New(revocation.Config{Store: store, Verifier: verified{then: func() {
		if _, err := g.Revoke(t.Context(), "alice"); err != nil {
			t.Error(err)
		}
	}}})
	if err := g.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Verify(t.Context(), ""); !errors.Is(err, chat.Unauthenticated) {
		t.Errorf("got %v, want it refused", err)
	}
}

// swapped is a store that can be restored from an earlier copy.
type swapped struct{ atomic.Pointer[memory.Store] }

func (s *swapped) Revoke(ctx context.Context, user chat.UserID, until time.Time) (chat.Revocation, error) {
	return s.Load().Revoke(ctx, user, until)
}

func (s *swapped) Revoked(ctx context.Context, behind int64, limit int) ([]chat.Revocation, int64, error) {
	return s.Load().Revoked(ctx, behind, limit)
}

func TestAStoreThatWasRestoredGivesPlacesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &swapped{}
		store.Store(memory.New())
		if _, err := store.Revoke(t.Context(), "bob", time.Now()); err != nil {
			t.Fatal(err)
		}
		n := run(t, store, localbus.New())
		store.Store(memory.New())
		if _, err := store.Revoke(t.Context(), "alice", time.Now()); err != nil { // by another node that is not heard, at bob's place
			t.Fatal(err)
		}
		if !n.takes(t, "") {
			t.Fatal("it knows already: this proves nothing")
		}
		time.Sleep(5*time.Minute + time.Second)
		if n.takes(t, "") {
			t.Error("a revoked token is taken")
		}
		if _, err := store.Revoke(t.Context(), "carol", time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if n.count() != 3 { // alice twice, carol once by now
			t.Errorf("told of %d revocations", n.count())
		}
	})
}

// counted notes why tokens were refused.
type counted struct {
	ports.Unobserved
	reasons []string
	faults  []string
}

func (c *counted) TokenRefused(reason string) { c.reasons = append(c.reasons, reason) }

func (c *counted) Fault(_ context.Context, while string, _ error) string {
	c.faults = append(c.faults, while)
	return ""
}

func TestRefusalsAndFaultsAreToldOf(t *testing.T) {
	t.Parallel()
	var seen counted
	bus := localbus.New()
	bus.Cut()
	g := revocation.New(revocation.Config{Store: memory.New(), Verifier: issued{}, Bus: bus, Observer: &seen})
	if err := g.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Revoke(t.Context(), "alice"); err != nil {
		t.Errorf("revoke without the bus: %v", err)
	}
	if _, err := g.Verify(t.Context(), ""); !errors.Is(err, chat.Unauthenticated) || chat.AsError(err).Reason != "the token was revoked" {
		t.Errorf("got %v", err)
	}
	if len(seen.reasons) != 1 || seen.reasons[0] != "revoked" || len(seen.faults) != 1 || seen.faults[0] != "tell of a revocation" {
		t.Errorf("told of %+v", seen)
	}
}
