package ledger_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
)

// TestRowsSayWhatFactsSay checks the stored numbers and names, and that each fact survives the way
// into columns and back.
func TestRowsSayWhatFactsSay(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		kind ledger.Kind
		name string
		fact chat.Fact
	}{
		{1, "message", chat.Message{Body: "hi", ReplyTo: 2, Meta: []byte("{}")}},
		{2, "edited", chat.Edited{Target: 3, Body: "hello"}},
		{3, "deleted", chat.Deleted{Target: 3}},
		{4, "reacted", chat.Reacted{Target: 3, Emoji: "👍", Removed: true, Count: 7}},
		{5, "member", chat.MemberChanged{User: "bob", Change: chat.MemberRole, Role: chat.Write}},
		{6, "room", chat.RoomChanged{Change: chat.RoomRenamed, Name: "Tea"}},
		{7, "set", chat.Set{Type: chat.RoomCustom, Target: 3, Slot: "key", Data: []byte("1")}},
	} {
		c, err := ledger.ColumnsOf(row.fact)
		if err != nil || c.Kind != row.kind || c.Kind.String() != row.name || ledger.KindNamed(row.name) != row.kind {
			t.Errorf("%s is of kind %d %s, %v", row.name, c.Kind, c.Kind, err)
		}
		if edited, ok := row.fact.(chat.Edited); ok { // a store reads its body from the message
			if c.Message.Body != "" {
				t.Errorf("the row of an edit says %q", c.Message.Body)
			}
			c.Message.Body = edited.Body
		}
		if set, ok := row.fact.(chat.Set); ok { // whose data is read from its slot
			if c.Data != nil {
				t.Errorf("the row of a set says %q", c.Data)
			}
			c.Data = set.Data
		}
		if got, known := c.Fact(); !known || !reflect.DeepEqual(got, row.fact) {
			t.Errorf("%s: got %#v, want %#v", row.name, got, row.fact)
		}
	}
}

func TestKindsOfLaterReleasesAreNotKnown(t *testing.T) {
	t.Parallel()
	for _, kind := range []ledger.Kind{-1, 0, 9, 1000} {
		c := ledger.Columns{Kind: kind}
		if f, known := c.Fact(); known || kind.String() != "" {
			t.Errorf("kind %d is %v, named %q", kind, f, kind)
		}
	}
	if kind := ledger.KindNamed("pinned"); kind != 0 {
		t.Errorf("what is pinned is of kind %d", kind)
	}
	for _, f := range []chat.Fact{nil, chat.Unknown{Type: "pinned"}, chat.Set{Type: "poll"}} {
		if _, err := ledger.ColumnsOf(f); !errors.Is(err, chat.Internal) {
			t.Errorf("%T has a row: %v", f, err)
		}
	}
}
