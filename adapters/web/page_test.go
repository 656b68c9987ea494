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
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

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

func newService(t *testing.T, change func(*server.Config)) *service {
	t.Helper()
	s := &service{t: t, cfg: server.Config{
		HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", DataDir: t.TempDir(), Drain: time.Millisecond, Output: &bytes.Buffer{},
	}}
	if change != nil {
		change(&s.cfg)
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
	p.does(chromedp.Navigate(s.run.PageURL() + "#" + room))
	return p
}

// join opens the page and enters with a name, as in development mode.
func (s *service) join(browser context.Context, name, room string) *person {
	s.t.Helper()
	p := s.visit(browser, room)
	p.types("#signin-name", name)
	p.presses(enter)
	p.waits(`document.querySelector("#state").dataset.state === "open" && !document.querySelector("#people-toggle").hidden`)
	return p
}

func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.WSURLReadTimeout(patience))
	alloc, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	browser, closeBrowser := chromedp.NewContext(alloc)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start Chromium (the tests of the page need it): %v", err)
	}
	return browser
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

// shows waits until the selected elements have exactly these texts.
func (p *person) shows(selector string, texts ...string) {
	p.t.Helper()
	p.waits(fmt.Sprintf(`JSON.stringify([...document.querySelectorAll(%s)].map((e) => e.textContent)) === %s`, quoted(selector), quoted(quoted(texts))))
}

// sees waits until the open room has exactly these messages, in this order, and all are stored.
func (p *person) sees(bodies ...string) {
	p.t.Helper()
	p.shows("#messages .body", bodies...)
	p.waits(`!document.querySelector("#messages .pending")`)
}

func (p *person) types(selector, keys string) {
	p.t.Helper()
	p.does(chromedp.SendKeys(chromedp.CSS(selector), keys))
}

func (p *person) says(body string) {
	p.t.Helper()
	p.types("#body", body)
	p.presses(enter)
}

// clicks finds and clicks an element in one step: in between, the page might draw it anew.
func (p *person) clicks(selector string) {
	p.t.Helper()
	p.waits(fmt.Sprintf(`((e) => e?.checkVisibility() && (e.click(), true))(document.querySelector(%s))`, quoted(selector)))
}

// at focuses a message and presses a key there.
func (p *person) at(seq int, k key) {
	p.t.Helper()
	p.waits(fmt.Sprintf(`((e) => (e?.focus(), e && document.activeElement === e))(document.querySelector('article[data-seq="%d"]'))`, seq))
	p.presses(k)
}

// key is a key of the keyboard: its name, the text that it writes, and its virtual key code.
type key struct {
	name, text string
	code       int64
}

var (
	enter   = key{"Enter", "\r", 13}
	arrowUp = key{"ArrowUp", "", 38}
	remove  = key{"Delete", "", 46}
	letterR = key{"r", "r", 82}
	plus    = key{"+", "+", 187}
	escape  = key{"Escape", "", 27}
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
	alice.shows("#people-list .name", "Alice", "Bob")

	alice.says("hello")
	bob.sees("hello")
	bob.types("#body", "hi")
	alice.shows("#typing", "Bob is typing…")
	bob.says(" there")
	alice.sees("hello", "hi there")
	alice.shows("#typing", "")
	alice.shows("#announcer", "Bob: hi there ")

	alice.at(2, plus) // opens the choice of reactions, with the first one focused
	alice.waits(`document.activeElement.textContent === "👍"`)
	alice.presses(enter)
	bob.shows(".reaction", "👍 1")
	bob.clicks(".reaction")
	alice.shows(".reaction", "👍 2")
	bob.clicks(`.reaction[aria-pressed="true"]`)
	alice.shows(`.reaction[aria-pressed="true"]`, "👍 1")

	bob.at(1, letterR)
	bob.says("an answer")
	alice.shows(".quote span:last-child", "hello")
	alice.does(chromedp.Focus(chromedp.CSS("#body")))
	alice.presses(arrowUp) // opens the last message for editing
	alice.says(" dear")
	bob.shows(`[data-seq="1"] .body`, "hello dearedited")
	bob.shows(".quote span:last-child", "hello dear")

	alice.at(1, remove)
	alice.clicks(`#confirm [value="yes"]`)
	bob.sees("Message deleted", "hi there", "an answer")
	alice.hasNoComplaint()
	bob.hasNoComplaint()
}

