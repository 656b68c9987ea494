package web_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// TestTheFirstMessageIsSoonThere prints how long a signed-in window, with nothing in its cache,
// works until it shows the first message, and until one that is sent then is stored.
func TestTheFirstMessageIsSoonThere(t *testing.T) {
	t.Parallel()
	s := newService(t, inMemory)
	s.talks()
	g := s.join(newBrowser(t), "Alice", "tea")
	g.waits(`all(".row").length === 7`)
	g.measures()
	g.does(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
		return err
	}))
	began := g.works()
	g.does(chromedp.Reload())
	g.waits(`all(".row").length === 7`)
	shown := g.works()
	g.says("hello")
	g.waits(`text(".row:last-child .body") === "hello" && one(".row:last-child").dataset.seq`)
	t.Logf("the first message is shown after %.0f ms of CPU, and one that is sent is stored after %.0f ms", 1000*(shown-began), 1000*(g.works()-began))
	g.hasNoComplaint()
}

// measures has the browser count what works returns.
func (g guest) measures() {
	g.t.Helper()
	g.does(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
		return err
	}))
}

// works returns the seconds of CPU that the page's thread has taken.
func (g guest) works() (seconds float64) { return g.metric("TaskDuration") }

// metric returns one of what Chromium measures of the page.
func (g guest) metric(name string) (value float64) {
	g.t.Helper()
	g.does(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		got, err := cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			return err
		}
		for _, one := range got.Metrics {
			if one.Name == name {
				value = one.Value
			}
		}
		return nil
	}))
	return value
}

// TestAHighNameMovesNobodysLine has somebody speak between others whose name and body are marks
// upon marks, and turn the text around: the lines of the others stay where they would be. The
// service takes 128 characters for a name.
func TestAHighNameMovesNobodysLine(t *testing.T) {
	t.Parallel()
	s := newService(t, inMemory)
	s.as("Bob", "POST", "/v1/rooms", `{"room":"tea","public":true}`)
	high := "Z" + strings.Repeat("\u0301", 100) + "\u202e"
	for _, said := range []struct{ who, body string }{
		{"Bob", "before"}, {high, "h" + strings.Repeat("\u0301", 3900) + "\u202e turned"}, {"Bob", "after"}, {"Carol", "and after"},
	} {
		s.as(said.who, "POST", "/v1/rooms/tea/messages", quoted(map[string]string{"body": said.body}))
	}
	g := s.join(newBrowser(t), "Alice", "tea")
	g.waits(`all(".row").length === 4`)
	g.waits(`all(".bubble").every((e) => e.offsetHeight === all(".bubble")[0].offsetHeight)`)
	g.waits(`all(".row").every((e, at, rows) => at === 0 || e.getBoundingClientRect().top >= rows[at - 1].getBoundingClientRect().bottom)`)
	g.waits(`all(".name").every((e) => e.scrollHeight === e.offsetHeight || getComputedStyle(e).overflow === "clip")`)
	g.hasNoComplaint()
}
