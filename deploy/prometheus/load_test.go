package prometheus_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/cmd/server"
)

// service is a Parley in this process.
type service struct {
	*server.Server
	client http.Client
}

// publishes publishes a key set, and returns its URL.
func publishes(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	set := fmt.Sprintf(`{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":"1","n":%q,"e":"AQAB"}]}`, n)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, set)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// serves starts a service, with the key set at a URL, or in development mode without.
func serves(t *testing.T, storeURL, keys string) *service {
	t.Helper()
	cfg := server.Config{
		HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", StoreURL: storeURL, DataDir: t.TempDir(), Drain: time.Second,
		Output: io.Discard,
	}
	if keys != "" {
		cfg.JWTJWKSURL, cfg.JWTAudience = keys, "none"
	}
	s, err := server.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return &service{s, http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// admin is the address that Prometheus scrapes.
func (s *service) admin() string { return strings.TrimPrefix(s.AdminURL(), "http://") }

// calls makes a request and returns the status and the body.
func (s *service) calls(ctx context.Context, method, url, body string, headers ...string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// token gets a token like the page.
func (s *service) token(t *testing.T, user string) string {
	t.Helper()
	status, body, err := s.calls(t.Context(), http.MethodPost, s.URL()+"/dev/token", `{"sub":"`+user+`"}`,
		"Content-Type", "application/json", "Origin", s.URL(), "X-Parley-Page-Key", s.PageURL()[len(s.URL()+"/?key="):])
	var answer struct{ Token string }
	if err = errors.Join(err, json.Unmarshal([]byte(body), &answer)); err != nil || status != http.StatusOK {
		t.Fatalf("get a token: %d %s: %v", status, body, err)
	}
	return answer.Token
}

// metrics returns the names of all series of /metrics, including those of histograms and summaries.
func (s *service) metrics(t *testing.T) map[string]bool {
	t.Helper()
	_, body, err := s.calls(t.Context(), http.MethodGet, s.AdminURL()+"/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for line := range strings.Lines(body) {
		words := strings.Fields(line)
		if len(words) != 4 || words[1] != "TYPE" {
			continue
		}
		names[words[2]] = true
		if words[3] == "histogram" || words[3] == "summary" {
			names[words[2]+"_sum"], names[words[2]+"_count"] = true, true
			names[words[2]+"_bucket"] = words[3] == "histogram"
		}
	}
	return names
}

// peer is a client on a socket.
type peer struct {
	conn  *websocket.Conn
	asked int
}

func (s *service) connects(ctx context.Context, path, token string) (*peer, error) {
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.URL(), "http")+path, &websocket.DialOptions{ //nolint:bodyclose // a dialled socket has none
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}, HTTPClient: &s.client,
	})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(-1)
	return &peer{conn: conn}, nil
}

// asks sends a frame of a type and reads up to its answer, which may be an error. fields is a piece
// of JSON.
func (p *peer) asks(ctx context.Context, kind, fields string) error {
	p.asked++
	id := fmt.Sprintf(`"id":"%d"`, p.asked)
	frame := fmt.Sprintf(`{"type":%q,%s,%s}`, kind, id, fields)
	if err := p.conn.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
		return err
	}
	return p.until(ctx, id)
}

// until reads up to a frame that contains text.
func (p *peer) until(ctx context.Context, text string) error {
	for {
		_, data, err := p.conn.Read(ctx)
		if err != nil || bytes.Contains(data, []byte(text)) {
			return err
		}
	}
}

// load is typical use of a service, repeated until its end.
type load struct {
	*service
	token string
	ended sync.WaitGroup
}

// begins starts a load: a writer, two readers, a client that comes and goes, a back end and a hook.
// It returns a function that ends the load and waits.
func (s *service) begins(t *testing.T) (end func()) {
	t.Helper()
	l := &load{service: s, token: s.token(t, "alice")}
	// A room that nobody follows yet is served from the log.
	for i := range 20 {
		if err := l.posts(t.Context(), "archive", i+1); err != nil {
			t.Fatal(err)
		}
	}
	l.hooks(t, "archive")
	ctx, cancel := context.WithCancel(t.Context())
	for _, part := range []func(context.Context) error{l.writes, l.reads, l.reads, l.comesAndGoes, l.callsByHTTP} {
		l.ended.Go(func() {
			if err := part(ctx); ctx.Err() == nil {
				t.Errorf("the load on %s: %v", s.URL(), err)
			}
		})
	}
	return func() { cancel(); l.ended.Wait() }
}

