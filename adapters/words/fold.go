package words

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/ports"
)

// lowered returns a word of ASCII in small letters. For any other word it reports false.
func lowered(s string) (form string, is bool) {
	upper := false
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return "", false
		}
		upper = upper || 'A' <= s[i] && s[i] <= 'Z'
	}
	if s = s[:min(len(s), ports.MaxTokenBytes)]; upper {
		s = strings.ToLower(s)
	}
	return s, true
}

// fold returns the form of a word that is in normal form. It is empty if the word has only marks.
func fold(s string) string {
	if !strings.ContainsFunc(s, changes) {
		return cut(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	last := rune(0)
	for _, c := range s {
		switch c = small(c); {
		case ignored(c), optional(c), c == dotAbove && last == 'i':
			continue
		case c == 'ß':
			b.WriteString("ss")
		default:
			b.WriteRune(c)
		}
		last = c
	}
	return cut(norm.NFKC.String(b.String()))
}

// changes reports whether a form may not have the character as it is.
func changes(c rune) bool {
	return c == 'ß' || c == dotAbove || c != small(c) || c >= 0xad && (optional(c) || kindOf(c) == unseen)
}

const (
	dotAbove = '\u0307'
	tatweel  = '\u0640' // it only makes Arabic words look longer
)

// small returns a letter without case, and any digit as an ASCII digit.
func small(c rune) rune {
	switch {
	case c < utf8.RuneSelf:
		return unicode.ToLower(c)
	case c < 0x400:
	case c == 'ё' || c == 'Ё':
		return 'е'
	case 'آ' <= c && c <= 'ي' || c >= 'ٱ' && c <= 'ی':
		return arabic(c)
	case 0x660 <= c && c <= 0x669:
		return '0' + c - 0x660
	case 0x6f0 <= c && c <= 0x6f9:
		return '0' + c - 0x6f0
	case 0x966 <= c && c <= 0x96f:
		return '0' + c - 0x966
	}
	return unicode.ToLower(unicode.ToUpper(c)) // so that ς is σ, and ı is i
}

// arabic returns one letter for several that Arabic and Persian writers use for each other.
func arabic(c rune) rune {
	switch c {
	case 'آ', 'أ', 'إ', 'ٱ':
		return 'ا'
	case 'ى', 'ی':
		return 'ي'
	case 'ة':
		return 'ه'
	case 'ک':
		return 'ك'
	}
	return c
}

// optional reports whether a mark is optional in writing: points in Hebrew, vowels in Arabic.
func optional(c rune) bool {
	switch {
	case c < 0x591:
		return false
	case c <= 0x5c7, 0x610 <= c && c <= 0x61a, 0x64b <= c && c <= 0x65f, c == 0x670, 0x6d6 <= c && c <= 0x6ed:
		return unicode.Is(unicode.M, c)
	}
	return c == tatweel
}

// accent reports whether a mark is an accent on a letter. A vowel sign is not: without it a Hindi
// word, for example, would be another word.
func accent(c rune) bool {
	switch {
	case 0x300 <= c && c <= 0x36f, 0x483 <= c && c <= 0x487, 0x653 <= c && c <= 0x655:
		return true
	case 0x1ab0 <= c && c <= 0x1aff, 0x1dc0 <= c && c <= 0x1dff, 0x20d0 <= c && c <= 0x20f0, 0xfe20 <= c && c <= 0xfe2f:
		return true
	}
	return strings.ContainsRune(nuktas, c)
}

const (
	// nuktas are dots that change an Indian letter to one for a foreign sound. Many writers leave
	// them out.
	nuktas = "\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc"
	breve  = '\u0306'
)

// whole has letters with an accent that Unicode does not split.
var whole = map[rune]string{'đ': "d", 'ð': "d", 'ł': "l", 'ø': "o", 'ħ': "h", 'ŧ': "t", 'æ': "ae", 'œ': "oe"}

// changesBare reports whether a bare form may not have the character. The text was split into
// letters and marks before.
func changesBare(c rune) bool { return accent(c) || c < 0x180 && whole[c] != "" }

// bare returns a form without accents.
func bare(form string) string {
	beyond := func(c rune) bool { return c >= utf8.RuneSelf }
	if !strings.ContainsFunc(form, beyond) || norm.NFD.IsNormalString(form) && !strings.ContainsFunc(form, changesBare) {
		return form
	}
	var b strings.Builder
	last, changed := rune(0), false
	for _, c := range norm.NFD.String(form) {
		switch plain, is := whole[c]; {
		case is:
			b.WriteString(plain)
			changed = true
		case accent(c) && (c != breve || last != 'и'): // й is a letter of its own
			changed = true
		default:
			b.WriteRune(c)
		}
		last = c
	}
	if is := b.String(); changed && is != "" {
		return cut(norm.NFC.String(is))
	}
	return form
}

// cut returns the beginning of a word that is too long for a token.
func cut(s string) string {
	if len(s) <= ports.MaxTokenBytes {
		return s
	}
	end := ports.MaxTokenBytes
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// without returns s without some characters.
func without(s string, those func(rune) bool) string {
	if !strings.ContainsFunc(s, those) {
		return s
	}
	rest := strings.Map(func(c rune) rune {
		if those(c) {
			return -1
		}
		return c
	}, s)
	if rest == "" {
		return s
	}
	return rest
}
