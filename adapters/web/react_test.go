package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-chat/parley/adapters/web/bundle"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/messaging"
)

// reactModules is the folder of modules that has React.
func reactModules(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../.tools/react/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("%v; run make tools", err)
	}
	return dir
}

// TestReactOnAServer renders all hooks where there is no browser.
func TestReactOnAServer(t *testing.T) {
	t.Parallel()
	built, err := bundle.ReactOnServer(".", "react/tests/server.tsx", reactModules(t))
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(t.TempDir(), "server.mjs")
	if err := os.WriteFile(module, built, 0o600); err != nil {
		t.Fatal(err)
	}
	inNode(t, "node", "", module)
}

// reactPage serves a page whose script is the entry, before the service, at /react. It counts the
// sockets that are opened through it.
func reactPage(t *testing.T, s *service, entry string, production bool) (address, key string, sockets *atomic.Int64) {
	t.Helper()
	script, err := bundle.ReactApp(".", entry, reactModules(t), production)
	if err != nil {
		t.Fatal(err)
	}
	page, err := url.Parse(s.run.PageURL())
	if err != nil {
		t.Fatal(err)
	}
	sockets = &atomic.Int64{}
	address = frontWith(t, s, func(mux *http.ServeMux) {
		mux.HandleFunc("/react", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `<!doctype html><title>x</title><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/react.js"></script>`)
		})
		mux.HandleFunc("/react.js", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(script)
		})
	}, func(r *http.Request) {
		if r.URL.Path == "/ws" {
			sockets.Add(1)
		}
	})
	return address + "/react", page.Query().Get("key"), sockets
}

// blank opens an empty window.
func (s *service) blank(t *testing.T, address string) *person {
	t.Helper()
	p := s.visit(newBrowser(t), "tea")
	p.does(chromedp.Navigate(address))
	return p
}

func (p *person) runs(script string) {
	p.t.Helper()
	p.does(chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
}

// comes returns once the condition is true, whether or not the document shows it.
func (p *person) comes(condition string) {
	p.t.Helper()
	p.runs(`(async () => { while (!(` + condition + `)) await new Promise((resolve) => setTimeout(resolve, 10)); })()`)
}

func (p *person) counts(script string) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](script))
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// TestTheExampleForReact has alice and bob talk by the example application.
func TestTheExampleForReact(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	address, key, _ := reactPage(t, s, "react/example/main.tsx", true)
	address += "?key=" + url.QueryEscape(key)
	browser := newBrowser(t)
	alice, bob := s.visit(browser, "tea"), s.visit(browser, "tea")
	for name, p := range map[string]*person{"Alice": alice, "Bob": bob} {
		p.does(chromedp.Navigate(address))
		p.waits(`document.querySelector("input") !== null`)
		p.types("input", name)
		p.presses(enter)
		p.waits(`document.querySelector("p").innerText === "open"`)
	}
	alice.types("main input", "Hello, Bob")
	bob.waits(`document.querySelector("[role=status]").innerText === "Alice …"`)
	alice.presses(enter)
	for _, p := range []*person{alice, bob} {
		p.waits(`document.querySelector("ol").innerText.trim() === "Alice Hello, Bob" && document.querySelector("li").dataset.state === "sent"`)
	}
	bob.waits(`document.querySelector("[role=status]").innerText === ""`)
	// She spoke there, so it is a room of hers.
	alice.waits(`document.querySelector("nav").innerText.startsWith("general")`)
	alice.hasNoComplaint()
	bob.hasNoComplaint()
}

