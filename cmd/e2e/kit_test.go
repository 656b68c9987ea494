package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// patience is how long a test waits for an expected event. It is long because machines are slow at
// times; no test that passes waits so long.
const patience = time.Minute

// frame is one frame of the protocol.
type frame map[string]any

func (f frame) kind() string        { return f.str("type") }
func (f frame) str(k string) string { s, _ := f[k].(string); return s }
func (f frame) num(k string) int64  { n, _ := f[k].(float64); return int64(n) }
func (f frame) yes(k string) bool   { b, _ := f[k].(bool); return b }
func (f frame) sub(k string) frame  { m, _ := f[k].(map[string]any); return m }
func (f frame) list(k string) []any { l, _ := f[k].([]any); return l }
func (f frame) has(k string) bool   { _, ok := f[k]; return ok }
func (f frame) isEntry() bool       { return f.has("seq") && f.has("author") }
func (f frame) is(kind string) bool { return f.kind() == kind }

// peer is a client on a socket, with a third-party WebSocket library.
type peer struct {
	welcome frame
	t       testing.TB
	name    string
	conn    *websocket.Conn
	frames  chan frame // closed with the socket
	closed  error      // why, once frames is closed
	kept    []frame    // frames that were read while waiting for others
	asked   int
	largest atomic.Int64 // max size of a received frame
}

// dialed opens a socket at path ("/ws", …) with a token in the Authorization header, or none.
func (s *service) dialed(t testing.TB, path, token string) (*peer, error) {
	t.Helper()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return s.dialedWith(t, path, &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{"parley.v1.json"}})
}

func (s *service) dialedWith(t testing.TB, path string, opts *websocket.DialOptions) (*peer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.url, "http")+path, opts) //nolint:bodyclose // a dialled socket has none
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(-1)
	p := &peer{t: t, name: "peer", conn: conn, frames: make(chan frame, 1<<16)}
	go p.listen()
	t.Cleanup(func() { conn.CloseNow() })
	return p, nil
}

func (p *peer) listen() {
	defer close(p.frames)
	for {
		_, data, err := p.conn.Read(context.Background())
		if err != nil {
			p.closed = err
			return
		}
		var f frame
		if err := json.Unmarshal(data, &f); err != nil {
			p.closed = fmt.Errorf("not JSON: %q", data)
			return
		}
		p.largest.Store(max(p.largest.Load(), int64(len(data))))
		p.frames <- f
	}
}

// connects opens a socket for a user and reads its welcome.
func (s *service) connects(t testing.TB, user string, claims ...claim) *peer {
	t.Helper()
	p, err := s.dialed(t, "/ws", s.token(t, user, claims...))
	if err != nil {
		t.Fatalf("connect as %s: %v", user, err)
	}
	p.name = user
	if p.welcome = p.next(); !p.welcome.is("welcome") {
		t.Fatalf("%s: the first frame is %v", user, p.welcome)
	}
	return p
}

// next returns the next frame.
func (p *peer) next() frame {
	p.t.Helper()
	f, ok := p.await(func(frame) bool { return true })
	if !ok {
		p.t.Fatalf("%s: the socket was closed: %v", p.name, p.closed)
	}
	return f
}

// sees returns the next frame of a type; others are kept.
func (p *peer) sees(kind string) frame {
	p.t.Helper()
	f, ok := p.await(func(f frame) bool { return f.is(kind) })
	if !ok {
		p.t.Fatalf("%s: the socket was closed (%v) before a frame %q", p.name, p.closed, kind)
	}
	return f
}

func (p *peer) await(want func(frame) bool) (frame, bool) {
	p.t.Helper()
	for i, f := range p.kept {
		if want(f) {
			p.kept = append(p.kept[:i:i], p.kept[i+1:]...)
			return f, true
		}
	}
	return p.hears(want)
}

// hears is await for a frame that cannot have come yet.
func (p *peer) hears(want func(frame) bool) (frame, bool) {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case f, ok := <-p.frames:
			if !ok {
				return nil, false
			}
			if want(f) {
				return f, true
			}
			p.kept = append(p.kept, f)
		case <-late:
			p.t.Fatalf("%s waited %v in vain; came meanwhile: %v", p.name, patience, p.kept)
		}
	}
}

