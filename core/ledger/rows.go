package ledger

import (
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Rows gives the judge a room's state: as stored, with the earlier rulings of the same call
// applied. An error is the store's own, and ends the call.
type Rows interface {
	// Room returns the room, which the judge does not change.
	Room() *Room
	// Used returns the entry which an author made with a key, if there is one: at least Room, Seq
	// and At, and of its Fact what it is about, as Columns have it. Fact may be nil only where the
	// entry is not there any more, or is of a kind that this release does not know.
	Used(author chat.UserID, key chat.Key) (earlier chat.Entry, used bool, err error)
	// Place returns a user's place in the room. A user without one has the role None.
	Place(user chat.UserID) (Place, error)
	// Message returns the message with that seq, if the entry there is a message.
	Message(seq chat.Seq) (m Message, found bool, err error)
	// Tallies returns each emoji that a message remembers, and whether the user reacts with it.
	Tallies(message chat.Seq, user chat.UserID) ([]Tally, error)
	// Slot returns what a slot on a message, or on the room (0), holds, if it holds anything.
	Slot(target chat.Seq, of chat.SetType, slot string) (is chat.Slot, held bool, err error)
	// Slots returns all slots on a message, or on the room (0), that hold something.
	Slots(target chat.Seq) ([]SlotSize, error)
	// Pins returns how many messages are pinned, of those that are not deleted.
	Pins() (int, error)
	// Moderated reports whether somebody other than the user has the role Moderate.
	Moderated(but chat.UserID) (bool, error)
}

// Room is a room, and what the judge needs to know of its log.
type Room struct {
	chat.Room
	Set [Properties]chat.Seq // the entry that set the property last; 0: none did
	Now time.Time            // for the next entry: not before the time of the last one
}

// Follow applies a ruling to the room.
func (r *Room) Follow(ruling *Ruling) {
	if ruling.Room != nil {
		r.Name, r.Public, r.Archived, r.Set = ruling.Room.Name, ruling.Room.Public, ruling.Room.Archived, ruling.Room.Set
		r.Changed = r.changed()
	}
	if ruling.appends() {
		r.Head, r.Messages = ruling.Entry.Seq, ruling.Entry.Messages
	}
}

// changed returns the entry that changed the room itself last.
func (r *Room) changed() chat.Seq { return slices.Max(r.Set[:]) }

// Place is a user's place in a room.
type Place struct {
	chat.Member
	Set chat.Seq // the entry that set it; 0: none did
}

// Message is the part of a message that decides what may be done to it.
type Message struct {
	Author  chat.UserID
	Deleted chat.Seq // the entry that deleted it; 0: none did
}

// Tally is the state of one emoji on one message.
type Tally struct {
	Emoji string   // as it was first sent
	First chat.Seq // the entry with which it first came
	Total int      // how many users react with it now
	Mine  bool     // the user asked about is one of them
	Set   chat.Seq // the entry that set Mine last; 0: none did
}

// SlotSize is how large a slot is that holds a value.
type SlotSize struct {
	Type  chat.SetType
	Bytes int // of its name and its value
}
