package finding

import (
	"cmp"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Sizes of blocks, in tokens.
const (
	tiny  = 256     // a block as small as this is merged in any case
	full  = 100_000 // no merged block gets larger than this
	ratio = 8       // a block is at least so many times as large as the next one
)

// Doc is what a message is found by.
type Doc struct {
	Seq    chat.Seq
	At     time.Time // when the message was made
	Tokens []string  // each once; none: the message is not found any more
}

// inline is the max size in bytes of a filter that is stored beside its manifest. PostgreSQL stores
// a row of up to 2 KB as it is.
const inline = 256

// Plan says how documents are put into the index of a room.
type Plan struct {
	manifest Manifest
	groups   []group
	bare     int // index of a block that stays and gets what it lacks; -1: none
}

// group is a run of blocks that become one new block, with the documents that are put into it.
type group struct {
	from, to int // the blocks manifest[from:to]
	docs     []Doc
}

// NewPlan plans how documents are put into a room's index. No two of them are of the same message.
func NewPlan(m Manifest, docs []Doc) Plan {
	docs = slices.SortedFunc(slices.Values(docs), func(a, b Doc) int { return cmp.Compare(a.Seq, b.Seq) })
	p := Plan{manifest: m, bare: -1}
	size := 0
	for len(docs) > 0 && (len(m) == 0 || docs[len(docs)-1].Seq > m[len(m)-1].Last) {
		last := docs[len(docs)-1]
		docs = docs[:len(docs)-1]
		if len(last.Tokens) == 0 {
			continue // nothing finds it
		}
		if len(p.groups) == 0 {
			p.groups = []group{{from: len(m), to: len(m)}}
		}
		p.groups[0].docs = append(p.groups[0].docs, last)
		size += len(last.Tokens)
	}
	if size > 0 {
		end := &p.groups[0]
		slices.Reverse(end.docs)
		for end.from > 0 {
			before := m[end.from-1].Size
			if before+size > full || before > tiny && before > ratio*size {
				break
			}
			size += before
			end.from--
		}
	}
	for _, d := range docs {
		i, _ := slices.BinarySearchFunc(m, d.Seq, func(b Block, seq chat.Seq) int { return cmp.Compare(b.Last, seq) })
		p.groups = into(p.groups, i, d)
	}
	for i := range m {
		if b := &m[i]; b.bare() && !p.changes(i) && (p.bare < 0 || b.Size > m[p.bare].Size) {
			p.bare = i
		}
	}
	return p
}

// bare reports whether a block lacks what is beside the manifest.
func (b *Block) bare() bool { return !b.Apart && b.Filter == nil || b.Noted == nil }

// changes reports whether a block is written again.
func (p Plan) changes(i int) bool {
	return slices.ContainsFunc(p.groups, func(g group) bool { return g.from <= i && i < g.to })
}

// into puts a document into a block.
func into(groups []group, i int, d Doc) []group {
	for g := range groups {
		if groups[g].from <= i && i < groups[g].to {
			groups[g].docs = append(groups[g].docs, d)
			return groups
		}
	}
	return append(groups, group{from: i, to: i + 1, docs: []Doc{d}})
}

// Needs returns the blocks whose pieces Change needs.
func (p Plan) Needs() (ids []int64) {
	for _, g := range p.groups {
		for _, b := range p.manifest[g.from:g.to] {
			ids = append(ids, b.ID)
		}
	}
	if p.bare >= 0 {
		ids = append(ids, p.manifest[p.bare].ID)
	}
	return ids
}

// Change is what a store must save.
type Change struct {
	Manifest Manifest
	Dropped  []int64 // blocks whose pieces are to be deleted
	Made     []Made
	Filters  []Filtered // rows to be written
	Sweeps   bool       // rows of filters are to be deleted: those of all blocks but Manifest.Apart
	filled   bool       // a block that stays got what it lacked
}

// Made is a new block.
type Made struct {
	ID     int64
	Pieces []Piece
}

// Filtered is a block with its filter, which is a row of its own.
type Filtered struct {
	ID     int64
	Filter Filter
}

// Empty reports whether there is nothing to save.
func (c *Change) Empty() bool { return len(c.Dropped)+len(c.Made) == 0 && !c.filled }

// Change carries out the plan on the pieces of the blocks that it needs. If nothing changes,
// nothing is dropped and nothing is made. A block that a node of an earlier release made may lack a
// filter and notes: each change gives them to one such block.
func (p Plan) Change(pieces map[int64][]Piece) (c Change, err error) {
	id := int64(0)
	for _, b := range p.manifest {
		id = max(id, b.ID)
	}
	c.Manifest = slices.Clone(p.manifest)
	if p.bare >= 0 {
		b := &c.Manifest[p.bare]
		is, err := contentOf(pieces[b.ID], b.First)
		if err != nil {
			return c, err
		}
		c.filled = true
		c.beside(b, is)
	}
	for _, g := range p.groups {
		blocks := p.manifest[g.from:g.to]
		sum, changed, err := g.content(blocks, pieces)
		if err != nil {
			return c, err
		}
		if !changed {
			continue
		}
		for _, b := range blocks {
			c.Dropped = append(c.Dropped, b.ID)
			c.Sweeps = c.Sweeps || b.Apart
		}
		c.Manifest = slices.DeleteFunc(c.Manifest, func(b Block) bool { return slices.Contains(c.Dropped, b.ID) })
		for _, part := range parts(sum) {
			id++
			c.make(id, part)
		}
	}
	slices.SortFunc(c.Manifest, func(a, b Block) int { return cmp.Compare(a.Last, b.Last) })
	return c, nil
}

// content returns the new content of a group's block, and whether it differs from what was there
// before.
func (g group) content(blocks []Block, pieces map[int64][]Piece) (sum content, changed bool, err error) {
	for _, b := range blocks {
		c, err := contentOf(pieces[b.ID], b.First)
		if err != nil {
			return sum, false, err
		}
		sum = sum.with(c)
	}
	seqs, found := make([]chat.Seq, len(g.docs)), g.docs[:0:0]
	for i, d := range g.docs {
		seqs[i] = d.Seq
		if len(d.Tokens) > 0 {
			found = append(found, d)
		}
	}
	slices.Sort(seqs)
	sum, changed = sum.without(seqs)
	changed = changed || len(found) > 0
	slices.SortFunc(found, func(a, b Doc) int { return cmp.Compare(a.Seq, b.Seq) })
	return sum.with(inverted(found)), changed, nil
}

// parts splits content that is too large for a block. Only documents that come late can make it so
// large.
func parts(c content) []content {
	if c.size() == 0 {
		return nil
	}
	first, last := c.ends()
	if c.size() <= 2*full || first == last {
		return []content{c}
	}
	below, above := c.split(first + (last-first)/2 + 1)
	return append(parts(below), parts(above)...)
}

// ends returns the first and the last seq of all documents.
func (c content) ends() (first, last chat.Seq) {
	first = chat.MaxSeq
	for _, p := range c.postings {
		first, last = min(first, p.seqs[0]), max(last, p.seqs[len(p.seqs)-1])
	}
	return first, last
}

// make adds a new block.
func (c *Change) make(id int64, of content) {
	first, last := of.ends()
	b := Block{ID: id, First: first, Last: last, Size: of.size()}
	of.moments = around(of.moments, first, last)
	b.FirstAt, b.LastAt = of.moments[0].at, of.moments[len(of.moments)-1].at
	c.beside(&b, of)
	c.Manifest = append(c.Manifest, b)
	c.Made = append(c.Made, Made{ID: id, Pieces: of.pieces(first, b.Size <= tiny)})
}

// beside gives a block its notes and its filter.
func (c *Change) beside(b *Block, of content) {
	b.Noted = notes(of.moments)
	f := filterOf(of.postings)
	if b.Apart = len(f) > inline; b.Apart {
		c.Filters = append(c.Filters, Filtered{b.ID, f})
	} else {
		b.Filter = f
	}
}
