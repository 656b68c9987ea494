package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// socketSuite tests sections 1–4 of the protocol. It runs on every store.
func socketSuite(t *testing.T, s *service) {
	tests := map[string]func(*testing.T, *service){
		"two people talk and find the history":              talk,
		"the welcome says who, how often and what limits":   welcome,
		"the welcome comes with the handshake's answer":     welcomeAtOnce,
		"a token comes in any of four places":               tokenPlaces,
		"a bad handshake says why":                          handshakes,
		"joining goes on where the cursor stands":           joining,
		"a room in the path is joined at once":              roomInPath,
		"a key makes a send repeatable":                     repeatable,
		"edits, deletions and reactions set what they say":  changes,
		"history pages in both directions":                  historyPages,
		"no frame is larger than the welcome says":          largestFrames,
		"read marks count what is unread":                   readMarks,
		"frames of one socket take effect in order":         inOrder,
		"who loses a room keeps the socket":                 removed,
		"typing and presence are told":                      typingAndPresence,
		"every error has its code":                          errorCodes,
		"rooms of one's own, and what is unread in them":    roomsOfOnesOwn,
		"what users are called, by their ids":               peopleByID,
		"rooms in one call":                                 roomsInOneCall,
		"ten bad requests in a row end the socket":          badRequests,
		"the socket's own rules have their close codes":     closeCodes,
		"grants in the token count":                         grants,
		"a private room is for its members":                 privateRoom,
		"a ban ends the follow, and not the socket":         ban,
		"a thousand rooms can be joined at once":            thousandRooms,
		"frames need not wait for answers":                  pipelined,
		"an expired token ends the socket, a fresh one not": expiry,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, s) })
	}
}

func talk(t *testing.T, s *service) {
	room := s.room()
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)
	sent := alice.asks("send", "room", room, "body", "hello  \n", "meta", frame{"color": "red"}, "key", "k1")
	if sent.num("seq") != 1 || sent.yes("duplicate") || sent.str("room") != room {
		t.Errorf("sent: %v", sent)
	}
	at, err := time.Parse(time.RFC3339Nano, sent.str("at"))
	if err != nil || !strings.HasSuffix(sent.str("at"), "Z") || time.Since(at).Abs() > time.Hour || !strings.Contains(sent.str("at"), ".") {
		t.Errorf("at is %q", sent.str("at"))
	}
	bob.asks("send", "room", room, "body", "hi 👋", "reply_to", 1)
	for _, p := range []*peer{alice, bob, func() *peer { late := s.connects(t, "late"); late.asks("join", "room", room); return late }()} {
		e := p.reads(room, 1, 2)
		if e[0].str("body") != "hello" || e[0].sub("author").str("id") != "alice" || e[0].sub("meta").str("color") != "red" || e[0].str("key") != "k1" {
			t.Errorf("%s sees %v", p.name, e[0])
		}
		if e[1].str("body") != "hi 👋" || e[1].num("reply_to") != 1 || e[1].has("key") || e[1].has("meta") {
			t.Errorf("%s sees %v", p.name, e[1])
		}
	}
}

func welcome(t *testing.T, s *service) {
	p, err := s.dialed(t, "/ws", s.token(t, "alice", claim{"name", "Alice"}))
	if err != nil {
		t.Fatal(err)
	}
	w := p.next()
	if !w.is("welcome") || w.str("session") == "" || w.sub("user").str("id") != "alice" || w.sub("user").str("name") != "Alice" ||
		w.num("heartbeat_ms") != 25000 || w.sub("limits").num("frame_bytes") != 65536 || w.sub("limits").num("body_chars") != 4000 {
		t.Errorf("welcome: %v", w)
	}
	if got := p.conn.Subprotocol(); got != "parley.v1.json" {
		t.Errorf("subprotocol %q", got)
	}
}

// welcomeAtOnce reads once: the answer to the handshake and the welcome are one write.
func welcomeAtOnce(t *testing.T, s *service) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: parley\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Request-ID: r1\r\nAuthorization: Bearer %s\r\n\r\n", s.token(t, "alice"))
	p := make([]byte, 16<<10)
	n, err := conn.Read(p)
	head, frames, _ := strings.Cut(string(p[:n]), "\r\n\r\n")
	for _, line := range []string{"HTTP/1.1 101 ", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "X-Request-Id: r1"} {
		if !strings.Contains(strings.ToLower(head), strings.ToLower(line)) {
			t.Errorf("the answer has no %q: %q, %v", line, head, err)
		}
	}
	if !strings.Contains(frames, `"type":"welcome"`) {
		t.Errorf("with the answer came %q, and no welcome", frames)
	}
}

