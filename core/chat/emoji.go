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

// ParseEmoji returns s as an emoji, or an Invalid error. An emoji has 1–32 characters without white
// space and control characters. At least one must be visible by itself. "." and ".." are refused,
// as they cannot be a part of a URL's path.
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

// blank has invisible symbols: the blanks of braille and of hieroglyphs, the null notehead, and the
// object replacement character.
const blank = "\u2800\U00013441\U00013442\U0001d159\ufffc"

// shows reports whether a character is visible when it stands alone, and looks the same everywhere.
// Characters for private use do not. Characters that this version of Unicode does not know yet
// count as visible.
func shows(r rune) bool {
	return !unicode.In(r, unicode.M, unicode.Z, unicode.Cc, unicode.Cf, unicode.Co,
		unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point) &&
		!strings.ContainsRune(blank, r)
}

// EmojiID returns an emoji's identity: two with the same id are one reaction. It is the emoji in
// Unicode's normal form C, without characters that only say how another one is drawn, such as the
// selector after a heart (U+FE0F), and without invisible ones, such as a zero width space. Joiners
// and the tags of flags stay, as they make a different emoji.
func EmojiID(emoji string) string {
	if strings.ContainsFunc(emoji, undrawn) {
		emoji = strings.Map(func(r rune) rune {
			if undrawn(r) {
				return -1
			}
			return r
		}, emoji)
	}
	// Package norm breaks runs of more than 30 marks with the joiner U+034F (UAX 15, 13:
	// stream-safe text). The emoji's own joiners were removed above. One in the result means that
	// norm has no normal form for the text, which then stays as it is.
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
