package rest_test

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/core/messaging"
)

func TestRoomsAreMadeShownAndChanged(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice"), s.as("bob")
	alice.posts("/v1/rooms", `{"room":"team:a.b_c-1","name":" Team A "}`).
		is(201, `{"room":"team:a.b_c-1","name":"Team A","public":false,"archived":false,"head":0,"role":"moderate","read":0,"unread":0,"created_at":"*"}`).
		with("Location", "/v1/rooms/team:a.b_c-1").with("Cache-Control", "no-store")
	alice.posts("/v1/rooms", `{"room":"team:a.b_c-1"}`).fails(409, "conflict", "*")
	bob.gets("/v1/rooms/team:a.b_c-1").fails(404, "not_found", "there is no room team:a.b_c-1")
	bob.patches("/v1/rooms/team:a.b_c-1", `{"name":"mine"}`).fails(404, "not_found", "there is no room team:a.b_c-1")

	alice.patches("/v1/rooms/team:a.b_c-1", `{"public":true}`).is(200, `{"public":true,"name":"Team A","head":1}`)
	bob.gets("/v1/rooms/team:a.b_c-1").is(200, `{"role":"write","public":true}`)
	bob.patches("/v1/rooms/team:a.b_c-1", `{"name":"mine"}`).
		fails(403, "forbidden", "this needs the role moderate in team:a.b_c-1; yours is write")
	alice.patches("/v1/rooms/team:a.b_c-1", `{"name":"","archived":true}`).is(200, `{"name":"","archived":true,"public":true}`)
	alice.patches("/v1/rooms/team:a.b_c-1", `{}`).is(200, `{"name":"","archived":true,"public":true,"head":3}`)
	alice.posts("/v1/rooms/team:a.b_c-1/messages", `{"body":"hi"}`).fails(409, "conflict", "*")
	alice.patches("/v1/rooms/team:a.b_c-1", `{"archived":false}`).is(200, `{"archived":false}`)
	alice.posts("/v1/rooms/team:a.b_c-1/messages", `{"body":"hi"}`).is(201, `{"seq":5}`)
	alice.deletes("/v1/rooms/team:a.b_c-1").is(200, `{"archived":true,"head":6,"unread":0}`)
	alice.deletes("/v1/rooms/team:a.b_c-1").is(200, `{"archived":true,"head":6}`)
}

func TestRoomsOfAUserComeInPages(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice")
	alice.gets("/v1/rooms").is(200, `{"rooms":[],"next":null}`)
	for _, room := range []string{"b", "a", "c"} {
		alice.has(room)
	}
	s.as("bob").has("d")
	alice.gets("/v1/rooms").is(200, `{"rooms":[{"room":"a"},{"room":"b"},{"room":"c"}],"next":null}`)
	alice.gets("/v1/rooms?limit=2").is(200, `{"rooms":[{"room":"a"},{"room":"b"}],"next":"b"}`)
	alice.gets("/v1/rooms?limit=2&after=b").is(200, `{"rooms":[{"room":"c"}],"next":null}`)
	for query, message := range map[string]string{
		"limit=0":    "limit must be a whole number from 1 to 200",
		"limit=201":  "limit must be a whole number from 1 to 200",
		"limit=many": "limit must be a whole number from 1 to 200",
		"limit=1.5":  "limit must be a whole number from 1 to 200",
		"after=A":    "room may have the characters a-z 0-9 . _ - : only, and starts with a letter or digit",
	} {
		alice.gets("/v1/rooms?"+query).fails(422, "invalid", message)
	}
	for _, query := range []string{"all=", "all", "all=yes", "all=yes&sort=id"} {
		alice.loosely().gets("/v1/rooms?"+query).fails(422, "invalid", "all must be true or false")
	}
}

func TestRoomsAreMadeWithinTheGrantsOfAToken(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.as("bot,ops-*=write").posts("/v1/rooms", `{"room":"ops-1"}`).
		fails(403, "forbidden", "your token does not grant moderate in ops-1")
	s.as("bot,ops-*=moderate").posts("/v1/rooms", `{"room":"ops-1"}`).is(201, `{"role":"moderate"}`)
	s.as("root,admin").patches("/v1/rooms/ops-1", `{"name":"Ops"}`).is(200, `{"name":"Ops","role":"moderate"}`)
}