func tokenPlaces(t *testing.T, s *service) {
	token := s.token(t, "alice")
	check := func(name string, p *peer, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if w := p.next(); !w.is("welcome") {
			t.Errorf("%s: %v", name, w)
		}
		if got := p.conn.Subprotocol(); strings.Contains(got, token) {
			t.Errorf("%s: the token came back in %q", name, got)
		}
	}
	p, err := s.dialed(t, "/ws", token)
	check("header", p, err)
	p, err = s.dialedWith(t, "/ws", &websocket.DialOptions{Subprotocols: []string{"bearer." + token, "parley.v1.json"}})
	check("subprotocol", p, err)
	p, err = s.dialed(t, "/ws?access_token="+token, "")
	check("query", p, err)
	p, err = s.dialed(t, "/ws", "")
	if err != nil {
		t.Fatal(err)
	}
	id := p.sends("auth", "token", token)
	if w := p.next(); !w.is("welcome") {
		t.Errorf("first after auth: %v", w)
	}
	if ok := p.answer(id); ok.sub("user").str("id") != "alice" {
		t.Errorf("auth answered %v", ok)
	}

	p, err = s.dialed(t, "/ws", "")
	if err != nil {
		t.Fatal(err)
	}
	p.isRefused("unauthenticated", "auth", "token", token+"x")
	p.closesWith(4401)
	p, err = s.dialed(t, "/ws", "")
	if err != nil {
		t.Fatal(err)
	}
	p.isRefused("unauthenticated", "join", "room", "tea")
	p.closesWith(4401)
}

func handshakes(t *testing.T, s *service) {
	token := s.token(t, "alice")
	good := map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Authorization": "Bearer " + token,
	}
	for _, c := range []struct {
		name, path, header, value string
		status                    int
		code                      string
	}{
		{"no upgrade", "/ws", "Upgrade", "", 0, ""},
		{"a bad token", "/ws", "Authorization", "Bearer x.y.z", 401, "unauthenticated"},
		{"a wrong version", "/ws", "Sec-WebSocket-Version", "8", 426, ""},
		{"no key", "/ws", "Sec-WebSocket-Key", "", 400, ""},
		{"a bad key", "/ws", "Sec-WebSocket-Key", "abc", 400, ""},
		{"a foreign origin", "/ws", "Origin", "https://evil.example", 403, "forbidden"},
		{"a bad room", "/ws/NO", "", "", 400, ""},
		{"a bad cursor", "/ws/tea?after=x", "", "", 400, ""},
		{"nowhere", "/wss", "", "", 404, "not_found"},
	} {
		var headers []string
		for k, v := range good {
			if k == c.header {
				v = c.value
			}
			if v != "" {
				headers = append(headers, k, v)
			}
		}
		if _, known := good[c.header]; !known && c.header != "" {
			headers = append(headers, c.header, c.value)
		}
		status, body, header := s.calls(t, "", "GET", c.path, nil, headers...)
		if c.status == 0 {
			if status != 400 && status != 426 {
				t.Errorf("%s: %d %v", c.name, status, body)
			}
			continue
		}
		if status != c.status || body.sub("error").str("message") == "" || c.code != "" && body.sub("error").str("code") != c.code {
			t.Errorf("%s: %d %v", c.name, status, body)
		}
		if status == 426 && header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("%s: no Sec-WebSocket-Version", c.name)
		}
	}
	own := http.Header{"Origin": {s.url}, "Authorization": {"Bearer " + token}}
	if _, err := s.dialedWith(t, "/ws", &websocket.DialOptions{HTTPHeader: own}); err != nil {
		t.Errorf("the service's own origin: %v", err)
	}
}

