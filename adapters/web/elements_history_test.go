package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/core/chat"
)

// counts has a page count what its socket sends, before anything is sent.
const counts = `
window.asked = 0;
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
	if (text.includes('"type":"history"')) window.asked++;
	return send.call(this, text);
};
`

// longRoom is a service whose room "tea" has so many messages of Bob's; the last one answers the
// first.
func longRoom(t *testing.T, count int) func(*server.Config) {
	return func(cfg *server.Config) {
		cfg.StoreURL = ""
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(cfg.DataDir, "parley.db")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(t.Context(), chat.Room{ID: "tea", Public: true}, ""); err != nil {
			t.Fatal(err)
		}
		var batch []chat.Proposal
		for n := 1; n <= count; n++ {
			message := chat.Message{Body: fmt.Sprintf("message %d of a talk that goes on", n)}
			if n == count {
				message = chat.Message{Body: "as was said first", ReplyTo: 1}
			}
			batch = append(batch, chat.Proposal{
				Room: "tea", Author: chat.Author{ID: "bob", Name: "Bob"}, By: chat.Rights{Everybody: true}, Key: chat.NewKey(), Fact: message,
			})
			if len(batch) < 1000 && n < count {
				continue
			}
			outcomes, err := store.Append(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for _, outcome := range outcomes {
				if outcome.Err != nil {
					t.Fatal(outcome.Err)
				}
			}
			batch = batch[:0]
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// number evaluates an expression, as in waits.
func (g guest) number(expression string) (n int) {
	g.t.Helper()
	const script = `(() => { const all = (selector) => [...document.querySelector("parley-chat").shadowRoot.querySelectorAll(selector)]; return %s; })()`
	n, err := chromedp.Run(g.tab, chromedp.Evaluate[int](fmt.Sprintf(script, expression)))
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}

// quiet is how long nothing has to happen for it to be said that nothing does.
const quiet = 500 * time.Millisecond

// reads marks all of a room as read by a user.
func (h *host) reads(user string, seq int) {
	h.t.Helper()
	h.as(user, "POST", "/v1/batch", fmt.Sprintf(`{"commands":[{"type":"read","room":"tea","seq":%d}]}`, seq))
}

const atEnd = `((s) => s.scrollHeight - s.clientHeight - s.scrollTop < 4)(one(".scroll"))`

func TestElementsHoldFewRowsOfALongHistory(t *testing.T) {
	t.Parallel()
	const messages, rows = 20_000, 400
	h, browser := newHost(t, wholeChat, counts+connects, longRoom(t, messages)), newBrowser(t)
	h.reads("alice", messages)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`text(".row:last-child .body") === "as was said first" && ` + atEnd)

	// Dragged to the top and let go: what is there moves down, and no page calls for the next.
	before := alice.number(`window.asked`)
	alice.waits(`(one(".scroll").scrollTop = 0, true)`)
	alice.waits(fmt.Sprintf(`window.asked > %d && one(".scroll").scrollTop > 900`, before))
	alice.does(chromedp.Sleep(quiet))
	if asked := alice.number(`window.asked`) - before; asked > 4 {
		t.Errorf("%d pages were loaded after a drag to the top, want at most 4", asked)
	}

	// Up through many pages, and down again.
	most := 0
	for range 30 {
		asked := alice.number(`window.asked`)
		alice.waits(`(one(".scroll").scrollTop = 0, true)`)
		alice.waits(fmt.Sprintf(`window.asked > %d && one(".scroll").scrollTop > 900`, asked))
		most = max(most, alice.number(`all(".rows > li").length`))
	}
	alice.waits(`Number(all(".row")[0].dataset.seq) < ` + fmt.Sprint(messages-1400))
	for range 8 {
		alice.waits(`((s) => (s.scrollTop = s.scrollHeight, true))(one(".scroll"))`)
		alice.does(chromedp.Sleep(quiet / 5))
		most = max(most, alice.number(`all(".rows > li").length`))
	}
	t.Logf("at most %d rows are in the document", most)
	if most > rows || most < 100 {
		t.Errorf("%d rows are in the document, want at most %d", most, rows)
	}

	// To the end, and to what the last message answers.
	alice.clicks(".jump")
	alice.waits(`text(".row:last-child .body") === "as was said first" && ` + atEnd)
	began := alice.number(`Math.round(performance.now())`)
	alice.clicks(".row:last-child .quote")
	alice.waits(`one('.found[data-seq="1"]')?.getRootNode().activeElement?.dataset.seq === "1"`)
	t.Logf("the quoted message was there after %d ms", alice.number(`Math.round(performance.now())`)-began)
	if n := alice.number(`all(".rows > li").length`); n > rows {
		t.Errorf("%d rows, want at most %d", n, rows)
	}
	alice.hasNoComplaint()
}

// wholeHistory is set where TestElementsScrollThroughALongHistory scrolls through all of it, which
// takes minutes.
var wholeHistory = os.Getenv("PARLEY_TEST_WHOLE_HISTORY") != ""

// TestElementsScrollThroughALongHistory goes up through pages of 50 from the end of 100,000
// messages, and from their middle, and down again. It prints what a page takes of the processor:
// all that the main thread does from one scroll to the next, which is the request, the answer,
// drawing its rows, and three frames. To wait for a page by frames makes no more of them than to
// wait by an observer. What can be counted is checked: elements of a message, layouts of a page.
func TestElementsScrollThroughALongHistory(t *testing.T) {
	t.Parallel()
	const messages, size, rows = 100_000, 50, 400
	const elements, layouts = 5, 1.5
	pages := 60
	if wholeHistory {
		pages = messages/size - 10
	}
	h, browser := newHost(t, wholeChat, connects, func(cfg *server.Config) {
		longRoom(t, messages)(cfg)
		cfg.NoSearch = true // nothing is indexed meanwhile
	}), newBrowser(t)
	h.reads("alice", messages)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`text(".row:last-child .body") === "as was said first" && ` + atEnd + ` && one("[role=log]")`)
	alice.measures()
	most := 0
	scrolls := func(pages int, to string) {
		t.Helper()
		began, laid := alice.works(), alice.metric("LayoutCount")
		n, err := chromedp.Run(alice.tab, chromedp.Evaluate[int](fmt.Sprintf(`(async (pages, to) => {
			const scroll = document.querySelector("parley-chat").shadowRoot.querySelector(".scroll"), rows = scroll.querySelector(".rows");
			const last = () => [...rows.querySelectorAll("[data-seq]")].at(to === "up" ? 0 : -1).dataset.seq;
			let most = 0;
			for (let n = 0; n < pages; n++) {
				const before = last();
				scroll.scrollTop = to === "up" ? 0 : scroll.scrollHeight;
				do await new Promise(requestAnimationFrame); while (last() === before);
				most = Math.max(most, rows.childElementCount);
			}
			return most;
		})(%d, %q)`, pages, to), chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, n)
		took, laid := alice.works()-began, (alice.metric("LayoutCount")-laid)/float64(pages)
		t.Logf("%d pages %s: %.1f ms of CPU and %.1f layouts for each, at most %d rows", pages, to, 1000*took/float64(pages), laid, n)
		if laid > layouts {
			t.Errorf("%.1f layouts of a page %s, want at most %.1f", laid, to, layouts)
		}
	}
	scrolls(pages, "up")
	alice.waits(fmt.Sprintf(`Number(all(".row")[0].dataset.seq) <= %d`, messages-pages*size))
	scrolls(pages/2, "down")
	alice.does(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`location.hash = "#parley/tea/%d"`, messages/2)))
	alice.waits(fmt.Sprintf(`one('.found[data-seq="%d"]')`, messages/2))
	scrolls(pages/2, "up")
	if most > rows || most < 100 {
		t.Errorf("%d rows were in the document, want at most %d", most, rows)
	}
	if n := alice.number(`Math.ceil(all(".rows *").length / all(".rows > li").length)`); n > elements {
		t.Errorf("%d elements for a row, want at most %d", n, elements)
	}
	alice.hasNoComplaint()
}

// TestElementsKeepThePlaceThatIsRead has messages come while an older one is looked at.
func TestElementsKeepThePlaceThatIsRead(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, counts+connects, longRoom(t, 500)), newBrowser(t)
	h.reads("alice", 500)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(atEnd + ` && all(".row").length > 20`)
	alice.waits(`(one(".scroll").scrollTop -= 1500, true)`)
	alice.does(chromedp.Sleep(quiet / 2))
	const top = `((s) => { const y = s.getBoundingClientRect().top; const r = [...s.querySelectorAll(".row")].find((r) => r.getBoundingClientRect().bottom > y); return Number(r.dataset.seq) * 1000 + Math.round(r.getBoundingClientRect().top - y) })(document.querySelector("parley-chat").shadowRoot.querySelector(".scroll"))`
	before := alice.number(top)
	for n := range 5 {
		h.as("bob", "POST", "/v1/rooms/tea/messages", fmt.Sprintf(`{"body":"news %d"}`, n))
	}
	h.as("carol", "PUT", fmt.Sprintf("/v1/rooms/tea/messages/%d/reactions/+1", before/1000-3), "")
	alice.waits(`text(".jump .badge") === "5" && all(".reaction").length > 0`)
	if after := alice.number(top); after-before > 1 || before-after > 1 {
		t.Errorf("what is read moved: it was at %d, and is at %d", before, after)
	}
	alice.hasNoComplaint()
}

