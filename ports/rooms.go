package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Rooms makes, shows and changes rooms.
type Rooms interface {
	// Mine returns a page of the user's rooms that they may read: those where they are a member,
	// have a read mark, or have made an entry and not left since, and those that the token names by
	// id. They come in the order of their ids, those behind after. limit is 1–200; a page may have
	// fewer, or none. next is the after of the next page, empty at the end.
	Mine(ctx context.Context, by chat.Identity, after chat.RoomID, limit int) (rooms []RoomView, next chat.RoomID, err error)

	// All is Mine of all rooms that there are, whatever the user has to do with them. It needs a
	// token with the scope of admins, or is Forbidden.
	All(ctx context.Context, by chat.Identity, after chat.RoomID, limit int) (rooms []RoomView, next chat.RoomID, err error)

	// Room returns one room.
	Room(ctx context.Context, by chat.Identity, room chat.RoomID) (RoomView, error)

	// Create makes a room with the ID, Name and Public of room. The user becomes its moderator. If
	// a room has that id already, it is a Conflict. A token with grants must grant Moderate there,
	// or it is Forbidden.
	Create(ctx context.Context, by chat.Identity, room chat.Room) (RoomView, error)

	// Change sets the properties of a room that are not nil. It needs Moderate. If change.If names
	// another entry than the one that changed the room last, it is a Conflict with the detail
	// chat.Stale, and nothing is set.
	Change(ctx context.Context, by chat.Identity, room chat.RoomID, change RoomChange) (RoomView, error)
}

// RoomView is a room as one user sees it.
type RoomView struct {
	chat.Standing
	Role     chat.Role // the user's: by membership, by grant, or because the room is public
	Metadata           // of one room all of it; of a list Topic and Avatar
}

// RoomChange is what to set in a room.
type RoomChange struct {
	Name     *string
	Public   *bool
	Archived *bool

	Topic, Avatar  *string           // as chat.ParseTopic and chat.ParseRoomAvatar return them; empty: none
	MayPin, MaySet *chat.Role        // Write or Moderate; None: as it is where nothing is set
	Custom         map[string][]byte // keys with their values, in JSON; nil: the key goes

	If *chat.Seq // the entry that must have changed the room last; nil: whatever did
}

// Members shows and changes who belongs to a room.
type Members interface {
	// Members returns a page of a room's members, in the order of their ids, those behind after.
	// Moderators see the banned too. next is the after of the next page, empty at the end. limit is
	// 1–200.
	Members(ctx context.Context, by chat.Identity, room chat.RoomID, after chat.UserID, limit int) (members []chat.Member, next chat.UserID, err error)

	// SetMember makes a user a member with a role, or changes the role, or bans them (role None).
	// It needs Moderate, and nobody can ban themselves. A user whom another makes a member is told,
	// if connected. Who adds too many is RateLimited. The last moderator of a room cannot give up
	// the role (Conflict), unless their token makes them one.
	SetMember(ctx context.Context, by chat.Identity, room chat.RoomID, user chat.UserID, role chat.Role) (chat.Member, error)

	// SetMembers gives up to 1,000 users their places, in order, and returns one result for each.
	// It needs Moderate for all of them. Each counts against limits as by SetMember or
	// RemoveMember. One that fails spoils no other.
	SetMembers(ctx context.Context, by chat.Identity, room chat.RoomID, set []MemberSet) ([]MemberResult, error)

	// RemoveMember removes a user's membership or ban, and their read mark. It needs Moderate,
	// except for one's own membership. The last moderator cannot leave (Conflict).
	RemoveMember(ctx context.Context, by chat.Identity, room chat.RoomID, user chat.UserID) error
}

// MemberSet is a place to give a user.
type MemberSet struct {
	User   chat.UserID
	Role   chat.Role // None: no place, unless Banned
	Banned bool
}

// MemberResult is the result of a MemberSet.
type MemberResult struct {
	Unchanged bool  // the user had that place
	Err       error // why it was not set, with a chat.Kind
}
