package ws

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestHandshakesThatAreRefused(t *testing.T) {
	t.Parallel()
	const get = "GET /ws HTTP/1.1"
	for _, c := range []struct {
		name    string
		start   string
		headers []string
		status  int
		code    chat.Kind
		tells   []string // a header and its value
	}{
		{"a plain request", get, []string{"Connection", "", "Upgrade", "", "Sec-WebSocket-Version", "", "Sec-WebSocket-Key", ""}, 400, chat.BadRequest, []string{"Upgrade", "websocket"}},
		{"no Connection", get, []string{"Connection", ""}, 400, chat.BadRequest, nil},
		{"another Connection", get, []string{"Connection", "keep-alive"}, 400, chat.BadRequest, nil},
		{"no Upgrade", get, []string{"Upgrade", ""}, 400, chat.BadRequest, nil},
		{"another Upgrade", get, []string{"Upgrade", "h2c"}, 400, chat.BadRequest, nil},
		{"HTTP/1.0", "GET /ws HTTP/1.0", nil, 400, chat.BadRequest, nil},
		{"no version", get, []string{"Sec-WebSocket-Version", ""}, 400, chat.BadRequest, []string{"Sec-WebSocket-Version", "13"}},
		{"an old version", get, []string{"Sec-WebSocket-Version", "8"}, 426, chat.BadRequest, []string{"Sec-WebSocket-Version", "13"}},
		{"a version to come", get, []string{"Sec-WebSocket-Version", "14"}, 426, chat.BadRequest, []string{"Sec-WebSocket-Version", "13"}},
		{"no key", get, []string{"Sec-WebSocket-Key", ""}, 400, chat.BadRequest, nil},
		{"a key that is no base64", get, []string{"Sec-WebSocket-Key", "abc"}, 400, chat.BadRequest, nil},
		{"a key that is too short", get, []string{"Sec-WebSocket-Key", "dGhlIHNhbXBsZQ=="}, 400, chat.BadRequest, nil},
		{"two keys", get, []string{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, 400, chat.BadRequest, nil},
		{"HEAD", "HEAD /ws HTTP/1.1", nil, 405, "", []string{"Allow", "GET"}},

		{"another site", get, []string{"Origin", "https://evil.example"}, 403, chat.Forbidden, nil},
		{"another site with our name in its", get, []string{"Origin", "https://chat.example.evil.example"}, 403, chat.Forbidden, nil},
		{"no site", get, []string{"Origin", "null"}, 403, chat.Forbidden, nil},
		{"our host at another port", get, []string{"Origin", "https://chat.example:8443"}, 403, chat.Forbidden, nil},

		{"a bad room", "GET /ws/Tea%20Room HTTP/1.1", nil, 400, chat.Invalid, nil},
		{"a room with a bad escape", "GET /ws/%zz HTTP/1.1", nil, 400, chat.Invalid, nil},
		{"a bad after", "GET /ws/tea?after=-1 HTTP/1.1", nil, 400, chat.Invalid, nil},
		{"an after beyond all", "GET /ws/tea?after=9007199254740992 HTTP/1.1", nil, 400, chat.Invalid, nil},
		{"an after that is no number", "GET /ws/tea?after=x HTTP/1.1", nil, 400, chat.Invalid, nil},
		{"a limit that is too large", "GET /ws/tea?limit=201 HTTP/1.1", nil, 400, chat.Invalid, nil},

		{"a bad token in the header", get, []string{"Authorization", "Bearer bad"}, 401, chat.Unauthenticated, []string{"Www-Authenticate", "Bearer"}},
		{"a bad token that comes before a good one", "GET /ws?access_token=alice HTTP/1.1", []string{"Authorization", "Bearer bad", "Sec-WebSocket-Protocol", "bearer.bob"}, 401, chat.Unauthenticated, nil},
		{"a bad token among the protocols", "GET /ws?access_token=alice HTTP/1.1", []string{"Sec-WebSocket-Protocol", "parley.v1.json, bearer.bad"}, 401, chat.Unauthenticated, nil},
		{"a bad token in the query", "GET /ws?access_token=bad HTTP/1.1", nil, 401, chat.Unauthenticated, nil},
		{"a token among the protocols and nothing beside it", get, []string{"Sec-WebSocket-Protocol", "bearer.alice"}, 400, chat.BadRequest, nil},
		{"a token among other protocols", get, []string{"Sec-WebSocket-Protocol", "chat.v9, bearer.alice"}, 400, chat.BadRequest, nil},
		{"two tokens in the header", get, []string{"Authorization", "Bearer alice\r\nAuthorization: bearer alice"}, 401, chat.Unauthenticated, nil},
		{"two tokens among the protocols", get, []string{"Sec-WebSocket-Protocol", "parley.v1.json, bearer.alice, bearer.bob"}, 401, chat.Unauthenticated, nil},
		{"two tokens in the query", "GET /ws?access_token=alice&access_token=bob HTTP/1.1", nil, 401, chat.Unauthenticated, nil},
		{"an empty token before a good one", "GET /ws?access_token=alice HTTP/1.1", []string{"Authorization", "Bearer"}, 401, chat.Unauthenticated, nil},
		{"an empty token in the query", "GET /ws?access_token= HTTP/1.1", nil, 401, chat.Unauthenticated, nil},
		{"an after with zeros", "GET /ws/tea?after=01 HTTP/1.1", nil, 400, chat.Invalid, nil},
		{"an after with a sign", "GET /ws/tea?after=%2B1 HTTP/1.1", nil, 400, chat.Invalid, nil},
		{"an empty token", get, []string{"Authorization", "Bearer"}, 401, chat.Unauthenticated, nil},
		{"keys out of reach", get, []string{"Authorization", "Bearer unreachable"}, 503, chat.Unavailable, []string{"Retry-After", "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, newHub())
			p := s.connect()
			got := p.shakes(c.start, headers(c.headers...))
			if got.status != c.status {
				t.Fatalf("%d %s, want %d", got.status, got.body, c.status)
			}
			if len(c.tells) > 0 && got.header.Get(c.tells[0]) != c.tells[1] {
				t.Errorf("%s is %q, want %q", c.tells[0], got.header.Get(c.tells[0]), c.tells[1])
			}
			if protocol := got.header.Get("Sec-WebSocket-Protocol"); protocol != "" {
				t.Errorf("a refusal speaks %q", protocol)
			}
			if c.code != "" {
				wantError(t, got, c.code)
			}
		})
	}
}

// wantError checks the body of a refusal.
func wantError(t *testing.T, a answer, code chat.Kind) (trace string) {
	t.Helper()
	var body struct {
		Error struct {
			Code, Message string
			TraceID       string `json:"trace_id"`
		}
	}
	if err := json.Unmarshal(a.body, &body); err != nil || body.Error.Code != string(code) || body.Error.Message == "" {
		t.Errorf("the body is %q, want code %s", a.body, code)
	}
	if strings.Contains(string(a.body), "secret") {
		t.Errorf("the body tells what went wrong inside: %q", a.body)
	}
	return body.Error.TraceID
}

func TestHandshakesThatAreTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		start    string
		headers  []string
		user     chat.UserID // "": no identity
		protocol string
		join     *ports.Join
	}{
		{"without a token", "GET /ws", nil, "", "", nil},
		{"a token in the header", "GET /ws", []string{"Authorization", "bearer alice"}, "alice", "", nil},
		{"a token among the protocols", "GET /ws", []string{"Sec-WebSocket-Protocol", "parley.v1.json, bearer.alice"}, "alice", Subprotocol, nil},
		{"a token in a second protocol header", "GET /ws", []string{"Sec-WebSocket-Protocol", "bearer.alice\r\nSec-WebSocket-Protocol: parley.v1.json"}, "alice", Subprotocol, nil},
		{"a token in the query", "GET /ws?access_token=alice", nil, "alice", "", nil},
		{"the header's token counts first", "GET /ws?access_token=carol", []string{"Sec-WebSocket-Protocol", "parley.v1.json, bearer.bob", "Authorization", "Bearer alice"}, "alice", Subprotocol, nil},
		{"then the protocols' token", "GET /ws?access_token=carol", []string{"Sec-WebSocket-Protocol", "bearer.bob,parley.v1.json", "Authorization", "Basic YTpi"}, "bob", Subprotocol, nil},
		{"a protocol that we do not speak", "GET /ws", []string{"Sec-WebSocket-Protocol", "chat.v9"}, "", "", nil},
		{"compression is not offered", "GET /ws", []string{"Sec-WebSocket-Extensions", "permessage-deflate"}, "", "", nil},
		{"Connection with more", "GET /ws", []string{"Connection", "keep-alive, UPGRADE", "Upgrade", "WebSocket"}, "", "", nil},

		{"our own page", "GET /ws", []string{"Origin", "https://chat.example"}, "", "", nil},
		{"our own page at a port", "GET /ws", []string{"Host", "Chat.Example:8080", "Origin", "http://chat.example:8080"}, "", "", nil},
		{"a page that is allowed", "GET /ws", []string{"Origin", "HTTPS://APP.example:443"}, "", "", nil},

		{"a room", "GET /ws/tea", nil, "", "", &ports.Join{Room: "tea", Limit: ports.DefaultPage}},
		{"a room with a colon", "GET /ws/team%3Atea", nil, "", "", &ports.Join{Room: "team:tea", Limit: ports.DefaultPage}},
		{"a room with a cursor", "GET /ws/tea?after=0&limit=7", nil, "", "", &ports.Join{Room: "tea", After: new(chat.Seq(0)), Limit: 7}},
		{"a room without history", "GET /ws/tea?limit=0", nil, "", "", &ports.Join{Room: "tea"}},
		{"a room with empty fields", "GET /ws/tea?after=&limit=", nil, "", "", &ports.Join{Room: "tea", Limit: ports.DefaultPage}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHub()
			s := serve(t, h, with(func(cfg *Config) { cfg.Origins = []string{"https://app.example", "no origin at all"} }))
			p := s.connect()
			got := p.shakes(c.start+" HTTP/1.1", headers(c.headers...))
			if got.status != http.StatusSwitchingProtocols {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if value := got.header.Get("Sec-WebSocket-Accept"); value != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455, 1.3
				t.Errorf("Sec-WebSocket-Accept is %q", value)
			}
			if value := strings.Join(got.header.Values("Sec-WebSocket-Protocol"), ", "); value != c.protocol {
				t.Errorf("the protocol is %q, want %q", value, c.protocol)
			}
			if value := got.header.Get("Sec-WebSocket-Extensions"); value != "" {
				t.Errorf("the extensions are %q", value)
			}
			session := receive(t, "the session", h.opened)
			checkOpening(t, session.opening, c.user, c.join)
			p.sends(whole(say("hello")))
			p.wants(`said "hello"`)
		})
	}
}

