package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // lives as long as the process
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"), // ends after its sleep
	)
}

// output is a log that can be read while it is written.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

// forTest returns the settings of a service for one test, in development mode unless keys are set.
func forTest(t *testing.T) server.Config {
	t.Helper()
	return server.Config{
		HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", StoreURL: "memory://", DataDir: t.TempDir(), Drain: 5 * time.Second,
		Output: &output{},
	}
}

// service is a running service.
type service struct {
	*server.Server
	t *testing.T
}

func start(t *testing.T, cfg server.Config, more ...fx.Option) service {
	t.Helper()
	s, err := server.Start(t.Context(), cfg, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return service{s, t}
}

// ask sends an HTTP request and returns the status and body of its answer.
func (s service) ask(method, url, body string, headers ...string) (int, string) {
	s.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = s.URL() + url
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// pageKey returns the key at the end of the page's address.
func (s service) pageKey() string {
	_, key, _ := strings.Cut(s.PageURL(), "/?key=")
	return key
}

// token gets a token like the page.
func (s service) token(sub string) string {
	s.t.Helper()
	status, body := s.ask(http.MethodPost, "/dev/token", `{"sub":"`+sub+`"}`, "Content-Type", "application/json", "Origin", s.URL(), "X-Parley-Page-Key", s.pageKey())
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusOK || err != nil {
		s.t.Fatalf("got %d %s", status, body)
	}
	return answer.Token
}

// person is a user with a socket.
type person struct {
	t    *testing.T
	conn *websocket.Conn
}

func (s service) enters(who, room string) person {
	s.t.Helper()
	return s.connects(s.token(who), room)
}

func (s service) connects(token, room string) person {
	s.t.Helper()
	//nolint:bodyclose // websocket.Dial says that it never needs to be
	conn, _, err := websocket.Dial(s.t.Context(), s.URL()+"/ws/"+room, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.CloseNow() })
	p := person{s.t, conn}
	p.sees("welcome")
	p.sees("ok")
	return p
}

func (p person) sends(frame map[string]any) {
	p.t.Helper()
	if err := wsjson.Write(p.t.Context(), p.conn, frame); err != nil {
		p.t.Fatal(err)
	}
}

// sees reads frames up to the first of a type.
func (p person) sees(kind string) map[string]any {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	for {
		var frame map[string]any
		if err := wsjson.Read(ctx, p.conn, &frame); err != nil {
			p.t.Fatalf("wait for %s: %v", kind, err)
		}
		if frame["type"] == kind {
			return frame
		}
	}
}

func (p person) says(body string) {
	p.t.Helper()
	p.sends(map[string]any{"type": "send", "id": "1", "room": "general", "body": body, "key": body})
}

func TestTwoPeopleTalkAndFindTheHistoryAfterARestart(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	cfg.StoreURL = "sqlite://" + filepath.ToSlash(filepath.Join(cfg.DataDir, "sub", "parley.db"))
	first := start(t, cfg)
	alice, bob := first.enters("alice", "general"), first.enters("bob", "general")
	alice.says("hello")
	if got := bob.sees("message")["body"]; got != "hello" {
		t.Errorf("bob sees %v, want hello", got)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := start(t, cfg)
	if got := second.enters("carol", "general").sees("message"); got["body"] != "hello" || got["seq"] != 1.0 {
		t.Errorf("carol finds %v, want hello at seq 1", got)
	}
}

func TestClientsAreToldToGoElsewhereBeforeTheServiceStops(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	s := start(t, cfg)
	alice := s.enters("alice", "general")
	done := make(chan error, 1)
	go func() { done <- s.Stop(context.Background()) }()
	if wait := alice.sees("drain")["reconnect_in_ms"]; wait == nil || wait.(float64) > 5000 {
		t.Errorf("told to come back in %v ms, want at most the time of the drain", wait)
	}
	if status, body := s.ask(http.MethodGet, s.AdminURL()+"/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "draining") {
		t.Errorf("readiness while draining: got %d %s, want 503", status, body)
	}
	_, _, err := alice.conn.Read(t.Context())
	if code := websocket.CloseStatus(err); code != websocket.StatusServiceRestart {
		t.Errorf("got close code %d (%v), want 1012", code, err)
	}
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestReadinessTurnsRedBeforeAnybodyIsSentAway(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	cfg.DrainDelay = 3 * time.Second
	s := start(t, cfg)
	alice := s.enters("alice", "general")
	done := make(chan error, 1)
	go func() { done <- s.Stop(context.Background()) }()
	for status := http.StatusOK; status != http.StatusServiceUnavailable; {
		status, _ = s.ask(http.MethodGet, "/readyz", "")
	}
	bob := s.enters("bob", "general") // the load balancer has not noticed yet
	bob.says("still here")
	alice.sees("message")
	alice.sees("drain")
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestToBeToldToStopIsNoError(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	running := make(chan struct{})
	stopped := make(chan error, 1)
	go func() {
		stopped <- server.Run(ctx, forTest(t), fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() { close(running) })) }))
	}()
	<-running
	end()
	if err := <-stopped; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// broken is a log whose appends fail.
type broken struct{ ports.Log }

func (broken) Append(context.Context, []chat.Proposal) ([]ports.Outcome, error) {
	return nil, errors.New("the moon is in the wrong place")
}

func TestAPortIsSwappedByDecoratingIt(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	s := start(t, cfg, fx.Decorate(func(log ports.Log) ports.Log { return broken{log} }))
	alice := s.enters("alice", "general")
	alice.says("hello")
	failure := alice.sees("error")
	if failure["code"] != "internal" || strings.Contains(failure["message"].(string), "moon") {
		t.Errorf("got %v, want internal without the cause", failure)
	}
	if log := cfg.Output.(*output).String(); !strings.Contains(log, "the moon is in the wrong place") || strings.Contains(log, "hello") {
		t.Errorf("the log should tell the cause, and never what was said:\n%s", log)
	}
	if _, metrics := s.ask(http.MethodGet, s.AdminURL()+"/metrics", ""); !strings.Contains(metrics, `parley_sends_total{result="internal"} 1`) ||
		!strings.Contains(metrics, "parley_connections 1\n") {
		t.Errorf("metrics do not count the failed send and the connection")
	}
}

// deadBus is a bus whose Run fails.
type deadBus struct{ ports.Bus }

func (deadBus) Run(context.Context, ports.Listener) error { return errors.New("the cable is cut") }

func TestAPartThatFailsStopsTheServiceWithItsError(t *testing.T) {
	t.Parallel()
	err := server.Run(t.Context(), forTest(t), fx.Decorate(func(b ports.Bus) ports.Bus { return deadBus{b} }))
	if err == nil || !strings.Contains(err.Error(), "bus: the cable is cut") {
		t.Errorf("got %v, want the part and why it failed", err)
	}
}

func TestAStartThatFailsSaysWhyAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, row := range map[string]struct {
		change func(*server.Config)
		want   string
	}{
		"a port that is taken":       {func(c *server.Config) { c.HTTPAddr = taken.Addr().String() }, "start the HTTP listener at " + taken.Addr().String() + ", as PARLEY_HTTP_ADDR says"},
		"an admin port that is":      {func(c *server.Config) { c.AdminAddr = taken.Addr().String() }, "start the admin listener at " + taken.Addr().String() + ", as PARLEY_ADMIN_ADDR says"},
		"an address of others":       {func(c *server.Config) { c.AdminAddr = "192.0.2.1:0" }, "start the admin listener at 192.0.2.1:0, as PARLEY_ADMIN_ADDR says"},
		"a name of nobody":           {func(c *server.Config) { c.AdminAddr = "no.such.invalid:0" }, "start the admin listener at no.such.invalid:0, as PARLEY_ADMIN_ADDR says"},
		"a store that is no file":    {func(c *server.Config) { c.StoreURL = "sqlite:///dev/null/x.db" }, "open the store sqlite:///dev/null/x.db"},
		"settings that are wrong":    {func(c *server.Config) { c.HTTPAddr = "0.0.0.0:0" }, "PARLEY_HTTP_ADDR"},
		"a data folder that is none": {func(c *server.Config) { c.DataDir = "/dev/null/data" }, "make a key pair in /dev/null/data"},
	} {
		cfg := forTest(t)
		row.change(&cfg)
		s, err := server.Start(t.Context(), cfg)
		if err == nil {
			s.Stop(t.Context())
		}
		if err == nil || !strings.HasPrefix(err.Error(), row.want) && !strings.Contains(err.Error(), "\n  "+row.want) {
			t.Errorf("%s: got %v, want it to begin with %q", name, err, row.want)
		}
	}
}

