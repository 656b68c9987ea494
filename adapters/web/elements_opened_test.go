package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestARoomThatWasOpenedStaysInTheList has alice look into rooms that the service does not list for
// her: nothing is written there.
func TestARoomThatWasOpenedStaysInTheList(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, `<parley-chat class="whole"></parley-chat>`, connects, nil), newBrowser(t)
	alice := h.visit(browser, "alice", 1280, 800)
	const noted = `Object.entries(localStorage).filter(([k]) => k.startsWith("parley.opened ")).map(([, v]) => v).join()`
	for _, room := range []string{"garden", "attic"} {
		alice.writes(".find input", room)
		alice.presses(enter)
		alice.waits(`one('.entry[data-room="` + room + `"]') && one(".empty")`)
	}
	alice.does(chromedp.Reload())
	alice.waits(`one('.entry[data-room="garden"]') && one('.entry[data-room="attic"]')`)
	alice.waits(noted + `.length > 0 && JSON.parse(` + noted + `).length === 2`)

	// Another user of this browser has not opened them.
	alice.does(chromedp.Navigate(h.server.URL + "/?user=bob"))
	alice.waits(`text(".me .name") === "Bob" && one('.rooms[aria-busy="false"] .note') && !one(".entry")`)
	alice.does(chromedp.Navigate(h.server.URL + "/?user=alice"))
	alice.clicks(`.entry[data-room="garden"]`)

	// What she says there has the service list it. What she leaves is not listed.
	alice.says("hello")
	alice.sees("hello")
	alice.clicks(`.entry[data-room="attic"]`)
	alice.waits(`one(".empty")`)
	alice.clicks(`.head .tool:last-child`)
	alice.clicks(`.menu .danger`)
	alice.waits(`!one('.entry[data-room="attic"]') && ` + noted + `=== '["garden"]'`)
	alice.does(chromedp.Reload())
	alice.waits(`text('.entry[data-room="garden"] .preview').includes("hello") && ` + noted + `=== "" && all(".entry").length === 1`)
	alice.hasNoComplaint()
}
