package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// edgesSuite tests what the service accepts and refuses, over the socket and HTTP alike. It runs on
// every store.
func edgesSuite(t *testing.T, s *service) {
	tests := map[string]func(*testing.T, *service){
		"frames and bodies are I-JSON, and meta is bounded": iJSON,
		"paths that others would mend lead nowhere":         straightPaths,
		"one message is read by its seq":                    oneMessage,
		"a token is read in one way":                        oneToken,
		"numbers are read strictly where they are text":     strictNumbers,
		"what was asked last is answered before the end":    lastWords,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, s) })
	}
}

func iJSON(t *testing.T, s *service) {
	room, alice := s.room(), s.token(t, "alice")
	on := s.connects(t, "alice")
	on.asks("join", "room", room)
	nested := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	for members, field := range map[string]string{
		`"body":"x","key":"\ud800"`:                "key",
		`"body":"x","key":"\udbff"`:                "key",
		`"body":"x\udc00"`:                         "body",
		`"body":"x","meta":{"a":"\ud800"}`:         "meta",
		`"body":"x","meta":{"\ud800":1}`:           "meta",
		`"body":"x","meta":{"a":1e999}`:            "meta",
		`"body":"x","meta":{"a":"\u0000"}`:         "meta",
		`"body":"x","meta":{"a\u0000":1}`:          "meta",
		`"body":"x","meta":{"a":1,"a":2}`:          "meta",
		`"body":"x","meta":` + nested(33):          "meta",
		`"body":"x","meta":` + nested(600):         "meta",
		`"body":"x","body":"y"`:                    "body",
		`"body":"x","unknown":[1e999]`:             "unknown",
		`"body":"x","unknown":{"a":["\udfff"]}`:    "unknown",
		`"body":"x","reply_to":1.5`:                "reply_to",
		`"body":"x","reply_to":9007199254740993.0`: "reply_to",
	} {
		on.writes(`{"type":"send","id":"bad","room":"` + room + `",` + members + `}`)
		if f := on.answer("bad"); f.str("code") != "invalid" || !strings.HasPrefix(f.str("message"), field+" ") {
			t.Errorf("the frame with %.60s got %v", members, f)
		}
		e := s.gets(t, 422, alice, "POST", "/v1/rooms/"+room+"/messages", "{"+members+"}").sub("error")
		if e.str("code") != "invalid" || !strings.HasPrefix(e.str("message"), field+" ") {
			t.Errorf("the body with %.60s got %v", members, e)
		}
	}
	meta := `{"deep":` + nested(31) + `,"n":[-0,1.7976931348623157e308,5e-324,12345678901234567890],"wave":"\ud83d\udc4b"}`
	on.writes("\ufeff" + `{"type":"send","id":"good","room":"` + room + `","body":"x","meta":` + meta + `}`)
	if f := on.answer("good"); f.num("seq") != 1 {
		t.Fatalf("good meta got %v", f)
	}
	s.gets(t, 201, alice, "POST", "/v1/rooms/"+room+"/messages", "\ufeff"+`{"body":"x","reply_to":1.0,"meta":`+meta+`}`)
	var want any
	if err := json.Unmarshal([]byte(meta), &want); err != nil {
		t.Fatal(err)
	}
	for _, e := range on.reads(room, 1, 2) {
		if got := encoded(t, e["meta"]); !bytes.Equal(got, encoded(t, want)) {
			t.Errorf("meta is %s, want %s", got, meta)
		}
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// asksRaw makes a request with an unchanged path, and returns the status and the body.
func (s *service) asksRaw(t *testing.T, token, method, path string) (int, frame) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\n\r\n", method, path, token)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	var f frame
	if err := json.NewDecoder(response.Body).Decode(&f); err != nil {
		t.Fatalf("%s %s answered %s: %v", method, path, response.Status, err)
	}
	return response.StatusCode, f
}

func straightPaths(t *testing.T, s *service) {
	room, alice := s.room(), s.token(t, "alice")
	s.gets(t, 201, alice, "POST", "/v1/rooms", frame{"room": room})
	base := "/v1/rooms/" + room
	s.gets(t, 201, alice, "POST", base+"/messages", frame{"body": "x"})
	for _, path := range []string{
		base + "/", base + "/messages/1/", base + "/messages/1//", base + "/messages//1", base + "/messages/1/reactions/..", base + "/messages/1/reactions/.",
		base + "/messages/1/reactions/%2e%2E", base + "/messages/1/reactions/%252e%252e", base + "/messages/1/reactions/", base + "/members/..", base + "/members/%2e",
		base + "/members/", base + "/members/%2e%2e/", "//v1/rooms/" + room, "/v1//rooms/" + room, "/v1/rooms/./" + room, "/v1/rooms/x/../" + room, "/v1/rooms/", "/ws/", "/healthz/", "/openapi.json/",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "BREW"} {
			if status, f := s.asksRaw(t, alice, method, path); status != 404 || f.sub("error").str("code") != "not_found" {
				t.Errorf("%s %s answered %d %v", method, path, status, f)
			}
		}
	}
	if status, f := s.asksRaw(t, alice, "DELETE", base+"/messages/1%2f"); status != 422 {
		t.Errorf("an escaped slash behind a seq: %d %v", status, f)
	}
	if r := s.gets(t, 200, alice, "GET", base, nil); r.yes("archived") || r.num("head") != 1 {
		t.Errorf("the room is %v", r)
	}
	s.gets(t, 204, alice, "DELETE", base+"/members/"+url.PathEscape("a/../b"), nil)
	for _, sub := range []string{".", ".."} {
		e := s.gets(t, 401, s.token(t, sub), "GET", "/v1/rooms", nil).sub("error")
		if e.str("code") != "unauthenticated" || !strings.Contains(e.str("message"), "sub") {
			t.Errorf("a token for %q: %v", sub, e)
		}
		if _, err := s.dialed(t, "/ws", s.token(t, sub)); err == nil {
			t.Errorf("a socket for %q is opened", sub)
		}
	}
}

