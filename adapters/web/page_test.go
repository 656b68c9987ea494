package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/chat"
)

// patience is how long a test waits on a busy machine.
const patience = time.Minute

// service can be stopped and started again at the same address.
type service struct {
	t   *testing.T
	cfg server.Config
	run *server.Server
}

// devKey makes the file of a key pair of development mode, for all services: RSA keys take long.
var devKey = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "parley-key-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if _, err := jwt.LoadOrMakeDevKeys(dir); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, jwt.DevKeyFile))
})

func newService(t *testing.T, change func(*server.Config)) *service {
	t.Helper()
	s := &service{t: t, cfg: server.Config{
		HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", DataDir: t.TempDir(), Drain: time.Millisecond, Output: &bytes.Buffer{},
	}}
	if change != nil {
		change(&s.cfg)
	}
	key, err := devKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.cfg.DataDir, jwt.DevKeyFile), key, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.cfg.HTTPAddr = s.run.HTTPAddr().String()
	t.Cleanup(func() {
		if s.run != nil {
			s.stop()
		}
	})
	return s
}

func (s *service) start() {
	s.t.Helper()
	run, err := server.Start(s.t.Context(), s.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.run = run
}

func (s *service) stop() {
	s.t.Helper()
	if err := s.run.Stop(context.WithoutCancel(s.t.Context())); err != nil {
		s.t.Error(err)
	}
	s.run = nil
}

// person is a browser window of a user of the page.
type person struct {
	t   *testing.T
	tab context.Context

	mu         sync.Mutex
	complaints []string // exceptions, and errors in the console
}

// visit opens the page in a window of its own.
func (s *service) visit(browser context.Context, room string) *person {
	s.t.Helper()
	p := &person{t: s.t}
	tab, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	s.t.Cleanup(closeTab)
	p.tab = tab
	if err := chromedp.Do(tab); err != nil { // the tab ends with the context of its first use, so that context has no deadline
		s.t.Fatal(err)
	}
	p.does(focused(), chromedp.Navigate(s.run.PageURL()+"#"+room))
	return p
}

// focused has a tab believe that it has the focus, as have all others.
func focused() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
}

// join opens the page and enters with a name, as in development mode.
func (s *service) join(browser context.Context, name, room string) guest {
	s.t.Helper()
	g := guest{s.visit(browser, room)}
	g.signsIn(name)
	return g
}

func (g guest) signsIn(name string) {
	g.t.Helper()
	g.types("#signin-name", name)
	g.presses(enter)
	g.waits(isOpen)
}

// isOpen is the condition that the page's chat is connected, as guest.waits has it.
const isOpen = `document.querySelector("#signin").hidden && one('.state[data-state="open"]')`

// newBrowser returns the Chromium of all tests. Each of their windows has storages of its own.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	browser, err := chromium()
	if err != nil {
		t.Fatalf("start Chromium (the tests of the page need it): %v", err)
	}
	return browser
}

// chromium starts it once; stopChromium ends it.
var (
	chromium = sync.OnceValues(func() (context.Context, error) {
		options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
			chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.WSURLReadTimeout(patience))
		alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
		browser, closeBrowser := chromedp.NewContext(alloc)
		stopChromium = func() {
			closeBrowser()
			stop()
		}
		return browser, chromedp.Do(browser)
	})
	stopChromium = func() {}
)

func TestMain(m *testing.M) {
	code := m.Run()
	stopChromium()
	os.Exit(code)
}

func (p *person) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		complaint := event.ExceptionDetails.Text
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			complaint += " " + thrown.Description
		}
		p.complaints = append(p.complaints, complaint)
	case *log.EventEntryAdded:
		if event.Entry.Level == log.EntryLevelError {
			p.complaints = append(p.complaints, event.Entry.Text+" "+event.Entry.URL)
		}
	}
}

// hasNoComplaint fails the test if the page threw, requested a missing file, or broke its policy.
func (p *person) hasNoComplaint() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, complaint := range p.complaints {
		p.t.Errorf("in the browser: %s", complaint)
	}
}

