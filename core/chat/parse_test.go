package chat_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/core/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parsing has inputs and outputs of a Parse function. A want of refused is an Invalid error that
// names the field.
type parsing []struct{ sentence, in, want string }

const (
	same    = "\x00same"    // the value itself comes out
	refused = "\x00refused" // Invalid
)

func (rows parsing) check(t *testing.T, field string, parse func(string) (string, error)) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			got, err := parse(row.in)
			if row.want == refused {
				mustBeInvalid(t, field, got, err)
				return
			}
			want := row.want
			if want == same {
				want = row.in
			}
			if err != nil || got != want {
				t.Errorf("%q became %q, %v; want %q", row.in, got, err, want)
			}
		})
	}
}

func mustBeInvalid(t *testing.T, field, got string, err error) {
	t.Helper()
	var e *chat.Error
	if !errors.As(err, &e) || e.Kind != chat.Invalid || got != "" {
		t.Fatalf("got %q, %v; want nothing and an Invalid error", got, err)
	}
	if !strings.HasPrefix(e.Reason, field+" ") {
		t.Errorf("the reason %q does not name the field %s", e.Reason, field)
	}
}

// as makes parse return a plain string.
func as[T ~string](parse func(string) (T, error)) func(string) (string, error) {
	return func(s string) (string, error) { v, err := parse(s); return string(v), err }
}

func TestParseRoomID(t *testing.T) {
	t.Parallel()
	parsing{
		{"a letter is enough", "a", same},
		{"a digit is enough", "7", same},
		{"all the characters that may be in one", "0az.9_-:", same},
		{"64 characters are the most", strings.Repeat("a", 64), same},
		{"65 are too many", strings.Repeat("a", 65), refused},
		{"none is none", "", refused},
		{"it does not start with a dot", ".a", refused},
		{"it does not start with an underscore", "_a", refused},
		{"it does not start with a hyphen", "-a", refused},
		{"it does not start with a colon", ":a", refused},
		{"upper case is refused, not lowered", "General", refused},
		{"a slash is refused", "a/b", refused},
		{"a star is refused, so that no room looks like a pattern", "a*", refused},
		{"white space is refused, not trimmed", "a ", refused},
		{"a line feed at the end is refused", "a\n", refused},
		{"a letter beyond ASCII is refused", "é", refused},
		{"a digit beyond ASCII is refused", "٣", refused},
		{"a NUL is refused", "a\x00", refused},
		{"a byte that is no UTF-8 is refused", "a\xff", refused},
	}.check(t, "room", as(chat.ParseRoomID))
}

// texts are the rules that users, keys, names and emoji share.
func texts(maxChars int) parsing {
	return parsing{
		{"one character is enough", "a", same},
		{"as many characters as may be", strings.Repeat("a", maxChars), same},
		{"one more is too many", strings.Repeat("a", maxChars+1), refused},
		{"characters are counted, not bytes", strings.Repeat("🍵", maxChars), same},
		{"one character of four bytes more is too many", strings.Repeat("🍵", maxChars+1), refused},
		{"a combining mark counts for itself", "e" + strings.Repeat("\u0301", maxChars), refused},
		{"other scripts are welcome", "茶室", same},
		{"a character written right to left is welcome", "שלום", same},
		{"the replacement character is a character", "\uFFFD", same},
		{"a zero width joiner is no control character", "👩\u200d🚀", same},
		{"NUL is refused", "a\x00b", refused},
		{"the key prefix of the service is refused", "\x1fabc", refused},
		{"DEL is refused", "a\x7fb", refused},
		{"the first of the C1 is refused", "a\u0080b", refused},
		{"NEL is refused", "a\u0085b", refused},
		{"the last of the C1 is refused", "a\u009fb", refused},
		{"a tab is refused", "a\tb", refused},
		{"a line feed is refused", "a\nb", refused},
		{"a byte that is no UTF-8 is refused", "a\xffb", refused},
		{"half a character is refused", "🍵"[:3], refused},
		{"a surrogate in UTF-8's clothes is refused", "\xed\xa0\x80", refused},
		{"an overlong NUL is refused", "\xc0\x80", refused},
	}
}

