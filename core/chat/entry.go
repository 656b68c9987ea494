package chat

import "time"

// Entry is one place in a room's log and what was said or changed there. Entries are values:
// whoever holds one must not change what it points to.
type Entry struct {
	Room     RoomID
	Seq      Seq
	At       time.Time // the store's clock, UTC
	Author   Author
	Key      Key   // the proposal's; one that Made reports is shown to nobody
	Messages int64 // how many entries up to this one, itself included, are messages
	Fact     Fact
	Trace    Trace // of the step that recorded it, while it is news: no log keeps it

	// Committed is when this process saw it become durable, by this process' clock, while it is
	// news. Where it is zero the entry came from elsewhere, and nothing but At tells how old it is.
	Committed time.Time
}

// Author is who made an entry, with the display name of that moment.
type Author struct {
	ID   UserID
	Name string
}

// Fact is what an entry says: a Message, Edited, Deleted, Reacted, MemberChanged or RoomChanged, or
// else Unknown.
type Fact interface{ fact() }

// Message is something said. Read from a store it is in its present form: the last body, or neither
// body nor meta once it was deleted.
type Message struct {
	Body      string
	ReplyTo   Seq    // 0: no reply
	Meta      []byte // nil, or a JSON object that the service does not look into
	EditedAt  time.Time
	DeletedAt time.Time
	Reactions []Reaction // ordered by when the emoji first came
}

// Reaction is how many users react to a message with one emoji now.
type Reaction struct {
	Emoji string
	Count int
	Me    bool // the viewer that the entry was read for is among them
}

// Edited sets a message's body. Read from a store it has the message's present body, or none once
// that was deleted.
type Edited struct {
	Target Seq
	Body   string
}

// Deleted takes a message's body and meta, for ever.
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
	MemberBanned MemberChange = "banned" // may not come in until somebody makes them a member again
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

// Unknown is what an entry of a kind says that a later version appends. This version passes it on
// as it finds it: it counts as no message, changes nothing, and moves cursors. No log appends one.
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
func (Unknown) fact()       {}

// Size returns how many bytes there are of what makes entries large: body, meta, emoji and data.
func (e *Entry) Size() int {
	switch f := e.Fact.(type) {
	case Message:
		n := len(f.Body) + len(f.Meta)
		for i := range f.Reactions {
			n += len(f.Reactions[i].Emoji)
		}
		return n
	case Edited:
		return len(f.Body)
	case Unknown:
		return len(f.Data)
	}
	return 0
}

// Target returns the seq of the message that the entry changes, or 0 where it changes none.
func (e *Entry) Target() Seq { return Target(e.Fact) }

// Target returns the seq of the message that f changes, or may change where it is Unknown; 0 where
// it changes none.
func Target(f Fact) Seq {
	switch f := f.(type) {
	case Edited:
		return f.Target
	case Deleted:
		return f.Target
	case Reacted:
		return f.Target
	case Unknown:
		return f.Target
	}
	return 0
}

// Proposal is an entry that a log is asked to append: everything but what the log itself gives it.
type Proposal struct {
	Room   RoomID
	Author Author
	By     Rights // what the author's token gives there
	Key    Key    // never empty
	Fact   Fact

	Reactions int // of Reacted: how many different emoji the message may have at once; 0: MaxReactions
}

// EndsReading reports whether a fact may take from a user the right to read the room; where user is
// empty, whether it may take it from anybody.
func EndsReading(f Fact, user UserID) bool {
	switch f := f.(type) {
	case MemberChanged:
		return (f.User == user || user == "") && (f.Change == MemberBanned || f.Change == MemberLeft)
	case RoomChanged:
		return f.Change == RoomHidden
	}
	return false
}
