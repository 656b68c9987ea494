package rest_test

import (
	"testing"

	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/core/messaging"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	s := serve(t)
	nobody := s.as("")
	s.as("alice").has("general")
	for _, scheme := range []string{"Bearer alice", "bearer alice", "BEARER  alice "} {
		nobody.ask("GET", "/v1/rooms", "", "Authorization", scheme).is(200, `{"rooms":[{"room":"general"}]}`)
	}
	nobody.gets("/v1/rooms?access_token=alice").is(200, `{"rooms":[{"room":"general"}]}`)
	nobody.ask("GET", "/v1/rooms?access_token=bob", "", "Authorization", "Bearer alice").is(200, `{"rooms":[{"room":"general"}]}`)

	nobody.gets("/v1/rooms").with("WWW-Authenticate", "Bearer").fails(401, "unauthenticated", "there is no token")
	nobody.ask("GET", "/v1/rooms", "", "Authorization", "Basic YWxpY2U6").fails(401, "unauthenticated", "there is no token")
	nobody.ask("GET", "/v1/rooms", "", "Authorization", "Bearer").fails(401, "unauthenticated", "there is no token")
	s.as("forged").gets("/v1/rooms").fails(401, "unauthenticated", "the token's signature is not good")
	s.as("forged").posts("/v1/rooms/general/messages", `{"body":`).fails(401, "unauthenticated", "the token's signature is not good")
	s.as("away").gets("/v1/rooms").with("Retry-After", "1").
		fails(503, "unavailable", "the service cannot reach a part that it needs; try again")
}

func TestPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	allow := func(origins ...string) *service {
		return serve(t, func(c *rest.Config, _ *messaging.Config) { c.Origins = origins })
	}
	some, all, none := allow("https://app.example", "http://localhost:3000"), allow("*"), allow()
	for _, test := range []struct {
		on      *service
		origin  string
		allowed bool
	}{
		{some, "https://app.example", true},
		{some, "https://APP.example", true},
		{some, "http://localhost:3000", true},
		{some, "https://app.example.mallory.example", false},
		{some, "http://app.example", false},
		{some, "null", false},
		{some, "", false},
		{all, "https://anybody.example", true},
		{none, "https://app.example", false},
	} {
		want := ""
		if test.allowed {
			want = test.origin
		}
		headers := []string{}
		if test.origin != "" {
			headers = append(headers, "Origin", test.origin)
		}
		alice := test.on.as("alice")
		got := alice.ask("GET", "/v1/rooms", "", headers...).is(200, `{"rooms":[]}`).
			with("Access-Control-Allow-Origin", want).with("Access-Control-Allow-Credentials", "")
		if vary := got.Header.Get("Vary"); (vary == "Origin") != (test.on != none) {
			t.Errorf("Vary: got %q", vary)
		}
		alice.ask("GET", "/v1/rooms/absent", "", headers...).with("Access-Control-Allow-Origin", want).
			fails(404, "not_found", "there is no room absent")
		test.on.as("").ask("GET", "/v1/rooms", "", headers...).with("Access-Control-Allow-Origin", want).
			fails(401, "unauthenticated", "there is no token")
	}
}

func TestPagesMayAskFirst(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *rest.Config, _ *messaging.Config) { c.Origins = []string{"https://app.example"} })
	ask := func(headers ...string) answer {
		return s.as("").ask("OPTIONS", "/v1/rooms/general/messages", "", headers...)
	}
	ask("Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization").
		is(204, "").with("Access-Control-Allow-Origin", "https://app.example").
		with("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE").
		with("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, X-Request-ID").
		with("Access-Control-Max-Age", "600").with("Vary", "Origin")
	ask("Origin", "https://mallory.example", "Access-Control-Request-Method", "POST").with("Access-Control-Allow-Origin", "").
		fails(405, "bad_request", "this address does not take this method")
	ask("Origin", "https://app.example").with("Access-Control-Allow-Methods", "").
		fails(405, "bad_request", "this address does not take this method")
}
