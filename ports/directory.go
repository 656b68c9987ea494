package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Directory knows rooms, members and read marks. Changes to rooms and members are entries: they go through Log.Append, which
// keeps the directory in step in the same commit.
type Directory interface {
	// Create makes a room with an empty log; ID, Name and Public count. A non-empty owner becomes a member who may moderate.
	// A room of that id is a Conflict.
	Create(ctx context.Context, room chat.Room, owner chat.UserID) (chat.Room, error)

	// Standing returns how a user stands in a room, from one consistent view, or NotFound where there is no such room.
	Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Standing, error)

	// Places returns how users stand in rooms: one standing for each place that is asked for, in that order, each from one
	// consistent view. Unread is not counted, and a room that does not exist has the zero Standing.
	Places(ctx context.Context, asked []Place) ([]chat.Standing, error)

	// Rooms returns the rooms in which the user is a member or has a read mark, and is not banned, in the order of their ids
	// (bytewise), those behind after, at most limit.
	Rooms(ctx context.Context, user chat.UserID, after chat.RoomID, limit int) ([]chat.Standing, error)

	// Members returns the members and the banned of a room in the order of their ids (bytewise), those behind after, at most
	// limit. A room that does not exist has none.
	Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error)

	// Mark moves the user's read mark to seq, never back, and returns the standing after that. A seq beyond the head is Invalid,
	// a room that does not exist NotFound.
	Mark(ctx context.Context, room chat.RoomID, user chat.UserID, seq chat.Seq) (chat.Standing, error)
}

// Place is where a user stands or may stand: in a room.
type Place struct {
	Room chat.RoomID
	User chat.UserID
}
