package chat

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The value of a slot is JSON. Where this package has rules for a value, it is a text. These
// functions write and read such texts.

// Text returns s as the data of a set: a JSON string. If s is empty it returns nil, which unsets
// the slot. s must be UTF-8.
func Text(s string) []byte {
	if s == "" {
		return nil
	}
	return appendText(nil, s)
}

// ReadText returns the text in the data of a set, or "" if the data is not a text.
func ReadText(data []byte) string {
	s, rest, ok := cutText(data)
	if !ok || len(rest) > 0 {
		return ""
	}
	return s
}

func appendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r == '\u2028' || r == '\u2029':
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// cutText returns the JSON string that data begins with, and what is behind it.
func cutText(data []byte) (s string, rest []byte, ok bool) {
	if len(data) == 0 || data[0] != '"' {
		return "", nil, false
	}
	var b strings.Builder
	for i := 1; i < len(data); {
		switch c := data[i]; {
		case c == '"':
			return b.String(), data[i+1:], utf8.ValidString(b.String())
		case c < ' ':
			return "", nil, false
		case c == '\\':
			r, n := escaped(data[i:])
			if n == 0 {
				return "", nil, false
			}
			b.WriteRune(r)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return "", nil, false
}

// escapes are the characters that JSON has short escapes for.
var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped returns the character of the escape that data begins with, and the escape's length. The
// length is 0 if data does not begin with an escape.
func escaped(data []byte) (r rune, n int) {
	if len(data) < 2 {
		return 0, 0
	}
	if r, short := escapes[data[1]]; short {
		return r, 2
	}
	unit := func(at int) (rune, bool) {
		if len(data) < at+6 || data[at] != '\\' || data[at+1] != 'u' {
			return 0, false
		}
		u, err := strconv.ParseUint(string(data[at+2:at+6]), 16, 16)
		return rune(u), err == nil
	}
	first, ok := unit(0)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	second, ok := unit(6)
	if r := utf16.DecodeRune(first, second); ok && r != unicode.ReplacementChar {
		return r, 12
	}
	return 0, 0
}

// checkTextOf returns a check that the data of a set is a text which parse returns unchanged.
func checkTextOf(parse func(string) (string, error)) func([]byte, time.Time) error {
	return func(data []byte, _ time.Time) error {
		s, rest, ok := cutText(data)
		if !ok || len(rest) > 0 || s == "" {
			return Errorf(Invalid, "data must be a text")
		}
		is, err := parse(s)
		if err == nil && is != s {
			err = Errorf(Invalid, "data must have no white space around it")
		}
		return err
	}
}

// ParseSettingRole returns s as the role that a setting of a room names, or an Invalid error.
func ParseSettingRole(s string) (Role, error) {
	role, err := ParseRole(s)
	if err != nil || !role.May(Write) {
		return None, Errorf(Invalid, "a room's setting must be the role write or moderate")
	}
	return role, nil
}

func checkRole(data []byte, _ time.Time) error {
	_, err := ParseSettingRole(ReadText(data))
	return err
}

// parseText returns s without white space around it, or an Invalid error if it has more than most
// characters.
func parseText(field, s string, most int) (string, error) {
	if !utf8.ValidString(s) {
		return "", Errorf(Invalid, "%s must be UTF-8", field)
	}
	s = strings.TrimSpace(s)
	odd := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if utf8.RuneCountInString(s) > most || strings.ContainsFunc(s, odd) {
		return "", Errorf(Invalid, "%s must have at most %d characters, and no control characters but line feed and tab", field, most)
	}
	return s, nil
}
