package finding

import (
	"encoding/binary"
	"slices"

	"github.com/parley-chat/parley/core/chat"
)

// pieceBytes is the size of a piece, unless the piece has only one token. Four pieces fit into a
// page of SQLite, and one into a row that PostgreSQL stores without compression.
const pieceBytes = 900

// Piece is a row of a block: tokens with the seqs of their documents. Its key is its first token.
// The piece with the last key has the times of some documents instead.
type Piece struct {
	Key, Data []byte
}

// lastKey comes after all tokens: no text in UTF-8 has this byte.
var lastKey = []byte{0xff}

// posting is a token with the documents that have it.
type posting struct {
	token string
	seqs  []chat.Seq // ascending
}

var errDamaged = chat.Errorf(chat.Internal, "the search index is damaged: index the messages again")

// appendPosting encodes a posting. before is the token of the posting before it. Seqs are relative
// to base.
func appendPosting(data []byte, before string, p posting, base chat.Seq) []byte {
	shared := 0
	for shared < min(len(before), len(p.token)) && before[shared] == p.token[shared] {
		shared++
	}
	data = binary.AppendUvarint(data, uint64(shared))
	data = binary.AppendUvarint(data, uint64(len(p.token)-shared))
	data = append(data, p.token[shared:]...)
	data = binary.AppendUvarint(data, uint64(len(p.seqs)))
	for _, seq := range p.seqs {
		data = binary.AppendUvarint(data, uint64(seq-base))
		base = seq
	}
	return data
}

// cut encodes postings as pieces. They are in the order of their tokens.
func cut(all []posting, base chat.Seq) (pieces []Piece) {
	var data, next []byte
	var key, before string
	for _, p := range all {
		if next = appendPosting(next[:0], before, p, base); len(data) > 0 && len(data)+len(next) > pieceBytes {
			pieces = append(pieces, Piece{[]byte(key), slices.Clone(data)})
			data, next = data[:0], appendPosting(next[:0], "", p, base)
		}
		if len(data) == 0 {
			key = p.token
		}
		data, before = append(data, next...), p.token
	}
	return append(pieces, Piece{[]byte(key), data})
}

// reader decodes a piece.
type reader struct {
	data   []byte
	token  []byte
	damage bool
}

func (r *reader) number() uint64 {
	if len(r.data) > 0 && r.data[0] < 0x80 { // most numbers have one byte
		n := r.data[0]
		r.data = r.data[1:]
		return uint64(n)
	}
	n, width := binary.Uvarint(r.data)
	if width <= 0 {
		r.damage, r.data = true, nil
		return 0
	}
	r.data = r.data[width:]
	return n
}

// next goes on to the next token, and reports whether there is one. After it, seqs must be called.
func (r *reader) next() bool {
	if len(r.data) == 0 || r.damage {
		return false
	}
	shared, more := r.number(), r.number()
	if shared > uint64(len(r.token)) || more > uint64(len(r.data)) {
		r.damage = true
		return false
	}
	r.token = append(r.token[:shared], r.data[:more]...)
	r.data = r.data[more:]
	return true
}

// seqs decodes the seqs of a token. If they are not wanted, it skips them.
func (r *reader) seqs(base chat.Seq, into []chat.Seq, wanted bool) []chat.Seq {
	n := r.number()
	if n > uint64(len(r.data)) { // each takes at least one byte
		r.damage = true
		return into
	}
	if !wanted {
		r.pass(n)
		return into
	}
	into = slices.Grow(into, int(n))
	for range n {
		base += chat.Seq(r.number())
		into = append(into, base)
	}
	return into
}

// pass skips n numbers. The last byte of each number is below 0x80.
func (r *reader) pass(n uint64) {
	i := 0
	for ; n > 0 && i < len(r.data); i++ {
		if r.data[i] < 0x80 {
			n--
		}
	}
	r.data, r.damage = r.data[i:], r.damage || n > 0
}

// all decodes a whole piece. Its tokens share memory, and so do its seqs.
func (p Piece) all(base chat.Seq, into []posting) ([]posting, error) {
	r := reader{data: p.Data}
	var tokens []byte
	var ends []int
	seqs := make([]chat.Seq, 0, len(p.Data)/4)
	for r.next() {
		tokens, seqs = append(tokens, r.token...), r.seqs(base, seqs, true)
		ends = append(ends, len(tokens), len(seqs))
	}
	if r.damage {
		return nil, errDamaged
	}
	text := string(tokens)
	token, seq := 0, 0
	for ; len(ends) > 0; ends = ends[2:] {
		into = append(into, posting{text[token:ends[0]], seqs[seq:ends[1]:ends[1]]})
		token, seq = ends[0], ends[1]
	}
	return into, nil
}

// has appends the seqs of the documents that have a term, in the order of their tokens.
func (p Piece) has(base chat.Seq, t term, into []chat.Seq) ([]chat.Seq, error) {
	r := reader{data: p.Data}
	for r.next() {
		switch t.compare(r.token) {
		case +1: // all later tokens come after it too
			return into, nil
		case 0:
			into = r.seqs(base, into, true)
		default:
			r.seqs(base, nil, false)
		}
	}
	if r.damage {
		return nil, errDamaged
	}
	return into, nil
}