func joining(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice")
	if j := alice.asks("join", "room", room); j.num("head") != 0 || j.num("from") != 1 || j.yes("truncated") || !j.has("truncated") || j.str("role") != "write" || j.num("read") != 0 {
		t.Errorf("joined a new room: %v", j)
	}
	for i := range 60 {
		alice.sends("send", "room", room, "body", fmt.Sprint(i+1))
	}
	alice.reads(room, 1, 60)
	for _, c := range []struct {
		fields []any
		from   int64
	}{
		{nil, 11}, {[]any{"limit", 5}, 56}, {[]any{"limit", 0}, 61}, {[]any{"after", 0}, 1}, {[]any{"after", 58}, 59}, {[]any{"after", 60}, 61},
	} {
		p := s.connects(t, "bob")
		if j := p.asks("join", append([]any{"room", room}, c.fields...)...); j.num("from") != c.from || j.num("head") != 60 {
			t.Errorf("join %v answered %v", c.fields, j)
		}
		p.reads(room, c.from, 60)
	}
	if e := alice.isRefused("invalid", "join", "room", room, "after", 61); e.str("reason") != "ahead" || e.num("head") != 60 {
		t.Errorf("beyond the head: %v", e)
	}
	alice.isRefused("invalid", "join", "room", room, "limit", 201)
	if left := alice.asks("leave", "room", room); left.str("room") != room {
		t.Errorf("left: %v", left)
	}
}

func roomInPath(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room)
	for i := range 5 {
		alice.asks("send", "room", room, "body", fmt.Sprint(i))
	}
	p, err := s.dialed(t, "/ws/"+room+"?after=3", s.token(t, "bob"))
	if err != nil {
		t.Fatal(err)
	}
	if f := p.next(); !f.is("welcome") {
		t.Errorf("first: %v", f)
	}
	if f := p.sees("ok"); f.num("from") != 4 || f.has("id") {
		t.Errorf("joined: %v", f)
	}
	p.reads(room, 4, 5)
	other := s.room()
	p.asks("join", "room", other) // and any other room
	ahead, err := s.dialed(t, "/ws/"+room+"?after=6", s.token(t, "bob"))
	if err != nil {
		t.Fatal(err)
	}
	if e := ahead.sees("error"); e.str("code") != "invalid" || e.str("reason") != "ahead" || e.num("head") != 5 {
		t.Errorf("beyond the head: %v", e)
	}
	ahead.asks("join", "room", room) // it may start anew
}

func repeatable(t *testing.T, s *service) {
	room := s.room()
	alice, again := s.connects(t, "alice"), s.connects(t, "alice")
	alice.asks("join", "room", room)
	for range 3 {
		alice.sends("send", "room", room, "body", "once", "key", "k")
		again.sends("send", "room", room, "body", "once", "key", "k")
	}
	duplicates := 0
	for _, p := range []*peer{alice, again} {
		for range 3 {
			f := p.sees("ok")
			if f.num("seq") != 1 {
				t.Errorf("answered %v", f)
			}
			if f.yes("duplicate") {
				duplicates++
			}
		}
	}
	if duplicates != 5 {
		t.Errorf("%d of 6 are duplicates", duplicates)
	}
	bob := s.connects(t, "bob")
	bob.asks("join", "room", room)
	if f := bob.asks("send", "room", room, "body", "bob's", "key", "k"); f.num("seq") != 2 || f.yes("duplicate") {
		t.Errorf("another author's key: %v", f)
	}
	alice.reads(room, 1, 2)
}