func oneMessage(t *testing.T, s *service) {
	room, alice, bob := s.room(), s.token(t, "alice"), s.token(t, "bob")
	s.gets(t, 201, alice, "POST", "/v1/rooms", frame{"room": room, "public": true})
	messages := "/v1/rooms/" + room + "/messages"
	_, _, header := s.calls(t, alice, "POST", messages, frame{"body": "one", "meta": frame{"a": 1}}, "Idempotency-Key", `"k"`)
	s.gets(t, 200, bob, "PUT", messages+"/1/reactions/x", nil)
	s.gets(t, 200, alice, "PATCH", messages+"/1", frame{"body": "one!"})
	m := s.gets(t, 200, bob, "GET", header.Get("Location"), nil)
	if !m.is("message") || m.str("body") != "one!" || m.str("key") != "k" || m.num("seq") != 1 || m.str("edited_at") == "" || len(m.list("reactions")) != 1 {
		t.Errorf("the message is %v", m)
	}
	s.gets(t, 200, alice, "DELETE", messages+"/1", nil)
	if m := s.gets(t, 200, bob, "GET", messages+"/1", nil); m.str("deleted_at") == "" || m.has("body") {
		t.Errorf("the deleted message is %v", m)
	}
	for _, seq := range []string{"2", "3", "4", "5"} {
		s.gets(t, 404, bob, "GET", messages+"/"+seq, nil)
	}
	s.gets(t, 200, alice, "PATCH", "/v1/rooms/"+room, frame{"public": false})
	s.gets(t, 404, bob, "GET", messages+"/1", nil)
}

