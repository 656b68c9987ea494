package finding

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Block describes a block of a room.
type Block struct {
	ID              int64
	First, Last     chat.Seq // the first and the last of its documents
	FirstAt, LastAt time.Time
	Size            int    // how many tokens its documents have together
	Filter          Filter // nil if there is none, or if it is a row of its own
	Apart           bool   // there is a filter, and it is a row of its own
	Noted           []byte // when some of its messages were made: see notes; nil: that is not known
}

// Manifest lists the blocks of a room, in the order of their seqs.
type Manifest []Block

// Bytes encodes a manifest without its filters.
func (m Manifest) Bytes() (data []byte) {
	for i := range m {
		b := &m[i]
		for _, n := range []int64{b.ID, int64(b.First), int64(b.Last), b.FirstAt.UnixMicro(), b.LastAt.UnixMicro(), int64(b.Size)} {
			data = binary.AppendVarint(data, n)
		}
	}
	return data
}

// Beside encodes the rest: which blocks have filters, those filters that are not rows of their own,
// and the notes of blocks. A node that does not know it writes blocks, and leaves this as it is. So
// each part names its block. A node that knows filters only passes over notes, as no block has a
// negative id.
func (m Manifest) Beside() (data []byte) {
	add := func(id int64, b *Block, part []byte) {
		for _, n := range []int64{id, int64(b.Last), int64(b.Size), int64(len(part))} {
			data = binary.AppendVarint(data, n)
		}
		data = append(data, part...)
	}
	for i := range m {
		b := &m[i]
		if b.Filter != nil || b.Apart {
			add(b.ID, b, b.Filter)
		}
		if b.Noted != nil {
			add(-b.ID, b, b.Noted)
		}
	}
	return data
}

// Apart returns the blocks whose filters are rows of their own.
func (m Manifest) Apart() (ids []int64) {
	for i := range m {
		if m[i].Apart {
			ids = append(ids, m[i].ID)
		}
	}
	return ids
}

// ParseManifest decodes a manifest and what is beside it. It keeps beside.
func ParseManifest(blocks, beside []byte) (Manifest, error) {
	return Manifest(nil).parse(blocks, beside)
}

// parse appends the blocks of a manifest to m.
func (m Manifest) parse(data, beside []byte) (_ Manifest, err error) {
	for len(data) > 0 {
		var ns [6]int64
		if data, err = varints(data, ns[:]); err != nil {
			return nil, err
		}
		m = append(m, Block{
			ID: ns[0], First: chat.Seq(ns[1]), Last: chat.Seq(ns[2]), Size: int(ns[5]),
			FirstAt: time.UnixMicro(ns[3]).UTC(), LastAt: time.UnixMicro(ns[4]).UTC(),
		})
	}
	for len(beside) > 0 {
		var ns [4]int64
		if beside, err = varints(beside, ns[:]); err != nil {
			return nil, err
		}
		n := ns[3]
		if n < 0 || n > int64(len(beside)) {
			return nil, errDamaged
		}
		m.put(ns[0], chat.Seq(ns[1]), int(ns[2]), beside[:n:n])
		beside = beside[n:]
	}
	return m, nil
}

// put gives a block a part of what is beside the manifest, unless there is no such block any more.
func (m Manifest) put(id int64, last chat.Seq, size int, part []byte) {
	i := slices.IndexFunc(m, func(b Block) bool { return (b.ID == id || b.ID == -id) && b.Last == last && b.Size == size })
	switch {
	case i < 0:
	case id < 0:
		m[i].Noted = part
	default:
		if m[i].Apart = len(part) == 0; !m[i].Apart {
			m[i].Filter = part
		}
	}
}

// varints decodes numbers, and returns what comes after them.
func varints(data []byte, into []int64) ([]byte, error) {
	for i := range into {
		n, width := binary.Varint(data)
		if width <= 0 {
			return nil, errDamaged
		}
		into[i], data = n, data[width:]
	}
	return data, nil
}

// moment is when a message was made. In a room, later seqs never have earlier times.
type moment struct {
	seq chat.Seq
	at  time.Time
}

// noted is the distance in seqs at which times of messages are noted.
const noted = 32

// thin removes moments that come soon after one that is kept. The first and the last are kept.
func thin(all []moment) (few []moment) {
	for i, m := range all {
		if len(few) == 0 || i == len(all)-1 || m.seq-few[len(few)-1].seq >= noted {
			few = append(few, m)
		}
	}
	return few
}

// around returns the moments that enclose the seqs from first to last.
func around(all []moment, first, last chat.Seq) []moment {
	from, exact := slices.BinarySearchFunc(all, first, moment.to)
	if !exact && from > 0 {
		from--
	}
	to, _ := slices.BinarySearchFunc(all, last, moment.to)
	return all[from:min(to+1, len(all))]
}

func (m moment) to(seq chat.Seq) int { return cmp.Compare(m.seq, seq) }

// notes encodes some of a block's moments: all of the newest seqs, and of older ones fewer, the
// further back they are. They are kept beside the manifest. So the time of a new message is known
// without a look at another row, and that of an older one is known about.
func notes(all []moment) []byte {
	var few []moment
	end := all[len(all)-1].seq
	for i, m := range slices.Backward(all) {
		if len(few) == 0 || i == 0 || few[len(few)-1].seq-m.seq >= (end-m.seq-notedAll)/notedShare {
			few = append(few, m)
		}
	}
	slices.Reverse(few)
	return encoded(few)
}

