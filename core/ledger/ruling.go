package ledger

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Ruling is the outcome of a proposal, and what a store saves with it. For a refused proposal and a
// duplicate it saves nothing.
type Ruling struct {
	// Outcome is what the author is told. If it is Appended, Entry is new.
	ports.Outcome

	Rewrite  *Rewrite  // nil: no message's text changes
	Reaction *Reaction // nil: no reaction changes
	Place    *Place    // nil: nobody's place changes
	Room     *Room     // nil: no property of the room changes
	Slot     *Slot     // nil: no slot holds another value now

	// Left is the user who leaves, even if they had left before; empty: nobody. Their read mark is
	// removed, and the room is not among theirs until they make an entry again. Save this after
	// the new entry, which may be their own.
	Left chat.UserID
}

// Rewrite is a message's new text, or its deletion.
type Rewrite struct {
	Message chat.Seq
	Body    string
	Deleted bool // text, meta and slots are removed for ever; otherwise Body replaces the text
}

// Slot is the value of a slot from now on, as the new entry sets it. Without Data the slot is
// empty, and nothing of it is kept.
type Slot struct {
	chat.Set
	Due time.Time // when the value ends by itself; zero: never
}

// Reaction is the new state of an emoji on a message.
type Reaction struct {
	// Reacted has the emoji as it was first sent on the message. Count is its total from now on.
	// Removed says that the new entry's author does not react with it any more.
	chat.Reacted
	Forget []string // emoji to forget on the message, with who reacted with them
}

func (r *Ruling) appends() bool { return r.Status == ports.Appended }

func refused(err error) Ruling { return Ruling{Outcome: ports.Outcome{Err: err}} }
