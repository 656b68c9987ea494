package rest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMessagesArePinned(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice").has("general"), s.as("bob")
	for _, body := range []string{"one", "two", "three"} {
		bob.says(body)
	}
	bob.puts("/v1/rooms/general/pins/1", `{}`).fails(403, "forbidden", "this needs the role moderate in general; yours is write")
	alice.gets("/v1/rooms/general/pins").is(200, `{"room":"general","messages":[],"next":null}`)
	alice.puts("/v1/rooms/general/pins/1", "").is(200, `{"room":"general","seq":4,"changed":true}`)
	alice.puts("/v1/rooms/general/pins/1", `{}`).is(200, `{"seq":4,"changed":false}`)
	until := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
	alice.puts("/v1/rooms/general/pins/3", `{"until":"`+until+`"}`).is(200, `{"seq":5,"changed":true}`)
	alice.loosely().puts("/v1/rooms/general/pins/2", `{"until":null}`).is(200, `{"seq":6}`)
	bob.gets("/v1/rooms/general/pins").is(200, `{"messages":[
		{"type":"message","seq":2,"body":"two","pinned":{"by":"alice","until":null}},
		{"seq":3,"pinned":{"by":"alice","until":"`+until+`"}},
		{"seq":1,"author":{"id":"bob"}}],"next":null}`)
	bob.gets("/v1/rooms/general/pins?limit=2").is(200, `{"messages":[{"seq":2},{"seq":3}],"next":5}`)
	bob.gets("/v1/rooms/general/pins?limit=2&before=5").is(200, `{"messages":[{"seq":1}],"next":null}`)
	bob.gets("/v1/rooms/general/messages/1").is(200, `{"pinned":{"by":"alice"}}`)
	alice.deletes("/v1/rooms/general/pins/2").is(200, `{"seq":7,"changed":true}`)
	alice.deletes("/v1/rooms/general/pins/2").is(200, `{"seq":0,"changed":false}`)
	bob.deletes("/v1/rooms/general/messages/3").is(200, `{}`)
	bob.gets("/v1/rooms/general/pins").is(200, `{"messages":[{"seq":1}]}`)
	bob.gets("/v1/rooms/general/entries?after=3").is(200, `{"entries":[
		{"type":"set","set":"pinned","target":1,"slot":"","data":{"by":"alice"},"author":{"id":"alice"}},
		{"type":"set","set":"pinned","target":3,"data":null},{"type":"set","target":2,"data":null},{"type":"set","target":2,"data":null},
		{"type":"deleted"}]}`)
	alice.patches("/v1/rooms/general", `{"may_pin":"write"}`).is(200, `{"may_pin":"write"}`)
	bob.puts("/v1/rooms/general/pins/2", `{}`).is(200, `{"changed":true}`)
	s.as("root,admin").posts("/v1/rooms", `{"room":"den"}`).is(201, `{}`)
	bob.gets("/v1/rooms/den/pins").fails(404, "not_found", "there is no room den")
}

func TestBadPinsAreRefused(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general").says("one").says("two")
	alice.deletes("/v1/rooms/general/messages/2").is(200, `{}`)
	for body, message := range map[string]string{
		`{"until":"tomorrow"}`:             "until must be a time such as 2030-01-31T12:00:00Z (RFC 3339)",
		`{"until":""}`:                     "until must be a time such as 2030-01-31T12:00:00Z (RFC 3339)",
		`{"until":"0001-01-01T00:00:00Z"}`: "until must be a time such as 2030-01-31T12:00:00Z (RFC 3339)",
		`{"until":"2020-01-01T00:00:00Z"}`: "until must lie in the future",
		`{"until":"2999-01-01T00:00:00Z"}`: "until must lie a year ahead at most",
	} {
		alice.puts("/v1/rooms/general/pins/1", body).fails(422, "invalid", message)
	}
	alice.puts("/v1/rooms/general/pins/1", `{"until":7}`).fails(400, "bad_request", "until must be a string")
	for seq, want := range map[string]int{"3": 404, "99": 404, "9007199254740991": 404, "0": 422, "-1": 422, "x": 422, "2": 409} {
		alice.puts("/v1/rooms/general/pins/"+seq, "").is(want, `{"error":{"code":"*"}}`)
		alice.deletes("/v1/rooms/general/pins/"+seq).is(want, `{"error":{"code":"*"}}`)
	}
	alice.gets("/v1/rooms/general/pins?before=0").is(422, `{"error":{"code":"invalid"}}`)
	alice.gets("/v1/rooms/general").is(200, `{"head":3}`)
}