// closesWith expects the socket to end with a close code; earlier frames are kept.
func (p *peer) closesWith(code websocket.StatusCode) {
	p.t.Helper()
	p.await(func(frame) bool { return false })
	if got := websocket.CloseStatus(p.closed); got != code {
		p.t.Errorf("%s: the socket ended with %d (%v), want %d", p.name, got, p.closed, code)
	}
}

// writes sends raw bytes in a text message.
func (p *peer) writes(raw string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.conn.Write(ctx, websocket.MessageText, []byte(raw)); err != nil {
		p.t.Fatalf("%s: write: %v", p.name, err)
	}
}

// sends sends a frame with an id of its own and returns the id. Fields are pairs of names and
// values.
func (p *peer) sends(kind string, fields ...any) string {
	p.t.Helper()
	p.asked++
	f := frame{"type": kind, "id": fmt.Sprint(p.name, p.asked)}
	for i := 0; i < len(fields); i += 2 {
		f[fields[i].(string)] = fields[i+1]
	}
	raw, err := json.Marshal(f)
	if err != nil {
		p.t.Fatal(err)
	}
	p.writes(string(raw))
	return f.str("id")
}

func (p *peer) answer(id string) frame {
	p.t.Helper()
	return p.answerOf(id, p.await)
}

// answersTo sends a frame and returns its answer.
func (p *peer) answersTo(kind string, fields ...any) frame {
	p.t.Helper()
	return p.answerOf(p.sends(kind, fields...), p.hears)
}

func (p *peer) answerOf(id string, await func(func(frame) bool) (frame, bool)) frame {
	p.t.Helper()
	f, ok := await(func(f frame) bool { return f.str("id") == id })
	if !ok {
		p.t.Fatalf("%s: the socket was closed (%v) before the answer to %s", p.name, p.closed, id)
	}
	return f
}

// asks sends a frame and returns its ok.
func (p *peer) asks(kind string, fields ...any) frame {
	p.t.Helper()
	f := p.answersTo(kind, fields...)
	if !f.is("ok") {
		p.t.Fatalf("%s asked %s %v and got %v", p.name, kind, fields, f)
	}
	return f
}

// isRefused sends a frame and expects an error with a code.
func (p *peer) isRefused(code, kind string, fields ...any) frame {
	p.t.Helper()
	f := p.answersTo(kind, fields...)
	if !f.is("error") || f.str("code") != code {
		p.t.Fatalf("%s asked %s %v and got %v, want the error %s", p.name, kind, fields, f, code)
	}
	return f
}

// reads expects the next entries of a room to have exactly these seqs, in order, and returns them.
func (p *peer) reads(room string, from, to int64) (entries []frame) {
	p.t.Helper()
	for want := from; want <= to; want++ {
		f, ok := p.await(func(f frame) bool { return f.isEntry() && f.str("room") == room })
		if !ok {
			p.t.Fatalf("%s: the socket was closed (%v) before %s %d", p.name, p.closed, room, want)
		}
		if f.num("seq") != want {
			p.t.Fatalf("%s got %v where %s %d was due", p.name, f, room, want)
		}
		entries = append(entries, f)
	}
	return entries
}

// calls makes an HTTP request and returns the status, the JSON body and the headers. body is nil, a
// string that is sent unchanged, or a value to encode.
func (s *service) calls(t testing.TB, token, method, path string, body any, headers ...string) (int, frame, http.Header) {
	t.Helper()
	var payload io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if limit := 256 << 10; len(raw) > limit {
		t.Errorf("%s %s answered with %d bytes, more than %d", method, path, len(raw), limit)
	}
	var f frame
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatalf("%s %s answered %d %q: %v", method, path, response.StatusCode, raw, err)
		}
	}
	return response.StatusCode, f, response.Header
}

// gets makes a request and expects a status.
func (s *service) gets(t testing.TB, status int, token, method, path string, body any, headers ...string) frame {
	t.Helper()
	got, f, _ := s.calls(t, token, method, path, body, headers...)
	if got != status {
		t.Fatalf("%s %s answered %d %v, want %d", method, path, got, f, status)
	}
	return f
}

var errNotYet = errors.New("not yet")

// eventually tries until it succeeds or patience is over.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}