func checkOpening(t *testing.T, got ports.Opening, user chat.UserID, join *ports.Join) {
	t.Helper()
	switch who := got.Identity; {
	case who == nil && user != "":
		t.Errorf("nobody, want %s", user)
	case who != nil && who.User != user:
		t.Errorf("user %s, want %q", who.User, user)
	}
	if got.Remote != "127.0.0.1" {
		t.Errorf("the client is at %q", got.Remote)
	}
	switch {
	case (got.Join == nil) != (join == nil):
		t.Errorf("the join is %+v, want %+v", got.Join, join)
	case join == nil:
	case got.Join.Room != join.Room || got.Join.Limit != join.Limit || (got.Join.After == nil) != (join.After == nil):
		t.Errorf("the join is %+v, want %+v", got.Join, join)
	case join.After != nil && *got.Join.After != *join.After:
		t.Errorf("the join begins after %d, want %d", *got.Join.After, *join.After)
	}
}

func TestANodeThatIsNotReadySaysSo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		status int
		retry  string
	}{
		{"draining", &chat.Error{Kind: chat.Unavailable, Reason: "going away", RetryAfter: 1500 * time.Millisecond}, 503, "2"},
		{"full, and silent about when", chat.Errorf(chat.Unavailable, "full"), 503, "1"},
		{"too many connections", &chat.Error{Kind: chat.RateLimited, Reason: "too many", RetryAfter: 5 * time.Second}, 429, "5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHub()
			h.ready = func() error { return c.err }
			s := serve(t, h)
			got := s.connect().shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice"))
			if got.status != c.status || got.header.Get("Retry-After") != c.retry {
				t.Errorf("%d, retry after %q", got.status, got.header.Get("Retry-After"))
			}
			wantError(t, got, errorKind(c.err))
		})
	}
}