func changes(t *testing.T, s *service) {
	room := s.room()
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)
	alice.asks("send", "room", room, "body", "tpyo")
	alice.asks("send", "room", room, "body", "regret", "meta", frame{"link": "regret"})
	if f := alice.asks("edit", "room", room, "seq", 1, "body", "typo"); f.num("seq") != 3 {
		t.Errorf("edited: %v", f)
	}
	if f := alice.asks("delete", "room", room, "seq", 2); f.num("seq") != 4 {
		t.Errorf("deleted: %v", f)
	}
	if f := bob.asks("react", "room", room, "seq", 1, "emoji", "👍"); f.num("seq") != 5 || !f.yes("changed") {
		t.Errorf("reacted: %v", f)
	}
	if f := bob.asks("react", "room", room, "seq", 1, "emoji", "👍"); f.num("seq") != 5 || f.yes("changed") || !f.has("changed") {
		t.Errorf("reacted again: %v", f)
	}
	alice.asks("react", "room", room, "seq", 1, "emoji", "👍")
	bob.asks("react", "room", room, "seq", 1, "emoji", "👍", "remove", true)
	live := bob.reads(room, 1, 7)
	if e := live[2]; !e.is("edited") || e.num("target") != 1 || e.str("body") != "typo" {
		t.Errorf("edited: %v", e)
	}
	if e := live[3]; !e.is("deleted") || e.num("target") != 2 {
		t.Errorf("deleted: %v", e)
	}
	for i, count := range map[int]int64{4: 1, 5: 2, 6: 1} {
		if e := live[i]; !e.is("reacted") || e.num("target") != 1 || e.str("emoji") != "👍" || e.num("count") != count || e.yes("removed") != (i == 6) || !e.has("removed") {
			t.Errorf("reacted: %v", e)
		}
	}
	again := s.connects(t, "alice")
	again.asks("join", "room", room)
	e := again.reads(room, 1, 7)
	if e[0].str("body") != "typo" || e[0].str("edited_at") == "" || len(e[0].list("reactions")) != 1 {
		t.Errorf("replayed: %v", e[0])
	} else if r := frame(e[0].list("reactions")[0].(map[string]any)); r.str("emoji") != "👍" || r.num("count") != 1 || !r.yes("me") {
		t.Errorf("replayed: %v", e[0])
	}
	page := again.asks("history", "room", room, "only", "messages")
	call := s.gets(t, 200, s.token(t, "bob"), "GET", "/v1/rooms/"+room+"/entries", nil)
	for way, all := range map[string][]any{"socket": page.list("entries"), "HTTP": call.list("entries"), "replay": {map[string]any{}, map[string]any(e[1])}} {
		if f := frame(all[1].(map[string]any)); f.has("body") || f.has("meta") || f.str("deleted_at") == "" {
			t.Errorf("by %s what was deleted is %v", way, f)
		}
	}
	bob.isRefused("forbidden", "edit", "room", room, "seq", 1, "body", "mine")
	bob.isRefused("forbidden", "delete", "room", room, "seq", 1)
	alice.isRefused("conflict", "edit", "room", room, "seq", 2, "body", "back")
	alice.isRefused("conflict", "react", "room", room, "seq", 2, "emoji", "x")
	alice.isRefused("not_found", "edit", "room", room, "seq", 99, "body", "x")
	alice.isRefused("not_found", "edit", "room", room, "seq", 3, "body", "x")
	alice.isRefused("not_found", "send", "room", room, "body", "x", "reply_to", 99)
	if f := alice.asks("delete", "room", room, "seq", 2); f.num("seq") != 4 {
		t.Errorf("deleted again: %v", f)
	}
}

// largestFrames fills a room with the largest entries, and reads it over the socket and HTTP,
// forwards and backwards: each page is within the limit, and together they have each entry once.
func largestFrames(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room)
	limit := alice.welcome.sub("limits").num("answer_bytes")
	if limit != 262144 {
		t.Fatalf("the welcome is %v", alice.welcome)
	}
	const messages = 60
	for i := range messages {
		body := strings.Repeat([]string{"\"", "x\n", "🪿", "\u2028", "\\"}[i%5], 1900) + "."
		alice.sends("send", "room", room, "body", body, "meta", frame{"x": strings.Repeat("\"", 2000)})
	}
	alice.reads(room, 1, messages)
	for _, ask := range [][]any{{"before"}, {"after"}, {"before", "only", "messages"}} {
		for _, byHTTP := range []bool{false, true} {
			seen, pages := map[int64]bool{}, 0
			cursor := map[any]int64{"before": messages + 1, "after": 0}[ask[0]]
			for more := true; more && pages <= messages; pages++ {
				var page frame
				if byHTTP {
					query := fmt.Sprintf("?limit=200&%s=%d", ask[0], cursor)
					for i := 1; i < len(ask); i += 2 {
						query += fmt.Sprintf("&%s=%s", ask[i], ask[i+1])
					}
					page = s.gets(t, 200, s.token(t, "bob"), "GET", "/v1/rooms/"+room+"/entries"+query, nil)
				} else {
					page = alice.asks("history", append([]any{"room", room, "limit", 200, ask[0], cursor}, ask[1:]...)...)
				}
				entries := page.list("entries")
				for _, e := range entries {
					seen[frame(e.(map[string]any)).num("seq")] = true
				}
				if more = page.yes("more"); len(entries) == 0 {
					break
				}
				if cursor = frame(entries[0].(map[string]any)).num("seq"); ask[0] == "after" {
					cursor = frame(entries[len(entries)-1].(map[string]any)).num("seq")
				}
			}
			if len(seen) != messages || pages < 2 || pages > 10 {
				t.Errorf("%v by HTTP %v: %d pages have %d of %d messages", ask, byHTTP, pages, len(seen), messages)
			}
		}
	}
	if largest := alice.largest.Load(); largest > limit || largest < limit/2 {
		t.Errorf("the largest frame has %d bytes, and the limit is %d", largest, limit)
	}
}

