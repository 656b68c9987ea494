package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// streamSuite tests what only clients without a socket have.
func streamSuite(t *testing.T, s *service) {
	for name, test := range map[string]func(*testing.T, *service){
		"an id has all that a client needs to go on":   resumeByID,
		"what cannot be read is refused, and says why": refusedStreams,
		"of many rooms, those that can be read are":    partlyRefused,
		"a stream ends with the last room of it":       lastRoomLeft,
		"a stream says how it is to be treated":        streamHeaders,
		"a browser is told to come back":               passingRefusal,
		"a poll waits for what comes":                  pollWaits,
		"a poll of many rooms goes on by its id":       pollManyRooms,
		"Durable Streams: pages, offsets, waits":       durablePages,
		"Durable Streams: events":                      durableEvents,
		"Durable Streams: refusals":                    durableRefusals,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, s) })
	}
}

func resumeByID(t *testing.T, s *service) {
	alice := s.connects(t, "alice")
	rooms := []at{{s.room(), 0}, {s.room(), 0}, {s.room(), 0}}
	for _, is := range rooms {
		alice.asks("join", "room", is.room)
		saysAll(t, alice, is.room, 1, 20)
	}
	token := s.token(t, "bob")
	for _, path := range []string{streamPath(rooms...), streamPath(rooms[1])} {
		first := s.streams(t, path, "Authorization", "Bearer "+token)
		var last int64
		for range 8 {
			f, _ := first.await(func(f frame) bool { return f.isEntry() && f.str("room") == rooms[1].room })
			last = f.num("seq")
		}
		// An id for each event: go back to that of this one.
		var id string
		for range 1 << 10 {
			is := <-first.ids
			if strings.HasSuffix(path, "/stream?after=0") && strings.HasSuffix(is, fmt.Sprint(".", last)) {
				id = is
				break
			}
			if id = is; strings.Contains(path, "rooms=") && len(first.ids) == 0 {
				break
			}
		}
		first.body.Close()
		again := s.streams(t, path, "Last-Event-ID", id, "Authorization", "Bearer "+token)
		byQuery := s.streams(t, path+"&after_id="+url.QueryEscape(id)+"&access_token="+token)
		for _, e := range []*stream{again, byQuery} {
			if e.status != http.StatusOK {
				t.Fatalf("%s: %d %v", id, e.status, e.failure)
			}
			if strings.Contains(path, "rooms=") {
				continue
			}
			e.reads(rooms[1].room, last+1, 20)
		}
	}
}

func refusedStreams(t *testing.T, s *service) {
	room, private := s.room(), s.room()
	alice := s.connects(t, "alice")
	log := alice.asks("join", "room", room).str("log")
	saysAll(t, alice, room, 1, 3)
	if status, f, _ := s.calls(t, s.token(t, "boss", claim{"scope", "chat:admin"}), http.MethodPost, "/v1/rooms", frame{"room": private}); status != http.StatusCreated {
		t.Fatalf("create: %d %v", status, f)
	}
	many := make([]string, 2500)
	for i := range many {
		many[i] = fmt.Sprint("r", i)
	}
	token := s.token(t, "bob")
	for _, test := range []struct {
		path, id, token string
		status          int
		code, says      string
	}{
		{"/v1/rooms/" + room + "/stream", "", "-", 401, "unauthenticated", "no token"},
		{"/v1/rooms/" + room + "/stream", "", "bad", 401, "unauthenticated", ""},
		{"/v1/rooms/" + room + "/stream?after=4", "", token, 422, "invalid", "after is 4"},
		{"/v1/rooms/" + room + "/stream?after=x", "", token, 422, "invalid", "after"},
		{"/v1/rooms/" + room + "/stream?limit=201", "", token, 422, "invalid", "limit"},
		{"/v1/rooms/" + room + "/stream?wait=51", "", token, 422, "invalid", "wait"},
		{"/v1/rooms/" + room + "/stream?log=older", "", token, 422, "invalid", "start anew"},
		{"/v1/rooms/" + room + "/stream", log + ".4", token, 422, "invalid", "after is 4"},
		{"/v1/rooms/" + room + "/stream", "older.1", token, 422, "invalid", "start anew"},
		{"/v1/rooms/" + room + "/stream", "nonsense", token, 422, "invalid", "Last-Event-ID"},
		{"/v1/rooms/" + room + "/stream", log + ".abc.1-2", token, 422, "invalid", "other rooms"},
		{"/v1/rooms/" + private + "/stream", "", token, 404, "not_found", ""},
		{"/v1/rooms/" + private + "/stream", log + ".1", token, 404, "not_found", ""},
		{"/v1/rooms/%FF/stream", "", token, 422, "invalid", "room"},
		{"/v1/rooms/UPPER/stream", "", token, 422, "invalid", "room"},
		{"/v1/stream", "", token, 422, "invalid", "rooms must be a list"},
		{"/v1/stream?rooms=" + room + "," + room, "", token, 422, "invalid", "twice"},
		{"/v1/stream?rooms=" + room + "&rooms=" + private, "", token, 422, "invalid", `"rooms" twice`},
		{"/v1/rooms/" + room + "/stream?after=1&after=2", "", token, 422, "invalid", `"after" twice`},
		{"/v1/stream?rooms=" + room + "@x", "", token, 422, "invalid", "no seq"},
		{"/v1/stream?rooms=" + private + "," + private + "2@7", "", token, 404, "not_found", private},
		{"/v1/stream?rooms=" + strings.Join(many, ","), "", token, 422, "invalid", "2500 rooms: a stream may have 2000"},
		{"/v1/stream?rooms=" + strings.Repeat("room,", 10_000), "", token, 431, "bad_request", "16 KiB"},
	} {
		headers := []string{"Authorization", "Bearer " + test.token}
		if test.token == "-" {
			headers = nil
		}
		if test.id != "" {
			headers = append(headers, "Last-Event-ID", test.id)
		}
		e := s.streams(t, test.path, headers...)
		if e.status != test.status || e.failure.str("code") != test.code || !strings.Contains(e.failure.str("message"), test.says) {
			t.Errorf("%.100s (%s): %d %v, want %d %s that says %q", test.path, test.id, e.status, e.failure, test.status, test.code, test.says)
		}
	}
	for id, reason := range map[string]string{"older.1": "other_log", log + ".4": "ahead"} {
		if e := s.streams(t, "/v1/rooms/"+room+"/stream", "Authorization", "Bearer "+token, "Last-Event-ID", id); e.failure.str("reason") != reason {
			t.Errorf("%s: %v", id, e.failure)
		}
	}
}

