package finding_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/finding"
	"github.com/parley-chat/parley/ports"
)

var began = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// words are drawn so that the first ones are in nearly every document.
func words(r *rand.Rand, n int) (tokens []string) {
	for range n {
		word := fmt.Sprintf("w%d", int(float64(1000)*r.Float64()*r.Float64()*r.Float64()*r.Float64()))
		if !slices.Contains(tokens, word) {
			tokens = append(tokens, word)
		}
	}
	return tokens
}

// Whatever is indexed, in any order, and again, and taken out, by nodes of this release and of the
// one before: what is found is what going through all documents finds, page by page.
func TestWhatIsFoundIsWhatIsThere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			x := newTable(t)
			rooms := []chat.RoomID{"den", "tea", "zoo"}
			heads := make([]chat.Seq, len(rooms))
			at := began
			times := map[finding.Place]time.Time{}
			for step := range 250 {
				i := r.IntN(len(rooms))
				batch := map[chat.Seq]finding.Doc{}
				for range 1 + r.IntN(1+r.IntN(60)) {
					at = at.Add(time.Duration(r.IntN(3)) * time.Microsecond) // often the same
					heads[i] += chat.Seq(1 + r.IntN(1+r.IntN(4)))
					times[finding.Place{Room: rooms[i], Seq: heads[i]}] = at
					if r.IntN(10) > 0 { // else it comes late
						batch[heads[i]] = finding.Doc{Seq: heads[i], At: at, Tokens: words(r, r.IntN(12))}
					}
				}
				for range r.IntN(5) {
					seq := chat.Seq(1 + r.Int64N(int64(heads[i])))
					if made, ok := times[finding.Place{Room: rooms[i], Seq: seq}]; ok {
						batch[seq] = finding.Doc{Seq: seq, At: made, Tokens: words(r, r.IntN(12))}
					}
				}
				var docs []finding.Doc
				for _, d := range batch { // in no order
					docs = append(docs, d)
				}
				x.old = r.IntN(8) == 0
				x.index(rooms[i], docs...)
				if step%10 == 0 {
					someQueries(x, r, rooms, at)
				}
			}
		})
	}
}

func someQueries(x *table, r *rand.Rand, rooms []chat.RoomID, at time.Time) {
	x.t.Helper()
	term := func() (t ports.SearchTerm) {
		t.Token = words(r, 1)[0]
		if t.Prefix = r.IntN(4) == 0; t.Prefix {
			t.Token = t.Token[:1+r.IntN(len(t.Token))]
		}
		return t
	}
	q := ports.FindQuery{Rooms: append(slices.Clone(rooms[r.IntN(2):]), "nowhere"), Limit: 1 + r.IntN(30)}
	for range 1 + r.IntN(2) {
		q.All = append(q.All, term())
	}
	for range r.IntN(2) {
		q.None = append(q.None, term())
	}
	some := func() time.Time {
		return began.Add(time.Duration(r.Int64N(int64(at.Sub(began)) + 1))).Truncate(time.Microsecond)
	}
	if r.IntN(3) == 0 {
		q.From = some()
	}
	if r.IntN(3) == 0 {
		q.To = some()
	}
	if r.IntN(2) == 0 {
		q.Before = &ports.FoundMessage{Room: rooms[r.IntN(len(rooms))], Seq: chat.Seq(1 + r.IntN(300)), At: some()}
		if all := x.wants(ports.FindQuery{Rooms: rooms, All: q.All, Limit: 1 << 20}); len(all) > 0 {
			*q.Before = all[r.IntN(len(all))]
		}
	}
	for range 20 {
		if x.mustFind(q) < q.Limit {
			return
		}
		page := x.wants(q)
		q.Before = &page[len(page)-1]
	}
}