func (p *person) does(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%v; the page shows:\n%s", err, p.screen())
	}
}

func (p *person) screen() string {
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// waits returns once the condition, a JavaScript expression, is true. It checks whenever the
// document changes.
func (p *person) waits(condition string) {
	p.t.Helper()
	const script = `new Promise((resolve) => {
		const observer = new MutationObserver(() => look());
		const look = () => { if (%s) { observer.disconnect(); resolve(true); } };
		observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		look();
	})`
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(script, condition), chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatalf("wait for %s: %v; the page shows:\n%s", condition, err, p.screen())
	}
}

func (p *person) types(selector, keys string) {
	p.t.Helper()
	p.does(chromedp.SendKeys(chromedp.CSS(selector), keys))
}

// at focuses a message and presses a key there.
func (g guest) at(seq int, k key) {
	g.t.Helper()
	g.waits(fmt.Sprintf(`((e) => (e?.focus(), e && e.getRootNode().activeElement === e))(one('.row[data-seq="%d"]'))`, seq))
	g.presses(k)
}

// key is a key of the keyboard: its name, the text that it writes, and its virtual key code.
type key struct {
	name, text string
	code       int64
}

var (
	enter     = key{"Enter", "\r", 13}
	arrowUp   = key{"ArrowUp", "", 38}
	arrowDown = key{"ArrowDown", "", 40}
	remove    = key{"Delete", "", 46}
	letterR   = key{"r", "r", 82}
	plus      = key{"+", "+", 187}
	escape    = key{"Escape", "", 27}
)

// presses presses a key like a keyboard: the page's handler of keydown decides whether the key
// writes text. (chromedp.KeyEvent and SendKeys always write.)
func (p *person) presses(k key) {
	p.t.Helper()
	p.does(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			event := input.DispatchKeyEventParams{Type: kind, Key: k.name, Code: k.name, WindowsVirtualKeyCode: k.code}
			if kind == input.DispatchKeyEventTypeKeyDown {
				event.Text = k.text
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, event); err != nil {
				return err
			}
		}
		return nil
	}))
}

func quoted(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts only
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
}

func TestTwoPeopleTalk(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	alice, bob := s.join(browser, "Alice", "tea"), s.join(browser, "Bob", "tea")
	alice.clicks(".head .wide")
	alice.waits(`text(".people .name") === "Alice|Bob"`)
	alice.clicks(".head .wide")

	alice.says("hello")
	bob.sees("hello")
	bob.writes("textarea", "hi")
	alice.waits(`text(".typing").includes("Bob") && text(".typing").includes("is typing…")`)
	bob.says(" there")
	alice.sees("hello", "hi there")
	alice.waits(`text(".typing") === "" && text("[role=log]") === "Bob: hi there"`)

	alice.waits(`one("[role=log]")`)
	alice.at(2, plus) // opens the choice of reactions
	alice.waits(`one(".menu").getRootNode().activeElement?.type === "search"`)
	alice.presses(arrowDown)
	alice.waits(`one(".menu").getRootNode().activeElement?.textContent === "👍"`)
	alice.presses(enter)
	bob.waits(`text(".reaction[aria-pressed]") === "👍1"`)
	bob.clicks(".reaction")
	alice.waits(`text(".reaction[aria-pressed]") === "👍2"`)
	bob.clicks(`.reaction[aria-pressed="true"]`)
	alice.waits(`text('.reaction[aria-pressed="true"]') === "👍1"`)

	bob.waits(`one("[role=log]")`)
	bob.at(1, letterR)
	bob.says("an answer")
	alice.waits(`text(".quote span") === "hello"`)
	alice.writes("textarea", "")
	alice.presses(arrowUp) // opens the last message for editing
	alice.says(" dear")
	bob.waits(`text('.row[data-seq="1"] .body') === "hello dear" && text('.row[data-seq="1"] .stamp').includes("edited")`)
	bob.waits(`text(".quote span") === "hello dear"`)

	alice.at(1, remove)
	bob.sees("hi there", "an answer")
	bob.waits(`text('.row[data-seq="1"] .deleted') === "Message deleted"`)
	alice.hasNoComplaint()
	bob.hasNoComplaint()
}

