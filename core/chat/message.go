package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits on what a message carries.
const (
	MaxBodyChars = 4000 // after trimming trailing white space
	MaxMetaBytes = 4096
)

// ParseBody returns s without trailing white space, or an Invalid error: a body is UTF-8, has
// 1–4,000 characters and no control characters but line feed and tab.
func ParseBody(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", Errorf(Invalid, "body must be UTF-8")
	}
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	if s == "" || len(s) > MaxBodyChars && utf8.RuneCountInString(s) > MaxBodyChars {
		return "", Errorf(Invalid, "body must have 1 to %d characters", MaxBodyChars)
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return "", Errorf(Invalid, "body must not have control characters but line feed and tab")
		}
	}
	return s, nil
}
