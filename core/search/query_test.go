package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/words"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// show writes a query in one line.
func (q *query) show() string {
	var all []string
	for _, t := range q.terms {
		text := ""
		if t.not {
			text = "-"
		}
		for i, w := range t.words {
			if i > 0 && !w.Next {
				text += "_"
			}
			text += w.Form
		}
		if t.prefix {
			text += "*"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func TestQueriesAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Tea cup":                "tea cup",
		`"Tea  cup" pot`:         "tea_cup pot",
		`-pot tea -"green tea"`:  "-pot tea -green_tea",
		`“Tea cup” „grüner Tee“`: "tea_cup grüner_tee",
		"tea* -pot*":             "tea* -pot*",
		`"green te"* x`:          "green_te* x",
		`"green te*" x`:          "green_te x",
		`"tea*"`:                 "tea", `"t*"`: "t", `-"tea*"`: "-tea", `"tea*`: "tea", `"te*as*"*`: "te_as*",
		`"no end of it`:             "no_end_of_it",
		"example.com/tea":           "example_com_tea",
		"e-mail":                    "e_mail",
		`tea - & | ( ) "" * -- cup`: "tea cup",
		"我们去北京 -东京":                 "我们去北京 -东京",
		"北京*":                       "北京",
		`צה"ל`:                      "צה_ל",
		"tea\tcup\npot":             "tea cup pot",
		"author:bob":                "author_bob",
		".*tea.+ [a-z] (a|b)":       "tea a_z a_b",
		"":                          "", `" "`: "", "-": "",
	} {
		q, err := parse(text, words.Reader{})
		if got := q.show(); err != nil || got != want {
			t.Errorf("%q is read as %s (%v), want %s", text, got, err, want)
		}
	}
}

func TestBadQueriesHaveClearErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "q must not be empty, unless author or has is given",
		"  \n ":                     "q must not be empty, unless author or has is given",
		"- \" * \"\" -- \"*\"":      "q must have a word to look for; there is none in it",
		".*+?[]()^$":                "q must have a word to look for; there is none in it",
		strings.Repeat(`"`, 200):    "q must have a word to look for; there is none in it",
		strings.Repeat(`"`, 1000):   "q must have at most 200 characters",
		strings.Repeat("x", 10_000): "q must have at most 200 characters",
		strings.Repeat("京", 201):    "q must have at most 200 characters",
		"-tea -cup":                 "q must have a word to look for, besides those that are not meant",
		"a b c d e f g h i j k":     "q must have at most 10 words and phrases",
		"t*":                        "q must have at least 2 characters before a star",
		`"t"*`:                      "q must have at least 2 characters before a star",
		"tea\x00cup":                "q must not have control characters",
		"tea\xff":                   "q must be UTF-8",
	} {
		q, err := parse(text, words.Reader{})
		if err == nil {
			err = q.check(text)
		}
		if !errors.Is(err, chat.Invalid) || chat.AsError(err).Reason != want {
			t.Errorf("%.20q fails with %v, want %s", text, err, want)
		}
	}
}

func TestQueriesMatch(t *testing.T) {
	t.Parallel()
	const (
		no   = "no"
		tea  = "Green tea, and a TEAPOT. See https://www.example.com/Über-Tee!"
		asia = "我们明天去北京看长城。학교에서 만나요 สวัสดีครับ"
	)
	for _, test := range []struct{ body, text, want string }{
		{tea, "tea", "[6 9]"},
		{tea, "TEA*", "[6 9] [17 23]"},
		{tea, `"green tea"`, "[0 9]"},
		{tea, `"tea green"`, no},
		{tea, "green pot", no},
		{tea, "green -pot", "[0 5]"},
		{tea, "green -tea", no},
		{tea, "green -teap*", no},
		{tea, `"teap*"`, no},
		{tea, `"green te"*`, "[0 9]"},
		{tea, `"green te*"`, no},
		{tea, `green -"tea green"`, "[0 5]"},
		{tea, "example.com", "[41 52]"},
		{tea, "example", "[41 48]"},
		{tea, "uber", "[53 57]"},
		{tea, "über", "[53 57]"},
		{tea, "ubér", no},
		{tea, "a an and", no},
		{tea, "and a", "[11 14] [15 16]"},
		{asia, "北京", "[5 7]"},
		{asia, "京", "[6 7]"},
		{asia, "北京长城", no},
		{asia, "北京 长城", "[5 7] [8 10]"},
		{asia, "학교", "[11 13]"},
		{asia, "สวัส", "[20 24]"},
		{"crème crèmes creme", "creme", "[0 5] [13 18]"},
		{"crème crèmes creme", "crème", "[0 5]"},
		{"crème crèmes creme", "creme*", "[0 5] [6 12] [13 18]"},
		{"👍🏽 yes 👍", "👍", "[0 2] [7 8]"},
		{"👍🏽 yes 👍", "👍🏽", "[0 2]"},
		{"a a a a", `"a a"`, "[0 7]"},
		{"x", `"x x"`, no},
	} {
		q, err := parse(test.text, words.Reader{})
		if err != nil {
			t.Fatalf("%q: %v", test.text, err)
		}
		marks, does := q.match(test.body, words.Reader{}.Words(nil, test.body))
		if got := showMarks(marks, does); got != test.want {
			t.Errorf("%q is in %.30q… at %s, want %s", test.text, test.body, got, test.want)
		}
	}
}

