package ledger

import (
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Ruling is what becomes of a proposal, and what a store saves with it. A refused proposal and a
// duplicate save nothing.
type Ruling struct {
	// Outcome is what the proposal's maker is told. Where it is Appended, Entry is new.
	ports.Outcome

	Rewrite  *Rewrite  // nil: no message has another text now
	Reaction *Reaction // nil: no message has another reaction now
	Place    *Place    // nil: nobody has another place now
	Room     *Room     // nil: no property of the room is another now

	// Left is who leaves, even if they had left before; empty: nobody. Their read mark goes, and
	// the room is not among theirs until they make an entry again. This is saved after the new
	// entry, which may be their own.
	Left chat.UserID
}

// Rewrite is another text for a message.
type Rewrite struct {
	Message chat.Seq
	Body    string
	Deleted bool // by the new entry text and meta go for ever; else it edits the message
}

// Reaction is what becomes of an emoji on a message.
type Reaction struct {
	// Reacted names the emoji as it was first sent, or as it comes now. Count is its total from now
	// on, and Removed says that the new entry's author is not among those who react.
	chat.Reacted
	Forget []string // emoji that the message remembers no longer, nor who reacted with them
}

func (r *Ruling) appends() bool { return r.Status == ports.Appended }

func refused(err error) Ruling { return Ruling{Outcome: ports.Outcome{Err: err}} }

// Duplicate rules on a proposal whose key was used for an earlier entry.
func Duplicate(earlier chat.Entry) Ruling {
	return Ruling{Outcome: ports.Outcome{Status: ports.Duplicate, Entry: earlier}}
}