func TestAStartThatWaitsForItsStoreCanBeGivenUp(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	cfg.StoreURL = "postgres://parley:s3cret@127.0.0.1:1/parley"
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := server.Start(ctx, cfg)
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v, want an error without the password", err)
	}
	if log := cfg.Output.(*output).String(); !strings.Contains(log, "waiting for the database") || strings.Contains(log, "s3cret") {
		t.Errorf("the log should tell what is waited for, without the password:\n%s", log)
	}
}

func TestOnlyTheServicesOwnPageGetsTokens(t *testing.T) {
	t.Parallel()
	s := start(t, forTest(t))
	port := s.HTTPAddr().(*net.TCPAddr).AddrPort().String()
	for name, row := range map[string]struct {
		headers []string
		body    string
		want    int
	}{
		"no browser":                {nil, "", 200},
		"the page":                  {[]string{"Origin", s.URL(), "Sec-Fetch-Site", "same-origin"}, "", 200},
		"another site":              {[]string{"Origin", "https://evil.example"}, "", 403},
		"another port":              {[]string{"Origin", "http://127.0.0.1:1"}, "", 403},
		"no site at all":            {[]string{"Origin", "null"}, "", 403},
		"a browser from elsewhere":  {[]string{"Sec-Fetch-Site", "cross-site"}, "", 403},
		"a name that resolves here": {[]string{"Host", "evil.example:80", "Origin", "http://evil.example:80"}, "", 403},
		"this machine by name":      {[]string{"Host", "localhost:" + port[strings.LastIndex(port, ":")+1:]}, "", 200},
		"a form":                    {[]string{"Content-Type", "text/plain"}, "", 415},
		"without the key":           {[]string{"X-Parley-Page-Key", ""}, "", 403},
		"with another key":          {[]string{"X-Parley-Page-Key", strings.Repeat("A", len(s.pageKey()))}, "", 403},
		"with a part of the key":    {[]string{"X-Parley-Page-Key", s.pageKey()[:20]}, "", 403},
		"nobody":                    {nil, `{"name":"x"}`, 422},
		"no JSON":                   {nil, `sub=alice`, 400},
	} {
		body := row.body
		if body == "" {
			body = `{"sub":"alice","name":"Alice"}`
		}
		headers := append([]string{"Content-Type", "application/json", "X-Parley-Page-Key", s.pageKey()}, row.headers...)
		if status, answer := s.ask(http.MethodPost, "/dev/token", body, headers...); status != row.want {
			t.Errorf("%s: got %d %s, want %d", name, status, answer, row.want)
		}
	}
	for name, row := range map[string]struct {
		headers []string
		status  int
		want    string
	}{
		"the key":                    {[]string{"X-Parley-Page-Key", s.pageKey()}, 200, `{"opens":true}`},
		"another key":                {[]string{"X-Parley-Page-Key", strings.Repeat("A", len(s.pageKey()))}, 200, `{"opens":false}`},
		"no key":                     {nil, 200, `{"opens":false}`},
		"the key, of another site":   {[]string{"X-Parley-Page-Key", s.pageKey(), "Origin", "https://evil.example"}, 403, "forbidden"},
		"the key, by a foreign name": {[]string{"X-Parley-Page-Key", s.pageKey(), "Host", "evil.example:80"}, 403, "forbidden"},
	} {
		if status, answer := s.ask(http.MethodGet, "/dev/key", "", row.headers...); status != row.status || !strings.Contains(answer, row.want) {
			t.Errorf("is it the right key, %s: got %d %s, want %d %s", name, status, answer, row.status, row.want)
		}
	}
}

