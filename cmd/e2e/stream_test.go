package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// follows opens a connection that reads rooms: those without a cursor from their last 50 entries
// on.
type follows func(t *testing.T, s *service, user string, rooms ...at) *peer

// at is a cursor in a room.
type at struct {
	room  string
	after int64 // -1: none
}

// bySocket follows rooms on a socket.
func bySocket(t *testing.T, s *service, user string, rooms ...at) *peer {
	t.Helper()
	return socketWith(t, s, s.token(t, user), rooms...)
}

func socketWith(t *testing.T, s *service, token string, rooms ...at) *peer {
	t.Helper()
	p, err := s.dialed(t, "/ws", token)
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range rooms {
		if is.after < 0 {
			p.sends("join", "room", is.room)
		} else {
			p.sends("join", "room", is.room, "after", is.after)
		}
	}
	return p
}

// byEvents follows rooms by a stream of events.
func byEvents(t *testing.T, s *service, user string, rooms ...at) *peer {
	t.Helper()
	return eventsWith(t, s, s.token(t, user), rooms...)
}

func eventsWith(t *testing.T, s *service, token string, rooms ...at) *peer {
	t.Helper()
	e := s.streams(t, streamPath(rooms...), "Authorization", "Bearer "+token)
	if e.status != http.StatusOK {
		t.Fatalf("the stream of %v: %d %v", rooms, e.status, e.failure)
	}
	return &e.peer
}

func streamPath(rooms ...at) string {
	if len(rooms) == 1 && rooms[0].after >= 0 {
		return fmt.Sprintf("/v1/rooms/%s/stream?after=%d", rooms[0].room, rooms[0].after)
	}
	var list []string
	for _, is := range rooms {
		item := is.room
		if is.after >= 0 {
			item += fmt.Sprint("@", is.after)
		}
		list = append(list, item)
	}
	return "/v1/stream?rooms=" + url.QueryEscape(strings.Join(list, ","))
}

// stream is a client of a stream of events.
type stream struct {
	peer
	status  int
	header  http.Header
	failure frame // of a stream that was refused
	body    io.ReadCloser
	ids     chan string // of the events with one, in their order
	retries chan string
}

// streams asks for a stream of events.
func (s *service) streams(t testing.TB, path string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	e := &stream{
		peer:   peer{t: t, name: "reader", frames: make(chan frame, 1<<16)},
		status: response.StatusCode, header: response.Header, body: response.Body, ids: make(chan string, 1<<16), retries: make(chan string, 1<<10),
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(&e.failure); err != nil {
			t.Fatalf("%s: %d, and no JSON: %v", path, e.status, err)
		}
		e.failure = e.failure.sub("error")
		return e
	}
	go e.listen()
	return e
}

// listen parses events as the HTML standard says, as far as the service uses it.
func (e *stream) listen() {
	defer close(e.frames)
	in := bufio.NewReaderSize(e.body, 1<<20)
	var data []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			e.closed = err
			return
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "data":
			data = append(data, value)
		case "id":
			e.ids <- value
		case "retry":
			e.retries <- value
		case "":
			if len(data) == 0 {
				continue
			}
			var f frame
			text := strings.Join(data, "\n")
			if err := json.Unmarshal([]byte(text), &f); err != nil {
				e.closed = fmt.Errorf("not JSON: %q", text)
				return
			}
			data = nil
			e.frames <- f
		}
	}
}

// readingSuite tests what clients who read get, by whatever they are connected.
func readingSuite(t *testing.T, s *service) {
	ways := map[string]follows{"socket": bySocket, "events": byEvents}
	tests := map[string]func(*testing.T, *service, follows){
		"history and live entries are one stream":       readsOn,
		"a cursor goes on without a hole or a repeat":   readsBehind,
		"many rooms, each in its order":                 readsManyRooms,
		"messages come in their present form":           readsPresent,
		"others are seen to type, read, come and go":    readsSignals,
		"who loses a room is told":                      readsUntilRemoved,
		"a reader that stops holds up nobody":           readsSlowly,
		"a room that is not there yet can be waited on": readsUnmade,
	}
	for way, by := range ways {
		for name, test := range tests {
			t.Run(way+": "+name, func(t *testing.T) { t.Parallel(); test(t, s, by) })
		}
	}
	t.Run("a token that expires ends a stream and a socket", func(t *testing.T) { t.Parallel(); readsUntilExpiry(t, s) })
}

func saysAll(t testing.TB, p *peer, room string, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		p.asks("send", "room", room, "body", fmt.Sprint("m", i))
	}
}

func readsOn(t *testing.T, s *service, by follows) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 60)
	bob := by(t, s, "bob", at{room, -1})
	bob.reads(room, 11, 60)
	saysAll(t, alice, room, 61, 70)
	for i, e := range bob.reads(room, 61, 70) {
		if e.str("body") != fmt.Sprint("m", 61+i) || e.sub("author").str("id") != "alice" {
			t.Errorf("read %v", e)
		}
	}
}

