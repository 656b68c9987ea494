package chat

import "time"

// Entry is one place in a room's log and what was said or changed there. Entries are values:
// whoever holds one must not change what it points to.
type Entry struct {
	Room     RoomID
	Seq      Seq
	At       time.Time // the store's clock, UTC
	Author   Author
	Via      string // the client of the service that acted for the author; empty: none did
	Key      Key    // the proposal's; a key that Made reports is shown to nobody
	Messages int64  // how many entries up to and including this one are messages
	Fact     Fact
	Trace    Trace // of the step that recorded it; set only in a new entry, as no log keeps it

	// Committed is when this process recorded the entry, by its own clock. It is set only in a new
	// entry. If it is zero, the entry came from elsewhere, and only At tells how old it is.
	Committed time.Time
}

// Author is who made an entry, with their display name at that time.
type Author struct {
	ID   UserID
	Name string
}

// Fact is what an entry says: a Message, Edited, Deleted, Reacted, MemberChanged, RoomChanged or
// Set, or else Unknown.
type Fact interface{ fact() }

// Message is something said. When read from a store it has the present body, or neither body nor
// meta if it was deleted.
type Message struct {
	Body      string
	ReplyTo   Seq    // 0: no reply
	Meta      []byte // nil, or a JSON object that the service does not look into
	EditedAt  time.Time
	DeletedAt time.Time
	Silent    bool       // it counts as unread for nobody
	Reactions []Reaction // ordered by when the emoji first came
	Slots     []Slot     // what is set on it, ordered by type and slot; none once it was deleted
}

// Reaction is how many users react to a message with one emoji now.
type Reaction struct {
	Emoji string
	Count int
	Me    bool // the viewer that the entry was read for is among them
}

// Edited sets a message's body. When read from a store it has the message's present body, or none
// if the message was deleted.
type Edited struct {
	Target Seq
	Body   string
}

// Deleted removes a message's body and meta, and what is set on it, for ever.
type Deleted struct{ Target Seq }

// Reacted sets whether the author reacts to a message with an emoji.
type Reacted struct {
	Target  Seq
	Emoji   string
	Removed bool
	Count   int // that emoji's total on the message after this; a store sets it
}

// MemberChanged sets a user's place in the room.
type MemberChanged struct {
	User   UserID
	Change MemberChange
	Role   Role // the role from now on; None after MemberLeft and MemberBanned
}

// MemberChange is what happened to a member.
type MemberChange string

// The member changes.
const (
	MemberJoined MemberChange = "joined" // became a member
	MemberLeft   MemberChange = "left"   // left or was removed
	MemberRole   MemberChange = "role"   // has another role
	MemberBanned MemberChange = "banned" // has no access until somebody makes them a member again
)

// RoomChanged sets properties of the room. Change says which.
type RoomChanged struct {
	Change RoomChange
	Name   string // with RoomRenamed: the name from now on
}

// RoomChange is which property of the room was set.
type RoomChange string

// The room changes.
const (
	RoomRenamed    RoomChange = "renamed"
	RoomPublished  RoomChange = "published"  // public from now on
	RoomHidden     RoomChange = "hidden"     // private from now on
	RoomArchived   RoomChange = "archived"   // takes no more messages
	RoomUnarchived RoomChange = "unarchived" // takes messages again
)

// Unknown is a fact of a kind that only a later version knows. This version passes it on unchanged.
// It is not counted as a message, changes nothing, and moves cursors. No log appends one.
type Unknown struct {
	Type   string // what the later version calls it
	Target Seq    // the message that it is about; 0: none
	Data   []byte // its other members, as one JSON object, or nil
}

func (Message) fact()       {}
func (Edited) fact()        {}
func (Deleted) fact()       {}
func (Reacted) fact()       {}
func (MemberChanged) fact() {}
func (RoomChanged) fact()   {}
func (Set) fact()           {}
func (Unknown) fact()       {}

// Size returns the bytes of the parts that can make an entry large: body, meta, emoji, the data of
// slots, and data.
func (e *Entry) Size() int {
	switch f := e.Fact.(type) {
	case Message:
		n := len(f.Body) + len(f.Meta)
		for i := range f.Reactions {
			n += len(f.Reactions[i].Emoji)
		}
		for i := range f.Slots {
			n += len(f.Slots[i].Data)
		}
		return n
	case Edited:
		return len(f.Body)
	case Set:
		return len(f.Data)
	case Unknown:
		return len(f.Data)
	}
	return 0
}

// Target returns the seq of the message that the entry changes, or 0 if it changes none.
func (e *Entry) Target() Seq { return Target(e.Fact) }

// Target returns the seq of the message that f changes (that an Unknown may change), or 0.
func Target(f Fact) Seq {
	switch f := f.(type) {
	case Edited:
		return f.Target
	case Deleted:
		return f.Target
	case Reacted:
		return f.Target
	case Set:
		return f.Target
	case Unknown:
		return f.Target
	}
	return 0
}

// Proposal is an entry that a log is asked to append, without the fields that the log sets.
type Proposal struct {
	Room   RoomID
	Author Author
	Via    string // as in Entry
	By     Rights // what the author's token gives in the room
	Key    Key    // never empty
	Fact   Fact

	IfHead *Seq // of Message: the seq that the room's last entry must have, 0: none; nil: any

	// Of Reacted: how many different emoji the message may have at once. 0: MaxReactions.
	Reactions int

	// If is the seq that Room.Changed must have: the entry that changed the room itself last.
	// Otherwise the proposal is a Conflict with the detail Stale. It is used for a RoomChanged, and
	// for a Set on the room. Nil: any entry will do.
	If *Seq

	// Group joins proposals that take effect together or not at all: those with the same number.
	// They stand next to each other in one call of the log and are all to one room. None of them is
	// a MemberChanged. 0: no group.
	Group uint64
}

// EndsReading reports whether a fact may end a user's right to read the room. If user is empty, it
// reports whether the fact may end anybody's right.
func EndsReading(f Fact, user UserID) bool {
	switch f := f.(type) {
	case MemberChanged:
		return (f.User == user || user == "") && (f.Change == MemberBanned || f.Change == MemberLeft)
	case RoomChanged:
		return f.Change == RoomHidden
	}
	return false
}