func TestThePagesKeyIsPrintedAndLastsOverARestart(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	first, err := server.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	key := service{first, t}.pageKey()
	if said := cfg.Output.(*output).String(); len(key) < 26 || !strings.Contains(said, "open "+first.URL()+"/?key="+key+" ;") {
		t.Errorf("it does not say where to look, with the key %q:\n%s", key, said)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := start(t, cfg)
	if again.pageKey() != key {
		t.Errorf("after a restart the key is %q, was %q", again.pageKey(), key)
	}
	if status, _ := again.ask(http.MethodPost, "/dev/token?key="+key, `{"sub":"alice"}`, "Content-Type", "application/json"); status != http.StatusForbidden {
		t.Errorf("the key in the address of a request: got %d, want 403", status)
	}
	if other := start(t, forTest(t)); other.pageKey() == key {
		t.Error("two services have one key")
	}
	path := filepath.Join(cfg.DataDir, jwt.PageKeyFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its file: %v, %v; want it for the owner only", info, err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "delete it, and another is made") {
		t.Errorf("a file that holds no key: got %v", err)
	}
}

func TestWithKeysOfOnesOwnThereIsNoDevelopmentMode(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	cfg.JWTPublicKeyFiles, cfg.JWTAlgorithms = []string{publicKeyFile(t)}, []string{"EdDSA"}
	s := start(t, cfg)
	if status, _ := s.ask(http.MethodPost, "/dev/token", `{"sub":"alice"}`, "Content-Type", "application/json"); status != http.StatusNotFound {
		t.Errorf("/dev/token: got %d, want 404", status)
	}
	if _, page := s.ask(http.MethodGet, "/page.json", ""); !strings.Contains(page, "false") {
		t.Errorf("the page is told %s", page)
	}
	if _, err := server.DevelopmentToken(cfg, jwt.Grant{Subject: "alice", TTL: time.Hour}); err == nil {
		t.Error("a development token is made for a service that would refuse it")
	}
	cfg.JWTPublicKeyFiles = nil
	token, err := server.DevelopmentToken(cfg, jwt.Grant{Subject: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := s.ask(http.MethodGet, "/v1/rooms", "", "Authorization", "Bearer "+token); status != http.StatusUnauthorized {
		t.Errorf("a development token: got %d %s, want 401", status, body)
	}
}

func TestDevelopmentModeThatOthersCanReachHandsOutNoTokens(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	cfg.HTTPAddr, cfg.Development = "0.0.0.0:0", true
	s := start(t, cfg)
	if status, _ := s.ask(http.MethodPost, "/dev/token", `{"sub":"alice"}`, "Content-Type", "application/json"); status != http.StatusNotFound {
		t.Errorf("/dev/token: got %d, want 404", status)
	}
	token, err := server.DevelopmentToken(cfg, jwt.Grant{Subject: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s.connects(token, "general")
	if said := cfg.Output.(*output).String(); !strings.Contains(said, "DEVELOPMENT MODE") || !strings.Contains(said, "parley token -data-dir") {
		t.Errorf("it does not say what it is and how to get a token:\n%s", said)
	}
}