func historyPages(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room, "limit", 0)
	for i := range 10 {
		alice.asks("send", "room", room, "body", fmt.Sprint("m", i+1))
	}
	alice.asks("react", "room", room, "seq", 3, "emoji", "x")
	for _, c := range []struct {
		fields   []any
		from, to int64
		more     bool
	}{
		{nil, 1, 11, false},
		{[]any{"limit", 4}, 8, 11, true},
		{[]any{"before", 8, "limit", 4}, 4, 7, true},
		{[]any{"before", 4, "limit", 4}, 1, 3, false},
		{[]any{"after", 0, "limit", 4}, 1, 4, true},
		{[]any{"after", 8, "limit", 4}, 9, 11, false},
		{[]any{"after", 11}, 12, 11, false},
	} {
		f := alice.asks("history", append([]any{"room", room}, c.fields...)...)
		entries := f.list("entries")
		if f.num("head") != 11 || f.yes("more") != c.more || !f.has("more") || !f.has("entries") || int64(len(entries)) != c.to-c.from+1 {
			t.Errorf("history %v: %v", c.fields, f)
			continue
		}
		for i, e := range entries {
			if seq := frame(e.(map[string]any)).num("seq"); seq != c.from+int64(i) {
				t.Errorf("history %v: seq %d at %d", c.fields, seq, i)
			}
		}
	}
	f := alice.asks("history", "room", room, "only", "messages", "limit", 200)
	if n := len(f.list("entries")); n != 10 {
		t.Errorf("%d messages", n)
	}
	alice.isRefused("invalid", "history", "room", room, "limit", 0)
	alice.isRefused("invalid", "history", "room", room, "before", 5, "after", 1)
	if e := alice.isRefused("invalid", "history", "room", room, "after", 12); e.str("reason") != "ahead" || e.num("head") != 11 {
		t.Errorf("history beyond the head: %v", e)
	}
	if e := alice.isRefused("invalid", "read", "room", room, "seq", 12); e.has("head") {
		t.Errorf("a mark beyond the head: %v", e)
	}
}

func readMarks(t *testing.T, s *service) {
	room := s.room()
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	alice.asks("join", "room", room)
	bob.asks("join", "room", room)
	for range 3 {
		alice.asks("send", "room", room, "body", "x")
	}
	alice.asks("react", "room", room, "seq", 1, "emoji", "x")
	bob.reads(room, 1, 4)
	if f := bob.asks("read", "room", room, "seq", 1); f.num("read") != 1 || f.num("unread") != 2 {
		t.Errorf("read 1: %v", f)
	}
	if f := alice.sees("read"); f.str("user") != "bob" || f.num("seq") != 1 || f.str("room") != room {
		t.Errorf("told: %v", f)
	}
	if f := bob.asks("read", "room", room, "seq", 4); f.num("read") != 4 || f.num("unread") != 0 {
		t.Errorf("read 4: %v", f)
	}
	if f := bob.asks("read", "room", room, "seq", 2); f.num("read") != 4 {
		t.Errorf("a mark went back: %v", f)
	}
	bob.isRefused("invalid", "read", "room", room, "seq", 5)
	if j := s.connects(t, "bob").asks("join", "room", room); j.num("read") != 4 {
		t.Errorf("joined: %v", j)
	}
}

func typingAndPresence(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice", claim{"name", "Alice"})
	alice.asks("join", "room", room)
	bob := s.connects(t, "bob")
	bob.asks("join", "room", room)
	if f := alice.sees("presence"); f.str("user") != "bob" || !f.yes("online") || f.str("room") != room {
		t.Errorf("presence: %v", f)
	}
	bob.asks("typing", "room", room)
	if f := alice.sees("typing"); f.str("user") != "bob" || !f.yes("on") {
		t.Errorf("typing: %v", f)
	}
	bob.asks("typing", "room", room, "on", false)
	if f := alice.sees("typing"); f.yes("on") || !f.has("on") {
		t.Errorf("typing: %v", f)
	}
	bob.asks("typing", "room", room) // sent to others at most once in 3 s
	if f := alice.sees("typing"); !f.yes("on") {
		t.Errorf("typing: %v", f)
	}
	bob.asks("send", "room", room, "body", "what I typed")
	alice.sees("message")
	if f := alice.sees("typing"); f.yes("on") {
		t.Errorf("typing: %v", f)
	}
	f := bob.asks("presence", "room", room)
	users := f.list("users")
	if f.num("total") != 2 || len(users) != 2 || frame(users[0].(map[string]any)).str("name") != "Alice" {
		t.Errorf("present: %v", f)
	}
	bob.conn.Close(websocket.StatusNormalClosure, "")
	if f := alice.sees("presence"); f.str("user") != "bob" || f.yes("online") {
		t.Errorf("presence: %v", f)
	}
}

