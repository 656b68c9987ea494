package server_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	lib "github.com/golang-jwt/jwt/v5"
	"go.uber.org/fx"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// becomes asks /readyz of the admin address until the answer has a status and words.
func (s service) becomes(status int, words ...string) {
	s.t.Helper()
	var code int
	var body string
	for range 400 {
		code, body = s.ask(http.MethodGet, s.AdminURL()+"/readyz", "")
		has := code == status
		for _, w := range words {
			has = has && strings.Contains(body, w)
		}
		if has {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("/readyz is still %d %s, want %d with %q", code, body, status, words)
}

// provider publishes a key set, unless it is down.
type provider struct {
	private ed25519.PrivateKey
	away    atomic.Bool
	hangs   atomic.Pointer[chan struct{}] // requests hang until it is closed; nil: they do not
	*httptest.Server
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{private: private}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if hang := p.hangs.Load(); hang != nil {
			<-*hang
		}
		if p.away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"`+base64.RawURLEncoding.EncodeToString(public)+`"},`+
			`{"kty":"OKP","crv":"Ed25519","kid":"broken","x":"AAAA"}]}`)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) signs(t *testing.T, claims lib.MapClaims) string {
	t.Helper()
	token := lib.NewWithClaims(lib.SigningMethodEdDSA, claims)
	token.Header["kid"] = "1"
	text, err := token.SignedString(p.private)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestANodeThatNeverReadItsKeysIsNotReady(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.away.Store(true)
	cfg := forTest(t)
	cfg.JWTJWKSURL, cfg.JWTAudience, cfg.JWTAlgorithms = p.URL, "chat", []string{"EdDSA"}
	s := start(t, cfg)
	s.becomes(503, `"name":"keys","ok":false`, "502 Bad Gateway")
	if _, public := s.ask(http.MethodGet, "/readyz", ""); strings.Contains(public, "502") || !strings.Contains(public, `"keys"`) {
		t.Errorf("everybody is told %s", public)
	}
	p.away.Store(false)
	s.becomes(200, `"name":"keys","ok":true,"age":"`)
	if said := cfg.Output.(*output).String(); strings.Count(said, "a key of the key set is left out") != 1 || !strings.Contains(said, "broken") {
		t.Errorf("the key that is left out is not named once:\n%s", said)
	}
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for name, row := range map[string]struct {
		claims lib.MapClaims
		status int
	}{
		"for this service":        {lib.MapClaims{"sub": "alice", "aud": "chat", "exp": in(time.Hour), "name": 7}, 200},
		"for another application": {lib.MapClaims{"sub": "alice", "aud": "shop", "exp": in(time.Hour)}, 401},
		"for nobody":              {lib.MapClaims{"sub": "alice", "exp": in(time.Hour)}, 401},
		"expired, by seconds":     {lib.MapClaims{"sub": "alice", "aud": "chat", "exp": in(-5 * time.Second)}, 401},
	} {
		token := p.signs(t, row.claims)
		if status, body := s.ask(http.MethodGet, "/v1/rooms", "", "Authorization", "Bearer "+token); status != row.status {
			t.Errorf("a token %s: got %d %s, want %d", name, status, body, row.status)
		}
	}
	ahead := p.signs(t, lib.MapClaims{"sub": "bob", "aud": "chat", "iat": in(25 * time.Second), "exp": in(time.Hour)})
	s.revokes("bob")
	if status, body := s.ask(http.MethodGet, "/v1/rooms", "", "Authorization", "Bearer "+ahead); status != 401 {
		t.Errorf("a token of a clock that is ahead, once it is revoked: got %d %s, want 401", status, body)
	}
}

