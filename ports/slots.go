package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Slots knows what slots hold. Entries set them, by Log.Append, which keeps the slots in step in
// the same commit. The slots of messages are returned by Log.Read.
type Slots interface {
	// RoomSlots returns the slots that are set on each of the rooms itself, by type and then by
	// slot (bytewise). It returns those of the given types, or of all types if none is given. A
	// room that does not exist has none. Its error may be a Partial.
	RoomSlots(ctx context.Context, rooms []chat.RoomID, types ...chat.SetType) (map[chat.RoomID][]chat.Slot, error)

	// Pins returns messages that are pinned in a room and not deleted, the one that was pinned last
	// first. It returns at most limit, and only those that were pinned before the entry before; 0:
	// no bound.
	Pins(ctx context.Context, room chat.RoomID, before chat.Seq, limit int) ([]PinnedMessage, error)

	// DuePins returns pins whose end has come by the store's clock, of messages that are not
	// deleted. It returns at most limit, those first that have been due for longest. They stay
	// until an entry unsets them.
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
