package httpd_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/httpd"
)

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{}, get("/", func(c *fiber.Ctx) error { return c.SendString("hi") }))
	for _, id := range []string{"a", "00-4bf92f3577b34da6a3ce929d0e0e4736", strings.Repeat("x", 64)} {
		if got := s.do("GET", "/", "", "X-Request-ID", id).Header.Get("X-Request-ID"); got != id {
			t.Errorf("got %q, want %q back", got, id)
		}
	}
	seen := map[string]bool{}
	for _, id := range []string{"", strings.Repeat("x", 65), "two words", "tab\there", "ü"} {
		got := s.do("GET", "/", "", "X-Request-ID", id).Header.Get("X-Request-ID")
		if got == id || len(got) < 20 || seen[got] {
			t.Errorf("%q: got %q, want a fresh one", id, got)
		}
		seen[got] = true
	}
}

// lines is a log that requests write to and a test reads.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func TestTheLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		var log lines
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		s := serve(t, httpd.Config{Log: logger}, get("/v1/rooms/:room", func(c *fiber.Ctx) error { return c.SendString("hi") }))
		s.do("GET", "/v1/rooms/general?access_token=SECRET", "", "Authorization", "Bearer SECRET", "Cookie", "a=SECRET", "X-Request-ID", "r-1")
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		got := log.buf.String()
		if level > slog.LevelDebug {
			if got != "" {
				t.Errorf("above debug level: got %q, want nothing", got)
			}
			continue
		}
		for _, want := range []string{"request=r-1", "method=GET", "path=/v1/rooms/general", "status=200", "remote=127.0.0.1", "took="} {
			if !strings.Contains(got, want) {
				t.Errorf("got %q, want %s in it", got, want)
			}
		}
		if strings.Contains(got, "SECRET") {
			t.Errorf("a secret is in the log: %q", got)
		}
	}
}

func TestTheClientIsSeenThroughTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	networks := func(list ...string) (all []netip.Prefix) {
		for _, text := range list {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	show := get("/", func(c *fiber.Ctx) error { return c.SendString(c.IP()) })
	nobody := serve(t, httpd.Config{}, show)
	local := serve(t, httpd.Config{TrustedProxies: networks("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")}, show)
	for _, test := range []struct {
		server    *service
		forwarded []string
		want      string
	}{
		{nobody, nil, "127.0.0.1"},
		{nobody, []string{"1.2.3.4"}, "127.0.0.1"},
		{local, nil, "127.0.0.1"},
		{local, []string{"1.2.3.4"}, "1.2.3.4"},
		{local, []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4"}, // the left one was written by the client
		{local, []string{"6.6.6.6, 1.2.3.4, 10.1.1.1"}, "1.2.3.4"},
		{local, []string{"2001:db8::1, fd00::7 , 10.1.1.1"}, "2001:db8::1"},
		{local, []string{"::ffff:1.2.3.4"}, "1.2.3.4"},
		{local, []string{"1.2.3.4, nonsense"}, "127.0.0.1"},
		{local, []string{"1.2.3.4, nonsense, 10.1.1.1"}, "10.1.1.1"},
		{local, []string{"10.1.1.1, 10.1.1.2"}, "10.1.1.1"},
		{local, []string{""}, "127.0.0.1"},
		{local, []string{"6.6.6.6", "1.2.3.4"}, "1.2.3.4"}, // several lines are one list
		{local, []string{"6.6.6.6, 1.2.3.4", "10.1.1.1"}, "1.2.3.4"},
		{local, []string{"1.2.3.4", "10.1.1.2, 10.1.1.1"}, "1.2.3.4"},
		{local, []string{"6.6.6.6", "nonsense", "10.1.1.1"}, "10.1.1.1"},
		{local, []string{"1.2.3.4", ""}, "1.2.3.4"},
		{local, []string{"1.2.3.4, , 10.1.1.1,"}, "1.2.3.4"},
		{local, []string{"1.2.3.4:5678"}, "1.2.3.4"},
		{local, []string{"1.2.3.4:5678, 10.1.1.1:80"}, "1.2.3.4"},
		{local, []string{"[2001:db8::1]:5678, [fd00::7]"}, "2001:db8::1"},
		{local, []string{"[::ffff:1.2.3.4]:80"}, "1.2.3.4"},
		{local, []string{"1.2.3.4:x"}, "127.0.0.1"},
		{local, []string{"[1.2.3.4]"}, "127.0.0.1"},
		{local, []string{"[2001:db8::1"}, "127.0.0.1"},
		{local, []string{"unknown"}, "127.0.0.1"},
		{local, []string{"1.2.3.4, \"10.1.1.1\""}, "127.0.0.1"},
		{local, []string{"01.2.3.4"}, "127.0.0.1"},
		{local, []string{"9.9.9.9"}, "9.9.9.9"}, // on a connection that another client used before
	} {
		var headers []string
		for _, value := range test.forwarded {
			headers = append(headers, "X-Forwarded-For", value)
		}
		if got := test.server.do("GET", "/", "", headers...).text; got != test.want {
			t.Errorf("%q: got %s, want %s", test.forwarded, got, test.want)
		}
	}
}

func TestALocationKeepsAProxysPrefix(t *testing.T) {
	t.Parallel()
	made := func(r fiber.Router) {
		r.Post("/v1/rooms/:room/messages", func(c *fiber.Ctx) error { c.Set("Location", "/v1/rooms/a/messages/7"); return nil })
		r.Post("/", func(c *fiber.Ctx) error { c.Set("Location", "https://elsewhere.example/"); return nil })
	}
	nobody := serve(t, httpd.Config{}, made)
	local := serve(t, httpd.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, made)
	const plain, relative = "/v1/rooms/a/messages/7", "../../../v1/rooms/a/messages/7"
	for _, test := range []struct {
		server   *service
		prefixes []string
		want     string
	}{
		{nobody, nil, plain},
		{nobody, []string{"/chat"}, plain},
		{local, nil, relative},
		{local, []string{"/chat"}, "/chat" + plain},
		{local, []string{"/chat/"}, "/chat" + plain},
		{local, []string{"/a, /b"}, "/a/b" + plain},
		{local, []string{"/a", "/b/c"}, "/a/b/c" + plain},
		{local, []string{"//evil.example"}, "/evil.example" + plain},
		{local, []string{"/"}, relative},
		{local, []string{"/a b"}, relative},
		{local, []string{`/\evil.example`}, relative},
		{local, []string{"/a?b", "/a#b", "/a/%"}, relative},
		{local, []string{"/chat", "/..", "/a/../b", "/%2e%2E/x", "/./x"}, "/chat" + plain},
		{local, []string{"/chat/v1.0", "/%C3%A9", "/..."}, "/chat/v1.0/%C3%A9/..." + plain},
	} {
		var headers []string
		for _, prefix := range test.prefixes {
			headers = append(headers, "X-Forwarded-Prefix", prefix)
		}
		if got := test.server.do("POST", "/v1/rooms/a/messages", "", headers...).Header.Get("Location"); got != test.want {
			t.Errorf("%q: %s, want %s", test.prefixes, got, test.want)
		}
		at, err := url.Parse("https://a.example/chat/v1/rooms/a/messages")
		if err != nil {
			t.Fatal(err)
		}
		if got := at.ResolveReference(&url.URL{Path: relative}).Path; got != "/chat"+plain {
			t.Errorf("it leads to %s", got)
		}
	}
	if got := local.do("POST", "/", "", "X-Forwarded-Prefix", "/chat").Header.Get("Location"); got != "https://elsewhere.example/" {
		t.Errorf("a location elsewhere became %s", got)
	}
}

func TestPathsKeepTheirEscapes(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{}, get("/users/:user/end", func(c *fiber.Ctx) error { return c.SendString(c.Params("user")) }))
	for _, user := range []string{"a%2Fb", "a:b.c", "%F0%9F%91%8D", "a+b", "..%2f.."} {
		if got := s.do("GET", "/users/"+user+"/end", "").text; got != user {
			t.Errorf("got %q, want %q", got, user)
		}
	}
}

func TestPagesMaySetTheirOwnPolicy(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{}, get("/", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'self'")
		return c.SendString("hi")
	}))
	reply := s.do("GET", "/", "")
	if got := fmt.Sprint(reply.Header.Values("Content-Security-Policy")); got != "[default-src 'self']" {
		t.Errorf("got %s", got)
	}
	if got := reply.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("got %q, want nosniff", got)
	}
}
