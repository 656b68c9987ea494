package rest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func commands(list ...string) string { return `{"commands":[` + strings.Join(list, ",") + `]}` }

func say(room, key string) string {
	return fmt.Sprintf(`{"type":"send","room":%q,"body":"hi","key":%q}`, room, key)
}

func TestABatchDoesWhatTheSocketDoes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	alice.posts("/v1/rooms", `{"room":"den"}`).is(201, `{}`)
	service := s.as("svc,act")
	bob := `"as":{"user":"bob","name":"Bob"}`
	text := commands(
		`{"type":"send","id":"a","room":"general","body":"one","key":"1",`+bob+`}`,
		`{"type":"send","room":"general","body":"two","key":"1",`+bob+`}`,
		`{"type":"edit","room":"general","seq":1,"body":"uno",`+bob+`}`,
		`{"type":"react","room":"general","seq":1,"emoji":"x"}`,
		`{"type":"react","room":"general","seq":1,"emoji":"x"}`,
		`{"type":"send","room":"den","body":"x","key":"1",`+bob+`}`,
		`{"type":"send","room":"den","body":"x","key":"1","as":{"system":true}}`,
		`{"type":"read","room":"general","seq":3,`+bob+`}`,
		`{"type":"delete","room":"general","seq":1,"as":{"system":true}}`,
		`{"type":"send","room":"new","body":"x","key":"1",`+bob+`}`,
	)
	want := `{"results":[
		{"type":"ok","id":"a","room":"general","seq":1,"duplicate":false}, {"type":"ok","id":null,"seq":1,"duplicate":true}, {"type":"ok","seq":2},
		{"type":"ok","seq":3,"changed":true}, {"type":"ok","seq":3,"changed":false},
		{"type":"error","code":"not_found"}, {"type":"ok","room":"den","seq":1},
		{"type":"ok","read":3,"unread":0}, {"type":"ok","seq":4},
		{"type":"error","code":"not_found"}
	]}`
	service.posts("/v1/batch", text).is(200, want)
	alice.gets("/v1/rooms/general/entries").is(200, `{"head":4}`)
	alice.gets("/v1/rooms/general/messages/1").is(200, `{"author":{"name":"Bob"},"via":"shop","deleted_at":"*","body":null}`)
	// As a whole it may be for somebody, and each command for another.
	service.ask("POST", "/v1/batch", commands(say("general", "2"), `{"type":"send","room":"general","body":"x","key":"2","as":{"system":true}}`), "Parley-As", "user bob").
		is(200, `{"results":[{"seq":5},{"seq":6}]}`)
	service.posts("/v1/batch", `{"as":{"user":"carol"},"commands":[`+say("general", "2")+`]}`).is(200, `{"results":[{"seq":7}]}`)
	for seq, author := range map[int]string{5: "bob", 6: "~system", 7: "carol"} {
		alice.gets(fmt.Sprint("/v1/rooms/general/messages/", seq)).is(200, `{"author":{"id":"`+author+`"}}`)
	}
}

