package rest_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// finder answers each search with a page, and notes what was asked for.
type finder struct {
	page  ports.SearchPage
	by    chat.UserID
	asked ports.Search
}

func (f *finder) Search(_ context.Context, by chat.Identity, q ports.Search) (ports.SearchPage, error) {
	f.by, f.asked = by.User, q
	if q.Text == "" && q.Author == "" {
		return ports.SearchPage{}, chat.Errorf(chat.Invalid, "q must not be empty")
	}
	return f.page, nil
}

func TestMessagesAreSearchedFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f := &finder{page: ports.SearchPage{
		Hits: []ports.SearchHit{{
			Entry: chat.Entry{Room: "general", Seq: 7, At: at, Author: chat.Author{ID: "bob"}, Fact: chat.Message{Body: "green tea"}},
			Marks: []ports.SearchMark{{From: 0, To: 5}, {From: 6, To: 9}},
		}},
		Next: "abc", Truncated: true, Behind: 3, Indexed: at,
	}}
	s := serve(t, func(c *rest.Config, _ *messaging.Config) { c.Searcher = f })
	alice := s.as("alice")
	alice.gets("/v1/search?q=tea").is(200, `{
		"hits":[{"room":"general","seq":7,"entry":{"type":"message","room":"general","seq":7,"body":"green tea"},"marks":[[0,5],[6,9]]}],
		"next":"abc","truncated":true,"behind":3,"indexed":{"at":"2026-11-23T12:00:00.000Z"}}`).with("Cache-Control", "no-store")
	if want := (ports.Search{Text: "tea", Limit: 20}); !reflect.DeepEqual(f.asked, want) || f.by != "alice" {
		t.Errorf("%s asked for %+v, want %+v", f.by, f.asked, want)
	}
	f.page = ports.SearchPage{OneRoom: true, IndexedSeq: 9}
	alice.gets("/v1/search?q=%22green%20tea%22&room=general&public=true&author=bob&from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z&has=link&limit=50&cursor=abc&at_least=9").
		is(200, `{"hits":[],"next":null,"truncated":null,"behind":0,"indexed":{"seq":9}}`)
	want := ports.Search{
		Text: `"green tea"`, Room: "general", Public: true, Author: "bob", From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		To: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Has: "link", Limit: 50, Cursor: "abc", AtLeast: 9,
	}
	if !reflect.DeepEqual(f.asked, want) {
		t.Errorf("asked for %+v, want %+v", f.asked, want)
	}
	s.as("svc,act").ask("GET", "/v1/search?q=tea", "", "Parley-As", "user bob").is(200, `{"hits":[]}`)
	if f.by != "bob" {
		t.Errorf("a service that acts for bob searches for %s", f.by)
	}
	alice.gets("/v1/search").fails(422, "invalid", "q must not be empty")
}

func TestSearchesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	alice := serve(t, func(c *rest.Config, _ *messaging.Config) { c.Searcher = &finder{} }).as("alice").loosely()
	for query, want := range map[string]string{
		"limit=51": "limit must be a whole number from 1 to 50", "limit=0": "limit must be a whole number from 1 to 50",
		"public=maybe": "public must be true or false", "room=A": "room may have the characters a-z 0-9 . _ - : only, and starts with a letter or digit",
		"from=now": "from must be a time such as 2030-01-31T12:00:00Z (RFC 3339)", "to=2026": "to must be a time such as 2030-01-31T12:00:00Z (RFC 3339)",
		"q=cup": `the address has "q" twice`, "room=tea&%72oom=den": `the address has "room" twice`,
		"at_least=x":                         "at_least must be a whole number from 1 to 9007199254740991",
		"author=" + strings.Repeat("x", 129): "author is no user: user must have 1 to 128 characters",
	} {
		alice.gets("/v1/search?q=tea&"+query).fails(422, "invalid", want)
	}
	for _, name := range []string{"room", "author", "has", "from", "to"} {
		for _, empty := range []string{name, name + "="} { // it would be another search without it
			alice.gets("/v1/search?q=tea&"+empty).fails(422, "invalid", name+" must not be empty: leave it out instead")
		}
	}
	alice.gets("/v1/search?q=tea&public=").fails(422, "invalid", "public must be true or false")
	alice.gets("/v1/search?q=tea&cursor=&limit=&at_least=").is(200, `{"hits":[]}`) // from the beginning
}
