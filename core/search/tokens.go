package search

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Tokens that are not words have a colon. No word has one.
const (
	authorFacet = "f:"
	linkFacet   = "h:link"
)

// tokens returns the tokens of a message. words are the words of its body.
func tokens(author chat.UserID, body string, words []ports.Word) []string {
	all := make([]string, 0, len(words)+4)
	all = append(all, authorToken(author))
	if hasLink(body) {
		all = append(all, linkFacet)
	}
	for i := range words {
		w := &words[i]
		if all = append(all, w.Form); w.Bare != w.Form {
			all = append(all, w.Bare)
		}
		if w.Next {
			all = append(all, words[i-1].Form+w.Form)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), ports.MaxDocTokens)]
}

// authorToken returns the token of an author. Two authors with long ids may have the same token.
func authorToken(author chat.UserID) string {
	token := authorFacet + string(author)
	if len(token) <= ports.MaxTokenBytes {
		return token
	}
	end := ports.MaxTokenBytes
	for !utf8.RuneStart(token[end]) {
		end--
	}
	return token[:end]
}

// hasLink reports whether a text has the address of a web page.
func hasLink(body string) bool {
	for rest := body; ; {
		before, after, found := strings.Cut(rest, "://")
		if !found {
			return false
		}
		if endsInScheme(before) && startsHost(after) {
			return true
		}
		rest = after
	}
}

func endsInScheme(s string) bool {
	for _, scheme := range []string{"http", "https"} {
		if n := len(s) - len(scheme); n >= 0 && strings.EqualFold(s[n:], scheme) {
			return n == 0 || !alphanumeric(rune(s[n-1]))
		}
	}
	return false
}

func startsHost(s string) bool {
	c, _ := utf8.DecodeRuneInString(s)
	return alphanumeric(c) || c == '[' || c >= utf8.RuneSelf && c != utf8.RuneError
}

func alphanumeric(c rune) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' }

// asks returns the terms that the index is asked for: those that a message must have, and those
// that it must not have. The index then finds all messages that match, and maybe others.
func (q *query) asks(ask *ports.Search) (all, none []ports.SearchTerm) {
	for i := range q.terms {
		t := &q.terms[i]
		list := t.asks()
		switch {
		case !t.not:
			all = append(all, list...)
		// A message may have all words of a phrase without having the phrase.
		case len(list) == 1:
			none = append(none, list...)
		}
	}
	// Long words are rare, so they come first.
	slices.SortStableFunc(all, func(a, b ports.SearchTerm) int { return cmp.Compare(len(b.Token), len(a.Token)) })
	all = cutTerms(all)
	if ask.Author != "" {
		all = append(all, ports.SearchTerm{Token: authorToken(ask.Author)})
	}
	if ask.Has == ports.HasLink {
		all = append(all, ports.SearchTerm{Token: linkFacet})
	}
	return all, cutTerms(none)
}

// maxAsked bounds the terms that the index is asked for, of each sort. The rest is left to match.
const maxAsked = 16

func cutTerms(list []ports.SearchTerm) []ports.SearchTerm {
	var kept []ports.SearchTerm
	for _, t := range list {
		if len(kept) < maxAsked && !slices.Contains(kept, t) {
			kept = append(kept, t)
		}
	}
	return kept
}

// asks returns the tokens of a term. For text in a script without spaces these are pairs of
// characters, so that each character is in one.
func (t *term) asks() (list []ports.SearchTerm) {
	for i := 0; i < len(t.words); {
		end := i + 1
		for end < len(t.words) && t.words[end].Next {
			end++
		}
		if end-i == 1 {
			list = append(list, ports.SearchTerm{Token: t.words[i].Form, Prefix: t.prefix && end == len(t.words)})
		} else {
			for k := i; k < end; k += 2 {
				at := min(k, end-2)
				list = append(list, ports.SearchTerm{Token: t.words[at].Form + t.words[at+1].Form})
			}
		}
		i = end
	}
	return list
}