func TestABadCommandOfABatchSpoilsNoOther(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	bad := map[string]string{
		`{"type":"send","room":"general","body":"x"}`:                                   "invalid",
		`{"type":"send","room":"general","key":"k"}`:                                    "invalid",
		`{"type":"send","room":"General","body":"x","key":"k"}`:                         "invalid",
		`{"type":"send","room":"general","body":"x","key":"k","if_head":-1}`:            "invalid",
		`{"type":"send","room":"general","body":"x","key":"k","if_head":99}`:            "conflict",
		`{"type":"send","room":"general","body":"\ud800","key":"k"}`:                    "invalid",
		`{"type":"send","room":"general","body":"x","key":"k","meta":{"a":1,"a":2}}`:    "invalid",
		`{"type":"send","room":"general","body":"x","key":"k","as":{"user":"bob"}}`:     "forbidden",
		`{"type":"send","room":"general","body":"x","key":"k","as":{"user":"~system"}}`: "invalid",
		`{"type":"send","room":"general","body":7,"key":"k"}`:                           "bad_request",
		`{"type":"edit","room":"general","seq":99,"body":"x"}`:                          "not_found",
		`{"type":"read","room":"general","seq":99}`:                                     "invalid",
		`{"type":"join","room":"general"}`:                                              "invalid",
		`{"type":"history","room":"general"}`:                                           "invalid",
		`{"type":"typing","room":"general"}`:                                            "invalid",
		`{"type":"ping"}`:                                                               "invalid",
		`{"type":"auth","token":"bob"}`:                                                 "invalid",
		`{"type":"batch","commands":[` + say("general", "x") + `]}`:                     "unknown_type",
		`{"type":"dance"}`:              "unknown_type",
		`{}`:                            "bad_request",
		`null`:                          "bad_request",
		`7`:                             "bad_request",
		`"send"`:                        "bad_request",
		`[` + say("general", "x") + `]`: "bad_request",
	}
	n := 0
	for command, code := range bad {
		n += 2
		text := commands(say("general", fmt.Sprint("before", n)), command, say("general", fmt.Sprint("behind", n)))
		got := alice.loosely().posts("/v1/batch", text)
		got.is(200, fmt.Sprintf(`{"results":[{"type":"ok","seq":%d},{"type":"error","code":%q},{"type":"ok","seq":%d}]}`, n-1, code, n))
		if command == `{"type":"send","room":"general","body":"x"}` && !strings.Contains(got.text, "commands[1]") {
			t.Errorf("the index is not named: %s", got.text)
		}
	}
	alice.gets("/v1/rooms/general").is(200, fmt.Sprintf(`{"head":%d}`, n))
}

func atomic(room string, of ...string) string {
	return `{"atomic":"` + room + `",` + strings.TrimPrefix(commands(of...), "{")
}

func TestAnAtomicBatchIsDoneAsAWhole(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	s.as("root,admin").puts("/v1/rooms/general/members/bob", `{"role":"write"}`).is(200, `{}`)
	service := s.as("svc,act")
	text := atomic("general",
		`{"type":"send","id":"a","room":"general","body":"one","key":"1","as":{"user":"bob","name":"Bob"}}`,
		`{"type":"send","room":"general","body":"two","key":"2","reply_to":2,"if_head":2,"as":{"system":true}}`,
		`{"type":"set","room":"general","set":"x.state","data":"open","key":"3","as":{"user":"bob"}}`,
		`{"type":"react","room":"general","seq":2,"emoji":"x","key":"4","as":{"system":true}}`,
		`{"type":"pin","room":"general","seq":2,"key":"5","as":{"system":true}}`,
	)
	service.posts("/v1/batch", text).is(200, `{"results":[
		{"type":"ok","id":"a","room":"general","seq":2,"duplicate":false}, {"type":"ok","seq":3,"duplicate":false},
		{"type":"ok","seq":4,"changed":true}, {"type":"ok","seq":5,"changed":true}, {"type":"ok","seq":6,"changed":true}
	]}`)
	service.posts("/v1/batch", text).is(200, `{"results":[
		{"type":"ok","id":"a","room":"general","seq":2,"duplicate":true}, {"type":"ok","seq":3,"duplicate":true},
		{"type":"ok","seq":4}, {"type":"ok","seq":5}, {"type":"ok","seq":6}
	]}`)
	alice.gets("/v1/rooms/general").is(200, `{"head":6}`)
	// As a whole it may be for somebody.
	service.ask("POST", "/v1/batch", atomic("general", say("general", "6"), say("general", "7")), "Parley-As", "user bob").is(200, `{"results":[{"seq":7},{"seq":8}]}`)
}

