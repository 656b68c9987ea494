package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// What a node can do beyond protocol v1 as it was first published. Clients are told of what all
// nodes that live can, and nothing else is taken from them.
const (
	FeatureSets     = "sets"     // Set, and what is set on messages and rooms
	FeaturePins     = "pins"     // Pin and Unpin
	FeatureMetadata = "metadata" // of rooms
)

// Sets shows what is set in rooms, to those who may read them. Where not all nodes can serve it, it
// is UnknownType.
type Sets interface {
	// Pins returns a page of the messages that are pinned in a room, as the user sees them: the one
	// that was pinned last comes first. A page is cut by bytes too, but has one message at least.
	Pins(ctx context.Context, by chat.Identity, query PinsQuery) (PinsPage, error)

	// RoomSets returns what is set on a room of the application's own types, by type and then by
	// slot, bytewise. What is set on a message stands in the message.
	RoomSets(ctx context.Context, by chat.Identity, room chat.RoomID) ([]chat.Slot, error)
}

// PinsQuery asks for a page of pins.
type PinsQuery struct {
	Room   chat.RoomID
	Before chat.Seq // pins that were set before this entry; 0: no bound
	Limit  int      // 1–200
}

// PinsPage is a page of pins.
type PinsPage struct {
	Room     chat.RoomID
	Messages []chat.Entry
	Next     chat.Seq // the Before of the next page; 0: there is none
}

// Metadata is what is set on a room of the types room.*.
type Metadata struct {
	Topic, Avatar string      // empty: none
	Custom        []chat.Slot // by key
	MayPin        chat.Role   // whom it takes to pin; None: Moderate
	MaySet        chat.Role   // whom it takes to set types of the application's own; None: Write
}
