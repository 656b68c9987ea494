package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// httpSuite tests section 5 of the protocol. It runs on every store.
func httpSuite(t *testing.T, s *service) {
	tests := map[string]func(*testing.T, *service){
		"rooms are made, listed, changed and archived": roomsByHTTP,
		"messages by HTTP are those of the socket":     messagesByHTTP,
		"a place is of a log, which has a name":        logsByHTTP,
		"reactions by HTTP are those of the socket":    reactionsBothWays,
		"members are listed, changed and removed":      membersByHTTP,
		"errors have one shape":                        errorsByHTTP,
		"what needs no token":                          withoutToken,
		"the admin address shows what happens":         adminAddress,
		"an operator can disconnect a user":            disconnected,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, s) })
	}
}

func roomsByHTTP(t *testing.T, s *service) {
	room := s.room()
	owner, bob := s.token(t, "owner-"+room), s.token(t, "bob-"+room)
	made := s.gets(t, 201, owner, "POST", "/v1/rooms", frame{"room": room, "name": " Tea & cake ", "public": true})
	if made.str("room") != room || made.str("name") != "Tea & cake" || !made.yes("public") || made.num("head") != 0 || made.str("role") != "moderate" {
		t.Errorf("made %v", made)
	}
	if e := s.gets(t, 409, owner, "POST", "/v1/rooms", frame{"room": room}); e.sub("error").str("code") != "conflict" {
		t.Errorf("made twice: %v", e)
	}
	s.gets(t, 422, owner, "POST", "/v1/rooms", frame{"room": "Big Room"})
	if r := s.gets(t, 200, bob, "GET", "/v1/rooms/"+room, nil); r.str("role") != "write" {
		t.Errorf("bob sees %v", r)
	}
	s.gets(t, 403, bob, "PATCH", "/v1/rooms/"+room, frame{"name": "Mine"})
	if r := s.gets(t, 200, owner, "PATCH", "/v1/rooms/"+room, frame{"name": "Coffee", "public": false}); r.str("name") != "Coffee" || r.yes("public") {
		t.Errorf("changed: %v", r)
	}
	s.gets(t, 404, bob, "GET", "/v1/rooms/"+room, nil)
	for i := range 3 {
		s.gets(t, 201, owner, "POST", "/v1/rooms", frame{"room": fmt.Sprint(room, i)})
	}
	var names []string
	path := "/v1/rooms?limit=2"
	for {
		page := s.gets(t, 200, owner, "GET", path, nil)
		for _, r := range page.list("rooms") {
			names = append(names, frame(r.(map[string]any)).str("room"))
		}
		if page.str("next") == "" {
			break
		}
		path = "/v1/rooms?limit=2&after=" + url.QueryEscape(page.str("next"))
	}
	if want := fmt.Sprint([]string{room, room + "0", room + "1", room + "2"}); fmt.Sprint(names) != want {
		t.Errorf("mine are %v, want %v", names, want)
	}
	if status, _, _ := s.calls(t, owner, "DELETE", "/v1/rooms/"+room, nil); status/100 != 2 {
		t.Errorf("archive answered %d", status)
	}
	if r := s.gets(t, 200, owner, "GET", "/v1/rooms/"+room, nil); !r.yes("archived") {
		t.Errorf("archived: %v", r)
	}
}

func logsByHTTP(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice")
	j := alice.asks("join", "room", room)
	log := j.str("log")
	alice.asks("send", "room", room, "body", "hi")
	if h := alice.asks("history", "room", room); log == "" || h.str("log") != log {
		t.Errorf("joined %v, history %v", j, h)
	}
	p, err := s.dialed(t, "/ws", s.token(t, "bob"))
	if err != nil {
		t.Fatal(err)
	}
	if w := p.next(); w.str("log") != log {
		t.Errorf("welcome %v, want the log %s", w, log)
	}
	path := "/v1/rooms/" + room + "/entries"
	if page := s.gets(t, 200, s.token(t, "bob"), "GET", path+"?after=1", nil); page.str("log") != log || len(page.list("entries")) != 0 {
		t.Errorf("behind the last: %v", page)
	}
	e := s.gets(t, 422, s.token(t, "bob"), "GET", path+"?after=2", nil).sub("error")
	if e.str("code") != "invalid" || e.str("reason") != "ahead" || e.num("head") != 1 {
		t.Errorf("beyond the last: %v", e)
	}
}

