package web_test

import (
	"fmt"
	"testing"
)

// noticed has a page keep the notifications that it shows, and count the tones that it plays.
const noticed = `
window.notices = [];
window.tones = 0;
window.Notification = class extends Notification {
	constructor(title, options) { super(title, options); notices.push({ title, ...options, click: () => this.onclick() }); }
};
const { createOscillator } = AudioContext.prototype;
AudioContext.prototype.createOscillator = function () { tones++; window.played = performance.now(); return createOscillator.call(this); };
`

// TestWhoLooksElsewhereIsToldAsTheyLike has bob write while alice looks at another tab: with a
// notification and a sound if she chose them, and with neither from a room that she muted.
func TestWhoLooksElsewhereIsToldAsTheyLike(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, noticed+connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","name":"Tea","members":[{"user":"alice","role":"write"}]}`)
	h.as("bob", "POST", "/v1/rooms", `{"room":"den","name":"The den","members":[{"user":"alice","role":"write"}]}`)
	says := func(room, body string) {
		t.Helper()
		h.as("bob", "POST", "/v1/rooms/"+room+"/messages", fmt.Sprintf(`{"body":%q}`, body))
	}
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`one("textarea") && all(".entry").length === 2`)

	t.Log("nothing was chosen")
	alice.hides(true)
	says("tea", "one")
	alice.waits(`document.title === "(1) Shop" && notices.length === 0 && tones === 0`)
	alice.hides(false)
	alice.waits(`document.title === "Shop"`)

	t.Log("chosen, where the browser asks nobody: it is not allowed")
	alice.clicks(".account .tool")
	alice.clicks(`.modal .check:nth-child(1) input`)
	alice.waits(`text(".modal .fault") === "The browser does not allow it for this page." && !one(".modal .check:nth-child(1) input").checked`)

	t.Log("allowed")
	alice.allows("notifications")
	alice.clicks(`.modal .check:nth-child(1) input`)
	alice.waits(`one(".modal .check:nth-child(1) input").checked && !one(".modal .fault")`)
	alice.clicks(`.modal .check:nth-child(2) input`)
	alice.waits(`tones === 2`) // a sample
	alice.presses(escape)
	alice.waits(`!one(".modal")`)
	says("tea", "she looks at it")
	alice.sees("one", "she looks at it")
	alice.waits(`performance.now() > played + 2500`) // sounds come that often at most
	alice.waits(`notices.length === 0 && tones === 2`)
	alice.hides(true)
	says("den", "two **things**")
	alice.waits(`notices.length === 1 && notices[0].title === "Bob · The den" && notices[0].body === "two things" && tones === 4`)
	alice.waits(`document.title === "(1) Shop"`)

	t.Log("muted")
	alice.hides(false)
	alice.opens("den")
	alice.waits(`document.querySelector("parley-chat").unread === 0`) // she has read it
	alice.clicks(`.head [aria-label="Room menu"]`)
	alice.picks("Mute")
	alice.waits(`one('.head h2 [title="Muted"]') && document.title === "Shop"`)
	alice.opens("tea")
	alice.hides(true)
	alice.waits(`performance.now() > played + 2500`)
	says("den", "three")
	alice.waits(`text('.entry[data-room="den"] .badge.quiet') === "1" && document.querySelector("parley-chat").unread === 0`)
	says("tea", "four") // after it, and told alone
	alice.waits(`notices.length === 2 && notices[1].title === "Bob · Tea" && tones === 6 && document.title === "(1) Shop"`)

	t.Log("a click on what was told opens the message")
	alice.waits(`(notices[0].click(), true)`)
	alice.hides(false)
	alice.waits(`text(".head .name") === "The den" && one(".found").textContent.includes("two things")`)
	alice.clicks(`.head [aria-label="Room menu"]`)
	alice.picks("Unmute")
	alice.waits(`!one('.head h2 [title="Muted"]')`)
	alice.hasNoComplaint()
}
