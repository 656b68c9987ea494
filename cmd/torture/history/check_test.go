package history_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/cmd/torture/history"
)

// world is a correct service that writes the history of its clients.
type world struct {
	records []history.Record
	log     []history.Record // of room "tea"; messages in their present form
	keys    map[string]int64
	readers map[string]*cursor
	told    map[string]*told
	asked   int
}

type cursor struct {
	at     int64
	joined bool
}

func newWorld() *world { return &world{keys: map[string]int64{}, readers: map[string]*cursor{}} }

func (w *world) write(r history.Record) { w.records = append(w.records, r) }

// sends sends a message, whose answer may be lost. A repetition is not stored again.
func (w *world) sends(user, key, body string, lost bool) int64 {
	w.asked++
	id := fmt.Sprint("a", w.asked)
	w.write(history.Record{Kind: history.Asked, ID: id, Op: "send", Room: "tea", User: user, Key: key, Body: body})
	seq, again := w.keys[user+"/"+key]
	if !again {
		seq = w.stores(history.Record{Entry: "message", User: user, Key: key, Body: body})
		w.keys[user+"/"+key] = seq
	}
	w.answers(id, seq, again, lost)
	return seq
}

func (w *world) stores(r history.Record) int64 {
	r.Kind, r.Room, r.Seq = history.Stored, "tea", int64(len(w.log)+1)
	w.log = append(w.log, r)
	return r.Seq
}

func (w *world) answers(id string, seq int64, duplicate, lost bool) {
	if lost {
		w.write(history.Record{Kind: history.Unknown, ID: id})
		return
	}
	w.write(history.Record{Kind: history.Acked, ID: id, Room: "tea", Seq: seq, Duplicate: duplicate})
}

// changes edits, deletes or reacts to a message of the user's own.
func (w *world) changes(op, user string, target int64, text string) {
	m := &w.log[target-1]
	if m.Entry != "message" || m.User != user || m.Deleted {
		return
	}
	w.asked++
	id := fmt.Sprint("a", w.asked)
	ask := history.Record{Kind: history.Asked, ID: id, Op: op, Room: "tea", User: user, Target: target}
	e := history.Record{User: user, Target: target}
	switch op {
	case "edit":
		ask.Body, e.Entry, e.Body, m.Body, m.Edited = text, "edited", text, text, true
	case "delete":
		e.Entry, m.Body, m.Deleted = "deleted", "", true
	case "react":
		counts := maps.Clone(m.Reactions)
		if counts == nil {
			counts = map[string]int{}
		}
		counts[text]++
		ask.Emoji, e.Entry, e.Emoji, e.Count, m.Reactions = text, "reacted", text, counts[text], counts
	}
	w.write(ask)
	w.answers(id, w.stores(e), false, false)
}

func (w *world) joins(reader string) {
	c := w.readers[reader]
	if c == nil {
		c = &cursor{}
		w.readers[reader] = c
	}
	if !c.joined {
		c.joined = true
		w.write(history.Record{Kind: history.Joined, Client: reader, Room: "tea", After: c.at, Seq: c.at + 1, Head: int64(len(w.log))})
	}
}

func (w *world) sees(reader string, n int) {
	for c := w.readers[reader]; c != nil && c.joined && n > 0 && c.at < int64(len(w.log)); n-- {
		r := w.log[c.at]
		r.Kind, r.Client = history.Saw, reader
		w.write(r)
		c.at++
	}
}

func (w *world) leaves(reader string) {
	if c := w.readers[reader]; c != nil && c.joined {
		c.joined = false
		w.write(history.Record{Kind: history.Closed, Client: reader, Code: "crash"})
	}
}

// ends has all readers see all, and reads the log.
func (w *world) ends() []history.Record {
	for _, r := range slices.Sorted(maps.Keys(w.readers)) {
		w.joins(r)
		w.sees(r, 1<<30)
	}
	for _, r := range w.log {
		w.write(r)
	}
	w.write(history.Record{Kind: history.Final, Room: "tea", Head: int64(len(w.log))})
	w.write(history.Record{Kind: history.Ended})
	return w.records
}

