package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestAUserIsCalledAsTheyWish(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice"), s.as("bob")
	bob.gets("/v1/users/alice").fails(404, "not_found", "nothing is known of this user")
	alice.puts("/v1/users/alice", `{"avatar":"https://example.com/a.png","custom":{"n":[1,{"x":"\u00e9"}]}}`).
		is(200, `{"id":"alice","name":"Alice","avatar":"https://example.com/a.png","custom":{"n":[1,{"x":"é"}]},"v":2}`).
		with("ETag", `"2"`).with("Cache-Control", "no-store")
	bob.gets("/v1/users/alice").is(200, `{"id":"alice","name":"Alice","v":2}`).with("ETag", `"2"`)
	alice.loosely().puts("/v1/users/alice", `{"name":" Ally ","avatar":null}`).is(200, `{"name":"Ally","avatar":"https://example.com/a.png","v":3}`)
	alice.puts("/v1/users/alice", `{"avatar":"","custom":{}}`).is(200, `{"name":"Ally","avatar":null,"custom":null,"v":4}`)
	alice.puts("/v1/users/alice", `{}`).is(200, `{"name":"Ally","v":4}`).with("ETag", `"4"`)

	bob.puts("/v1/users/alice", `{"name":"x"}`).fails(403, "forbidden", "you may set your own profile only")
	s.as("root,admin").puts("/v1/users/alice", `{"name":""}`).is(200, `{"id":"alice","name":null,"v":5}`)
	s.as("root,admin").puts("/v1/users/odd%2F%20%E2%98%95", `{"name":"Odd"}`).is(200, `{"id":"odd/ ☕","name":"Odd","v":1}`)
	bob.gets("/v1/users/odd%2F%20%E2%98%95").is(200, `{"id":"odd/ ☕"}`)
}

func TestAProfileIsSetByItsVersion(t *testing.T) {
	t.Parallel()
	admin := serve(t).as("root,admin")
	puts := func(match, name string) answer {
		return admin.ask("PUT", "/v1/users/bob", `{"name":"`+name+`"}`, "If-Match", match)
	}
	puts(`"1"`, "Bob").fails(412, "conflict", "it has been changed meanwhile: its version is 0")
	puts(`"0"`, "Bob").is(200, `{"v":1}`)
	puts(`"0"`, "Bob").is(412, `{"error":{"code":"conflict","reason":"stale","message":"it has been changed meanwhile: its version is 1"}}`)
	puts(`"1"`, "Bobby").is(200, `{"name":"Bobby","v":2}`)
	puts(`"1"`, "Robert").fails(412, "conflict", "it has been changed meanwhile: its version is 2")
	for _, match := range []string{`W/"2"`, `W/"x"`} {
		puts(match, "x").is(412, `{"error":{"code":"conflict","reason":"stale"}}`)
	}
	for _, match := range []string{`2`, `"2`, `W/2`, `**`, `"*"`, `"1", "2"`, `W/"1", W/"2"`, `"x"`, `"-1"`, `"02"`, `""`} {
		puts(match, "x").fails(422, "invalid", `If-Match must be one version, in quotes, as ETag has it: "7"`)
	}
	admin.gets("/v1/users/bob").is(200, `{"name":"Bobby","v":2}`)
	puts(`*`, "Bobbie").is(200, `{"v":3}`)
	admin.ask("PUT", "/v1/users/carol", `{"name":"Carol"}`, "If-Match", "*").
		is(412, `{"error":{"code":"conflict","reason":"stale","message":"there is nothing yet that it would change"}}`)
	admin.gets("/v1/users/carol").fails(404, "not_found", "*")
}

func TestManyUsersAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	admin, bob := s.as("root,admin"), s.as("bob")
	for _, user := range []string{"alice", "carol", "com%2Cma"} {
		admin.puts("/v1/users/"+user, `{"name":"The `+user[:3]+`"}`).is(200, `{"v":1}`)
	}
	bob.gets("/v1/users?ids=carol,nobody,alice,carol").is(200, `{"users":[{"id":"carol","name":"The car","v":1},{"id":"alice","v":1}],"rest":null}`)
	bob.gets("/v1/users?ids=carol%2Calice").is(200, `{"users":[{"id":"carol"},{"id":"alice"}]}`)
	bob.posts("/v1/users", `{"ids":["com,ma","alice"]}`).is(200, `{"users":[{"id":"com,ma","name":"The com"},{"id":"alice"}]}`)
	bob.posts("/v1/users", `{"ids":["nobody"]}`).is(200, `{"users":[]}`)
	bob.gets("/v1/users?ids=~system,alice").is(200, `{"users":[{"id":"alice"}],"rest":null}`)
	bob.posts("/v1/users", `{"ids":["~hook.aaaaaaaaaaaaaaaa","alice"]}`).is(200, `{"users":[{"id":"alice"}],"rest":null}`)

	many := func(n int) string { return strings.TrimSuffix(strings.Repeat("a,", n), ",") }
	quoted := func(n int) string { return `["` + strings.ReplaceAll(many(n), ",", `","`) + `"]` }
	bob.gets("/v1/users?ids="+many(100)).is(200, `{"users":[]}`)
	bob.posts("/v1/users", `{"ids":`+quoted(100)+`}`).is(200, `{"users":[]}`)
	long := strings.Repeat("x", 129)
	for query, message := range map[string]string{
		"ids=" + many(101):  "ids must have 1 to 100 users",
		"ids=":              "ids must have 1 to 100 users",
		"":                  "ids must have 1 to 100 users",
		"ids=a,,b":          "ids has one that is none: user must have 1 to 128 characters",
		"ids=a," + long:     "ids has one that is none: user must have 1 to 128 characters",
		"ids=..":            "ids has one that is none: user must not be . or ..: no address could name it",
		"ids=a%00b":         "ids has one that is none: user must not have control characters",
		"ids=a%FFb":         "ids has one that is none: user must be UTF-8",
		"ids=a,b%0A,c%2E%2": "ids has one that is none: user must not have control characters",
	} {
		bob.loosely().gets("/v1/users?"+query).fails(422, "invalid", message)
	}
	for body, message := range map[string]string{
		`{}`:                               "ids is missing",
		`{"ids":[]}`:                       "ids must have 1 to 100 users",
		`{"ids":` + quoted(101) + `}`:      "ids must have 1 to 100 users",
		`{"ids":["` + long + `"]}`:         "ids has one that is none: user must have 1 to 128 characters",
		`{"ids":[".."]}`:                   "ids has one that is none: user must not be . or ..: no address could name it",
		`{"ids":["a\ud800"]}`:              "ids must be Unicode text: there is half of a surrogate pair in it",
		`{"ids":["` + "\\u202e" + `",""]}`: "ids has one that is none: user must have 1 to 128 characters",
	} {
		bob.loosely().posts("/v1/users", body).fails(422, "invalid", message)
	}
	for _, body := range []string{`{"ids":"a"}`, `{"ids":{"a":1}}`, `{"ids":[1]}`, `{"ids":["a",null]}`, `{"ids":[["a"]]}`} {
		bob.loosely().posts("/v1/users", body).fails(400, "bad_request", "ids must be an array of strings")
	}
	for _, path := range []string{"%2e%2e", long, "%00"} {
		got := bob.loosely().gets("/v1/users/" + path)
		if !slices.Contains([]int{http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusBadRequest}, got.StatusCode) {
			t.Errorf("of %s: %d", path, got.StatusCode)
		}
	}
}

