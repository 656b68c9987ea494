package rest_test

import (
	"net/url"
	"strings"
	"testing"
)

const forbidden = "as needs a token with the scope chat:act"

func TestAServiceActsForOthersByHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, service := s.as("alice").has("general"), s.as("svc,act")
	const messages = "/v1/rooms/general/messages"
	service.posts(messages, `{"as":{"user":"bob","name":"Bob"},"body":"hi","key":"k"}`).is(201, `{"seq":1}`)
	service.ask("POST", messages, `{"body":"hi","key":"k"}`, "Parley-As", "user bob").is(200, `{"seq":1,"duplicate":true}`)
	service.ask("POST", messages, `{"body":"hi","key":"k"}`, "Parley-As", "system").is(201, `{"seq":2,"duplicate":false}`)
	service.loosely().posts(messages, `{"as":null,"body":"hi","key":"k"}`).is(201, `{"seq":3}`)
	alice.gets(messages+"/1").is(200, `{"author":{"id":"bob","name":"Bob"},"via":"shop","key":"k"}`)
	alice.gets(messages+"/2").is(200, `{"author":{"id":"~system","name":"~system"},"via":"shop"}`)
	alice.gets(messages+"/3").is(200, `{"author":{"id":"svc","name":"Svc"},"via":null}`)

	service.ask("PUT", messages+"/3/reactions/x", "", "Parley-As", "user bob").is(200, `{"seq":4}`)
	service.ask("PATCH", messages+"/1", `{"body":"ho"}`, "Parley-As", "user bob").is(200, `{"seq":5}`)
	service.patches(messages+"/1", `{"body":"ho","as":{"user":"carol"}}`).fails(403, "forbidden", "*")
	service.ask("DELETE", messages+"/1", "", "Parley-As", "system").is(200, `{"seq":6}`)
	service.ask("GET", messages+"/3", "", "Parley-As", "user bob").is(200, `{"reactions":[{"emoji":"x","count":1,"me":true}]}`)
	service.ask("DELETE", messages+"/3/reactions/x", "", "Parley-As", "user bob").is(200, `{"seq":7}`)
	service.ask("GET", "/v1/rooms", "", "Parley-As", "user bob").is(200, `{"rooms":[{"room":"general"}]}`)

	service.posts("/v1/rooms", `{"room":"den","as":{"user":"bob"}}`).is(201, `{"role":"moderate"}`)
	service.gets("/v1/rooms/den").fails(404, "not_found", "*")
	service.ask("PATCH", "/v1/rooms/den", `{"name":"Den"}`, "Parley-As", "system").is(200, `{"name":"Den"}`)
	service.puts("/v1/rooms/den/members/alice", `{"role":"read","as":{"user":"bob"}}`).is(200, `{"user":"alice"}`)
	service.puts("/v1/rooms/den/members/bob", `{"banned":true,"as":{"system":true}}`).is(200, `{"banned":true}`)
	service.ask("GET", "/v1/rooms/den", "", "Parley-As", "user bob").fails(403, "forbidden", "*")
	service.ask("DELETE", "/v1/rooms/den/members/bob", "", "Parley-As", "system").is(204, "")
	service.ask("GET", "/v1/rooms/den/entries", "", "Parley-As", "system").is(200, `{"head":4}`)

	// An id is escaped as in a path.
	odd := "é 100%/~b"
	service.ask("POST", messages, `{"body":"hi"}`, "Parley-As", "user "+url.PathEscape(odd)).is(201, `{"seq":8}`)
	alice.gets(messages+"/8").is(200, `{"author":{"id":"`+odd+`"}}`)
}

func TestWhoMayNotActForOthersIsToldSo(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general").says("hi")
	for _, token := range []string{"alice", "alice,admin", "alice,general=moderate"} {
		who := s.as(token)
		who.posts("/v1/rooms/general/messages", `{"as":{"user":"bob"},"body":"hi"}`).fails(403, "forbidden", forbidden)
		who.posts("/v1/rooms/general/messages", `{"as":{"system":true},"body":"hi"}`).fails(403, "forbidden", forbidden)
		for _, as := range []string{"user bob", "system", "user alice"} {
			who.ask("GET", "/v1/rooms", "", "Parley-As", as).fails(403, "forbidden", forbidden)
			who.ask("DELETE", "/v1/rooms/general/messages/1", "", "Parley-As", as).fails(403, "forbidden", forbidden)
			who.ask("PUT", "/v1/rooms/general/members/bob", `{"role":"read"}`, "Parley-As", as).fails(403, "forbidden", forbidden)
		}
	}
	alice.gets("/v1/rooms/general").is(200, `{"head":1}`)
}