func oneToken(t *testing.T, s *service) {
	good := s.token(t, "alice")
	for name, c := range map[string]struct {
		headers  []string
		query    bool
		rest, ws bool
	}{
		"a header":                              {[]string{"Bearer " + good}, false, true, true},
		"a header in lower case":                {[]string{"bearer  " + good + " "}, false, true, true},
		"another scheme":                        {[]string{"Basic YTpi"}, true, false, true},
		"an empty one beside a good query":      {[]string{"Bearer"}, true, false, false},
		"a bad one beside a good query":         {[]string{"Bearer x"}, true, false, false},
		"two good ones":                         {[]string{"Bearer " + good, "Bearer " + good}, false, false, false},
		"a query alone, which is for sockets":   {nil, true, false, true},
		"a good one beside one of another kind": {[]string{"Basic YTpi", "Bearer " + good}, false, true, true},
	} {
		path := func(path string) string {
			if c.query {
				return path + "?access_token=" + good
			}
			return path
		}
		r, err := http.NewRequest(http.MethodGet, s.url+path("/v1/rooms"), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Authorization"] = c.headers
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if want := map[bool]int{true: 200, false: 401}[c.rest]; response.StatusCode != want {
			t.Errorf("%s: HTTP answered %d, want %d", name, response.StatusCode, want)
		}
		_, err = s.dialedWith(t, path("/ws"), &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": c.headers}})
		if (err == nil) != c.ws || err != nil && !strings.Contains(err.Error(), "401") {
			t.Errorf("%s: the socket got %v", name, err)
		}
	}
	if _, err := s.dialedWith(t, "/ws", &websocket.DialOptions{Subprotocols: []string{"bearer." + good}}); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a token as the only subprotocol: %v", err)
	}
}

func strictNumbers(t *testing.T, s *service) {
	room, alice := s.room(), s.token(t, "alice")
	s.gets(t, 201, alice, "POST", "/v1/rooms", frame{"room": room})
	s.gets(t, 201, alice, "POST", "/v1/rooms/"+room+"/messages", frame{"body": "x"})
	for _, n := range []string{"%2B1", "+1", "01", "1e0", "1.5", "01.0", "1.", "%201", "1%20", "0x1", "18446744073709551617", "-0", "%D9%A1"} {
		for _, path := range []string{"/entries?limit=" + n, "/entries?before=" + n, "/entries?after=" + n, "/members?limit=" + n, "/messages/" + n} {
			if e := s.gets(t, 422, alice, "GET", "/v1/rooms/"+room+path, nil).sub("error"); e.str("code") != "invalid" {
				t.Errorf("%s: %v", path, e)
			}
		}
		for _, query := range []string{"?after=" + n, "?limit=" + n} {
			if _, err := s.dialed(t, "/ws/"+room+query, alice); err == nil || !strings.Contains(err.Error(), "400") {
				t.Errorf("/ws/%s%s: %v", room, query, err)
			}
		}
	}
	for _, path := range []string{"/entries?limit=1.0", "/entries?before=2.0", "/entries?after=0.0", "/entries?after=1.00", "/members?limit=1.0"} {
		s.gets(t, 200, alice, "GET", "/v1/rooms/"+room+path, nil)
	}
	s.gets(t, 200, alice, "GET", "/v1/rooms?limit=5.0", nil)
	for path, first := range map[string]int64{"?after=0.0": 1, "?limit=0.0": 2, "?limit=1.0": 1, "?after=1.0&limit=9": 2} {
		p, err := s.dialed(t, "/ws/"+room+path, alice)
		if err != nil {
			t.Fatalf("/ws/%s%s: %v", room, path, err)
		}
		if f := p.sees("ok"); f.num("from") != first {
			t.Errorf("/ws/%s%s: from is %v, want %d", room, path, f, first)
		}
	}
	for _, way := range []string{"GET", "PATCH", "DELETE"} { // a message has only one address
		if e := s.gets(t, 422, alice, way, "/v1/rooms/"+room+"/messages/1.0", frame{"body": "y"}).sub("error"); e.str("code") != "invalid" {
			t.Errorf("%s /messages/1.0: %v", way, e)
		}
	}
	if e := s.gets(t, 422, alice, "PUT", "/v1/rooms/"+room+"/messages/1.0/reactions/x", nil).sub("error"); e.str("code") != "invalid" {
		t.Errorf("a reaction to /messages/1.0: %v", e)
	}
}

// lastWords are commands that are sent in one write with the end of the socket: a close frame, the
// end of the client's half, or a violation of the protocol.
func lastWords(t *testing.T, s *service) {
	for name, c := range map[string]struct{ end, closes string }{
		"a close frame":          {"\x88\x82\x00\x00\x00\x00\x03\xe8", "\x88\x02\x03\xe8"},
		"a close without a code": {"\x88\x80\x00\x00\x00\x00", "\x88\x00"},
		"a breach":               {"\x81\xfe\x00\x02\x00\x00\x00\x00{}", "\x03\xea"},
		"the end of its half":    {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room, conn := s.room(), s.raw(t, "alice")
			_ = conn.SetDeadline(time.Now().Add(patience))
			frames := masked(fmt.Sprintf(`{"type":"join","id":"join","room":%q,"limit":0}`, room))
			for i := range 20 {
				frames = append(frames, masked(fmt.Sprintf(`{"type":"send","id":"send%d","room":%q,"body":"x"}`, i, room))...)
			}
			frames = append(frames, masked(fmt.Sprintf(`{"type":"history","id":"history","room":%q,"limit":1}`, room))...)
			if _, err := conn.Write(append(frames, c.end...)); err != nil {
				t.Fatal(err)
			}
			if c.end == "" {
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			got, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"join", "send0", "send19", "history"} {
				if !bytes.Contains(got, []byte(`{"type":"ok","id":"`+id+`"`)) {
					t.Errorf("no ok of %s came before the end", id)
				}
			}
			if i := bytes.LastIndex(got, []byte(c.closes)); i < bytes.LastIndex(got, []byte(`"type":"ok"`)) {
				t.Errorf("the close frame is not behind the last answer: %q", got[max(0, len(got)-200):])
			}
			if head := s.gets(t, 200, s.token(t, "alice"), "GET", "/v1/rooms/"+room, nil).num("head"); head != 20 {
				t.Errorf("%d of 20 are stored", head)
			}
		})
	}
}

