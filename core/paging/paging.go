// Package paging makes the cursor of a list's next page: a text that says where the list goes on,
// which the client sends back.
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

// Cursor returns parts as a text: a checksum and the parts, in base64. The checksum also covers of,
// which says what the list is of, such as its user and its log. So Parts notices a cursor that was
// cut, changed, or taken from another list. The cursor protects nothing, as anybody can make one:
// rights must be checked for each page. The parts must not have control characters.
func Cursor(parts []string, of ...string) string {
	payload := strings.Join(parts, partEnd)
	return base64.RawURLEncoding.EncodeToString(append(sum(payload, of), payload...))
}

// Parts returns the parts of a cursor that has at most limit bytes. ok is false if it is not a
// cursor of that list.
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
