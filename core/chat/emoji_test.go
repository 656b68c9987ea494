package chat_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

func TestEmojiID(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, a, b string
		one        bool
	}{
		{"with and without a selector", "❤", "❤\ufe0f", true},
		{"drawn as text and as an emoji", "❤\ufe0e", "❤\ufe0f", true},
		{"composed and decomposed", "\u00e9", "e\u0301", true},
		{"marks in another order", "a\u0323\u0307", "a\u0307\u0323", true},
		{"a selector between a letter and its mark", "e\ufe0f\u0301", "é", true},
		{"a keycap with and without a selector", "1\ufe0f\u20e3", "1\u20e3", true},
		{"an unseen space behind it", "👍\u200b", "👍", true},
		{"a skin tone", "👍🏽", "👍", false},
		{"a joiner", "👩\u200d👧", "👩👧", false},
		{"the tags of a flag", "🏴\U000e0067\U000e007f", "🏴", false},
		{"another case", "a", "A", false},
		{"what is only compatible", "①", "1", false},
	} {
		if one := chat.EmojiID(row.a) == chat.EmojiID(row.b); one != row.one {
			t.Errorf("%s: %q and %q are one: %t, want %t", row.name, row.a, row.b, one, row.one)
		}
	}
}

func TestReactAmongRowsOfOlderVersions(t *testing.T) {
	t.Parallel()
	// An older version kept both ways to write a heart apart.
	both := []chat.Tally{{Emoji: "❤", First: 2, Total: 3}, {Emoji: "❤\ufe0f", First: 3, Total: 1, Mine: true, Set: 9}}
	heart, back := chat.Reacted{Target: 1, Emoji: "❤"}, chat.Reacted{Target: 1, Emoji: "❤", Removed: true}
	if got, err := heart.React(both, 0); err != nil || !got.Same || got.Set != 9 {
		t.Errorf("who reacts the other way already: %+v, %v", got, err)
	}
	if got, err := back.React(both, 0); err != nil || got.Fact != (chat.Reacted{Target: 1, Emoji: "❤\ufe0f", Removed: true}) {
		t.Errorf("who takes the other way back: %+v, %v", got, err)
	}
	both[1].Mine = false
	if got, err := heart.React(both, 1); err != nil || got.Fact != (chat.Reacted{Target: 1, Emoji: "❤", Count: 4}) {
		t.Errorf("who is in neither: %+v, %v", got, err)
	}
	both[0].Total = 0
	if got, err := heart.React(both, 1); err != nil || got.Fact != (chat.Reacted{Target: 1, Emoji: "❤\ufe0f", Count: 2}) {
		t.Errorf("where only the other way is there: %+v, %v", got, err)
	}
	// And it remembered all that ever came.
	var many []chat.Tally
	for i := range 5 {
		many = append(many, chat.Tally{Emoji: string(rune('e' - i)), First: chat.Seq(9 - i)})
	}
	got, err := chat.Reacted{Target: 1, Emoji: "👍"}.React(many, 2)
	if err != nil || !slices.Equal(got.Forget, []string{"a", "b", "c"}) {
		t.Errorf("what is forgotten: %+v, %v", got, err)
	}
	many = append(many, chat.Tally{Emoji: "x", Total: 1}, chat.Tally{Emoji: "y", Total: 1})
	if got, err := (chat.Reacted{Target: 1, Emoji: "👍"}).React(many, 2); !errors.Is(err, chat.Conflict) || got.Forget != nil {
		t.Errorf("one too many: %+v, %v", got, err)
	}
}