func TestABadProfileIsRefusedAndNothingIsSet(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice")
	alice.puts("/v1/users/alice", `{"name":"Alice A."}`).is(200, `{"name":"Alice A."}`)
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	custom := func(bytes int) string { return `{"x":"` + strings.Repeat("y", bytes-len(`{"x":""}`)) + `"}` }
	const unseen = "name must not have characters that are invisible or turn the text around"
	const address = "avatar must begin with https:// and a host, or be relative without one"
	const odd = "avatar must not have white space, characters that are invisible, nor any of <>\"\\^`{|}"
	for body, message := range map[string]string{
		`{"name":"` + strings.Repeat("n", 10_000) + `"}`: "name must have 1 to 128 characters",
		`{"name":"a\u0000b"}`:                            "name must not have control characters",
		`{"name":"a\nb"}`:                                "name must not have control characters",
		`{"name":"a\u202eb"}`:                            unseen,
		`{"name":"\u2067a"}`:                             unseen,
		`{"name":"\u200b"}`:                              unseen,
		`{"name":"  "}`:                                  "name must have a character that can be seen",
		`{"name":"\u200d"}`:                              "name must have a character that can be seen",
		`{"name":"a\ud800"}`:                             "name must be Unicode text: there is half of a surrogate pair in it",
		`{"avatar":"javascript:alert(1)"}`:               address,
		`{"avatar":"JavaScript:alert(1)"}`:               address,
		`{"avatar":"java\tscript:alert(1)"}`:             odd,
		`{"avatar":" javascript:alert(1)"}`:              odd,
		`{"avatar":"data:text/html,x"}`:                  address,
		`{"avatar":"http://example.com/a.png"}`:          address,
		`{"avatar":"//example.com/a.png"}`:               address,
		`{"avatar":"/\\example.com"}`:                    odd,
		`{"avatar":"https://"}`:                          address,
		`{"avatar":"https:///a.png"}`:                    address,
		`{"avatar":"https://bob@example.com/"}`:          address,
		`{"avatar":"https://a/\u202e"}`:                  odd,
		`{"avatar":"` + strings.Repeat("a", 2049) + `"}`: "avatar must have at most 2048 characters",
		`{"custom":` + custom(4097) + `}`:                "custom must have at most 4096 bytes",
		`{"custom":` + nested(33) + `}`:                  "custom must not nest deeper than 32 levels",
		`{"custom":{"a":"\ud800"}}`:                      "custom must be Unicode text: there is half of a surrogate pair in it",
		`{"custom":{"a":"\u0000"}}`:                      "custom must not have the character U+0000",
		`{"custom":{"a":1,"a":2}}`:                       "custom must not have two members of one name",
		`{"custom":{"a":1e999}}`:                         "custom must have numbers that a double holds only (IEEE 754, 64 bits)",
		`{"name":"fine","avatar":"/fine.png","custom":{"a":"\udc00 not fine"}}`: "custom must be Unicode text: there is half of a surrogate pair in it",
	} {
		alice.loosely().puts("/v1/users/alice", body).fails(422, "invalid", message)
	}
	for body, message := range map[string]string{
		`{"name":5}`: "name must be a string", `{"avatar":{}}`: "avatar must be a string", `{"custom":[]}`: "custom must be an object", `{"custom":"x"}`: "custom must be an object",
		`[]`: "the body must be one JSON object, in UTF-8",
	} {
		alice.loosely().puts("/v1/users/alice", body).fails(400, "bad_request", message)
	}
	alice.loosely().puts("/v1/users/..%2f", `{}`).is(403, `{}`)
	alice.gets("/v1/users/alice").is(200, `{"name":"Alice A.","avatar":null,"custom":null,"v":2}`)
	for _, body := range []string{
		`{"custom":` + custom(4096) + `}`, `{"custom":` + nested(32) + `}`, `{"avatar":"avatars/a.png?x=1#y"}`, `{"avatar":"/a.png"}`, `{"avatar":"https://[::1]:8443"}`,
		`{"name":"` + strings.Repeat("😀", 128) + `"}`, "{\"name\":\"نام\u200cمن\"}", "{\"name\":\"👩\u200d🚀\"}",
	} {
		alice.puts("/v1/users/alice", body).is(200, `{}`)
	}
}

