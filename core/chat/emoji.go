package chat

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Limits on reactions.
const (
	MaxEmojiChars = 32
	// MaxReactions is how many different emoji a message may have at once, unless it is configured.
	MaxReactions = 50
)

// ParseEmoji returns s as an emoji, or an Invalid error: 1–32 characters without white space and control characters, at least one
// of which shows by itself. "." and ".." are none, as they cannot stand in a URL's path.
func ParseEmoji(s string) (string, error) {
	if err := checkText("emoji", s, MaxEmojiChars); err != nil {
		return "", err
	}
	switch {
	case strings.ContainsFunc(s, unicode.IsSpace):
		return "", Errorf(Invalid, "emoji must not have white space")
	case s == "." || s == "..":
		return "", Errorf(Invalid, "emoji must not be %s", s)
	case !strings.ContainsFunc(s, shows):
		return "", Errorf(Invalid, "emoji must have a character that shows by itself")
	}
	return s, nil
}

// blank are symbols of which nothing is seen: the blanks of braille and of hieroglyphs, the null notehead, and what holds the place of an object.
const blank = "\u2800\U00013441\U00013442\U0001d159\ufffc"

// shows reports whether something is seen of a character that stands alone, and the same by all: what is for private use looks otherwise
// elsewhere, or like nothing. What this version of Unicode does not know yet is seen.
func shows(r rune) bool {
	return !unicode.In(r, unicode.M, unicode.Z, unicode.Cc, unicode.Cf, unicode.Co,
		unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point) &&
		!strings.ContainsRune(blank, r)
}

// EmojiID returns what tells one emoji from another: two with the same id are one reaction. It is the emoji in Unicode's normal
// form C and without what only says how a character is drawn, such as the selector that follows a heart (U+FE0F), or what is not
// seen at all, such as a space of no width. What joins characters to one, and the tags of flags, tell emoji apart.
func EmojiID(emoji string) string {
	if strings.ContainsFunc(emoji, undrawn) {
		emoji = strings.Map(func(r rune) rune {
			if undrawn(r) {
				return -1
			}
			return r
		}, emoji)
	}
	return norm.NFC.String(emoji)
}

func undrawn(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == 0x200c || r == 0x200d || 0xe0020 <= r && r <= 0xe007f:
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// Tally is what a store keeps of one emoji on one message.
type Tally struct {
	Emoji string // as it was first sent
	First Seq    // the entry with which it first came
	Total int    // how many react with it now
	Mine  bool   // the author of the proposal does
	Set   Seq    // the entry that set whether they do; 0: none did
}

// Reacting is what a reaction comes to.
type Reacting struct {
	Fact   Reacted  // as the log has it: with the emoji as it was first sent, and its total
	Same   bool     // it is so already, as the entry at Set made it
	Set    Seq      // 0: no entry did
	Forget []string // the emoji that the message remembers no longer, with all who ever reacted with them
}

// React says what the reaction comes to on a message that has these tallies and may have so many different emoji at once (0:
// MaxReactions). One too many is a Conflict.
//
// Of emoji that nobody reacts with any more a message remembers as many, so that they come again at their places; when a new one
// comes, those are forgotten that came first.
func (f Reacted) React(tallies []Tally, limit int) (Reacting, error) {
	if limit <= 0 {
		limit = MaxReactions
	}
	is, found := f.find(tallies)
	if is.Mine != f.Removed {
		return Reacting{Same: true, Set: is.Set}, nil
	}
	r := Reacting{Fact: f}
	r.Fact.Emoji, r.Fact.Count = is.Emoji, is.Total+1
	if f.Removed {
		r.Fact.Count = is.Total - 1
		return r, nil
	}
	var gone []Tally
	for _, t := range tallies {
		if t.Total <= 0 {
			gone = append(gone, t)
		}
	}
	if is.Total <= 0 && len(tallies)-len(gone) >= limit {
		return Reacting{}, Errorf(Conflict, "the message has %d different reactions, and takes no more", limit)
	}
	if !found && len(gone) > limit {
		slices.SortFunc(gone, func(a, b Tally) int { return cmp.Compare(a.First, b.First) })
		for _, t := range gone[:len(gone)-limit] {
			r.Forget = append(r.Forget, t.Emoji)
		}
	}
	return r, nil
}

// find returns the tally that f is about. Of several with the emoji's id, as older versions made them, it is the one that the
// author is in, or else one that somebody is, or else the one that is written so.
func (f Reacted) find(tallies []Tally) (is Tally, found bool) {
	is = Tally{Emoji: f.Emoji}
	id, best := EmojiID(f.Emoji), -1
	for i := range tallies {
		t := &tallies[i]
		if t.Emoji != f.Emoji && EmojiID(t.Emoji) != id {
			continue
		}
		rank := 0
		for bit, holds := range [...]bool{t.Emoji == f.Emoji, t.Total > 0, t.Mine} {
			if holds {
				rank |= 1 << bit
			}
		}
		if rank > best {
			is, found, best = *t, true, rank
		}
	}
	return is, found
}
