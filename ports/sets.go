package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// What a node can do beyond protocol v1 as it was first published. Clients are told the features
// that all living nodes have. Other features cannot be used.
const (
	FeatureSets     = "sets"     // Set, and values that are set on messages and rooms
	FeaturePins     = "pins"     // Pin and Unpin
	FeatureMetadata = "metadata" // a room's topic, avatar and the like
)

// Sets shows what is set in rooms, to those who may read them. If not all nodes have the feature,
// the error is UnknownType.
type Sets interface {
	// Pins returns a page of the messages that are pinned in a room, as the user sees them. The one
	// that was pinned last comes first. A page is also limited by bytes, but has at least one
	// message.
	Pins(ctx context.Context, by chat.Identity, query PinsQuery) (PinsPage, error)

	// RoomSets returns the slots of the application's own types that are set on a room, by type and
	// then by slot (bytewise). The slots of a message are part of the message.
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

// Metadata has the values of the types room.* that are set on a room.
type Metadata struct {
	Topic, Avatar string      // empty: none
	Custom        []chat.Slot // by key
	MayPin        chat.Role   // the role that it takes to pin; None: Moderate
	// The role that it takes to set the application's own types; None: Write.
	MaySet chat.Role
}
