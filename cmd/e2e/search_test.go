package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// messagesAreFound searches by socket and by HTTP.
func messagesAreFound(t *testing.T, s *service) {
	room := s.room()
	var alice *peer
	eventually(t, "search", func() error {
		if alice = s.connects(t, "alice"); !slices.Contains(alice.welcome.list("features"), any("search")) {
			return fmt.Errorf("%w: %v", errNotYet, alice.welcome.list("features"))
		}
		return nil
	})
	if limits := alice.welcome.sub("limits"); limits.num("query_chars") != 200 || limits.num("query_terms") != 10 || limits.num("hits") != 50 || limits.num("hit_marks") != 50 {
		t.Errorf("the limits are %v", limits)
	}
	alice.asks("join", "room", room)
	texts := []string{
		"Crème brûlée, see https://www.example.com/tea", "我们明天去北京看长城", "학교에서 만나요", "สวัสดีครับ", "İSTANBUL ve ŞİŞLİ", "Ёлка и мороз",
		"مدرسة أحمد", "שלום עולם", "हिन्दी सीखो", "Đà Nẵng đẹp", "Straße und Übermut", "🎉 done 👍🏽",
	}
	var last int64
	for _, text := range texts {
		last = alice.asks("send", "room", room, "body", text).num("seq")
	}
	finds := func(q string) []string {
		var found []string
		page := alice.asks("search", "q", q, "room", room, "at_least", last)
		for _, h := range page.list("hits") {
			found = append(found, frame(h.(map[string]any)).sub("entry").str("body"))
		}
		return found
	}
	for n, queries := range [][]string{
		{"creme", "BRÛLÉE", "example.com", `"see https"`, "exam* -coffee"},
		{"北京", "长城 明天"},
		{"학교"},
		{"ดีครับ"},
		{"istanbul", "ıstanbul", "sisli"},
		{"елка", "МОРОЗ"},
		{"احمد", "مَدْرَسَة"},
		{"שָׁלוֹם"},
		{"हिन्दी"},
		{"da nang", "đẹp"},
		{"strasse", "ubermut"},
		{"🎉", "👍"},
	} {
		for _, q := range queries {
			if got := finds(q); !slices.Equal(got, []string{texts[n]}) {
				t.Errorf("%s finds %q, want %q", q, got, texts[n])
			}
		}
	}
	query := url.Values{"q": {"brulee"}, "room": {room}, "at_least": {fmt.Sprint(last)}, "author": {"alice"}, "has": {"link"}, "from": {"2020-01-01T00:00:00Z"}}
	page := s.gets(t, http.StatusOK, s.token(t, "bob"), http.MethodGet, "/v1/search?"+query.Encode(), nil)
	hits := page.list("hits")
	if len(hits) != 1 || page.num("behind") != 0 || page.sub("indexed").num("seq") != last {
		t.Fatalf("by HTTP the page is %v", page)
	}
	hit := frame(hits[0].(map[string]any))
	if marks := fmt.Sprint(hit.list("marks")); marks != "[[6 12]]" || hit.str("room") != room || hit.num("seq") != 1 {
		t.Errorf("the hit is %v", hit)
	}
	// In all of their rooms somebody finds what is in public ones, if they ask for that.
	word := strings.ReplaceAll(room, "-", "")
	last = alice.asks("send", "room", room, "body", word).num("seq")
	finds(word)
	everywhere := "/v1/search?q=" + word
	for path, want := range map[string]int{everywhere: 0, everywhere + "&public=true": 1} {
		if page := s.gets(t, http.StatusOK, s.token(t, "stranger-"+room), http.MethodGet, path, nil); len(page.list("hits")) != want {
			t.Errorf("%s finds %v, want %d", path, page, want)
		}
	}
	if page := alice.asks("search", "q", word); len(page.list("hits")) != 1 || !page.has("behind") {
		t.Errorf("their own rooms have %v", page)
	}
}

func badSearches(t *testing.T, s *service) {
	eventually(t, "search", func() error {
		if !slices.Contains(s.connects(t, "alice").welcome.list("features"), any("search")) {
			return errNotYet
		}
		return nil
	})
	alice, token := s.connects(t, "alice"), s.token(t, "alice")
	for q, want := range map[string]string{
		strings.Repeat("x", 10<<10): "at most 200 characters", strings.Repeat(`"`, 1000): "at most 200 characters",
		"": "must not be empty", `- * "" -"" (`: "there is none in it", "-tea": "besides those that are not meant", "a\x00b": "control characters",
		"1 2 3 4 5 6 7 8 9 10 11": "at most 10 words",
	} {
		if f := alice.isRefused("invalid", "search", "q", q); !strings.Contains(f.str("message"), want) {
			t.Errorf("%.20q is refused by the socket with %v, want %s", q, f, want)
		}
		f := s.gets(t, http.StatusUnprocessableEntity, token, http.MethodGet, "/v1/search?"+url.Values{"q": {q}}.Encode(), nil)
		if !strings.Contains(f.sub("error").str("message"), want) {
			t.Errorf("%.20q is refused by HTTP with %v, want %s", q, f, want)
		}
	}
	for _, q := range []string{"(tea|cup)+.*", `^tea$`, `SELECT "tea" OR 1=1 --`, `tea & !cup | 'xy':*`} { // these are words
		alice.asks("search", "q", q)
	}
	alice.isRefused("not_found", "search", "q", "tea", "room", "no-such-room")
	alice.isRefused("bad_request", "search", "q", 7)
	for _, query := range []string{"has=file", "limit=51", "limit=0", "public=maybe", "from=yesterday", "cursor=x", "at_least=1", "room=A", "author=" + strings.Repeat("x", 129)} {
		s.gets(t, http.StatusUnprocessableEntity, token, http.MethodGet, "/v1/search?q=tea&"+query, nil)
	}
}