func TestAnAtomicBatchIsNotDoneInPart(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general").has("den").says("one").says("two")
	alice.deletes("/v1/rooms/general/messages/2").is(200, `{}`)
	first, last := say("general", "first"), `{"type":"edit","room":"general","seq":1,"body":"uno","key":"last"}`
	for command, want := range map[string]string{
		`{"type":"edit","room":"general","seq":2,"body":"x","key":"k"}`:             `"conflict","message":"the message is deleted","reason":null`,
		`{"type":"edit","room":"general","seq":99,"body":"x","key":"k"}`:            `"not_found"`,
		`{"type":"edit","room":"general","seq":1,"body":"x"}`:                       `"invalid","message":"key of commands[1] is missing: what is done together must be repeatable"`,
		`{"type":"send","room":"general","body":"x"}`:                               `"invalid"`,
		`{"type":"send","room":"general","body":"x","key":"k","if_head":2}`:         `"conflict","reason":"moved","head":4`,
		`{"type":"send","room":"general","body":"x","key":"k","as":{"user":"bob"}}`: `"forbidden"`,
		`{"type":"send","room":"den","body":"x","key":"k"}`:                         `"invalid","message":"commands[1] is of another room than atomic says"`,
		`{"type":"read","room":"general","seq":1}`:                                  `"invalid","message":"an atomic batch does not take read"`,
		`{"type":"typing","room":"general"}`:                                        `"invalid","message":"an atomic batch does not take typing"`,
		`{"type":"pin","room":"general","seq":1,"key":7}`:                           `"bad_request","message":"key must be a string"`,
		`{"type":"dance"}`: `"unknown_type"`,
		`7`:                `"bad_request"`,
		`{"type":"react","room":"general","seq":1,"emoji":"x","key":"first"}`:                   `"conflict","message":"key was used for entry 4, which is something else"`,
		`{"type":"send","room":"general","body":"x","key":"k","reply_to":77,"id":"mine"}`:       `"not_found","id":"mine"`,
		`{"type":"send","room":"general","body":"x","key":"k","silent":true,"as":{"user":"~"}}`: `"invalid"`,
	} {
		undone := `{"type":"error","code":"conflict","reason":"undone","message":"nothing of it was done, because of commands[1]"}`
		alice.loosely().posts("/v1/batch", atomic("general", first, command, last)).is(200, `{"results":[`+undone+`,{"type":"error","code":`+want+`},`+undone+`]}`)
	}
	// No two may set the same.
	set := func(key string) string {
		return `{"type":"set","room":"general","set":"x.a","data":"` + key + `","key":"` + key + `"}`
	}
	alice.posts("/v1/batch", atomic("general", set("a"), first, set("b"))).
		is(200, `{"results":[{"reason":"undone"},{"reason":"undone"},{"code":"invalid","message":"commands[2] sets what one before it sets"}]}`)
	alice.gets("/v1/rooms/general").is(200, `{"head":3}`)
	alice.posts("/v1/batch", atomic("nowhere", say("nowhere", "1"), `{"type":"unpin","room":"nowhere","seq":1,"key":"2"}`)).
		is(200, `{"results":[{"code":"not_found"},{"code":"not_found"}]}`)
	many := make([]string, 500)
	for i := range many {
		many[i] = say("general", fmt.Sprint(i))
	}
	alice.posts("/v1/batch", atomic("general", many...)).is(200, `{}`)
	alice.gets("/v1/rooms/general").is(200, `{"head":503}`)
}

func TestAnyChangeOfABatchMayHaveAKey(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general").says("one")
	text := commands(
		`{"type":"edit","room":"general","seq":1,"body":"uno","key":"1"}`, `{"type":"pin","room":"general","seq":1,"key":"2"}`,
		`{"type":"unpin","room":"general","seq":1,"key":"3"}`, `{"type":"react","room":"general","seq":1,"emoji":"x","key":"4"}`,
		`{"type":"delete","room":"general","seq":1,"key":"5"}`,
	)
	for range 2 {
		alice.posts("/v1/batch", text).is(200, `{"results":[{"type":"ok","seq":2},{"type":"ok","seq":3},{"type":"ok","seq":4},{"type":"ok","seq":5},{"type":"ok","seq":6}]}`)
	}
	alice.gets("/v1/rooms/general").is(200, `{"head":6}`)
	// One that was used for another thing says so: nothing is lost in silence.
	alice.posts("/v1/batch", commands(say("general", "1"))).
		is(200, `{"results":[{"type":"error","code":"conflict","message":"key was used for entry 2, which is something else"}]}`)
}

func TestWhatIsNoBatchIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	many := make([]string, 501)
	for i := range many {
		many[i] = say("general", fmt.Sprint(i))
	}
	size := "commands must have 1 to 500 elements"
	alice.posts("/v1/batch", commands()).fails(422, "invalid", size)
	alice.posts("/v1/batch", commands(many...)).fails(422, "invalid", size)
	alice.posts("/v1/batch", `{}`).fails(422, "invalid", "commands is missing")
	alice.posts("/v1/batch", `{"commands":null}`).fails(422, "invalid", "commands is missing")
	alice.posts("/v1/batch", `{"commands":[`+say("general", "k")+`],"commands":[]}`).fails(422, "invalid", "commands must not be there twice")
	alice.posts("/v1/batch", `{"commands":[`+say("general", "k")+`],"atomic":"General"}`).fails(422, "invalid", "*")
	alice.posts("/v1/batch", `{"commands":[`+say("general", "k")+`],"atomic":""}`).fails(422, "invalid", "*")
	alice.posts("/v1/batch", `{"commands":[`+say("general", "k")+`],"atomic":true}`).fails(400, "bad_request", "atomic must be a string")
	alice.posts("/v1/batch", `{"commands":[`+say("general", "k")+`],"as":{"user":"bob"}}`).fails(403, "forbidden", "*")
	for _, body := range []string{`{"commands":{}}`, `{"commands":"x"}`, `[` + say("general", "k") + `]`, `{"commands":[`, `{"commands":[1,]}`, `x`} {
		alice.posts("/v1/batch", body).fails(400, "bad_request", "*")
	}
	alice.ask("POST", "/v1/batch", commands(say("general", "k")), "Content-Type", "text/plain").fails(415, "bad_request", "*")
	s.as("").posts("/v1/batch", commands(say("general", "k"))).fails(401, "unauthenticated", "*")
	big := `{"type":"send","room":"general","key":"k","body":"` + strings.Repeat("x", 10<<20) + `"}`
	alice.posts("/v1/batch", commands(big)).fails(413, "bad_request", "the body is too large")
	s.as("").posts("/v1/batch", commands(big)).fails(401, "unauthenticated", "*")
	alice.gets("/v1/rooms/general").is(200, `{"head":0}`)

	alice.posts("/v1/batch", commands(many[:500]...)).is(200, `{}`)
	long := strings.Repeat("x", 900) // of all of them more than other bodies may have
	for i := range many {
		many[i] = strings.Replace(many[i], "hi", long, 1)
	}
	again := alice.posts("/v1/batch", commands(many[:500]...))
	var results struct {
		Results []struct {
			Seq       int
			Duplicate bool
		}
	}
	if err := json.Unmarshal([]byte(again.text), &results); err != nil || len(results.Results) != 500 {
		t.Fatalf("got %.200s, %v", again.text, err)
	}
	for i, r := range results.Results {
		if r.Seq != i+1 || !r.Duplicate {
			t.Fatalf("result %d is %+v", i, r)
		}
	}
}

