package words

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/ports"
)

// maxWords bounds the words of a text. There may be more words than characters: one character can
// stand for several words (U+FDFA). Words beyond the bound are not found.
const maxWords = ports.MaxDocTokens

// Reader splits texts into words. The zero value is ready.
type Reader struct{}

var _ ports.Words = Reader{}

// Words implements ports.Words.
func (Reader) Words(dst []ports.Word, text string) []ports.Word {
	r := reader{text: text, words: dst, most: len(dst) + maxWords}
	for r.at < len(text) && len(r.words) < r.most {
		r.next()
	}
	return r.words[:min(len(r.words), r.most)]
}

// reader goes through one text.
type reader struct {
	text  string
	at    int
	words []ports.Word
	most  int
}

// next skips a separator, or reads a run of characters of one kind.
func (r *reader) next() {
	c, n := utf8.DecodeRuneInString(r.text[r.at:])
	is := kindOf(c)
	from := r.at
	switch is {
	case letter, part:
		r.run(is)
		if is == part {
			r.parts(from, r.at)
		} else {
			r.word(from, r.at)
		}
	case symbol:
		if norm.NFKC.IsNormalString(r.text[from : from+n]) {
			r.emoji(c, n)
			return
		}
		r.at += n // such as a letter in a circle
		r.pieces(norm.NFKC.String(r.text[from:r.at]), from, r.at)
	default:
		r.at += n
	}
}

// run goes to the end of a run of letters, or of parts. Invisible characters do not end it.
func (r *reader) run(of kind) {
	end := r.at
	for r.at < len(r.text) {
		c, n := rune(r.text[r.at]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(r.text[r.at:])
		}
		is := kindOf(c)
		if is != of && is != unseen && (is != mark || of == part) {
			break
		}
		if r.at += n; is != unseen {
			end = r.at
		}
	}
	r.at = end
}

// word adds the word in a part of the text.
func (r *reader) word(from, to int) {
	if form, ok := lowered(r.text[from:to]); ok {
		r.add(ports.Word{Form: form, Bare: form, From: from, To: to})
		return
	}
	r.pieces(norm.NFKC.String(r.text[from:to]), from, to)
}

// pieces adds the words of a text in normal form. It stands for the part of the original text from
// from to to.
func (r *reader) pieces(normal string, from, to int) {
	begin := -1
	end := func(i int) {
		if begin >= 0 {
			r.folded(normal[begin:i], from, to)
		}
		begin = -1
	}
	for i, c := range normal {
		switch is := kindOf(c); {
		case is == part:
			end(i)
			r.part(normal[i:i+utf8.RuneLen(c)], from, to)
		case is == letter, begin >= 0 && (is == mark || is == unseen):
			if begin < 0 {
				begin = i
			}
		default:
			end(i)
		}
	}
	end(len(normal))
}

// folded adds a word in normal form.
func (r *reader) folded(normal string, from, to int) {
	form := fold(normal)
	if form == "" {
		return
	}
	r.add(ports.Word{Form: form, Bare: bare(form), From: from, To: to})
}

// parts adds each character in a part of the text.
func (r *reader) parts(from, to int) {
	run := r.text[from:to]
	if norm.NFKC.IsNormalString(run) {
		for i, c := range run {
			n := utf8.RuneLen(c)
			r.part(run[i:i+n], from+i, from+i+n)
		}
		return
	}
	var iter norm.Iter
	iter.InitString(norm.NFKC, run)
	for !iter.Done() {
		begin := iter.Pos()
		normal := slices.Clone(iter.Next())
		for iter.Pos() == begin && !iter.Done() { // one character may become several
			normal = append(normal, iter.Next()...)
		}
		r.pieces(string(normal), from+begin, from+iter.Pos())
	}
}

// part adds a character of a run. An invisible character is joined to the one before it.
func (r *reader) part(form string, from, to int) {
	var last ports.Word
	if n := len(r.words); n > 0 {
		last = r.words[n-1]
	}
	follows := last.Part && (last.To == from || last.From == from && last.To == to)
	if c, _ := utf8.DecodeRuneInString(form); kindOf(c) == unseen {
		if follows {
			r.words[len(r.words)-1].To = to
		}
		return
	}
	r.add(ports.Word{Form: form, Bare: form, Part: true, Next: follows, From: from, To: to})
}

