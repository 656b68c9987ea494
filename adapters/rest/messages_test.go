package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

func TestAConversation(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice").has("general"), s.as("bob")
	const messages = "/v1/rooms/general/messages"
	alice.posts(messages, `{"body":"Hello, <b>\"world\"</b> 界!\n ","key":"k1","meta":{"a": [1, null]}}`).
		is(201, `{"room":"general","seq":1,"at":"*","duplicate":false}`).
		with("Location", messages+"/1").with("Cache-Control", "no-store")
	bob.posts(messages, `{"body":"Hi","reply_to":1}`).is(201, `{"seq":2}`)
	bob.posts(messages, `{"body":"Hi","reply_to":3}`).fails(404, "not_found", "*")

	bob.patches(messages+"/1", `{"body":"mine"}`).fails(403, "forbidden", "you may edit your own messages only")
	alice.patches(messages+"/1", `{"body":"Hello!"}`).is(200, `{"room":"general","seq":3}`)
	bob.puts(messages+"/1/reactions/%F0%9F%91%8D", "").is(200, `{"room":"general","seq":4,"changed":true}`)
	bob.puts(messages+"/1/reactions/%F0%9F%91%8D", "").is(200, `{"room":"general","seq":4,"changed":false}`)
	alice.puts(messages+"/1/reactions/a%2Fb", "").is(200, `{"seq":5,"changed":true}`)
	alice.deletes(messages+"/1/reactions/a%2Fb").is(200, `{"seq":6,"changed":true}`)
	alice.deletes(messages+"/1/reactions/:party:").is(200, `{"seq":0,"changed":false}`)
	bob.deletes(messages+"/1").fails(403, "forbidden", "you may delete your own messages only")
	alice.deletes(messages+"/2").is(200, `{"room":"general","seq":7}`) // a moderator may
	bob.deletes(messages+"/2").is(200, `{"seq":7}`)
	bob.patches(messages+"/2", `{"body":"again"}`).fails(409, "conflict", "*")
	alice.deletes(messages+"/99").fails(404, "not_found", "*")

	bob.gets("/v1/rooms/general/entries").is(200, `{"room":"general","head":7,"more":false,"entries":[
		{"type":"message","room":"general","seq":1,"at":"*","author":{"id":"alice","name":"Alice"},"body":"Hello!","key":"k1",
			"meta":{"a":[1,null]},"edited_at":"*","deleted_at":null,"reactions":[{"emoji":"👍","count":1,"me":true}]},
		{"type":"message","seq":2,"author":{"id":"bob","name":"Bob"},"body":null,"reply_to":1,"deleted_at":"*","key":null},
		{"type":"edited","seq":3,"target":1,"body":"Hello!"},
		{"type":"reacted","seq":4,"target":1,"emoji":"👍","removed":false,"count":1},
		{"type":"reacted","seq":5,"target":1,"emoji":"a/b","removed":false,"count":1},
		{"type":"reacted","seq":6,"target":1,"emoji":"a/b","removed":true,"count":0},
		{"type":"deleted","seq":7,"target":2,"author":{"id":"alice"}}]}`)
}

func TestOneMessageIsReadInItsPresentForm(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice").has("general"), s.as("bob")
	const messages = "/v1/rooms/general/messages"
	alice.posts(messages, `{"body":"one","meta":{"a":1}}`).is(201, `{"seq":1}`)
	bob.posts(messages, `{"body":"two","key":"k","reply_to":1}`).is(201, `{"seq":2}`)
	bob.gets(messages+"/1").is(200, `{"type":"message","room":"general","seq":1,"author":{"id":"alice","name":"Alice"},"body":"one","meta":{"a":1},"edited_at":null}`).
		with("Cache-Control", "no-store")
	bob.gets(messages+"/2").is(200, `{"type":"message","seq":2,"body":"two","key":"k","reply_to":1}`)
	bob.gets(messages+"/%32").is(200, `{"seq":2}`)
	alice.patches(messages+"/1", `{"body":"one!"}`).is(200, `{"seq":3}`)
	bob.puts(messages+"/1/reactions/x", "").is(200, `{"seq":4}`)
	bob.gets(messages+"/1").is(200, `{"seq":1,"body":"one!","edited_at":"*","reactions":[{"emoji":"x","count":1,"me":true}]}`)
	alice.gets(messages+"/1").is(200, `{"reactions":[{"emoji":"x","count":1,"me":null}]}`)
	alice.deletes(messages+"/1").is(200, `{"seq":5}`)
	bob.gets(messages+"/1").is(200, `{"type":"message","seq":1,"body":null,"deleted_at":"*"}`)
	for _, seq := range []string{"3", "4", "5", "6", "9007199254740991"} { // changes, and nothing yet
		bob.gets(messages+"/"+seq).fails(404, "not_found", "there is no message "+seq+" in general")
	}
	bob.gets("/v1/rooms/absent/messages/1").fails(404, "not_found", "there is no room absent")
	alice.posts("/v1/rooms", `{"room":"den"}`).is(201, `{}`)
	alice.posts("/v1/rooms/den/messages", `{"body":"x"}`).is(201, `{"seq":1}`)
	bob.gets("/v1/rooms/den/messages/1").fails(404, "not_found", "there is no room den")
	s.as("").gets(messages+"/1").is(401, `{"error":{"code":"unauthenticated"}}`)
}

