package ledger

import (
	"cmp"
	"slices"

	"github.com/parley-chat/parley/core/chat"
)

type reactedRule struct{}

func (reactedRule) terms(*chat.Proposal) terms { return terms{role: chat.Write, changes: true} }

// ruling counts a reaction, and refuses a new emoji when the message has as many as it may have.
//
// A message also remembers emoji that nobody reacts with any more, so that they can return to their
// place in the order. It remembers at most limit of them. When a new emoji comes and there are
// more, the oldest are forgotten.
func (reactedRule) ruling(c matter) (Ruling, error) {
	f := c.Fact.(chat.Reacted)
	tallies, err := c.rows.Tallies(f.Target, c.Author.ID)
	if err != nil {
		return Ruling{}, err
	}
	limit := c.Reactions
	if limit <= 0 {
		limit = chat.MaxReactions
	}
	is, known := find(tallies, f.Emoji)
	if is.Mine != f.Removed {
		return c.unchanged(is.Set), nil
	}
	of := &Reaction{Reacted: f}
	of.Emoji, of.Count = is.Emoji, is.Total+1
	if f.Removed {
		of.Count = is.Total - 1
	} else {
		gone := idle(tallies)
		if is.Total <= 0 && len(tallies)-len(gone) >= limit {
			return refused(chat.Errorf(chat.Conflict, "the message has %d different reactions, and takes no more", limit)), nil
		}
		if !known && len(gone) > limit {
			of.Forget = gone[:len(gone)-limit]
		}
	}
	r := c.appends(of.Reacted)
	r.Reaction = of
	return r, nil
}

// find returns the tally of an emoji. Older versions could store several with one id. Of these it
// takes one with a reaction of the user, else one with any reaction, else the one with the same
// encoding.
func find(tallies []Tally, emoji string) (is Tally, known bool) {
	is = Tally{Emoji: emoji}
	id, best := chat.EmojiID(emoji), -1
	for i := range tallies {
		t := &tallies[i]
		if t.Emoji != emoji && chat.EmojiID(t.Emoji) != id {
			continue
		}
		rank := 0
		for bit, holds := range [...]bool{t.Emoji == emoji, t.Total > 0, t.Mine} {
			if holds {
				rank |= 1 << bit
			}
		}
		if rank > best {
			is, known, best = *t, true, rank
		}
	}
	return is, known
}

// idle returns the emoji that nobody reacts with any more, oldest first.
func idle(tallies []Tally) (emoji []string) {
	var gone []Tally
	for _, t := range tallies {
		if t.Total <= 0 {
			gone = append(gone, t)
		}
	}
	slices.SortFunc(gone, func(a, b Tally) int { return cmp.Compare(a.First, b.First) })
	for _, t := range gone {
		emoji = append(emoji, t.Emoji)
	}
	return emoji
}

func (reactedRule) columns(f chat.Fact) Columns {
	is := f.(chat.Reacted)
	return Columns{Target: is.Target, Emoji: is.Emoji, Removed: is.Removed, Total: is.Count}
}

func (reactedRule) fact(c *Columns) chat.Fact {
	return chat.Reacted{Target: c.Target, Emoji: c.Emoji, Removed: c.Removed, Count: c.Total}
}