// TestOriginsAreReadAlike has pages of many origins open sockets and make requests.
func TestOriginsAreReadAlike(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{
		"PARLEY_ORIGINS": "https://app.example:443, https://*.example.com, https://münchen.example, http://[::1]:3000, capacitor://localhost",
	})
	alice := s.token(t, "alice")
	for origin, want := range map[string]bool{
		"https://app.example": true, "https://app.example:443": true, "HTTPS://App.Example": true, "https://app.example:8443": false,
		"https://a.example.com": true, "https://a.b.example.com": true, "https://example.com": false, "https://evil-example.com": false,
		"https://xn--mnchen-3ya.example": true, "http://[::1]:3000": true, "http://[0:0::1]:3000": true, "capacitor://localhost": true, "tauri://localhost": false, "null": false,
	} {
		_, _, header := s.calls(t, alice, "GET", "/v1/rooms", nil, "Origin", origin)
		if got := header.Get("Access-Control-Allow-Origin"); (got == origin) != want || !want && got != "" {
			t.Errorf("HTTP from %s may be read by %q", origin, got)
		}
		_, err := s.dialedWith(t, "/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + alice}, "Origin": {origin}}})
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "403") {
			t.Errorf("a socket from %s: %v", origin, err)
		}
	}
}

// TestStrangersRaiseNoAlert sends to the real binary what arrives at a port that is open to the
// world.
func TestStrangersRaiseNoAlert(t *testing.T) {
	t.Parallel()
	p := runs(t, "PARLEY_LOG_LEVEL=warn", "PARLEY_LOG_FORMAT=json")
	const upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	var strangers sync.WaitGroup
	for _, at := range []string{p.url, p.admin} {
		for _, sent := range []string{
			"", "GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /v1/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
			"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00\x00\x00", "GET /" + strings.Repeat("x", 200<<10), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
			upgrade, upgrade + "\x81", upgrade + "\x81\xfe\xff\xff", upgrade + "garbage after it", upgrade + "\x81\xff\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00",
			upgrade + "\x81\x82\x00\x00\x00\x00{}", upgrade + "\x88\x80\x00\x00\x00\x00", upgrade[:len(upgrade)-4],
		} {
			for _, reset := range []bool{true, false} {
				strangers.Go(func() {
					conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					_, _ = conn.Write([]byte(sent))
					if reset {
						_ = conn.(*net.TCPConn).SetLinger(0)
						return
					}
					_ = conn.(*net.TCPConn).CloseWrite()
					_ = conn.SetReadDeadline(time.Now().Add(patience))
					_, _ = io.Copy(io.Discard, conn)
				})
			}
		}
	}
	strangers.Wait()
	p.connects(t, "alice").asks("ping") // it is alive
	response, err := http.Get(p.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(metrics)) {
		if strings.HasPrefix(line, "parley_faults_total") && !strings.HasSuffix(strings.TrimSpace(line), " 0") {
			t.Errorf("counted as a fault: %s", line)
		}
	}
	p.kill(syscall.SIGTERM)
	<-p.exited
	for line := range strings.Lines(p.output.String()) {
		if strings.Contains(line, `"ERROR"`) {
			t.Errorf("logged: %s", line)
		}
	}
}
