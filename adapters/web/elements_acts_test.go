package web_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// allows has the person's browser allow the site something, as its question would be answered.
func (g guest) allows(what ...string) {
	g.t.Helper()
	for _, name := range what {
		g.does(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, browser.SetPermission, browser.SetPermissionParams{
				Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
				BrowserContextID: chromedp.FromContext(g.tab).BrowserContextID,
			})
			return err
		}))
	}
}

// pastes waits until the clipboard, which all windows share, has exactly this text.
func (g guest) pastes(text string) {
	g.t.Helper()
	g.comes(`await navigator.clipboard.readText() === ` + quoted(text))
}

// opens goes to a room by its entry in the list.
func (g guest) opens(room string) {
	g.t.Helper()
	g.clicks(fmt.Sprintf(`.entry[data-room=%q]`, room))
	g.waits(fmt.Sprintf(`one('.entry[aria-current][data-room=%q]') && one(".head")`, room))
}

// TestMessagesAreActedUpon has two people do all that a message's menu offers.
func TestMessagesAreActedUpon(t *testing.T) {
	t.Parallel()
	const kettle = 3 // behind bob's coming, and a message
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.as("alice", "POST", "/v1/rooms", `{"room":"tea","name":"Tea","members":[{"user":"bob","role":"write"}]}`)
	h.as("alice", "POST", "/v1/rooms", `{"room":"coffee","name":"Coffee","members":[{"user":"bob","role":"write"}]}`)
	alice, bob := h.visit(browser, "alice", 1280, 800), h.visit(browser, "bob", 1280, 800)
	bob.allows("clipboard-read", "clipboard-write")
	bob.waits(`one("textarea")`)
	alice.says("```js\nlet tea = 1;\n```")
	alice.says("The *kettle* is on")
	bob.sees("let tea = 1;", "The kettle is on")

	t.Log("copied: code, text, and a link that opens at the message")
	bob.clicks(".fence .copy")
	bob.waits(`text(".toast") === "Copied"`)
	bob.pastes("let tea = 1;")
	bob.acts(kettle, "Copy text")
	bob.pastes("The *kettle* is on")
	bob.acts(kettle, "Copy link")
	link := h.server.URL + "/?user=bob#parley/tea/3"
	bob.pastes(link)

	t.Log("read, and reacted to, by whom")
	alice.acts(kettle, "Reactions and readers")
	alice.waits(`text(".modal .people .name") === "Bob" && text(".modal h3") === "Read by" && one(".modal").open`)
	alice.presses(escape)
	alice.waits(`!one(".modal") && one(".act-more").getRootNode().activeElement?.closest(".row")?.dataset.seq === "3"`)
	bob.acts(kettle, "🎉")
	alice.clicks(`.row[data-seq="3"] .reaction[aria-pressed="false"]`)
	bob.waits(`text(".reaction[aria-pressed]") === "🎉2"`)
	bob.clicks(`.row[data-seq="3"] .reaction.who`)
	bob.waits(`text(".modal h3") === "🎉 2|Read by" && [...one(".modal section").querySelectorAll(".name")].map((e) => e.textContent).join() === "Bob,Alice"`)
	bob.clicks(`.modal header .tool`)
	bob.waits(`!one(".modal")`)

	t.Log("edited")
	alice.acts(kettle, "Edit")
	alice.says(" now")
	bob.waits(`text('.row[data-seq="3"] .body') === "The kettle is on now" && text('.row[data-seq="3"] .stamp').startsWith("edited")`)
	bob.acts(kettle, "Reactions and readers")
	bob.waits(`/ · edited .*\d/.test(text(".modal .note")) && one(".modal").open`)
	bob.presses(escape)
	bob.waits(`!one(".modal")`)

	t.Log("forwarded")
	bob.acts(kettle, "Forward")
	bob.waits(`one(".modal .hit") && one(".modal").getRootNode().activeElement.type === "search"`)
	bob.does(insert("cof"))
	bob.waits(`text(".modal .hit .name") === "Coffee"`)
	bob.presses(enter)
	bob.waits(`!one(".modal") && text(".toast").includes("Forwarded to Coffee")`)
	alice.waits(`text('.entry[data-room="coffee"] .preview').includes("The kettle is on now") && text('.entry[data-room="coffee"] .badge') === "1"`)
	alice.opens("coffee")
	alice.sees("The kettle is on now")
	alice.waits(`text(".row .forwarded") === "Forwarded from Alice" && one(".row .body em")`)
	alice.opens("tea")

	t.Log("pinned, found there and gone to, and unpinned")
	alice.acts(kettle, "Pin")
	bob.waits(`text('.row[data-seq="3"] .stamp').includes("Pinned")`)
	bob.hovers(kettle)
	bob.clicks(`.row[data-seq="3"] .act-more`)
	bob.waits(`one(".menu:popover-open") && !text(".menu").includes("Pin")`) // a moderator's
	bob.presses(escape)
	for n := range 60 {
		h.as("alice", "POST", "/v1/rooms/tea/messages", fmt.Sprintf(`{"body":"and %d"}`, n))
	}
	bob.waits(`text(".row:last-child .body") === "and 59" && ` + atEnd)
	bob.clicks(`.head [aria-label="Room menu"]`)
	bob.picks("Pinned messages")
	bob.waits(`text(".aside .hit-body") === "The kettle is on now" && one(".aside").getRootNode().activeElement?.localName === "h2"`)
	bob.clicks(".aside .hit")
	const found = `one('.found[data-seq="3"]')?.getRootNode().activeElement === one(".found")`
	bob.waits(found)
	alice.opens("coffee")
	alice.opens("tea")
	alice.clicks(`.head [aria-label="Room menu"]`)
	alice.picks("Pinned messages")
	alice.clicks(".aside .hit")
	alice.waits(found)
	alice.acts(kettle, "Unpin")
	for _, g := range []guest{alice, bob} {
		g.waits(`text(".aside .note") === "Nothing is pinned here." && !text('.row[data-seq="3"] .stamp').includes("Pinned")`)
	}
	other := bob.another(link)
	other.waits(found)
	for _, g := range []guest{alice, bob, other} {
		g.hasNoComplaint()
	}
}

