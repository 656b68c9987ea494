package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestElementsWorkWhereTheBrowserKeepsNothing has a browser that throws at each look at a storage.
func TestElementsWorkWhereTheBrowserKeepsNothing(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, `
		const denied = { get() { throw new DOMException("denied", "SecurityError"); } };
		for (const name of ["indexedDB", "localStorage", "sessionStorage", "caches"]) Object.defineProperty(window, name, denied);
		Object.defineProperty(Navigator.prototype, "locks", denied);
	`+connects, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.says("hello")
	alice.sees("hello")
	alice.hasNoComplaint()
}

// TestWhyATokenIsRefusedIsTold has the service refuse what the page gives it.
func TestWhyATokenIsRefusedIsTold(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, `
		window.told = [];
		window.warned = [];
		console.warn = (text) => window.warned.push(text);
		addEventListener("parley-status", ({ detail }) => window.told.push(detail));
		await import(service + "/embed.js");
		Object.assign(document.querySelector("parley-chat"), { url: service, getToken: () => "bad" });
	`, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`window.told.some(({ state, code, message }) => state === "waiting" && code === "unauthenticated" && message.length > 10)`)
	alice.waits(`((last) => last.state === "stopped" && last.reason === "token" && last.code === "unauthenticated" && last.message)(window.told.at(-1))`)
	alice.waits(`window.warned.length === 1 && window.warned[0].includes(window.told.at(-1).message)`)
}

func TestTheRoomOfAnElementIsTheOneThatIsShown(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	for _, room := range []string{"tea", "coffee"} {
		h.as("alice", "POST", "/v1/rooms/"+room+"/messages", fmt.Sprintf(`{"body":"in %s"}`, room))
	}
	alice := h.visit(browser, "alice", 1280, 800)
	const chat = `document.querySelector("parley-chat")`
	alice.sees("in tea")
	alice.waits(chat + `.room === "tea"`)
	alice.clicks(`.entry[data-room="coffee"]`)
	alice.sees("in coffee")
	alice.waits(chat + `.room === "coffee"`)
	alice.waits(`(document.body.prepend(` + chat + `), true)`) // it is moved, and shows what it showed
	alice.sees("in coffee")
	alice.waits(`(` + chat + `.room = "tea", true)`) // what the attribute says all the time
	alice.sees("in tea")
	alice.waits(`(` + chat + `.room = "", ` + chat + `.room === "" && one(".state-pane"))`)
	alice.hasNoComplaint()
}

// TestAGreatPasteIsCut counts what is laid out to see how tall the field must be.
func TestAGreatPasteIsCut(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, `
		window.laid = 0;
		const { get } = Object.getOwnPropertyDescriptor(Element.prototype, "scrollHeight");
		Object.defineProperty(Element.prototype, "scrollHeight", { get() {
			if (this.localName === "textarea") window.laid = Math.max(window.laid, this.value.length);
			return get.call(this);
		} });
	`+connects, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.writes("textarea", "so: ")
	alice.waits(`one("textarea").value === "so: " && (document.execCommand("insertText", false, "lorem ipsum ".repeat(90_000)), true)`)
	alice.waits(`one("textarea").value.startsWith("so: lorem") && one("textarea").value.length <= 16_000 && text("#left").includes("too long")`)
	alice.waits(`window.laid > 0 && window.laid <= 5_000 && one("textarea").offsetHeight > 200`)
	alice.hasNoComplaint()
}

// TestNoTextTurnsAround has bodies and names with characters that override the direction of text.
func TestNoTextTurnsAround(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects+`
		Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.copied = text; } } });
	`, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", fmt.Sprintf(`{"room":"tea","public":true,"name":%q}`, "a\u202eb"))
	h.as("bob", "POST", "/v1/rooms/tea/messages", fmt.Sprintf(`{"body":%q}`, "see \u202eexe.\u202dtxt `\u202ecode`\n```\n\u202efence\n```"))
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`text(".row .body").includes("see exe.txt code") && text(".fence code") === "fence" && text(".entry .preview").includes("exe.txt")`)
	alice.waits(`!/[\u202d\u202e]/.test(one(".parley").innerText)`)
	alice.waits(`all(".body").every((e) => getComputedStyle(e).unicodeBidi === "isolate")`)
	alice.at(1, key{"c", "c", 67})
	alice.waits(`window.copied.startsWith("see \u202eexe.\u202dtxt")`)
	alice.clicks(".fence .copy")
	alice.waits(`window.copied === "\u202efence"`)
	alice.hasNoComplaint()
}

// TestBackLeadsFromARoomToTheList is on a phone.
func TestBackLeadsFromARoomToTheList(t *testing.T) {
	t.Parallel()
	s, browser := newService(t, inMemory), newBrowser(t)
	alice := s.join(browser, "Alice", "")
	alice.does(chromedp.EmulateViewport(360, 640))
	for _, room := range []string{"tea", "coffee"} {
		alice.writes(".find input", room)
		alice.presses(enter)
		alice.waits(`text(".head .name") === "` + room + `" && location.hash === "#` + room + `"`)
		alice.says("hello")
		alice.sees("hello")
		alice.waits(`(history.back(), true)`)
		alice.waits(`!one(".head") && one('.entry[data-room="` + room + `"]').checkVisibility() && location.hash === ""`)
	}
	// The chat's own way back is the same one: it leaves nothing behind.
	alice.waits(`(window.entries = history.length, true)`)
	for range 3 {
		alice.clicks(`.entry[data-room="tea"]`)
		alice.waits(`location.hash === "#tea"`)
		alice.clicks(".head .back")
		alice.waits(`location.hash === "" && !one(".head") && history.length === window.entries`)
	}
	alice.hasNoComplaint()
}
