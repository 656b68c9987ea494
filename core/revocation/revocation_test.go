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

// issued takes the time of issue as a token of alice's; one that is empty does not say.
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

// ears is the listener of a node.
type ears struct {
	ports.Listener
	node *node
}

func (e ears) Hear(n ports.Notice) { e.node.Hear(n) }
func (ears) Deaf()                 {}

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
	wg.Go(func() { bus.Run(ctx, ears{nil, n}) })
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
		token := time.Now().UTC().Format(time.RFC3339)
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
		time.Sleep(5 * time.Second)
		if !one.takes(t, time.Now().UTC().Format(time.RFC3339)) {
			t.Error("a new token is refused")
		}
		if one.count() != 1 || two.count() != 1 {
			t.Error("what is known is told of again")
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

// away is a store that cannot be reached while it is told so.
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