func showMarks(marks []ports.SearchMark, does bool) string {
	if !does {
		return "no"
	}
	var all []string
	for _, m := range marks {
		all = append(all, fmt.Sprintf("[%d %d]", m.From, m.To))
	}
	return strings.Join(all, " ")
}

func TestMarksAreBounded(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("tea x ", 600)
	q, err := parse("tea x", words.Reader{})
	if err != nil {
		t.Fatal(err)
	}
	marks, does := q.match(body, words.Reader{}.Words(nil, body))
	if !does || len(marks) != ports.MaxHitMarks || marks[1] != (ports.SearchMark{From: 4, To: 5}) {
		t.Errorf("%d marks, %v, want %d: the first", len(marks), marks[:min(2, len(marks))], ports.MaxHitMarks)
	}
}

// FuzzIndexFinds checks that a text is found by each query that it matches: its tokens have all
// that the index is asked for.
func FuzzIndexFinds(f *testing.F) {
	for _, seed := range [][2]string{
		{"Green tea, and a TEAPOT", `"green tea" teap* -cup`}, {"我们明天去北京看长城", "明天去 -东京"}, {"👍🏽 crème", "👍 creme"}, {"ﷺ ½", "ﷺ"}, {"ab", "ab*"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, body, text string) {
		q, err := parse(text, words.Reader{})
		if err != nil {
			return
		}
		list := words.Reader{}.Words(nil, body)
		marks, does := q.match(body, list)
		chars := []rune(body)
		last := 0
		for _, m := range marks {
			if m.From < last || m.From >= m.To || m.To > len(chars) {
				t.Fatalf("marks of %q in %q are %v", text, body, marks)
			}
			last = m.To
		}
		if !does {
			return
		}
		has := tokens("bob", body, list)
		all, none := q.asks(&ports.Search{})
		if len(all) > maxAsked || len(none) > maxAsked {
			t.Fatalf("%q asks for %d and %d tokens", text, len(all), len(none))
		}
		is := func(term ports.SearchTerm) bool {
			return slices.ContainsFunc(has, func(token string) bool {
				return token == term.Token || term.Prefix && strings.HasPrefix(token, term.Token)
			})
		}
		for _, term := range all {
			if !is(term) {
				t.Fatalf("%q matches %q, but the index has no %v", body, text, term)
			}
		}
		for _, term := range none {
			if is(term) {
				t.Fatalf("%q matches %q, but the index has %v", body, text, term)
			}
		}
	})
}

func TestEachTextIsFoundByItself(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"Don't panic!", "Straße und Übermut", "İstanbul'da", "Đà Nẵng", "Ёлка", "مَدْرَسَة", "צה״ל", "हिन्दी", "我们去北京", "東京タワー", "학교에서", "สวัสดี", "👩‍👩‍👧 ok",
	} {
		for _, text := range []string{body, strings.ToUpper(body), strings.ToLower(body), `"` + body + `"`} {
			q, err := parse(text, words.Reader{})
			if err != nil {
				t.Fatal(err)
			}
			if _, does := q.match(body, words.Reader{}.Words(nil, body)); !does {
				t.Errorf("%q is not found by %q", body, text)
			}
		}
	}
}

func TestLinksAreSeen(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"see https://example.com": true, "HTTP://[::1]/x": true, "(http://пример.рф)": true, "https://": false, "https:// example": false,
		"xhttps://example.com": false, "ftp://example.com": false, "example.com": false, "a://b https://c": true, "": false,
	} {
		if got := hasLink(body); got != want {
			t.Errorf("%q has a link: %t, want %t", body, got, want)
		}
	}
}