func TestBodiesThatAreNotGood(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	const rooms, room, messages, member = "/v1/rooms", "/v1/rooms/general", "/v1/rooms/general/messages", "/v1/rooms/general/members/bob"
	const unreadable, charset = "the body must be one JSON object, in UTF-8", "room may have the characters a-z 0-9 . _ - : only, and starts with a letter or digit"
	for _, test := range []struct {
		method, path, body string
		status             int
		message            string
	}{
		{"POST", rooms, ``, 415, "the body must be application/json, and not compressed"},
		{"POST", rooms, `{`, 400, unreadable},
		{"POST", rooms, `[]`, 400, unreadable},
		{"POST", rooms, `null`, 400, unreadable},
		{"POST", rooms, `"x"`, 400, unreadable},
		{"POST", rooms, `{"room":"a"} {}`, 400, unreadable},
		{"POST", rooms, "{\"room\":\"a\",\"name\":\"\xff\"}", 400, unreadable},
		{"POST", rooms, strings.Repeat("[", 60000), 400, unreadable},
		{"POST", rooms, `{}`, 422, "room is missing"},
		{"POST", rooms, `{"room":null}`, 422, "room is missing"},
		{"POST", rooms, `{"Room":"a"}`, 422, "room is missing"},
		{"POST", rooms, `{"room":1}`, 400, "room must be a string"},
		{"POST", rooms, `{"room":""}`, 422, "room must have 1 to 64 characters"},
		{"POST", rooms, `{"room":"` + strings.Repeat("a", 65) + `"}`, 422, "room must have 1 to 64 characters"},
		{"POST", rooms, `{"room":"A"}`, 422, charset},
		{"POST", rooms, `{"room":"a","name":1}`, 400, "name must be a string"},
		{"POST", rooms, `{"room":"a","name":"` + strings.Repeat("n", 129) + `"}`, 422, "name must have 1 to 128 characters"},
		{"POST", rooms, `{"room":"a","public":"yes"}`, 400, "public must be true or false"},
		{"PATCH", room, `{"name":[]}`, 400, "name must be a string"},
		{"PATCH", room, `{"name":"a\u0000"}`, 422, "name must not have control characters"},
		{"PATCH", room, `{"public":1}`, 400, "public must be true or false"},
		{"PATCH", room, `{"archived":{}}`, 400, "archived must be true or false"},
		{"PATCH", room, `nonsense`, 400, unreadable},
		{"POST", messages, `{}`, 422, "body is missing"},
		{"POST", messages, `{"body":["a"]}`, 400, "body must be a string"},
		{"POST", messages, `{"body":" \n"}`, 422, "body must have 1 to 4000 characters"},
		{"POST", messages, `{"body":"` + strings.Repeat("界", 4001) + `"}`, 422, "body must have 1 to 4000 characters"},
		{"POST", messages, `{"body":"\u0007"}`, 422, "body must not have control characters but line feed and tab"},
		{"POST", messages, `{"body":"a","key":""}`, 422, "key must have 1 to 64 characters"},
		{"POST", messages, `{"body":"a","key":7}`, 400, "key must be a string"},
		{"POST", messages, `{"body":"a","reply_to":"1"}`, 400, "reply_to must be a number"},
		{"POST", messages, `{"body":"a","reply_to":0}`, 422, "reply_to must be a whole number from 1 to 9007199254740991"},
		{"POST", messages, `{"body":"a","reply_to":1.5}`, 422, "reply_to must be a whole number from 1 to 9007199254740991"},
		{"POST", messages, `{"body":"a","reply_to":1e400}`, 422, "reply_to must have numbers that a double holds only (IEEE 754, 64 bits)"},
		{"POST", messages, `{"body":"a","reply_to":9007199254740992}`, 422, "reply_to must be a whole number from 1 to 9007199254740991"},
		{"POST", messages, `{"body":"a","meta":"x"}`, 400, "meta must be an object"},
		{"POST", messages, `{"body":"a","meta":{"x":"` + strings.Repeat("x", 4096) + `"}}`, 422, "meta must have at most 4096 bytes"},
		{"POST", messages, `{"body":"a","meta":{"a":"\u0000"}}`, 422, "meta must not have the character U+0000"},
		{"POST", messages, `{"body":"a","meta":{"a":[` + strings.Repeat(`{"a":`, 40) + "{}" + strings.Repeat("}", 40) + `]}}`, 422, "meta must not nest deeper than 32 levels"},
		{"POST", messages, `{"body":"a","key":"\ud800"}`, 422, "key must be Unicode text: there is half of a surrogate pair in it"},
		{"POST", messages, `{"body":"a","body":"b"}`, 422, "body must not be there twice"},
		{"POST", rooms, `{"room":"a","name":"\udfff"}`, 422, "name must be Unicode text: there is half of a surrogate pair in it"},
		{"PATCH", messages + "/1", `{"text":"a"}`, 422, "body is missing"},
		{"PATCH", messages + "/1", `nonsense`, 400, unreadable},
		{"PUT", member, `{}`, 422, "role is missing"},
		{"PUT", member, `{"banned":false}`, 422, "role is missing"},
		{"PUT", member, `{"role":"none"}`, 422, "role must be read, write or moderate"},
		{"PUT", member, `{"role":2}`, 400, "role must be a string"},
		{"PUT", member, `{"banned":"yes"}`, 400, "banned must be true or false"},
		{"PUT", member, `{"role":"read","banned":true}`, 422, "role and banned exclude each other"},
		{"PUT", member, `nonsense`, 400, unreadable},
	} {
		code := map[int]string{400: "bad_request", 415: "bad_request", 422: "invalid"}[test.status]
		alice.ask(test.method, test.path, test.body).fails(test.status, code, test.message)
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/jsonp", ";"} {
		alice.ask("POST", rooms, `{"room":"a"}`, "Content-Type", kind).fails(415, "bad_request", "the body must be application/json, and not compressed")
	}
	alice.ask("POST", rooms, `{"room":"a"}`, "Content-Encoding", "gzip").fails(415, "bad_request", "the body must be application/json, and not compressed")
	alice.patches(room, `{"pad":"`+strings.Repeat("x", 70_000)+`"}`).fails(413, "bad_request", "the body is too large")
	alice.loosely().patches(room, `{"name":null,"public":null,"archived":null}`).is(200, `{"public":true,"head":0}`)
	alice.loosely().posts(messages, `{"body":"a","key":null,"reply_to":null,"meta":null}`).is(201, `{"seq":1}`)
	alice.ask("POST", rooms, `{"room":"y","extra":{"a":[1]},"Public":true}`, "Content-Type", "Application/JSON; charset=utf-8").
		is(201, `{"room":"y","public":false}`)
}