func TestForWhomIsSaidOneWay(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.as("alice").has("general")
	service := s.as("svc,act")
	for _, as := range []string{
		"bob", "user", "user ", "User bob", "system bob", "SYSTEM", "user\tbob", "user ~system", "user ~", "user ..", "user %", "user %zz", "user %00", "user %ff",
		"user " + strings.Repeat("x", 129), "system, system", `{"user":"bob"}`,
	} {
		service.ask("GET", "/v1/rooms/general", "", "Parley-As", as).fails(422, "invalid", "*")
	}
	service.ask("GET", "/v1/rooms/general", "", "Parley-As", "user "+strings.Repeat("x", 128)).is(200, `{}`)
	const messages = "/v1/rooms/general/messages"
	for _, body := range []string{
		`{"as":{},"body":"hi"}`, `{"as":{"user":"bob","system":true},"body":"hi"}`, `{"as":{"user":""},"body":"hi"}`, `{"as":{"user":"~system"},"body":"hi"}`,
		`{"as":{"user":"` + strings.Repeat("x", 129) + `"},"body":"hi"}`, `{"as":{"system":false},"body":"hi"}`, `{"as":{"system":true,"name":"S"},"body":"hi"}`,
	} {
		service.posts(messages, body).fails(422, "invalid", "*")
	}
	for _, body := range []string{`{"as":"bob","body":"hi"}`, `{"as":[],"body":"hi"}`, `{"as":{"user":7},"body":"hi"}`, `{"as":{"system":1},"body":"hi"}`} {
		service.posts(messages, body).fails(400, "bad_request", "*")
	}
	twice := "as must be there once: in one Parley-As, or in the body"
	service.ask("POST", messages, `{"as":{"user":"bob"},"body":"hi"}`, "Parley-As", "user bob").fails(422, "invalid", twice)
	s.as("alice").gets("/v1/rooms/general").is(200, `{"head":0}`)
}

func TestASendIsForAHead(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	const messages = "/v1/rooms/general/messages"
	alice.posts(messages, `{"body":"one","if_head":0,"key":"k"}`).is(201, `{"seq":1}`)
	alice.posts(messages, `{"body":"one","if_head":0,"key":"k"}`).is(200, `{"seq":1,"duplicate":true}`)
	moved := `{"error":{"code":"conflict","reason":"moved","head":1,"message":"if_head is 0, but the room's last entry is 1"}}`
	alice.posts(messages, `{"body":"two","if_head":0}`).is(409, moved)
	alice.posts(messages, `{"body":"two","if_head":1.0}`).is(201, `{"seq":2}`)
	alice.posts("/v1/rooms/new/messages", `{"body":"one","if_head":1}`).fails(404, "not_found", "*")
	for _, head := range []string{"-1", "9007199254740992", "1e300", "0.5"} {
		alice.posts(messages, `{"body":"x","if_head":`+head+`}`).fails(422, "invalid", "if_head must be a whole number from 0 to 9007199254740991")
	}
	alice.posts(messages, `{"body":"x","if_head":"1"}`).fails(400, "bad_request", "if_head must be a number")
	alice.gets("/v1/rooms/general").is(200, `{"head":2}`)
}

func TestASilentMessageIsUnreadForNobody(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice").has("general"), s.as("bob")
	const messages = "/v1/rooms/general/messages"
	alice.posts(messages, `{"body":"psst","silent":true}`).is(201, `{"seq":1}`)
	bob.posts(messages, `{"body":"psst","silent":true}`).fails(403, "forbidden", "*")
	s.as("svc,act").posts(messages, `{"as":{"user":"bob"},"body":"psst","silent":true}`).is(201, `{"seq":2}`)
	alice.posts(messages, `{"body":"hi","silent":false}`).is(201, `{"seq":3}`)
	bob.gets("/v1/rooms/general").is(200, `{"unread":1}`)
	bob.gets(messages+"/2").is(200, `{"silent":true}`)
	bob.gets(messages+"/3").is(200, `{"silent":null}`)
	alice.posts(messages, `{"body":"x","silent":"yes"}`).fails(400, "bad_request", "silent must be true or false")
}

func TestTheServicesOwnNamesGetNoPlace(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	for _, user := range []string{"~system", "~"} {
		alice.puts("/v1/rooms/general/members/"+user, `{"role":"read"}`).fails(422, "invalid", "*")
		alice.deletes("/v1/rooms/general/members/"+user).is(204, "") // an earlier release may have given them one
		alice.gets("/v1/rooms/general/members?after="+user).is(200, `{"members":[]}`)
	}
}
