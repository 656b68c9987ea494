package chat_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

func TestAvatarsAreSafeAddresses(t *testing.T) {
	t.Parallel()
	for s, good := range map[string]bool{
		"": true, "https://a.example/x.png": true, "https://a.example": true, "https://[::1]:8443/x?y#z": true, "https://ä.example/ü": true,
		"/x.png": true, "x.png": true, "../x.png": true, "?x=a:b": true, "a/b:c": true, "./a:b": true,
		"http://a.example/x": false, "HTTPS://a.example": false, "https:/x": false, "https://": false, "https://:80/": false, "https://a@b/": false,
		"javascript:alert(1)": false, "java\nscript:x": false, "\x20/x": false, "data:,x": false, "//a.example": false, "a:b": false, "\\\\a": false,
		"/\u202ex": false, "/a\x00": false, "/\xff": false, "/<script>": false, "/" + strings.Repeat("x", chat.MaxAvatarChars): false,
		"/" + strings.Repeat("ü", chat.MaxAvatarChars-1): true,
	} {
		got, err := chat.ParseAvatar(s)
		if (err == nil) != good || good && got != s || !good && !errors.Is(err, chat.Invalid) {
			t.Errorf("%.60q is read as %q, %v", s, got, err)
		}
		if mended := chat.MendAvatar(s); good && mended != s || !good && mended != "" {
			t.Errorf("%.60q is mended to %q", s, mended)
		}
	}
}

func TestShownNamesCanBeSeen(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"": "", "\x20Alice\x20": "Alice", "نام\u200cمن": "نام\u200cمن", "👩\u200d🚀": "👩\u200d🚀", "a\u202eb": "-", "\u2066a": "-", "\u200b": "-", "\u200d": "-", "\x20": "-",
		"a\tb": "-", "\xff": "-", strings.Repeat("n", 129): "-", "\u3164": "-",
	} {
		got, err := chat.ParseShownName(s)
		if want == "-" && !errors.Is(err, chat.Invalid) || want != "-" && (err != nil || got != want) {
			t.Errorf("%.40q is read as %q, %v", s, got, err)
		}
	}
}

// What is taken has no scheme but https, and names no host by itself.
func FuzzParseAvatar(f *testing.F) {
	for _, s := range []string{"https://a/b", "/x", "javascript:x", "//x", "a:b", "?:", "#//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := chat.ParseAvatar(s)
		if err != nil {
			if !errors.Is(err, chat.Invalid) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		before, _, found := strings.Cut(got, ":")
		if got != s || found && !strings.HasPrefix(s, "https://") && !strings.ContainsAny(before, "/?#") || strings.HasPrefix(s, "//") {
			t.Errorf("%q is taken as %q", s, got)
		}
	})
}

func TestWhoIsGoneDoesNotComeBack(t *testing.T) {
	t.Parallel()
	p := chat.Person{Profile: chat.Profile{User: "bob", Version: 3}, Gone: true}
	if _, err := p.Set(chat.ProfileChange{Name: new("Bob")}, p.AsOf); !errors.Is(err, chat.Conflict) || p.Learn(chat.Claim{User: "bob", Name: "Bob"}) || p.Version != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}
