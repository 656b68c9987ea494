package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/rest"
	"github.com/parley-chat/parley/adapters/webhook"
	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// hooked is a service with hooks, which run.
func hooked(t *testing.T) *service {
	t.Helper()
	var runner *consuming.Runner
	var h *hooks.Service
	s := serve(t, func(rc *rest.Config, mc *messaging.Config) {
		store := mc.Log.(*memory.Store)
		keys, err := hooks.NewKeys(bytes.Repeat([]byte{1}, hooks.KeyBytes))
		if err != nil {
			t.Fatal(err)
		}
		runner = consuming.New(consuming.Config{Log: store, Cursors: store, Consumers: store, Retries: store, Leases: store})
		h = hooks.New(hooks.Config{
			Store: store, Log: store, Directory: store, Cursors: store, Consumers: store, Runner: runner, Keys: keys, Courier: webhook.New(webhook.Config{}),
			Writer: later{rc}, Pack: wire.AppendBatch, Test: wire.AppendTest, Read: wire.ReadAnswer,
		})
		rc.Hooks, rc.Pull = h, h
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = runner.Run(ctx) })
	wg.Go(func() { _ = h.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return s
}

// later is the writer that the API has once it is made.
type later struct{ of *rest.Config }

func (l later) Write(ctx context.Context, by chat.Identity, change ports.Change, done func(ports.Receipt, error)) {
	l.of.Writer.Write(ctx, by, change, done)
}

func (l later) WriteTogether(ctx context.Context, parts []ports.Part) []ports.Written {
	return l.of.Writer.WriteTogether(ctx, parts)
}

func TestHooksAreMadeShownChangedAndRemoved(t *testing.T) {
	t.Parallel()
	s := hooked(t)
	root := s.as("root,admin")
	made := root.posts("/v1/hooks", `{"url":"https://example.org/in","rooms":["support-*"],"types":["message"],"wait_ms":100,"from":"start","bot":{"name":"Helper"}}`)
	made.is(201, `{"kind":"push","url":"https://example.org/in","rooms":["support-*"],"from":"start","batch":100,"wait_ms":100,"paused":false,"by":"root","role":"write","secret":"*"}`)
	id := made.member("hook")
	made.with("Location", "/v1/hooks/"+id)
	path := "/v1/hooks/" + id
	root.gets(path).is(200, `{"hook":"`+id+`","bot":{"id":"~hook.`+id+`","name":"Helper"},"secret":null}`)
	root.gets("/v1/hooks").is(200, `{"hooks":[{"hook":"`+id+`"}]}`)
	root.patches(path, `{"paused":true,"batch":7,"types":[]}`).is(200, `{"paused":true,"why":"paused by root","batch":7,"secret":null}`)
	rotated := root.patches(path, `{"rotate":true,"paused":false}`)
	rotated.is(200, `{"paused":false,"secret":"*"}`)
	root.patches(path, `{"ed25519":true}`).is(200, `{"public_keys":["*"],"secret":null}`)
	root.gets(path).is(200, `{"public_keys":["*"]}`)
	root.patches(path, `{"ed25519":true,"rotate":true}`).is(200, `{"public_keys":["*","*"],"secret":"*"}`)
	root.patches(path, `{"ed25519":false}`).is(200, `{"public_keys":null,"secret":null}`)
	root.patches(path, `{"signals":true}`).is(200, `{"signals":true,"types":null}`)
	root.patches(path, `{"types":["message"]}`).is(422, `{"error":{"code":"invalid"}}`)
	root.patches(path, `{"signals":false,"types":["message"]}`).is(200, `{"signals":false}`)
	root.posts("/v1/hooks", `{"url":"https://example.org/in","rooms":["x"],"types":["read"],"signals":true}`).is(201, `{"signals":true}`)
	if rotated.member("secret") == made.member("secret") {
		t.Error("the secret is the one before")
	}
	root.posts(path+"/seek", `{}`).is(204, "")
	root.posts(path+"/retry", `{}`).is(204, "")
	root.ask("POST", path+"/retry", "").is(204, "")
	root.posts(path+"/retry", `{"room":"support-1"}`).is(204, "")
	root.patches(path, `{"paused":true}`).is(200, `{"paused":true,"error":null}`)
	root.posts(path+"/retry", `{}`).is(409, `{"error":{"code":"conflict"}}`)
	root.posts(path+"/seek", `{"at":"2026-11-23T12:00:00Z"}`).is(204, "")
	root.gets(path+"/behind").is(200, `{"entries":0,"waiting":[]}`)
	for from, shown := range map[string]string{`"2026-11-23T12:00:00+01:00"`: "2026-11-23T11:00:00.000Z", `"now"`: "*"} {
		root.posts("/v1/hooks", `{"kind":"pull","rooms":["*"],"from":`+from+`}`).is(201, `{"from":"`+shown+`"}`)
	}
	root.loosely().posts("/v1/hooks", `{"kind":"pull","rooms":["*"],"from":{"at":"2026-11-23T12:00:00Z"}}`).is(201, `{"from":"2026-11-23T12:00:00.000Z"}`)
	root.patches(path, `{"url":"https://there-is-none.invalid/"}`).is(200, `{"paused":true}`)
	root.posts(path+"/test", "").is(200, `{"ok":false,"status":null,"body":null,"error":"the name of the host cannot be resolved"}`)
	s.as("alice").posts(path+"/test", "").is(404, `{"error":{"code":"not_found"}}`)
	root.deletes(path).is(204, "")
	root.posts(path+"/test", "").is(404, `{"error":{"code":"not_found"}}`)
	root.gets(path).is(404, `{"error":{"code":"not_found"}}`)
}

func TestRubbishMakesNoHook(t *testing.T) {
	t.Parallel()
	s := hooked(t)
	root := s.as("root,admin").loosely()
	for body, status := range map[string]int{
		`{}`: 422, `[]`: 400, `{"url":7,"rooms":["*"]}`: 400, `{"url":"http://example.org/","rooms":["*"]}`: 422, `{"url":"https://127.0.0.1/","rooms":["*"]}`: 422,
		`{"url":"https://example.org/"}`: 422, `{"url":"https://example.org/","rooms":[]}`: 422, `{"url":"https://example.org/","rooms":"*"}`: 400,
		`{"url":"https://example.org/","rooms":[7]}`: 400, `{"url":"https://example.org/","rooms":["A"]}`: 422, `{"url":"https://example.org/","rooms":["~me"]}`: 422,
		`{"kind":"fly","rooms":["*"]}`: 422, `{"kind":"pull","url":"https://example.org/","rooms":["*"]}`: 422, `{"kind":"pull","rooms":["*"],"batch":0}`: 422,
		`{"kind":"pull","rooms":["*"],"batch":101}`: 422, `{"kind":"pull","rooms":["*"],"batch":1.5}`: 422, `{"kind":"pull","rooms":["*"],"wait_ms":5001}`: 422,
		`{"kind":"pull","rooms":["*"],"from":"later"}`: 422, `{"kind":"pull","rooms":["*"],"from":7}`: 422, `{"kind":"pull","rooms":["*"],"from":{}}`: 422,
		`{"kind":"pull","rooms":["*"],"ed25519":true}`: 422, `{"kind":"pull","rooms":["*"],"signals":true}`: 422, `{"url":"https://example.org/","rooms":["*"],"signals":1}`: 400, `{"url":"https://example.org/","rooms":["*"],"ed25519":"yes"}`: 400,
		`{"kind":"pull","rooms":["*"],"role":"read"}`: 422, `{"kind":"pull","rooms":["*"],"role":7}`: 400, `{"kind":"pull","rooms":["*"],"bot":{"id":""}}`: 422,
		`{"kind":"pull","rooms":["*"],"bot":{"id":"~system"}}`: 422, `{"kind":"pull","rooms":["*"],"types":["",7]}`: 400, `{"kind":"pull","rooms":["*"],"types":[""]}`: 422,
	} {
		root.posts("/v1/hooks", body).is(status, `{"error":{"message":"*"}}`)
	}
	made := root.posts("/v1/hooks", `{"kind":"pull","rooms":["*"]}`)
	path := "/v1/hooks/" + made.member("hook")
	for body, status := range map[string]int{
		`{"url":"https://example.org/"}`: 422, `{"rooms":["*"]}`: 422, `{"from":"now"}`: 422, `{"kind":"push"}`: 422, `{"bot":{}}`: 422, `{"paused":1}`: 400,
		`{"rotate":"yes"}`: 400, `{"batch":"7"}`: 400, `{"wait_ms":-1}`: 422, `{"role":"none"}`: 422, `7`: 400,
	} {
		root.patches(path, body).is(status, `{"error":{"message":"*"}}`)
	}
	for body, status := range map[string]int{
		`{"after":1}`: 422, `{"room":"tea","after":-1}`: 422, `{"room":"TEA"}`: 422, `{"at":"today"}`: 422, `{"room":7}`: 400, `{"room":"nowhere","after":1}`: 404,
	} {
		root.posts(path+"/seek", body).is(status, `{"error":{"message":"*"}}`)
	}
	for body, status := range map[string]int{
		`{}`: 422, `{"room":"tea"}`: 422, `{"room":"tea","to":1}`: 422, `{"room":"tea","to":1,"why":""}`: 422, `{"room":"tea","to":1,"why":"a\nb"}`: 422,
		`{"room":"tea","to":1,"why":"` + strings.Repeat("x", 201) + `"}`: 422, `{"room":"nowhere","to":1,"why":"x"}`: 404,
	} {
		root.posts(path+"/skip", body).is(status, `{"error":{"message":"*"}}`)
	}
	for body, status := range map[string]int{`[]`: 400, `{"room":7}`: 400, `{"room":"TEA"}`: 422} {
		root.posts(path+"/retry", body).is(status, `{"error":{"message":"*"}}`)
	}
	for _, id := range []string{"x", "K3JQ2VXH5MZT7WBD", "k3jq2vxh5mzt7wb1"} {
		root.gets("/v1/hooks/"+id).is(422, `{"error":{"code":"invalid"}}`)
	}
	alice := s.as("alice")
	alice.gets("/v1/hooks").is(403, `{"error":{"code":"forbidden"}}`)
	alice.posts("/v1/hooks", `{"kind":"pull","rooms":["*"]}`).is(403, `{"error":{"code":"forbidden"}}`)
	alice.gets(path).is(404, `{"error":{"code":"not_found"}}`)
	alice.patches(path, `{"paused":true}`).is(404, `{"error":{"code":"not_found"}}`)
	alice.deletes(path).is(404, `{"error":{"code":"not_found"}}`)
	alice.gets(path+"/behind").is(404, `{"error":{"code":"not_found"}}`)
	alice.posts(path+"/retry", `{}`).is(404, `{"error":{"code":"not_found"}}`)
	alice.gets(path+"/entries").is(404, `{"error":{"code":"not_found"}}`)
	s.as("whsec_bm9uZQ==").gets(path+"/entries").is(401, `{"error":{"code":"unauthenticated"}}`)
	s.as("").gets(path+"/entries").is(401, `{"error":{"code":"unauthenticated"}}`)
	root.gets(path+"/entries?wait=31").is(422, `{"error":{"code":"invalid"}}`)
	root.gets(path+"/entries?limit=0").is(422, `{"error":{"code":"invalid"}}`)
}

func TestARoomsHookPullsAndActs(t *testing.T) {
	t.Parallel()
	s := hooked(t)
	alice, bob := s.as("alice"), s.as("bob")
	alice.posts("/v1/rooms", `{"room":"tea","public":true}`).is(201, `{}`)
	bob.posts("/v1/rooms/tea/hooks", `{"kind":"pull"}`).is(403, `{"error":{"code":"forbidden"}}`)
	made := alice.posts("/v1/rooms/tea/hooks", `{"kind":"pull","bot":{"name":"Echo"}}`)
	made.is(201, `{"room":"tea","kind":"pull","secret":"*"}`)
	id := made.member("hook")
	alice.gets("/v1/rooms/tea/hooks").is(200, `{"hooks":[{"hook":"`+id+`"}]}`)
	bob.gets("/v1/rooms/tea/hooks").is(403, `{"error":{"code":"forbidden"}}`)
	bob.posts("/v1/rooms/tea/messages", `{"body":"hi"}`).is(201, `{"seq":1}`)
	bot := s.as(made.member("secret"))
	path := "/v1/hooks/" + id
	pulled := bot.gets(path + "/entries?wait=30&limit=10")
	pulled.is(200, `{"batches":[{"type":"entries","hook":"`+id+`","room":"tea","first":1,"last":1,"head":1,"entries":[{"type":"message","seq":1,"body":"hi"}]}]}`)
	batch := struct{ Batches []struct{ ID string } }{}
	if err := json.Unmarshal([]byte(pulled.text), &batch); err != nil || len(batch.Batches) != 1 {
		t.Fatalf("%s: %v", pulled.text, err)
	}
	ack := `{"id":"` + batch.Batches[0].ID + `","do":[{"type":"send","body":"echo: hi"},{"type":"fly"}]}`
	bot.posts(path+"/ack", ack).is(200, `{"seq":1}`)
	bot.posts(path+"/ack", ack).is(200, `{}`) // where it stands: at 2 once its own message is passed over
	bob.gets("/v1/rooms/tea/entries").is(200, `{"head":2,"entries":[{"body":"hi"},{"body":"echo: hi","author":{"id":"~hook.`+id+`","name":"Echo"}}]}`)
	bot.gets(path+"/entries").is(200, `{"batches":[]}`)
	bot.posts(path+"/ack", `{"id":"x"}`).is(422, `{"error":{"code":"invalid"}}`)
	bot.loosely().posts(path+"/ack", `{"id":"`+batch.Batches[0].ID+`","ack":"1"}`).is(400, `{"error":{"code":"bad_request"}}`)
	bob.posts("/v1/rooms/tea/messages", `{"body":"poison"}`).is(201, `{"seq":3}`)
	alice.posts(path+"/skip", `{"room":"tea","to":3,"why":"it is poison"}`).is(204, "")
	alice.posts(path+"/skip", `{"room":"tea","to":3,"why":"again"}`).is(409, `{"error":{"code":"conflict"}}`)
	alice.posts(path+"/skip", `{"room":"tea","to":4,"why":"beyond"}`).is(409, `{"error":{"code":"conflict"}}`)
	alice.posts(path+"/seek", `{"room":"tea","after":4}`).is(422, `{"error":{"code":"invalid","reason":"ahead","head":3}}`)
	for range 4 {
		alice.posts("/v1/rooms/tea/hooks", `{"kind":"pull"}`).is(201, `{}`)
	}
	alice.posts("/v1/rooms/tea/hooks", `{"kind":"pull"}`).is(409, `{"error":{"code":"conflict"}}`)
}
