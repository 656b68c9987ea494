package ports

import (
	"cmp"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Command is one frame of a client.
type Command struct {
	ID    string // chosen by the client, at most 64 characters; empty: only a failure is answered
	Trace chat.Trace
	As    *chat.As // nil: for the client's own user
	Ask   Ask
}

// By returns the identity for which the command is done, if by gives it: by itself, or the user for
// whom by acts. The error is Forbidden if by may not act for others, and Invalid if nobody may act
// for others in such a command.
func (c Command) By(by chat.Identity) (chat.Identity, error) {
	if c.As == nil {
		return by, nil
	}
	switch c.Ask.(type) {
	case Change, History, Search, Mark:
		return by.As(*c.As)
	}
	return chat.Identity{}, chat.Errorf(chat.Invalid, "as cannot be used with %s", NameOf(c.Ask))
}

// Ask is what a command asks for: Auth, Join, Leave, a Change (Send, Edit, Delete, React, Pin,
// Unpin, Set), History, Search, Mark, Typing, Presence, Users, Ping, or Malformed. Its ids, bodies
// and other values are valid, as the decoder has parsed them. Only the text of a Search is not
// checked yet.
type Ask interface{ ask() }

// Auth gives the first token, or a fresh one.
type Auth struct{ Token string }

// Join follows a room from a cursor on.
type Join struct {
	Room  chat.RoomID
	After *chat.Seq // the cursor; nil: begin with the last Limit entries
	Limit int       // 0–200; ignored with After
	// Presence is set for clients that cannot ask who is present. They are told who comes and goes
	// as if they had asked.
	Presence bool
}

// Leave stops following a room.
type Leave struct{ Room chat.RoomID }

// Change is what a user wants to be recorded in a room: a Send, Edit, Delete, React, Pin, Unpin or
// Set.
type Change interface {
	Ask
	In() chat.RoomID
	// WithKey returns a copy of the change with another key.
	WithKey(key chat.Key) Change
}

// Send says something.
type Send struct {
	Room    chat.RoomID
	Body    string
	Key     chat.Key  // may be empty
	ReplyTo chat.Seq  // 0: no reply
	Meta    []byte    // nil, or a JSON object
	IfHead  *chat.Seq // the seq that the room's last entry must have, 0: none; nil: any
	Silent  bool      // counts as unread for nobody; needs Moderate, or a service
	Makes   bool      // the message may make the room even if nobody follows it
}

// Edit gives a message another body.
type Edit struct {
	Room chat.RoomID
	Seq  chat.Seq
	Body string
	Key  chat.Key // may be empty
}

// Delete removes a message's body and meta.
type Delete struct {
	Room chat.RoomID
	Seq  chat.Seq
	Key  chat.Key // may be empty
}

// React sets whether the user reacts to a message with an emoji.
type React struct {
	Room   chat.RoomID
	Seq    chat.Seq
	Emoji  string
	Remove bool
	Key    chat.Key // may be empty
}

// Pin pins a message.
type Pin struct {
	Room  chat.RoomID
	Seq   chat.Seq
	Until time.Time // when it ends by itself, in milliseconds; zero: it does not
	Key   chat.Key  // may be empty
}

// Unpin makes a message no longer pinned.
type Unpin struct {
	Room chat.RoomID
	Seq  chat.Seq
	Key  chat.Key // may be empty
}

// Set sets a slot of a type of the application's own.
type Set struct {
	Room   chat.RoomID
	Type   chat.SetType // one of the application's own: SetType.Own
	Target chat.Seq     // a message; 0: the room
	Slot   string
	Data   []byte   // a JSON value; nil: the slot is emptied
	Key    chat.Key // may be empty
}

// History asks for a page of entries: those before Before, those after After, or the newest if
// neither is given.
type History struct {
	Room     chat.RoomID
	Before   chat.Seq  // 0: not given
	After    *chat.Seq // nil: not given
	Limit    int       // 1–200
	Messages bool      // messages only
}

// Search asks for messages. Without Text it finds the messages of an author, or those that have
// something.
type Search struct {
	Text     string      // words, "phrases", -not, pre*; at most MaxQueryChars
	Room     chat.RoomID // empty: all of the user's rooms
	Public   bool        // without Room: also all rooms that are public
	Author   chat.UserID // empty: anybody
	From, To time.Time   // said at From or later, and before To; zero: at any time
	Has      string      // HasLink, or empty
	Limit    int         // 1–MaxHits
	Cursor   string      // empty: the first page
	AtLeast  chat.Seq    // with Room: wait a moment until this entry is indexed; 0: do not wait
}

// Mark moves the user's read mark.
type Mark struct {
	Room chat.RoomID
	Seq  chat.Seq
}

// Typing tells that the user types, or has stopped.
type Typing struct {
	Room chat.RoomID
	On   bool
}

// Presence asks who is in a room.
type Presence struct{ Room chat.RoomID }

// Users asks for the profiles of users. The client is also told when these change.
type Users struct{ IDs []chat.UserID } // 1 to MaxUsers

// Ping asks for a Pong.
type Ping struct{}

// Malformed is a frame that could not be decoded, and why.
type Malformed struct {
	Of  string // the type that it seems to be, as NameOf names it; "": not known
	Err error
}

func (Auth) ask()      {}
func (Join) ask()      {}
func (Leave) ask()     {}
func (Send) ask()      {}
func (Edit) ask()      {}
func (Delete) ask()    {}
func (React) ask()     {}
func (Pin) ask()       {}
func (Unpin) ask()     {}
func (Set) ask()       {}
func (History) ask()   {}
func (Search) ask()    {}
func (Mark) ask()      {}
func (Typing) ask()    {}
func (Presence) ask()  {}
func (Users) ask()     {}
func (Ping) ask()      {}
func (Malformed) ask() {}

// NameOf returns the protocol's name for a command.
func NameOf(ask Ask) string {
	switch ask := ask.(type) {
	case Auth:
		return "auth"
	case Join:
		return "join"
	case Leave:
		return "leave"
	case Send:
		return "send"
	case Edit:
		return "edit"
	case Delete:
		return "delete"
	case React:
		return "react"
	case Pin:
		return "pin"
	case Unpin:
		return "unpin"
	case Set:
		return "set"
	case History:
		return "history"
	case Search:
		return "search"
	case Mark:
		return "read"
	case Typing:
		return "typing"
	case Presence:
		return "presence"
	case Users:
		return "users"
	case Ping:
		return "ping"
	case Malformed:
		return cmp.Or(ask.Of, "malformed")
	default:
		return "malformed"
	}
}

// IsSend reports whether the command is a send, even a malformed one.
func IsSend(ask Ask) bool { return NameOf(ask) == "send" }

// RoomOf returns the command's room, or "".
func RoomOf(ask Ask) chat.RoomID {
	switch ask := ask.(type) {
	case Change:
		return ask.In()
	case Join:
		return ask.Room
	case Leave:
		return ask.Room
	case History:
		return ask.Room
	case Search:
		return ask.Room
	case Mark:
		return ask.Room
	case Typing:
		return ask.Room
	case Presence:
		return ask.Room
	default:
		return ""
	}
}

// In returns the room that the change is for.
func (c Send) In() chat.RoomID { return c.Room }

// In returns the room that the change is for.
func (c Edit) In() chat.RoomID { return c.Room }

// In returns the room that the change is for.
func (c Delete) In() chat.RoomID { return c.Room }

// In returns the room that the change is for.
func (c React) In() chat.RoomID { return c.Room }

// In returns the room that the change is for.
func (c Pin) In() chat.RoomID { return c.Room }

// In returns the room that the change is for.
func (c Unpin) In() chat.RoomID { return c.Room }

// In returns the room that the change is for.
func (c Set) In() chat.RoomID { return c.Room }

// WithKey implements Change.
func (c Send) WithKey(key chat.Key) Change { c.Key = key; return c }

// WithKey implements Change.
func (c Edit) WithKey(key chat.Key) Change { c.Key = key; return c }

// WithKey implements Change.
func (c Delete) WithKey(key chat.Key) Change { c.Key = key; return c }

// WithKey implements Change.
func (c React) WithKey(key chat.Key) Change { c.Key = key; return c }

// WithKey implements Change.
func (c Pin) WithKey(key chat.Key) Change { c.Key = key; return c }

// WithKey implements Change.
func (c Unpin) WithKey(key chat.Key) Change { c.Key = key; return c }

// WithKey implements Change.
func (c Set) WithKey(key chat.Key) Change { c.Key = key; return c }

// The limits of Join.Limit and History.Limit.
const (
	DefaultPage = 50
	MaxPage     = 200
)