func TestMembersInBulk(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general")
	const path = "/v1/rooms/general/members"
	alice.puts(path, `{"set":[{"user":"bob","role":"write"},{"user":"carol","banned":true},{"user":"bob","role":"read"},{"user":"bob","role":"read"},{"user":"carol","role":"none"},{"user":"~old","role":"none"}]}`).
		is(200, `{"results":[
			{"user":"bob","role":"write","changed":true,"banned":null},{"user":"carol","banned":true,"role":null,"changed":true},{"user":"bob","role":"read","changed":true},
			{"user":"bob","role":"read","changed":false},{"user":"carol","role":"none","changed":true},{"user":"~old","role":"none","changed":false}
		]}`)
	for item, want := range map[string]string{
		`{"user":"bob"}`:                                            `{"code":"invalid","message":"role is missing"}`,
		`{"role":"read"}`:                                           `{"code":"invalid","message":"user is missing"}`,
		`{"user":"bob","role":"owner"}`:                             `{"code":"invalid"}`,
		`{"user":"bob","role":"read","banned":true}`:                `{"code":"invalid"}`,
		`{"user":"bob","role":"none","banned":true}`:                `{"code":"invalid"}`,
		`{"user":"~system","role":"read"}`:                          `{"code":"invalid"}`,
		`{"user":"~system","banned":true}`:                          `{"code":"invalid"}`,
		`{"user":"","role":"read"}`:                                 `{"code":"invalid"}`,
		`{"user":"` + strings.Repeat("x", 129) + `","role":"read"}`: `{"code":"invalid"}`,
		`{"user":7,"role":"read"}`:                                  `{"code":"bad_request"}`,
		`{"user":"bob","role":1}`:                                   `{"code":"bad_request"}`,
		`{"user":"bob","banned":"yes"}`:                             `{"code":"bad_request"}`,
		`"bob"`:                                                     `{"code":"bad_request"}`,
		`null`:                                                      `{"code":"bad_request"}`,
		`{"user":"alice","banned":true}`:                            `{"code":"conflict"}`,
		`{"user":"alice","role":"none"}`:                            `{"code":"conflict"}`, // the last moderator
	} {
		alice.loosely().puts(path, `{"set":[`+item+`,{"user":"bob","role":"read"}]}`).is(200, `{"results":[{"error":`+want+`},{"user":"bob","changed":false}]}`)
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf(`{"user":"a user with a long name %d","role":"write"}`, i)
	}
	list := func(n int) string { return `{"set":[` + strings.Join(many[:n], ",") + `]}` }
	alice.puts(path, list(0)).fails(422, "invalid", "set must have 1 to 1000 elements")
	alice.puts(path, list(1001)).fails(422, "invalid", "set must have at most 1000 elements")
	alice.puts(path, `{}`).fails(422, "invalid", "set must have 1 to 1000 elements")
	alice.puts(path, `{"set":{}}`).fails(400, "bad_request", "set must be an array")
	alice.puts(path, list(1000)).is(200, `{}`)
	s.as("bob").puts(path, list(1)).fails(403, "forbidden", "*")
	s.as("bob").puts("/v1/rooms/nowhere/members", list(1)).fails(404, "not_found", "*")
	s.as("svc,act").puts(path, `{"as":{"system":true},"set":[{"user":"alice","role":"none"}]}`).is(200, `{"results":[{"user":"alice","role":"none","changed":true}]}`)
	alice.puts(path, `{"set":[{"user":"`+strings.Repeat("x", 300<<10)+`","role":"read"}]}`).fails(413, "bad_request", "*")
}

func TestARoomIsMadeWithMembers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice")
	alice.posts("/v1/rooms", `{"room":"den","members":[{"user":"bob","role":"write"},{"user":"~system","role":"read"},{"user":"carol","role":"moderate"}]}`).
		is(201, `{"room":"den","role":"moderate","head":2,"members":[{"user":"bob","role":"write","changed":true},{"error":{"code":"invalid"}},{"user":"carol","role":"moderate","changed":true}]}`).
		with("Location", "/v1/rooms/den")
	s.as("bob").gets("/v1/rooms/den").is(200, `{"role":"write"}`)
	alice.posts("/v1/rooms", `{"room":"den","members":[{"user":"dave","role":"write"}]}`).fails(409, "conflict", "*")
	alice.gets("/v1/rooms/den/members").is(200, `{"members":[{"user":"alice"},{"user":"bob"},{"user":"carol"}]}`)
	alice.posts("/v1/rooms", `{"room":"bare","members":[]}`).is(201, `{"members":null}`)
	alice.posts("/v1/rooms", `{"room":"bad","members":{"bob":"read"}}`).fails(400, "bad_request", "members must be an array")
	alice.gets("/v1/rooms/bad").fails(404, "not_found", "*")
	// Of a room that the system makes nobody is a member but those that are named.
	s.as("svc,act").posts("/v1/rooms", `{"as":{"system":true},"room":"desk","members":[{"user":"bob","role":"moderate"}]}`).is(201, `{"role":"moderate"}`)
	s.as("bob").gets("/v1/rooms/desk/members").is(200, `{"members":[{"user":"bob","role":"moderate"}]}`)
}

