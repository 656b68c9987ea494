package ports

import (
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
)

// Directory knows rooms, members and read marks. Changes to rooms and members are entries: they go
// through Log.Append, which keeps the directory in step in the same commit.
type Directory interface {
	// Create makes a room with an empty log; ID, Name and Public count. A non-empty owner becomes a
	// member who may moderate. A room of that id is a Conflict.
	Create(ctx context.Context, room chat.Room, owner chat.UserID) (chat.Room, error)

	// Standing returns how a user stands in a room, from one consistent view, or NotFound where
	// there is no such room.
	Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Standing, error)

	// Places returns how users stand in rooms: one standing for each place that is asked for, in
	// that order, each from one consistent view. Unread is not counted, and a room that does not
	// exist has the zero Standing.
	Places(ctx context.Context, asked []Place) ([]chat.Standing, error)

	// Rooms returns a page of the rooms that a user has to do with, in the order of their ids
	// (bytewise): where they are a member, have a read mark, or have made an entry and not left
	// since, and those of query.Granted that exist; but none from which they are banned. It looks
	// at query.Limit of them at most, so that a page may have fewer, or none: next is the After of
	// the next page, empty at the end. Each standing is of one consistent view, and counts what is
	// unread.
	Rooms(ctx context.Context, query RoomsQuery) (page []chat.Standing, next chat.RoomID, err error)

	// Members returns the members and the banned of a room in the order of their ids (bytewise),
	// those behind after, at most limit. A room that does not exist has none.
	Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error)

	// Mark moves read marks, never back, in one durable commit, and returns one outcome a mark, in
	// their order. Of several marks of a user in a room the furthest counts. A mark that fails has
	// its own error in its outcome and spoils nobody else's: a seq beyond the head is Invalid, a
	// room that does not exist NotFound; a mark that somebody else holds on to is Unavailable, and
	// holds up none of the others.
	//
	// An error of Mark itself means that nothing is known of the outcome (Unavailable), or that no
	// mark was moved.
	Mark(ctx context.Context, marks []ReadMark) ([]MarkOutcome, error)
}

// RoomsQuery asks for a page of a user's rooms.
type RoomsQuery struct {
	User    chat.UserID
	Granted []chat.RoomID // other rooms to look at, ascending
	After   chat.RoomID   // rooms behind it
	Limit   int           // look at so many at most, at least 1
}

// Next returns the first Limit of the granted rooms that lie behind After.
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
	Read   chat.Seq // that far at least as was asked
	Unread int64    // as in chat.Standing
	Err    error    // with a chat.Kind
}

// Place is where a user stands or may stand: in a room.
type Place struct {
	Room chat.RoomID
	User chat.UserID
}