func messagesByHTTP(t *testing.T, s *service) {
	room := s.room()
	alice, bob := s.token(t, "alice"), s.token(t, "bob")
	on := s.connects(t, "carol")
	on.asks("join", "room", room)
	path := "/v1/rooms/" + room + "/messages"
	sent := s.gets(t, 201, alice, "POST", path, frame{"body": "hello", "meta": frame{"a": 1}}, "Idempotency-Key", "k")
	if sent.num("seq") != 1 || sent.yes("duplicate") {
		t.Errorf("sent %v", sent)
	}
	if again := s.gets(t, 200, alice, "POST", path, frame{"body": "hello"}, "Idempotency-Key", "k"); again.num("seq") != 1 || !again.yes("duplicate") {
		t.Errorf("sent again %v", again)
	}
	s.gets(t, 200, alice, "PATCH", path+"/1", frame{"body": "hello!"})
	s.gets(t, 403, bob, "PATCH", path+"/1", frame{"body": "bye"})
	reaction := path + "/1/reactions/" + url.PathEscape("👍")
	if r := s.gets(t, 200, bob, "PUT", reaction, nil); !r.yes("changed") {
		t.Errorf("reacted %v", r)
	}
	if r := s.gets(t, 200, bob, "DELETE", reaction, nil); !r.yes("changed") {
		t.Errorf("reaction removed %v", r)
	}
	s.gets(t, 403, bob, "DELETE", path+"/1", nil)
	s.gets(t, 200, alice, "DELETE", path+"/1", nil)
	s.gets(t, 409, alice, "PATCH", path+"/1", frame{"body": "x"})
	live := on.reads(room, 1, 5)
	page := s.gets(t, 200, bob, "GET", "/v1/rooms/"+room+"/entries?after=0&limit=200", nil)
	if page.num("head") != 5 || page.yes("more") || len(page.list("entries")) != 5 {
		t.Fatalf("entries: %v", page)
	}
	for i, e := range page.list("entries") {
		e := frame(e.(map[string]any))
		if e.kind() != live[i].kind() || e.num("seq") != live[i].num("seq") || e.str("at") != live[i].str("at") {
			t.Errorf("entry %d is %v by HTTP and %v on the socket", i+1, e, live[i])
		}
		if shown := fmt.Sprint(e); strings.Contains(shown, "hello") {
			t.Errorf("what was deleted is in %s", shown)
		}
	}
	if page := s.gets(t, 200, bob, "GET", "/v1/rooms/"+room+"/entries?only=messages", nil); len(page.list("entries")) != 1 {
		t.Errorf("messages: %v", page)
	}
}

func membersByHTTP(t *testing.T, s *service) {
	room := s.room()
	owner, ann := s.token(t, "owner"), s.token(t, "ann")
	s.gets(t, 201, owner, "POST", "/v1/rooms", frame{"room": room})
	members := "/v1/rooms/" + room + "/members"
	s.gets(t, 404, ann, "GET", members, nil)
	s.gets(t, 200, owner, "PUT", members+"/ann", frame{"role": "write"})
	s.gets(t, 200, owner, "PUT", members+"/"+url.PathEscape("weird/id@x"), frame{"role": "read"})
	s.gets(t, 200, owner, "PUT", members+"/zed", frame{"banned": true})
	names := func(token string) (names []string) {
		for _, m := range s.gets(t, 200, token, "GET", members, nil).list("members") {
			names = append(names, frame(m.(map[string]any)).str("user"))
		}
		return names
	}
	if got := fmt.Sprint(names(owner)); got != "[ann owner weird/id@x zed]" {
		t.Errorf("the owner sees %v", got)
	}
	if got := fmt.Sprint(names(ann)); got != "[ann owner weird/id@x]" {
		t.Errorf("ann sees %v", got)
	}
	s.gets(t, 403, ann, "PUT", members+"/bob", frame{"role": "write"})
	s.gets(t, 422, owner, "PUT", members+"/bob", frame{"role": "king"})
	if status, _, _ := s.calls(t, ann, "DELETE", members+"/ann", nil); status/100 != 2 {
		t.Errorf("leaving answered %d", status)
	}
	s.gets(t, 404, ann, "GET", members, nil)
}