// usual is a history with records of all kinds.
func usual() []history.Record {
	w := newWorld()
	w.joins("r1")
	w.sends("alice", "k1", "one", false)
	w.sends("bob", "k1", "two", true)
	w.sees("r1", 2)
	w.sends("bob", "k1", "two", false)
	w.joins("r2")
	w.changes("edit", "alice", 1, "ONE")
	w.changes("react", "alice", 1, "+")
	w.leaves("r1")
	w.sends("alice", "k2", "three", false)
	w.changes("delete", "bob", 2, "")
	return w.ends()
}

func TestAHistoryOfAServiceThatIsRightPasses(t *testing.T) {
	t.Parallel()
	v := history.Check(usual())
	var b strings.Builder
	v.WriteTo(&b)
	if !v.Pass() || !strings.Contains(b.String(), "PASS") {
		t.Errorf("%s", b.String())
	}
	if v.Asked != 7 || v.Acked != 6 || v.Unknown != 1 || v.Stored != 6 || v.Readers != 2 || v.Seen != 12 || v.Disconnects != 1 {
		t.Errorf("counted %+v", v)
	}
}

// find returns the index of the first record of a kind that fits.
func find(t *testing.T, records []history.Record, kind history.Kind, fits func(history.Record) bool) int {
	t.Helper()
	i := slices.IndexFunc(records, func(r history.Record) bool { return r.Kind == kind && fits(r) })
	if i < 0 {
		t.Fatalf("no such %s", kind)
	}
	return i
}

func at(seq int64) func(history.Record) bool {
	return func(r history.Record) bool { return r.Seq == seq }
}

func of(client string, seq int64) func(history.Record) bool {
	return func(r history.Record) bool { return r.Client == client && r.Seq == seq }
}

