package sse

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/ws"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, // fasthttp's clock, and its workers' clean-up, which ends later
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is how long a test waits for an expected event.
const patience = time.Minute

// hub is a ports.Sessions whose sessions do nothing: tests write to their connections.
type hub struct {
	refuse error // of Open
	opened chan *session
}

func newHub() *hub { return &hub{opened: make(chan *session, 64)} }

func (h *hub) Ready(*ports.Opening) error { return nil }

func (h *hub) Open(conn ports.Conn, opening ports.Opening) (ports.Session, error) {
	if h.refuse != nil {
		return nil, h.refuse
	}
	s := &session{conn: conn, opening: opening, closed: make(chan struct{})}
	h.opened <- s
	return s, nil
}

func (*hub) Disconnect(chat.UserID) int { return 0 }
func (*hub) Drain(context.Context)      {}

type session struct {
	conn    ports.Conn
	opening ports.Opening
	closed  chan struct{}
}

func (*session) ID() string                                  { return "s" }
func (*session) Heard()                                      {}
func (*session) Command(context.Context, ports.Command) bool { return true }
func (*session) Reply([]byte)                                {}
func (*session) Finish([]byte, ports.CloseReason)            {}

func (s *session) Closed() {
	s.conn.Close(ports.CloseGone)
	close(s.closed)
}

// tokens is a verifier whose tokens are the users' names.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (chat.Identity, error) {
	if token == "" || token == "bad" {
		return chat.Identity{}, chat.Errorf(chat.Unauthenticated, "the token is bad")
	}
	return chat.Identity{User: chat.UserID(token), Expires: time.Now().Add(time.Hour)}, nil
}

// way is a kind of connection that carries streams.
type way struct {
	name string
	cfg  func(*ws.Config)
}

func ways() []way {
	list := []way{{"a goroutine each", func(*ws.Config) {}}}
	if ws.CanPoll {
		list = append(list, way{"polled", func(c *ws.Config) { c.Polled = true }})
	}
	return list
}

// serve serves streams, and returns the address.
func serve(t *testing.T, h *hub, by way, stall time.Duration) string {
	t.Helper()
	cfg := ws.Config{Sessions: h, Verifier: tokens{}, WriteStall: stall}
	by.cfg(&cfg)
	sockets := ws.New(cfg)
	a := New(Config{Sessions: h, Verifier: tokens{}, Which: func() chat.LogID { return "log" }, Carry: sockets.Carry})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: patience})
	app.Server().KeepHijackedConns = true
	a.Routes(app)
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	t.Cleanup(func() {
		ln.Close()
		app.ShutdownWithTimeout(patience)
		<-served
		await(t, "the connections' end", sockets.Wait)
	})
	return ln.Addr().String()
}

func await(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	receive(t, what, done)
}

func receive[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// reader is a client of a stream.
type reader struct {
	net.Conn
	t    *testing.T
	in   *bufio.Reader
	body *bufio.Reader // nil until the head has come
	rest []byte        // of the last data
}

func asks(t *testing.T, addr, path string) *reader {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(2 * patience))
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: chat.example\r\nAuthorization: Bearer alice\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return &reader{Conn: c, t: t, in: bufio.NewReader(c)}
}

// heads reads the head of the answer.
func (r *reader) heads() *http.Response {
	r.t.Helper()
	response, err := http.ReadResponse(r.in, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.body = bufio.NewReader(response.Body)
	return response
}

// line returns the next line of the body.
func (r *reader) line() (string, error) {
	line, err := r.body.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

// Read returns what is in base64 in the data of events.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		line, err := r.line()
		if err != nil {
			return 0, err
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if r.rest, err = base64.StdEncoding.DecodeString(data); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// text makes a frame as sockets take it.
func text(payload string) []byte {
	n := len(payload)
	if n < 126 {
		return append([]byte{0x80 | opText, byte(n)}, payload...)
	}
	return append([]byte{0x80 | opText, 126, byte(n >> 8), byte(n)}, payload...)
}
