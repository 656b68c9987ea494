package web_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestTheLinesOfTheREADMEEmbed runs exactly what the README of the elements shows first.
func TestTheLinesOfTheREADMEEmbed(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("elements/README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```html\n(.*?)```").FindSubmatch(readme)
	if len(found) != 2 || strings.Count(string(found[1]), "\n") != 5 {
		t.Fatal("the README has no five lines of HTML")
	}
	h, browser := newHost(t, string(found[1]), "", nil), newBrowser(t)
	h.inline = true
	alice := h.visit(browser, "alice", 1280, 800)
	alice.clicks(".state-pane .primary") // opens the room that is suggested
	alice.says("hello")
	alice.sees("hello")
	alice.waits(`text('.entry[data-room="general"] .preview').includes("hello")`)
	alice.hasNoComplaint()
}

func TestTwoElementsOnAPageShareAConnection(t *testing.T) {
	t.Parallel()
	const two = `<parley-room class="one" room="tea"></parley-room><parley-room class="two" room="coffee"></parley-room>`
	h, browser := newHost(t, two, `
		window.sockets = 0;
		const Socket = WebSocket;
		window.WebSocket = class extends Socket { constructor(...all) { super(...all); window.sockets++; } };
		await import(service + "/embed.js");
		for (const room of document.querySelectorAll("parley-room")) Object.assign(room, { url: service, getToken: token });
	`, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 1300)
	for n, name := range []string{"one", "two"} {
		alice.waits(fmt.Sprintf(`((e) => (e?.focus(), e && e.getRootNode().activeElement === e))(document.querySelector(".%s").shadowRoot.querySelector("textarea"))`, name))
		alice.does(insert("in " + name))
		alice.presses(enter)
		alice.waits(fmt.Sprintf(`text(".row[data-seq] .body").split("|").length === %d`, n+1))
	}
	alice.waits(`text(".row .body") === "in one|in two" && window.sockets === 1`)
	alice.hasNoComplaint()
}

func TestADraftOutlivesEditingAndAReload(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.says("frist")
	alice.sees("frist")
	alice.presses(arrowUp)
	alice.waits(`one("textarea").value === "frist" && one(".context")`)
	alice.waits(`(one("textarea").select(), true)`)
	alice.does(insert("first"))
	alice.presses(enter)
	alice.sees("first")

	alice.writes("textarea", "a long thought")
	alice.acts(1, "Edit")
	alice.waits(`one("textarea").value === "first"`)
	alice.does(insert(" and second"))
	alice.presses(escape)
	alice.waits(`one("textarea").value === "a long thought" && one("textarea").getRootNode().activeElement === one("textarea")`)
	alice.does(chromedp.Reload())
	alice.waits(`one("textarea").value === "a long thought"`)
	alice.sees("first")
	alice.hasNoComplaint()
}

// hides has somebody look at another tab, or come back. A hidden page has no animation frames.
func (g guest) hides(hidden bool) {
	g.t.Helper()
	g.waits(fmt.Sprintf(`(() => {
		window.draws ??= window.requestAnimationFrame;
		window.requestAnimationFrame = %t ? () => 0 : window.draws;
		Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (%[1]t ? "hidden" : "visible") });
		document.dispatchEvent(new Event("visibilitychange"));
		return true;
	})()`, hidden))
}

func TestAHiddenPageSaysWhatIsNew(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.says("hello")
	alice.sees("hello")
	alice.hides(true)
	h.as("bob", "POST", "/v1/rooms/tea/messages", `{"body":"one"}`)
	h.as("bob", "POST", "/v1/rooms/tea/messages", `{"body":"two"}`)
	alice.waits(`document.title === "(2) Shop" && document.querySelector("parley-chat").unread === 2`)
	alice.hides(false)
	alice.waits(`document.title === "Shop" && document.querySelector("parley-chat").unread === 0`)
	alice.waits(`one(".line")?.nextElementSibling?.textContent.includes("one")`)
	alice.hasNoComplaint()
}

