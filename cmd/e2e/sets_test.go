package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

// TestPinsSetsAndWhatRoomsAreAbout goes through sockets and HTTP on each durable store.
func TestPinsSetsAndWhatRoomsAreAbout(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite://" + t.TempDir() + "/parley.db" },
		"PostgreSQL": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, store(t), nil)
			pinsEnd(t, s)
			setsFollow(t, s)
			roomsAreDescribed(t, s)
		})
	}
}

// owned makes a public room that alice moderates.
func (s *service) owned(t testing.TB) string {
	t.Helper()
	room := s.room()
	s.gets(t, 201, s.token(t, "alice"), "POST", "/v1/rooms", map[string]any{"room": room, "public": true})
	return room
}

func pinsEnd(t *testing.T, s *service) {
	room := s.owned(t)
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	can := map[any]bool{}
	for _, feature := range alice.welcome.list("features") {
		can[feature] = true
	}
	if !can["pins"] || !can["sets"] || !can["metadata"] || alice.welcome.sub("limits").num("pins") != 100 {
		t.Fatalf("the welcome is %v", alice.welcome)
	}
	for _, p := range []*peer{alice, bob} {
		p.asks("join", "room", room)
	}
	bob.asks("send", "room", room, "body", "hi")
	bob.isRefused("forbidden", "pin", "room", room, "seq", 1)
	if ok := alice.asks("pin", "room", room, "seq", 1); ok.num("seq") != 2 || !ok.yes("changed") {
		t.Errorf("a pin is answered by %v", ok)
	}
	if ok := alice.asks("pin", "room", room, "seq", 1); ok.num("seq") != 2 || ok.yes("changed") {
		t.Errorf("the pin again is answered by %v", ok)
	}
	until := time.Now().Add(5 * time.Second).UTC().Format(time.RFC3339Nano)
	alice.asks("pin", "room", room, "seq", 1, "until", until)
	alice.isRefused("invalid", "pin", "room", room, "seq", 1, "until", "2020-01-01T00:00:00Z")
	alice.isRefused("not_found", "pin", "room", room, "seq", 99)
	path := "/v1/rooms/" + room + "/pins"
	if m := s.gets(t, 200, s.token(t, "bob"), "GET", path, nil).list("messages"); len(m) != 1 || !frame(m[0].(map[string]any)).sub("pinned").has("until") {
		t.Errorf("pins are %v", m)
	}
	entries := bob.reads(room, 1, 4)
	if e := entries[1]; !e.is("set") || e.str("set") != "pinned" || e.num("target") != 1 || e.sub("data").str("by") != "alice" {
		t.Errorf("a pin is told as %v", e)
	}
	if e := entries[3]; !e.is("set") || e.has("data") || e.sub("author").str("id") != "~system" {
		t.Errorf("the end of a pin is told as %v", e)
	}
	if m := s.gets(t, 200, s.token(t, "bob"), "GET", path, nil).list("messages"); len(m) != 0 {
		t.Errorf("pins are %v", m)
	}
	if s.first(t, s.token(t, "bob"), room).has("pinned") {
		t.Error("the message is still pinned")
	}
	if ok := alice.asks("unpin", "room", room, "seq", 1); ok.yes("changed") {
		t.Errorf("an end of what has ended is answered by %v", ok)
	}
}

// setsFollow sets slots on the socket and by HTTP, and has a late reader see what holds only.
func setsFollow(t *testing.T, s *service) {
	room := s.owned(t)
	bobs := s.token(t, "bob")
	alice := s.connects(t, "alice")
	alice.asks("join", "room", room)
	alice.asks("send", "room", room, "body", "hi")
	alice.asks("set", "room", room, "set", "x.task", "target", 1, "slot", "done", "data", "a secret", "key", "k")
	if ok := alice.asks("set", "room", room, "set", "x.task", "target", 1, "slot", "done", "data", 5, "key", "k"); ok.num("seq") != 2 || !ok.yes("changed") {
		t.Errorf("a set that is repeated is answered by %v", ok)
	}
	path := "/v1/rooms/" + room
	s.gets(t, 200, bobs, "PUT", path+"/messages/1/sets/x.task?slot=done", map[string]any{"data": map[string]any{"by": "bob"}})
	s.gets(t, 200, bobs, "PUT", path+"/sets/x.state", map[string]any{"data": []int{1, 2}})
	alice.asks("set", "room", room, "set", "x.gone", "target", 1, "data", true)
	alice.asks("set", "room", room, "set", "x.gone", "target", 1, "data", nil)
	entries := alice.reads(room, 1, 6)
	if e := entries[2]; e.str("set") != "x.task" || e.str("slot") != "done" || e.sub("data").str("by") != "bob" {
		t.Errorf("a set by HTTP is told as %v", e)
	}
	carol := s.connects(t, "carol")
	carol.asks("join", "room", room, "after", 0)
	late := carol.reads(room, 1, 6)
	if sets := late[0].list("sets"); len(sets) != 1 || fmt.Sprint(sets[0]) != "map[data:map[by:bob] set:x.task slot:done]" {
		t.Errorf("a late reader gets the message with %v", sets)
	}
	for i, has := range []bool{1: false, 2: true, 3: true, 4: false, 5: false} {
		if i > 0 && late[i].has("data") != has {
			t.Errorf("a late reader gets %v", late[i])
		}
	}
	if all := s.gets(t, 200, bobs, "GET", path+"/sets", nil).list("sets"); len(all) != 1 {
		t.Errorf("the room has %v", all)
	}
	alice.asks("delete", "room", room, "seq", 1)
	alice.isRefused("conflict", "set", "room", room, "set", "x.task", "target", 1, "data", 1)
	if e := s.first(t, bobs, room); e.has("sets") {
		t.Errorf("a deleted message has %v", e)
	}
	alice.isRefused("invalid", "set", "room", room, "set", "pinned", "target", 1, "data", 1)
}

func roomsAreDescribed(t *testing.T, s *service) {
	room := s.owned(t)
	alices := s.token(t, "alice")
	bob := s.connects(t, "bob")
	bob.asks("join", "room", room)
	path := "/v1/rooms/" + room
	_, _, header := s.calls(t, alices, "GET", path, nil)
	tag := header.Get("ETag")
	s.gets(t, 200, alices, "PATCH", path, map[string]any{"topic": "Tea", "custom": map[string]any{"k": 1}}, "If-Match", tag)
	if status, body, _ := s.calls(t, alices, "PATCH", path, map[string]any{"topic": "Cake"}, "If-Match", tag); status != http.StatusPreconditionFailed || body.sub("error").str("code") != "conflict" {
		t.Errorf("a stale change gets %d %v", status, body)
	}
	entries := bob.reads(room, 1, 2)
	if e := entries[0]; e.str("set") != "room.topic" || e.str("data") != "Tea" || e.has("target") {
		t.Errorf("a topic is told as %v", e)
	}
	view := s.gets(t, 200, s.token(t, "bob"), "GET", path, nil)
	if view.str("topic") != "Tea" || view.sub("custom").num("k") != 1 {
		t.Errorf("the room is %v", view)
	}
	s.gets(t, 403, s.token(t, "bob"), "PATCH", path, map[string]any{"topic": "mine"})
}