func TestAnApplicationSetsWhatItLikes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice").has("general"), s.as("bob").says("one")
	bob.gets("/v1/rooms/general/sets").is(200, `{"room":"general","sets":[]}`)
	bob.puts("/v1/rooms/general/messages/1/sets/x.task?slot=done", `{"data":{"by": ["bob", 1e2]}}`).is(200, `{"room":"general","seq":2,"changed":true}`)
	bob.puts("/v1/rooms/general/messages/1/sets/x.task?slot=done", `{"data":{"by": ["bob", 1e2]}}`).is(200, `{"seq":2,"changed":false}`)
	bob.gets("/v1/rooms/general/messages/1").is(200, `{"sets":[{"set":"x.task","slot":"done","data":{"by":["bob",100]}}]}`)
	bob.puts("/v1/rooms/general/sets/x.state", `{"data":"open"}`).is(200, `{"seq":3}`)
	bob.puts("/v1/rooms/general/sets/x.state?slot=a@b:c.d_e-F", `{"data":false,"key":"k"}`).is(200, `{"seq":4}`)
	bob.ask("PUT", "/v1/rooms/general/sets/x.state?slot=a@b:c.d_e-F", `{"data":0}`, "Idempotency-Key", "k").is(200, `{"seq":4,"changed":true}`)
	bob.ask("PUT", "/v1/rooms/general/sets/x.state?slot=z", `{"data":0}`, "Idempotency-Key", "k").fails(409, "conflict", "key was used for entry 4, which is something else")
	bob.gets("/v1/rooms/general/sets").is(200, `{"sets":[{"set":"x.state","slot":"","data":"open"},{"slot":"a@b:c.d_e-F","data":false}]}`)
	bob.deletes("/v1/rooms/general/messages/1/sets/x.task?slot=done").is(200, `{"seq":5,"changed":true}`)
	bob.deletes("/v1/rooms/general/messages/1/sets/x.task?slot=done").is(200, `{"seq":0,"changed":false}`)
	bob.deletes("/v1/rooms/general/sets/x.state").is(200, `{"seq":6}`)
	alice.patches("/v1/rooms/general", `{"may_set":"moderate"}`).is(200, `{"may_set":"moderate"}`)
	bob.puts("/v1/rooms/general/sets/x.state", `{"data":1}`).fails(403, "forbidden", "this needs the role moderate in general; yours is write")
	alice.puts("/v1/rooms/general/sets/x.state", `{"data":1}`).is(200, `{"changed":true}`)
}