func TestMembershipIsLive(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","public":true,"name":"Tea"}`)
	h.as("bob", "POST", "/v1/rooms/tea/messages", `{"body":"welcome"}`)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.sees("welcome")
	h.as("bob", "POST", "/v1/rooms", `{"room":"den","name":"The den","members":[{"user":"alice","role":"read"}]}`)
	alice.waits(`text('.entry[data-room="den"] .name') === "The den"`)
	alice.clicks(`.entry[data-room="den"]`)
	alice.waits(`one(".reads") && !one("textarea")`)
	h.as("bob", "PUT", "/v1/rooms/den/members/alice", `{"role":"write"}`)
	alice.waits(`one("textarea")`)
	h.as("bob", "PATCH", "/v1/rooms/den", `{"name":"Our den"}`)
	alice.waits(`text(".head .name") === "Our den" && text('.entry[data-room="den"] .name') === "Our den"`)
	h.as("bob", "PUT", "/v1/rooms/den/members/alice", `{"banned":true}`)
	alice.waits(`text(".state-pane h2").includes("Our den") && !one('.entry[data-room="den"]')`)
	alice.clicks(`.entry[data-room="tea"]`)
	alice.sees("welcome")
	alice.hasNoComplaint()
}

func TestWhatIsDoneCanBeUndone(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.says("one")
	alice.says("two")
	alice.sees("one", "two")
	alice.waits(`((e) => (e.focus(), e.getRootNode().activeElement === e))(all(".row")[1])`)
	alice.presses(remove)
	alice.waits(`text(".row .body") === "one" && text(".row .deleted") !== ""`)
	alice.clicks(".toast .text")
	alice.sees("one", "two")
	alice.waits(`((e) => (e.focus(), e.getRootNode().activeElement === e))(all(".row")[1])`)
	alice.presses(remove)
	alice.waits(`text(".row .deleted") !== ""`)
	alice.waits(`((e) => (e.focus(), e.getRootNode().activeElement === e))(all(".row")[0])`)
	alice.presses(remove)
	alice.waits(`all(".row .deleted").length === 2`)
	// What another user has noted in this browser is not for her to do.
	alice.waits(`(localStorage.setItem(Object.keys(localStorage).find((k) => k.startsWith("parley.delete ") && k.endsWith("/2")).replace(" alice ", " bob ").replace("/2", "/3"), "1"), true)`)
	alice.says("three")
	alice.sees("three")
	alice.does(chromedp.Reload()) // what was not undone is done, each of it
	alice.waits(`all(".row .deleted").length === 2`)
	alice.waits(`!Object.keys(localStorage).some((k) => k.startsWith("parley.delete ") && k.includes(" alice "))`)
	alice.sees("three")
	alice.waits(`Object.keys(localStorage).some((k) => k.startsWith("parley.delete ") && k.endsWith(" bob tea/3"))`)

	alice.clicks(`.head .tool:last-child`)
	alice.picks("Leave room")
	alice.waits(`!one(".entry") && one(".state-pane")`)
	alice.clicks(".toast .text")
	alice.waits(`one('.entry[data-room="tea"]')`)
	alice.hasNoComplaint()
}

// TestNamesHarmNobodysLine has somebody who turns the text around, and somebody whose name is high.
func TestNamesHarmNobodysLine(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","public":true}`)
	h.as("bob", "POST", "/v1/rooms", fmt.Sprintf(`{"room":"high","public":true,"name":%q,"members":[{"user":"alice","role":"write"}]}`, "Z"+strings.Repeat("\u0335\u0322\u033a", 30)))
	h.as("bob", "POST", "/v1/rooms", fmt.Sprintf(`{"room":"turned","public":true,"name":%q,"members":[{"user":"alice","role":"write"}]}`, "abc\u202edef"))
	h.as("bob", "POST", "/v1/rooms/tea/messages", fmt.Sprintf(`{"body":%q}`, "o"+strings.Repeat("\u0301", 3000)))
	h.as("bob", "POST", "/v1/rooms/tea/messages", `{"body":"behind \u202eit"}`)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`all(".row").length === 2 && all(".entry").length === 3`)
	alice.waits(`all(".entry").every((e) => e.offsetHeight === all(".entry")[0].offsetHeight)`)
	alice.waits(`all(".body").every((e) => getComputedStyle(e).unicodeBidi === "isolate") && getComputedStyle(one(".body.high")).overflow === "clip"`)
	alice.waits(`all(".name").every((e) => getComputedStyle(e).unicodeBidi.startsWith("isolate"))`)
	alice.hasNoComplaint()
}