func TestMarksOfTheOthersAreTold(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, service := s.as("alice").has("general").says("hi"), s.as("svc,act")
	const path = "/v1/rooms/general/marks"
	alice.gets(path).is(200, `{"room":"general","marks":[]}`)
	read := func(from, to int) (list []string) {
		for i := from; i < to; i++ {
			list = append(list, fmt.Sprintf(`{"type":"read","room":"general","seq":1,"as":{"user":"u%03d"}}`, i))
		}
		return list
	}
	service.posts("/v1/batch", commands(read(0, 2)...)).is(200, `{}`)
	alice.posts("/v1/batch", commands(`{"type":"read","room":"general","seq":1}`)).is(200, `{"results":[{"type":"ok"}]}`)
	alice.gets(path).is(200, `{"marks":[{"user":"u000","seq":1},{"user":"u001","seq":1}]}`)
	service.ask("GET", path, "", "Parley-As", "user u000").is(200, `{"marks":[{"user":"alice","seq":1},{"user":"u001","seq":1}]}`)
	alice.puts("/v1/rooms/general/members/u000", `{"banned":true}`).is(200, `{}`)
	alice.gets(path).is(200, `{"marks":[{"user":"u001","seq":1}]}`)
	service.posts("/v1/batch", commands(read(1, 201)...)).is(200, `{}`)
	alice.gets(path).is(200, `{"room":"general","marks":null}`)
	alice.posts("/v1/rooms", `{"room":"den"}`).is(201, `{}`)
	s.as("bob").gets("/v1/rooms/den/marks").fails(404, "not_found", "*")
	s.as("u000").gets(path).fails(403, "forbidden", "*")
	alice.gets("/v1/rooms/General/marks").fails(422, "invalid", "*")
}

func TestOneMessageIsReadAsItIs(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice := s.as("alice").has("general").says("one").says("two")
	const messages = "/v1/rooms/general/messages/"
	alice.patches(messages+"1", `{"body":"uno"}`).is(200, `{"seq":3}`)
	alice.deletes(messages+"2").is(200, `{"seq":4}`)
	alice.gets(messages+"1").is(200, `{"type":"message","body":"uno","edited_at":"*"}`)
	alice.gets(messages+"2").is(200, `{"type":"message","body":null,"deleted_at":"*"}`)
	for _, seq := range []string{"3", "4", "5", "9007199254740991"} {
		alice.gets(messages+seq).fails(404, "not_found", "there is no message "+seq+" in general")
	}
	for _, seq := range []string{"0", "-1", "01", "1.0", "x", "9007199254740992"} {
		alice.gets(messages+seq).fails(422, "invalid", "*")
	}
	alice.posts("/v1/rooms", `{"room":"den"}`).is(201, `{}`)
	s.as("bob").gets("/v1/rooms/den/messages/1").fails(404, "not_found", "there is no room den")
	s.as("bob").gets("/v1/rooms/none/messages/1").fails(404, "not_found", "there is no room none")
}

func TestAllRoomsAreListed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.as("alice").posts("/v1/rooms", `{"room":"den"}`).is(201, `{}`)
	s.as("bob").posts("/v1/rooms", `{"room":"tea"}`).is(201, `{}`)
	root := s.as("root,admin")
	root.gets("/v1/rooms").is(200, `{"rooms":[]}`)
	root.gets("/v1/rooms?all=false").is(200, `{"rooms":[]}`)
	root.gets("/v1/rooms?all=true&limit=1").is(200, `{"rooms":[{"room":"den","role":"moderate"}],"next":"den"}`)
	root.gets("/v1/rooms?all=true&limit=1&after=den").is(200, `{"rooms":[{"room":"tea"}],"next":"tea"}`)
	root.gets("/v1/rooms?all=true&after=tea").is(200, `{"rooms":[],"next":null}`)
	root.gets("/v1/rooms?all=yes").fails(422, "invalid", "all must be true or false")
	for _, token := range []string{"alice", "svc,act", "alice,den=moderate"} {
		s.as(token).gets("/v1/rooms?all=true").fails(403, "forbidden", "*")
	}
	s.as("svc,act").ask("GET", "/v1/rooms?all=true", "", "Parley-As", "system").fails(403, "forbidden", "*")
}