func TestWhatIsNewIsCountedUntilItIsSeen(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	alice, bob := s.join(browser, "Alice", "tea"), s.join(browser, "Bob", "tea")
	alice.says("first")
	bob.sees("first")
	bob.says("mine")
	alice.sees("first", "mine")
	bob.waits(`document.querySelector("parley-chat").unread === 0`) // he has read it
	bob.writes(".find input", "Coffee")
	bob.presses(enter)
	bob.waits(`text(".head .name") === "coffee" && location.hash === "#coffee" && document.title === "coffee · Parley"`)

	alice.says("second")
	alice.says("third")
	bob.waits(`text('.entry[data-room="tea"] .badge') === "2"`)
	bob.does(chromedp.Reload())
	bob.waits(`text('.entry[data-room="tea"] .badge') === "2" && text(".head .name") === "coffee"`)

	bob.clicks(`.entry[data-room="tea"]`)
	bob.sees("first", "mine", "second", "third")
	bob.waits(`one(".line").nextElementSibling.textContent.includes("second")`)
	bob.waits(`!one(".entry .badge") && document.title === "tea · Parley"`)
	bob.hasNoComplaint()
}

func TestMessagesAreFoundAndGoneTo(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	alice := s.join(browser, "Alice", "tea")
	alice.says("crème brûlée <b>for</b> tea")
	for i := range 40 {
		alice.says(fmt.Sprint("talk ", i))
	}
	alice.waits(`all(".row .body").length > 40 && all(".row").every((e) => e.dataset.seq)`)
	const field, about = `.aside input[type="search"]`, `text(".aside [role=status]")`
	finds := func(query, says string) {
		t.Helper()
		for { // what was just said may not be indexed yet
			alice.waits(fmt.Sprintf(`(one(%s).select(), true)`, quoted(field)))
			alice.writes(field, query)
			alice.presses(enter)
			alice.waits(`!["", "Searching…"].includes(` + about + `)`)
			alice.waits(fmt.Sprintf(`%s === %s || %[1]s.includes("is not searched yet") && (window.early = true)`, about, quoted(says)))
			if !alice.is(`window.early === true && delete window.early`) {
				return
			}
		}
	}
	alice.clicks(`.head [aria-label="Search"]`)
	alice.waits(`one(".aside").getRootNode().activeElement?.type === "search"`)
	finds("brulee", "1 message")
	alice.waits(`text("mark") === "brûlée" && text(".hit-body") === "crème brûlée <b>for</b> tea"`)
	alice.clicks(".hit")
	alice.waits(`one(".hit").getRootNode().activeElement?.dataset.seq === "1"`)
	finds("nothing", "Nothing found")

	// From another room, in all rooms, with the keyboard.
	alice.writes(".find input", "Coffee")
	alice.presses(enter)
	alice.waits(`text(".head .name") === "coffee"`)
	alice.clicks(`.head [aria-label="Search"]`)
	alice.clicks(`.aside [type="checkbox"]`)
	finds("tea", "1 message")
	alice.waits(`((e) => (e.focus(), e.getRootNode().activeElement === e))(one(".hit"))`)
	alice.presses(enter)
	alice.waits(`text(".head .name") === "tea" && one(".scroll").getRootNode().activeElement?.dataset.seq === "1"`)
	alice.clicks(`.head [aria-label="Search"]`)
	alice.waits(`one(".aside").getRootNode().activeElement?.type === "search"`)
	alice.presses(escape)
	alice.waits(`!one(".aside") && one(".head").getRootNode().activeElement === one('.head [aria-label="Search"]')`)
	alice.hasNoComplaint()

	alice.clicks(`.head [aria-label="Search"]`)
	finds("-tea", "That did not work: q must have a word to look for, besides those that are not meant")
}

