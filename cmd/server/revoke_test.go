package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/fx"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// pair starts two nodes on one store, and returns the bus of the second too.
func pair(t *testing.T) (one, two service, bus *localbus.Bus) {
	t.Helper()
	cfg, store, first := forTest(t), memory.New(), localbus.New()
	bus = first.Node()
	node := func(b *localbus.Bus) service {
		return start(t, cfg, fx.Decorate(func(server.Store) server.Store { return store }, func(server.Bus) server.Bus { return b }))
	}
	return node(first), node(bus), bus
}

// closes reads until the connection is closed, checks the code, and returns the reason.
func (p person) closes(want websocket.StatusCode) (reason string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	for {
		if _, _, err := p.conn.Read(ctx); err != nil {
			if got := websocket.CloseStatus(err); got != want {
				p.t.Errorf("closed with %d (%v), want %d", got, err, want)
			}
			ended, _ := errors.AsType[websocket.CloseError](err)
			return ended.Reason
		}
	}
}

// revokes revokes a user's tokens.
func (s service) revokes(user string) {
	s.t.Helper()
	status, body := s.ask(http.MethodDelete, s.AdminURL()+"/users/"+user+"/tokens", "")
	var answer struct {
		User  string
		Until time.Time `json:"revoked_until"`
	}
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusOK || err != nil || answer.User != user || time.Since(answer.Until) > time.Minute {
		s.t.Fatalf("got %d %s", status, body)
	}
}

func TestTokensAreRevokedOnAllNodes(t *testing.T) {
	t.Parallel()
	one, two, bus := pair(t)
	token := one.token("alice")
	here, there, bob := one.connects(token, "general"), two.connects(token, "general"), two.enters("bob", "general")
	one.revokes("alice")
	for _, alice := range []person{here, there} {
		if failure := alice.sees("error"); failure["code"] != "unauthenticated" || failure["message"] != "the token was revoked" {
			t.Errorf("got %v", failure)
		}
		if reason := alice.closes(4401); reason != "the token was revoked" {
			t.Errorf("the close says %q", reason)
		}
	}
	for _, s := range []service{one, two} {
		if status, body := s.ask(http.MethodGet, "/v1/rooms", "", "Authorization", "Bearer "+token); status != http.StatusUnauthorized || !strings.Contains(body, "the token was revoked") {
			t.Errorf("got %d %s", status, body)
		}
		if _, metrics := s.ask(http.MethodGet, s.AdminURL()+"/metrics", ""); !strings.Contains(metrics, `parley_token_refusals_total{reason="revoked"} 1`) {
			t.Error("the refusal is not counted")
		}
	}
	bob.says("still here")
	bob.sees("message")

	bus.Cut()
	began := time.Now()
	one.revokes("bob")
	bob.closes(4401)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("without the bus it took %v", took)
	}
}

func TestAnAdministratorEndsSessionsOnAllNodes(t *testing.T) {
	t.Parallel()
	one, two, _ := pair(t)
	here, there := one.enters("alice", "general"), two.enters("alice", "general")
	if status, body := one.ask(http.MethodDelete, one.AdminURL()+"/users/alice/sessions", ""); status != http.StatusOK ||
		!strings.Contains(body, `"disconnected": 1`) || !strings.Contains(body, `"others_told": true`) {
		t.Errorf("got %d %s", status, body)
	}
	here.closes(4403)
	there.closes(4403)
	two.enters("alice", "general") // the token is valid
}

// forgetful cannot store revocations.
type forgetful struct{ ports.Revocations }

func (forgetful) Revoke(context.Context, chat.UserID, time.Time) (chat.Revocation, error) {
	return chat.Revocation{}, chat.Errorf(chat.Unavailable, "the store is away")
}

func TestARevocationThatCannotBeKeptIsNone(t *testing.T) {
	t.Parallel()
	s := start(t, forTest(t), fx.Decorate(func(r ports.Revocations) ports.Revocations { return forgetful{r} }))
	alice := s.enters("alice", "general")
	for path, want := range map[string]int{"/users/alice/tokens": 503, "/users/%01/tokens": 400} {
		if status, body := s.ask(http.MethodDelete, s.AdminURL()+path, ""); status != want {
			t.Errorf("%s: got %d %s, want %d", path, status, body, want)
		}
	}
	alice.says("still here")
	alice.sees("message")
}

// lax accepts everything as a token, of the user with that id.
type lax struct{}

func (lax) Verify(_ context.Context, token string) (chat.Identity, error) {
	return chat.Identity{User: chat.UserID(token), Expires: time.Now().Add(time.Hour)}, nil
}

func TestTokensOfAnotherKindAreRevokedToo(t *testing.T) {
	t.Parallel()
	s := start(t, forTest(t), fx.Decorate(func(server.Verifier) server.Verifier { return lax{} }))
	alice := s.connects("alice", "general")
	s.revokes("alice")
	alice.closes(4401)
	s.connects("bob", "general")
}
