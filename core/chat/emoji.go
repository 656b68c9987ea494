package chat

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Limits on reactions.
const (
	MaxEmojiChars = 32
	// MaxReactions is how many different emoji a message may have at once, unless it is configured.
	MaxReactions = 50
)

// ParseEmoji returns s as an emoji, or an Invalid error: 1–32 characters without white space and
// control characters, at least one of which shows by itself. "." and ".." are none, as they cannot
// stand in a URL's path.
func ParseEmoji(s string) (string, error) {
	if err := checkText("emoji", s, MaxEmojiChars); err != nil {
		return "", err
	}
	switch {
	case strings.ContainsFunc(s, unicode.IsSpace):
		return "", Errorf(Invalid, "emoji must not have white space")
	case s == "." || s == "..":
		return "", Errorf(Invalid, "emoji must not be %s", s)
	case !strings.ContainsFunc(s, shows):
		return "", Errorf(Invalid, "emoji must have a character that shows by itself")
	}
	return s, nil
}

// blank are symbols of which nothing is seen: the blanks of braille and of hieroglyphs, the null
// notehead, and what holds the place of an object.
const blank = "\u2800\U00013441\U00013442\U0001d159\ufffc"

// shows reports whether something is seen of a character that stands alone, and the same by all:
// what is for private use looks otherwise elsewhere, or like nothing. What this version of Unicode
// does not know yet is seen.
func shows(r rune) bool {
	return !unicode.In(r, unicode.M, unicode.Z, unicode.Cc, unicode.Cf, unicode.Co,
		unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point) &&
		!strings.ContainsRune(blank, r)
}

// EmojiID returns what tells one emoji from another: two with the same id are one reaction. It is
// the emoji in Unicode's normal form C and without what only says how a character is drawn, such as
// the selector that follows a heart (U+FE0F), or what is not seen at all, such as a space of no
// width. What joins characters to one, and the tags of flags, tell emoji apart.
func EmojiID(emoji string) string {
	if strings.ContainsFunc(emoji, undrawn) {
		emoji = strings.Map(func(r rune) rune {
			if undrawn(r) {
				return -1
			}
			return r
		}, emoji)
	}
	// The package breaks runs of more than 30 marks by a joiner (UAX 15, 13: stream-safe text). All
	// that the emoji had are gone by now. Such a text has no normal form there, and stays as it is.
	if id := norm.NFC.String(emoji); !strings.ContainsRune(id, '\u034f') {
		return id
	}
	return emoji
}

func undrawn(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == 0x200c || r == 0x200d || 0xe0020 <= r && r <= 0xe007f:
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
