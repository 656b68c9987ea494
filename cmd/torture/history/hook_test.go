package history_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/cmd/torture/history"
)

// told is where a webhook of the world is in room "tea".
type told struct {
	types       []string
	at          int64 // it has taken that
	first, last int64 // the batch that is fixed; last is 0: none
}

func (w *world) hooks(name string, types ...string) {
	if w.told == nil {
		w.told = map[string]*told{}
	}
	w.told[name] = &told{types: types}
	w.write(history.Record{Kind: history.Hooked, Client: name, Rooms: []string{"t*"}, Types: types})
}

func (o *told) takes(e history.Record) bool {
	return len(o.types) == 0 || slices.Contains(o.types, e.Entry)
}

// fix fixes the bounds of the next batch, and reports whether there is one.
func (o *told) fix(log []history.Record, limit int) bool {
	for i := o.at; o.last == 0 && i < int64(len(log)); i++ {
		if o.takes(log[i]) {
			o.first, o.last = i+1, min(i+int64(limit), int64(len(log)))
		}
	}
	return o.last != 0
}

// tells tells a webhook its next batch, or the same one again if it was not taken. ack is how many
// entries of it are taken, 0 all.
func (w *world) tells(name string, limit int, code string, ack int64) {
	o := w.told[name]
	if !o.fix(w.log, limit) {
		return
	}
	r := history.Record{Kind: history.Told, Client: name, Room: "tea", First: o.first, Last: o.last, Head: int64(len(w.log)), Signed: true}
	for _, e := range w.log[o.first-1 : o.last] {
		if o.takes(e) {
			e.Kind = ""
			r.Entries = append(r.Entries, e)
		}
	}
	r.Hash = fmt.Sprint(r.Entries)
	r.ID = fmt.Sprint(name, ".tea.", o.first, "-", o.last, ".", r.Hash)
	w.write(r)
	answer := history.Record{Kind: history.Answered, Client: name, ID: r.ID, Room: "tea", Code: code}
	if code == "200" && ack > 0 && o.first+ack-1 < o.last {
		answer.Ack = o.first + ack - 1
		o.at, o.last = answer.Ack, 0
	} else if code == "200" {
		o.at, o.last = o.last, 0
	}
	w.write(answer)
}

// toldAll tells a webhook what is left.
func (w *world) toldAll(name string) {
	for o := w.told[name]; o.fix(w.log, 100); {
		w.tells(name, 100, "200", 0)
	}
	w.write(history.Record{Kind: history.Behind, Client: name})
}

// hooked is a history of two webhooks. h1 is told 1–2 twice, 3–6 of which it takes 3, 4–6 twice
// and the rest; h2 takes messages only.
func hooked() []history.Record {
	w := newWorld()
	w.hooks("h1")
	w.hooks("h2", "message")
	w.joins("r1")
	w.sends("alice", "k1", "one", false)
	w.sends("bob", "k1", "two", false)
	w.tells("h1", 2, "500", 0)
	w.tells("h1", 2, "200", 0)
	w.sends("bob", "k2", "three", false)
	w.changes("edit", "bob", 3, "THREE")
	w.changes("react", "alice", 1, "+")
	w.sends("alice", "k2", "four", false)
	w.tells("h1", 4, "200", 1)
	w.tells("h1", 3, "reset", 0)
	w.tells("h1", 3, "200", 0)
	w.sends("alice", "k3", "five", false)
	w.toldAll("h1")
	w.toldAll("h2")
	return w.ends()
}

func TestAHistoryOfWebhooksThatIsRightPasses(t *testing.T) {
	t.Parallel()
	v := history.Check(hooked())
	var b strings.Builder
	v.WriteTo(&b)
	if !v.Pass() || !strings.Contains(b.String(), "2 webhooks were told 7 batches, 2 of them again") {
		t.Errorf("%s", b.String())
	}
}

// batch finds what a webhook was told or answered, by the first entry of the batch.
func batch(name string, first int64) func(history.Record) bool {
	return func(r history.Record) bool { return r.Client == name && r.First == first }
}

