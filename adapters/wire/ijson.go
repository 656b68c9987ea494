package wire

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/parley-chat/parley/core/chat"
)

// Clients must send I-JSON (RFC 7493), so that every parser can read it, with the same result: no
// half of a surrogate pair, no number that a double cannot hold, no name twice in one object. In
// addition, names must not have U+0000; meta must not have it in its strings either, and must not
// nest deeper than MaxMetaDepth: readers' parsers and databases have such limits. Noncharacters
// (U+FFFE and the like) are accepted: since Corrigendum 9 Unicode allows them in interchange, and
// they harm no parser.

// MaxMetaDepth is how deep objects and arrays may nest in a meta, itself included.
const MaxMetaDepth = 32

// flaw is the reason why a text is refused although it is JSON.
type flaw uint8

const (
	flawNone      flaw = iota
	flawEncoding       // not UTF-8
	flawSurrogate      // half of a surrogate pair
	flawNumber         // a number that a double cannot hold
	flawTwice          // two members of one name
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

// findings are the results of scanning a text, or a part of it.
type findings struct {
	flaw    flaw  // the first
	inName  bool  // the flaw is in the member's own name
	nul     bool  // a string in it has U+0000
	deepest uint8 // how deep objects and arrays nest, up to maxDepth+1
}

func (f *findings) note(found flaw) {
	if f.flaw == flawNone {
		f.flaw = found
	}
}

// check returns what is wrong with a member of a client's object; what names the object in errors.
func (v *value) check(name []byte, what string) *chat.Error {
	switch {
	case v.flaw == flawNone:
		return nil
	case v.flaw == flawDepth:
		if text := string(name); text == "meta" || text == "data" || text == "custom" {
			return tooDeep(text)
		}
		return chat.Errorf(chat.BadRequest, "%s must not nest deeper than %d levels", what, maxDepth)
	case v.inName && v.flaw == flawTwice:
		return chat.Errorf(chat.Invalid, "%.64s must not be there twice", name)
	case v.inName:
		return chat.Errorf(chat.Invalid, flawTexts[v.flaw], "the name of a member")
	}
	return chat.Errorf(chat.Invalid, flawTexts[v.flaw], string(name[:min(len(name), 64)]))
}

var errMetaSize = chat.Errorf(chat.Invalid, "meta must have at most %d bytes", chat.MaxMetaBytes)

// checkMeta returns what is wrong with an object as a meta, after check has passed it; depth is the
// depth of the object that it lies in.
func (v *value) checkMeta(depth int) *chat.Error {
	if len(v.raw) > chat.MaxMetaBytes {
		return errMetaSize
	}
	return v.checkNested("meta", depth)
}

func tooDeep(name string) *chat.Error {
	return chat.Errorf(chat.Invalid, "%s must not nest deeper than %d levels", name, MaxMetaDepth)
}

// checkNested checks JSON that is kept as it was sent, apart from its size. depth is the depth of
// the object that it lies in.
func (v *value) checkNested(name string, depth int) *chat.Error {
	switch {
	case int(v.deepest) > depth+MaxMetaDepth:
		return tooDeep(name)
	case v.nul:
		return chat.Errorf(chat.Invalid, "%s must not have the character U+0000", name)
	}
	return nil
}

// checkData checks a value that is to be set, after check has passed it. depth is the depth of the
// object that it lies in.
func (v *value) checkData(name string, depth int) *chat.Error {
	if len(v.raw) > chat.MaxSetBytes {
		return chat.Errorf(chat.Invalid, "%s must have at most %d bytes", name, chat.MaxSetBytes)
	}
	return v.checkNested(name, depth)
}

// GoodMeta reports whether a meta follows the rules for clients. A store may hold metas that were
// accepted before these rules, and that some readers' parsers cannot read. It allocates nothing if
// the meta has at most 24 members in all.
func GoodMeta(meta []byte) bool {
	s := &scanner{data: meta}
	v := s.value(0)
	if s.bad || s.pos < len(meta) || v.kind != kindObject || s.flaw != flawNone {
		return false
	}
	v.findings = s.findings
	return v.checkMeta(0) == nil
}

// GoodValue reports whether a text is one JSON value as clients may set it.
func GoodValue(text []byte) bool {
	s := &scanner{data: text}
	v := s.value(0)
	if s.bad || s.pos < len(text) || s.flaw != flawNone || len(text) > MaxUnknownBytes {
		return false
	}
	v.findings = s.findings
	return v.checkNested("data", 0) == nil
}

// siblings are the names that an object has had so far: few are kept in the scanner from first on;
// if they become many, all are kept here.
type siblings struct {
	first int
	many  map[string]struct{}
}

const (
	fewNames    = 24 // so many need no heap memory
	fewSiblings = 16 // so many are searched faster than a map
)

// again adds the name at a span, and reports whether its object has had it before.
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

// same reports whether two names are equal, however they are escaped.
func (s *scanner) same(a, b span) bool {
	if !a.escaped && !b.escaped {
		return bytes.Equal(s.text(a), s.text(b))
	}
	return bytes.Equal(bare(s.text(a)), bare(s.text(b)))
}

// held reports whether a double can hold a JSON number, rounded: it is not beyond the largest
// double, and rounds to zero only if it is zero. A zero with a huge exponent counts as not held:
// databases refuse it.
func held(raw []byte) bool {
	const sure = 300 // digits: so many are in range if there is no exponent
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

// integer returns the whole number v, however it is written: languages that have only doubles write
// 5 as 5.0 or 5e0. ok is false if it has a fraction, or too many digits for any seq.
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
	const maxDigits = 16 // of 2^53
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
	if power < 0 || power > maxDigits || len(digits)+power > maxDigits {
		return nil, false
	}
	digits = append(digits, bytes.Repeat([]byte("0"), power)...)
	if sign {
		digits = slices.Insert(digits, 0, '-')
	}
	return digits, true
}
