package httpd_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/adapters/edge"
	"github.com/parley-chat/parley/adapters/httpd"
	"github.com/parley-chat/parley/core/chat"
)

func TestErrorsBecomeAnswersOfOneShape(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{}, func(r fiber.Router) {
		for path, err := range map[string]error{
			"/bad": chat.Errorf(chat.BadRequest, "why"), "/type": chat.Errorf(chat.UnknownType, "why"),
			"/invalid": chat.Errorf(chat.Invalid, "why"), "/token": chat.Errorf(chat.Unauthenticated, "why"),
			"/forbidden": chat.Errorf(chat.Forbidden, "why"), "/absent": chat.Errorf(chat.NotFound, "why"),
			"/conflict": chat.Errorf(chat.Conflict, "why"), "/wrapped": fmt.Errorf("do: %w", chat.Errorf(chat.NotFound, "why")),
			"/away": chat.Wrap(chat.Unavailable, errors.New("dial 10.0.0.1"), "ask"), "/media": fiber.ErrUnsupportedMediaType,
			"/teapot": fiber.ErrTeapot,
		} {
			failing(path, err)(r)
		}
	})
	for path, test := range map[string]struct {
		status        int
		code, message string
	}{
		"/bad":            {400, "bad_request", "why"},
		"/type":           {400, "unknown_type", "why"},
		"/invalid":        {422, "invalid", "why"},
		"/token":          {401, "unauthenticated", "why"},
		"/forbidden":      {403, "forbidden", "why"},
		"/absent":         {404, "not_found", "why"},
		"/conflict":       {409, "conflict", "why"},
		"/wrapped":        {404, "not_found", "why"},
		"/away":           {503, "unavailable", "the service cannot reach a part that it needs; try again"},
		"/media":          {415, "bad_request", "the body must be application/json, and not compressed"},
		"/teapot":         {418, "bad_request", "the request is refused"},
		"/nothing/there":  {404, "not_found", "there is nothing at this address"},
		"/BAD":            {404, "not_found", "there is nothing at this address"},
		"/%00/../bad?x=y": {404, "not_found", "there is nothing at this address"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			reply := s.do("GET", path, "")
			reply.refused(t, test.status, test.code, test.message)
			if got, want := reply.Header.Get("WWW-Authenticate"), map[bool]string{true: "Bearer"}[test.status == 401]; got != want {
				t.Errorf("WWW-Authenticate: got %q, want %q", got, want)
			}
		})
	}
}

func TestWhoShouldComeBackIsToldWhen(t *testing.T) {
	t.Parallel()
	limited := func(after time.Duration) error {
		return &chat.Error{Kind: chat.RateLimited, Reason: "slowly", RetryAfter: after}
	}
	s := serve(t, httpd.Config{}, failing("/0", limited(0)), failing("/1ms", limited(time.Millisecond)),
		failing("/1s", limited(time.Second)), failing("/1001ms", limited(1001*time.Millisecond)), failing("/away", chat.Unavailable),
		failing("/absent", chat.NotFound))
	for path, want := range map[string][2]string{
		"/0": {"1", `"retry_after_ms":1000`}, "/1ms": {"1", `"retry_after_ms":1`}, "/1s": {"1", `"retry_after_ms":1000`},
		"/1001ms": {"2", `"retry_after_ms":1001`}, "/away": {"1", `"retry_after_ms":1000`}, "/absent": {"", `"code"`},
	} {
		reply := s.do("GET", path, "")
		if got := reply.Header.Get("Retry-After"); got != want[0] || !strings.Contains(reply.text, want[1]) {
			t.Errorf("%s: got Retry-After %q, %s, want %q", path, got, reply.text, want)
		}
	}
}

func TestFaultsAreLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]fiber.Handler{
		"an error without a kind": func(*fiber.Ctx) error { return errors.New("secret 42") },
		"an internal error":       func(*fiber.Ctx) error { return chat.Wrap(chat.Internal, errors.New("secret 42"), "count") },
		"Fiber's own":             func(*fiber.Ctx) error { return fiber.NewError(502, "secret 42") },
		"a panic":                 func(*fiber.Ctx) error { panic("secret 42") },
		"a panic with an error":   func(*fiber.Ctx) error { panic(errors.New("secret 42")) },
		"an index out of range": func(c *fiber.Ctx) error {
			return c.SendString(c.Path()[:len(c.Path())+42])
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, httpd.Config{}, get("/rooms/:room", handle))
			reply := s.do("GET", "/rooms/general?access_token=xyzzy", "", "X-Request-ID", "r-1")
			reply.refused(t, 500, "internal", "a fault of the service; it is logged under FAULT7")
			if !strings.Contains(reply.text, `"trace_id":"FAULT7"`) || strings.Contains(reply.text, "42") {
				t.Errorf("got %s, want the id and nothing else", reply.text)
			}
			log := s.told.all()
			if !strings.Contains(log, "answer a request: request r-1: GET /rooms/:room: ") || strings.Contains(log, "xyzzy") {
				t.Errorf("the log has %q", log)
			}
			if strings.HasPrefix(name, "a panic") && (!strings.Contains(log, "secret 42") || !strings.Contains(log, "errors_test.go")) {
				t.Errorf("the log does not say what panicked and where: %q", log)
			}
			if again := s.do("GET", "/rooms/general", ""); again.StatusCode != http.StatusInternalServerError {
				t.Errorf("the next request got %d", again.StatusCode)
			}
		})
	}
}

func TestRequestsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	echo := func(r fiber.Router) { r.Post("/echo", func(c *fiber.Ctx) error { return c.Send(c.Body()) }) }
	s := serve(t, httpd.Config{BodyBytes: 1000}, echo)
	hasty := serve(t, httpd.Config{BodyBytes: 1000, ReadTimeout: time.Second}, echo)
	for name, test := range map[string]struct {
		raw           string
		status        int
		code, message string
	}{
		"no HTTP":      {"\x16\x03\x01hello\r\n\r\n", 400, "bad_request", "the request cannot be read"},
		"no host":      {"GET /echo HTTP/1.1\r\n\r\n", 400, "bad_request", "the request cannot be read"},
		"two hosts":    {"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request", "the request cannot be read"},
		"huge headers": {"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 431, "bad_request", "the headers are too large: they and the address may have 16 KiB"},
		"a huge body":  {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" + strings.Repeat("x", 1001), 413, "bad_request", "the body is too large"},
		"a huge body of chunks": {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("64\r\n"+strings.Repeat("x", 100)+"\r\n", 11) + "0\r\n\r\n", 413, "bad_request", "the body is too large"},
		"headers in a trickle": {"POST /echo HTTP/1.1\r\nHost: a\r\nX", 408, "unavailable", "the request took too long to come"},
		"a body in a trickle":  {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", 408, "unavailable", "the request took too long to come"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := s
			if test.status == http.StatusRequestTimeout {
				by = hasty
			}
			by.raw(test.raw).refused(t, test.status, test.code, test.message)
		})
	}
	t.Run("a method that the address does not take", func(t *testing.T) {
		t.Parallel()
		reply := s.do("DELETE", "/echo", "")
		reply.refused(t, 405, "bad_request", "this address does not take this method")
		if got := reply.Header.Get("Allow"); got != "POST" {
			t.Errorf("Allow: got %q, want POST", got)
		}
	})
	t.Run("a body of just the size is taken", func(t *testing.T) {
		t.Parallel()
		if reply := s.do("POST", "/echo", strings.Repeat("x", 1000)); reply.StatusCode != http.StatusOK || len(reply.text) != 1000 {
			t.Errorf("got %d with %d bytes", reply.StatusCode, len(reply.text))
		}
	})
	t.Run("a body that is packed is not unpacked", func(t *testing.T) {
		t.Parallel()
		var bomb bytes.Buffer
		pack := gzip.NewWriter(&bomb)
		if _, err := pack.Write(make([]byte, 100_000)); err != nil || pack.Close() != nil {
			t.Fatal("gzip")
		}
		reply := s.do("POST", "/echo", bomb.String(), "Content-Encoding", "gzip")
		reply.refused(t, 415, "bad_request", "the body must be application/json, and not compressed")
	})
	t.Run("a token of 8 KiB is taken", func(t *testing.T) {
		t.Parallel()
		if reply := s.do("POST", "/echo", "hi", "Authorization", "Bearer "+strings.Repeat("x", 8<<10)); reply.text != "hi" {
			t.Errorf("got %d %s", reply.StatusCode, reply.text)
		}
	})
}

