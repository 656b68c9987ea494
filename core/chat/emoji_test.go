package chat_test

import (
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
