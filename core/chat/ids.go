package chat

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits on what names things. Lengths are in characters (Unicode code points).
const (
	MaxRoomIDChars = 64
	MaxUserIDChars = 128
	MaxKeyChars    = 64
	MaxNameChars   = 128
	MaxClientChars = 128
)

// RoomID names a room: 1–64 characters of a-z 0-9 . _ - :, the first a letter or digit.
type RoomID string

// ParseRoomID returns s as a room id, or an Invalid error.
func ParseRoomID(s string) (RoomID, error) {
	if s == "" || len(s) > MaxRoomIDChars {
		return "", Errorf(Invalid, "room must have 1 to %d characters", MaxRoomIDChars)
	}
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || strings.IndexByte("._-:", c) < 0) {
			return "", Errorf(Invalid, "room may have the characters a-z 0-9 . _ - : only, and starts with a letter or digit")
		}
	}
	return RoomID(s), nil
}

// UserID names a user: the subject of their token, 1–128 characters without control characters. It
// is not "." or "..", as programs on the way remove such parts from a URL's path. Ids that begin
// with "~" belong to the service itself: no user has one.
type UserID string

// System is the author of what a service says that acts for no user.
const System UserID = "~system"

// ParseUserID returns s as the id of a user that there may be, or an Invalid error.
func ParseUserID(s string) (UserID, error) {
	user, err := ParseOldUserID(s)
	if err == nil && s[0] == '~' {
		return "", Errorf(Invalid, "user must not begin with ~: such ids are the service's own")
	}
	return user, err
}

// ParseOldUserID is like ParseUserID, but also takes an id that begins with "~". Earlier releases
// let users with such ids be members of rooms. So such members must still be listed and removed.
func ParseOldUserID(s string) (UserID, error) {
	if err := checkText("user", s, MaxUserIDChars); err != nil {
		return "", err
	}
	if s == "." || s == ".." {
		return "", Errorf(Invalid, "user must not be . or ..: no address could name it")
	}
	return UserID(s), nil
}

// Key makes a proposal repeatable: one (room, author, key) is one entry for ever.
type Key string

// madeKey starts every key that the service makes itself. A client's key has no control characters,
// so the two never collide.
const madeKey = "\x1f"

// ParseKey returns s, from a client, as a key (1–64 characters without control characters), or an
// Invalid error.
func ParseKey(s string) (Key, error) {
	if err := checkText("key", s, MaxKeyChars); err != nil {
		return "", err
	}
	return Key(s), nil
}

// The digits are in the order of their bytes, so that keys are in the order of their times.
var keyText = base64.NewEncoding("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz").WithPadding(base64.NoPadding)

// NewKey makes a key for a proposal whose client gave none. With it the service can retry the
// proposal. It begins with the time, in ms, so that stores put keys of the same time together; 56
// bits of it are random, as it need only differ from others of its author in the room in that ms.
// It is short, because it is stored twice.
func NewKey() Key {
	var made [13]byte
	var room [19]byte
	rand.Read(made[6:]) // it never fails
	now := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint16(made[:], uint16(now>>32))
	binary.BigEndian.PutUint32(made[2:], uint32(now))
	return Key(keyText.AppendEncode(append(room[:0], madeKey...), made[:]))
}

// CauseKey returns the key of an entry that the service makes for a cause. Any node that finds the
// same cause again makes the same key, so the entry is made only once.
func CauseKey(cause string) Key { return Key(madeKey + cause) }

// Made reports whether the service made the key. Such a key is shown to nobody.
func (k Key) Made() bool { return strings.HasPrefix(string(k), madeKey) }

// Seq is an entry's place in its room's log, from 1; 0 is the place before the first entry. It
// stays below 2^53, so that JavaScript can hold it.
type Seq int64

// MaxSeq is the largest seq.
const MaxSeq Seq = 1<<53 - 1

// LogID names a log, with all of its rooms. It is random, and empty if it is not known. A log
// that was restored to an older state gets another id. A cursor is valid only for the log that it
// came from.
type LogID string

// NewLogID makes a random id (96 bits) for a log.
func NewLogID() LogID {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return LogID(hex.EncodeToString(b[:]))
}

// ParseName returns s, a display name, without white space around it, or an Invalid error. An empty
// name is valid.
func ParseName(s string) (string, error) {
	if s = strings.TrimSpace(s); s == "" {
		return "", nil
	}
	if err := checkText("name", s, MaxNameChars); err != nil {
		return "", err
	}
	return s, nil
}

// MendName makes a valid display name of the name in a token. Users cannot choose that name, so an
// odd one must not lock them out. Bytes that are not UTF-8 become U+FFFD; white space and control
// characters become a space. Characters that are invisible or change the direction of the text are
// removed, and so is what is too long. ParseName accepts the result, which may be empty.
func MendName(s string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unseen(r) && !joins(r):
			return -1
		}
		return r
	}, s)
	name = strings.Join(strings.Fields(name), " ")
	if chars := []rune(name); len(chars) > MaxNameChars {
		name = string(chars[:MaxNameChars])
	}
	name = strings.TrimRightFunc(name, func(r rune) bool { return r == ' ' || joins(r) })
	if !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsGraphic(r) && r != ' ' && !unseen(r) }) {
		return ""
	}
	return name
}

// unseen reports whether a character is invisible by itself: formatting characters, also those for
// direction, and blank letters.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector) || strings.ContainsRune("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0", r)
}

// joins reports whether a character is unseen but needed between others, in names of some scripts
// and in emoji.
func joins(r rune) bool {
	const zwnj, zwj, firstTag, lastTag = '\u200c', '\u200d', '\U000e0020', '\U000e007f'
	return r == zwnj || r == zwj || firstTag <= r && r <= lastTag || unicode.Is(unicode.Variation_Selector, r)
}

func checkText(field, s string, maxChars int) error {
	switch {
	case !utf8.ValidString(s):
		return Errorf(Invalid, "%s must be UTF-8", field)
	case s == "" || utf8.RuneCountInString(s) > maxChars:
		return Errorf(Invalid, "%s must have 1 to %d characters", field, maxChars)
	case strings.ContainsFunc(s, unicode.IsControl):
		return Errorf(Invalid, "%s must not have control characters", field)
	}
	return nil
}