func errorCodes(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room)
	hidden := s.room()
	s.gets(t, http.StatusCreated, s.token(t, "carol"), http.MethodPost, "/v1/rooms", frame{"room": hidden})
	for _, c := range []struct{ raw, code, names string }{
		{`nonsense`, "bad_request", ""},
		{`[]`, "bad_request", ""},
		{`"send"`, "bad_request", ""},
		{`{}`, "bad_request", "type"},
		{`{"type":5}`, "bad_request", "type"},
		{`{"type":"send","room":7}`, "bad_request", "room"},
		{`{"type":"dance"}`, "unknown_type", "dance"},
		{`{"type":"send","room":"NO","body":"x"}`, "invalid", "room"},
		{`{"type":"send","room":"` + room + `"}`, "invalid", "body"},
		{`{"type":"send","room":"` + room + `","body":"  "}`, "invalid", "body"},
		{`{"type":"send","room":"` + room + `","body":"a\u0000b"}`, "invalid", "body"},
		{`{"type":"send","room":"` + room + `","body":"x","key":"` + strings.Repeat("k", 65) + `"}`, "invalid", "key"},
		{`{"type":"react","room":"` + room + `","seq":1,"emoji":""}`, "invalid", "emoji"},
		{`{"type":"edit","room":"` + room + `","seq":0,"body":"x"}`, "invalid", "seq"},
		{`{"type":"send","room":"` + hidden + `","body":"x"}`, "not_found", ""},
		{`{"type":"history","room":"` + hidden + `"}`, "not_found", ""},
		{`{"type":"presence","room":"` + hidden + `"}`, "not_found", ""},
		{`{"type":"send","room":"no-such-room","body":"x"}`, "not_found", ""},
		{`{"type":"history","room":"no-such-room"}`, "not_found", ""},
		{`{"type":"presence","room":"no-such-room"}`, "not_found", ""},
		{`{"type":"read","room":"no-such-room","seq":1}`, "not_found", ""},
		{`{"type":"typing","room":"no-such-room"}`, "not_found", ""},
		{`{"type":"delete","room":"` + room + `","seq":77}`, "not_found", ""},
	} {
		alice.writes(c.raw)
		if f := alice.sees("error"); f.str("code") != c.code || !strings.Contains(f.str("message"), c.names) || f.str("message") == "" {
			t.Errorf("%s was answered %v", c.raw, f)
		}
		alice.asks("ping")
	}
	alice.writes(`{"type":"send","id":"mine","room":"NO","body":"x"}`)
	if f := alice.answer("mine"); f.str("code") != "invalid" {
		t.Errorf("an error without its id: %v", f)
	}
	body := strings.Repeat("é", 4000)
	alice.asks("send", "room", room, "body", body)
	alice.isRefused("invalid", "send", "room", room, "body", body+"é")
	if f := alice.asks("ping", "nobody", "knows"); f.str("now") == "" {
		t.Errorf("ping: %v", f)
	}
}

func badRequests(t *testing.T, s *service) {
	p := s.connects(t, "alice")
	for range 10 {
		p.writes("{")
	}
	for range 10 {
		if f := p.sees("error"); f.str("code") != "bad_request" {
			t.Errorf("answered %v", f)
		}
	}
	p.closesWith(4400)
}

func closeCodes(t *testing.T, s *service) {
	p := s.connects(t, "alice")
	if err := p.conn.Write(t.Context(), websocket.MessageBinary, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	p.closesWith(1003)
	p = s.connects(t, "alice")
	p.writes(`{"type":"ping","x":"` + strings.Repeat("x", 65536) + `"}`)
	p.closesWith(1009)
	p = s.connects(t, "alice")
	if err := p.conn.Write(t.Context(), websocket.MessageText, []byte("{\"type\":\"\xff\"}")); err != nil {
		t.Fatal(err)
	}
	p.closesWith(1007)
	p = s.connects(t, "alice")
	p.asks("ping", "x", strings.Repeat("x", 65536-200)) // almost the largest allowed frame
	if err := p.conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("a normal close: %v", err)
	}
}

