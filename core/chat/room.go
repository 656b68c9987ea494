package chat

import "time"

// Room is a room as its directory knows it.
type Room struct {
	ID        RoomID
	Name      string // may be empty: then clients show the id
	Public    bool   // everybody with a token may know of it, read and write
	Archived  bool   // takes no more messages
	CreatedAt time.Time
	Head      Seq   // the last entry's seq
	Messages  int64 // how many entries are messages
	// The entry that last changed the room itself: its name or the like, or a slot of a type
	// room.*. 0: none did.
	Changed Seq
}

// Unmade returns a room that no store knows yet: nobody has made it or written in it. A first
// message may make such a room. To a user who may do that, it looks like an empty public room.
func Unmade(id RoomID) Room { return Room{ID: id, Public: true} }

// Made reports whether a store knows of the room.
func (r Room) Made() bool { return !r.CreatedAt.IsZero() }

// Member is a user's place in a room.
type Member struct {
	User   UserID
	Role   Role // None if banned
	Banned bool
	Since  time.Time // when this place was set
}

// Standing is a user's relation to one room, as a directory has it.
type Standing struct {
	Room   Room
	Member Member // zero if the user has no place in the room
	Read   Seq    // the user's read mark
	Unread int64  // messages of others after the read mark that are not deleted, up to MaxUnread
}

// MaxUnread is how far unread messages are counted. A count of MaxUnread means that many or more.
const MaxUnread = 999

// Role returns what the identity may do there.
func (s Standing) Role(by Identity) Role { return by.In(s.Room.ID).Role(s.Room, s.Member) }