func TestRoomsComeInOneCallWithTheirLastMessages(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice"), s.as("bob")
	for _, room := range []string{"general", "tea", "den"} {
		alice.has(room)
	}
	bob.says("one")
	bob.says("two")
	bob.deletes("/v1/rooms/general/messages/2").is(200, `{}`)
	bob.posts("/v1/rooms/tea/messages", `{"body":"green <b>tea</b>"}`).is(201, `{}`)
	alice.puts("/v1/rooms/tea/messages/1/reactions/%F0%9F%8D%B5", "").is(200, `{}`)
	alice.gets("/v1/rooms?sort=active").is(200, `{"rooms":[
		{"room":"tea","unread":1,"active_at":"*","last":{"type":"message","seq":1,"body":"green <b>tea</b>","author":{"id":"bob"},"reactions":[{"emoji":"🍵","count":1,"me":true}]}},
		{"room":"general","unread":1,"active_at":"*","last":{"seq":2,"body":null,"deleted_at":"*"}},
		{"room":"den","unread":0,"active_at":"*","last":null}],"next":null,"truncated":null}`)
	alice.gets("/v1/rooms?sort=name").is(200, `{"rooms":[{"room":"den","active_at":null},{"room":"general","last":{"seq":2}},{"room":"tea"}]}`)
	alice.gets("/v1/rooms?sort=id&limit=2").is(200, `{"rooms":[{"room":"den"},{"room":"general","last":{"seq":2}}],"next":"*"}`)
	alice.gets("/v1/rooms").is(200, `{"rooms":[{"room":"den","last":null},{"room":"general","last":null},{"room":"tea","last":null}]}`)

	next := alice.gets("/v1/rooms?sort=active&limit=1").is(200, `{"rooms":[{"room":"tea"}],"next":"*"}`).member("next")
	alice.says("three")
	second := alice.gets("/v1/rooms?sort=active&limit=1&cursor="+url.QueryEscape(next)).is(200, `{"rooms":[{"room":"general"}]}`).member("next")
	alice.gets("/v1/rooms?sort=active&limit=5&cursor="+url.QueryEscape(second)).is(200, `{"rooms":[{"room":"den"}],"next":null}`)

	const bad = "cursor must be the next of a page before, of the same user, sort and log; begin without one"
	cut, short := next[:len(next)-1], next[:8]
	for query, message := range map[string]string{
		"sort=active&limit=0":                "limit must be a whole number from 1 to 200",
		"sort=active&limit=201":              "limit must be a whole number from 1 to 200",
		"sort=Active":                        "sort must be active, name or id",
		"sort=":                              "sort must be active, name or id",
		"cursor=" + next:                     "sort must be active, name or id",
		"sort=name&after=den":                "after goes without sort; with it the next page has a cursor",
		"sort=name&cursor=" + next:           bad,
		"sort=active&cursor=" + cut:          bad,
		"sort=active&cursor=" + short:        bad,
		"sort=active&cursor=x":               bad,
		"sort=active&cursor=%2e%2e%2f":       bad,
		"sort=active&cursor=" + next + "%3D": bad,
		fmt.Sprint("sort=id&cursor=", strings.Repeat("A", 9000)): bad,
	} {
		alice.loosely().gets("/v1/rooms?"+query).fails(422, "invalid", message)
	}
	bob.loosely().gets("/v1/rooms?sort=active&cursor="+next).fails(422, "invalid", bad)
}

// member returns text of the answer.
func (a answer) member(name string) string {
	a.t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(a.text), &members); err != nil {
		a.t.Fatal(err)
	}
	text, ok := members[name].(string)
	if !ok {
		a.t.Fatalf("%s: there is no %s in %s", a.asked, name, a.text)
	}
	return text
}
