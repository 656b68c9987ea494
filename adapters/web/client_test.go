package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-chat/parley/adapters/web/bundle"
)

// inNode runs tests in a Node of .tools/, in a folder.
func inNode(t *testing.T, node, dir string, tests ...string) {
	t.Helper()
	program, err := filepath.Abs("../../.tools/" + node + "/bin/node")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"--disable-warning=ExperimentalWarning", "--test", "--test-reporter=spec"}, tests...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v; run make tools if it is not there\n%s", err, out)
	}
}

// TestTheClient runs the tests of @parley-chat/client that need no service. Those that do are in
// cmd/e2e.
func TestTheClient(t *testing.T) {
	t.Parallel()
	inNode(t, "node", "client", "tests/*.test.ts")
}

// TestTheClientInNode20 runs them in the oldest Node that the client says it works in.
func TestTheClientInNode20(t *testing.T) {
	t.Parallel()
	tests, err := filepath.Glob("client/tests/*.test.ts")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	out := t.TempDir()
	if err := bundle.Node(tests, out); err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Glob(out + "/*.test.mjs")
	if err != nil || len(modules) != len(tests) {
		t.Fatalf("got %d modules of %d tests: %v", len(modules), len(tests), err)
	}
	inNode(t, "node20", "client", modules...)
}

// front serves the built client and an empty page before a service.
func front(t *testing.T, s *service) string {
	t.Helper()
	return frontWith(t, s, func(*http.ServeMux) {}, func(*http.Request) {})
}

// frontWith does the same with more pages, and shows each request.
func frontWith(t *testing.T, s *service, more func(*http.ServeMux), seen func(*http.Request)) string {
	t.Helper()
	mux := http.NewServeMux()
	more(mux)
	mux.HandleFunc("/blank", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>x</title><link rel="icon" href="data:,">`)
	})
	mux.HandleFunc("/client.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "client/dist/index.js") })
	mux.Handle("/", &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: s.cfg.HTTPAddr}) // it is that also while it is down
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen(r)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestTheClientOutlivesAReload has what was not sent kept in IndexedDB.
func TestTheClientOutlivesAReload(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	page, err := url.Parse(s.run.PageURL())
	if err != nil {
		t.Fatal(err)
	}
	begins := fmt.Sprintf(`(async () => {
		const { createClient, indexedDBStorage } = await import("/client.js");
		const getToken = async () => {
			const headers = { "Content-Type": "application/json", "X-Parley-Page-Key": %s };
			return (await (await fetch("/dev/token", { method: "POST", headers, body: '{"sub":"alice"}' })).json()).token;
		};
		window.storage = indexedDBStorage("kept");
		window.room = createClient({ url: location.origin, getToken, storage }).room("tea");
		window.kept = async () => (await storage.list("outbox/")).map(([, { command }]) => command.body).join();
		room.messages.subscribe(() => {
			document.body.innerText = room.messages.getSnapshot().items.map(({ seq, body }) => seq + body).join();
		});
		await room.ready();
	})()`, quoted(page.Query().Get("key")))
	address := front(t, s)
	p := s.visit(newBrowser(t), "tea")
	run := func(script string) {
		t.Helper()
		p.does(chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
	}
	p.does(chromedp.Navigate(address + "/blank"))
	run(begins)
	run(`room.send("one").outcome`)
	s.stop()
	run(`(async () => {
		for (const body of ["two", "three", "four"]) room.send(body);
		while ((await kept()) !== "two,three,four") await new Promise((resolve) => setTimeout(resolve, 10));
	})()`)
	s.start()
	p.does(chromedp.Navigate(address + "/blank"))
	run(begins)
	p.waits(`document.body.innerText === "1one,2two,3three,4four"`)
	run(`(async () => { while ((await kept()) !== "") await new Promise((resolve) => setTimeout(resolve, 10)); })()`)
}
