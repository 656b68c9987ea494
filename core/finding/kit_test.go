package finding_test

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/finding"
	"github.com/parley-chat/parley/ports"
)

// table keeps the rows of an index as a store does, and beside them the documents themselves.
type table struct {
	t         testing.TB
	manifests map[chat.RoomID][]byte
	beside    map[chat.RoomID][]byte // the filters of the manifests
	pieces    map[chat.RoomID]map[int64][]finding.Piece
	apart     map[finding.BlockPlace]finding.Filter
	filters   *finding.Filters
	old       bool // it is written by a node of the release before, which knows no filters
	docs      map[chat.RoomID]map[chat.Seq]finding.Doc
	times     map[finding.Place]time.Time

	asked, written int // pieces
	spent          spent
}

// spent is what a search asks of a store.
type spent struct{ statements, filters, blocks, times int }

func newTable(t testing.TB) *table {
	t.Helper()
	return &table{
		t: t, manifests: map[chat.RoomID][]byte{}, beside: map[chat.RoomID][]byte{},
		pieces: map[chat.RoomID]map[int64][]finding.Piece{}, apart: map[finding.BlockPlace]finding.Filter{}, filters: new(finding.Filters),
		docs: map[chat.RoomID]map[chat.Seq]finding.Doc{}, times: map[finding.Place]time.Time{},
	}
}

func (x *table) manifest(room chat.RoomID) finding.Manifest {
	m, err := finding.ParseManifest(x.manifests[room], x.beside[room])
	if err != nil {
		x.t.Fatal(err)
	}
	return m
}

// index has documents found.
func (x *table) index(room chat.RoomID, docs ...finding.Doc) {
	x.t.Helper()
	if x.docs[room] == nil {
		x.docs[room], x.pieces[room] = map[chat.Seq]finding.Doc{}, map[int64][]finding.Piece{}
	}
	manifest := x.manifest(room)
	if x.old {
		manifest, _ = finding.ParseManifest(x.manifests[room], nil)
	}
	plan := finding.NewPlan(manifest, docs)
	loaded := map[int64][]finding.Piece{}
	for _, id := range plan.Needs() {
		loaded[id] = x.pieces[room][id]
	}
	change, err := plan.Change(loaded)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, id := range change.Dropped {
		delete(x.pieces[room], id)
	}
	for _, made := range change.Made {
		if x.pieces[room][made.ID] != nil {
			x.t.Fatalf("block %d is made twice", made.ID)
		}
		x.pieces[room][made.ID] = made.Pieces
		x.written += len(made.Pieces)
	}
	x.manifests[room] = change.Manifest.Bytes()
	if !x.old {
		x.filter(room, &change)
	}
	for _, d := range docs {
		x.docs[room][d.Seq] = d
		x.times[finding.Place{Room: room, Seq: d.Seq}] = d.At
	}
}

// filter saves what a change says of filters.
func (x *table) filter(room chat.RoomID, change *finding.Change) {
	x.beside[room] = change.Manifest.Beside()
	for _, f := range change.Filters {
		x.apart[finding.BlockPlace{Room: room, Block: f.ID}] = f.Filter
	}
	if change.Sweeps {
		stay := change.Manifest.Apart()
		maps.DeleteFunc(x.apart, func(p finding.BlockPlace, _ finding.Filter) bool {
			return p.Room == room && !slices.Contains(stay, p.Block)
		})
	}
}

// Filters implements finding.Rows.
func (x *table) Filters(_ context.Context, blocks []finding.BlockPlace) ([]finding.Filter, error) {
	x.spent.statements++
	x.spent.filters += len(blocks)
	all := make([]finding.Filter, len(blocks))
	for i, b := range blocks {
		if all[i] = x.apart[b]; all[i] == nil {
			x.t.Errorf("the filter of %v is missing", b)
		}
	}
	return all, nil
}

// Manifests implements finding.Rows.
func (x *table) Manifests(_ context.Context, q *ports.FindQuery, tell func(room chat.RoomID, blocks, beside []byte) error) error {
	x.spent.statements++
	for _, room := range q.Rooms {
		if err := lent(func(b [][]byte) error { return tell(room, b[0], b[1]) }, x.manifests[room], x.beside[room]); err != nil {
			return err
		}
	}
	return nil
}

// lent lends copies of bytes, and spoils them afterwards.
func lent(to func([][]byte) error, bytes ...[]byte) error {
	for i := range bytes {
		bytes[i] = slices.Clone(bytes[i])
	}
	defer func() {
		for _, b := range bytes {
			for i := range b {
				b[i] = 0xee
			}
		}
	}()
	return to(bytes)
}

// Pieces implements finding.Rows.
func (x *table) Pieces(_ context.Context, blocks []finding.BlockPlace, from, to []byte, tell func(block int, data []byte) error) error {
	x.spent.statements++
	x.spent.blocks += len(blocks)
	for i, b := range blocks {
		pieces := slices.Clone(x.pieces[b.Room][b.Block])
		slices.SortFunc(pieces, func(a, b finding.Piece) int { return bytes.Compare(a.Key, b.Key) })
		for j, p := range pieces {
			last := bytes.Compare(p.Key, from) <= 0 && (j+1 == len(pieces) || bytes.Compare(pieces[j+1].Key, from) > 0)
			if last || bytes.Compare(p.Key, from) > 0 && bytes.Compare(p.Key, to) < 0 {
				x.asked++
				if err := lent(func(b [][]byte) error { return tell(i, b[0]) }, p.Data); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Times implements finding.Rows.
func (x *table) Times(_ context.Context, places []finding.Place) ([]time.Time, error) {
	x.spent.statements++
	x.spent.times += len(places)
	all := make([]time.Time, len(places))
	for i, p := range places {
		all[i] = x.times[p]
	}
	return all, nil
}

// wants is what a query finds by going through all documents.
func (x *table) wants(q ports.FindQuery) (found []ports.FoundMessage) {
	for _, room := range q.Rooms {
		for _, d := range x.docs[room] {
			has := func(t ports.SearchTerm) bool {
				return slices.ContainsFunc(d.Tokens, func(token string) bool {
					return token == t.Token || t.Prefix && strings.HasPrefix(token, t.Token)
				})
			}
			m := ports.FoundMessage{Room: room, Seq: d.Seq, At: d.At}
			if slices.ContainsFunc(q.All, func(t ports.SearchTerm) bool { return !has(t) }) || slices.ContainsFunc(q.None, has) ||
				m.At.Before(q.From) || !q.To.IsZero() && !m.At.Before(q.To) || q.Before != nil && newestFirst(m, *q.Before) <= 0 {
				continue
			}
			found = append(found, m)
		}
	}
	slices.SortFunc(found, newestFirst)
	return found[:min(len(found), q.Limit)]
}

func newestFirst(a, b ports.FoundMessage) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Room, a.Room), cmp.Compare(b.Seq, a.Seq))
}

// mustFind fails the test unless a query finds what is there.
func (x *table) mustFind(q ports.FindQuery) int {
	x.t.Helper()
	got, err := finding.Find(context.Background(), x, x.filters, q)
	if err != nil {
		x.t.Fatal(err)
	}
	if want := x.wants(q); !slices.Equal(got, want) {
		x.t.Fatalf("%+v finds\n%v\nwant\n%v", q, got, want)
	}
	return len(got)
}
