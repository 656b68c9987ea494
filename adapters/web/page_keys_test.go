package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-chat/parley/adapters/jwt"
)

var (
	tab   = key{"Tab", "", 9}
	space = key{" ", " ", 32}
)

// focused is what has the focus, through shadow roots.
const focusedNow = `((e) => { while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e; })(document.activeElement)`

// tabsTo presses Tab until the focus is on what the condition says of it, as `e`.
func (g guest) tabsTo(condition string) {
	g.t.Helper()
	const turns = 60
	for range turns {
		if g.is(fmt.Sprintf(`((e) => Boolean(%s))(%s)`, condition, focusedNow)) {
			return
		}
		g.presses(tab)
	}
	g.t.Fatalf("Tab does not come to %s; the page shows:\n%s", condition, g.screen())
}

// keeps fails the test if the focus is nowhere once the condition holds.
func (g guest) keeps(condition string) {
	g.t.Helper()
	g.waits(condition)
	g.waits(fmt.Sprintf(`((e) => e && e !== document.body && e !== document.documentElement && e.localName !== "parley-chat")(%s)`, focusedNow))
}

// TestAKeyboardIsEnough never points, nor focuses anything but by keys.
func TestAKeyboardIsEnough(t *testing.T) {
	t.Parallel()
	s := newService(t, inMemory)
	s.talks()
	g := guest{s.visit(newBrowser(t), "")}
	g.does(chromedp.EmulateViewport(1280, 800))
	g.waits(`document.activeElement.id === "signin-name"`)
	g.does(insert("Alice"))
	g.presses(enter)
	g.keeps(isOpen + ` && all(".entry").length === 5`)

	// A room that is not listed, by its name; then one that is.
	g.tabsTo(`e.closest(".find")`)
	g.does(insert("tea"))
	g.presses(enter)
	g.keeps(`text(".head .name") === "Tea & cake" && all(".row").length === 7 && one("[role=log]")`)
	g.tabsTo(`e.localName === "textarea"`)
	g.does(insert("With milk"))
	g.presses(enter)
	g.keeps(`text(".row:last-child .body") === "With milk" && one(".row:last-child").dataset.seq`)
	g.presses(arrowUp)
	g.keeps(`one("textarea").value === "With milk"`)
	g.does(insert(", please"))
	g.presses(enter)
	g.keeps(`text(".row:last-child .body") === "With milk, please" && one("textarea").value === "" && !one(".context")`)

	// A reaction, from the messages.
	g.tabsTo(`e.classList.contains("scroll")`)
	g.presses(arrowUp)
	g.presses(arrowUp)
	g.presses(plus)
	g.keeps(`one(".menu input").getRootNode().activeElement === one(".menu input")`)
	g.presses(arrowDown)
	g.presses(enter)
	g.keeps(`all('.reaction[aria-pressed="true"]').length === 1 && !one(".menu")`)

	// The last one is deleted, and not.
	g.tabsTo(`e.classList.contains("scroll")`)
	g.presses(key{"End", "", 35})
	g.keeps(`one(".row:last-child").getRootNode().activeElement === one(".row:last-child")`)
	g.presses(remove)
	g.keeps(`text(".row:last-child .deleted") === "Message deleted" && one(".toast .text")`)
	g.tabsTo(`e.closest(".toast")`)
	g.presses(enter)
	g.keeps(`text(".row:last-child .body") === "With milk, please" && !one(".toast")`)

	// What is found is gone to.
	g.tabsTo(`e.closest(".head") && e.ariaLabel === "Search"`)
	g.presses(space)
	g.keeps(`one(".aside").getRootNode().activeElement?.type === "search"`)
	for { // what was said may not be indexed yet
		g.does(insert("kettle"))
		g.presses(enter)
		g.waits(`!["", "Searching…"].includes(text(".aside [role=status]"))`)
		if g.number(`all(".hit").length`) == 1 {
			break
		}
		g.waits(`(one(".aside").getRootNode().activeElement.select(), true)`)
	}
	g.tabsTo(`e.classList.contains("hit")`)
	g.presses(enter)
	g.keeps(`one(".found").getRootNode().activeElement === one(".found")`)

	// The room is left, and so is the page.
	g.tabsTo(`e.closest(".head") && e.ariaLabel === "Room menu"`)
	g.presses(enter)
	g.keeps(`one(".menu").contains(one(".menu").getRootNode().activeElement)`)
	g.presses(key{"End", "", 35})
	g.presses(enter)
	g.keeps(`one(".state-pane") && !one(".menu") && !one('.entry[data-room="tea"]')`)
	g.tabsTo(`e.slot === "account"`)
	g.presses(enter)
	g.waits(`document.querySelector("#signin").checkVisibility() && document.activeElement.id === "signin-name"`)
	g.hasNoComplaint()
}

// TestATokenIsRenewedWithoutABlink has tokens of some seconds, and somebody who writes meanwhile.
func TestATokenIsRenewedWithoutABlink(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects+`
		window.renewed = 0;
		window.blinks = [];
		chat.getToken = async (reason) => { if (reason === "expiring") window.renewed++; return (await fetch("/short?user=" + user)).text(); };
	`, nil), newBrowser(t)
	keys, err := jwt.LoadOrMakeDevKeys(h.service.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	h.short = func(user string) (string, error) {
		return keys.Sign(jwt.Grant{Subject: user, Name: user, TTL: 4 * time.Second})
	}
	alice := h.visit(browser, "alice", 1280, 800)
	alice.says("hello")
	alice.sees("hello")
	alice.writes("textarea", "a long")
	alice.waits(`(() => {
		const area = one("textarea"), row = one(".row");
		window.same = () => one("textarea") === area && one(".row") === row && area.getRootNode().activeElement === area && area.value === "a long";
		document.addEventListener("parley-status", ({ detail }) => blinks.push(detail.state));
		return true;
	})()`)
	alice.waits(`window.renewed >= 2`)
	alice.waits(`one("textarea").value === "a long" && !one(".banner") && one('.state[data-state="open"]') && window.blinks.length === 0`)
	alice.says(" thought")
	alice.sees("hello", "a long thought")
	alice.hasNoComplaint()
}

// TestTheFirstViewIsReadyToWrite looks at the composer as soon as it is there, and has a toast over
// nothing of it.
func TestTheFirstViewIsReadyToWrite(t *testing.T) {
	t.Parallel()
	s := newService(t, inMemory)
	s.talks()
	g := s.join(newBrowser(t), "Alice", "tea")
	for _, size := range [][2]int64{{360, 640}, {1280, 800}} {
		g.does(chromedp.EmulateViewport(size[0], size[1]), chromedp.Reload())
		g.waits(`one("textarea") && (window.first = [one("textarea").offsetHeight, one(".write").offsetHeight])`)
		g.waits(`all(".row").length === 7 && one("[role=log]")`)
		if !g.is(`window.first[0] > 20 && window.first[0] < 60 && window.first[1] < 70`) {
			t.Errorf("%v: the composer begins with another height than one line's", size)
		}
		g.waits(`one("textarea").offsetHeight === window.first[0]`)
		g.waits(`((e) => (e.focus(), e.getRootNode().activeElement === e))(one(".row.mine"))`)
		g.presses(remove)
		g.waits(`((a, b) => a.width > 50 && a.bottom < b.top)(one(".toast").getBoundingClientRect(), one(".composer").getBoundingClientRect())`)
		g.clicks(".toast .text")
		g.waits(`!one(".toast")`)
	}
	g.hasNoComplaint()
}