func TestWhatIsWrongWithWebhooksIsFoundUnderItsRule(t *testing.T) {
	t.Parallel()
	type spoil = func(*testing.T, []history.Record) []history.Record
	change := func(fits func(history.Record) bool, how func(*history.Record)) spoil {
		return func(t *testing.T, rs []history.Record) []history.Record {
			how(&rs[find(t, rs, history.Told, fits)])
			return rs
		}
	}
	drop := func(n int, fits func(history.Record) bool) spoil { // with what follows
		return func(t *testing.T, rs []history.Record) []history.Record {
			i := find(t, rs, history.Told, fits)
			return slices.Delete(rs, i, i+n)
		}
	}
	// again has a batch come once more behind the first sight of another.
	again := func(first, behind int64, faults ...time.Duration) spoil {
		return func(t *testing.T, rs []history.Record) []history.Record {
			i, r := find(t, rs, history.Told, batch("h1", behind)), rs[find(t, rs, history.Told, batch("h1", first))]
			r.At = 5 * time.Minute
			rs = slices.Insert(rs, i+1, r)
			for _, at := range faults {
				rs = slices.Insert(rs, i, history.Record{Kind: history.Fault, At: at})
			}
			return rs
		}
	}
	both := func(a, b spoil) spoil {
		return func(t *testing.T, rs []history.Record) []history.Record { return b(t, a(t, rs)) }
	}
	answer := func(code string, ack int64) func(*testing.T, []history.Record) []history.Record { // to 3–6
		return func(t *testing.T, rs []history.Record) []history.Record {
			r := &rs[find(t, rs, history.Told, batch("h1", 3))+1]
			r.Code, r.Ack = code, ack
			return rs
		}
	}
	of := func(kind history.Kind, how func(*history.Record)) spoil {
		return func(t *testing.T, rs []history.Record) []history.Record {
			how(&rs[find(t, rs, kind, func(history.Record) bool { return true })])
			return rs
		}
	}
	for _, c := range []struct {
		name  string
		spoil spoil
		rule  history.Rule // empty: nothing is wrong
	}{
		{"it is not signed", change(batch("h1", 3), func(r *history.Record) { r.Signed = false }), history.HookSigned},
		{"what comes again has other bytes", change(batch("h1", 1), func(r *history.Record) { r.Hash = "other" }), history.HookBytes},
		{"an entry lacks", change(batch("h1", 3), func(r *history.Record) { r.Entries = r.Entries[:3] }), history.HookBatch},
		{"an entry comes that was not asked for", change(batch("h2", 1), func(r *history.Record) {
			r.Entries = append(slices.Clone(r.Entries), history.Record{Seq: 4})
		}), history.HookBatch},
		{"it begins before its first entry", change(batch("h1", 3), func(r *history.Record) { r.First = 2 }), history.HookBatch},
		{"it reaches beyond the log", change(batch("h1", 7), func(r *history.Record) { r.Last = 8 }), history.HookBatch},
		{"it comes from a room that it does not follow", change(batch("h1", 3), func(r *history.Record) { r.Room = "den" }), history.HookBatch},
		{"an entry is another's", change(batch("h1", 3), func(r *history.Record) {
			r.Entries = slices.Clone(r.Entries)
			r.Entries[0].User = "eve"
		}), history.AsStored},
		{"what failed comes with other bounds", change(batch("h1", 1), func(r *history.Record) { r.Last, r.Entries = 1, r.Entries[:1] }), history.HookBounds},
		{"what was taken comes in another batch", answer("200", 5), history.HookBounds},
		{"an old batch comes, and there was no fault", again(1, 3), history.HookBounds},
		{"an old batch comes, long after a fault", again(1, 3, 3*time.Minute), history.HookBounds},
		{"an old batch comes right after a fault", again(1, 3, 290*time.Second), ""},
		{"old batches come, one after the other", both(again(3, 7, 290*time.Second), again(1, 7)), history.HookBounds},
		{"it goes on though nothing was taken", answer("500", 0), history.HookOrder},
		{"it goes on though nothing was answered", drop(2, batch("h1", 3)), history.HookOrder},
		{"a batch does not come", drop(4, batch("h1", 4)), history.HookOrder},
		{"the last batch does not come", drop(2, batch("h1", 7)), history.HookEnd},
		{"nothing comes at all", drop(2, batch("h2", 1)), history.HookEnd},
		{"the service says that it is behind", of(history.Behind, func(r *history.Record) { r.Count = 1 }), history.HookEnd},
		{"a text comes long after it was deleted", func(t *testing.T, rs []history.Record) []history.Record {
			rs = slices.Insert(rs, 2, history.Record{Kind: history.Asked, ID: "d", Op: "delete", Room: "tea", User: "alice", Target: 1},
				history.Record{Kind: history.Acked, ID: "d", Room: "tea", Seq: 1})
			rs[find(t, rs, history.Told, batch("h2", 1))].At = 2 * time.Minute
			return rs
		}, history.HookForgets},
		{"it is not known what was asked for", of(history.Hooked, func(r *history.Record) { r.Kind = history.Mood }), history.Vacuous},
		{"it is not known how it ended", of(history.Behind, func(r *history.Record) { r.Kind = history.Mood }), history.Vacuous},
		{"nobody was told anything", func(_ *testing.T, rs []history.Record) []history.Record {
			return slices.DeleteFunc(rs, func(r history.Record) bool { return r.Kind == history.Told })
		}, history.Vacuous},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := history.Check(c.spoil(t, slices.Clone(hooked())))
			if c.rule == "" && !v.Pass() || c.rule != "" && v.Broken[c.rule] == 0 {
				t.Errorf("want %q: %v", c.rule, v.Violations)
			}
		})
	}
}