func TestElementsSpeakOtherLanguages(t *testing.T) {
	t.Parallel()
	const german = `<parley-chat class="whole" lang="de" dir="rtl"></parley-chat>`
	h, browser := newHost(t, german, connects, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`text(".state-pane h2") === "Beginne ein Gespräch"`)
	alice.waits(`one(".rooms-pane").getBoundingClientRect().left > 600`) // mirrored
	alice.waits(`(document.querySelector("parley-chat").lang = "ru", true)`)
	alice.waits(`text(".state-pane h2") === "Начните разговор"`)
	alice.waits(`(document.querySelector("parley-chat").strings = { first: "Привет" }, true)`)
	alice.waits(`text(".state-pane h2") === "Привет" && one(".parley").lang === "ru"`)
	// What is said in English is marked as English.
	alice.waits(`(Object.assign(document.querySelector("parley-chat"), { lang: "fr", strings: undefined }), true)`)
	alice.waits(`text(".state-pane h2") === "Start a conversation" && one(".parley").lang === "en"`)
	alice.waits(`(document.querySelector("parley-chat").strings = { first: "Bonjour" }, true)`)
	alice.waits(`text(".state-pane h2") === "Bonjour" && one(".parley").lang === "fr"`)
	alice.hasNoComplaint()
}

func TestTheButtonCountsAndOpens(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, `<parley-button></parley-button>`, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","name":"Tea","members":[{"user":"alice","role":"write"}]}`)
	h.as("bob", "POST", "/v1/rooms/tea/messages", `{"body":"hello"}`)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`text(".bubble-button .badge") === "1"`)
	alice.clicks(".bubble-button")
	alice.clicks(`.entry[data-room="tea"]`)
	alice.sees("hello")
	alice.waits(`document.querySelector("parley-button").unread === 0`)
	alice.presses(escape)
	alice.waits(`!one(".panel") && one(".bubble-button").getRootNode().activeElement === one(".bubble-button") && !one(".badge")`)
	alice.hasNoComplaint()
}

func TestAFrameGetsItsTokenFromThePageAroundIt(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, `<iframe width="900" height="700"></iframe>`, `
		addEventListener("message", async ({ source, data, origin }) => {
			if (origin !== service) return;
			if (data?.parley === "token") source.postMessage({ parley: "token", token: await token() }, origin);
			else if (data?.parley === "parley-status") document.title = data.detail.state;
		});
		document.querySelector("iframe").src = service + "/embed#room=tea";
	`, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`document.title === "open"`)
	alice.hasNoComplaint()
}

// TestWhatIsUnsentIsSentLater has the service away for a while.
func TestWhatIsUnsentIsSentLater(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, longRoom(t, 2)), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`all(".row").length === 2 && one("[role=log]")`)
	h.service.stop()
	alice.says("three")
	alice.says("four")
	alice.waits(`one(".banner") && one(".state").dataset.state !== "open" && text(".row.mine .body") === "three|four" && !all(".row.mine").some((e) => e.dataset.seq)`)
	h.service.start()
	alice.waits(`(one(".banner .text")?.click(), !one(".banner") && text(".row.mine .body") === "three|four" && all(".row.mine").every((e) => e.dataset.seq))`) // it may be back by itself
}

// keepsToken has the elements and a token from elsewhere than the service.
const keepsToken = `
	await import("/elements/embed.js");
	const chat = document.querySelector("parley-chat");
	chat.url = service;
	chat.getToken = async () => (sessionStorage.token ??= await token());
`

