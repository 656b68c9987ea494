package ports

import (
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
)

// Directory knows rooms, members and read marks. Changes to rooms and members are entries: they go
// through Log.Append, which keeps the directory in step in the same commit.
type Directory interface {
	// Create makes a room with an empty log and the ID, Name and Public of room. A non-empty owner
	// becomes a moderator. If a room has that id already, it is a Conflict.
	Create(ctx context.Context, room chat.Room, owner chat.UserID) (chat.Room, error)

	// Standing returns a user's standing in a room, from one consistent view. The error is NotFound
	// if there is no such room.
	Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Standing, error)

	// Places returns one standing for each place that is asked for, in that order, each from one
	// consistent view. Unread is not counted. For a room that does not exist the standing is zero.
	// Its error may be a Partial.
	Places(ctx context.Context, asked []Place) ([]chat.Standing, error)

	// Rooms returns a page of a user's rooms, in the order of their ids (bytewise). A user's rooms
	// are those where they are a member, have a read mark, or have made an entry and not left
	// since. Those of query.Granted that exist come too. Rooms from which the user is banned are
	// left out. With query.All it returns all rooms, whatever the user's place there, and leaves
	// none out. It looks at no more than query.Limit rooms, so a page may have fewer, or none. next
	// is the After of the next page, and empty at the end. Each standing comes from one consistent
	// view, and has Unread counted. Its error may be a Partial.
	Rooms(ctx context.Context, query RoomsQuery) (page []chat.Standing, next chat.RoomID, err error)

	// Members returns at most limit of a room's members and banned users: those after after, in the
	// order of their ids (bytewise). A room that does not exist has none.
	Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error)

	// Mark moves read marks forward in one durable commit, or in one of each part of the store, and
	// returns one outcome per mark, in their order. It never moves a mark back. Of several marks of
	// a user in a room the furthest counts. A mark that fails has an error in its outcome and does
	// not affect the others. The error is Invalid if the seq is beyond the head, and NotFound if
	// there is no such room. A mark that somebody else has locked is Unavailable, and does not
	// delay the others.
	//
	// An error of Mark itself means that nothing is known of the outcome (Unavailable), or that no
	// mark was moved.
	Mark(ctx context.Context, marks []ReadMark) ([]MarkOutcome, error)

	MarkReader
}

// MarkReader tells how far users have read. It is a part of Directory.
type MarkReader interface {
	// Marks returns the read marks of a room in the order of their users' ids (bytewise), from one
	// consistent view. Those of banned users are left out. If the room has more than limit marks,
	// or more than limit members and banned users, it returns none, and all is false. It looks at
	// little more than limit of each. A room that does not exist has none.
	Marks(ctx context.Context, room chat.RoomID, limit int) (marks []ReadMark, all bool, err error)
}

// MaxMarks is how many members a room may have so that their read marks are told to others.
const MaxMarks = 200

// RoomsQuery asks for a page of a user's rooms.
type RoomsQuery struct {
	User    chat.UserID
	All     bool          // all rooms that there are, also those from which the user is banned
	Granted []chat.RoomID // other rooms to look at, ascending
	After   chat.RoomID   // rooms after it
	Limit   int           // how many rooms to look at, at least 1
}

// Next returns the first Limit of the granted rooms after After.
func (q RoomsQuery) Next() []chat.RoomID {
	at, found := slices.BinarySearch(q.Granted, q.After)
	if found {
		at++
	}
	return q.Granted[at:min(at+q.Limit, len(q.Granted))]
}

// ReadMark says how far a user has read a room.
type ReadMark struct {
	Room chat.RoomID
	User chat.UserID
	Seq  chat.Seq
}

// MarkOutcome is where a read mark stands now, or why it was not moved.
type MarkOutcome struct {
	Read   chat.Seq // at least the seq that was asked for
	Unread int64    // as in chat.Standing
	Err    error    // with a chat.Kind
}

// Place is a user and a room, whether they are a member or not.
type Place struct {
	Room chat.RoomID
	User chat.UserID
}
