package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Slots knows what slots hold. What sets them are entries, by Log.Append, which keeps the slots in
// step in the same commit; of messages Log.Read tells what is set on them.
type Slots interface {
	// RoomSlots returns, of each of the rooms, what is set on the room itself of the types, or of
	// all types where none is named: by type and then by slot, bytewise. A room that does not exist
	// has none.
	RoomSlots(ctx context.Context, rooms []chat.RoomID, types ...chat.SetType) (map[chat.RoomID][]chat.Slot, error)

	// Pins returns the messages that are pinned in a room and not deleted, at most limit of those
	// whose pin was set before an entry, 0 being no bound: the one that was pinned last comes
	// first.
	Pins(ctx context.Context, room chat.RoomID, before chat.Seq, limit int) ([]PinnedMessage, error)

	// DuePins returns pins of messages that are not deleted whose end has come by the store's
	// clock, at most limit, those first that are due the longest. They stand until an entry unsets
	// them.
	DuePins(ctx context.Context, limit int) ([]DuePin, error)
}

// PinnedMessage is a message that is pinned.
type PinnedMessage struct {
	Message chat.Seq
	SetBy   chat.Seq // the entry that pinned it
}

// DuePin is a pin whose end has come.
type DuePin struct {
	Room chat.RoomID
	PinnedMessage
	Due time.Time
}
