package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Reader shows rooms to those who may see them. A room that does not exist and one that the user
// may not know of are both NotFound.
type Reader interface {
	// Enter returns how the user stands in a room that they want to follow, and their role in it:
	// Read at least.
	//
	// Where the first message in a room makes it, a room that does not exist is an empty public one
	// to whoever may make it, and is not Made. It is so for the other questions too, while somebody
	// on this node follows it. Nothing of it is stored, and at any moment somebody may make it
	// another one.
	Enter(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error)

	// History returns a page of a room's log. After a place beyond the head it is Invalid with the
	// detail Ahead.
	History(ctx context.Context, by chat.Identity, query History) (Page, error)

	// Mark moves the user's read mark forward, never back. A seq beyond the head is Invalid.
	Mark(ctx context.Context, by chat.Identity, mark Mark) (Marked, error)

	// Allowed returns the user's role in a room as lately known (a few seconds at most), or
	// NotFound where it is None (Forbidden where they are banned).
	Allowed(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Role, error)

	// MayRead tells of each reader whether they may still read the room that they follow: one right
	// a reader, in that order. It is a question of the service's own: it counts against nobody's
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
	Head   chat.Seq // the room's last entry when it was so; of no meaning with Err
	Unmade bool     // there is no such room, but they may make it
	Err    error    // nil where they may; or else what Reader.Allowed would fail with
}