// lostTextIsNotFound has text go away in each way that there is, right before a search.
func lostTextIsNotFound(t *testing.T, s *service) {
	room := s.room()
	owner, bob := s.token(t, "owner-"+room), s.token(t, "bob-"+room)
	path := "/v1/rooms/" + room
	s.gets(t, http.StatusCreated, owner, http.MethodPost, "/v1/rooms", frame{"room": room, "public": true})
	say := func(body string) string {
		return fmt.Sprint(s.gets(t, http.StatusCreated, owner, http.MethodPost, path+"/messages", frame{"body": body}).num("seq"))
	}
	edited, deleted := say("needle one"), say("needle two")
	say("needle three")
	find := func(token string) (found int, err error) {
		query := url.Values{"q": {"needle"}, "public": {"true"}, "limit": {"50"}}
		for {
			status, page, _ := s.calls(t, token, http.MethodGet, "/v1/search?"+query.Encode(), nil)
			if status != http.StatusOK {
				return 0, fmt.Errorf("status %d: %v", status, page)
			}
			for _, h := range page.list("hits") {
				if frame(h.(map[string]any)).str("room") == room {
					found++
				}
			}
			if query.Set("cursor", page.str("next")); page.str("next") == "" {
				return found, nil
			}
		}
	}
	mustFind := func(token string, want int) {
		t.Helper()
		if got, err := find(token); err != nil || got != want {
			t.Errorf("%d are found (%v), want %d", got, err, want)
		}
	}
	eventually(t, "all indexed", func() error {
		got, err := find(bob)
		if err == nil && got != 3 {
			return fmt.Errorf("%w: %d are found", errNotYet, got)
		}
		return errors.Join(err)
	})
	s.gets(t, http.StatusOK, owner, http.MethodPatch, path+"/messages/"+edited, frame{"body": "other"})
	mustFind(bob, 2)
	s.gets(t, http.StatusOK, owner, http.MethodDelete, path+"/messages/"+deleted, nil)
	mustFind(bob, 1)
	s.gets(t, http.StatusOK, owner, http.MethodPut, path+"/members/bob-"+room, frame{"banned": true})
	mustFind(bob, 0)
	if f := s.gets(t, http.StatusForbidden, bob, http.MethodGet, "/v1/search?q=needle&room="+room, nil); f.sub("error").str("code") != "forbidden" {
		t.Errorf("the banned user gets %v", f)
	}
	other := s.token(t, "other-"+room)
	mustFind(other, 1)
	s.gets(t, http.StatusOK, owner, http.MethodPatch, path, frame{"public": false})
	mustFind(other, 0)
	mustFind(owner, 1)
	s.gets(t, http.StatusNotFound, other, http.MethodGet, "/v1/search?q=needle&room="+room, nil)
}

func TestSearchCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{"PARLEY_SEARCH": "off"})
	featuresAreListed(t, s)
	alice := s.connects(t, "alice")
	if features := alice.welcome.list("features"); slices.Contains(features, any("search")) || alice.welcome.sub("limits").has("hits") {
		t.Errorf("the welcome is %v", alice.welcome)
	}
	alice.isRefused("unknown_type", "search", "q", "tea")
	s.gets(t, http.StatusNotFound, s.token(t, "alice"), http.MethodGet, "/v1/search?q=tea", nil)
}

func TestSearchesHaveALimitOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", map[string]string{"PARLEY_SEARCH_RATE_LIMIT": "0.01/s:2"})
	token := s.token(t, "alice")
	for _, status := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		s.gets(t, status, token, http.MethodGet, "/v1/search?q=tea", nil)
	}
	s.gets(t, http.StatusOK, s.token(t, "bob"), http.MethodGet, "/v1/search?q=tea", nil)
	s.gets(t, http.StatusOK, s.token(t, "root", claim{"scope", "chat:admin"}), http.MethodGet, "/v1/search?q=tea", nil)
	s.gets(t, http.StatusOK, token, http.MethodGet, "/v1/rooms", nil)
}
