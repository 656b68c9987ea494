package chat_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
)

// FuzzParse compares each Parse function with its rule, written in another way. It must accept what
// the rule accepts and nothing else. What it returned it must accept unchanged.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", ".", "..", "a", "~a", "a\ufffd", "general", "team-7.ops:eu_1", "-a", "alice@example.com", " x ", "hi\n\tthere \u00a0\u3000", "a\u0085", "\u0085", "a\x00",
		"\x1fkey", "👍🏽", "❤️", "\u200b", "\xff", "a\xed\xa0\x80", strings.Repeat("a", 64), strings.Repeat("é", 65), strings.Repeat("🍵", 129),
		strings.Repeat("x", 4001), strings.Repeat("\u3000", 4001) + "x",
	} {
		f.Add(seed)
	}
	room := regexp.MustCompile(`\A[a-z0-9][a-z0-9._:-]{0,63}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		holds(t, "room", s, as(chat.ParseRoomID), s, room.MatchString(s))
		holds(t, "user", s, as(chat.ParseUserID), s, text(s, 128, "") && s != "." && s != ".." && s[0] != '~')
		holds(t, "user", s, as(chat.ParseOldUserID), s, text(s, 128, "") && s != "." && s != "..")
		holds(t, "client", s, chat.ParseClient, s, text(s, 128, "") && !strings.ContainsRune(s, '\ufffd'))
		holds(t, "key", s, as(chat.ParseKey), s, text(s, 64, ""))
		if emoji, err := chat.ParseEmoji(s); err == nil || !slices.ContainsFunc([]rune(s), seen) {
			holds(t, "emoji", s, chat.ParseEmoji, s, err == nil && emoji != "." && emoji != ".." && text(s, 32, "") && !slices.ContainsFunc([]rune(s), white))
		} else {
			mustBeInvalid(t, "emoji", emoji, err)
			if text(s, 32, "") && !slices.ContainsFunc([]rune(s), white) && s != "." && s != ".." {
				t.Fatalf("emoji %q: %v", s, err)
			}
		}
		if id := chat.EmojiID(s); utf8.ValidString(s) && (chat.EmojiID(id) != id || chat.EmojiID(s+"\ufe0f") != id) {
			t.Fatalf("the id of %q is %q, and that of this %q", s, id, chat.EmojiID(id))
		}
		name := trim(trimEnd(s))
		holds(t, "name", s, chat.ParseName, name, name == "" || text(name, 128, ""))
		body := trimEnd(s)
		holds(t, "body", s, chat.ParseBody, body, utf8.ValidString(s) && text(body, 4000, "\n\t"))
	})
}

// seen reports whether a character is visible: a letter, a digit, a sign or a symbol that is not
// blank.
func seen(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) &&
		r != '\u2800' && r != '\U0001d159'
}

func holds(t *testing.T, field, s string, parse func(string) (string, error), want string, valid bool) {
	t.Helper()
	got, err := parse(s)
	if !valid {
		mustBeInvalid(t, field, got, err)
		return
	}
	if err != nil || got != want {
		t.Fatalf("%s %q became %q, %v; want %q", field, s, got, err, want)
	}
	if again, err := parse(got); again != got || err != nil {
		t.Fatalf("%s %q became %q, and that %q, %v", field, s, got, again, err)
	}
}

// text is the rule for 1 to maxChars characters, without control characters except those in but.
func text(s string, maxChars int, but string) bool {
	characters := []rune(s)
	if !utf8.ValidString(s) || len(characters) < 1 || len(characters) > maxChars {
		return false
	}
	return !slices.ContainsFunc(characters, func(r rune) bool {
		return (r < 0x20 || 0x7f <= r && r <= 0x9f) && !strings.ContainsRune(but, r)
	})
}

// white is Unicode's property White_Space.
func white(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000:
		return true
	}
	return 0x2000 <= r && r <= 0x200a
}

func trimEnd(s string) string {
	for {
		r, n := utf8.DecodeLastRuneInString(s)
		if n == 0 || !white(r) {
			return s
		}
		s = s[:len(s)-n]
	}
}

func trim(s string) string {
	for {
		r, n := utf8.DecodeRuneInString(s)
		if n == 0 || !white(r) {
			return s
		}
		s = s[n:]
	}
}

// FuzzGrants compares two patterns of a token with equivalent regular expressions.
func FuzzGrants(f *testing.F) {
	f.Add("*", uint8(1), "support-*", uint8(2), "support-7")
	f.Add("support-*", uint8(3), "*-eu", uint8(1), "support-eu")
	f.Add("aba*aba", uint8(3), "a*", uint8(1), "ababa")
	f.Add("t**a", uint8(1), "tea", uint8(2), "tea")
	f.Add("a*b*b", uint8(1), "*a*b*c*", uint8(2), "a-b-b")
	f.Add("", uint8(1), "a.c*", uint8(2), "abcd")
	f.Fuzz(func(t *testing.T, a string, roleA uint8, b string, roleB uint8, room string) {
		if a == b || !utf8.ValidString(a) || !utf8.ValidString(b) {
			return // JSON cannot have them
		}
		granted := func(pattern string, role uint8) (chat.Role, int) {
			is := chat.Role(role % 4)
			if pattern == room {
				return is, 1 << 30
			}
			as := `(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `\z`
			if strings.Contains(pattern, "*") && regexp.MustCompile(as).MatchString(room) {
				return is, len(pattern)
			}
			return chat.None, -1
		}
		isA, weightA := granted(a, roleA)
		isB, weightB := granted(b, roleB)
		want := isA
		if weightB > weightA || weightB == weightA && isB > isA {
			want = isB
		}
		grants := chat.Grants{a: chat.Role(roleA % 4), b: chat.Role(roleB % 4)}
		if got := grants.For(chat.RoomID(room)); got != want {
			t.Fatalf("%q grants %s in %q, want %s", grants, got, room, want)
		}
	})
}