func TestKeysMayStandInQuotes(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general")
	send := func(header string) answer {
		return alice.loosely().ask("POST", "/v1/rooms/general/messages", `{"body":"x"}`, "Idempotency-Key", header)
	}
	for i, c := range []struct{ plain, quoted string }{
		{"k", `"k"`}, {`a"b\c`, `"a\"b\\c"`}, {"a b", `"a b"`}, {"8e03978e-40d5", `"8e03978e-40d5";v=1`}, {"p", `"p" ; q`}, {`it's"`, `"it's\""`},
	} {
		want := fmt.Sprintf(`{"seq":%d`, i+1)
		send(c.plain).is(201, want+`,"duplicate":false}`)
		send(c.quoted).is(200, want+`,"duplicate":true}`)
	}
	for _, header := range []string{`"`, `"k`, `"k\"`, `"k"k`, `"a\b"`, `""k"`, `"k" "l"`, `"\`} {
		send(header).is(422, `{"error":{"code":"invalid"}}`)
	}
	send(`""`).fails(422, "invalid", "key must have 1 to 64 characters")
	send("\xff").fails(422, "invalid", "key must be UTF-8")
	send("\"\xed\xa0\x80\"").fails(422, "invalid", "key must be UTF-8")
}

func TestHistoryComesInPages(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general")
	for i := range 5 {
		alice.says(fmt.Sprint("m", i+1))
	}
	alice.deletes("/v1/rooms/general/messages/5").is(200, `{"seq":6}`)
	for query, want := range map[string]string{
		"limit=2":                `{"entries":[{"seq":5},{"seq":6}],"more":true}`,
		"limit=2&before=3":       `{"entries":[{"seq":1},{"seq":2}],"more":false}`,
		"limit=2&before=9":       `{"entries":[{"seq":5},{"seq":6}],"more":true}`,
		"limit=2&after=0":        `{"entries":[{"seq":1},{"seq":2}],"more":true}`,
		"limit=2&after=4":        `{"entries":[{"seq":5},{"seq":6}],"more":false}`,
		"after=6":                `{"entries":[],"more":false,"head":6}`,
		"limit=2&only=messages":  `{"entries":[{"seq":4},{"seq":5}],"more":true}`,
		"only=messages&before=3": `{"entries":[{"seq":1},{"seq":2}],"more":false}`,
		"limit=&after=&before=":  `{"entries":[{"seq":1},{"seq":2},{"seq":3},{"seq":4},{"seq":5},{"seq":6}],"more":false}`,
	} {
		who := alice
		if query == "limit=&after=&before=" {
			who = alice.loosely() // an empty number counts as missing, and is not described
		}
		who.gets("/v1/rooms/general/entries?"+query).is(200, want)
	}
	for _, after := range []string{"7", "9007199254740991"} {
		alice.gets("/v1/rooms/general/entries?after="+after).is(422, `{"error":{"code":"invalid","reason":"ahead","head":6}}`)
	}
	for _, only := range []string{"only", "only=", "only=entries"} {
		alice.loosely().gets("/v1/rooms/general/entries?"+only).fails(422, "invalid", "only must be messages")
	}
	alice.gets("/v1/rooms/other/entries").fails(404, "not_found", "there is no room other")
}

func TestSendsCanBeRepeated(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	send := func(u user, body, key string) answer {
		if key == "" {
			return u.posts("/v1/rooms/general/messages", body)
		}
		return u.ask("POST", "/v1/rooms/general/messages", body, "Idempotency-Key", key)
	}
	send(alice, `{"body":"one"}`, "k1").is(201, `{"seq":1,"duplicate":false}`)
	send(alice, `{"body":"one"}`, "k1").is(200, `{"seq":1,"duplicate":true}`).with("Location", "/v1/rooms/general/messages/1")
	send(alice, `{"body":"other"}`, "k1").is(200, `{"seq":1,"duplicate":true}`)
	send(alice, `{"body":"one","key":"k1"}`, "").is(200, `{"seq":1,"duplicate":true}`)
	send(alice, `{"body":"two","key":"k1"}`, "k2").is(201, `{"seq":2,"duplicate":false}`) // the header wins
	send(s.as("bob"), `{"body":"one"}`, "k1").is(201, `{"seq":3,"duplicate":false}`)
	send(alice, `{"body":"x"}`, strings.Repeat("k", 65)).fails(422, "invalid", "key must have 1 to 64 characters")

	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 10 {
		wg.Go(func() {
			got := send(alice, `{"body":"race"}`, "k3")
			mu.Lock()
			defer mu.Unlock()
			if got.StatusCode == http.StatusCreated {
				made++
			}
			if !strings.Contains(got.text, `"seq":4,`) {
				t.Errorf("got %s, want seq 4", got.text)
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d of ten requests with one key made a message, want 1", made)
	}
}

// TestTextOfRequestsIsCopied sends many requests through few connections: text that is not copied
// out of a request's memory would be overwritten by the next request.
func TestTextOfRequestsIsCopied(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.as("alice").has("general")
	var wg sync.WaitGroup
	for u := range 4 {
		wg.Go(func() {
			name := fmt.Sprintf("user%d%s", u, strings.Repeat("x", u))
			for i := range 25 {
				mark := fmt.Sprintf("%s-%d", name, i)
				s.as(name).ask("POST", "/v1/rooms/general/messages", `{"body":"`+mark+`","meta":{"m":"`+mark+`"}}`, "Idempotency-Key", mark)
			}
		})
	}
	wg.Wait()
	entries := s.as("alice").gets("/v1/rooms/general/entries?limit=200").text
	for u := range 4 {
		name := fmt.Sprintf("user%d%s", u, strings.Repeat("x", u))
		for i := range 25 {
			mark := fmt.Sprintf("%s-%d", name, i)
			want := fmt.Sprintf(`"author":{"id":%q,"name":%q},"body":%q,"key":%q,"meta":{"m":%q}`, name, "U"+name[1:], mark, mark, mark)
			if !strings.Contains(entries, want) {
				t.Errorf("there is no %s", want)
			}
		}
	}
}

// stuck is a writer that never answers.
type stuck struct{ ports.Writer }

func (stuck) Write(context.Context, chat.Identity, ports.Change, func(ports.Receipt, error)) {}

// broken is a writer that always fails.
type broken struct{ ports.Writer }

func (broken) Write(_ context.Context, _ chat.Identity, _ ports.Change, done func(ports.Receipt, error)) {
	done(ports.Receipt{}, fmt.Errorf("the secret cause"))
}

func TestALogThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *rest.Config, _ *messaging.Config) { c.Writer, c.Timeout = stuck{}, time.Second })
	alice := s.as("alice").has("general")
	alice.posts("/v1/rooms/general/messages", `{"body":"hi"}`).with("Retry-After", "1").
		fails(503, "unavailable", "the service cannot reach a part that it needs; try again")
}

func TestAFaultOfTheService(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *rest.Config, _ *messaging.Config) { c.Writer = broken{} })
	alice := s.as("alice").has("general")
	got := alice.deletes("/v1/rooms/general/messages/1").is(500, `{"error":{"code":"internal"}}`)
	if strings.Contains(got.text, "secret") {
		t.Errorf("the cause is shown: %s", got.text)
	}
}

func TestUsersThatDoTooMuch(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ *rest.Config, c *messaging.Config) { c.RateLimit = messaging.Rate{PerSecond: 0.01, Burst: 2} })
	alice := s.as("alice").has("general").says("one")
	alice.posts("/v1/rooms/general/messages", `{"body":"two"}`).with("Retry-After", "100").
		is(429, `{"error":{"code":"rate_limited","message":"*"}}`)
	s.as("bob").says("one")
}

// sends records how sends were answered.
type sends struct {
	ports.Unobserved
	mu    sync.Mutex
	kinds []chat.Kind
}

func (s *sends) Sent(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.kinds = append(s.kinds, "")
		return
	}
	s.kinds = append(s.kinds, chat.AsError(err).Kind)
}

func TestSendsAreToldOfWithWhatCameOfThem(t *testing.T) {
	t.Parallel()
	told := &sends{}
	s := serve(t, func(rc *rest.Config, _ *messaging.Config) { rc.Observer = told })
	alice := s.as("alice")
	alice.posts("/v1/rooms", `{"room":"tea"}`).is(201, `{}`)
	alice.posts("/v1/rooms/tea/messages", `{"body":"hello","key":"k"}`).is(201, `{}`)
	alice.posts("/v1/rooms/tea/messages", `{"body":"hello","key":"k"}`).is(200, `{}`)
	alice.posts("/v1/rooms/tea/messages", `{"body":""}`).fails(422, "invalid", "*")
	alice.posts("/v1/rooms/tea/messages", `["hello"]`).fails(400, "bad_request", "*")
	alice.posts("/v1/rooms/nowhere/messages", `{"body":"hello"}`).fails(404, "not_found", "*")
	s.as("").posts("/v1/rooms/tea/messages", `{"body":"hello"}`).fails(401, "unauthenticated", "*")
	alice.gets("/v1/rooms/tea/entries").is(200, `{}`)
	told.mu.Lock()
	defer told.mu.Unlock()
	want := []chat.Kind{"", "", chat.Invalid, chat.BadRequest, chat.NotFound, chat.Unauthenticated}
	if !slices.Equal(told.kinds, want) {
		t.Errorf("told of sends with %q, want %q", told.kinds, want)
	}
}