// hooks makes a hook for a room, and a receiver that takes all that is sent to it.
func (l *load) hooks(t *testing.T, room string) {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(receiver.Close)
	status, body, err := l.calls(t.Context(), http.MethodPost, l.URL()+"/v1/rooms/"+room+"/hooks", fmt.Sprintf(`{"url":%q,"from":"start"}`, receiver.URL),
		"Authorization", "Bearer "+l.token, "Content-Type", "application/json")
	if err != nil || status != http.StatusCreated {
		t.Fatalf("make a hook for %s: %d %s: %v", room, status, body, err)
	}
}

// over repeats something, slowly enough to leave the machine to others, until it fails or ctx ends.
func over(ctx context.Context, pace time.Duration, what func(i int) error) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := 1; ; i++ {
		if err := what(i); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *load) writes(ctx context.Context) error {
	p, err := l.connects(ctx, "/ws/tea", l.token)
	if err != nil {
		return err
	}
	defer p.conn.CloseNow()
	return over(ctx, 10*time.Millisecond, func(i int) error {
		err := p.asks(ctx, "send", fmt.Sprintf(`"room":"tea","body":"hello %d","key":"k%d"`, i, i))
		if i%10 != 0 {
			return err
		}
		return errors.Join(err, p.asks(ctx, "send", `"room":"tea","body":""`), p.asks(ctx, "typing", `"room":"tea"`),
			p.asks(ctx, "react", fmt.Sprintf(`"room":"tea","seq":%d,"emoji":"👍"`, i/2)))
	})
}

func (l *load) reads(ctx context.Context) error {
	p, err := l.connects(ctx, "/ws/tea", l.token)
	if err != nil {
		return err
	}
	defer p.conn.CloseNow()
	return p.until(ctx, "what nobody says")
}

// comesAndGoes is a client that was away for long: it catches up from its cursor, makes some
// requests, and leaves. Another client has a bad token.
func (l *load) comesAndGoes(ctx context.Context) error {
	return over(ctx, 100*time.Millisecond, func(i int) error {
		p, err := l.connects(ctx, "/ws", l.token)
		if err != nil {
			return err
		}
		if bad, err := l.connects(ctx, "/ws", l.token+"x"); err == nil {
			bad.conn.CloseNow()
			return errors.New("a bad token was taken")
		}
		// Changed entries are served from the log.
		return errors.Join(p.asks(ctx, "edit", fmt.Sprintf(`"room":"archive","seq":1,"body":"hello, for the time %d"`, i)),
			p.asks(ctx, "join", `"room":"archive","after":0`), p.until(ctx, `"seq":20,`),
			p.asks(ctx, "history", `"room":"tea","limit":20`), p.asks(ctx, "read", `"room":"archive","seq":20`),
			p.asks(ctx, "ping", `"at":"all"`), p.conn.Close(websocket.StatusNormalClosure, ""))
	})
}

func (l *load) callsByHTTP(ctx context.Context) error {
	return over(ctx, 50*time.Millisecond, func(i int) error {
		if err := l.posts(ctx, "minutes", i); err != nil {
			return err
		}
		for _, path := range []string{"/v1/rooms/minutes/entries?limit=5", "/v1/search?q=hello", "/v1/rooms/there-is-none"} {
			if _, _, err := l.calls(ctx, http.MethodGet, l.URL()+path, "", "Authorization", "Bearer "+l.token); err != nil {
				return err
			}
		}
		return nil
	})
}

// posts sends message i (from 1) by HTTP into a room, which it makes for the first one.
func (l *load) posts(ctx context.Context, room string, i int) error {
	headers := []string{"Authorization", "Bearer " + l.token, "Content-Type", "application/json"}
	if i == 1 {
		status, body, err := l.calls(ctx, http.MethodPost, l.URL()+"/v1/rooms", fmt.Sprintf(`{"room":%q}`, room), headers...)
		if err != nil || status != http.StatusCreated {
			return fmt.Errorf("make %s: %d %s: %w", room, status, body, err)
		}
	}
	status, body, err := l.calls(ctx, http.MethodPost, l.URL()+"/v1/rooms/"+room+"/messages", `{"body":"hello"}`, headers...)
	if err != nil || status != http.StatusCreated {
		return fmt.Errorf("post to %s: %d %s: %w", room, status, body, err)
	}
	return nil
}
