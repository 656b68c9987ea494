package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/parley-chat/parley/cmd/server"
)

// host is a site of another origin with the elements in its pages. Its policy is as strict as can
// be: nothing inline, and nothing of others but the service.
type host struct {
	t       *testing.T
	service *service
	server  *httptest.Server
	page    string // below <body>
	script  string // its module
	inline  bool   // it allows scripts in the page

	short    func(user string) (string, error) // gives tokens that end soon, at /short
	pictures http.HandlerFunc                  // at /pictures/
}

// newHost starts a site and a service that lets it call. Its page has `body`, and runs `script` as
// a module, in which `token` gives tokens of the user that the query `?user=` names.
func newHost(t *testing.T, body, script string, change func(*server.Config)) *host {
	t.Helper()
	h := &host{t: t, page: body, script: script}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", h.token)
	mux.HandleFunc("/chat-token", h.token)
	mux.HandleFunc("/short", func(w http.ResponseWriter, r *http.Request) {
		token, err := h.short(r.FormValue("user"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, token)
	})
	mux.HandleFunc("/pictures/", func(w http.ResponseWriter, r *http.Request) { h.pictures(w, r) })
	mux.HandleFunc("/page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "const user = new URLSearchParams(location.search).get('user');\nconst service = %q;\n"+
			"const token = async () => (await fetch('/token?user=' + user)).text();\n%s", h.service.run.URL(), h.script)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		service, scripts := h.service.run.URL(), "'self' "
		if h.inline {
			scripts += "'unsafe-inline' "
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src "+scripts+service+"; frame-src "+service+
			"; connect-src 'self' "+service+" "+strings.Replace(service, "http", "ws", 1)+"; style-src 'self'; img-src 'self' data:")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Shop</title>`+
			`<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"><body>%s<script type="module" src="/page.js"></script>`,
			strings.ReplaceAll(h.page, "https://chat.example.com", service))
	})
	mux.HandleFunc("/page.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		fmt.Fprint(w, `html, body { margin: 0; height: 100% } parley-chat.whole, parley-room.whole { height: 100vh }`)
	})
	h.server = httptest.NewServer(mux)
	t.Cleanup(h.server.Close)
	h.service = newService(t, func(cfg *server.Config) {
		inMemory(cfg)
		cfg.Origins = []string{h.server.URL}
		if change != nil {
			change(cfg)
		}
	})
	return h
}

// token is the site's own back end, which knows who is signed in.
func (h *host) token(w http.ResponseWriter, r *http.Request) {
	user := r.FormValue("user")
	if user == "" {
		user = "alice"
	}
	token, err := h.tokenOf(user)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprint(w, token)
}

func (h *host) tokenOf(user string) (string, error) {
	page, err := url.Parse(h.service.run.PageURL())
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.service.run.URL()+"/dev/token",
		strings.NewReader(fmt.Sprintf(`{"sub":%q,"name":%q}`, user, strings.ToUpper(user[:1])+user[1:])))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Parley-Page-Key", page.Query().Get("key"))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct{ Token string }
	err = json.NewDecoder(res.Body).Decode(&answer)
	return answer.Token, err
}

// as calls the service's HTTP API as the user.
func (h *host) as(user, method, path, body string) {
	h.t.Helper()
	token, err := h.tokenOf(user)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.service.run.URL()+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		h.t.Fatalf("%s %s as %s: %s", method, path, user, res.Status)
	}
}

// guest is a person at a page with elements.
type guest struct{ *person }

// visit opens the site's page as a user, in a window of their own.
func (h *host) visit(browser context.Context, user string, width, height int64) guest {
	h.t.Helper()
	g := guest{&person{t: h.t}}
	tab, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(g.hear))
	h.t.Cleanup(closeTab)
	g.tab = tab
	if err := chromedp.Do(tab); err != nil { // as in service.visit
		h.t.Fatal(err)
	}
	g.does(
		focused(),
		chromedp.EmulateViewport(width, height),
		chromedp.Navigate(h.server.URL+"/?user="+user),
	)
	return g
}

// waits returns once the expression is true. `one` finds the first element of a selector in any of
// the page's elements, `all` finds all of them.
func (g guest) waits(condition string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.tab, patience)
	defer cancel()
	script := fmt.Sprintf(`new Promise((resolve) => {
		const all = (selector) => [...document.querySelectorAll("parley-chat, parley-room, parley-button")].flatMap((e) => [...e.shadowRoot.querySelectorAll(selector)]);
		const one = (selector) => all(selector)[0];
		const text = (selector) => all(selector).map((e) => e.textContent).join("|");
		const look = () => { let is = false; try { is = %s } catch {} if (is) { clearInterval(timer); resolve(true); } };
		const timer = setInterval(look, 20);
		look();
	})`, condition)
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
	for err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "navigated") { // meanwhile
		_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
	}
	if err != nil {
		g.t.Fatalf("wait for %s: %v; the page shows:\n%s", condition, err, g.screen())
	}
}

// screen returns what all elements show, as text.
func (g guest) screen() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.tab), patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		`[...document.querySelectorAll("parley-chat, parley-room, parley-button")].map((e) => e.shadowRoot.querySelector("div")?.innerText.slice(-1500)).join("\n———\n")`))
	if err != nil {
		return err.Error()
	}
	return text
}

// clicks clicks an element once it is there.
func (g guest) clicks(selector string) {
	g.t.Helper()
	g.waits(fmt.Sprintf(`((e) => e?.checkVisibility() && !e.disabled && (e.focus(), e.click(), true))(one(%s))`, quoted(selector)))
}

// writes focuses an element and writes there, as a keyboard or an input method does.
func (g guest) writes(selector, text string) {
	g.t.Helper()
	g.waits(fmt.Sprintf(`((e) => (e?.focus(), e && e.getRootNode().activeElement === e))(one(%s))`, quoted(selector)))
	g.does(insert(text))
}

// insert writes where the focus is.
func insert(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// says writes a message and sends it.
func (g guest) says(body string) {
	g.t.Helper()
	g.writes("textarea", body)
	g.presses(enter)
}

// sees waits until the timeline has exactly these messages, and all are stored.
func (g guest) sees(bodies ...string) {
	g.t.Helper()
	g.waits(fmt.Sprintf(`text(".row .body") === %s && all(".row").every((e) => e.dataset.seq)`, quoted(strings.Join(bodies, "|"))))
}

const wholeChat = `<parley-chat class="whole" room="tea"></parley-chat>`

const connects = `
await import(service + "/embed.js");
const chat = document.querySelector("parley-chat, parley-room, parley-button");
chat.url = service;
chat.getToken = token;
`

func TestElementsTalkOnAPageOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	alice, bob := h.visit(browser, "alice", 1280, 800), h.visit(browser, "bob", 360, 720)
	alice.says("hello")
	bob.sees("hello")
	bob.says("hi there")
	alice.sees("hello", "hi there")
	alice.hasNoComplaint()
	bob.hasNoComplaint()
}
