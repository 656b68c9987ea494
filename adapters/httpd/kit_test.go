package httpd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/httpd"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // it updates the time until the process ends
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"), // it sleeps before it ends
	)
}

// told is an observer that records faults.
type told struct {
	ports.Unobserved
	mu     sync.Mutex
	faults []string
}

func (o *told) Fault(_ context.Context, while string, err error) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults = append(o.faults, while+": "+err.Error())
	return "FAULT7"
}

func (o *told) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.faults, "\n")
}

// service is a running server.
type service struct {
	t    *testing.T
	addr string
	told *told
	stop func() error // ends Run and returns what it returned
	http *http.Client
}

// serve runs a server with more routes until the test ends.
func serve(t *testing.T, cfg httpd.Config, routes ...func(fiber.Router)) *service {
	t.Helper()
	s := &service{t: t, told: &told{}}
	cfg.Addr = "127.0.0.1:0"
	if cfg.Observer == nil {
		cfg.Observer = s.told
	}
	server := httpd.New(cfg, routes...)
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	s.addr = server.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	s.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	transport := &http.Transport{}
	s.http = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// get adds a route that answers a GET of path.
func get(path string, handle fiber.Handler) func(fiber.Router) {
	return func(r fiber.Router) { r.Get(path, handle) }
}

// failing is a route that fails with err.
func failing(path string, err error) func(fiber.Router) {
	return get(path, func(*fiber.Ctx) error { return err })
}

// reply is an answer and its body.
type reply struct {
	*http.Response
	text string
}

func (s *service) do(method, path, body string, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{res, string(text)}
}

// raw sends raw bytes and returns the one answer.
func (s *service) raw(bytes string) reply {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, bytes); err != nil {
		s.t.Fatal(err)
	}
	var asked *http.Request // nil: GET
	if strings.HasPrefix(bytes, "HEAD ") {
		asked = &http.Request{Method: http.MethodHead}
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), asked)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{res, string(text)}
}

// refused checks that a reply is an error in the service's JSON, with its headers.
func (r reply) refused(t *testing.T, status int, code, message string) {
	t.Helper()
	var body struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	if err := json.Unmarshal([]byte(r.text), &body); err != nil {
		t.Fatalf("got %d with %q, which is no error body: %v", r.StatusCode, r.text, err)
	}
	if r.StatusCode != status || body.Error.Code != code || body.Error.Message != message {
		t.Errorf("got %d %s %q, want %d %s %q", r.StatusCode, body.Error.Code, body.Error.Message, status, code, message)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Server": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