func TestAddressesThatAreNotGood(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general")
	const charset = "room may have the characters a-z 0-9 . _ - : only, and starts with a letter or digit"
	for _, test := range []struct {
		method, path string
		status       int
		message      string
	}{
		{"GET", "/v1/rooms/General", 422, charset},
		{"GET", "/v1/rooms/a%2Fb", 422, charset},
		{"GET", "/v1/rooms/%E7%95%8C/entries", 422, charset},
		{"PATCH", "/v1/rooms/General", 422, charset},
		{"DELETE", "/v1/rooms/General", 422, charset},
		{"POST", "/v1/rooms/General/messages", 422, charset},
		{"GET", "/v1/rooms/General/members", 422, charset},
		{"PUT", "/v1/rooms/General/members/bob", 422, charset},
		{"DELETE", "/v1/rooms/General/members/bob", 422, charset},
		{"DELETE", "/v1/rooms/General/messages/1", 422, charset},
		{"PATCH", "/v1/rooms/general/messages/0", 422, "seq must be a whole number from 1 to 9007199254740991"},
		{"DELETE", "/v1/rooms/general/messages/one", 422, "seq must be a whole number from 1 to 9007199254740991"},
		{"PUT", "/v1/rooms/general/messages/-1/reactions/a", 422, "seq must be a whole number from 1 to 9007199254740991"},
		{"PUT", "/v1/rooms/general/messages/1/reactions/a%20b", 422, "emoji must not have white space"},
		{"PUT", "/v1/rooms/general/messages/1/reactions/" + strings.Repeat("a", 33), 422, "emoji must have 1 to 32 characters"},
		{"DELETE", "/v1/rooms/general/messages/1/reactions/%FF", 422, "emoji must be UTF-8"},
		{"PUT", "/v1/rooms/general/members/" + strings.Repeat("a", 129), 422, "user must have 1 to 128 characters"},
		{"DELETE", "/v1/rooms/general/members/a%00", 422, "user must not have control characters"},
		{"GET", "/v1/rooms/general/members?after=%0A", 422, "user must not have control characters"},
		{"GET", "/v1/rooms/general/members?limit=0", 422, "limit must be a whole number from 1 to 200"},
		{"GET", "/v1/rooms/general/entries?limit=0", 422, "limit must be a whole number from 1 to 200"},
		{"GET", "/v1/rooms/general/entries?before=0", 422, "before must be a whole number from 1 to 9007199254740991"},
		{"GET", "/v1/rooms/general/entries?after=-1", 422, "after must be a whole number from 0 to 9007199254740991"},
		{"GET", "/v1/rooms/general/entries?after=1&before=3", 422, "before and after exclude each other"},
		{"GET", "/v1/rooms/general/entries?only=edits", 422, "only must be messages"},
		{"GET", "/v1/search?q=hello", 404, "this service has no search"},
		{"GET", "/v1", 404, "there is nothing at this address"},
		{"GET", "/v2/rooms", 404, "there is nothing at this address"},
		{"PUT", "/v1/rooms", 405, "this address does not take this method"},
		{"GET", "/v1/rooms/general/messages", 405, "this address does not take this method"},
		{"DELETE", "/v1/rooms/general/messages/01", 422, "seq must be a whole number from 1 to 9007199254740991"},
		{"DELETE", "/v1/rooms/general/messages/+1", 422, "seq must be a whole number from 1 to 9007199254740991"},
		{"DELETE", "/v1/rooms/general/messages/1e0", 422, "seq must be a whole number from 1 to 9007199254740991"},
		{"DELETE", "/v1/rooms/general/messages/1%2f", 422, "seq must be a whole number from 1 to 9007199254740991"},
		{"GET", "/v1/rooms/general/messages/18446744073709551617", 422, "seq must be a whole number from 1 to 9007199254740991"},
		{"GET", "/v1/rooms/general/entries?limit=%2B1", 422, "limit must be a whole number from 1 to 200"},
		{"GET", "/v1/rooms/general/entries?limit=+1", 422, "limit must be a whole number from 1 to 200"},
		{"GET", "/v1/rooms/general/entries?limit=1e1", 422, "limit must be a whole number from 1 to 200"},
		{"GET", "/v1/rooms/general/entries?after=00", 422, "after must be a whole number from 0 to 9007199254740991"},
		{"GET", "/v1/rooms/general/members?after=%FF", 422, "user must be UTF-8"},
		{"GET", "/v1/rooms/general/members?after=%ED%A0%80", 422, "user must be UTF-8"},
		{"GET", "/v1/rooms/general/members?after=..", 422, "user must not be . or ..: no address could name it"},
	} {
		code := map[int]string{404: "not_found", 405: "bad_request", 422: "invalid"}[test.status]
		alice.ask(test.method, test.path, "").fails(test.status, code, test.message)
	}
}