// A room that is appended to, as the consumer does it, has few blocks. A document is written a few
// times, and a rare word costs a piece of each block.
func TestBlocksAreFewAndWrittenFewTimes(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 100} {
		x := newTable(t)
		r := rand.New(rand.NewPCG(1, 2))
		const n = 10_000
		for seq := 0; seq < n; {
			var docs []finding.Doc
			for range batch {
				seq++
				tokens := words(r, 12)
				if seq == n/2 {
					tokens = append(tokens, "rare")
				}
				docs = append(docs, finding.Doc{Seq: chat.Seq(seq), At: began.Add(time.Duration(seq) * time.Second), Tokens: tokens})
			}
			x.index("tea", docs...)
		}
		pieces, bytes := 0, 0
		for _, block := range x.pieces["tea"] {
			pieces += len(block)
			for _, p := range block {
				bytes += len(p.Key) + len(p.Data)
			}
		}
		blocks := len(x.manifest("tea"))
		t.Logf("in batches of %d: %d blocks, %d pieces, %d bytes for each document, %.1f pieces written for each", batch, blocks, pieces, bytes/n, float64(x.written)/n)
		if blocks > 10 || bytes/n > 40 || float64(x.written)/n > 5 {
			t.Error("that is too much")
		}
		ask := func(word string) int {
			x.asked = 0
			if got := x.mustFind(ports.FindQuery{Rooms: []chat.RoomID{"tea"}, All: []ports.SearchTerm{{Token: word}}, Limit: 20}); got == 0 {
				t.Error("nothing is found")
			}
			return x.asked
		}
		if rare, common := ask("rare"), ask("w0"); rare > blocks || common > 3 {
			t.Errorf("a rare word costs %d pieces and a common one %d", rare, common)
		}
	}
}

func TestRowsThatAreDamagedAreAnErrorAndNoCrash(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	x.index("tea", finding.Doc{Seq: 1, At: began, Tokens: []string{"cup", "tea"}})
	whole := x.pieces["tea"][1]
	find := func() error {
		q := ports.FindQuery{Rooms: []chat.RoomID{"tea"}, All: []ports.SearchTerm{{Token: "tea"}}, To: began.Add(time.Second), From: began, Limit: 1}
		_, err := finding.Find(context.Background(), x, x.filters, q)
		return err
	}
	if err := find(); err != nil {
		t.Fatal(err)
	}
	for i, p := range whole {
		for n := range len(p.Data) {
			pieces := slices.Clone(whole)
			pieces[i].Data = p.Data[:n]
			x.pieces["tea"][1] = pieces
			if err := find(); err != nil && !errors.Is(err, chat.Internal) {
				t.Errorf("piece %d cut at %d: %v", i, n, err)
			}
			pieces[i].Data = append(slices.Clone(p.Data[:n]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
			if err := find(); err != nil && !errors.Is(err, chat.Internal) {
				t.Errorf("piece %d broken at %d: %v", i, n, err)
			}
		}
	}
	if _, err := finding.ParseManifest([]byte{1, 2}, nil); !errors.Is(err, chat.Internal) {
		t.Errorf("half a manifest: %v", err)
	}
}

// A node of the release before writes no filters and no notes. Each write of a room gives one of
// its blocks what it lacks, and takes the filters of blocks away that are gone.
func TestBlocksOfTheReleaseBeforeGetWhatTheyLack(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	r := rand.New(rand.NewPCG(1, 2))
	seq := chat.Seq(0)
	write := func(n int) {
		var docs []finding.Doc
		for range n {
			seq++
			docs = append(docs, finding.Doc{Seq: seq, At: began.Add(time.Duration(seq) * time.Second), Tokens: append(words(r, 8), fmt.Sprint("n", seq))})
		}
		x.index("tea", docs...)
	}
	for _, x.old = range []bool{true, false, true} {
		for _, n := range []int{2000, 200, 20} {
			write(n)
		}
	}
	x.old = false
	lacking := func() (n int) {
		for _, b := range x.manifest("tea") {
			if !b.Apart && b.Filter == nil || b.Noted == nil {
				n++
			}
		}
		return n
	}
	if lacking() == 0 {
		t.Fatal("no block lacks anything")
	}
	for n := lacking(); n > 0; n-- {
		write(1)
		if is := lacking(); is >= n {
			t.Errorf("%d blocks lack something, before it were %d", is, n)
		}
	}
	write(3000) // all are merged
	if m := x.manifest("tea"); len(m.Apart()) != len(x.apart) {
		t.Errorf("the blocks %v have filters in rows of their own, there are %d", m.Apart(), len(x.apart))
	}
}