func partlyRefused(t *testing.T, s *service) {
	room, private := s.room(), s.room()
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 3)
	if status, f, _ := s.calls(t, s.token(t, "boss", claim{"scope", "chat:admin"}), http.MethodPost, "/v1/rooms", frame{"room": private}); status != http.StatusCreated {
		t.Fatalf("create: %d %v", status, f)
	}
	bob := byEvents(t, s, "bob", at{private, 0}, at{room, 0})
	bob.reads(room, 1, 3)
	if f := bob.sees("left"); f.str("room") != private || f.str("code") != "not_found" {
		t.Errorf("bob is told %v", f)
	}
}

func lastRoomLeft(t *testing.T, s *service) {
	room := s.room()
	admin := s.token(t, "boss", claim{"scope", "chat:admin"})
	s.calls(t, admin, http.MethodPost, "/v1/rooms", frame{"room": room})
	s.calls(t, admin, http.MethodPut, "/v1/rooms/"+room+"/members/bob", frame{"role": "read"})
	bob := byEvents(t, s, "bob", at{room, 0})
	bob.reads(room, 1, 1)
	s.calls(t, admin, http.MethodDelete, "/v1/rooms/"+room+"/members/bob", nil)
	if f := bob.sees("left"); f.str("room") != room {
		t.Errorf("bob is told %v", f)
	}
	if _, more := bob.await(func(f frame) bool { return !f.is("presence") && !f.is("member") }); more {
		if f, more := bob.await(func(f frame) bool { return !f.is("presence") && !f.is("member") && !f.is("welcome") && !f.is("ok") }); more {
			t.Errorf("and then comes %v", f)
		}
	}
}

func streamHeaders(t *testing.T, s *service) {
	room := s.room()
	token := s.token(t, "hedwig") // whom no other test adds to a room meanwhile
	e := s.streams(t, "/v1/rooms/"+room+"/stream", "Authorization", "Bearer "+token)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff", "Connection": "",
	} {
		if got := e.header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	select {
	case retry := <-e.retries:
		if len(retry) != 4 {
			t.Errorf("the first retry is %s", retry)
		}
	case <-time.After(patience):
		t.Error("no retry came")
	}
	if f := e.next(); !f.is("welcome") || f.str("log") == "" {
		t.Errorf("first comes %v", f)
	}
	if f := e.next(); !f.is("ok") || f.str("room") != room || f.num("from") != 1 || f.has("id") {
		t.Errorf("then comes %v", f)
	}
	if id := <-e.ids; !strings.HasSuffix(id, ".0") {
		t.Errorf("the first id is %s", id)
	}
	if status, _, header := s.calls(t, token, http.MethodHead, "/v1/rooms/"+room+"/stream", nil); status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %v", status, header)
	}
	if status, _, _ := s.calls(t, token, http.MethodPost, "/v1/rooms/"+room+"/stream", frame{}); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
}

