package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Rooms makes, shows and changes rooms.
type Rooms interface {
	// Mine returns the rooms that the user has to do with and may read: where they are a member,
	// keep a read mark, or have said or done something and not left since, and those that the token
	// names by id. They come in the order of their ids, those behind after; a page may have fewer
	// than limit, which is 1–200, or none. next is the after of the next page, empty at the end.
	Mine(ctx context.Context, by chat.Identity, after chat.RoomID, limit int) (rooms []RoomView, next chat.RoomID, err error)

	// Room returns one room.
	Room(ctx context.Context, by chat.Identity, room chat.RoomID) (RoomView, error)

	// Create makes a room of which the user becomes a moderator; ID, Name and Public count. A room
	// of that id is a Conflict; a token with grants must grant Moderate there, or it is Forbidden.
	Create(ctx context.Context, by chat.Identity, room chat.Room) (RoomView, error)

	// Change sets properties of a room; those that are nil stay. It needs Moderate.
	Change(ctx context.Context, by chat.Identity, room chat.RoomID, change RoomChange) (RoomView, error)
}

// RoomView is a room as one user sees it.
type RoomView struct {
	chat.Standing
	Role chat.Role // the user's, by membership, grant or because the room is public
}

// RoomChange is what to set in a room.
type RoomChange struct {
	Name     *string
	Public   *bool
	Archived *bool
}

// Members shows and changes who belongs to a room.
type Members interface {
	// Members returns the members of a room (and, to who may moderate, the banned), in the order of
	// their ids, those behind after. next is the after of the next page, empty at the end. limit is
	// 1–200.
	Members(ctx context.Context, by chat.Identity, room chat.RoomID, after chat.UserID, limit int) (members []chat.Member, next chat.UserID, err error)

	// SetMember makes a user a member with a role, or changes the role, or bans them (role None).
	// It needs Moderate, and nobody bans themselves. Who is made a member by another is told, if
	// they are connected; RateLimited is who adds too many. The last moderator of a room, whose
	// token does not make them one, remains one: Conflict.
	SetMember(ctx context.Context, by chat.Identity, room chat.RoomID, user chat.UserID, role chat.Role) (chat.Member, error)

	// RemoveMember takes a user's membership or ban, and their read mark. It needs Moderate, or to
	// be that user, who is not the last moderator (Conflict).
	RemoveMember(ctx context.Context, by chat.Identity, room chat.RoomID, user chat.UserID) error
}
