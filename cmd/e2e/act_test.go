package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// backendSuite tests what a product's back end does. It runs on every store.
func backendSuite(t *testing.T, s *service) {
	tests := map[string]func(*testing.T, *service){
		"a service acts for users and as the system": actsForOthers,
		"a node says what it can do":                 featuresAreListed,
		"a send may be for a head, and silent":       headsAndSilence,
		"of fifty senders for a head one gets it":    fiftyForAHead,
		"a batch does many things in order":          batches,
		"rooms are made and filled at once":          membersInBulk,
		"who joins learns how far others have read":  marksAtJoining,
		"a ban holds whoever acts for the banned":    bansHoldForServices,
		"messages are found":                         messagesAreFound,
		"a search that makes no sense is refused":    badSearches,
		"whatever may not be read is not found":      lostTextIsNotFound,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, s) })
	}
}

// backend is a token that may act for others.
func (s *service) backend(t *testing.T, claims ...claim) string {
	return s.token(t, "backend", append([]claim{{"scope", "chat:act"}, {"azp", "shop"}}, claims...)...)
}

func actsForOthers(t *testing.T, s *service) {
	room := s.room()
	alice, token := s.connects(t, "alice"), s.backend(t)
	alice.asks("join", "room", room)
	alice.asks("send", "room", room, "body", "hi")
	backend := s.connects(t, "backend", claim{"scope", "chat:act"}, claim{"azp", "shop"})
	bob := frame{"user": "bob", "name": "Bob"}
	sent := backend.asks("send", "room", room, "body", "from bob", "key", "k", "as", bob)
	again := s.gets(t, http.StatusOK, token, "POST", "/v1/rooms/"+room+"/messages", frame{"body": "from bob", "key": "k", "as": bob})
	if sent.num("seq") != 2 || again.num("seq") != 2 || !again.yes("duplicate") {
		t.Errorf("sent %v, and again %v", sent, again)
	}
	s.gets(t, http.StatusCreated, token, "POST", "/v1/rooms/"+room+"/messages", frame{"body": "by nobody"}, "Parley-As", "system")
	s.gets(t, http.StatusOK, token, "DELETE", "/v1/rooms/"+room+"/messages/1", nil, "Parley-As", "system")
	s.gets(t, http.StatusOK, token, "PUT", "/v1/rooms/"+room+"/messages/3/reactions/x", nil, "Parley-As", "user bob")
	late := s.connects(t, "late")
	late.asks("join", "room", room, "after", 0)
	for _, reader := range []*peer{alice, late} {
		for i, e := range reader.reads(room, 1, 5) {
			want := []string{"alice ", "bob shop", "~system shop", "~system shop", "bob shop"}[i]
			if got := e.sub("author").str("id") + " " + e.str("via"); got != want {
				t.Errorf("%s: entry %d is by %s, want %s: %v", reader.name, i+1, got, want, e)
			}
		}
	}
	if got := late.asks("history", "room", room, "before", 3, "limit", 1).list("entries"); fmt.Sprint(got[0].(map[string]any)["author"]) != "map[id:bob name:Bob]" {
		t.Errorf("got %v", got)
	}
	alice.isRefused("forbidden", "send", "room", room, "body", "x", "as", bob)
	backend.isRefused("invalid", "typing", "room", room, "as", bob)
	s.gets(t, http.StatusUnauthorized, s.token(t, "~system"), "GET", "/v1/rooms", nil)
	// A mark that a back end moves is the user's mark.
	if read := backend.asks("read", "room", room, "seq", 3, "as", bob); read.num("read") != 3 || read.num("unread") != 0 {
		t.Errorf("read %v", read)
	}
	if r := s.gets(t, http.StatusOK, s.token(t, "bob"), "GET", "/v1/rooms/"+room, nil); r.num("read") != 3 {
		t.Errorf("bob's room is %v", r)
	}
}

func headsAndSilence(t *testing.T, s *service) {
	room := s.room()
	alice, bob, token := s.connects(t, "alice"), s.connects(t, "bob"), s.backend(t)
	for _, p := range []*peer{alice, bob} {
		p.asks("join", "room", room)
	}
	alice.asks("send", "room", room, "body", "one", "if_head", 0)
	bob.reads(room, 1, 1)
	if e := bob.isRefused("conflict", "send", "room", room, "body", "one", "if_head", 0); e.str("reason") != "moved" || e.num("head") != 1 {
		t.Errorf("refused with %v", e)
	}
	bob.isRefused("forbidden", "send", "room", room, "body", "psst", "silent", true)
	alice.asks("send", "room", room, "body", "psst", "silent", true)
	messages := "/v1/rooms/" + room + "/messages"
	s.gets(t, http.StatusCreated, token, "POST", messages, frame{"body": "psst", "silent": true, "if_head": 2, "as": frame{"system": true}})
	e := s.gets(t, http.StatusConflict, token, "POST", messages, frame{"body": "psst", "if_head": 2, "as": frame{"system": true}}).sub("error")
	if e.str("reason") != "moved" || e.num("head") != 3 {
		t.Errorf("refused with %v", e)
	}
	for _, e := range bob.reads(room, 2, 3) {
		if !e.yes("silent") {
			t.Errorf("got %v", e)
		}
	}
	for reader, want := range map[string]int64{"bob": 1, "carol": 1, "alice": 0} {
		if r := s.gets(t, http.StatusOK, s.token(t, reader), "GET", "/v1/rooms/"+room, nil); r.num("unread") != want {
			t.Errorf("%s has %d unread, want %d", reader, r.num("unread"), want)
		}
	}
	if page := bob.asks("history", "room", room, "only", "messages"); len(page.list("entries")) != 3 {
		t.Errorf("got %v", page)
	}
}