func TestBadSetsAreRefused(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general").says("one")
	const size = "data must have at most 4096 bytes"
	text := func(n int) string { return `{"data":"` + strings.Repeat("x", n-2) + `"}` }
	deep := func(n int) string { return `{"data":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	for body, message := range map[string]string{
		`{}`:                     "data is missing; DELETE unsets the slot",
		`{"data":null}`:          "data is missing; DELETE unsets the slot",
		text(4097):               size,
		deep(33):                 "data must not nest deeper than 32 levels",
		deep(99):                 "data must not nest deeper than 32 levels",
		`{"data":"\ud800"}`:      "data must be Unicode text: there is half of a surrogate pair in it",
		`{"data":"a\u0000"}`:     "data must not have the character U+0000",
		`{"data":1e999}`:         "data must have numbers that a double holds only (IEEE 754, 64 bits)",
		`{"data":{"a":1,"a":2}}`: "data must not have two members of one name",
	} {
		for _, path := range []string{"/v1/rooms/general/sets/x.a", "/v1/rooms/general/messages/1/sets/x.a"} {
			alice.loosely().puts(path, body).fails(422, "invalid", message)
		}
	}
	alice.puts("/v1/rooms/general/sets/x.a", text(4096)).is(200, `{"seq":2}`)
	alice.puts("/v1/rooms/general/sets/x.a", deep(32)).is(200, `{"seq":3}`)
	const of = "set must be x. and 1 to 62 characters of a-z 0-9 . _ -"
	for _, set := range []string{"pinned", "room.topic", "x.", "x", "X.a", "x.A", "x.a%20b", "x." + strings.Repeat("a", 63), "x.%00"} {
		alice.puts("/v1/rooms/general/sets/"+set, `{"data":1}`).fails(422, "invalid", of)
		alice.deletes("/v1/rooms/general/sets/"+set).fails(422, "invalid", of)
	}
	const slot = "a slot's name must have at most 64 characters, of a-z A-Z 0-9 . _ : @ - only"
	for _, name := range []string{"a%20b", "%C3%A9", "a%00", strings.Repeat("a", 65), strings.Repeat("a", 2000)} {
		alice.puts("/v1/rooms/general/sets/x.a?slot="+name, `{"data":1}`).fails(422, "invalid", slot)
	}
	for seq, want := range map[string]int{"2": 404, "99": 404, "0": 422, "-1": 422} {
		alice.puts("/v1/rooms/general/messages/"+seq+"/sets/x.a", `{"data":1}`).is(want, `{"error":{"code":"*"}}`)
	}
	for i := range 16 {
		alice.puts(fmt.Sprint("/v1/rooms/general/messages/1/sets/x.a?slot=", i), `{"data":1}`).is(200, `{}`)
	}
	alice.puts("/v1/rooms/general/messages/1/sets/x.b", `{"data":1}`).fails(409, "conflict", "there are 16 slots of types x. on one message, and may be no more")
	alice.gets("/v1/rooms/general").is(200, `{"head":19}`)
}

func TestARoomIsDescribed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	alice, bob := s.as("alice").has("general"), s.as("bob")
	alice.gets("/v1/rooms/general").is(200, `{"topic":null,"avatar":null,"custom":null,"may_pin":null}`).with("ETag", `"0"`)
	alice.patches("/v1/rooms/general", `{"name":"General","topic":"  Tea & <b>cake</b>\n","avatar":"https://example.org/a.png","custom":{"b":{"x": [1]},"a":null,"c":"d"}}`).
		is(200, `{"topic":"Tea & <b>cake</b>","avatar":"https://example.org/a.png","custom":{"b":{"x":[1]},"c":"d","a":null},"head":5}`).with("ETag", `"5"`)
	bob.patches("/v1/rooms/general", `{"topic":"mine"}`).fails(403, "forbidden", "this needs the role moderate in general; yours is write")
	bob.gets("/v1/rooms/general").is(200, `{"topic":"Tea & <b>cake</b>"}`).with("ETag", `"5"`)
	bob.says("hi")
	bob.gets("/v1/rooms").is(200, `{"rooms":[{"room":"general","topic":"Tea & <b>cake</b>","avatar":"https://example.org/a.png","custom":null}]}`)
	bob.gets("/v1/rooms?sort=active").is(200, `{"rooms":[{"room":"general","topic":"Tea & <b>cake</b>","avatar":"https://example.org/a.png"}]}`)
	bob.gets("/v1/rooms/general").is(200, `{"head":6}`).with("ETag", `"5"`) // a message is no change of the room
	alice.patches("/v1/rooms/general", `{"topic":"","custom":{"b":null,"c":"e"}}`).is(200, `{"topic":null,"custom":{"c":"e","b":null},"avatar":"*"}`)
	alice.patches("/v1/rooms/general", `{"avatar":"file_7"}`).is(200, `{"avatar":"file_7"}`)
	alice.deletes("/v1/rooms/general").is(200, `{"archived":true}`)
	alice.patches("/v1/rooms/general", `{"avatar":""}`).is(200, `{"avatar":null,"archived":true}`)
}

func TestARoomIsChangedByItsLastChange(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general")
	patches := func(match, body string) answer {
		return alice.loosely().ask("PATCH", "/v1/rooms/general", body, "If-Match", match)
	}
	patches(`"0"`, `{"topic":"a","custom":{"k":1}}`).is(200, `{"head":2}`).with("ETag", `"2"`)
	for _, match := range []string{`"0"`, `"1"`, `"3"`, `W/"2"`} {
		patches(match, `{"topic":"b"}`).is(412, `{"error":{"code":"conflict","reason":"stale","message":"the room has changed since: its last change is 2"}}`)
		patches(match, `{"topic":"a"}`).is(412, `{"error":{"code":"conflict","reason":"stale"}}`)
		patches(match, `{}`).is(412, `{"error":{"code":"conflict","reason":"stale"}}`)
		alice.loosely().ask("DELETE", "/v1/rooms/general", "", "If-Match", match).is(412, `{"error":{"code":"conflict"}}`)
	}
	for _, match := range []string{`2`, `"2`, `"1", "2"`, `"x"`, `"-1"`, `"02"`, `""`, `W/2`} {
		patches(match, `{"topic":"x"}`).fails(422, "invalid", `If-Match must be one version, in quotes, as ETag has it: "7"`)
	}
	alice.gets("/v1/rooms/general").is(200, `{"topic":"a","head":2}`)
	patches(`*`, `{"name":"N"}`).is(200, `{"name":"N"}`).with("ETag", `"3"`)
	patches(`"3"`, `{"topic":"a","custom":{"k":1}}`).is(200, `{"head":3}`)
	alice.says("hi")
	patches(`"3"`, `{"may_pin":"write"}`).is(200, `{"head":5}`).with("ETag", `"5"`)
	alice.loosely().ask("DELETE", "/v1/rooms/general", "", "If-Match", `"5"`).is(200, `{"archived":true}`)
}