func TestElementsOpenAtTheFirstUnreadMessage(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, counts+connects, longRoom(t, 320)), newBrowser(t)
	h.reads("alice", 200)
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`one(".line")?.nextElementSibling?.dataset.seq === "201"`)
	alice.waits(`((s, l) => l.top > s.top && l.bottom < s.bottom)(one(".scroll").getBoundingClientRect(), one(".line").getBoundingClientRect())`)
	// What was on the screen counts as read, and no more.
	alice.waits(`((n) => n > 90 && n < 120)(Number(text('.entry[data-room="tea"] .badge')))`)
	for alice.number(`Math.min(1, all(".entry .badge").length)`) == 1 {
		alice.waits(`(one(".scroll").scrollTop += 600, true)`)
		alice.does(chromedp.Sleep(quiet / 2))
	}
	alice.waits(atEnd)
	alice.waits(`(one(".scroll").scrollTop = 0, true)`)
	for range 8 {
		if alice.number(`all(".line").length`) == 1 {
			break
		}
		alice.waits(`(one(".scroll").scrollTop = 0, true)`)
		alice.does(chromedp.Sleep(quiet / 5))
	}
	alice.waits(`one(".line")?.nextElementSibling?.dataset.seq === "201"`) // it stays
	alice.hasNoComplaint()
}

func TestElementsFoldWhatIsTallerThanAScreen(t *testing.T) {
	t.Parallel()
	h, browser := newHost(t, wholeChat, connects, nil), newBrowser(t)
	h.as("bob", "POST", "/v1/rooms", `{"room":"tea","public":true}`)
	h.as("bob", "POST", "/v1/rooms/tea/messages", fmt.Sprintf(`{"body":%q}`, strings.Repeat("line\n", 200)+"end"))
	alice := h.visit(browser, "alice", 1280, 800)
	alice.waits(`one(".fold") && one(".row").offsetHeight < 500`)
	alice.clicks(`.row [aria-expanded="false"].text`)
	alice.waits(`!one(".fold") && one(".row").offsetHeight > 3000`)
	alice.hasNoComplaint()
}