func TestTheFirstMessageMakesARoom(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ *rest.Config, m *messaging.Config) {
		m.Autocreate, m.RoomsLimit = true, messaging.Rate{PerSecond: 1. / 3600, Burst: 1}
	})
	alice, bot := s.as("alice"), s.as("bot,lobby=write")
	for _, path := range []string{"", "/entries", "/members", "/messages/1"} {
		alice.gets("/v1/rooms/general"+path).fails(404, "not_found", "*")
	}
	alice.gets("/v1/rooms/lounge").is(200, `{"room":"lounge","name":"","public":true,"archived":false,"head":0,"role":"write","read":0,"unread":0,"created_at":null}`)
	alice.gets("/v1/rooms/lounge/entries").is(200, `{"head":0,"entries":[],"more":false}`)
	alice.gets("/v1/rooms/lounge/members").is(200, `{"members":[],"next":null}`)
	alice.gets("/v1/rooms").is(200, `{"rooms":[],"next":null}`)
	alice.patches("/v1/rooms/lounge", `{"name":"mine"}`).fails(403, "forbidden", "*")
	alice.patches("/v1/rooms/general", `{"name":"mine"}`).fails(404, "not_found", "there is no room general")
	alice.posts("/v1/rooms/general/messages", `{"body":"hello"}`).is(201, `{"seq":1,"duplicate":false,"made":{"moderator":"alice"}}`)
	alice.posts("/v1/rooms/general/messages", `{"body":"again"}`).is(201, `{"seq":2,"duplicate":false,"made":null}`)
	alice.gets("/v1/rooms/general").is(200, `{"role":"moderate","head":2,"created_at":"*"}`)
	alice.gets("/v1/rooms").is(200, `{"rooms":[{"room":"general"}],"next":null}`)
	bot.posts("/v1/rooms/lobby/messages", `{"body":"hello"}`).is(201, `{"seq":1,"made":{}}`)
	for path, body := range map[string]string{"/v1/rooms/another/messages": `{"body":"x"}`, "/v1/rooms": `{"room":"another"}`} {
		alice.posts(path, body).
			fails(429, "rate_limited", "you have made too many rooms; wait before you make another one")
	}
	bot.posts("/v1/rooms/general/messages", `{"body":"x"}`).fails(404, "not_found", "there is no room general")
}
