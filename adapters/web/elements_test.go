package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
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
	mux.HandleFunc("/elements/", func(w http.ResponseWriter, r *http.Request) { // as built into the site
		name := path.Base(r.URL.Path)
		if strings.HasPrefix(name, "embed-more") {
			name = "embed-more.js"
		}
		http.ServeFile(w, r, "elements/dist/"+name)
	})
	mux.HandleFunc("/page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "const user = new URLSearchParams(location.search).get('user');\nconst service = %q;\n"+
			"const token = async () => (await fetch('/token?user=' + user)).text();\n%s", "http://"+h.service.cfg.HTTPAddr, h.script)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		service, scripts := "http://"+h.service.cfg.HTTPAddr, "'self' "
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
// the page's elements, `all` finds all of them; `text` is theirs,
// without the marks that isolate names.
func (g guest) waits(condition string) {
	g.t.Helper()
	until[bool](g, "Boolean("+condition+")")
}

// until returns what an expression gives, as in waits, once that is neither false nor nothing.
func until[T any](g guest, expression string) T {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.tab, patience)
	defer cancel()
	script := fmt.Sprintf(`new Promise((resolve) => {
		const all = (selector) => [...document.querySelectorAll("parley-chat, parley-room, parley-button")].flatMap((e) => [...e.shadowRoot.querySelectorAll(selector)]);
		const one = (selector) => all(selector)[0];
		const text = (selector) => all(selector).map((e) => e.textContent.replace(/[\u2066-\u2069]/g, "")).join("|");
		const look = () => { let is; try { is = %s } catch {} if (is) { clearInterval(timer); resolve(is); } };
		const timer = setInterval(look, 20);
		look();
	})`, expression)
	is, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	for err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "navigated") { // meanwhile
		is, err = chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	}
	if err != nil {
		g.t.Fatalf("wait for %s: %v; the page shows:\n%s", expression, err, g.screen())
	}
	return is
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

// clicks clicks the first element of a selector with the mouse.
func (g guest) clicks(selector string) {
	g.t.Helper()
	g.clicksOn(fmt.Sprintf(`one(%s)`, quoted(selector)))
}

// picks clicks what is called so in the menu that is open.
func (g guest) picks(label string) {
	g.t.Helper()
	g.clicksOn(fmt.Sprintf(`all(".menu [role=menuitem]").find((e) => e.textContent === %s)`, quoted(label)))
}

// acts does with a message what its menu calls so.
func (g guest) acts(seq int, label string) {
	g.t.Helper()
	g.hovers(seq)
	g.clicks(fmt.Sprintf(`.row[data-seq="%d"] .act-more`, seq))
	g.picks(label)
}

// hovers has the mouse come to a message, which shows what may be done with it.
func (g guest) hovers(seq int) {
	g.t.Helper()
	g.comesTo(fmt.Sprintf(`one('.row[data-seq="%d"] .bubble')`, seq))
}

// comesTo moves the mouse to the middle of the element that an expression gives, as in waits, once
// it is there and stays where it is.
func (g guest) comesTo(element string) (x, y float64) {
	g.t.Helper()
	g.waits(fmt.Sprintf(`((e) => e?.checkVisibility() && (e.scrollIntoView({ block: "nearest" }), true))(%s)`, element))
	at := until[[]float64](g, fmt.Sprintf(`((e) => {
		const { left, top, width, height } = e.getBoundingClientRect();
		const middle = [left + width / 2, Math.min(Math.max(top + height / 2, 1), innerHeight - 1)];
		const before = window.middle;
		window.middle = String(middle);
		return before === window.middle && middle;
	})(%s)`, element))
	g.does(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	return at[0], at[1]
}

// clicksOn clicks the element that an expression gives, as in waits, with the mouse. Nothing may
// lie over it.
func (g guest) clicksOn(element string) {
	g.t.Helper()
	g.waits(fmt.Sprintf(`((e) => e && !e.disabled)(%s)`, element))
	x, y := g.comesTo(element)
	g.waits(fmt.Sprintf(`((e, x, y) => {
		let hit = document.elementFromPoint(x, y);
		for (let within; (within = hit.shadowRoot?.elementFromPoint(x, y)) && within !== hit; ) hit = within;
		return e.contains(hit) || hit.closest("label")?.contains(e);
	})(%s, %v, %v)`, element, x, y))
	g.does(chromedp.MouseClickXY(x, y))
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
