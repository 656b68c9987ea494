package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/parley-chat/parley/adapters/jwt"
)

// screenshots is where pictures of the page are put, if anywhere: a folder.
var screenshots = os.Getenv("PARLEY_TEST_SCREENSHOTS")

// as calls the HTTP API as a user of that name.
func (s *service) as(name, method, path, body string) {
	s.t.Helper()
	keys, err := jwt.LoadOrMakeDevKeys(s.cfg.DataDir)
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := keys.Sign(jwt.Grant{Subject: strings.ToLower(name), Name: name, TTL: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.run.URL()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		s.t.Fatalf("%s %s as %s: %s", method, path, name, res.Status)
	}
}

// talks fills the service with what people may have said.
func (s *service) talks() {
	s.t.Helper()
	s.as("Bob", "POST", "/v1/rooms", `{"room":"tea","name":"Tea & cake","public":true}`)
	s.as("Bob", "PATCH", "/v1/rooms/tea", `{"topic":"Four o’clock, every day"}`)
	for _, said := range []struct{ who, body string }{
		{"Bob", `{"body":"Good afternoon! The kettle is on 🫖"}`},
		{"Bob", `{"body":"Who brings the **cake** today? Last time it was *lemon*, see https://example.com/recipes/lemon-drizzle?serves=8"}`},
		{"Carol", `{"body":"I do. Here is the plan:\n\n1. Bake\n2. Cool it\n3. Eat\n\n> Last time it was lemon\n\nSo now something with ` + "`cardamom`" + `"}`},
		{"Carol", `{"body":"` + "```js\\nconst cake = bake({ flour: 250, sugar: 180, cardamom: 2 });\\nawait cool(cake);\\n```" + `"}`},
		{"Alice", `{"body":"Lovely, I will be there at four. Shall I bring cups as well, or are there enough of them still from last week?"}`},
		{"Bob", `{"body":"🎉🎉"}`},
		{"Bob", `{"body":"Yes please","reply_to":7}`},
	} {
		s.as(said.who, "POST", "/v1/rooms/tea/messages", said.body)
	}
	s.as("Carol", "PUT", "/v1/rooms/tea/messages/2/reactions/❤️", ``)
	s.as("Bob", "PUT", "/v1/rooms/tea/messages/2/reactions/👍", ``)
	s.as("Carol", "PUT", "/v1/rooms/tea/messages/8/reactions/🫖", ``)
	for i, room := range [][2]string{
		{"Garden", "The roses want water, and so do I, to be honest"},
		{"Книжный клуб", "В четверг читаем третью главу"},
		{"Releases", "1.2 is out, thanks to all of you 🚀"},
		{"Support", "That was it. Now it works, thank you!"},
	} {
		s.as("Bob", "POST", "/v1/rooms", fmt.Sprintf(`{"room":"r%d","name":%q,"public":true,"members":[{"user":"alice","role":"write"}]}`, i, room[0]))
		s.as("Bob", "POST", fmt.Sprintf("/v1/rooms/r%d/messages", i), fmt.Sprintf(`{"body":%q}`, room[1]))
	}
}

// prefers has the browser say what a person's system prefers; names and values alternate.
func (g guest) prefers(pairs ...string) {
	g.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		features = append(features, &emulation.MediaFeature{Name: pairs[i], Value: pairs[i+1]})
	}
	g.does(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

// shot writes a picture of what is seen, if somebody wants them.
func (g guest) shot(name string) {
	g.t.Helper()
	if screenshots == "" {
		return
	}
	g.does(chromedp.Sleep(quiet / 2)) // fonts, and what moves
	picture, err := chromedp.Run(g.tab, chromedp.CaptureScreenshot())
	if err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, name+".png"), picture, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// forREADME writes a picture that belongs into elements/pictures.
func (g guest) forREADME(name string) {
	g.t.Helper()
	if screenshots == "" {
		return
	}
	g.does(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		picture, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatWebp, Quality: new(int64(80))})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(screenshots, name+".webp"), picture.Data, 0o600)
	}))
}