func TestWhyAPartCouldNotBeReachedIsToldToTheLogAndToNoClient(t *testing.T) {
	t.Parallel()
	away := chat.Wrap(chat.Unavailable, errors.New("dial 10.0.0.7: refused"), "read")
	s := serve(t, httpd.Config{}, failing("/away", away), failing("/told", chat.Errorf(chat.Unavailable, "this node is going away")))
	if reply := s.do("GET", "/away", ""); reply.StatusCode != http.StatusServiceUnavailable || strings.Contains(reply.text, "10.0.0.7") {
		t.Errorf("got %d %s", reply.StatusCode, reply.text)
	}
	s.do("GET", "/told", "")
	if log := s.told.all(); strings.Count(log, "\n") != 0 || !strings.Contains(log, "10.0.0.7") {
		t.Errorf("told was %q, want one line with the cause", log)
	}
}

// Who may not ask at all is told so, and no large body is read of them.
func TestLargerBodiesAreReadOnlyOfWhoMay(t *testing.T) {
	t.Parallel()
	s := serve(t, httpd.Config{
		BodyBytes: 1000, Larger: func(string, string) int { return 3000 },
		MayLarger: func(h edge.Headers) error {
			if token, err := edge.HeaderToken(h); err != nil || token != "good" {
				return chat.Errorf(chat.Unauthenticated, "no such token")
			}
			return nil
		},
	}, func(r fiber.Router) {
		r.Post("/", func(c *fiber.Ctx) error { return c.SendString("taken") })
	})
	body := func(n int) string { return strings.Repeat("x", n) }
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	for _, row := range []struct {
		name, headers, body string
		status              string
	}{
		{"with a good token", "Authorization: Bearer good\r\n" + length(3000), body(3000), "200"},
		{"with a good token, but larger still", "Authorization: Bearer good\r\n" + length(3001), body(3001), "413"},
		{"a small one", length(1000), body(1000), "200"},
		{"without a token", length(1001), body(1001), "401"},
		{"before the body comes", "Authorization: Bearer bad\r\n" + length(3000), "", "401"},
		{"who asks first", "Expect: 100-continue\r\n" + length(3000), "", "401"},
		{"of a length that is not told", "Transfer-Encoding: chunked\r\n", "bb8\r\n" + body(3000) + "\r\n0\r\n\r\n", "401"},
		{"the same, with a good token", "Authorization: Bearer good\r\nTransfer-Encoding: chunked\r\n", "bb8\r\n" + body(3000) + "\r\n0\r\n\r\n", "200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+row.headers+"\r\n"+row.body); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			if fields := strings.Fields(line); err != nil || len(fields) < 2 || fields[1] != row.status {
				t.Errorf("got %q, %v, want %s", line, err, row.status)
			}
		})
	}
}

// A route may take larger bodies than others, and no others do, on the same connection too.
func TestSomeRoutesTakeLargerBodies(t *testing.T) {
	t.Parallel()
	larger := func(method, path string) int {
		if method == http.MethodPost && path == "/large" {
			return 3000
		}
		return 0
	}
	s := serve(t, httpd.Config{BodyBytes: 1000, Larger: larger}, func(r fiber.Router) {
		for _, path := range []string{"/large", "/small"} {
			r.Post(path, func(c *fiber.Ctx) error { return c.SendString("taken") })
		}
	})
	for _, row := range []struct {
		path   string
		bytes  int
		status int
	}{{"/large", 3000, 200}, {"/small", 1000, 200}, {"/large?x=1", 2000, 200}, {"/small", 1001, 413}, {"/large", 3001, 413}, {"/large/x", 1001, 413}} {
		res, err := http.Post("http://"+s.addr+row.path, "text/plain", strings.NewReader(strings.Repeat("x", row.bytes)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != row.status {
			t.Errorf("%d bytes to %s: got %d, want %d", row.bytes, row.path, res.StatusCode, row.status)
		}
	}
}