// is reports whether a JavaScript expression is true now.
func (p *person) is(condition string) bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition))
	if err != nil {
		p.t.Fatal(err)
	}
	return is
}

// asks calls the HTTP API as who is signed in, again and again with each of the bodies.
func (g guest) asks(method, path string, bodies ...string) {
	g.t.Helper()
	g.runs(fmt.Sprintf(`(async () => {
		const { token } = JSON.parse(sessionStorage.getItem("parley.session"));
		const headers = { Authorization: "Bearer " + token, "Content-Type": "application/json" };
		for (const body of %s) {
			const { ok, status } = await fetch(%q, { method: %q, headers, body });
			if (!ok) throw new Error(status);
		}
	})()`, quoted(bodies), path, method))
}

func TestHistoryComesWithScrollingBack(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	writer := s.join(browser, "Alice", "tea")
	var sent, bodies []string
	for i := range 130 {
		bodies = append(bodies, fmt.Sprintf("message %d", i+1))
		sent = append(sent, quoted(map[string]string{"body": bodies[i]}))
	}
	writer.asks("POST", "v1/rooms/tea/messages", sent...)
	writer.waits(`all(".row:last-child .body").at(-1).textContent === "message 130" && ` + atEnd)

	reader := s.join(browser, "Bob", "tea")
	reader.waits(`one(".row") && !one('.row[data-seq="130"]')`) // from the first, which is unread
	reader.clicks(".jump")
	reader.waits(`one('.row[data-seq="130"]') && !one('.row[data-seq="1"]') && ` + atEnd)
	for _, seq := range []int{60, 1} {
		// Older messages are loaded each time that the reader reaches the top.
		reader.waits(fmt.Sprintf(`(one(".scroll").scrollTop = 0, one('.row[data-seq="%d"]'))`, seq))
	}
	reader.sees(bodies...)
	reader.waits(`text(".beginning") === "This is the beginning of the room." && one(".jump")`)
	reader.hasNoComplaint()
}

func TestThePageGoesOnWhereItWasAfterARestart(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, nil), newBrowser(t)
	alice, bob := s.join(browser, "Alice", "tea"), s.join(browser, "Bob", "tea")
	alice.says("before")
	bob.sees("before")

	s.stop()
	alice.waits(`one('.state[data-state="waiting"]')`)
	alice.says("meanwhile")
	alice.says("and more")
	alice.waits(`all(".row:not([data-seq]) .stamp").filter((e) => e.textContent.includes("Sending")).length === 2`)
	alice.waits(`text(".banner").includes("Connection lost")`)
	s.start()

	alice.sees("before", "meanwhile", "and more")
	bob.sees("before", "meanwhile", "and more")
	alice.does(chromedp.Reload())
	alice.sees("before", "meanwhile", "and more")
	alice.waits(`!one(".banner")`)
}

func TestWhoIsSentFromARoomIsToldAndStaysInTheOthers(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	alice := s.join(browser, "Alice", "tea")
	alice.asks("POST", "v1/rooms", `{"room":"den","public":true}`)
	bob := s.join(browser, "Bob", "den")
	bob.says("hello")
	bob.sees("hello")
	alice.asks("PUT", "v1/rooms/den/members/bob", `{"banned":true}`)
	bob.waits(`text(".state-pane h2") === "You are not in den any more" && !one("textarea") && one('.state[data-state="open"]')`)
	bob.does(chromedp.Navigate(s.run.URL() + "/#tea"))
	bob.says("I am here still")
	bob.sees("I am here still")
}

