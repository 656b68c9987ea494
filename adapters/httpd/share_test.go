package httpd_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/httpd"
	"github.com/parley-chat/parley/core/chat"
)

func hello(c *fiber.Ctx) error { return c.SendString("hi") }

func TestPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	allow := func(origins ...string) *service {
		return serve(t, httpd.Config{Origins: origins}, get("/v1/rooms", hello), failing("/v1/absent", chat.Errorf(chat.NotFound, "why")))
	}
	some, all, none := allow("https://app.example", "http://localhost:3000", "https://*.example.org", "capacitor://localhost"), allow("*"), allow()
	for _, test := range []struct {
		on      *service
		origin  string
		allowed bool
	}{
		{some, "https://app.example", true},
		{some, "https://APP.example", true},
		{some, "https://app.example:443", true},
		{some, "http://localhost:3000", true},
		{some, "https://a.b.example.org", true},
		{some, "capacitor://localhost", true},
		{some, "https://example.org", false},
		{some, "https://app.example.mallory.example", false},
		{some, "http://app.example", false},
		{some, "null", false},
		{some, "", false},
		{all, "https://anybody.example", true},
		{all, "null", true},
		{none, "https://app.example", false},
	} {
		want := ""
		if test.allowed {
			want = test.origin
		}
		var headers []string
		if test.origin != "" {
			headers = append(headers, "Origin", test.origin)
		}
		for _, path := range []string{"/v1/rooms", "/v1/absent", "/v1/nothing", "/v1/rooms/"} {
			got := test.on.do("GET", path, "", headers...).Header
			if got.Get("Access-Control-Allow-Origin") != want || got.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %q: %v", path, test.origin, got)
			}
			if vary := got.Get("Vary"); (vary == "Origin") != (test.on != none) {
				t.Errorf("%s from %q: Vary: %q", path, test.origin, vary)
			}
		}
	}
}

func TestPagesMayAskFirst(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{Origins: []string{"https://app.example"}}, func(r fiber.Router) { r.Post("/v1/x", hello) })
	ask := func(path string, headers ...string) reply { return s.do("OPTIONS", path, "", headers...) }
	got := ask("/v1/x", "Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,traceparent")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE", "Vary": "Origin",
		"Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, If-None-Match, X-Request-ID, Traceparent, Tracestate, Baggage",
		"Access-Control-Max-Age":       "600",
	} {
		if got.StatusCode != http.StatusNoContent || got.text != "" || got.Header.Get(name) != want {
			t.Errorf("%d, %s: %q, want %q", got.StatusCode, name, got.Header.Get(name), want)
		}
	}
	for _, headers := range [][]string{
		{"Origin", "https://mallory.example", "Access-Control-Request-Method", "POST"}, {"Origin", "https://app.example"},
	} {
		got := ask("/v1/x", headers...)
		got.refused(t, 405, "bad_request", "this address does not take this method")
		if got.Header.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%v: %v", headers, got.Header)
		}
	}
	ask("/v1/x/", "Origin", "https://app.example", "Access-Control-Request-Method", "POST").refused(t, 404, "not_found", "there is nothing at this address")
}

// Pages can also read refusals of requests that no route has seen.
func TestPagesCanReadEveryRefusal(t *testing.T) {
	t.Parallel()
	in := func(patience time.Duration) *service {
		return serve(t, httpd.Config{Origins: []string{"https://app.example"}, BodyBytes: 1000, ReadTimeout: patience},
			func(r fiber.Router) { r.Post("/echo", func(c *fiber.Ctx) error { return c.Send(c.Body()) }) },
			failing("/away", chat.Errorf(chat.Unavailable, "why")), failing("/fault", errors.New("why")))
	}
	s, hasty := in(0), in(time.Second)
	const from = "\r\nHost: a\r\nOrigin: https://app.example\r\n"
	long := strings.Repeat("x", 40<<10)
	for raw, status := range map[string]int{
		"GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\nX: " + long + "\r\n\r\n":     431,
		"GET / HTTP/1.1\r\nHost: a\r\norigin:https://app.example\r\nX: " + long + "\r\n\r\n":      431,
		"GET /" + long + " HTTP/1.1" + from + "\r\n":                                              431,
		"POST /echo HTTP/1.1" + from + "Content-Length: 1001\r\n\r\n" + strings.Repeat("x", 1001): 413,
		"POST /echo HTTP/1.1" + from + "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n":     413,
		"POST /echo HTTP/1.1" + from + "Content-Length: x\r\n\r\n":                                400,
		"GET / HTTP/1.1" + from + "Host: b\r\n\r\n":                                               400,
		"GET /\r\n" + from + "\r\n":                                                               400,
		"GET / HTTP/1.1" + from + "X":                                                             408,
		"GET /nothing HTTP/1.1" + from + "\r\n":                                                   404,
		"GET /echo/ HTTP/1.1" + from + "\r\n":                                                     404,
		"GET /echo HTTP/1.1" + from + "\r\n":                                                      405,
		"BREW /echo HTTP/1.1" + from + "\r\n":                                                     405,
		"POST /echo HTTP/1.1" + from + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n":      415,
		"GET /fault HTTP/1.1" + from + "\r\n":                                                     500,
		"GET /away HTTP/1.1" + from + "\r\n":                                                      503,
		"GET / HTTP/2.0" + from + "\r\n":                                                          505,
	} {
		by := s
		if status == http.StatusRequestTimeout {
			by = hasty
		}
		got := by.raw(raw)
		// If the first line fills the whole buffer, the origin is unknown. Then every page may read
		// that it was too long.
		origin := got.Header.Get("Access-Control-Allow-Origin")
		if got.StatusCode != status || origin != "https://app.example" && !(origin == "*" && strings.HasPrefix(raw, "GET /x")) {
			t.Errorf("%.60q: %d, readable by %q, want %d", raw, got.StatusCode, origin, status)
		}
	}
}