func TestOfTwoChangesAtOnceOneIsStale(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general")
	statuses := make([]int, 8)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			body := fmt.Sprintf(`{"topic":"t%d","avatar":"a%d","custom":{"k%d":1}}`, i, i, i)
			statuses[i] = alice.loosely().ask("PATCH", "/v1/rooms/general", body, "If-Match", `"0"`).StatusCode
		})
	}
	wg.Wait()
	won := -1
	for i, status := range statuses {
		switch {
		case status == 200 && won < 0:
			won = i
		case status != 412:
			t.Errorf("change %d has the status %d", i, status)
		}
	}
	alice.gets("/v1/rooms/general").is(200, fmt.Sprintf(`{"topic":"t%d","avatar":"a%d","custom":{"k%d":1},"head":3}`, won, won, won))
	// Those of other keys lose nothing.
	for i := range 8 {
		wg.Go(func() { alice.patches("/v1/rooms/general", fmt.Sprintf(`{"custom":{"o%d":%d}}`, i, i)).is(200, `{}`) })
	}
	wg.Wait()
	alice.gets("/v1/rooms/general").is(200, `{"custom":{"o0":0,"o1":1,"o2":2,"o3":3,"o4":4,"o5":5,"o6":6,"o7":7},"head":11}`)
}

func TestABadDescriptionIsRefusedAndNothingIsSet(t *testing.T) {
	t.Parallel()
	alice := serve(t).as("alice").has("general")
	keys := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"k%d":1`, i))
		}
		return `{"topic":"t","custom":{` + strings.Join(all, ",") + `}}`
	}
	for body, message := range map[string]string{
		`{"topic":"` + strings.Repeat("é", 1001) + `"}`:                    "topic must have at most 1000 characters, and no control characters but line feed and tab",
		`{"topic":"a\u0000"}`:                                              "topic must have at most 1000 characters, and no control characters but line feed and tab",
		`{"topic":"t","avatar":"` + strings.Repeat("a", 1001) + `"}`:       "avatar must have at most 1000 bytes",
		`{"topic":"t","avatar":"http://example.org/a"}`:                    "avatar must begin with https:// and a host, or be relative without one",
		`{"topic":"t","avatar":"javascript:alert(1)"}`:                     "avatar must begin with https:// and a host, or be relative without one",
		`{"topic":"t","avatar":"//example.org/a"}`:                         "avatar must begin with https:// and a host, or be relative without one",
		`{"topic":"t","may_pin":"read"}`:                                   "may_pin must be write or moderate",
		`{"topic":"t","may_set":"admin"}`:                                  "may_set must be write or moderate",
		`{"topic":"t","custom":{"":1}}`:                                    "a key of custom must have 1 to 64 characters",
		`{"topic":"t","custom":{"a b":1}}`:                                 "a slot's name must have at most 64 characters, of a-z A-Z 0-9 . _ : @ - only",
		`{"topic":"t","custom":{"k":"` + strings.Repeat("x", 4096) + `"}}`: "a value in custom must have at most 4096 bytes",
		`{"topic":"t","custom":{"k":"\u0000"}}`:                            "a value in custom must not have the character U+0000",
		`{"topic":"t","custom":{"k":"\udc00"}}`:                            "custom must be Unicode text: there is half of a surrogate pair in it",
		keys(65):                                                           "custom must have at most 64 keys at once",
	} {
		alice.loosely().patches("/v1/rooms/general", body).fails(422, "invalid", message)
	}
	alice.loosely().patches("/v1/rooms/general", `{"topic":7}`).fails(400, "bad_request", "topic must be a string")
	alice.loosely().patches("/v1/rooms/general", `{"custom":[]}`).fails(400, "bad_request", "custom must be an object")
	alice.patches("/v1/rooms/general", keys(33)).fails(409, "conflict", "custom may have 32 keys, and 4096 bytes together")
	big := `"` + strings.Repeat("x", 2040) + `"`
	alice.patches("/v1/rooms/general", `{"topic":"t","custom":{"a":`+big+`,"b":`+big+`,"c":"0123456789"}}`).fails(409, "conflict", "custom may have 32 keys, and 4096 bytes together")
	alice.gets("/v1/rooms/general").is(200, `{"head":0,"topic":null}`)
	alice.patches("/v1/rooms/general", keys(32)).is(200, `{"head":33}`)
	alice.patches("/v1/rooms/general", `{"custom":{"k0":null,"new":1}}`).is(200, `{"custom":{"new":1,"k0":null}}`)
}