func grants(t *testing.T, s *service) {
	room, other := s.room(), s.room()
	s.connects(t, "owner").asks("join", "room", other)
	reader := s.connects(t, "reader", claim{"rooms", frame{room: "read"}})
	if j := reader.asks("join", "room", room); j.str("role") != "read" {
		t.Errorf("joined: %v", j)
	}
	reader.isRefused("forbidden", "send", "room", room, "body", "x")
	reader.isRefused("forbidden", "typing", "room", room)
	reader.isRefused("not_found", "join", "room", other)
	writer := s.connects(t, "writer", claim{"rooms", frame{room[:4] + "*": "write"}})
	writer.asks("send", "room", room, "body", "x")
	moderator := s.connects(t, "moderator", claim{"rooms", frame{room: "moderate"}})
	moderator.asks("delete", "room", room, "seq", 1)
	admin := s.connects(t, "root", claim{"scope", "a chat:admin b"})
	if j := admin.asks("join", "room", other); j.str("role") != "moderate" {
		t.Errorf("joined: %v", j)
	}
}

func privateRoom(t *testing.T, s *service) {
	room := s.room()
	owner := s.token(t, "owner")
	s.gets(t, 201, owner, "POST", "/v1/rooms", frame{"room": room, "name": "Den"})
	bob := s.connects(t, "bob")
	bob.isRefused("not_found", "join", "room", room)
	bob.isRefused("not_found", "send", "room", room, "body", "x")
	bob.isRefused("not_found", "presence", "room", room)
	s.gets(t, 200, owner, "PUT", "/v1/rooms/"+room+"/members/bob", frame{"role": "read"})
	if j := bob.asks("join", "room", room); j.str("role") != "read" {
		t.Errorf("joined: %v", j)
	}
	if e := bob.reads(room, 1, 1)[0]; !e.is("member") || e.str("user") != "bob" || e.str("change") != "joined" || e.str("role") != "read" {
		t.Errorf("joined: %v", e)
	}
	bob.isRefused("forbidden", "send", "room", room, "body", "x")
	s.gets(t, 200, owner, "PUT", "/v1/rooms/"+room+"/members/bob", frame{"role": "write"})
	bob.asks("send", "room", room, "body", "x")
	if e := bob.reads(room, 2, 3)[0]; e.str("change") != "role" || e.str("role") != "write" {
		t.Errorf("role: %v", e)
	}
	s.gets(t, 200, owner, "PATCH", "/v1/rooms/"+room, frame{"archived": true})
	bob.isRefused("conflict", "send", "room", room, "body", "x")
	if e := bob.reads(room, 4, 4)[0]; !e.is("room") || e.str("change") != "archived" {
		t.Errorf("archived: %v", e)
	}
}

func ban(t *testing.T, s *service) {
	room := s.room()
	owner := s.token(t, "owner")
	s.gets(t, 201, owner, "POST", "/v1/rooms", frame{"room": room, "public": true})
	bob := s.connects(t, "bob")
	bob.asks("join", "room", room)
	s.gets(t, 200, owner, "PUT", "/v1/rooms/"+room+"/members/bob", frame{"banned": true})
	bob.isSentFrom(room, "forbidden")
	bob.isRefused("forbidden", "send", "room", room, "body", "x")
	other := s.room()
	bob.asks("join", "room", other)
	bob.asks("send", "room", other, "body", "I am here still")
	if e := bob.sees("message"); e.str("room") != other {
		t.Errorf("bob saw %v", e)
	}
}

// isSentFrom expects the follow of a room to end, and the socket to stay.
func (p *peer) isSentFrom(room, code string) {
	p.t.Helper()
	if f := p.sees("left"); f.str("room") != room || f.str("code") != code || f.str("message") == "" {
		p.t.Errorf("%s was sent away with %v, want %s of %s", p.name, f, code, room)
	}
	p.isRefused(code, "join", "room", room)
}

