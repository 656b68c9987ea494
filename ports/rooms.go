package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Rooms makes, shows and changes rooms.
type Rooms interface {
	// Mine returns a page of the user's rooms that they may read, in the order of their ids: those
	// after after. A user's rooms are those where they are a member, have a read mark, or have made
	// an entry and not left since, and those that the token names by id. limit is 1–200. A page may
	// have fewer rooms, or none. next is the after of the next page, and empty at the end. Its
	// error may be a Partial.
	Mine(ctx context.Context, by chat.Identity, after chat.RoomID, limit int) (rooms []RoomView, next chat.RoomID, err error)

	// All is like Mine, but for all rooms, whatever the user's place there. It needs a token with
	// the admin scope; otherwise the error is Forbidden.
	All(ctx context.Context, by chat.Identity, after chat.RoomID, limit int) (rooms []RoomView, next chat.RoomID, err error)

	// Room returns one room.
	Room(ctx context.Context, by chat.Identity, room chat.RoomID) (RoomView, error)

	// Create makes a room with the ID, Name and Public of room. The user becomes its moderator. The
	// error is a Conflict if a room has that id already. It is Forbidden if the token has grants
	// that do not include Moderate there.
	Create(ctx context.Context, by chat.Identity, room chat.Room) (RoomView, error)

	// Change sets the properties of a room that are not nil. It needs Moderate. If change.If names
	// another entry than the one that last changed the room, the error is a Conflict with the
	// detail chat.Stale, and nothing is set.
	Change(ctx context.Context, by chat.Identity, room chat.RoomID, change RoomChange) (RoomView, error)
}

// RoomView is a room as one user sees it.
type RoomView struct {
	chat.Standing
	Role     chat.Role // the user's: by membership, by grant, or because the room is public
	Metadata           // all of it for one room; only Topic and Avatar in a list
}

// RoomChange says what to set in a room. A nil field leaves the value as it is.
type RoomChange struct {
	Name     *string
	Public   *bool
	Archived *bool

	// As returned by chat.ParseTopic and chat.ParseRoomAvatar; empty: none.
	Topic, Avatar  *string
	MayPin, MaySet *chat.Role        // Write or Moderate; None: the default
	Custom         map[string][]byte // keys with their values, in JSON; nil: remove the key

	If *chat.Seq // the entry that must have last changed the room; nil: any
}

// Members shows and changes who belongs to a room.
type Members interface {
	// Members returns a page of a room's members, in the order of their ids: those after after.
	// Moderators see the banned users too. next is the after of the next page, and empty at the
	// end. limit is 1–200.
	Members(ctx context.Context, by chat.Identity, room chat.RoomID, after chat.UserID, limit int) (members []chat.Member, next chat.UserID, err error)

	// SetMember makes a user a member with a role, or changes the role, or bans them (role None).
	// It needs Moderate, and nobody can ban themselves. If the user is made a member by somebody
	// else and is connected, they are told. The error is RateLimited for somebody who adds too many
	// users. The last moderator of a room cannot give up the role (Conflict), unless their token
	// makes them a moderator.
	SetMember(ctx context.Context, by chat.Identity, room chat.RoomID, user chat.UserID, role chat.Role) (chat.Member, error)

	// SetMembers gives up to 1,000 users their places, in order, and returns one result for each.
	// It needs Moderate for all of them. Each counts against limits as with SetMember or
	// RemoveMember. If one fails, the others are not affected.
	SetMembers(ctx context.Context, by chat.Identity, room chat.RoomID, set []MemberSet) ([]MemberResult, error)

	// RemoveMember removes a user's membership or ban, and their read mark. It needs Moderate,
	// except for one's own membership. The last moderator cannot leave (Conflict).
	RemoveMember(ctx context.Context, by chat.Identity, room chat.RoomID, user chat.UserID) error
}

// MemberSet is a place that a user is to be given.
type MemberSet struct {
	User   chat.UserID
	Role   chat.Role // None: no place, unless Banned
	Banned bool
}

// MemberResult is the result of a MemberSet.
type MemberResult struct {
	Unchanged bool  // the user had that place already
	Err       error // why it was not set, with a chat.Kind
}
