package recent_test

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/recent"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tea = chat.RoomID("tea")

// counted counts reads, and how many entries they return.
type counted struct {
	ports.Log
	reads, entries atomic.Int64
	before         func() // called before each read; may be nil
}

func (c *counted) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	if c.before != nil {
		c.before()
	}
	entries, err := c.Log.Read(ctx, room, span)
	c.reads.Add(1)
	c.entries.Add(int64(len(entries)))
	return entries, err
}

// place is a store with one room.
type place struct {
	testing.TB
	store *memory.Store
	log   *counted
	*recent.Log
}

func newPlace(t testing.TB, bytes int) *place {
	t.Helper()
	p := &place{TB: t, store: memory.New()}
	if _, err := p.store.Create(context.Background(), chat.Room{ID: tea, Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	p.log = &counted{Log: p.store}
	p.Log = recent.New(p.log, bytes)
	return p
}

// records appends to the log.
func (p *place) records(fact chat.Fact) chat.Entry {
	outcomes, err := p.store.Append(context.Background(), []chat.Proposal{{
		Room: tea, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: fact,
	}})
	if err != nil {
		p.Fatal(err)
	}
	return outcomes[0].Entry
}

// says appends a message, and tells of it.
func (p *place) says(body string) chat.Entry {
	e := p.records(chat.Message{Body: body})
	p.Add(&e)
	return e
}

// head returns the present head of the room.
func (p *place) head() chat.Seq {
	p.Helper()
	heads, err := p.store.Heads(context.Background(), []chat.RoomID{tea})
	if err != nil {
		p.Fatal(err)
	}
	return heads[tea]
}

// reads reads a span in its present form.
func (p *place) reads(span ports.Span) recent.Page {
	p.Helper()
	return p.readsAt(span, p.head())
}

func (p *place) readsAt(span ports.Span, head chat.Seq) recent.Page {
	p.Helper()
	page, err := p.Read(context.Background(), tea, span, head)
	if err != nil {
		p.Fatal(err)
	}
	return page
}

// holds reports whether a page holds now, and fails the test if it has changed all the same.
func (p *place) holds(page recent.Page) bool {
	p.Helper()
	holds, err := p.Holds(context.Background(), tea, &page, p.head())
	if err != nil {
		p.Fatal(err)
	}
	if n := len(page.Entries); holds && n > 0 {
		p.mustBePresent(ports.Span{After: page.Entries[0].Seq - 1, Before: page.Entries[n-1].Seq + 1, Limit: n}, page)
	}
	return holds
}

// mustBePresent fails the test unless a page is what the log has.
func (p *place) mustBePresent(span ports.Span, page recent.Page) {
	p.Helper()
	want, err := p.store.Read(context.Background(), tea, span)
	if err != nil {
		p.Fatal(err)
	}
	if len(want) != len(page.Entries) || page.Forms != nil && len(page.Forms) != len(want) {
		p.Fatalf("%+v: %d entries with %d forms, want %d", span, len(page.Entries), len(page.Forms), len(want))
	}
	for i := range want {
		is := page.Entries[i]
		if is.Committed, is.Trace = want[i].Committed, ""; !reflect.DeepEqual(is, want[i]) {
			p.Fatalf("%+v: %+v, want %+v", span, is, want[i])
		}
		if page.Forms == nil {
			continue
		}
		text := fmt.Sprint(want[i].Fact)
		if form := string(page.Forms[i].Of(func() []byte { return []byte(text) })); form != text {
			p.Fatalf("%+v: it is written as %q, want %q", span, form, text)
		}
	}
}

// Whatever is appended, with or without a notice, each read returns what the log would return. A
// page that holds has not changed.
func TestWhatIsReadIsAlwaysThePresent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := newPlace(t, rapid.SampledFrom([]int{0, 20_000}).Draw(rt, "bytes"))
		messages := []chat.Seq{p.says("first").Seq}
		head := chat.Seq(1)
		var pages []recent.Page
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			target := rapid.SampledFrom(messages).Draw(rt, "target")
			var fact chat.Fact
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1, 2:
				fact = chat.Message{Body: fmt.Sprint("m", head)}
			case 3:
				fact = chat.Edited{Target: target, Body: fmt.Sprint("edited ", head)}
			case 4:
				fact = chat.Deleted{Target: target}
			case 5:
				fact = chat.Reacted{Target: target, Emoji: "👍", Removed: rapid.Bool().Draw(rt, "removed")}
			case 6:
				fact = chat.Set{Type: "x.a", Target: rapid.SampledFrom([]chat.Seq{0, target}).Draw(rt, "on"), Data: fmt.Appendf(nil, `{"n":%d}`, head)}
			default:
				span := ports.Span{
					After: chat.Seq(rapid.IntRange(0, int(head)).Draw(rt, "after")), Limit: rapid.IntRange(1, 110).Draw(rt, "limit"),
					Bytes: rapid.SampledFrom([]int{0, 40, 1000}).Draw(rt, "size"),
				}
				if rapid.Bool().Draw(rt, "bounded") {
					span.Before = span.After + 1 + chat.Seq(rapid.IntRange(1, 20).Draw(rt, "width"))
				}
				if rapid.Bool().Draw(rt, "now") {
					p.mustBePresent(span, p.reads(span))
				} else {
					pages = append(pages, p.readsAt(span, chat.Seq(rapid.IntRange(0, int(head)).Draw(rt, "as of"))))
				}
				continue
			}
			if len(pages) > 0 && rapid.Bool().Draw(rt, "asked") {
				p.holds(pages[len(pages)-1])
				pages = pages[:len(pages)-1]
			}
			outcomes, err := p.store.Append(context.Background(), []chat.Proposal{{
				Room: tea, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: fact,
			}})
			if err != nil {
				rt.Fatal(err)
			}
			if outcomes[0].Status != ports.Appended {
				continue
			}
			e := outcomes[0].Entry
			if head = e.Seq; chat.Target(fact) == 0 {
				if _, ok := fact.(chat.Message); ok {
					messages = append(messages, head)
				}
			}
			if rapid.IntRange(0, 2).Draw(rt, "told") > 0 {
				p.Add(&e)
			}
		}
	})
}

func TestGuardWhatIsReadForManyIsReadOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 0)
	for i := range 100 {
		p.says(fmt.Sprint("m", i))
	}
	span := ports.Span{Limit: 100}
	for range 3 {
		p.mustBePresent(span, p.reads(span))
	}
	if n := p.log.entries.Load(); n != 0 {
		t.Errorf("%d entries were read that are at hand", n)
	}
	for i := range 60 { // nobody tells of these
		p.records(chat.Message{Body: fmt.Sprint("n", i)})
	}
	span.After = 100
	for range 3 {
		p.mustBePresent(span, p.reads(span))
	}
	if n, reads := p.log.entries.Load(), p.log.reads.Load(); n != 60 || reads > 7 {
		t.Errorf("%d entries were read by %d reads, want 60 by 7", n, reads)
	}
}

func TestWhatIsDeletedIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 0)
	p.says("secret")
	page := p.reads(ports.Span{Limit: 10})
	if !p.holds(page) {
		t.Error("a page has changed by itself")
	}
	e := p.records(chat.Deleted{Target: 1})
	p.Add(&e)
	if p.holds(page) {
		t.Error("nobody knows that a message was deleted")
	}
	span := ports.Span{Limit: 1}
	again := p.reads(span)
	p.mustBePresent(span, again)
	if !p.holds(again) {
		t.Error("what was read anew has changed")
	}
}

// The log is asked for what another node has appended, once the head is known. It is not asked for
// what this node has appended.
func TestGuardWhatIsAppendedElsewhereIsAskedFor(t *testing.T) {
	t.Parallel()
	for what, reads := range map[string]func(*place) recent.Page{
		"at hand":           func(p *place) recent.Page { return p.reads(ports.Span{Limit: 2}) },
		"read from the log": func(p *place) recent.Page { return p.reads(ports.Span{Limit: 2, Before: 9}) },
	} {
		p := newPlace(t, 0)
		p.says("one")
		p.says("two")
		if what != "at hand" {
			p.Clear()
		}
		page := reads(p)
		before := p.log.reads.Load()
		mustAsk := func(so string, holds bool, asked int64) {
			t.Helper()
			if is, n := p.holds(page), p.log.reads.Load()-before; is != holds || n != asked {
				t.Errorf("%s, %s: it holds: %v, after %d reads; want %v after %d", what, so, is, n, holds, asked)
			}
		}
		mustAsk("nothing was said", true, 0)
		if what == "at hand" {
			p.says("three")
			mustAsk("this node said something", true, 0)
		}
		p.records(chat.Message{Body: "four"})
		mustAsk("another node said something", true, 1)
		p.records(chat.Deleted{Target: 2})
		mustAsk("another node deleted a message", false, 2)
	}
}

// A page from before a deletion has changed, even after others have read the entry again.
func TestWhatIsReadAgainForOneHasChangedForOthers(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 0)
	p.says("secret")
	page := p.reads(ports.Span{Limit: 1})
	e := p.records(chat.Deleted{Target: 1})
	p.Add(&e)
	p.reads(ports.Span{Limit: 1})
	if p.holds(page) {
		t.Error("the page from before holds")
	}
}

// What is deleted while it is being read is not kept as it was.
func TestWhatIsDeletedMeanwhileIsReadAnew(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 0)
	p.says("one")
	p.says("two")
	e := p.records(chat.Edited{Target: 1, Body: "ONE"})
	p.Add(&e)
	var once atomic.Bool
	p.log.before = func() {
		if once.CompareAndSwap(false, true) {
			e := p.records(chat.Deleted{Target: 2})
			p.Add(&e)
		}
	}
	p.reads(ports.Span{Limit: 10})
	p.mustBePresent(ports.Span{Limit: 10}, p.reads(ports.Span{Limit: 10}))
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 100_000)
	for i := range 1000 {
		p.says(fmt.Sprint("m", i))
	}
	if n := p.Kept(); n > 100_000 {
		t.Errorf("%d bytes are kept", n)
	}
	for _, after := range []chat.Seq{0, 500, 990, 1000} {
		span := ports.Span{After: after, Limit: 100}
		p.mustBePresent(span, p.reads(span))
	}
	p.Clear()
	if n := p.Kept(); n != 0 {
		t.Errorf("%d bytes are kept of what was cleared", n)
	}
}
