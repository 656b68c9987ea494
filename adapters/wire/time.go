package wire

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// moment returns a time, or the zero time if it is missing.
func (f *fields) moment(n name) time.Time {
	s, ok := f.text(n)
	if !ok {
		return time.Time{}
	}
	at, err := ParseTime(nameTexts[n], s)
	f.keep(err)
	return at
}

// ParseTime returns a time that a client gives, to the millisecond, or an Invalid error.
func ParseTime(name, s string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		return time.Time{}, chat.Errorf(chat.Invalid, "%s must be a time such as 2030-01-31T12:00:00Z (RFC 3339)", name)
	}
	return at.UTC().Truncate(time.Millisecond), nil
}
