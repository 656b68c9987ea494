// Package paging writes where a list goes on as a text that its client brings back: the cursor of
// the next page.
package paging

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
)

const (
	sumBytes = 8
	partEnd  = "\x1f" // ids and names have no control characters
)

// Cursor returns parts as a text: a sum and the parts, in base64. The sum is also over what the
// list is of, such as its user and its log, so that a cursor which was cut, mended, or taken from
// another list is known as no good. It guards nothing, as anybody can make one: rights are to be
// asked for with each page. The parts must have no control characters.
func Cursor(parts []string, of ...string) string {
	payload := strings.Join(parts, partEnd)
	return base64.RawURLEncoding.EncodeToString(append(sum(payload, of), payload...))
}

// Parts returns the parts of a cursor of at most limit bytes, or ok false where it is no cursor of
// that list.
func Parts(cursor string, limit int, of ...string) (parts []string, ok bool) {
	if len(cursor) > limit {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < sumBytes {
		return nil, false
	}
	payload := string(raw[sumBytes:])
	if subtle.ConstantTimeCompare(raw[:sumBytes], sum(payload, of)) != 1 {
		return nil, false
	}
	return strings.Split(payload, partEnd), true
}

func sum(payload string, of []string) []byte {
	all := sha256.Sum256([]byte(strings.Join(slices.Concat(of, []string{payload}), "\x00")))
	return all[:sumBytes:sumBytes]
}
