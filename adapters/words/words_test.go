package words_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-chat/parley/adapters/words"
	"github.com/parley-chat/parley/ports"
)

// show writes words in one line: form, and bare where it differs; a + before a part that follows
// another.
func show(list []ports.Word) string {
	var b strings.Builder
	for i, w := range list {
		switch {
		case w.Next:
			b.WriteString("+")
		case i > 0:
			b.WriteString(" ")
		}
		if b.WriteString(w.Form); w.Bare != w.Form {
			b.WriteString("(" + w.Bare + ")")
		}
	}
	return b.String()
}

func split(text string) []ports.Word { return words.Reader{}.Words(nil, text) }

func TestTextsAreSplitIntoWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"English", "Don't panic: the tea's HOT!", "don t panic the tea s hot"},
		{"what has a dot, an underscore or a dash in it is several words", "see https://www.Example.com/a_b-c?d=1", "see https www example com a b c d 1"},
		{"numbers", "v1.2.3 costs 1,000 €", "v1 2 3 costs 1 000"},
		{"German", "Straße, STRASSE und Übermut", "strasse strasse und übermut(ubermut)"},
		{"French", "L’été à la crème brûlée", "l été(ete) à(a) la crème(creme) brûlée(brulee)"},
		{"Polish and Danish", "Łódź på smørrebrød", "łódź(lodz) på(pa) smørrebrød(smorrebrod)"},
		{"Turkish", "İstanbul istanbul ISTANBUL ıstanbul i̇stanbul", "istanbul istanbul istanbul istanbul istanbul"},
		{"Vietnamese", "Đà Nẵng, phở", "đà(da) nẵng(nang) phở(pho)"},
		{"Russian", "Ёлка и ёж: МОЙ", "елка и еж мой"},
		{"Greek", "ΟΔΟΣ οδός", "οδοσ οδόσ(οδοσ)"},
		{"Arabic", "مَدْرَسَة أحمد ١٢٣ كتـــاب", "مدرسه احمد 123 كتاب"},
		{"Persian", "می\u200cخواهم کتاب", "ميخواهم كتاب"},
		{"Hebrew", "שָׁלוֹם צה״ל", "שלום צה ל"},
		{"Hindi", "हिन्दी क़लम", "हिन्दी क़लम(कलम)"},
		{"Chinese", "我们去北京。", "我+们+去+北+京"},
		{"Chinese with others", "第3章 iPhone手机", "第 3 章 iphone 手+机"},
		{"Japanese", "東京タワーへ行く、ﾌﾟﾗｻﾞ", "東+京+タ+ワ+ー+へ+行+く プ+ラ+ザ"},
		{"Japanese, decomposed", "か\u3099く", "が+く"},
		{"Korean", "학교에서 만나", "학+교+에+서 만+나"},
		{"Korean, decomposed", "\u1112\u1161\u11ab", "한"},
		{"Thai", "สวัสดีครับ", "ส+ว+ั+ส+ด+ี+ค+ร+ั+บ"},
		{"a space of no width stands between words", "ก\u200bข ab\u200bcd", "ก ข ab cd"},
		{"what is not seen within a word is not there", "so\u00adft zwj\u200dx \ufeffbom", "soft zwjx bom"},
		{"full width", "ＡＢＣ　１２", "abc 12"},
		{"ligatures and the like", "ﬁn ① ½ ™ ㌔ ℡", "fin 1 1 2 tm キ+ロ tel"},
		{"emoji", "🎉🎉 hi👍🏽!", "🎉 🎉 hi 👍🏽(👍)"},
		{"emoji of several characters", "👩\u200d👩\u200d👧 🇩🇪🇹🇷 🏴󠁧󠁢󠁳󠁣󠁴󠁿 ❤️ ❤", "👩\u200d👩\u200d👧 🇩🇪 🇹🇷 🏴󠁧󠁢󠁳󠁣󠁴󠁿 ❤ ❤"},
		{"skin in a family", "👩🏽\u200d🚀", "👩🏽\u200d🚀(👩\u200d🚀)"},
		{"a key", "1️⃣", "1⃣(1)"},
		{"none", " .,:;!?\"'()[]{}<>+-*/\\|_~`@#$%^&=\n\t\x00\u0301", ""},
		{"invalid", "a\xffb \xc3", "a b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := show(split(test.text)); got != test.want {
				t.Errorf("%q has the words\n%s\nwant\n%s", test.text, got, test.want)
			}
		})
	}
}

