package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
)

// maxDepth is how many objects and arrays a client's JSON may have inside one another, the frame itself included.
const maxDepth = 64

// scanner reads one JSON text (RFC 8259). It accepts exactly what encoding/json accepts, up to maxDepth.
type scanner struct {
	data []byte
	pos  int
	bad  bool
	deep bool // bad because of maxDepth
}

// kind is what sort of JSON value stands at a place.
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

// value is a JSON value as it stands in the text.
type value struct {
	kind kind
	raw  []byte
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

// members calls each for the members of the object that the text is, in order. The error says why the text is no such object; each
// may have been called before it was found.
func members(data []byte, each func(name []byte, v value)) *chat.Error {
	s := &scanner{data: data}
	s.space()
	if s.take('{') {
		s.object(1, each)
	} else {
		s.bad = true
	}
	s.space()
	switch {
	case s.deep:
		return chat.Errorf(chat.BadRequest, "a frame must not nest deeper than %d levels", maxDepth)
	case s.bad || s.pos < len(data):
		return chat.Errorf(chat.BadRequest, "a frame must be one JSON object")
	}
	return nil
}

// object reads an object's members, behind its brace; depth is its own.
func (s *scanner) object(depth int, each func([]byte, value)) {
	s.space()
	if s.take('}') {
		return
	}
	for !s.bad {
		s.space()
		name := s.str()
		s.space()
		if s.bad || !s.take(':') {
			s.bad = true
			return
		}
		v := s.value(depth)
		if s.bad {
			return
		}
		if each != nil {
			each(bare(name.raw), v)
		}
		s.space()
		if s.take('}') {
			return
		}
		if !s.take(',') {
			s.bad = true
		}
	}
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

// value reads a value of what is at depth.
func (s *scanner) value(depth int) value {
	s.space()
	start := s.pos
	var k kind
	switch c := s.peek(); {
	case (c == '{' || c == '[') && depth == maxDepth:
		s.deep = true
	case c == '{':
		s.pos++
		s.object(depth+1, nil)
		k = kindObject
	case c == '[':
		s.pos++
		s.array(depth + 1)
		k = kindArray
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
	return value{k, s.data[start:s.pos]}
}

func (s *scanner) word(w string, k kind) kind {
	if len(s.data)-s.pos < len(w) || string(s.data[s.pos:s.pos+len(w)]) != w {
		return kindBad
	}
	s.pos += len(w)
	return k
}

// str reads a string; its raw value has its quotes.
func (s *scanner) str() value {
	start := s.pos
	if !s.take('"') {
		return s.fail()
	}
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			return value{kindString, s.data[start:s.pos]}
		case c < ' ':
			return s.fail()
		case c == '\\' && !s.escape():
			return s.fail()
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
		if len(s.data)-s.pos < 4 {
			return false
		}
		_, ok := hex4(s.data[s.pos:])
		s.pos += 4
		return ok
	}
	return false
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
	return value{kindNumber, s.data[start:s.pos]}
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

func hex4(b []byte) (rune, bool) {
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// bare returns a member's name: mostly the text itself, without a copy.
func bare(raw []byte) []byte {
	for _, c := range raw {
		if c == '\\' || c >= utf8.RuneSelf {
			return []byte(unquote(raw))
		}
	}
	return raw[1 : len(raw)-1]
}

// unquote returns what a valid JSON string stands for, as a copy. Invalid UTF-8 and lone surrogates become U+FFFD.
func unquote(raw []byte) string {
	raw = raw[1 : len(raw)-1]
	plain := true
	for _, c := range raw {
		if c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return string(raw)
	}
	out := make([]byte, 0, len(raw)+utf8.UTFMax)
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '\\':
			var r rune
			r, i = unescape(raw, i+1)
			out = utf8.AppendRune(out, r)
		case c < utf8.RuneSelf:
			out = append(out, c)
			i++
		default:
			r, n := utf8.DecodeRune(raw[i:])
			out = utf8.AppendRune(out, r)
			i += n
		}
	}
	return string(out)
}

// unescape reads the escape whose letter is at i, and returns where it ends.
func unescape(raw []byte, i int) (rune, int) {
	switch raw[i] {
	case 'b':
		return '\b', i + 1
	case 'f':
		return '\f', i + 1
	case 'n':
		return '\n', i + 1
	case 'r':
		return '\r', i + 1
	case 't':
		return '\t', i + 1
	case 'u':
		r, _ := hex4(raw[i+1:])
		i += 5
		if !utf16.IsSurrogate(r) {
			return r, i
		}
		if len(raw)-i >= 6 && raw[i] == '\\' && raw[i+1] == 'u' {
			low, _ := hex4(raw[i+2:])
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, i + 6
			}
		}
		return utf8.RuneError, i
	default:
		return rune(raw[i]), i + 1
	}
}

// integer returns the whole number that v is. 5.0 and 5e0 are none: no client writes a seq so, and a double could not be trusted
// with all of them.
func (v value) integer() (int64, bool) {
	n, err := strconv.ParseInt(string(v.raw), 10, 64)
	return n, err == nil
}
