package chat

import (
	"crypto/rand"
	"strings"
)

// HookID names a hook: made at random, 16 characters of a-z and 2-7.
type HookID string

const hookIDChars = 16

// NewHookID makes a random id (80 bits) for a hook.
func NewHookID() HookID { return HookID(strings.ToLower(rand.Text()[:hookIDChars])) }

// ParseHookID returns s as a hook's id, or an Invalid error.
func ParseHookID(s string) (HookID, error) {
	if len(s) != hookIDChars || strings.ContainsFunc(s, func(c rune) bool { return (c < 'a' || 'z' < c) && (c < '2' || '7' < c) }) {
		return "", Errorf(Invalid, "hook must be the id of a hook: %d characters of a-z and 2-7", hookIDChars)
	}
	return HookID(s), nil
}
