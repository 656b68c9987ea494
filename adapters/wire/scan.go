package wire

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
)

// maxDepth is how deep objects and arrays may nest in a client's JSON, the outermost included.
const maxDepth = 64

// scanner reads one JSON text (RFC 8259). It accepts exactly what encoding/json accepts, and
// records what is not I-JSON in it.
type scanner struct {
	data []byte
	pos  int
	bad  bool
	findings

	names [fewNames]span // of the members of the open objects, the innermost last
	named int            // how many there are
}

// span is the place of a name in the text.
type span struct {
	from, to int32
	escaped  bool
}

// kind is the kind of a JSON value.
type kind uint8

const (
	kindBad kind = iota
	kindNull
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

// value is a JSON value as it is written in the text.
type value struct {
	raw  []byte
	kind kind
	findings
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.pos >= len(s.data) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) fail() value { s.bad = true; return value{} }

// members calls each for the members of the text's object, in order. A leading byte order mark is
// ignored (RFC 8259, 8.1). The error says why the text, named by what, is not an object; each may
// have been called before the error is found.
func members(data []byte, what string, each func(name []byte, v value)) *chat.Error {
	s := &scanner{data: data}
	if len(data) >= len(byteOrderMark) && string(data[:len(byteOrderMark)]) == byteOrderMark {
		s.pos = len(byteOrderMark)
	}
	s.space()
	if s.take('{') {
		s.object(1, each)
	} else {
		s.bad = true
	}
	s.space()
	if s.bad || s.pos < len(data) {
		return chat.Errorf(chat.BadRequest, "%s must be one JSON object", what)
	}
	return nil
}

const byteOrderMark = "\ufeff"

// object reads an object's members, after its brace; depth is its own. Only the outermost has an
// each, which gets the findings with each member.
func (s *scanner) object(depth int, each func([]byte, value)) {
	seen := siblings{first: s.named}
	s.space()
	if s.take('}') {
		return
	}
	for !s.bad {
		if each != nil {
			s.findings = findings{}
		}
		s.space()
		name := s.name(&seen)
		inName := s.flaw != flawNone
		if s.bad {
			return
		}
		v := s.value(depth)
		if s.bad {
			return
		}
		if each != nil {
			v.findings = s.findings
			v.inName = inName
			each(name, v)
		}
		s.space()
		if s.take('}') {
			s.named = seen.first
			return
		}
		if !s.take(',') {
			s.bad = true
		}
	}
}

// name reads a member's name and the colon after it.
func (s *scanner) name(seen *siblings) []byte {
	nul := s.nul
	s.nul = false
	from := s.pos
	raw := s.str().raw
	if s.nul {
		s.note(flawNUL)
	}
	s.nul = nul
	s.space()
	if s.bad || !s.take(':') {
		s.bad = true
		return nil
	}
	if s.again(seen, span{int32(from), int32(from + len(raw)), bytes.IndexByte(raw, '\\') >= 0}) {
		s.note(flawTwice)
	}
	return bare(raw)
}

func (s *scanner) array(depth int) {
	s.space()
	if s.take(']') {
		return
	}
	for !s.bad {
		s.value(depth)
		s.space()
		if s.take(']') {
			return
		}
		if !s.take(',') {
			s.bad = true
		}
	}
}

// value reads a value inside an object or array at depth.
func (s *scanner) value(depth int) value {
	s.space()
	start := s.pos
	var k kind
	switch c := s.peek(); {
	case c == '{':
		k = kindObject
		s.inside(depth, func() { s.object(depth+1, nil) })
	case c == '[':
		k = kindArray
		s.inside(depth, func() { s.array(depth + 1) })
	case c == '"':
		return s.str()
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == 't':
		k = s.word("true", kindBool)
	case c == 'f':
		k = s.word("false", kindBool)
	case c == 'n':
		k = s.word("null", kindNull)
	}
	if s.bad || k == kindBad {
		return s.fail()
	}
	return value{kind: k, raw: s.data[start:s.pos]}
}

// inside reads an object or array inside one at depth. If it lies too deep, it is skipped.
func (s *scanner) inside(depth int, read func()) {
	if s.deepest = max(s.deepest, uint8(depth+1)); depth == maxDepth {
		s.note(flawDepth)
		s.skip()
		return
	}
	s.pos++
	read()
}

// skip reads an object or array without recursion. If it lies too deep, only its end matters, and
// that it is JSON.
func (s *scanner) skip() {
	var open []byte // the closing brackets of the open objects and arrays
	for {
		s.space()
		if c := s.peek(); c == '{' || c == '[' {
			s.pos++
			end := c + 2 // in ASCII
			if s.space(); !s.take(end) {
				open = append(open, end)
				s.label(end)
				continue
			}
		} else {
			s.value(maxDepth)
		}
		for len(open) > 0 && !s.bad {
			end := open[len(open)-1]
			if s.space(); !s.take(end) {
				s.bad = s.bad || !s.take(',')
				s.label(end)
				break
			}
			open = open[:len(open)-1]
		}
		if s.bad || len(open) == 0 {
			return
		}
	}
}

// label skips a member's name if end closes an object.
func (s *scanner) label(end byte) {
	if end == '}' && !s.bad {
		s.space()
		s.str()
		s.space()
		s.bad = s.bad || !s.take(':')
	}
}

func (s *scanner) word(w string, k kind) kind {
	if len(s.data)-s.pos < len(w) || string(s.data[s.pos:s.pos+len(w)]) != w {
		return kindBad
	}
	s.pos += len(w)
	return k
}

// str reads a string; its raw value includes the quotes.
func (s *scanner) str() value {
	start := s.pos
	if !s.take('"') {
		return s.fail()
	}
	for ascii := true; s.pos < len(s.data); {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			raw := s.data[start:s.pos]
			if !ascii && !utf8.Valid(raw) {
				s.note(flawEncoding)
			}
			return value{kind: kindString, raw: raw}
		case c < ' ':
			return s.fail()
		case c == '\\' && !s.escape():
			return s.fail()
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return s.fail()
}

func (s *scanner) escape() bool {
	c := s.peek()
	s.pos++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		r, ok := s.hex()
		switch {
		case !ok:
			return false
		case r == 0:
			s.nul = true
		case utf16.IsSurrogate(r):
			s.pair(r)
		}
		return true
	}
	return false
}

// hex reads the four digits of an escape.
func (s *scanner) hex() (r rune, ok bool) {
	if len(s.data)-s.pos < 4 {
		return 0, false
	}
	r, ok = hex4(s.data[s.pos:])
	s.pos += 4
	return r, ok
}

// pair reads the second half of a surrogate pair, or records that it is missing.
func (s *scanner) pair(first rune) {
	rest := s.data[s.pos:]
	if len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		if second, ok := hex4(rest[2:]); ok && utf16.DecodeRune(first, second) != utf8.RuneError {
			s.pos += 6
			return
		}
	}
	s.note(flawSurrogate)
}

func (s *scanner) number() value {
	start := s.pos
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.fail()
	}
	if s.take('.') && !s.digits() {
		return s.fail()
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.fail()
		}
	}
	raw := s.data[start:s.pos]
	if !held(raw) {
		s.note(flawNumber)
	}
	return value{kind: kindNumber, raw: raw}
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
