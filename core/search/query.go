package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// query is what is looked for in a body.
type query struct{ terms []term }

// term is a sequence of words.
type term struct {
	words  []ports.Word
	prefix bool // the last word stands for all words that begin with it
	not    bool // a message that has the term does not match
}

// minPrefix is how many characters a word before a star must have. Nobody looks for all words that
// begin with one letter.
const minPrefix = 2

// parse reads a query. Only a star at the end of a word, or right behind a phrase, is special:
// within quotation marks it is not. What has no word in it, such as a dash between spaces, is
// ignored.
func parse(text string, split ports.Words) (query, error) {
	var q query
	switch {
	case !utf8.ValidString(text):
		return q, chat.Errorf(chat.Invalid, "q must be UTF-8")
	case len(text) > ports.MaxQueryChars && utf8.RuneCountInString(text) > ports.MaxQueryChars:
		return q, chat.Errorf(chat.Invalid, "q must have at most %d characters", ports.MaxQueryChars)
	case strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && !unicode.IsSpace(c) }):
		return q, chat.Errorf(chat.Invalid, "q must not have control characters")
	}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		var t term
		if t, text = next(text, split); len(t.words) == 0 {
			continue
		}
		last := &t.words[len(t.words)-1]
		switch {
		case last.Part:
			t.prefix = false // such a text finds parts of longer ones anyway
		case t.prefix && utf8.RuneCountInString(last.Form) < minPrefix:
			return q, chat.Errorf(chat.Invalid, "q must have at least %d characters before a star", minPrefix)
		}
		if q.terms = append(q.terms, t); len(q.terms) > ports.MaxQueryTerms {
			return q, chat.Errorf(chat.Invalid, "q must have at most %d words and phrases", ports.MaxQueryTerms)
		}
	}
	return q, nil
}

// next reads the term at the beginning of text, which is not empty. It also returns the rest of
// text.
func next(text string, split ports.Words) (t term, rest string) {
	if after, is := strings.CutPrefix(text, "-"); is {
		t.not, text = true, after
	}
	said := text
	if _, n := quote(text); n > 0 {
		said, rest = phrase(text[n:])
		if after, is := strings.CutPrefix(rest, "*"); is {
			t.prefix, rest = true, after
		}
	} else {
		if end := strings.IndexFunc(text, unicode.IsSpace); end >= 0 {
			said, rest = text[:end], text[end:]
		}
		if before, is := strings.CutSuffix(said, "*"); is {
			t.prefix, said = true, before
		}
	}
	t.words = split.Words(nil, said)
	return t, rest
}

// quote returns the quotation mark that a text begins with, and its length in bytes; the length is
// 0 if there is none.
func quote(text string) (c rune, n int) {
	if c, n = utf8.DecodeRuneInString(text); strings.ContainsRune("\"“”„", c) {
		return c, n
	}
	return 0, 0
}

// phrase returns the text in quotation marks, and the rest. If there is no closing mark, the phrase
// goes to the end of the text.
func phrase(text string) (said, rest string) {
	end := strings.IndexAny(text, "\"“”„")
	if end < 0 {
		return text, ""
	}
	_, n := utf8.DecodeRuneInString(text[end:])
	return text[:end], text[end+n:]
}

// wants reports whether the query looks for something. It does not if all its terms are excluded
// ones.
func (q *query) wants() bool {
	for i := range q.terms {
		if !q.terms[i].not {
			return true
		}
	}
	return false
}

// check returns an error if a query does not say what to look for.
func (q *query) check(text string) error {
	switch {
	case q.wants():
		return nil
	case len(q.terms) > 0:
		return chat.Errorf(chat.Invalid, "q must have a word to look for, besides those that are not meant")
	case strings.TrimSpace(text) == "":
		return chat.Errorf(chat.Invalid, "q must not be empty, unless author or has is given")
	}
	return chat.Errorf(chat.Invalid, "q must have a word to look for; there is none in it")
}