func fiftyForAHead(t *testing.T, s *service) {
	const racers, rounds = 50, 3
	room, other := s.room(), s.room()
	peers := make([]*peer, racers)
	for i := range peers {
		peers[i] = s.connects(t, fmt.Sprint("racer", i))
	}
	bystander := s.connects(t, "bystander")
	for _, room := range []string{room, other} {
		bystander.asks("join", "room", room) // which makes it
	}
	for head := range rounds {
		asked := make([]string, racers)
		for i, p := range peers {
			asked[i] = p.sends("send", "room", room, "body", "mine", "if_head", head)
		}
		bystander.asks("send", "room", other, "body", "nothing holds me up")
		won := 0
		for i, p := range peers {
			switch f := p.answer(asked[i]); {
			case f.is("ok") && f.num("seq") == int64(head+1):
				won++
			case f.str("code") != "conflict" || f.str("reason") != "moved" || f.num("head") != int64(head+1):
				t.Errorf("round %d: %s got %v", head, p.name, f)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d have won", head, won)
		}
	}
	if page := bystander.asks("history", "room", room); len(page.list("entries")) != rounds {
		t.Errorf("the log is %v", page)
	}
}

func marksAtJoining(t *testing.T, s *service) {
	room := s.room()
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	if j := alice.asks("join", "room", room); j.list("marks") == nil || len(j.list("marks")) != 0 {
		t.Errorf("joined %v", j)
	}
	alice.asks("send", "room", room, "body", "hi")
	bob.asks("join", "room", room)
	bob.asks("read", "room", room, "seq", 1)
	if got := fmt.Sprint(alice.asks("join", "room", room).list("marks")); got != "[map[seq:1 user:bob]]" {
		t.Errorf("alice sees the marks %s", got)
	}
	if got := bob.asks("join", "room", room).list("marks"); got == nil || len(got) != 0 {
		t.Errorf("bob sees the marks %v", got)
	}
	token := s.backend(t)
	if got := fmt.Sprint(s.gets(t, http.StatusOK, token, "GET", "/v1/rooms/"+room+"/marks", nil).list("marks")); got != "[map[seq:1 user:bob]]" {
		t.Errorf("the service sees the marks %s", got)
	}
	var members []frame
	for i := range 201 {
		members = append(members, frame{"user": fmt.Sprint("m", i), "role": "read"})
	}
	s.gets(t, http.StatusOK, token, "PUT", "/v1/rooms/"+room+"/members", frame{"set": members}, "Parley-As", "system")
	if j := alice.asks("join", "room", room); j.has("marks") {
		t.Errorf("of a large room: %v", j)
	}
}

func batches(t *testing.T, s *service) {
	rooms, token := []string{s.room(), s.room()}, s.backend(t)
	alice := s.connects(t, "alice")
	for _, room := range rooms {
		alice.asks("join", "room", room)
	}
	var commands []frame
	for i := range 500 {
		c := frame{"type": "send", "room": rooms[i%2], "body": fmt.Sprint(i / 2), "key": fmt.Sprint(i), "as": frame{"user": fmt.Sprint("u", i%7)}}
		if i == 250 {
			c["body"] = ""
		}
		commands = append(commands, c)
	}
	for again := range 2 {
		results := s.gets(t, http.StatusOK, token, "POST", "/v1/batch", frame{"commands": commands}).list("results")
		if len(results) != 500 {
			t.Fatalf("there are %d results", len(results))
		}
		for i, result := range results {
			r := frame(result.(map[string]any))
			want := int64(i/2 + 1)
			if i%2 == 0 && i > 250 {
				want--
			}
			if i == 250 {
				if !r.is("error") || r.str("code") != "invalid" {
					t.Errorf("the bad one became %v", r)
				}
			} else if !r.is("ok") || r.num("seq") != want || r.yes("duplicate") != (again == 1) {
				t.Fatalf("command %d became %v, want %d", i, r, want)
			}
		}
	}
	for n, room := range rooms {
		for i, e := range alice.reads(room, 1, int64(249+n)) {
			want := i
			if n == 0 && i >= 125 {
				want++
			}
			if e.str("body") != fmt.Sprint(want) || e.str("via") != "shop" {
				t.Fatalf("%s has %v where %d was due", room, e, want)
			}
		}
	}
	s.gets(t, http.StatusRequestEntityTooLarge, token, "POST", "/v1/batch", frame{"commands": []string{strings.Repeat("x", 1<<20)}})
	s.gets(t, http.StatusUnprocessableEntity, token, "POST", "/v1/batch", frame{"commands": append(commands, commands[0])})
}

func membersInBulk(t *testing.T, s *service) {
	room, token := s.room(), s.backend(t)
	places := func(n int, role string) (set []frame) {
		for i := range n {
			set = append(set, frame{"user": fmt.Sprint("m", i), "role": role})
		}
		return set
	}
	made := s.gets(t, http.StatusCreated, token, "POST", "/v1/rooms", frame{"as": frame{"system": true}, "room": room, "members": places(300, "read")})
	if len(made.list("members")) != 300 || made.num("head") != 300 {
		t.Errorf("made %v", made)
	}
	late := s.connects(t, "m7")
	late.asks("join", "room", room, "after", 300)
	path := "/v1/rooms/" + room + "/members"
	for again := range 2 {
		done := s.gets(t, http.StatusOK, token, "PUT", path, frame{"set": append(places(1000, "write")[:999], frame{"user": "m0", "role": "none"})}, "Parley-As", "system")
		for i, r := range done.list("results") {
			result := frame(r.(map[string]any))
			changed := again == 0 || i == 0 || i == 999 // m0 comes and goes
			if result.str("user") != fmt.Sprint("m", i%999) || result.yes("changed") != changed || result.has("error") {
				t.Fatalf("result %d of %d is %v", i, again, result)
			}
		}
	}
	late.reads(room, 301, 1302)
	members := 0
	for after := ""; ; {
		page := s.gets(t, http.StatusOK, token, "GET", path+"?limit=200&after="+after, nil, "Parley-As", "system")
		members += len(page.list("members"))
		if after = page.str("next"); after == "" {
			break
		}
	}
	if members != 998 {
		t.Errorf("there are %d members", members)
	}
	s.gets(t, http.StatusForbidden, s.token(t, "m7"), "PUT", path, frame{"set": places(1, "read")})
	admin := s.token(t, "root", claim{"scope", "chat:admin"})
	if page := s.gets(t, http.StatusOK, admin, "GET", "/v1/rooms?all=true&limit=1&after="+room[:len(room)-1], nil); len(page.list("rooms")) != 1 {
		t.Errorf("got %v", page)
	}
	s.gets(t, http.StatusForbidden, token, "GET", "/v1/rooms?all=true", nil)
}

// A node lists its features after it has listened for older nodes without them.
func featuresAreListed(t *testing.T, s *service) {
	eventually(t, "features", func() error {
		if got := s.connects(t, "alice").welcome.list("features"); !slices.Contains(got, any("act")) {
			return fmt.Errorf("%w: %v", errNotYet, got)
		}
		return nil
	})
}

func bansHoldForServices(t *testing.T, s *service) {
	room := s.room()
	owner, token := s.token(t, "owner-"+room), s.backend(t)
	messages := "/v1/rooms/" + room + "/messages"
	s.gets(t, http.StatusCreated, owner, "POST", "/v1/rooms", frame{"room": room, "public": true})
	s.gets(t, http.StatusCreated, token, "POST", messages, frame{"body": "hi", "as": frame{"user": "bob"}})
	s.gets(t, http.StatusOK, owner, "PUT", "/v1/rooms/"+room+"/members/bob", frame{"banned": true})
	s.gets(t, http.StatusForbidden, token, "POST", messages, frame{"body": "hi", "as": frame{"user": "bob"}})
	s.gets(t, http.StatusForbidden, token, "GET", messages+"/1", nil, "Parley-As", "user bob")
	confined := s.backend(t, claim{"rooms", frame{"elsewhere-*": "moderate"}}, claim{"exp", time.Now().Add(time.Minute).Unix()})
	s.gets(t, http.StatusNotFound, confined, "DELETE", "/v1/rooms/"+room+"/members/bob", nil, "Parley-As", "system")
	if status, _, _ := s.calls(t, token, "DELETE", "/v1/rooms/"+room+"/members/bob", nil, "Parley-As", "system"); status != http.StatusNoContent {
		t.Errorf("the ban was lifted with %d", status)
	}
	s.gets(t, http.StatusCreated, token, "POST", messages, frame{"body": "back", "as": frame{"user": "bob"}})
}