// TestWhoOpensThePageWithoutItsKeyIsToldWhereToLook also checks that the key is removed from the
// address, and kept.
func TestWhoOpensThePageWithoutItsKeyIsToldWhereToLook(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	p := guest{s.visit(browser, "tea")}
	p.waits(`document.querySelector("#by-name").checkVisibility() && location.search === "" && location.hash === "#tea"`)
	p.waits(`document.querySelector("#signin-locked").hidden && document.activeElement.id === "signin-name"`)
	p.does(chromedp.Navigate(s.run.URL() + "/#tea")) // like another window
	p.waits(`document.querySelector("#by-name").checkVisibility()`)

	p.does(chromedp.Evaluate[chromedp.Void](`localStorage.clear()`), chromedp.Reload())
	p.waits(`document.querySelector("#signin-locked").checkVisibility() && !document.querySelector("#by-name").checkVisibility()`)
	p.waits(`document.querySelector("#by-token").checkVisibility() && !document.querySelector("#signin-other").checkVisibility()`)
	p.does(chromedp.Navigate(s.run.URL() + "/?key=of-another-service#tea"))
	p.waits(`document.querySelector("#signin-locked").checkVisibility() && document.querySelector("#signin-fault").innerText.includes("key in the address")`)
	p.waits(`localStorage.getItem("parley.page-key") === null && location.search === ""`)

	p.does(chromedp.Evaluate[chromedp.Void](`localStorage.setItem("parley.page-key", "of-before")`), chromedp.Reload())
	p.types("#signin-name", "Alice")
	p.presses(enter)
	p.waits(`document.querySelector("#signin-locked").checkVisibility()`)

	s.stop()
	s.start()
	p.does(chromedp.Navigate(s.run.PageURL() + "#tea"))
	p.signsIn("Alice")
}

// TestAWrongKeyInTheAddressTakesNoGoodOneAway also checks that the right key replaces a wrong one.
func TestAWrongKeyInTheAddressTakesNoGoodOneAway(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	p := guest{s.visit(browser, "tea")}
	p.waits(`document.querySelector("#by-name").checkVisibility() && localStorage.getItem("parley.page-key")`)
	p.waits(`document.querySelector("#signin-fault").innerText === ""`)
	p.does(chromedp.Navigate(s.run.URL() + "/?key=of-another-service#tea"))
	p.waits(`document.querySelector("#signin-fault").innerText.includes("key in the address")`)
	p.waits(`document.querySelector("#by-name").checkVisibility() && location.search === "" && location.hash === "#tea"`)
	p.signsIn("Alice")

	p.does(chromedp.Evaluate[chromedp.Void](`sessionStorage.clear(); localStorage.clear(); localStorage.setItem("parley.page-key", "of-before")`))
	p.does(chromedp.Navigate(s.run.PageURL() + "#tea"))
	p.signsIn("Alice")
	p.hasNoComplaint()
}

// another opens an address in another tab of the same window: both have what the browser keeps.
func (g guest) another(address string) guest {
	g.t.Helper()
	other := guest{&person{t: g.t}}
	tab, closeTab := chromedp.NewContext(g.tab, chromedp.WithListener(other.hear))
	g.t.Cleanup(closeTab)
	other.tab = tab
	if err := chromedp.Do(tab); err != nil {
		g.t.Fatal(err)
	}
	other.does(focused(), chromedp.Navigate(address))
	return other
}

func TestANewTabIsSignedInAndEachTabIsItsOwn(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	const signedOut = `document.querySelector("#signin").checkVisibility() && !document.querySelector("parley-chat")`
	alice := s.join(browser, "Alice", "tea")
	other := alice.another(s.run.URL() + "/#tea")
	other.waits(isOpen + ` && text(".me .name") === "Alice"`)
	other.clickOn(`[slot="account"]`)
	other.waits(signedOut + ` && location.hash === ""`)
	other.does(chromedp.Reload())
	other.waits(signedOut)
	other.signsIn("Bob")

	alice.does(chromedp.Reload()) // she is who she was, though somebody else signed in since
	alice.waits(isOpen + ` && text(".me .name") === "Alice" && text(".head .name") === "tea"`)
	alice.clickOn(`[slot="account"]`)
	alice.waits(signedOut)
	third := other.another(s.run.URL() + "/#tea")
	third.waits(isOpen + ` && text(".me .name") === "Bob"`)
	for _, g := range []guest{alice, other, third} {
		g.hasNoComplaint()
	}
}