func readsBehind(t *testing.T, s *service, by follows) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 500)
	var bobs []*peer
	for _, after := range []int64{0, 7, 499, 500} {
		bob := by(t, s, "bob", at{room, after})
		bob.reads(room, after+1, 500)
		bobs = append(bobs, bob)
	}
	saysAll(t, alice, room, 501, 501)
	for _, bob := range bobs {
		bob.reads(room, 501, 501)
	}
}

func readsManyRooms(t *testing.T, s *service, by follows) {
	alice := s.connects(t, "alice")
	var rooms []at
	for i := range 30 {
		rooms = append(rooms, at{s.room(), int64(i)})
		alice.asks("join", "room", rooms[i].room)
		saysAll(t, alice, rooms[i].room, 1, 30)
	}
	bob := by(t, s, "bob", rooms...)
	for i, is := range rooms {
		bob.reads(is.room, int64(i)+1, 30)
	}
	for _, is := range rooms {
		saysAll(t, alice, is.room, 31, 32)
	}
	for _, is := range rooms {
		bob.reads(is.room, 31, 32)
	}
}

func readsPresent(t *testing.T, s *service, by follows) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 3)
	alice.asks("edit", "room", room, "seq", 1, "body", "first")
	alice.asks("delete", "room", room, "seq", 2)
	alice.asks("react", "room", room, "seq", 3, "emoji", "👍")
	e := by(t, s, "bob", at{room, 0}).reads(room, 1, 6)
	if e[0].str("body") != "first" || e[1].has("body") || !e[1].has("deleted_at") || len(e[2].list("reactions")) != 1 {
		t.Errorf("read %v", e)
	}
}

func readsSignals(t *testing.T, s *service, by follows) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 1)
	bob := by(t, s, "bob", at{room, 0})
	bob.reads(room, 1, 1)
	if f := alice.sees("presence"); f.str("user") != "bob" || !f.yes("online") {
		t.Errorf("alice sees %v", f)
	}
	alice.asks("typing", "room", room)
	if f := bob.sees("typing"); f.str("user") != "alice" || !f.yes("on") {
		t.Errorf("bob sees %v", f)
	}
	alice.asks("read", "room", room, "seq", 1)
	if f := bob.sees("read"); f.str("user") != "alice" || f.num("seq") != 1 {
		t.Errorf("bob sees %v", f)
	}
}

func readsUntilRemoved(t *testing.T, s *service, by follows) {
	room, other := s.room(), s.room()
	admin := s.token(t, "boss", claim{"scope", "chat:admin"})
	for _, r := range []string{room, other} {
		if status, f, _ := s.calls(t, admin, http.MethodPost, "/v1/rooms", frame{"room": r}); status != http.StatusCreated {
			t.Fatalf("create: %d %v", status, f)
		}
		if status, f, _ := s.calls(t, admin, http.MethodPut, "/v1/rooms/"+r+"/members/bob", frame{"role": "read"}); status >= 300 {
			t.Fatalf("add: %d %v", status, f)
		}
	}
	bob := by(t, s, "bob", at{room, 0}, at{other, 0})
	bob.reads(room, 1, 1)
	if status, f, _ := s.calls(t, admin, http.MethodDelete, "/v1/rooms/"+room+"/members/bob", nil); status >= 300 {
		t.Fatalf("remove: %d %v", status, f)
	}
	if f := bob.sees("left"); f.str("room") != room || f.str("code") == "" {
		t.Errorf("bob is told %v", f)
	}
	s.calls(t, admin, http.MethodPost, "/v1/rooms/"+room+"/messages", frame{"body": "secret"})
	if status, f, _ := s.calls(t, admin, http.MethodPost, "/v1/rooms/"+other+"/messages", frame{"body": "still"}); status != http.StatusCreated {
		t.Fatalf("send: %d %v", status, f)
	}
	for f := bob.sees("message"); f.str("body") != "still"; f = bob.sees("message") {
		t.Errorf("bob reads %v", f)
	}
}

func readsSlowly(t *testing.T, s *service, by follows) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	bob := by(t, s, "bob", at{room, 0}) // his frames are read, but nobody looks at them yet
	body := strings.Repeat("x", 3000)
	const count = 300
	for range count {
		alice.sends("send", "room", room, "body", body)
	}
	alice.reads(room, 1, count)
	bob.reads(room, 1, count)
}

func readsUnmade(t *testing.T, s *service, by follows) {
	room := s.room()
	bob := by(t, s, "bob", at{room, 0})
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 2)
	bob.reads(room, 1, 2)
}

func readsUntilExpiry(t *testing.T, s *service) {
	room := s.room()
	soon := claim{"exp", time.Now().Add(5 * time.Second).Unix()}
	bob := eventsWith(t, s, s.token(t, "bob", soon), at{room, 0})
	socket := socketWith(t, s, s.token(t, "bob", soon), at{room, 0})
	for _, p := range []*peer{bob, socket} {
		if f := p.sees("error"); f.str("code") != "unauthenticated" {
			t.Errorf("came %v", f)
		}
	}
	if f := bob.sees("close"); f.num("code") != 4401 {
		t.Errorf("the stream ends with %v", f)
	}
	bob.await(func(frame) bool { return false }) // it ends
}