func TestWhatIsWrongIsFoundUnderItsRule(t *testing.T) {
	t.Parallel()
	drop := func(kind history.Kind, fits func(history.Record) bool) func(*testing.T, []history.Record) []history.Record {
		return func(t *testing.T, rs []history.Record) []history.Record {
			i := find(t, rs, kind, fits)
			return slices.Delete(rs, i, i+1)
		}
	}
	change := func(kind history.Kind, fits func(history.Record) bool, how func(*history.Record)) func(*testing.T, []history.Record) []history.Record {
		return func(t *testing.T, rs []history.Record) []history.Record {
			how(&rs[find(t, rs, kind, fits)])
			return rs
		}
	}
	add := func(r history.Record) func(*testing.T, []history.Record) []history.Record {
		return func(_ *testing.T, rs []history.Record) []history.Record { return slices.Insert(rs, len(rs)-1, r) }
	}
	every := func(history.Record) bool { return true }
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, []history.Record) []history.Record
		rule  history.Rule
	}{
		{"the end is missing", drop(history.Ended, every), history.Vacuous},
		{"the log was not read", drop(history.Final, every), history.Vacuous},
		{"an acknowledged entry is gone from the end of the log", func(t *testing.T, rs []history.Record) []history.Record {
			rs = drop(history.Stored, at(6))(t, rs)
			rs[find(t, rs, history.Final, every)].Head = 5
			return rs
		}, history.AckedStore},
		{"an acknowledgement names another's place", change(history.Acked, at(1), func(r *history.Record) { r.Seq = 2 }), history.AckedStore},
		{"an acknowledgement names no place", change(history.Acked, at(5), func(r *history.Record) { r.Seq = 99 }), history.AckedStore},
		{"the log has a hole", drop(history.Stored, at(3)), history.NoHoles},
		{"the head is further than the log", change(history.Final, every, func(r *history.Record) { r.Head = 7 }), history.NoHoles},
		{"a key is stored twice", func(t *testing.T, rs []history.Record) []history.Record {
			i := find(t, rs, history.Stored, at(6))
			again := rs[find(t, rs, history.Stored, at(1))]
			again.Seq = 7
			rs = slices.Insert(rs, i+1, again)
			rs[find(t, rs, history.Final, every)].Head = 7
			return rs
		}, history.StoredOnce},
		{"a key is acknowledged as new twice", func(_ *testing.T, rs []history.Record) []history.Record {
			again := rs[slices.IndexFunc(rs, func(r history.Record) bool { return r.Kind == history.Asked && r.Key == "k1" })]
			again.ID = "again"
			return slices.Insert(rs, len(rs)-1, again, history.Record{Kind: history.Acked, ID: "again", Room: "tea", Seq: 1})
		}, history.StoredOnce},
		{"what was asked for later stands before", func(t *testing.T, rs []history.Record) []history.Record {
			// Both were acknowledged; the second's ask began after the first's answer.
			a, b := find(t, rs, history.Stored, at(1)), find(t, rs, history.Stored, at(5))
			rs[a].User, rs[b].User = rs[b].User, rs[a].User
			rs[a].Key, rs[b].Key = rs[b].Key, rs[a].Key
			rs[find(t, rs, history.Acked, at(1))].Seq = 5
			rs[slices.IndexFunc(rs, func(r history.Record) bool { return r.Kind == history.Acked && r.ID == "a6" })].Seq = 1
			return rs
		}, history.RealTime},
		{"a message is there that nobody sent", func(t *testing.T, rs []history.Record) []history.Record {
			i := find(t, rs, history.Stored, at(6))
			rs = slices.Insert(rs, i+1, history.Record{Kind: history.Stored, Room: "tea", Seq: 7, Entry: "message", User: "eve", Key: "x", Body: "boo"})
			rs[find(t, rs, history.Final, every)].Head = 7
			return rs
		}, history.Invented},
		{"a message has a text that nobody wrote", change(history.Stored, at(5), func(r *history.Record) { r.Body = "boo" }), history.Invented},
		{"what was refused is stored", change(history.Acked, at(5), func(r *history.Record) {
			r.Kind, r.Seq, r.Code = history.Refused, 0, "forbidden"
		}), history.Invented},
		{"an entry is seen twice", func(t *testing.T, rs []history.Record) []history.Record {
			i := find(t, rs, history.Saw, of("r2", 3))
			return slices.Insert(rs, i+1, rs[i])
		}, history.Once},
		{"two entries are seen in the wrong order", func(t *testing.T, rs []history.Record) []history.Record {
			i, j := find(t, rs, history.Saw, of("r2", 3)), find(t, rs, history.Saw, of("r2", 4))
			rs[i], rs[j] = rs[j], rs[i]
			return rs
		}, history.NoGap},
		{"an entry is not seen", drop(history.Saw, of("r2", 4)), history.NoGap},
		{"the last entry is not seen", drop(history.Saw, of("r2", 6)), history.TheEnd},
		{"a reader is sent back too far", change(history.Joined, func(r history.Record) bool { return r.After == 2 }, func(r *history.Record) { r.Seq = 2 }), history.Resumes},
		{"an entry is seen as another's", change(history.Saw, of("r2", 1), func(r *history.Record) { r.User = "bob" }), history.AsStored},
		{"a text is seen that nobody wrote", change(history.Saw, of("r1", 1), func(r *history.Record) { r.Body = "boo" }), history.AsStored},
		{"an entry is seen behind the end of the log", add(history.Record{Kind: history.Saw, Client: "r1", Room: "tea", Seq: 7, Entry: "message", User: "eve", Key: "x"}), history.AsStored},
		{"an edit did not come to a reader's message", change(history.Saw, of("r1", 3), func(r *history.Record) { r.Body = "TWO" }), history.Converges},
		{"a reaction is counted wrong", change(history.Stored, at(4), func(r *history.Record) { r.Count = 2 }), history.Converges},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := history.Check(c.spoil(t, slices.Clone(usual())))
			if v.Broken[c.rule] == 0 {
				t.Errorf("not found under %s: %v", c.rule, v.Violations)
			}
		})
	}
}