// slowTokens is a verifier that waits until it is released.
type slowTokens struct {
	tokens
	asked chan struct{}
	let   chan struct{}
}

func (v slowTokens) Verify(ctx context.Context, token string) (chat.Identity, error) {
	v.asked <- struct{}{}
	<-v.let
	return v.tokens.Verify(ctx, token)
}

func TestTooManyHandshakesAtOnceAreSentAway(t *testing.T) {
	t.Parallel()
	slow := slowTokens{asked: make(chan struct{}, 3), let: make(chan struct{})}
	s := serve(t, newHub(), with(func(c *Config) { c.Verifier, c.Handshakes = slow, 2 }))
	statuses := make(chan int, 2)
	for range 2 {
		p := s.connect()
		go func() { statuses <- p.shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice")).status }()
		<-slow.asked
	}
	got := s.connect().shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer bob"))
	if after, err := strconv.Atoi(got.header.Get("Retry-After")); got.status != 503 || err != nil || after < 1 || after > 5 {
		t.Errorf("%d, retry after %q", got.status, got.header.Get("Retry-After"))
	}
	wantError(t, got, chat.Unavailable)
	close(slow.let)
	for range 2 {
		if status := <-statuses; status != http.StatusSwitchingProtocols {
			t.Errorf("one that was under way got %d", status)
		}
	}
	if got := s.connect().shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer carol")); got.status != http.StatusSwitchingProtocols {
		t.Errorf("afterwards: %d", got.status)
	}
}