// TestAnySmallWrongWithAWebhookIsFound makes histories of a correct service, which must pass, and
// then breaks each in one place.
func TestAnySmallWrongWithAWebhookIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.joins("r1")
		w.hooks("h1")
		w.hooks("h2", "message", "deleted")
		for i := range rapid.IntRange(10, 80).Draw(t, "steps") {
			n := rapid.IntRange(0, 20).Draw(t, "n")
			name := rapid.SampledFrom([]string{"h1", "h2"}).Draw(t, "hook")
			switch rapid.SampledFrom([]string{"send", "send", "edit", "tell", "tell", "fail", "part"}).Draw(t, "act") {
			case "send":
				w.sends("alice", fmt.Sprint("k", i), fmt.Sprint("text ", i), false)
			case "edit":
				if len(w.log) > 0 {
					w.changes("edit", "alice", int64(n%len(w.log)+1), fmt.Sprint("new ", i))
				}
			case "tell":
				w.tells(name, n+1, "200", 0)
			case "fail":
				w.tells(name, n+1, "500", 0)
			case "part":
				w.tells(name, n+1, "200", int64(n/2))
			}
		}
		w.sends("alice", "last", "last", false)
		w.toldAll("h1")
		w.toldAll("h2")
		records := w.ends()
		if v := history.Check(records); !v.Pass() {
			t.Fatalf("a right history: %v", v.Violations)
		}
		var taken []int
		for i, r := range records {
			if r.Kind == history.Told && records[i+1].Code == "200" {
				taken = append(taken, i)
			}
		}
		spoiled := slices.Clone(records)
		i := rapid.SampledFrom(taken).Draw(t, "batch")
		r := &spoiled[i]
		how := rapid.SampledFrom([]string{"no answer", "lose", "lose an entry", "begin later", "reach further", "another's"}).Draw(t, "how")
		r.Entries = slices.Clone(r.Entries)
		switch how {
		case "no answer":
			spoiled = slices.Delete(spoiled, i+1, i+2)
		case "lose":
			spoiled = slices.Delete(spoiled, i, i+2)
		case "lose an entry":
			r.Entries = r.Entries[1:]
		case "begin later":
			r.First++
		case "reach further":
			r.Last = int64(len(w.log)) + 1
		case "another's":
			r.Entries[0].User += "x"
		}
		if v := history.Check(spoiled); v.Pass() {
			t.Fatalf("%s at %d is not found", how, i)
		}
	})
}