// TestAnySmallWrongIsFound makes histories of a correct service, which must pass, and then breaks
// each in one place.
func TestAnySmallWrongIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		users := []string{"alice", "bob", "carol"}
		for range rapid.IntRange(10, 80).Draw(t, "steps") {
			user := rapid.SampledFrom(users).Draw(t, "user")
			reader := rapid.SampledFrom([]string{"r1", "r2", "r3"}).Draw(t, "reader")
			n := rapid.IntRange(0, 20).Draw(t, "n")
			switch rapid.SampledFrom([]string{"send", "send", "send", "lost", "edit", "delete", "react", "join", "see", "see", "leave"}).Draw(t, "act") {
			case "send":
				w.sends(user, fmt.Sprint("k", n), user+fmt.Sprint("k", n), false)
			case "lost":
				w.sends(user, fmt.Sprint("k", n), user+fmt.Sprint("k", n), true)
			case "edit", "delete", "react":
				op := map[int]string{0: "edit", 1: "delete", 2: "react"}[n%3]
				if len(w.log) > 0 {
					w.changes(op, user, int64(n%len(w.log)+1), fmt.Sprint("t", w.asked))
				}
			case "join":
				w.joins(reader)
			case "see":
				w.sees(reader, n)
			case "leave":
				w.leaves(reader)
			}
		}
		w.joins("r1")
		w.sends("alice", "last", "last", false)
		records := w.ends()
		if v := history.Check(records); !v.Pass() {
			t.Fatalf("a right history: %v", v.Violations)
		}
		var sights, kept []int
		for i, r := range records {
			switch r.Kind {
			case history.Saw:
				sights = append(sights, i)
			case history.Stored:
				kept = append(kept, i)
			}
		}
		spoiled := slices.Clone(records)
		i := rapid.SampledFrom(sights).Draw(t, "sight")
		k := rapid.SampledFrom(kept).Draw(t, "stored")
		how := rapid.SampledFrom([]string{"lose a sight", "double a sight", "move a sight", "lose an entry", "move an entry", "another's entry"}).Draw(t, "how")
		switch how {
		case "lose a sight":
			spoiled = slices.Delete(spoiled, i, i+1)
		case "double a sight":
			spoiled = slices.Insert(spoiled, i, spoiled[i])
		case "move a sight":
			spoiled[i].Seq++
		case "lose an entry":
			spoiled = slices.Delete(spoiled, k, k+1)
		case "move an entry":
			spoiled[k].Seq++
		case "another's entry":
			spoiled[k].User += "x"
		}
		if v := history.Check(spoiled); v.Pass() {
			t.Fatalf("%s at %d or %d is not found", how, i, k)
		}
	})
}

func TestAHistoryIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := history.NewWriter(&b)
	for _, r := range usual() {
		w.Write(r)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	records, err := history.Read(bytes.NewReader(whole))
	if v := history.Check(records); err != nil || !v.Pass() {
		t.Errorf("read %d records, %v, %v", len(records), v.Violations, err)
	}
	cut, err := history.Read(bytes.NewReader(whole[:len(whole)-5]))
	if err != nil || len(cut) != len(records)-1 {
		t.Errorf("of a history that was cut off %d of %d records are read, %v", len(cut), len(records), err)
	}
	if _, err := history.Read(strings.NewReader("{\"kind\":1}\n")); err == nil {
		t.Error("a bad line is taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"at":1,"kind":"acked","id":"a","seq":3}` + "\n" + `{"kind":"ended"}`))
	f.Add([]byte(`{"kind":"hooked","client":"h1","rooms":["*"]}{"kind":"stored","room":"tea","seq":1,"entry":"message"}{"kind":"final","room":"tea","head":1}` +
		`{"kind":"told","client":"h1","id":"i","room":"tea","first":1,"last":1,"entries":[{"seq":1,"entry":"message"}]}` +
		`{"kind":"answered","client":"h1","id":"i","room":"tea","code":"200","ack":1}{"kind":"behind","client":"h1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := history.Read(bytes.NewReader(b))
		if err == nil {
			history.Check(records)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	w := newWorld()
	w.joins("r1")
	for i := range 100_000 {
		w.sends("alice", fmt.Sprint("k", i), "hello", false)
	}
	records := w.ends()
	b.ReportMetric(float64(len(records)), "records")
	for b.Loop() {
		history.Check(records)
	}
}