// TestAKeySetThatHangsHoldsUpNobodyWhoseKeyIsKnown has many clients come with tokens of unknown
// keys.
func TestAKeySetThatHangsHoldsUpNobodyWhoseKeyIsKnown(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	cfg := forTest(t)
	cfg.JWTJWKSURL, cfg.JWTAudience, cfg.JWTAlgorithms = p.URL, "chat", []string{"EdDSA"}
	s := start(t, cfg)
	claims := lib.MapClaims{"sub": "alice", "aud": "chat", "exp": time.Now().Add(time.Hour).Unix()}
	good := p.signs(t, claims)
	unheard := lib.NewWithClaims(lib.SigningMethodEdDSA, claims)
	unheard.Header["kid"] = "unheard"
	odd, err := unheard.SignedString(p.private)
	if err != nil {
		t.Fatal(err)
	}
	hang := make(chan struct{})
	p.hangs.Store(&hang)
	s.await(t, "a token is refused for the time being", func() bool { // once the key set may be read again
		status, _ := s.ask(http.MethodGet, "/v1/rooms", "", "Authorization", "Bearer "+odd)
		return status == http.StatusServiceUnavailable
	})
	const crowd, waiting = 60, 16
	answered := make(chan int, crowd)
	for range crowd {
		go func() {
			status, _ := s.ask(http.MethodGet, "/v1/rooms", "", "Authorization", "Bearer "+odd)
			answered <- status
		}()
	}
	for range crowd - waiting {
		if status := <-answered; status != http.StatusServiceUnavailable {
			t.Errorf("a token of an unknown key: got %d, want 503", status)
		}
	}
	if status, body := s.ask(http.MethodGet, "/v1/rooms", "", "Authorization", "Bearer "+good); status != http.StatusOK {
		t.Errorf("a token of a known key: got %d %s", status, body)
	}
	s.connects(good, "general").says("here")
	close(hang)
	for range waiting {
		if status := <-answered; status != http.StatusServiceUnavailable && status != http.StatusUnauthorized {
			t.Errorf("who waited: got %d", status)
		}
	}
}

// await waits until so returns true.
func (s service) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 400 {
		if so() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it never comes to pass that %s", what)
}

func TestAnyAudienceMayBeTakenOnPurpose(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	cfg := forTest(t)
	cfg.JWTJWKSURL, cfg.JWTAudience, cfg.JWTAlgorithms = p.URL, "none", []string{"EdDSA"}
	s := start(t, cfg)
	token := p.signs(t, lib.MapClaims{"sub": "alice", "aud": "shop", "exp": time.Now().Add(time.Hour).Unix()})
	if status, body := s.ask(http.MethodGet, "/v1/rooms", "", "Authorization", "Bearer "+token); status != 200 {
		t.Errorf("got %d %s, want 200", status, body)
	}
}

// fullStore is a store that can be read but not written while it is full.
type fullStore struct {
	*memory.Store
	full *atomic.Bool
}

func (f fullStore) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	if err := f.CheckWrite(ctx); err != nil {
		return nil, err
	}
	return f.Store.Append(ctx, proposals)
}

func (f fullStore) CheckWrite(context.Context) error {
	if f.full.Load() {
		return &chat.Error{Kind: chat.Unavailable, Reason: "x", Cause: io.ErrShortWrite}
	}
	return nil
}

func TestAStoreThatIsFullTurnsReadinessRed(t *testing.T) {
	t.Parallel()
	cfg, full := forTest(t), &atomic.Bool{}
	cfg.ReadyGrace = -1
	s := start(t, cfg, fx.Decorate(func(server.Store) server.Store { return fullStore{memory.New(), full} }))
	alice := s.enters("alice", "general")
	alice.says("one")
	alice.sees("message")
	s.becomes(200, `"name":"store","ok":true`)
	full.Store(true)
	alice.says("lost")
	if failure := alice.sees("error"); failure["code"] != "unavailable" {
		t.Errorf("got %v", failure)
	}
	s.becomes(503, `"name":"store","ok":false`, "cannot be written", io.ErrShortWrite.Error())
	full.Store(false)
	s.becomes(200, `"name":"store","ok":true`)
	var public struct{ Ready bool }
	if _, body := s.ask(http.MethodGet, "/readyz", ""); json.Unmarshal([]byte(body), &public) != nil || !public.Ready {
		t.Errorf("got %s", body)
	}
}