// emoji adds the emoji that begins with c, of n bytes.
func (r *reader) emoji(c rune, n int) {
	from := r.at
	r.at += n
	if flag(c) {
		if c, n = utf8.DecodeRuneInString(r.text[r.at:]); flag(c) {
			r.at += n
		}
	}
	for joined := false; r.at < len(r.text); {
		c, n = utf8.DecodeRuneInString(r.text[r.at:])
		if !joined && !drawn(c) && !toned(c) && c != joiner || joined && kindOf(c) != symbol {
			break
		}
		joined = c == joiner
		r.at += n
	}
	form := strings.TrimRight(without(r.text[from:r.at], drawnAs), string(joiner))
	r.add(ports.Word{Form: cut(form), Bare: cut(without(form, toned)), From: from, To: r.at})
}

func (r *reader) add(w ports.Word) { r.words = append(r.words, w) }

// kind says how a character is treated.
type kind uint8

const (
	separator kind = iota
	letter         // or digit
	mark           // on a letter
	part           // a letter of a script without spaces between words
	symbol         // or emoji
	unseen         // has no effect within a word
)

// kinds has the kinds of the characters of most alphabets.
var kinds = sync.OnceValue(func() *[0x2000]kind {
	var table [0x2000]kind
	for c := range table {
		table[c] = lookUp(rune(c))
	}
	return &table
})

// kindOf returns the kind of a character.
func kindOf(c rune) kind {
	switch {
	case c < utf8.RuneSelf:
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' {
			return letter
		}
		return separator
	case c < 0x2000:
		return kinds()[c]
	case 0x4e00 <= c && c <= 0x9fff, 0xac00 <= c && c <= 0xd7a3:
		return part // Chinese characters, Hangul
	}
	return lookUp(c)
}

func lookUp(c rune) kind {
	switch {
	case c == zeroSpace || c == utf8.RuneError:
		return separator
	case ignored(c):
		return unseen
	case unicode.In(c, unicode.L, unicode.N):
		if isPart(c) {
			return part
		}
		return letter
	case unicode.Is(unicode.M, c):
		if isPart(c) {
			return part
		}
		return mark
	case unicode.Is(unicode.So, c):
		return symbol
	}
	return separator
}

const (
	zeroSpace = '\u200b' // it is invisible, and separates words
	joiner    = '\u200d'
)

// ignored reports whether a character has no meaning within a word.
func ignored(c rune) bool {
	return c >= 0xad && unicode.In(c, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// scripts has the scripts without spaces between words, and Korean.
var scripts = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0e00, Hi: 0x0eff, Stride: 1}, // Thai, Lao
		{Lo: 0x1000, Hi: 0x109f, Stride: 1}, // Burmese
		{Lo: 0x1100, Hi: 0x11ff, Stride: 1}, // Hangul
		{Lo: 0x1780, Hi: 0x17ff, Stride: 1}, // Khmer
		{Lo: 0x3005, Hi: 0x3007, Stride: 1},
		{Lo: 0x3021, Hi: 0x302f, Stride: 1},
		{Lo: 0x3031, Hi: 0x303c, Stride: 1},
		{Lo: 0x3041, Hi: 0x318f, Stride: 1}, // kana, Bopomofo, Hangul
		{Lo: 0x31a0, Hi: 0x31bf, Stride: 1},
		{Lo: 0x31f0, Hi: 0x31ff, Stride: 1},
		{Lo: 0x3400, Hi: 0x4dbf, Stride: 1}, // Chinese characters
		{Lo: 0x4e00, Hi: 0xa4cf, Stride: 1}, // and Yi
		{Lo: 0xa960, Hi: 0xa97f, Stride: 1},
		{Lo: 0xa9e0, Hi: 0xa9ff, Stride: 1},
		{Lo: 0xaa60, Hi: 0xaa7f, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7ff, Stride: 1}, // Hangul
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xff66, Hi: 0xffdc, Stride: 1}, // of half the width
	},
	R32: []unicode.Range32{
		{Lo: 0x1aff0, Hi: 0x1b16f, Stride: 1},
		{Lo: 0x20000, Hi: 0x3ffff, Stride: 1},
	},
}

func isPart(c rune) bool { return c >= 0x0e00 && unicode.Is(scripts, c) }

// flag reports whether a character is one of the letters of which two make a flag.
func flag(c rune) bool { return 0x1f1e6 <= c && c <= 0x1f1ff }

// toned reports whether a character sets the skin tone of an emoji.
func toned(c rune) bool { return 0x1f3fb <= c && c <= 0x1f3ff }

// drawn reports whether a character belongs to the emoji before it: it says how that is drawn, or
// is a tag of a flag.
func drawn(c rune) bool { return drawnAs(c) || 0xe0020 <= c && c <= 0xe007f || c == '\u20e3' }

// drawnAs reports whether a character only says how an emoji is drawn.
func drawnAs(c rune) bool { return unicode.Is(unicode.Variation_Selector, c) }
