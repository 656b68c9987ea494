package web_test

import (
	"fmt"
	"testing"
)

// has returns the condition that the focus is on what the selector finds.
func has(selector string) string {
	return `((e) => e && e.getRootNode().activeElement === e)(one(` + quoted(selector) + `))`
}

// TestTheFocusStaysWhenARoomGoesAway has alice write in rooms that are taken from her.
func TestTheFocusStaysWhenARoomGoesAway(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	for _, room := range []string{"tea", "den", "lab"} {
		h.as("bob", "POST", "/v1/rooms", `{"room":"`+room+`","members":[{"user":"alice","role":"write"}]}`)
		h.as("bob", "POST", "/v1/rooms/"+room+"/messages", `{"body":"welcome"}`)
	}
	alice := h.visit(browser, "alice", 1280, 800)
	alice.sees("welcome")
	alice.waits(`one("[role=log]")`) // all is loaded
	alice.writes("textarea", "I was about to")
	h.as("bob", "PUT", "/v1/rooms/tea/members/alice", `{"role":"read"}`)
	alice.keeps(`one(".reads") && ` + has(".head h2"))
	h.as("bob", "PUT", "/v1/rooms/tea/members/alice", `{"banned":true}`)
	alice.keeps(`!one('.entry[data-room="tea"]') && ` + has(".state-pane h2"))

	alice.clicks(`.entry[data-room="den"]`)
	alice.sees("welcome")
	alice.clicks(".head .wide")
	alice.keeps(`text(".people .name").includes("Bob")`)
	h.as("bob", "DELETE", "/v1/rooms/den/members/alice", "")
	alice.keeps(`!one(".aside") && ` + has(".state-pane h2"))

	// Who looks elsewhere is left there.
	alice.clicks(`.entry[data-room="lab"]`)
	alice.sees("welcome")
	alice.writes(".find input", "la")
	h.as("bob", "PUT", "/v1/rooms/lab/members/alice", `{"banned":true}`)
	alice.keeps(`one(".state-pane h2") && ` + has(".find input"))
	alice.hasNoComplaint()
}

func TestTheFocusStaysInAPageOfOneRoom(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, `<button id="other">Buy</button><parley-room room="tea"></parley-room>`, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","members":[{"user":"alice","role":"write"},{"user":"carol","role":"write"}]}`)
	h.as("bob", "POST", "/v1/rooms/tea/messages", `{"body":"welcome"}`)
	alice, carol := h.visit(browser, "alice", 1280, 800), h.visit(browser, "carol", 1280, 800)
	alice.sees("welcome")
	carol.sees("welcome")
	alice.waits(`one("[role=log]")`)
	carol.waits(`one("[role=log]")`)
	alice.writes("textarea", "I was about to")
	h.as("bob", "PUT", "/v1/rooms/tea/members/alice", `{"banned":true}`)
	alice.keeps(has(".state-pane h2"))

	// Nothing is taken from the page around it.
	carol.writes("textarea", "so was I")
	carol.waits(`(document.querySelector("#other").focus(), document.activeElement.id === "other")`)
	h.as("bob", "PUT", "/v1/rooms/tea/members/carol", `{"banned":true}`)
	carol.waits(`one(".state-pane h2") && document.activeElement.id === "other"`)
	alice.hasNoComplaint()
	carol.hasNoComplaint()
}

// TestTheFocusStaysWhenItsAnchorGoesAway has menus and dialogs whose place is gone when they close.
func TestTheFocusStaysWhenItsAnchorGoesAway(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","members":[{"user":"alice","role":"moderate"},{"user":"carol","role":"write"}]}`)
	for _, body := range []string{"one", "two"} {
		h.as("bob", "POST", "/v1/rooms/tea/messages", `{"body":"`+body+`"}`)
	}
	alice := h.visit(browser, "alice", 1280, 800)
	alice.sees("one", "two")

	seq := alice.number(`Number(all(".row")[0].dataset.seq)`)
	alice.acts(seq, "Reactions and readers")
	alice.keeps(`one("dialog")?.open`)
	h.as("bob", "DELETE", fmt.Sprintf("/v1/rooms/tea/messages/%d", seq), "")
	alice.sees("two")
	alice.presses(escape)
	alice.keeps(`!one("dialog")`)

	alice.clicks(".head .wide")
	alice.waits(`text(".people .name").includes("carol")`)
	alice.clicks(`.people .tool[aria-label*="carol"]`)
	alice.keeps(`one(".menu")`)
	h.as("bob", "DELETE", "/v1/rooms/tea/members/carol", "")
	alice.keeps(`!one('.people .tool[aria-label*="carol"]') && ` + has(".aside h2"))
	alice.hasNoComplaint()
}