// TestWordsAreCompleted has names of emoji, people and rooms begun, and a message taken up again.
func TestWordsAreCompleted(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","members":[{"user":"alice","role":"write"}]}`)
	h.as("bob", "POST", "/v1/rooms", `{"room":"coffee","name":"Coffee house","members":[{"user":"alice","role":"write"}]}`)
	alice, bob := h.visit(browser, "alice", 1280, 800), h.visit(browser, "bob", 1280, 800)
	bob.waits(`one("textarea")`)
	alice.waits(`text(".titles p") === "2 people here" && text(".event") === "Bob added Alice"`)

	alice.writes("textarea", ":ta")
	alice.waits(`text(".offers bdi").startsWith(":tada:|:taco:") && one(".offers [aria-selected=true]").textContent === "🎉:tada:"`)
	alice.presses(arrowDown)
	alice.waits(`one(".offers [aria-selected=true]").textContent === "🌮:taco:" && one("textarea").getAttribute("aria-activedescendant") === "offer1"`)
	alice.presses(arrowUp)
	alice.presses(enter)
	alice.waits(`one("textarea").value === "🎉 " && !one(".offers")`)
	alice.does(insert("@bo"))
	alice.waits(`text(".offers bdi") === "Bob"`)
	alice.presses(tab)
	alice.waits(`one("textarea").value === "🎉 @bob " && one("textarea").getRootNode().activeElement === one("textarea")`)
	alice.does(insert("in #hou"))
	alice.clicks(".offers li")
	alice.waits(`one("textarea").value === "🎉 @bob in #coffee " && one("textarea").getRootNode().activeElement === one("textarea")`)
	alice.does(insert("#cof"))
	alice.waits(`one(".offers")`)
	alice.presses(escape) // ends the offers, and nothing else
	alice.waits("!one('.offers') && one('textarea').value.endsWith('#cof')")
	alice.does(insert("fee? :heart: `:heart:`"))
	alice.presses(enter)
	bob.waits(`text(".row .body") === "🎉 @Bob in #Coffee house #Coffee house? ❤️ :heart:" && text(".chip.me") === "@Bob"`)
	alice.waits(`text("bdi.chip") === "@Bob" && !one(".chip.me") && one("textarea").value === ""`)
	bob.clicks(".row button.chip")
	bob.waits(`text(".head .name") === "Coffee house"`)

	alice.presses(arrowUp)
	alice.waits("one('.context') && one('textarea').value.endsWith('? ❤️ `:heart:`')")
	alice.presses(escape)
	alice.waits(`!one(".context") && one("textarea").value === ""`)
	alice.hasNoComplaint()
	bob.hasNoComplaint()
}