func TestWhatIsNewIsCountedUntilItIsSeen(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	alice, bob := s.join(browser, "Alice", "tea"), s.join(browser, "Bob", "tea")
	alice.says("first")
	bob.sees("first")
	bob.types("#join-room", "Coffee")
	bob.presses(enter)
	bob.shows("#room-title", "coffee")

	alice.says("second")
	alice.says("third")
	bob.shows(`a[href="#tea"] .badge`, "2 unread")
	bob.waits(`document.title.startsWith("(2)")`)
	bob.does(chromedp.Reload())
	bob.shows(`a[href="#tea"] .badge`, "2 unread")

	bob.clicks(`a[href="#tea"]`)
	bob.sees("first", "second", "third")
	bob.waits(`document.querySelector("#divider + li")?.textContent.includes("second")`)
	bob.waits(`!document.querySelector(".badge") && !document.title.startsWith("(")`)
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
	alice.waits(`document.querySelectorAll("#messages .body").length > 40 && !document.querySelector("#messages .pending")`)
	alice.clicks(`#search-toggle`)
	alice.waits(`document.activeElement.id === "search-q"`)
	finds := func(query, about string) {
		t.Helper()
		alice.does(chromedp.Evaluate[chromedp.Void](`document.querySelector("#search-q").value = ""`))
		for { // what was just said may not be indexed yet
			alice.types("#search-q", query)
			alice.presses(enter)
			alice.waits(`!["", "Searching…"].includes(document.querySelector("#search-about").textContent)`)
			if alice.is(fmt.Sprintf(`document.querySelector("#search-about").textContent === %s`, quoted(about))) {
				return
			}
			if !alice.is(`document.querySelector("#search-about").textContent.includes("is not searched yet")`) {
				t.Fatalf("the search for %s shows:\n%s", query, alice.screen())
			}
			alice.does(chromedp.Evaluate[chromedp.Void](`document.querySelector("#search-q").value = ""`))
		}
	}
	finds("brulee", "1 found.")
	alice.shows("#search-hits mark", "brûlée")
	alice.shows("#search-hits .hit-body", "crème brûlée <b>for</b> tea")
	alice.clicks("#search-hits .hit")
	alice.waits(`document.activeElement.dataset.seq === "1"`)
	finds("nothing", "Nothing was found.")
	finds("-tea", "That is no search: q must have a word to look for, besides those that are not meant.")

	// From another room, in all rooms, with the keyboard.
	alice.types("#join-room", "Coffee")
	alice.presses(enter)
	alice.shows("#room-title", "coffee")
	alice.clicks("#search-all")
	finds("tea", "1 found.")
	alice.does(chromedp.Focus(chromedp.CSS("#search-hits .hit")))
	alice.presses(enter)
	alice.shows("#room-title", "tea")
	alice.waits(`document.activeElement.dataset.seq === "1"`)
	alice.does(chromedp.Focus(chromedp.CSS("#search-q")))
	alice.presses(escape)
	alice.waits(`document.querySelector("#search").hidden && document.activeElement.id === "search-toggle"`)
	alice.hasNoComplaint()
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

func TestHistoryComesWithScrollingBack(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	writer := s.join(browser, "Alice", "tea")
	var bodies []string
	for i := range 130 {
		bodies = append(bodies, fmt.Sprintf("message %d", i+1))
	}
	writer.does(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(async () => {
		for (const body of %s) {
			const headers = { Authorization: "Bearer " + sessionStorage.getItem("parley.token"), "Content-Type": "application/json" };
			await fetch("v1/rooms/tea/messages", { method: "POST", headers, body: JSON.stringify({ body }) });
		}
	})()`, quoted(bodies)), chromedp.EvalAwaitPromise))
	writer.sees(bodies...)

	reader := s.join(browser, "Bob", "tea")
	reader.waits(`document.querySelector("#messages > li:last-child")?.textContent.includes("message 130")`)
	reader.waits(`!document.querySelector('[data-seq="1"]')`)
	for _, seq := range []int{60, 1} {
		// Older messages are loaded each time that the reader reaches the top.
		reader.waits(fmt.Sprintf(`(document.querySelector("#timeline").scrollTop = 0, document.querySelector('[data-seq="%d"]'))`, seq))
	}
	reader.sees(bodies...)
	reader.shows("#history", "This is where tea begins.")
	reader.waits(`!document.querySelector("#jump").hidden`)
	reader.hasNoComplaint()
}

func TestThePageGoesOnWhereItWasAfterARestart(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, nil), newBrowser(t)
	alice, bob := s.join(browser, "Alice", "tea"), s.join(browser, "Bob", "tea")
	alice.says("before")
	bob.sees("before")

	s.stop()
	alice.waits(`document.querySelector("#state").dataset.state === "waiting"`)
	alice.says("meanwhile")
	alice.says("and more")
	alice.shows(".pending .note", "Sending…", "Sending…")
	s.start()

	alice.sees("before", "meanwhile", "and more")
	bob.sees("before", "meanwhile", "and more")
	alice.does(chromedp.Reload())
	alice.sees("before", "meanwhile", "and more")
}

func TestWhoIsSentFromARoomIsToldAndStaysInTheOthers(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	alice := s.join(browser, "Alice", "tea")
	as := func(method, path, body string) { // for actions without buttons on the page
		t.Helper()
		alice.waits(fmt.Sprintf(`(async () => (await fetch(%q, {
			method: %q, body: %q, headers: { Authorization: "Bearer " + sessionStorage.getItem("parley.token"), "Content-Type": "application/json" },
		})).ok)()`, path, method, body))
	}
	as("POST", "/v1/rooms", `{"room":"den","public":true}`)
	bob := s.join(browser, "Bob", "den")
	bob.says("hello")
	as("PUT", "/v1/rooms/den/members/bob", `{"banned":true}`)
	bob.shows("#empty", "You are no longer in this room. (you are banned from den)")
	bob.waits(`document.querySelector("#composer").hidden && document.querySelector("#state").dataset.state === "open"`)
	bob.does(chromedp.Navigate(s.run.URL() + "/#tea"))
	bob.waits(`!document.querySelector("#composer").hidden`)
	bob.says("I am here still")
	bob.sees("I am here still")
}

// TestWhoOpensThePageWithoutItsKeyIsToldWhereToLook also checks that the key is removed from the
// address, and kept.
func TestWhoOpensThePageWithoutItsKeyIsToldWhereToLook(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	p := s.visit(browser, "tea")
	p.waits(`document.querySelector("#by-name").checkVisibility() && location.search === "" && location.hash === "#tea"`)
	p.waits(`document.querySelector("#signin-locked").hidden`)
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
	p.types("#signin-name", "Alice")
	p.presses(enter)
	p.waits(`document.querySelector("#state").dataset.state === "open"`)
}

// TestAWrongKeyInTheAddressTakesNoGoodOneAway also checks that the right key replaces a wrong one.
func TestAWrongKeyInTheAddressTakesNoGoodOneAway(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	p := s.visit(browser, "tea")
	p.waits(`document.querySelector("#by-name").checkVisibility() && localStorage.getItem("parley.page-key")`)
	p.waits(`document.querySelector("#signin-fault").innerText === ""`)
	p.does(chromedp.Navigate(s.run.URL() + "/?key=of-another-service#tea"))
	p.waits(`document.querySelector("#signin-fault").innerText.includes("key in the address")`)
	p.waits(`document.querySelector("#by-name").checkVisibility() && location.search === "" && location.hash === "#tea"`)
	p.types("#signin-name", "Alice")
	p.presses(enter)
	p.waits(`document.querySelector("#state").dataset.state === "open"`)

	p.does(chromedp.Evaluate[chromedp.Void](`sessionStorage.clear(); localStorage.setItem("parley.page-key", "of-before")`))
	p.does(chromedp.Navigate(s.run.PageURL() + "#tea"))
	p.types("#signin-name", "Alice")
	p.presses(enter)
	p.waits(`document.querySelector("#state").dataset.state === "open"`)
	p.hasNoComplaint()
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
	for _, token := range []string{"no.good.token", "no header can carry this"} {
		p.waits(`!document.querySelector("#by-token").hidden && document.querySelector("#by-name").hidden`)
		p.types("#signin-token", token)
		p.clicks("#signin button.primary")
		p.shows("#signin-fault", "Your token is no longer accepted. Please sign in again.")
	}
}

func inMemory(cfg *server.Config) { cfg.StoreURL = "memory://" }
