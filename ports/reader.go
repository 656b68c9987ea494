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
	// If a first message can make a room, a room that does not exist looks like an empty public one
	// to those who may make it. Made is false for it. The other methods show it in the same way
	// while somebody on this node follows it. Nothing of it is stored. At any time somebody may
	// create a different room with that id, such as a private one.
	Enter(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error)

	// History returns a page of a room's log. The error is Invalid with the detail Ahead if After
	// is beyond the head.
	History(ctx context.Context, by chat.Identity, query History) (Page, error)

	// Mark moves the user's read mark forward, never back. A seq beyond the head is Invalid.
	Mark(ctx context.Context, by chat.Identity, mark Mark) (Marked, error)

	// Marks returns the read marks of the other users in a room that the user may read, in the
	// order of their ids. It returns nil if the room has more than MaxMarks members or marks. It is
	// part of a join, so it counts against nobody's limit.
	Marks(ctx context.Context, by chat.Identity, room chat.RoomID) ([]ReadMark, error)

	// Allowed returns the user's role in a room, which may be a few seconds old. If the role is
	// None, the error is NotFound, or Forbidden for a banned user.
	Allowed(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Role, error)

	// MayRead tells whether users may still read the rooms that they follow. It returns one right
	// per follower, in their order. The service calls it for itself: it counts against nobody's
	// limit, and makes no room. An error means that nothing is known of any of them.
	MayRead(ctx context.Context, readers []Follower) ([]Right, error)
}

// Follower is a user who follows a room.
type Follower struct {
	By   chat.Identity
	Room chat.RoomID
}

// Right says whether somebody may read a room.
type Right struct {
	Head   chat.Seq // the room's last entry at that time; it has no meaning if Err is set
	Unmade bool     // there is no such room, but they may make it
	Err    error    // nil if they may; otherwise the error of Reader.Allowed, or Unavailable
}