// TestTheLastPlaceIsTaken has Open fail although Ready did not. The upgrade is done by then, so the
// refusal is sent in frames.
func TestTheLastPlaceIsTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{chat.Errorf(chat.Unavailable, "full"), "error unavailable, close 1012, end"},
		{chat.Errorf(chat.RateLimited, "too many"), "error rate_limited, close 4429, end"},
	} {
		h := newHub()
		h.refuse = c.err
		s := serve(t, h)
		p := s.connect()
		p.shakes("GET /ws HTTP/1.1", headers())
		if got := p.seesAll("end"); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestAFaultInTheHandshakeIsLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	seen := &faults{ch: make(chan error, 1)}
	s := serve(t, newHub(), with(func(c *Config) { c.Observer = seen }))
	got := s.connect().shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer broken"))
	if got.status != http.StatusInternalServerError {
		t.Errorf("%d %s", got.status, got.body)
	}
	if trace := wantError(t, got, chat.Internal); trace != "trace-7" {
		t.Errorf("the trace id is %q", trace)
	}
	if err := receive(t, "the fault", seen.ch); !strings.Contains(err.Error(), "secret cause") {
		t.Errorf("the log has %v", err)
	}
}

func TestAServerThatClosesHijackedConnectionsIsFound(t *testing.T) {
	t.Parallel()
	seen := &faults{ch: make(chan error, 1)}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	New(Config{Sessions: newHub(), Verifier: tokens{}, Observer: seen}).Routes(app)
	r, err := http.NewRequest(http.MethodGet, "http://chat.example/ws", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := app.Test(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusInternalServerError {
		t.Errorf("%s", response.Status)
	}
	if err := receive(t, "the fault", seen.ch); !strings.Contains(err.Error(), "KeepHijackedConns") {
		t.Errorf("the log has %v", err)
	}
}

func TestWhatAClientHasToItself(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7":                  "192.0.2.7",
		"::ffff:192.0.2.7":           "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":       "2001:db8:1::/56",
		"2001:db8:1:2::9":            "2001:db8:1::/56",
		"fe80::1%eth0":               "fe80::/56",
		"pipe":                       "pipe",
		"":                           "",
		"2001:db8:1:103:ffff:0:0:11": "2001:db8:1:100::/56",
	} {
		if got := networkOf(remote); got != want {
			t.Errorf("of %q it is %q, want %q", remote, got, want)
		}
	}
}