func TestAReloadWhileTheServiceIsAwayShowsWhatIsUnsent(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, keepsToken, longRoom(t, 2)), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`all(".row").length === 2 && one("[role=log]")`)
	h.service.stop()
	alice.says("three")
	alice.waits(`text(".row.mine .body") === "three"`)
	alice.does(chromedp.Evaluate[chromedp.Void](`location.reload()`))
	alice.waits(`text(".row .body") === "three" && one(".banner") && one(".state").dataset.state === "waiting" && !one(".bone") && text(".me .name") === "Alice"`)
	alice.says("four")
	alice.waits(`text(".row .body") === "three|four"`)
	h.service.start()
	alice.waits(`(one(".banner .text")?.click(), !one(".banner") && all(".row").length === 4 && text(".row.mine .body") === "three|four" && all(".row").every((e) => e.dataset.seq))`)
}

// TestRoomsWithWhatIsUnsentAreListed has alice write in two rooms while the service is away, and
// load the page anew.
func TestRoomsWithWhatIsUnsentAreListed(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, keepsToken, longRoom(t, 2)), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"den","name":"The den","members":[{"user":"alice","role":"write"}]}`)
	h.as("bob", "POST", "/v1/rooms/den/messages", `{"body":"welcome"}`)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`all(".row").length === 2 && one("[role=log]") && one('.entry[data-room="den"]')`)
	h.service.stop()
	alice.says("three")
	alice.waits(`text(".row.mine .body") === "three"`)
	alice.clicks(`.entry[data-room="den"]`)
	alice.waits(`text(".head .name") === "The den"`)
	alice.says("four")
	alice.says("five")
	alice.waits(`text(".row.mine .body") === "four|five"`)

	alice.does(chromedp.Evaluate[chromedp.Void](`location.reload()`))
	alice.waits(`text(".entry .name") === "The den|tea" && text(".entry .preview") === "You: five|You: three"`)
	alice.waits(`all(".entry .line-one [title=Sending]").length === 2 && one(".state").dataset.state !== "open"`)
	alice.clicks(`.entry[data-room="den"]`)
	alice.waits(`text(".head .name") === "The den" && text(".row .body") === "four|five"`)
	alice.says("six")
	alice.waits(`text(".row .body") === "four|five|six"`)
	alice.waits(`((e) => (e.focus(), e.getRootNode().activeElement === e))(all(".row")[1]) && one(".act-discard")`)
	alice.presses(remove)
	alice.waits(`text(".row .body") === "four|six" && text(".entry .preview") === "You: six|You: three"`)
	alice.waits(`one(".state").getRootNode().activeElement`) // the focus is not lost
	alice.shot("unsent")

	h.service.start()
	alice.waits(`(one(".banner .text")?.click(), text(".row .body") === "welcome|four|six" && all(".row").every((e) => e.dataset.seq))`)
	alice.waits(`!one(".entry [title=Sending]") && one(".rooms").ariaBusy === "false" && text(".entry .name") === "The den|tea"`)
	alice.clicks(`.entry[data-room="tea"]`)
	alice.waits(`text(".row.mine .body") === "three" && all(".row").length === 3 && all(".row").every((e) => e.dataset.seq)`)
}

func TestWhoHasNoTokenIsAskedToSignIn(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, `
		window.signedIn = false;
		await import(service + "/embed.js");
		Object.assign(document.querySelector("parley-chat"), { url: service, getToken: () => (window.signedIn ? token() : null) });
	`, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`text(".state-pane h2") === "Please sign in again"`)
	alice.waits(`(window.signedIn = true)`)
	alice.clicks(".state-pane .primary")
	alice.says("hello")
	alice.sees("hello")
	alice.hasNoComplaint()
}

func TestADayIsGoneTo(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, longRoom(t, 300)), newBrowser(t)
	h.reads("alice", 300)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`one('[data-seq="300"]') && one("[role=log]")`)
	alice.clicks(`.head .tool:last-child`)
	alice.picks("Go to a date")
	alice.waits(`((field) => (field.value = "2020-02-02", field.dispatchEvent(new Event("input", { bubbles: true })), true))(one(".modal input"))`)
	alice.clicks(`.modal .primary`)
	alice.waits(`one('.row.found[data-seq="1"]') && !one(".modal")`)
	alice.hasNoComplaint()
}
