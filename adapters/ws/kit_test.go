package ws

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/goleak"

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

// hub is a small ports.Sessions: its sessions send messages back.
type hub struct {
	ready   func() error
	refuse  error                                     // of Open
	command func(*session, ports.Command) (more bool) // nil: (*session).answer
	opened  chan *session
}

func newHub() *hub { return &hub{opened: make(chan *session, 1024)} }

func (h *hub) Ready(*ports.Opening) error {
	if h.ready != nil {
		return h.ready()
	}
	return nil
}

func (h *hub) Open(conn ports.Conn, opening ports.Opening) (ports.Session, error) {
	if h.refuse != nil {
		return nil, h.refuse
	}
	if err := conn.Write(opening.Head); err != nil {
		return nil, err
	}
	s := &session{hub: h, conn: conn, opening: opening, closed: make(chan struct{})}
	h.opened <- s
	return s, nil
}

func (*hub) Disconnect(chat.UserID) int { return 0 }
func (*hub) Drain(context.Context)      {}

// session writes in order, in a goroutine that exists while there is something to write.
type session struct {
	hub     *hub
	conn    ports.Conn
	opening ports.Opening
	closed  chan struct{}
	heard   atomic.Int64
	asked   atomic.Int64
	writer  sync.WaitGroup

	mu      sync.Mutex
	outbox  []byte
	largest int // bytes that the outbox ever held
	writing bool
	closing bool
	reason  ports.CloseReason
}

func (*session) ID() string { return "s" }
func (s *session) Heard()   { s.heard.Add(1) }

func (s *session) Command(_ context.Context, c ports.Command) bool {
	s.asked.Add(1)
	if s.hub.command != nil {
		return s.hub.command(s, c)
	}
	return s.answer(c)
}

// answer sends a Send back as its author's message, and answers ok to every other valid command.
func (s *session) answer(c ports.Command) bool {
	switch ask := c.Ask.(type) {
	case ports.Send:
		e := chat.Entry{Room: ask.Room, Seq: 1, At: time.Now(), Fact: chat.Message{Body: ask.Body}}
		if who := s.opening.Identity; who != nil {
			e.Author = who.Author()
		}
		s.put(Encoder{}.Entry(nil, &e))
	case ports.Malformed:
		s.put(Encoder{}.Frame(nil, ports.Failure{ID: c.ID, Err: ask.Err}))
	default:
		s.put(Encoder{}.Frame(nil, &ports.OK{ID: c.ID, Answer: ports.TypingNoted{}}))
	}
	return true
}

func (s *session) Reply(frame []byte) { s.put(frame) }

func (s *session) Finish(frame []byte, reason ports.CloseReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.push(frame)
		s.closing, s.reason = true, reason
	}
}

// end closes the session from the server's side.
func (s *session) end(reason ports.CloseReason) {
	s.Finish(Encoder{}.Frame(nil, ports.CloseFrame{Reason: reason}), reason)
}

func (s *session) Closed() {
	s.conn.Close(ports.CloseGone)
	s.writer.Wait()
	close(s.closed)
}

func (s *session) put(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.push(frame)
	}
}

func (s *session) push(frame []byte) {
	s.outbox = append(s.outbox, frame...)
	s.largest = max(s.largest, len(s.outbox))
	if !s.writing {
		s.writing = true
		s.writer.Go(s.write)
	}
}

func (s *session) write() {
	for {
		s.mu.Lock()
		p := s.outbox
		s.outbox = nil
		if len(p) == 0 {
			s.writing = false
			if s.closing {
				s.conn.Close(s.reason)
			}
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		n, err := s.conn.TryWrite(p)
		if err == nil && n < len(p) {
			err = s.conn.Write(p[n:])
		}
		if err != nil {
			s.mu.Lock()
			s.closing, s.outbox, s.reason = true, nil, ports.CloseGone
			if errors.Is(err, ports.ErrSlow) {
				s.reason = ports.CloseSlow
			}
			s.mu.Unlock()
		}
	}
}

func (s *session) maxUnwritten() int { s.mu.Lock(); defer s.mu.Unlock(); return s.largest }

// tokens is a verifier whose tokens are the users' names.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (chat.Identity, error) {
	switch token {
	case "", "bad":
		return chat.Identity{}, chat.Errorf(chat.Unauthenticated, "the token is bad")
	case "unreachable":
		return chat.Identity{}, chat.Errorf(chat.Unavailable, "the keys cannot be reached")
	case "broken":
		return chat.Identity{}, errors.New("secret cause")
	}
	return chat.Identity{User: chat.UserID(token), Name: token, Expires: time.Now().Add(time.Hour)}, nil
}