// Of the newest notedAll seqs of a block, all times are noted. Then there is a time for each part
// of 1/notedShare of the way back.
const notedAll, notedShare = 24, 4

// encoded encodes moments.
func encoded(all []moment) (data []byte) {
	var seq chat.Seq
	var at int64
	for _, m := range all {
		data = binary.AppendUvarint(data, uint64(m.seq-seq))
		data = binary.AppendVarint(data, m.at.UnixMicro()-at)
		seq, at = m.seq, m.at.UnixMicro()
	}
	return data
}

// moments decodes moments.
func moments(data []byte) ([]moment, error) {
	n := 0
	for _, b := range data {
		n += int(^b >> 7) // numbers end with a byte below 0x80, and a moment has two
	}
	all := make([]moment, 0, n/2)
	var seq chat.Seq
	var at int64
	for len(data) > 0 {
		step, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, errDamaged
		}
		later, width := binary.Varint(data[n:])
		if width <= 0 {
			return nil, errDamaged
		}
		data = data[n+width:]
		seq, at = seq+chat.Seq(step), at+later
		all = append(all, moment{seq, time.UnixMicro(at).UTC()})
	}
	return all, nil
}

// content is what a block contains.
type content struct {
	postings []posting // in the order of their tokens
	moments  []moment  // in the order of their seqs
}

// contentOf decodes a block.
func contentOf(pieces []Piece, base chat.Seq) (c content, err error) {
	for _, p := range pieces {
		if bytes.Equal(p.Key, lastKey) {
			c.moments, err = moments(p.Data)
		} else {
			c.postings, err = p.all(base, c.postings)
		}
		if err != nil {
			return content{}, err
		}
	}
	return c, nil
}

// inverted makes postings of documents, which are in the order of their seqs.
func inverted(docs []Doc) (c content) {
	at := map[string]int{}
	for _, d := range docs {
		c.moments = append(c.moments, moment{d.Seq, d.At})
		for _, token := range d.Tokens {
			i, ok := at[token]
			if !ok {
				i = len(c.postings)
				at[token], c.postings = i, append(c.postings, posting{token: token})
			}
			c.postings[i].seqs = append(c.postings[i].seqs, d.Seq)
		}
	}
	slices.SortFunc(c.postings, func(a, b posting) int { return strings.Compare(a.token, b.token) })
	return c
}

// without removes documents, and reports whether some of them were there. The seqs are ascending.
// It changes c.
func (c content) without(seqs []chat.Seq) (left content, some bool) {
	gone := func(seq chat.Seq) bool {
		_, ok := slices.BinarySearch(seqs, seq)
		some = some || ok
		return ok
	}
	for i := range c.postings {
		c.postings[i].seqs = slices.DeleteFunc(c.postings[i].seqs, gone)
	}
	c.postings = slices.DeleteFunc(c.postings, func(p posting) bool { return len(p.seqs) == 0 })
	return c, some
}

// with joins the content of two blocks. No document is in both.
func (c content) with(other content) (sum content) {
	a, b := c.postings, other.postings
	sum.postings = make([]posting, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch n := strings.Compare(a[0].token, b[0].token); {
		case n < 0:
			sum.postings, a = append(sum.postings, a[0]), a[1:]
		case n > 0:
			sum.postings, b = append(sum.postings, b[0]), b[1:]
		default:
			sum.postings = append(sum.postings, posting{a[0].token, joined(a[0].seqs, b[0].seqs, func(s chat.Seq) chat.Seq { return s })})
			a, b = a[1:], b[1:]
		}
	}
	sum.postings = append(append(sum.postings, a...), b...)
	sum.moments = joined(c.moments, other.moments, func(m moment) chat.Seq { return m.seq })
	return sum
}

// joined merges two lists that are in the order of their seqs. A seq that is in both is kept once.
func joined[T any](a, b []T, seq func(T) chat.Seq) []T {
	if len(a) == 0 || len(b) == 0 || seq(a[len(a)-1]) < seq(b[0]) {
		return append(slices.Clip(a), b...)
	}
	all := append(slices.Clip(a), b...)
	slices.SortStableFunc(all, func(a, b T) int { return int(seq(a) - seq(b)) })
	return slices.CompactFunc(all, func(a, b T) bool { return seq(a) == seq(b) })
}

// size returns how many tokens the documents have together.
func (c content) size() (n int) {
	for _, p := range c.postings {
		n += len(p.seqs)
	}
	return n
}

// split splits the content at a seq: documents below it, and the others.
func (c content) split(at chat.Seq) (below, above content) {
	for _, p := range c.postings {
		i, _ := slices.BinarySearch(p.seqs, at)
		if i > 0 {
			below.postings = append(below.postings, posting{p.token, p.seqs[:i]})
		}
		if i < len(p.seqs) {
			above.postings = append(above.postings, posting{p.token, p.seqs[i:]})
		}
	}
	below.moments, above.moments = c.moments, c.moments
	return below, above
}

// pieces encodes the content. A tiny block keeps all of its moments.
func (c content) pieces(base chat.Seq, tiny bool) []Piece {
	few := c.moments
	if !tiny {
		few = thin(few)
	}
	return append(cut(c.postings, base), Piece{Key: lastKey, Data: encoded(few)})
}
