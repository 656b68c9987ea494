package wire

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/parley-chat/parley/core/chat"
)

// What clients send is I-JSON (RFC 7493), so that every parser reads it, and reads the same: no
// half of a surrogate pair, no number beyond what a double holds, no name twice in one object.
// Beyond it, no name has U+0000, and meta nests within MaxMetaDepth and has none in its texts
// either: readers' parsers and databases have such limits. Noncharacters (U+FFFE and the like) are
// let pass: Unicode allows them in exchange since its Corrigendum 9, and they harm no parser.

// MaxMetaDepth is how many objects and arrays a meta may have inside one another, itself included.
const MaxMetaDepth = 32

// flaw is why a JSON text is not taken although it is JSON.
type flaw uint8

const (
	flawNone      flaw = iota
	flawEncoding       // not UTF-8
	flawSurrogate      // half of a surrogate pair
	flawNumber         // a number that a double does not hold
	flawTwice          // two members of a name
	flawNUL            // U+0000 in a name
	flawDepth          // deeper than maxDepth
)

var flawTexts = [...]string{
	flawEncoding:  "%s must be UTF-8",
	flawSurrogate: "%s must be Unicode text: there is half of a surrogate pair in it",
	flawNumber:    "%s must have numbers that a double holds only (IEEE 754, 64 bits)",
	flawTwice:     "%s must not have two members of one name",
	flawNUL:       "%s must not have U+0000 in the name of a member",
}

// findings are what was found in a text, or in a part of it.
type findings struct {
	flaw    flaw  // the first
	inName  bool  // the flaw is in the name of the member itself
	nul     bool  // U+0000 is in a text of it
	deepest uint8 // of the objects and arrays, counted from the text's outermost, one beyond maxDepth at most; 0 where there are none
}

func (f *findings) note(found flaw) {
	if f.flaw == flawNone {
		f.flaw = found
	}
}

// check says what is wrong with a member of a client's object, which is called what.
func (v *value) check(name []byte, what string) *chat.Error {
	switch {
	case v.flaw == flawNone:
		return nil
	case v.flaw == flawDepth:
		if string(name) == "meta" {
			return errDeepMeta
		}
		return chat.Errorf(chat.BadRequest, "%s must not nest deeper than %d levels", what, maxDepth)
	case v.inName && v.flaw == flawTwice:
		return chat.Errorf(chat.Invalid, "%.64s must not be there twice", name)
	case v.inName:
		return chat.Errorf(chat.Invalid, flawTexts[v.flaw], "the name of a member")
	}
	return chat.Errorf(chat.Invalid, flawTexts[v.flaw], string(name[:min(len(name), 64)]))
}

var (
	errDeepMeta = chat.Errorf(chat.Invalid, "meta must not nest deeper than %d levels", MaxMetaDepth)
	errNULMeta  = chat.Errorf(chat.Invalid, "meta must not have the character U+0000")
	errMetaSize = chat.Errorf(chat.Invalid, "meta must have at most %d bytes", chat.MaxMetaBytes)
)

// checkMeta says what is wrong with an object that is to be meta, and in which check has found
// nothing; depth is what it lies in.
func (v *value) checkMeta(depth int) *chat.Error {
	switch {
	case len(v.raw) > chat.MaxMetaBytes:
		return errMetaSize
	case int(v.deepest) > depth+MaxMetaDepth:
		return errDeepMeta
	case v.nul:
		return errNULMeta
	}
	return nil
}

// GoodMeta reports whether a meta is as clients may send it: a store may hold some that were taken
// before that was looked at, and that not every reader's parser would survive. It allocates nothing
// for what has no more than 24 members in all.
func GoodMeta(meta []byte) bool {
	s := &scanner{data: meta}
	v := s.value(0)
	if s.bad || s.pos < len(meta) || v.kind != kindObject || s.flaw != flawNone {
		return false
	}
	v.findings = s.findings
	return v.checkMeta(0) == nil
}

// siblings are the names that an object has had so far: those in the scanner from first on, and
// once they are many, all of them here.
type siblings struct {
	first int
	many  map[string]struct{}
}

const (
	fewNames    = 24 // cost no memory of the heap
	fewSiblings = 16 // are looked through quicker than a map
)

// again notes the name that stands at a place, and reports whether its object has had it.
func (s *scanner) again(seen *siblings, at span) bool {
	if seen.many == nil {
		for _, other := range s.names[seen.first:s.named] {
			if s.same(at, other) {
				return true
			}
		}
		if s.named < fewNames && s.named-seen.first < fewSiblings {
			s.names[s.named] = at
			s.named++
			return false
		}
		seen.many = map[string]struct{}{}
		for _, other := range s.names[seen.first:s.named] {
			seen.many[string(bare(s.text(other)))] = struct{}{}
		}
	}
	name := bare(s.text(at))
	if _, had := seen.many[string(name)]; had {
		return true
	}
	seen.many[string(name)] = struct{}{}
	return false
}

func (s *scanner) text(at span) []byte { return s.data[at.from:at.to] }

// same reports whether two names are the same one, however they are escaped.
func (s *scanner) same(a, b span) bool {
	if !a.escaped && !b.escaped {
		return bytes.Equal(s.text(a), s.text(b))
	}
	return bytes.Equal(bare(s.text(a)), bare(s.text(b)))
}

// held reports whether a double holds a number of JSON's grammar, rounded: it is not beyond the
// largest, and does not become zero unless it is zero. A zero with a huge exponent is not held
// either: databases refuse it.
func held(raw []byte) bool {
	const sure = 300 // digits: without an exponent, neither end is near
	e := bytes.IndexAny(raw, "eE")
	if e < 0 && len(raw) <= sure {
		return true
	}
	mantissa, exponent := raw, []byte(nil)
	if e >= 0 {
		mantissa, exponent = raw[:e], raw[e+1:]
	}
	if !bytes.ContainsAny(mantissa, "123456789") {
		return len(bytes.TrimLeft(exponent, "+-0")) <= 3
	}
	number, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && number != 0
}

// integer returns the whole number that v is, however it is written: some languages have no other
// numbers than doubles, and write 5 as 5.0 or 5e0. What has a fraction is none, nor what has too
// many digits for any seq.
func (v *value) integer() (int64, bool) {
	raw := v.raw
	if bytes.ContainsAny(raw, ".eE") {
		var ok bool
		if raw, ok = plain(raw); !ok {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}

// plain writes a number with digits only.
func plain(raw []byte) ([]byte, bool) {
	const most = 16 // digits of 2^53
	raw, exponent, _ := bytes.Cut(bytes.ToLower(raw), []byte("e"))
	raw, sign := bytes.CutPrefix(raw, []byte("-"))
	whole, fraction, _ := bytes.Cut(raw, []byte("."))
	power := 0
	if len(exponent) > 0 {
		var err error
		if power, err = strconv.Atoi(string(exponent)); err != nil {
			return nil, false
		}
	}
	power -= len(fraction)
	digits := bytes.TrimLeft(slices.Concat(whole, fraction), "0")
	if len(digits) == 0 {
		return []byte("0"), true
	}
	for power < 0 && digits[len(digits)-1] == '0' {
		digits, power = digits[:len(digits)-1], power+1
	}
	if power < 0 || power > most || len(digits)+power > most {
		return nil, false
	}
	digits = append(digits, bytes.Repeat([]byte("0"), power)...)
	if sign {
		digits = slices.Insert(digits, 0, '-')
	}
	return digits, true
}
