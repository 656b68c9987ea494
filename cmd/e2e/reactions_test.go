package e2e_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

// first returns the first entry of a room.
func (s *service) first(t testing.TB, token, room string) frame {
	t.Helper()
	e, _ := s.gets(t, 200, token, "GET", "/v1/rooms/"+room+"/entries?after=0&limit=1", nil).list("entries")[0].(map[string]any)
	return e
}

// reactionsBothWays tests reactions: over the socket and HTTP they are the same.
func reactionsBothWays(t *testing.T, s *service) {
	room := s.room()
	bobs := s.token(t, "bob")
	alice := s.connects(t, "alice")
	limit := alice.welcome.sub("limits").num("reactions")
	if limit != 50 {
		t.Fatalf("limits are %v", alice.welcome)
	}
	alice.asks("join", "room", room)
	alice.asks("send", "room", room, "body", "hi")
	path := func(emoji string) string {
		return "/v1/rooms/" + room + "/messages/1/reactions/" + url.PathEscape(emoji)
	}
	present := func(token string) string {
		var all []string
		for _, r := range s.first(t, token, room).list("reactions") {
			f := frame(r.(map[string]any))
			all = append(all, fmt.Sprintf("%+q %d %t", f.str("emoji"), f.num("count"), f.yes("me")))
		}
		return strings.Join(all, ", ")
	}

	// All ways to write a heart are one emoji, which is shown in the form that came first.
	alice.asks("react", "room", room, "seq", 1, "emoji", "❤\ufe0f")
	if r := s.gets(t, 200, bobs, "PUT", path("❤"), nil); !r.yes("changed") || r.num("seq") != 3 {
		t.Errorf("bob's heart: %v", r)
	}
	if r := s.gets(t, 200, bobs, "PUT", path("❤\ufe0f"), nil); r.yes("changed") {
		t.Errorf("bob's heart again: %v", r)
	}
	if got, want := present(bobs), `"\u2764\ufe0f" 2 true`; got != want {
		t.Errorf("reactions are %s, want %s", got, want)
	}
	if f := alice.asks("react", "room", room, "seq", 1, "emoji", "❤", "remove", true); !f.yes("changed") {
		t.Errorf("alice takes it back: %v", f)
	}
	alice.asks("react", "room", room, "seq", 1, "emoji", "e\u0301")
	if r := s.gets(t, 200, bobs, "DELETE", path("\u00e9"), nil); r.yes("changed") {
		t.Errorf("bob takes back what is alice's: %v", r)
	}
	if got, want := present(bobs), `"\u2764\ufe0f" 1 true, "e\u0301" 1 false`; got != want {
		t.Errorf("reactions are %s, want %s", got, want)
	}
	for i, want := range []string{"❤\ufe0f 1", "❤\ufe0f 2", "❤\ufe0f 1", "e\u0301 1"} {
		f := alice.reads(room, map[bool]int64{true: 1, false: int64(i) + 2}[i == 0], int64(i)+2)
		if f := f[len(f)-1]; fmt.Sprint(f.str("emoji"), " ", f.num("count")) != want {
			t.Errorf("entry %d is %v, want %s", i+2, f, want)
		}
	}

	for i := range limit - 2 {
		alice.asks("react", "room", room, "seq", 1, "emoji", fmt.Sprint("e", i))
	}
	alice.isRefused("conflict", "react", "room", room, "seq", 1, "emoji", "👍")
	s.gets(t, 409, bobs, "PUT", path("👍"), nil)
	s.gets(t, 200, bobs, "PUT", path("e7"), nil)
	alice.asks("react", "room", room, "seq", 1, "emoji", "é", "remove", true)
	s.gets(t, 200, bobs, "PUT", path("👍"), nil)

	for _, emoji := range []string{".", "..", "\u200b", "\ufe0f", "\u200d", "\u00ad", "\u0301", "\u202e", "\U000e0067\U000e007f", "\u2800", "\ufffc", "\ufff9", "\ue000"} {
		alice.isRefused("invalid", "react", "room", room, "seq", 1, "emoji", emoji)
		alice.isRefused("invalid", "react", "room", room, "seq", 1, "emoji", emoji, "remove", true)
		if emoji[0] != '.' { // others are not valid in URLs
			s.gets(t, 422, bobs, "PUT", path(emoji), nil)
			s.gets(t, 422, bobs, "DELETE", path(emoji), nil)
		}
	}
}

// TestReactionsOfTwoNodes reacts on both nodes at once: the bound must hold, and all ways to write
// an emoji must stay one.
func TestReactionsOfTwoNodes(t *testing.T) {
	t.Parallel()
	const each, limit = 6, 4
	store, issuer := pgtest.URL(t), newIssuer(t)
	settings := map[string]string{"PARLEY_REACTIONS": fmt.Sprint(limit)}
	nodes := []*service{startFor(t, issuer, store, settings), startFor(t, issuer, store, settings)}
	room := nodes[0].room()
	alice := nodes[0].connects(t, "alice")
	if got := alice.welcome.sub("limits").num("reactions"); got != limit {
		t.Errorf("alice is told %d", got)
	}
	alice.asks("join", "room", room)
	alice.asks("send", "room", room, "body", "hi")
	var wg sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for i := range 2 * each {
		p := nodes[i%2].connects(t, fmt.Sprint("user", i))
		wg.Go(func() {
			p.asks("react", "room", room, "seq", 1, "emoji", []string{"❤", "❤\ufe0f"}[i/2%2])
			if f := p.answer(p.sends("react", "room", room, "seq", 1, "emoji", fmt.Sprint("e", i))); f.str("code") == "conflict" {
				mu.Lock()
				defer mu.Unlock()
				refused++
			}
		})
	}
	wg.Wait()
	reactions := nodes[1].first(t, nodes[1].token(t, "alice"), room).list("reactions")
	if len(reactions) != limit || refused != 2*each-(limit-1) {
		t.Errorf("%d were refused, and there are %v", refused, reactions)
	}
	hearts := 0
	for _, r := range reactions {
		if f := frame(r.(map[string]any)); strings.HasPrefix(f.str("emoji"), "❤") {
			hearts += int(f.num("count"))
		}
	}
	if hearts != 2*each {
		t.Errorf("there are %v, want one heart of %d", reactions, 2*each)
	}
}