// fits fails the test if something is wider than the window, or the composer is not seen, or is not
// as wide as the messages.
func (g guest) fits(what string) {
	g.t.Helper()
	g.waits(`document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight + 1`)
	const wide = `[...document.querySelector("parley-chat").shadowRoot.querySelectorAll("*")].filter((e) => {
		const { left, right, width } = e.getBoundingClientRect();
		return width > 1 && e.checkVisibility() && !e.closest(".fence, .unseen, .preview, .name, .quote") && (left < -1 || right > innerWidth + 1);
	}).map((e) => e.outerHTML.slice(0, 120)).join("\n")`
	text, err := chromedp.Run(g.tab, chromedp.Evaluate[string](wide))
	if err != nil || text != "" {
		g.t.Errorf("%s: wider than the window: %s %v", what, text, err)
	}
	g.waits(`((c, m, w) => c.bottom <= innerHeight && c.top > 0 && c.height < innerHeight / 3 && Math.abs(c.width - m.width) <= 1 && Math.abs(c.left - m.left) <= 16 && w.height > 30)(
		one(".composer").getBoundingClientRect(), one(".column").getBoundingClientRect(), one(".write").getBoundingClientRect())`)
}

// accessible fails the test if axe finds that WCAG 2.2 AA is not kept.
func (g guest) accessible(state string) {
	g.t.Helper()
	const script = `(async () => {
		await Promise.allSettled(document.getAnimations().map((one) => one.finished));
		const { violations } = await axe.run(document, {
			runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"],
		});
		return JSON.stringify(violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => [id, target.flat().join(" "), failureSummary].join(": "))));
	})()`
	ctx, cancel := context.WithTimeout(g.tab, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		g.t.Fatal(err)
	}
	var violations []string
	if err := json.Unmarshal([]byte(text), &violations); err != nil {
		g.t.Fatal(err)
	}
	for _, one := range violations {
		g.t.Errorf("%s: %s", state, one)
	}
}

// axe has the page know axe, from now on and after reloads.
func (g guest) axe() {
	g.t.Helper()
	source, err := os.ReadFile("../../.tools/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		g.t.Fatalf("%v; run make tools", err)
	}
	g.does(chromedp.Evaluate[chromedp.Void](string(source) + ";void 0"))
}

// TestThePageFitsAllWindows also makes pictures of it, which people look at.
func TestThePageFitsAllWindows(t *testing.T) {
	t.Parallel()
	s := newService(t, inMemory)
	s.talks()
	g := s.join(newBrowser(t), "Alice", "tea")
	g.waits(`all(".row").length === 7 && one("[role=log]")`)
	for _, one := range []struct {
		name          string
		width, height int64
		scale         float64
		prefers       []string
		dir           string
	}{
		{name: "360-light", width: 360, height: 720, scale: 1},
		{name: "360-dark", width: 360, height: 720, scale: 1, prefers: []string{"prefers-color-scheme", "dark"}},
		{name: "768-light", width: 768, height: 1024, scale: 1},
		{name: "1280-light", width: 1280, height: 800, scale: 1},
		{name: "1280-dark", width: 1280, height: 800, scale: 1, prefers: []string{"prefers-color-scheme", "dark"}},
		{name: "1280-contrast", width: 1280, height: 800, scale: 1, prefers: []string{"prefers-contrast", "more"}},
		{name: "1280-contrast-dark", width: 1280, height: 800, scale: 1, prefers: []string{"prefers-contrast", "more", "prefers-color-scheme", "dark"}},
		{name: "1280-forced", width: 1280, height: 800, scale: 1, prefers: []string{"forced-colors", "active"}},
		{name: "1280-zoomed", width: 640, height: 400, scale: 2}, // 200 % of a window of 1280
		{name: "1280-rtl", width: 1280, height: 800, scale: 1, dir: "rtl"},
		{name: "360-rtl", width: 360, height: 720, scale: 1, dir: "rtl"},
		{name: "1920-light", width: 1920, height: 1080, scale: 1},
		{name: "1920-dark", width: 1920, height: 1080, scale: 1, prefers: []string{"prefers-color-scheme", "dark"}},
	} {
		g.does(chromedp.EmulateViewport(one.width, one.height, chromedp.EmulateScale(one.scale)))
		g.prefers(one.prefers...)
		g.waits(fmt.Sprintf(`(document.querySelector("parley-chat").dir = %q, innerWidth === %d)`, one.dir, one.width))
		g.fits(one.name)
		g.shot(one.name)
		if name := map[string]string{"1280-light": "light", "1280-dark": "dark", "360-dark": "phone"}[one.name]; name != "" {
			g.forREADME(name)
		}
	}
	g.hasNoComplaint()
}