// faults records faults.
type faults struct {
	ports.Unobserved
	ch chan error
}

func (f *faults) Fault(_ context.Context, _ string, err error) string {
	f.ch <- err
	return "trace-7"
}

// service is an adapter on a listener.
type service struct {
	t       *testing.T
	adapter *Adapter
	addr    string
	tls     *tls.Config // of clients; nil: no TLS
	dial    func() (net.Conn, error)
}

type serviceOption func(*service, *Config) net.Listener

// with changes the configuration.
func with(change func(*Config)) serviceOption {
	return func(_ *service, c *Config) net.Listener { change(c); return nil }
}

// adapter returns an adapter without a server.
func adapter(h *hub, options ...serviceOption) *Adapter {
	cfg := Config{Sessions: h, Verifier: tokens{}}
	for _, option := range options {
		if option != nil {
			option(nil, &cfg)
		}
	}
	return New(cfg)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func serve(t *testing.T, h *hub, options ...serviceOption) *service {
	t.Helper()
	s := &service{t: t}
	cfg := Config{Sessions: h, Verifier: tokens{}}
	var ln net.Listener
	for _, option := range options {
		if option == nil {
			continue
		}
		if l := option(s, &cfg); l != nil {
			ln = l
		}
	}
	if ln == nil {
		ln = listen(t)
		s.dial = func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }
	}
	s.addr = ln.Addr().String()
	s.adapter = New(cfg)
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadBufferSize: 16 << 10, ReadTimeout: patience})
	app.Server().KeepHijackedConns = true
	s.adapter.Routes(app)
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	t.Cleanup(func() {
		ln.Close()
		app.ShutdownWithTimeout(patience)
		<-served
		await(t, "the connections' end", s.adapter.Wait)
	})
	return s
}

// await fails the test if do does not return.
func await(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	receive(t, what, done)
}

// receive returns a value from a channel, or fails the test if none comes.
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

// inTime calls try with a limit within which the client must do something. On a busy machine it may
// be late. Then try is called again, with a limit that is twice as long. It returns what is wrong,
// or nothing, and how long the client took: as long as the limit, and nothing was shown.
func inTime(t *testing.T, limit time.Duration, try func(limit time.Duration) (took time.Duration, wrong string)) {
	t.Helper()
	for ; ; limit *= 2 {
		switch took, wrong := try(limit); {
		case wrong == "":
			return
		case took < limit || limit > patience:
			t.Fatalf("with a limit of %v, of which the client took %v: %s", limit, took, wrong)
		}
	}
}