// TestReactRendersOnlyWhatChanges counts renders while 200 messages come, in a second if the
// machine is quick enough: those of a component are bounded by the client's 16 ms, and are none
// where it shows something else.
func TestReactRendersOnlyWhatChanges(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c *server.Config) { c.RateLimit = messaging.Rate{PerSecond: -1} })
	address, key, sockets := reactPage(t, s, "react/tests/page.tsx", false)
	p := s.blank(t, address)
	p.comes(`window.test !== undefined`)
	p.runs(`Object.assign(test, {key: ` + quoted(key) + `, user: "alice"}); test.shows()`)
	p.waits(`document.querySelector("#presence")?.innerText === "alice"`)
	if got := sockets.Load(); got != 1 {
		t.Errorf("StrictMode opened %d sockets, want 1", got)
	}
	p.comes(`test.counts.opened === 1 && test.counts.closed === 0`)

	// Bob is another client of the page.
	p.runs(`(async () => {
		test.user = "bob";
		window.bob = test.createClient({url: location.origin, getToken: test.getToken});
		await bob.room("tea").ready();
	})()`)
	p.waits(`document.querySelector("#presence").innerText === "alice,bob" && document.querySelector("#person").innerText === "bob"`)
	p.runs(`test.send("hello").outcome`)
	p.waits(`document.querySelector("#rooms").innerText === "tea"`)
	p.waits(`document.querySelectorAll("li").length === 1`)
	p.runs(`test.before = {...test.renders}; test.began = performance.now()`)
	p.runs(`(async () => {
		const sent = [];
		for (let n = 0; n < 200; n++) {
			sent.push(bob.ask("POST", "v1/rooms/tea/messages", {body: {body: "m" + n}}));
			await new Promise((resolve) => setTimeout(resolve, Math.max(0, test.began + 5 * n - performance.now())));
		}
		await Promise.all(sent);
	})()`)
	p.waits(`document.querySelectorAll("li").length === 201`)
	p.runs(`(async () => {
		const shown = new Set([...document.querySelectorAll("li")].map(({innerText}) => innerText));
		for (let n = 0; n < 200; n++) if (!shown.has("m" + n)) throw new Error("m" + n + " is not shown");
	})()`)
	took := p.counts(`Math.ceil(performance.now() - test.began)`)
	most := took/16 + 2
	for _, id := range []string{"messages", "title", "rooms"} {
		got := p.counts(`test.renders.` + id + ` - test.before.` + id)
		t.Logf("%s: %d renders for 200 messages in %d ms", id, got, took)
		if got > most || got == 0 {
			t.Errorf("%s rendered %d times in %d ms, which may be %d", id, got, took, most)
		}
	}
	for _, id := range []string{"typing", "presence", "person", "connection", "send"} {
		if got := p.counts(`test.renders.` + id + ` - test.before.` + id); got != 0 {
			t.Errorf("%s rendered %d times for messages", id, got)
		}
	}
	p.runs(`bob.room("tea").typing()`)
	p.waits(`document.querySelector("#typing").innerText === "bob"`)

	// Another room has another window; none is left at the end, nor is the connection.
	p.runs(`test.go("den")`)
	p.comes(`document.querySelectorAll("li").length === 0 && test.counts.opened === 2 && test.counts.closed === 1`)
	p.runs(`test.send("in the den").outcome`)
	p.waits(`document.querySelector("ol").innerText === "in the den"`)
	p.runs(`test.ends()`)
	p.comes(`test.counts.opened === test.counts.closed`)
	p.runs(`bob.room("den").ready()`)
	p.runs(`bob.room("den").watch()`)
	p.comes(`(() => { const {users} = bob.room("den").getSnapshot().present; return users.size === 1 && users.has("bob"); })()`)
	if got := sockets.Load(); got != 2 {
		t.Errorf("there were %d sockets, want one for each of alice and bob", got)
	}

	// A client that the page made is there when StrictMode mounts twice, and stays.
	p.runs(`test.shows(bob); test.counts.opened = test.counts.closed = 0`)
	p.comes(`document.querySelectorAll("li").length >= 200 && test.counts.opened === 2 && test.counts.closed === 1`)
	p.runs(`test.ends()`)
	p.comes(`test.counts.closed === 2`)
	if got := sockets.Load(); got != 2 {
		t.Errorf("there were %d sockets for a client that the page made, want none more", got-2)
	}
	p.runs(`bob.room("tea").send("still here").outcome`)
	p.hasNoComplaint()
}