func TestThePageIsForEveryone(t *testing.T) {
	t.Parallel()
	s := newService(t, inMemory)
	s.talks()
	g := guest{s.visit(newBrowser(t), "")}
	g.does(chromedp.EmulateViewport(1280, 800))
	g.waits(`document.querySelector("#by-name").checkVisibility()`)
	g.axe()
	check := func(state string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			g.prefers("prefers-color-scheme", scheme)
			g.shot(state + "-" + scheme)
			g.accessible(state + ", " + scheme)
		}
	}
	check("sign-in")
	g.signsIn("Newcomer")
	g.waits(`one(".state-pane .primary")`)
	check("first-run")
	g.clicks(".state-pane .primary")
	g.waits(`one(".empty")`)
	check("empty")

	g.clickOn(`[slot="account"]`)
	g.waits(`document.querySelector("#signin").checkVisibility()`)
	g.axe()
	g.signsIn("Alice")
	check("choose")
	g.clicks(`.entry[data-room="r0"]`)
	g.does(chromedp.Evaluate[chromedp.Void](`location.hash = "#tea"`))
	g.waits(`all(".row").length === 7 && one("[role=log]")`)
	check("room")
	g.writes("textarea", "")
	g.presses(arrowUp)
	g.waits(`one(".context")`)
	check("editing")
	g.presses(escape)
	g.hovers(7)
	g.clicks(`.row[data-seq="7"] .act-more`)
	g.waits(`one(".menu")`)
	check("menu")
	g.presses(escape)
	g.hovers(7)
	g.clicks(`.row[data-seq="7"] .act-react`)
	g.waits(`one(".menu")`)
	check("picker")
	g.presses(escape)
	g.clicks(`.account .tool`)
	g.waits(`one("dialog")?.open`)
	check("dialog")
	g.presses(escape)
	g.clicks(`.head [aria-label="People"]`)
	g.waits(`all(".people li").length > 0`)
	check("people")
	g.presses(escape)
	g.waits(`((e) => (e.focus(), e.getRootNode().activeElement === e))(one(".row.mine"))`)
	g.presses(remove)
	g.waits(`one(".toast")`)
	check("undo")
	s.as("Bob", "PUT", "/v1/rooms/r0/members/alice", `{"banned":true}`)
	g.does(chromedp.Evaluate[chromedp.Void](`location.hash = "#r0"`))
	g.waits(`text(".state-pane h2") !== ""`)
	check("banned")
	g.clicks(`.entry[data-room="tea"]`)
	g.waits(`one("textarea")`)
	s.stop()
	g.waits(`one(".banner")`)
	g.says("Are you there?")
	check("offline")
	s.start() // in memory: all is gone, and the token holds
	g.waits(`one('.state[data-state="open"]')`)
	g.does(chromedp.Evaluate[chromedp.Void](`sessionStorage.setItem("parley.session", JSON.stringify({ token: "no.good.token" }))`), chromedp.Reload())
	g.waits(`document.querySelector("#signin-fault").checkVisibility()`)
	g.axe()
	check("expired")
}