func TestParseUserID(t *testing.T) {
	t.Parallel()
	append(texts(128), parsing{
		{"none is none", "", refused},
		{"the subjects of common identity providers are fine", "auth0|5f7c8ec7c33c6c004bbafe82", same},
		{"an address is fine", "alice@example.com", same},
		{"white space is part of it", " alice ", same},
		{"a dot is refused", ".", refused},
		{"two dots are refused", "..", refused},
		{"three dots are somebody", "...", same},
		{"the service's own are refused", "~system", refused},
		{"a tilde alone is refused", "~", refused},
		{"a tilde within is fine", "a~b", same},
		{"dots within are fine", "../a", same},
	}...).check(t, "user", as(chat.ParseUserID))
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	append(texts(64), parsing{
		{"none is none", "", refused},
		{"a UUID is fine", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", same},
		{"white space is part of it, as two keys must not become one", " k ", same},
	}...).check(t, "key", as(chat.ParseKey))
}

func TestParseEmoji(t *testing.T) {
	t.Parallel()
	append(texts(32), parsing{
		{"none is none", "", refused},
		{"a custom name is fine", ":party_parrot:", same},
		{"a sequence with a variation selector is fine", "❤️", same},
		{"a space is refused", "a b", refused},
		{"a space around it is refused, not trimmed", " 👍", refused},
		{"a no-break space is refused", "a\u00a0b", refused},
		{"an ideographic space is refused", "\u3000", refused},
		{"a line separator is refused", "a\u2028b", refused},
		{"a dot is refused: a URL cannot hold it", ".", refused},
		{"two dots are refused", "..", refused},
		{"three dots are fine", "...", same},
		{"a hidden file's name is fine", ".a", same},
		{"a space of no width is refused", "\u200b", refused},
		{"a variation selector alone is refused", "\ufe0f", refused},
		{"a joiner alone is refused", "\u200d", refused},
		{"joiners and selectors alone are refused", "\u200d\ufe0f\u200c\ufe0e", refused},
		{"a soft hyphen is refused", "\u00ad", refused},
		{"a byte order mark is refused", "\ufeff", refused},
		{"a bidi control is refused", "\u202e\u2066", refused},
		{"an invisible operator is refused", "\u2063", refused},
		{"a combining mark alone is refused", "\u0301", refused},
		{"an enclosing keycap alone is refused", "\ufe0f\u20e3", refused},
		{"tags alone are refused", "\U000e0067\U000e007f", refused},
		{"a supplementary variation selector is refused", "\U000e0100", refused},
		{"what is to be ignored and not assigned is refused", "\U000e0fff", refused},
		{"a filler of Hangul is refused", "\u3164\uffa0\u115f", refused},
		{"a Mongolian vowel separator is refused", "\u180e", refused},
		{"a combining grapheme joiner is refused", "\u034f", refused},
		{"a blank of braille is refused", "\u2800", refused},
		{"a noncharacter is refused", "\uffff", refused},
		{"what holds the place of an object is refused", "\ufffc", refused},
		{"what encloses interlinear notes is refused", "\ufff9\ufffa\ufffb", refused},
		{"the null notehead is refused", "\U0001d159", refused},
		{"blanks of hieroglyphs are refused", "\U00013441\U00013442", refused},
		{"what is for private use is refused", "\ue000\uf8ff\U000f0000\U0010fffd", refused},
		{"what is for private use beside what is seen is fine", "a\ue000", same},
		{"what stands for a character that is lost is seen", "\ufffd", same},
		{"ordinary text is fine", "+1", same},
		{"a flag is fine", "🇦🇶", same},
		{"a flag of tags is fine", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", same},
		{"a regional letter alone is seen", "🇦", same},
		{"a skin tone alone is seen", "🏽", same},
		{"a keycap is fine", "1\ufe0f\u20e3", same},
		{"a family is fine", "👨\u200d👩\u200d👧", same},
		{"an emoji of a Unicode to come is fine", "\U0001fadf\U0001f8ff", same},
	}...).check(t, "emoji", chat.ParseEmoji)
}

func TestParseName(t *testing.T) {
	t.Parallel()
	append(texts(128), parsing{
		{"none is a name: clients show the id", "", same},
		{"white space alone is none", " \t\n\u00a0\u3000\u0085", ""},
		{"white space around it goes", "\u3000 Tea room\u00a0\n", "Tea room"},
		{"white space around it does not count", strings.Repeat(" ", 200) + strings.Repeat("a", 128) + "\n", strings.Repeat("a", 128)},
		{"white space within stays", "Tea  room", same},
	}...).check(t, "name", chat.ParseName)
}

func TestParseBody(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("🍵", 4000)
	parsing{
		{"one character is enough", "a", same},
		{"4,000 characters are the most", strings.Repeat("a", 4000), same},
		{"4,001 are too many", strings.Repeat("a", 4001), refused},
		{"characters are counted, not bytes", full, same},
		{"one character of four bytes more is too many", full + "🍵", refused},
		{"white space at the end does not count", full + strings.Repeat(" \n", 5000), full},
		{"white space at the start counts", " " + full, refused},
		{"none is none", "", refused},
		{"white space alone is none", " \t\r\n\v\f\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000", refused},
		{"each kind of white space at the end goes", "hi\u3000 \t\r\n\v\f\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f", "hi"},
		{"a zero width space is no white space", "hi\u200b", same},
		{"a byte order mark is no white space", "hi\ufeff", same},
		{"white space at the start stays: it may be code", "\t  hi", same},
		{"line feed and tab are fine", "a\n\tb", same},
		{"a carriage return within is refused", "a\r\nb", refused},
		{"a carriage return at the end goes", "a\r\n", "a"},
		{"NUL is refused, at the end too", "a\x00", refused},
		{"escape is refused", "a\x1b[31mb", refused},
		{"DEL is refused", "a\x7f", refused},
		{"NEL within is refused", "a\u0085b", refused},
		{"the first of the C1 is refused", "a\u0080", refused},
		{"the last of the C1 is refused", "a\u009f", refused},
		{"what comes right behind the C1 is fine", "a\u00a0b", same},
		{"a byte that is no UTF-8 is refused", "a\xffb", refused},
		{"a byte that is no UTF-8 is refused among white space at the end", "a \xff ", refused},
		{"half a character at the end is refused", "a" + "🍵"[:3], refused},
		{"a body of bytes that are no UTF-8 is refused however long", strings.Repeat("\xff", 5000), refused},
	}.check(t, "body", chat.ParseBody)
}

func TestParseRole(t *testing.T) {
	t.Parallel()
	for _, role := range []chat.Role{chat.Read, chat.Write, chat.Moderate} {
		if got, err := chat.ParseRole(role.String()); got != role || err != nil {
			t.Errorf("%s became %v, %v", role, got, err)
		}
	}
	for _, name := range []string{"", "none", "Read", "read ", "admin", "owner"} {
		if got, err := chat.ParseRole(name); got != chat.None || !errors.Is(err, chat.Invalid) {
			t.Errorf("%q became %v, %v; want Invalid", name, got, err)
		}
	}
}

func TestKeysThatTheServiceMakesMeetNoClients(t *testing.T) {
	t.Parallel()
	seen := map[chat.Key]bool{}
	for range 1000 {
		key := chat.NewKey()
		if !key.Made() || seen[key] {
			t.Fatalf("the key %q is not made, or came twice", key)
		}
		seen[key] = true
		if _, err := chat.ParseKey(string(key)); !errors.Is(err, chat.Invalid) {
			t.Fatalf("a client may give the key %q", key)
		}
	}
	for _, key := range []chat.Key{"", "a", "a\x1f"} {
		if key.Made() {
			t.Errorf("the key %q counts as made", key)
		}
	}
}

func TestKeysThatTheServiceMakesAreInTheOrderOfTheirTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for last := chat.NewKey(); time.Now().Year() < 2100; time.Sleep(1000 * time.Hour) {
			time.Sleep(time.Millisecond)
			key := chat.NewKey()
			if key <= last {
				t.Fatalf("at %s came %q after %q", time.Now(), key, last)
			}
			last = key
		}
	})
}
