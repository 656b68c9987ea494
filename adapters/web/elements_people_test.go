package web_test

import (
	"fmt"
	"testing"
)

// places does with somebody, in the list beside the messages, what their menu calls so.
func (g guest) places(name, label string) {
	g.t.Helper()
	g.clicks(`.people [aria-label*=` + quoted(name) + `]`)
	g.picks(label)
}

// TestARoomIsRunByThoseWhoMadeIt has alice make a private room, and carol given roles there, sent
// away, and taken in again; each sees at once what the other did.
func TestARoomIsRunByThoseWhoMadeIt(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, longRoom(t, 3)), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea-for-two","members":[]}`) // the id is taken, by a room that alice may not see
	alice, carol := h.visit(browser, "alice", 1280, 800), h.visit(browser, "carol", 1280, 800)
	for _, g := range []guest{alice, carol} {
		g.waits(`all(".row").length === 3 && one("[role=log]")`)
	}
	const den = "tea-for-two-2"
	entry := fmt.Sprintf(`.entry[data-room=%q]`, den)

	t.Log("made, and carol invited")
	alice.clicks(`.rooms-head .tool`)
	alice.waits(`one(".modal").getRootNode().activeElement === one(".modal .field")`)
	alice.does(insert("Tea for two!"))
	alice.clicks(`.modal .check input`) // private
	alice.clicks(`.modal .primary`)
	alice.waits(fmt.Sprintf(`text(".head .name") === "Tea for two!" && one('.head h2 [title="Private"]') && one('%s') && !one(".modal")`, entry))
	alice.clicks(`.head .wide`)
	alice.writes(".inline .field", "carol")
	alice.presses(enter)
	alice.waits(`/^carol was invited$/i.test(text(".toast")) && one(".inline .field").value === ""`)
	carol.waits(fmt.Sprintf(`text('%s .name') === "Tea for two!"`, entry))
	carol.opens(den)
	carol.says("Nice here")
	alice.sees("Nice here")
	alice.waits(`text(".event") === "Alice added Carol" && text(".people .who") === "AliceYou · moderator · online|Carolonline"`)

	t.Log("a moderator")
	carol.clicks(`.head .wide`)
	carol.waits(`all(".people li").length === 2 && !one(".inline") && !one(".people .tool")`)
	alice.places("Carol", "Make moderator")
	carol.waits(`one(".inline") && one('.people [aria-label*="Alice"]')`)
	alice.waits(`text(".people .about") === "You · moderator · online|moderator · online"`)
	carol.waits(`(one(".aside .form .field").select(), true)`)
	carol.writes(".aside .form .field", "Tea for three")
	carol.presses(enter)
	for _, g := range []guest{alice, carol} {
		g.waits(fmt.Sprintf(`text(".head .name") === "Tea for three" && text('%s .name') === "Tea for three" && text(".event").endsWith("Carol named this room “Tea for three”")`, entry))
	}
	carol.waits(`!one(".aside .primary")`) // there is nothing to save

	t.Log("a reader, a writer again")
	alice.places("Carol", "May only read")
	carol.waits(`text(".reads") === "You can only read here." && !one("textarea") && !one(".inline") && all(".act-reply").length === 0`)
	alice.places("Carol", "May write")
	carol.says("Thank you")
	alice.sees("Nice here", "Thank you")

	t.Log("banned, and let in again")
	alice.places("Carol", "Ban")
	carol.waits(fmt.Sprintf(`text(".state-pane h2") === "You are not in Tea for three any more" && !one("textarea") && !one('%s')`, entry))
	alice.waits(`text(".people .about") === "You · moderator · online|banned" && text(".event").endsWith("Alice banned Carol")`)
	carol.clicks(".state-pane .primary")
	carol.opens("tea")
	alice.places("Carol", "Lift the ban")
	alice.waits(`text(".people .name") === "Alice"`)
	alice.writes(".inline .field", "@carol")
	alice.clicks(`.inline .tool`)
	carol.waits(fmt.Sprintf(`one('%s')`, entry))
	carol.opens(den)
	carol.says("Here again")
	alice.sees("Nice here", "Thank you", "Here again")

	t.Log("removed, taken in again while she looks at what became of it, and removed")
	removed := fmt.Sprintf(`text(".state-pane h2") === "You are not in Tea for three any more" && !one('%s')`, entry)
	alice.places("Carol", "Remove from room")
	carol.waits(removed)
	alice.waits(`text(".people .name") === "Alice"`)
	alice.writes(".inline .field", "carol")
	alice.presses(enter)
	carol.says("And here")
	alice.sees("Nice here", "Thank you", "Here again", "And here")
	alice.places("Carol", "Remove from room")
	carol.waits(removed)

	t.Log("public: carol opens it by its name; she leaves it, and does not; then she does")
	alice.clicks(".aside .check input")
	alice.waits(`text(".event").endsWith("Alice made this room public") && !one('.head h2 [title="Private"]')`)
	carol.writes(".find input", den)
	carol.presses(enter)
	carol.says("And again")
	alice.waits(`text(".people .name") === "Alice|Carol"`)
	for _, undone := range []bool{true, false} {
		carol.clicks(`.head [aria-label="Room menu"]`)
		carol.picks("Leave room")
		carol.waits(fmt.Sprintf(`!one('%s') && one(".state-pane") && text(".toast").startsWith("You left the room")`, entry))
		if undone {
			carol.clicks(".toast .text")
			carol.opens(den)
		}
	}
	alice.waits(`text(".titles p") === "1 person here"`)
	carol.waits(fmt.Sprintf(`!one('%s') && !one(".toast")`, entry))
	carol.hasNoComplaint() // alice's window was told that an id is taken
}
