package ledger

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Rows is what the judge asks of a room: as it was stored, and as the rulings before in the same
// call have left it. An error is the store's own, and ends the call.
type Rows interface {
	// Room returns the room, which the judge does not change.
	Room() *Room
	// Used returns the entry which an author made with a key, if there is one.
	Used(author chat.UserID, key chat.Key) (earlier chat.Entry, used bool, err error)
	// Place returns a user's place in the room; who has none has the role None.
	Place(user chat.UserID) (Place, error)
	// Message returns the message at a place, if what is there is a message.
	Message(seq chat.Seq) (m Message, found bool, err error)
	// Tallies returns what is remembered of each emoji on a message, and how the user stands to it.
	Tallies(message chat.Seq, user chat.UserID) ([]Tally, error)
	// Moderated reports whether somebody else than the user has the role Moderate.
	Moderated(but chat.UserID) (bool, error)
}

// Room is a room, and what its log says of it.
type Room struct {
	chat.Room
	Set [Properties]chat.Seq // the entry that set the property last; 0: none did
	Now time.Time            // for the next entry: not before the time of the last one
}

// Follow brings the room to where a ruling leaves it.
func (r *Room) Follow(ruling *Ruling) {
	if ruling.Room != nil {
		r.Name, r.Public, r.Archived, r.Set = ruling.Room.Name, ruling.Room.Public, ruling.Room.Archived, ruling.Room.Set
	}
	if ruling.appends() {
		r.Head, r.Messages = ruling.Entry.Seq, ruling.Entry.Messages
	}
}

// Place is a user's place in a room.
type Place struct {
	chat.Member
	Set chat.Seq // the entry that set it; 0: none did
}

// Message is what counts of a message for what may be done to it.
type Message struct {
	Author  chat.UserID
	Deleted chat.Seq // the entry that deleted it; 0: none did
}

// Tally is what a room remembers of one emoji on one message.
type Tally struct {
	Emoji string   // as it was first sent
	First chat.Seq // the entry with which it first came
	Total int      // how many react with it now
	Mine  bool     // the user who was asked about does
	Set   chat.Seq // the entry that set whether they do; 0: none did
}
