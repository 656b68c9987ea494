package jwt_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
)

func TestAKnownTokenIsRefusedWhenItHasExpired(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "EdDSA")
	synctest.Test(t, func(t *testing.T) {
		v := verifier(t, jwt.Config{Algorithms: []string{"EdDSA"}}, i)
		token := i.sign(t, alice())
		for range 2 {
			if got := outcome(t, v, token); got != "alice" {
				t.Errorf("got %q, want alice", got)
			}
		}
		time.Sleep(time.Hour)
		if got, want := outcome(t, v, token), "the token has expired"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAKnownTokenIsRefusedWhenItsKeyIsGone(t *testing.T) {
	t.Parallel()
	first, second := named(t, "1"), named(t, "2")
	p := publishes(first.jwk(nil), second.jwk(nil))
	inBubble(t, p, func(t *testing.T, v *jwt.Verifier, _ *atomic.Int32) {
		token := first.sign(t, alice())
		for range 2 {
			if got := outcome(t, v, token); got != "alice" {
				t.Errorf("got %q, want alice", got)
			}
		}
		p.now(func(p *publisher) { p.body = setOf(second.jwk(nil)) })
		time.Sleep(16 * time.Minute)
		if got := outcome(t, v, token); got != unknownKey {
			t.Errorf("got %q, want %q", got, unknownKey)
		}
	})
}

func TestATokenThatDiffersFromAKnownOneIsVerified(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "EdDSA")
	v := verifier(t, jwt.Config{Algorithms: []string{"EdDSA"}}, i)
	token := i.sign(t, alice())
	if got := outcome(t, v, token); got != "alice" {
		t.Fatalf("got %q, want alice", got)
	}
	head, rest, _ := strings.Cut(token, ".")
	_, signature, _ := strings.Cut(rest, ".")
	forged := head + "." + segment(`{"sub":"bob","exp":4000000000}`) + "." + signature
	if got, want := outcome(t, v, forged), "the token's signature is not good"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestGuardAKnownTokenIsFoundByItsDigest counts: a verification allocates a hundred times.
//
//nolint:paralleltest // it counts allocations
func TestGuardAKnownTokenIsFoundByItsDigest(t *testing.T) {
	i := newIssuer(t, "RS256")
	v := verifier(t, jwt.Config{}, i)
	token := i.sign(t, alice(says{"name": "Alice", "rooms": says{"general": "write"}}))
	if made := testing.AllocsPerRun(100, func() { outcome(t, v, token) }); made > 1 {
		t.Errorf("a known token allocates %.1f times", made)
	}
}
