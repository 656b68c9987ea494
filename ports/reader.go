package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Reader shows rooms to those who may see them. A room that does not exist and one that the user
// may not know of are both NotFound.
type Reader interface {
	// Enter returns the user's standing in a room that they want to follow, and their role in it,
	// which is at least Read.
	//
	// Where a first message makes rooms, a room that does not exist looks like an empty public one
	// to whoever may make it; Made is false for it. The other methods show it in the same way while
	// somebody on this node follows it. Nothing of it is stored. Somebody may create a different
	// room, such as a private one, with that id at any time.
	Enter(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error)

	// History returns a page of a room's log. An After beyond the head is Invalid, with the detail
	// Ahead.
	History(ctx context.Context, by chat.Identity, query History) (Page, error)

	// Mark moves the user's read mark forward, never back. A seq beyond the head is Invalid.
	Mark(ctx context.Context, by chat.Identity, mark Mark) (Marked, error)

	// Marks returns the read marks of the others in a room that the user may read, in the order of
	// their ids; nil where the room has more than MaxMarks members, or marks. It comes with a join:
	// it counts against nobody's limit.
	Marks(ctx context.Context, by chat.Identity, room chat.RoomID) ([]ReadMark, error)

	// Allowed returns the user's role in a room, which may be a few seconds old. Where it is None
	// the error is NotFound, or Forbidden for a banned user.
	Allowed(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Role, error)

	// MayRead tells whether readers may still read the rooms that they follow. It returns one right
	// per reader, in their order. The service calls it for itself: it counts against nobody's
	// limit, and makes no room. An error means that nothing is known of any.
	MayRead(ctx context.Context, readers []Follower) ([]Right, error)
}

// Follower is a user who follows a room.
type Follower struct {
	By   chat.Identity
	Room chat.RoomID
}

// Right is whether somebody may read a room.
type Right struct {
	Head   chat.Seq // the room's last entry at that time; without meaning if Err is set
	Unmade bool     // there is no such room, but they may make it
	Err    error    // nil where they may; otherwise as of Reader.Allowed
}