// clickOn clicks an element of the page itself.
func (g guest) clickOn(selector string) {
	g.t.Helper()
	g.waits(fmt.Sprintf(`((e) => e?.checkVisibility() && (e.focus(), e.click(), true))(document.querySelector(%s))`, quoted(selector)))
}

func TestAnAddressNamesARoomAndAMessage(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	alice := s.join(browser, "Alice", "%E0%A4%A") // is not well formed
	alice.waits(`one(".state-pane .primary")`)
	alice.clicks(".state-pane .primary")
	alice.waits(`location.hash === "#general" && text(".head .name") === "general"`)
	var sent []string
	for i := range 200 {
		sent = append(sent, fmt.Sprintf(`{"body":"message %d"}`, i+1))
	}
	alice.asks("POST", "v1/rooms/tea/messages", sent...)

	bob := s.join(browser, "Bob", "tea/100")
	bob.waits(`one('.found[data-seq="100"]') && document.title === "tea · Parley"`)
	bob.does(chromedp.Evaluate[chromedp.Void](`location.hash = "#tea/3"`))
	bob.waits(`one('.found[data-seq="3"]').getRootNode().activeElement.dataset.seq === "3"`)
	bob.does(chromedp.Evaluate[chromedp.Void](`location.hash = "#Coffee%20House"`))
	bob.waits(`text(".head .name") === "coffee-house"`)
	bob.does(chromedp.NavigateBack())
	bob.waits(`one('.found[data-seq="3"]') && text(".head .name") === "tea"`)
	bob.does(chromedp.Evaluate[chromedp.Void](`location.hash = ""`))
	bob.waits(`one(".state-pane") && !one(".head") && document.title === "Parley"`)
	bob.waits(`document.querySelector("parley-chat").link("tea", 7) === location.origin + "/#tea/7"`)
	alice.hasNoComplaint()
	bob.hasNoComplaint()
}

func TestThePageBeginsAnewWithAnotherLog(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, nil), newBrowser(t)
	alice := s.join(browser, "Alice", "tea")
	alice.says("before")
	alice.sees("before")

	s.stop()
	for _, path := range []string{"parley.db", "parley.db-wal", "parley.db-shm"} {
		if err := os.Remove(filepath.Join(s.cfg.DataDir, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(s.cfg.DataDir, "parley.db")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), chat.Room{ID: "tea", Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		said := chat.Proposal{
			Room: "tea", Author: chat.Author{ID: "carol"}, By: chat.Rights{Everybody: true}, Key: chat.NewKey(), Fact: chat.Message{Body: fmt.Sprint("other ", i)},
		}
		if outcomes, err := store.Append(t.Context(), []chat.Proposal{said}); err != nil || outcomes[0].Err != nil {
			t.Fatal(outcomes, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	s.start()
	alice.sees("other 0", "other 1", "other 2")
	alice.says("after")
	alice.sees("other 0", "other 1", "other 2", "after")
}

func TestATokenThatIsNotAcceptedIsAskedForAgain(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newService(t, func(cfg *server.Config) {
		inMemory(cfg)
		cfg.JWTPublicKeyFiles = []string{file}
	})
	p := s.visit(newBrowser(t), "tea")
	p.waits(`document.querySelector("#signin").checkVisibility()`)
	for _, token := range []string{"no.good.token", "no header can carry this"} {
		p.waits(`!document.querySelector("#by-token").hidden && document.querySelector("#by-name").hidden`)
		p.types("#signin-token", token)
		p.does(chromedp.Click(chromedp.CSS("#signin button.primary")))
		p.waits(`document.querySelector("#signin-fault").textContent === "Your token is no longer accepted. Please sign in again."`)
		p.waits(`document.activeElement.id === "signin-token" && document.activeElement.value === ""`)
	}
}

func inMemory(cfg *server.Config) { cfg.StoreURL = "memory://" }
