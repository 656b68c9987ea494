package rest_test

import "testing"

func TestTokens(t *testing.T) {
	t.Parallel()
	s := serve(t)
	nobody := s.as("")
	s.as("alice").has("general")
	for _, scheme := range []string{"Bearer alice", "bearer alice", "BEARER  alice "} {
		nobody.ask("GET", "/v1/rooms", "", "Authorization", scheme).is(200, `{"rooms":[{"room":"general"}]}`)
	}
	nobody.loosely().ask("GET", "/v1/rooms?access_token=bob", "", "Authorization", "Bearer alice").is(200, `{"rooms":[{"room":"general"}]}`)
	nobody.loosely().gets("/v1/rooms?access_token=alice").fails(401, "unauthenticated",
		"a token in the query opens sockets and streams only, as addresses end up in logs: send Authorization: Bearer <token>")

	const none = "there is no token: send Authorization: Bearer <token>"
	nobody.gets("/v1/rooms").with("WWW-Authenticate", "Bearer").fails(401, "unauthenticated", none)
	nobody.ask("GET", "/v1/rooms", "", "Authorization", "Basic YWxpY2U6").fails(401, "unauthenticated", none)
	nobody.ask("GET", "/v1/rooms", "", "Authorization", "Bearer").fails(401, "unauthenticated", "there is no token")
	nobody.loosely().ask("GET", "/v1/rooms?access_token=alice", "", "Authorization", "Bearer ").fails(401, "unauthenticated", "there is no token")
	s.as("forged").gets("/v1/rooms").fails(401, "unauthenticated", "the token's signature is not good")
	s.as("forged").posts("/v1/rooms/general/messages", `{"body":`).fails(401, "unauthenticated", "the token's signature is not good")
	s.as("away").gets("/v1/rooms").with("Retry-After", "1").
		fails(503, "unavailable", "the service cannot reach a part that it needs; try again")
}