func errorsByHTTP(t *testing.T, s *service) {
	alice := s.token(t, "alice")
	room := s.room()
	s.gets(t, 201, alice, "POST", "/v1/rooms", frame{"room": room})
	path := "/v1/rooms/" + room + "/messages"
	for _, c := range []struct {
		name, token, method, path string
		body                      any
		headers                   []string
		status                    int
		code                      string
	}{
		{"no token", "", "GET", "/v1/rooms", nil, nil, 401, "unauthenticated"},
		{"a bad token", "x", "GET", "/v1/rooms", nil, nil, 401, "unauthenticated"},
		{"no such route", alice, "GET", "/v1/nothing", nil, nil, 404, "not_found"},
		{"a wrong method", alice, "PUT", "/v1/rooms", nil, nil, 405, ""},
		{"not JSON", alice, "POST", path, "{", nil, 400, "bad_request"},
		{"not an object", alice, "POST", path, "[]", nil, 400, "bad_request"},
		{"a wrong type", alice, "POST", path, `{"body":5}`, nil, 400, "bad_request"},
		{"no body field", alice, "POST", path, `{}`, nil, 422, "invalid"},
		{"another content type", alice, "POST", path, "body=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, ""},
		{"a bad limit", alice, "GET", "/v1/rooms/" + room + "/entries?limit=0", nil, nil, 422, "invalid"},
		{"a bad seq", alice, "PATCH", path + "/x", `{"body":"x"}`, nil, 422, "invalid"},
		{"a bad room", alice, "GET", "/v1/rooms/NO", nil, nil, 422, "invalid"},
		{"no such message", alice, "PATCH", path + "/9", `{"body":"x"}`, nil, 404, "not_found"},
	} {
		status, f, header := s.calls(t, c.token, c.method, c.path, c.body, c.headers...)
		e := f.sub("error")
		if status != c.status || e.str("message") == "" || c.code != "" && e.str("code") != c.code {
			t.Errorf("%s: %d %v, want %d %s", c.name, status, f, c.status, c.code)
		}
		if got := header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
			t.Errorf("%s: content type %q", c.name, got)
		}
	}
	// A body that is too large is refused by its header: the client need not send it.
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n", path, alice)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // the connection is closed
	if err != nil || response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %v %v", response, err)
	}
}

func withoutToken(t *testing.T, s *service) {
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/asyncapi.json"} {
		s.gets(t, 200, "", "GET", path, nil)
	}
	response, err := http.Get(s.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK || !strings.Contains(string(page), "<html") || !strings.Contains(response.Header.Get("Content-Security-Policy"), "default-src 'self'") {
		t.Errorf("the page: %d %v", response.StatusCode, response.Header)
	}
}

func adminAddress(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room)
	alice.asks("send", "room", room, "body", "x")
	alice.reads(room, 1, 1)
	eventually(t, "metrics", func() error {
		response, err := http.Get(s.admin + "/metrics")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		for _, name := range []string{
			"parley_hub_fanout_latency_seconds_bucket", "parley_hub_fanout_latency_seconds_count",
			"parley_build_info", "go_goroutines", "process_",
		} {
			if !strings.Contains(string(text), name) {
				return fmt.Errorf("no %s", name)
			}
		}
		return nil
	})
	for _, path := range []string{"/healthz", "/readyz"} {
		response, err := http.Get(s.admin + path)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %v", path, response, err)
		}
		response.Body.Close()
	}
}

func disconnected(t *testing.T, s *service) {
	user := "noisy-" + s.room()
	one, two, other := s.connects(t, user), s.connects(t, user), s.connects(t, "quiet")
	r, err := http.NewRequest(http.MethodDelete, s.admin+"/users/"+user+"/sessions", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); strings.Join(strings.Fields(string(body)), "") != `{"disconnected":2,"others_told":true}` {
		t.Errorf("answered %q", body)
	}
	one.closesWith(4403)
	two.closesWith(4403)
	other.asks("ping")
}
