package search

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/ports"
)

// match reports whether a body matches the query, and where. words are the words of the body.
func (q *query) match(body string, words []ports.Word) (marks []ports.SearchMark, does bool) {
	for i := range q.terms {
		t := &q.terms[i]
		found := 0
		for at := 0; at < len(words) && found < ports.MaxHitMarks; at++ {
			if !t.at(words, at) {
				continue
			}
			if found++; t.not {
				return nil, false
			}
			marks = append(marks, ports.SearchMark{From: words[at].From, To: words[at+len(t.words)-1].To})
		}
		if found == 0 && !t.not {
			return nil, false
		}
	}
	return inChars(body, merged(marks)), true
}

// at reports whether the words of a term stand at a place in words.
func (t *term) at(words []ports.Word, at int) bool {
	if at+len(t.words) > len(words) {
		return false
	}
	for i := range t.words {
		asked, is := &t.words[i], &words[at+i]
		if asked.Next && !is.Next || !like(asked, is, t.prefix && i == len(t.words)-1) {
			return false
		}
	}
	return true
}

// like reports whether a word is the one asked for. With prefix it may also begin with that.
func like(asked, is *ports.Word, prefix bool) bool {
	if asked.Form == is.Form || asked.Form == is.Bare {
		return true
	}
	return prefix && (strings.HasPrefix(is.Form, asked.Form) || strings.HasPrefix(is.Bare, asked.Form))
}

// merged returns marks in their order. Marks that overlap or touch become one.
func merged(marks []ports.SearchMark) (all []ports.SearchMark) {
	slices.SortFunc(marks, func(a, b ports.SearchMark) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	for _, m := range marks {
		if n := len(all); n > 0 && m.From <= all[n-1].To {
			all[n-1].To = max(all[n-1].To, m.To)
			continue
		}
		if len(all) == ports.MaxHitMarks {
			break
		}
		all = append(all, m)
	}
	return all
}

// inChars converts ascending marks from bytes to characters.
func inChars(body string, marks []ports.SearchMark) []ports.SearchMark {
	chars, at := 0, 0
	place := func(bytes int) int {
		chars += utf8.RuneCountInString(body[at:bytes])
		at = bytes
		return chars
	}
	for i := range marks {
		marks[i].From = place(marks[i].From)
		marks[i].To = place(marks[i].To)
	}
	return marks
}