// inOrder sends a message and at once refers to it, by a seq that is not acknowledged yet.
func inOrder(t *testing.T, s *service) {
	room := s.room()
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room, "limit", 0)
	missed := 0
	for seq := 1; seq < 1000; seq += 5 { // 200 times
		asked := []string{
			alice.sends("send", "room", room, "body", "one"), alice.sends("history", "room", room, "limit", 1),
			alice.sends("read", "room", room, "seq", seq), alice.sends("edit", "room", room, "seq", seq, "body", "two"),
			alice.sends("send", "room", room, "body", "three"), alice.sends("react", "room", room, "seq", seq+2, "emoji", "👍"),
			alice.sends("delete", "room", room, "seq", seq+2), alice.sends("history", "room", room, "limit", 5),
		}
		answers := make([]frame, len(asked))
		for i, id := range asked {
			if answers[i] = alice.answer(id); !answers[i].is("ok") {
				t.Fatalf("%d: %v", i, answers[i])
			}
		}
		for i, want := range map[int]int{0: seq, 3: seq + 1, 4: seq + 2, 5: seq + 3, 6: seq + 4} {
			if got := answers[i].num("seq"); got != int64(want) {
				t.Fatalf("%d stands at %d, want %d", i, got, want)
			}
		}
		for i, want := range map[int]int{1: seq, 7: seq + 4} {
			if list := answers[i].list("entries"); len(list) == 0 || frame(list[len(list)-1].(map[string]any)).num("seq") != int64(want) {
				missed++
			}
		}
		if got := answers[2].num("read"); got != int64(seq) {
			t.Fatalf("read is %d, want %d", got, seq)
		}
	}
	if missed > 0 {
		t.Errorf("%d of 400 answers lack what came before the question", missed)
	}
}

// removed has a user lose a room in each possible way, and keep the socket.
func removed(t *testing.T, s *service) {
	owner := s.token(t, "owner")
	room := s.room()
	s.gets(t, 201, owner, "POST", "/v1/rooms", frame{"room": room})
	s.gets(t, 200, owner, "PUT", "/v1/rooms/"+room+"/members/bob", frame{"role": "write"})
	bob := s.connects(t, "bob")
	bob.asks("join", "room", room)
	s.gets(t, 204, owner, "DELETE", "/v1/rooms/"+room+"/members/bob", nil)
	bob.isSentFrom(room, "not_found")

	s.gets(t, 200, owner, "PATCH", "/v1/rooms/"+room, frame{"public": true})
	bob.asks("join", "room", room, "limit", 0)
	s.gets(t, 200, owner, "PATCH", "/v1/rooms/"+room, frame{"public": false})
	if e := bob.sees("room"); e.str("change") != "hidden" {
		t.Errorf("the last entry is %v", e)
	}
	bob.isSentFrom(room, "not_found")

	s.gets(t, 200, owner, "PATCH", "/v1/rooms/"+room, frame{"public": true})
	bob.asks("join", "room", room, "limit", 0)
	bob.asks("auth", "token", s.token(t, "bob", claim{"rooms", frame{"elsewhere": "write"}}))
	bob.isSentFrom(room, "not_found")
	bob.asks("ping")
}

func thousandRooms(t *testing.T, s *service) {
	p := s.connects(t, "collector")
	prefix := s.room()
	for i := range 1000 {
		p.sends("join", "room", fmt.Sprint(prefix, "-", i))
	}
	for range 1000 {
		if f := p.next(); !f.is("ok") {
			t.Fatalf("answered %v", f)
		}
	}
	q := s.connects(t, "other")
	for i := range 1000 {
		q.sends("send", "room", fmt.Sprint(prefix, "-", i), "body", "x")
	}
	for range 1000 {
		if _, ok := p.await(frame.isEntry); !ok {
			t.Fatal(p.closed)
		}
	}
}

func pipelined(t *testing.T, s *service) {
	room := s.room()
	p := s.connects(t, "alice")
	p.writes(fmt.Sprintf(`{"type":"join","room":%q}`, room))
	for i := range 200 {
		p.sends("send", "room", room, "body", fmt.Sprint(i))
	}
	for i, e := range p.reads(room, 1, 200) {
		if e.str("body") != fmt.Sprint(i) {
			t.Fatalf("at %d stands %v", i+1, e)
		}
	}
}

func expiry(t *testing.T, s *service) {
	soon := claim{"exp", time.Now().Add(5 * time.Second).Unix()}
	p, err := s.dialed(t, "/ws", s.token(t, "alice", soon))
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := s.dialed(t, "/ws", s.token(t, "alice", soon))
	if err != nil {
		t.Fatal(err)
	}
	renewed.asks("auth", "token", s.token(t, "alice"))
	p.closesWith(4401)
	if f := p.sees("error"); f.str("code") != "unauthenticated" {
		t.Errorf("before that came %v", f)
	}
	renewed.asks("ping")
}