func TestWordsHavePlaces(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"Über  die Straße!":      {"Über", "die", "Straße"},
		"so\u00adft\u200d x":     {"so\u00adft", "x"},
		"北京 ﾌﾟ か\u3099":          {"北", "京", "ﾌﾟ", "か\u3099"},
		"a\U0001f44d\U0001f3fdb": {"a", "\U0001f44d\U0001f3fd", "b"},
		"½ ﷺ":                    {"½", "½", "ﷺ", "ﷺ", "ﷺ", "ﷺ"},
		"葛\U000e0100城":           {"葛\U000e0100", "城"},
	} {
		var got []string
		for _, w := range split(text) {
			got = append(got, text[w.From:w.To])
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("words of %q stand at %q, want %q", text, got, want)
		}
	}
}

func TestLongWordsAreCut(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("x", 4000), strings.Repeat("é", 4000), strings.Repeat("ß", 4000), strings.Repeat("ﬃ", 4000),
		"a" + strings.Repeat("\u0301", 4000), "👩" + strings.Repeat("\u200d👩", 2000), strings.Repeat("ﷺ", 4000), strings.Repeat("北", 4000),
	} {
		list := split(text)
		if len(list) > ports.MaxDocTokens {
			t.Errorf("%.9q… has %d words, want %d at most", text, len(list), ports.MaxDocTokens)
		}
		for _, w := range list {
			checkWord(t, text, w)
		}
	}
}

func checkWord(t *testing.T, text string, w ports.Word) {
	t.Helper()
	for _, form := range []string{w.Form, w.Bare} {
		if form == "" || len(form) > ports.MaxTokenBytes || !utf8.ValidString(form) || strings.ContainsAny(form, "\x00: ") {
			t.Fatalf("a word of %.40q is %q", text, form)
		}
	}
	boundary := func(at int) bool { return at == len(text) || utf8.RuneStart(text[at]) }
	if w.From < 0 || w.From >= w.To || w.To > len(text) || utf8.ValidString(text) && (!boundary(w.From) || !boundary(w.To)) {
		t.Fatalf("the word %q of %.40q stands from %d to %d", w.Form, text, w.From, w.To)
	}
}

func FuzzWords(f *testing.F) {
	for _, text := range []string{"", "Don't panic", "İSTANBUL ß", "北京 か\u3099 ﾌﾟ", "👩🏽\u200d🚀🇩🇪", "می\u200cخواهم", "½ ﷺ ™", "\xff\xc3a", "สวัสดี", "a\u0301\u200d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list := split(text)
		last := 0
		for i, w := range list {
			checkWord(t, text, w)
			if w.From < last {
				t.Fatalf("the words of %q are not in order: %q", text, show(list))
			}
			if last = w.From; w.Next && (i == 0 || !w.Part || !list[i-1].Part) {
				t.Fatalf("%q follows no part in %q", w.Form, text)
			}
		}
		if again := split(" " + text + " "); show(again) != show(list) {
			t.Fatalf("%q has other words between spaces: %s, not %s", text, show(again), show(list))
		}
		for _, w := range list { // a word that is copied from a text is found in it
			if utf8.ValidString(text) && !w.Part {
				part := split(text[w.From:w.To])
				if !contains(part, w) {
					t.Fatalf("%q of %q has the words %s, and not %s", text[w.From:w.To], text, show(part), w.Form)
				}
			}
		}
	})
}

func contains(list []ports.Word, w ports.Word) bool {
	for i := range list {
		if list[i].Form == w.Form && list[i].Bare == w.Bare {
			return true
		}
	}
	return false
}

const chatter = "Shall we meet at 5 pm? I have put the slides at https://example.com/slides (see page 3), thanks Zoë 🎉"

// TestGuardWordsAllocateLittle holds the tokenizer to what it takes: a copy of each word that is
// not in small letters of ASCII, and its bare form.
func TestGuardWordsAllocateLittle(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	list := make([]ports.Word, 0, 64)
	for text, most := range map[string]float64{
		strings.Repeat("small letters only ", 5): 0,
		chatter:                                  12,
		"我们去北京看长城":                               1, // package norm looks whether it is in normal form
	} {
		got := testing.AllocsPerRun(100, func() { list = words.Reader{}.Words(list[:0], text) })
		if got > most {
			t.Errorf("%q takes %.0f allocations, want %.0f at most", text, got, most)
		}
	}
}

func BenchmarkWords(b *testing.B) {
	for name, text := range map[string]string{
		"English": chatter, "Chinese": strings.Repeat("我们去北京看长城，", 10), "Russian": strings.Repeat("Мы встретимся в пять часов. ", 4),
		"Arabic": strings.Repeat("نلتقي في الساعة الخامسة. ", 4), "Vietnamese": strings.Repeat("Hẹn gặp lại ở Đà Nẵng. ", 4),
	} {
		b.Run(name, func(b *testing.B) {
			list := make([]ports.Word, 0, 256)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				list = words.Reader{}.Words(list[:0], text)
			}
		})
	}
}
