package portstest

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// VerifierUnderTest is a verifier, with functions that make tokens for it.
type VerifierUnderTest struct {
	Verifier ports.TokenVerifier

	// Issue returns a token for an identity, as the issuer that the verifier trusts would make it.
	// Expires counts in whole seconds.
	Issue func(t *testing.T, who chat.Identity) string

	// Forge returns a token that looks the same, made by somebody without the issuer's keys.
	Forge func(t *testing.T, who chat.Identity) string
}

// TokenVerifier proves a verifier against the contract of ports.TokenVerifier. open closes what it
// opened, by t.Cleanup.
func TokenVerifier(t *testing.T, open func(t *testing.T) VerifierUnderTest) {
	t.Helper()
	s := tokenSuite{open(t)}
	for name, test := range map[string]func(*testing.T){
		"a token speaks for whom it was issued to":     s.testIdentities,
		"what is no token is Unauthenticated":          s.testJunk,
		"a forged token is Unauthenticated":            s.testForged,
		"an expired token is Unauthenticated":          s.testExpired,
		"a user id that breaks its rule is no user":    s.testBadUsers,
		"a token that was changed is Unauthenticated":  s.testChanged,
		"many may verify at once":                      s.testConcurrent,
		"a context that has ended opens no other door": s.testEndedContext,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
	}
}

// TokensOutOfReach tests that a verifier whose keys cannot be reached fails with Unavailable: it
// cannot judge the token.
func TokensOutOfReach(t *testing.T, v ports.TokenVerifier, token string) {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if !errors.Is(err, chat.Unavailable) {
		t.Errorf("got %v, want Unavailable: its keys are out of reach", err)
	}
}

type tokenSuite struct{ VerifierUnderTest }

func inAnHour() time.Time { return time.Now().Add(time.Hour).Truncate(time.Second) }

func (s tokenSuite) testIdentities(t *testing.T) {
	for name, who := range map[string]chat.Identity{
		"a user":                    {User: "alice"},
		"a user with a name":        {User: "alice", Name: "Alice Œ 界"},
		"a user id of any text":     {User: "auth0|5f7c-ü /界"},
		"the longest user id":       {User: chat.UserID(strings.Repeat("界", chat.MaxUserIDChars))},
		"an admin":                  {User: "root", Admin: true},
		"grants":                    {User: "bot", Grants: chat.Grants{"general": chat.Write, "support-*": chat.Read, "ops": chat.Moderate}},
		"grants of no room":         {User: "bot", Grants: chat.Grants{}},
		"an admin with grants, too": {User: "root", Admin: true, Grants: chat.Grants{"*": chat.Read}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who.Expires = inAnHour()
			got, err := s.Verifier.Verify(t.Context(), s.Issue(t, who))
			if err != nil {
				t.Fatal(err)
			}
			same := got.User == who.User && got.Name == who.Name && got.Admin == who.Admin && got.Expires.Equal(who.Expires)
			if !same || !got.Grants.Equal(who.Grants) {
				t.Errorf("got %+v, want %+v", got, who)
			}
		})
	}
}

// refuses checks that a token is Unauthenticated, with a reason that does not repeat it.
func (s tokenSuite) refuses(t *testing.T, token string) {
	t.Helper()
	got, err := s.Verifier.Verify(t.Context(), token)
	if !errors.Is(err, chat.Unauthenticated) {
		t.Errorf("got %v, want Unauthenticated, for %.80q", err, token)
		return
	}
	if got.User != "" || got.Admin || got.Grants != nil {
		t.Errorf("an identity comes with the refusal: %+v", got)
	}
	reason := chat.AsError(err).Reason
	if reason == "" {
		t.Error("the refusal has no reason")
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 8 && strings.Contains(reason, part) {
			t.Errorf("the reason repeats a part of the token: %q", reason)
		}
	}
}

func (s tokenSuite) testJunk(t *testing.T) {
	good := s.Issue(t, chat.Identity{User: "alice", Expires: inAnHour()})
	for _, token := range []string{
		"", " ", ".", "..", "....", "alice", "null", "{}", "\x00", "\xff\xfe", "Bearer " + good, " " + good, good + " ", good + "\n",
		good + ".", "." + good, good + "=", strings.Repeat(".", 1<<20), strings.Repeat("a", 1<<20), good + good, good[:len(good)-1],
		base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"alice"}`)) + ".",
	} {
		s.refuses(t, token)
	}
}

func (s tokenSuite) testForged(t *testing.T) {
	s.refuses(t, s.Forge(t, chat.Identity{User: "alice", Expires: inAnHour()}))
	s.refuses(t, s.Forge(t, chat.Identity{User: "alice", Admin: true, Expires: inAnHour()}))
}

func (s tokenSuite) testExpired(t *testing.T) {
	s.refuses(t, s.Issue(t, chat.Identity{User: "alice", Expires: time.Now().Add(-time.Hour)}))
	s.refuses(t, s.Issue(t, chat.Identity{User: "alice", Expires: time.Unix(1, 0)}))
}

func (s tokenSuite) testBadUsers(t *testing.T) {
	for _, user := range []string{"", strings.Repeat("a", chat.MaxUserIDChars+1), "a\x00b", "a\nb", "\u007f"} {
		s.refuses(t, s.Issue(t, chat.Identity{User: chat.UserID(user), Expires: inAnHour()}))
	}
}

// testChanged changes each character of a token, one at a time.
func (s tokenSuite) testChanged(t *testing.T) {
	good := s.Issue(t, chat.Identity{User: "alice", Expires: inAnHour()})
	for i := range len(good) {
		other := byte('A')
		if good[i] == other {
			other = 'B'
		}
		s.refuses(t, good[:i]+string(other)+good[i+1:])
	}
}

func (s tokenSuite) testConcurrent(t *testing.T) {
	good := s.Issue(t, chat.Identity{User: "alice", Expires: inAnHour()})
	forged := s.Forge(t, chat.Identity{User: "alice", Expires: inAnHour()})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if who, err := s.Verifier.Verify(t.Context(), good); err != nil || who.User != "alice" {
					t.Errorf("got %v, %v, want alice", who, err)
				}
				s.refuses(t, forged)
			}
		})
	}
	wg.Wait()
}

func (s tokenSuite) testEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Verifier.Verify(ctx, s.Forge(t, chat.Identity{User: "alice", Expires: inAnHour()}))
	if !errors.Is(err, chat.Unauthenticated) && !errors.Is(err, chat.Unavailable) {
		t.Errorf("got %v, want Unauthenticated or Unavailable", err)
	}
	who, err := s.Verifier.Verify(ctx, s.Issue(t, chat.Identity{User: "alice", Expires: inAnHour()}))
	if err == nil && who.User != "alice" || err != nil && !errors.Is(err, chat.Unavailable) {
		t.Errorf("got %v, %v, want alice or Unavailable", who, err)
	}
}