// headers returns the headers of a valid handshake, with changes; an empty value leaves one out.
func headers(changes ...string) [][2]string {
	all := [][2]string{
		{"Host", "chat.example"},
		{"Connection", "Upgrade"},
		{"Upgrade", "websocket"},
		{"Sec-WebSocket-Version", "13"},
		{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
	}
next:
	for i := 0; i < len(changes); i += 2 {
		for j := range all {
			if all[j][0] == changes[i] {
				all[j][1] = changes[i+1]
				continue next
			}
		}
		all = append(all, [2]string{changes[i], changes[i+1]})
	}
	return all
}

func request(start string, headers [][2]string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n", start)
	for _, h := range headers {
		if h[1] != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// peer is a client that sends raw bytes.
type peer struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (s *service) connect() *peer {
	s.t.Helper()
	conn, err := s.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { conn.Close() })
	return &peer{Conn: conn, t: s.t, in: bufio.NewReader(conn)}
}

// answer is the answer to a handshake.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// shakes sends a handshake and returns the answer.
func (p *peer) shakes(start string, headers [][2]string, more ...byte) answer {
	p.t.Helper()
	p.sends(append(request(start, headers), more...))
	method, _, _ := strings.Cut(start, " ")
	response, err := http.ReadResponse(p.in, &http.Request{Method: method})
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header}
	if a.status != http.StatusSwitchingProtocols {
		if a.body, err = io.ReadAll(response.Body); err != nil {
			p.t.Fatal(err)
		}
	}
	return a
}

// joins connects as alice, and returns once the server has a session for her.
func (s *service) joins(h *hub, more ...byte) (*peer, *session) {
	s.t.Helper()
	p := s.connect()
	if a := p.shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice"), more...); a.status != http.StatusSwitchingProtocols {
		s.t.Fatalf("the handshake: %d %s", a.status, a.body)
	}
	return p, receive(s.t, "the session", h.opened)
}

func (p *peer) sends(data []byte) {
	p.t.Helper()
	p.SetWriteDeadline(time.Now().Add(patience))
	if _, err := p.Write(data); err != nil {
		p.t.Fatal(err)
	}
}

// sees describes the next frame from the server, or how the connection ended.
func (p *peer) sees() string {
	p.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(p.in, head); err != nil {
		if isTimeout(err) {
			p.t.Fatal("nothing comes from the server")
		}
		return "end"
	}
	size := uint64(head[1])
	var long [8]byte
	switch size {
	case 126:
		io.ReadFull(p.in, long[6:])
		size = binary.BigEndian.Uint64(long[:])
	case 127:
		io.ReadFull(p.in, long[:])
		size = binary.BigEndian.Uint64(long[:])
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(p.in, payload); err != nil {
		p.t.Fatalf("a frame is cut off: %v", err)
	}
	return inWords(p.t, head[0], payload)
}

func inWords(t *testing.T, first byte, payload []byte) string {
	t.Helper()
	switch first {
	case finBit | byte(opText):
		return frameInWords(t, payload)
	case finBit | byte(opPing):
		return fmt.Sprintf("ping %q", payload)
	case finBit | byte(opPong):
		return fmt.Sprintf("pong %q", payload)
	case finBit | byte(opClose):
		if len(payload) == 0 {
			return "close"
		}
		return fmt.Sprintf("close %d", binary.BigEndian.Uint16(payload))
	}
	t.Fatalf("the server sent a frame that begins with %#x", first)
	return ""
}

func frameInWords(t *testing.T, text []byte) string {
	t.Helper()
	var f struct{ Type, Body, Code, ID string }
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	switch f.Type {
	case "message":
		return fmt.Sprintf("said %q", f.Body)
	case "error":
		return "error " + f.Code
	}
	return f.Type
}

// seesAll returns everything until the connection ends, or until the frame last.
func (p *peer) seesAll(last string) string {
	p.t.Helper()
	var all []string
	for {
		words := p.sees()
		all = append(all, words)
		if words == "end" || words == last {
			return strings.Join(all, ", ")
		}
	}
}

func (p *peer) wants(words ...string) {
	p.t.Helper()
	for _, want := range words {
		if got := p.sees(); got != want {
			p.t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// masked makes a client's frame of the first byte, with flags and opcode, and a payload.
func masked(first byte, payload string) []byte {
	mask := [4]byte{1, 2, 3, 250}
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, maskBit|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i&3])
	}
	return b
}

const (
	fin  = byte(finBit)
	text = byte(opText)
)

func whole(payload string) []byte      { return masked(fin|text, payload) }
func pingFrame(payload string) []byte  { return masked(fin|byte(opPing), payload) }
func closeFrame(payload string) []byte { return masked(fin|byte(opClose), payload) }
func join(frames ...[]byte) []byte     { return bytes.Join(frames, nil) }
func say(body string) string           { return `{"type":"send","room":"tea","body":"` + body + `"}` }