// passingRefusal has a user open more streams than they may.
func passingRefusal(t *testing.T, _ *service) {
	s := start(t, "memory://", map[string]string{"PARLEY_SESSIONS_PER_USER": "2"})
	token := s.token(t, "bob")
	path := "/v1/rooms/" + s.room() + "/stream"
	for range 2 {
		s.streams(t, path, "Authorization", "Bearer "+token).next()
	}
	if e := s.streams(t, path, "Authorization", "Bearer "+token); e.status != http.StatusTooManyRequests || e.failure.str("code") != "rate_limited" {
		t.Errorf("a third stream: %d %v", e.status, e.failure)
	}
	e := s.streams(t, path, "Authorization", "Bearer "+token, "Accept", "text/event-stream")
	if e.status != http.StatusOK {
		t.Fatalf("a third stream of a browser: %d", e.status)
	}
	if f := e.next(); !f.is("error") || f.str("code") != "rate_limited" {
		t.Errorf("a browser is told %v", f)
	}
	if retry := <-e.retries; len(retry) != 4 {
		t.Errorf("and to come back after %s ms", retry)
	}
	if f, more := e.await(func(frame) bool { return true }); more {
		t.Errorf("and then %v", f)
	}
}

func pollWaits(t *testing.T, s *service) {
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	saysAll(t, alice, room, 1, 3)
	token := s.token(t, "bob")
	path := "/v1/rooms/" + room + "/stream?wait=30"
	status, page, header := s.calls(t, token, http.MethodGet, path+"&after=1", nil)
	if status != http.StatusOK || len(page.list("entries")) != 2 || header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" {
		t.Fatalf("a poll with something there: %d %v", status, page)
	}
	later := make(chan frame, 1)
	go func() {
		_, page, _ := s.calls(t, token, http.MethodGet, path+"&after_id="+page.str("id"), nil)
		later <- page
	}()
	saysAll(t, alice, room, 4, 4)
	got := <-later
	if len(got.list("entries")) != 1 || frame(got.list("entries")[0].(map[string]any)).str("body") != "m4" {
		t.Errorf("a poll that waited: %v", got)
	}
	began := time.Now()
	status, page, _ = s.calls(t, token, http.MethodGet, "/v1/rooms/"+room+"/stream?wait=1&after_id="+got.str("id"), nil)
	if took := time.Since(began); status != http.StatusOK || len(page.list("entries")) != 0 || page.str("id") != got.str("id") || took < time.Second {
		t.Errorf("a poll in vain: %d %v after %v", status, page, took)
	}
	if status, page, _ = s.calls(t, token, http.MethodGet, "/v1/rooms/"+room+"/stream?wait=0&after=4", nil); status != http.StatusOK || !strings.HasSuffix(page.str("id"), ".4") {
		t.Errorf("a poll that does not wait: %d %v", status, page)
	}
	if status, page, _ = s.calls(t, token, http.MethodGet, path+"&after=5", nil); status != http.StatusUnprocessableEntity || page.sub("error").str("reason") != "ahead" {
		t.Errorf("a poll ahead: %d %v", status, page)
	}
}

func pollManyRooms(t *testing.T, s *service) {
	alice := s.connects(t, "alice")
	var list []string
	want := map[string]int64{}
	for range 5 {
		room := s.room()
		list = append(list, room+"@0")
		alice.asks("join", "room", room)
		saysAll(t, alice, room, 1, 40)
		want[room] = 1
	}
	token, path := s.token(t, "bob"), "/v1/stream?wait=20&rooms="+url.QueryEscape(strings.Join(list, ","))
	for id, total := "", 0; total < 5*40; {
		status, page, _ := s.calls(t, token, http.MethodGet, path+"&after_id="+id, nil)
		if status != http.StatusOK || len(page.list("entries")) == 0 {
			t.Fatalf("after %d entries: %d %v", total, status, page)
		}
		for _, one := range page.list("entries") {
			f := frame(one.(map[string]any))
			if f.num("seq") != want[f.str("room")] {
				t.Fatalf("got %v where %d was due", f, want[f.str("room")])
			}
			want[f.str("room")]++
			total++
		}
		id = page.str("id")
	}
}
