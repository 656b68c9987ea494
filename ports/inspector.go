package ports

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Inspector shows operators the inside of a node. It may be called concurrently, and holds no lock
// for long. Each part is a consistent snapshot, but different parts may be of different moments.
type Inspector interface {
	InspectFeeds(q FeedQuery) FeedsSeen
	InspectSessions(q SessionQuery) SessionsSeen
}

// FeedQuery asks for feeds: those with the most followers first or, with Behind, those whose
// followers are furthest behind.
type FeedQuery struct {
	Room   chat.RoomID // only that; empty: all
	Behind bool
	Limit  int // at least 1
}

// FeedsSeen are feeds of this node.
type FeedsSeen struct {
	Open  int        `json:"open"` // how many there are
	Feeds []FeedSeen `json:"feeds"`
}

// FeedSeen is the state of a feed.
type FeedSeen struct {
	Room chat.RoomID `json:"room"`
	Head chat.Seq    `json:"head"`
	// Later entries are served from memory, others from the log.
	Ring      chat.Seq  `json:"ring_after"`
	RingBytes int       `json:"ring_bytes"`
	Followers int       `json:"followers"`
	Present   int       `json:"present"` // users
	Behind    Lag       `json:"behind"`
	Idle      time.Time `json:"idle_since,omitzero"` // since when nobody has followed it
}

// Lag is how far sessions are behind.
type Lag struct {
	Sessions int   `json:"sessions"` // how many are behind
	Entries  int64 `json:"entries"`  // that they have yet to get, all together
	Most     int64 `json:"most"`     // that the session which is furthest behind has yet to get
}

// SessionQuery asks for sessions: those that are furthest behind first, and of equal ones the
// oldest.
type SessionQuery struct {
	User  chat.UserID // only that user's; empty: all
	Room  chat.RoomID // only those that follow it; empty: all
	Limit int         // at least 1
}

// SessionsSeen are sessions of this node.
type SessionsSeen struct {
	Open     int           `json:"open"` // how many there are
	Sessions []SessionSeen `json:"sessions"`
}

// SessionSeen is the state of a session.
type SessionSeen struct {
	ID      string       `json:"session"`
	User    chat.UserID  `json:"user,omitempty"` // empty while the token has not come yet
	Remote  string       `json:"remote"`
	Via     string       `json:"via"` // socket, or the kind of stream
	Opened  time.Time    `json:"opened"`
	Heard   time.Time    `json:"heard"` // when something last came from the client
	Rooms   int          `json:"rooms"`
	Cursors []CursorSeen `json:"cursors,omitempty"` // the rooms where it is furthest behind
	// Entries that it has yet to get, over all rooms.
	Behind int64 `json:"behind"`
	// Answers and entries that wait for the socket.
	Unwritten int `json:"unwritten_bytes"`
	// Changes that are not durable yet, and commands that wait for them.
	Sending int    `json:"sending"`
	Blocked bool   `json:"blocked"`           // its client does not keep up
	Paused  bool   `json:"paused"`            // nothing is read from it for now
	Closing string `json:"closing,omitempty"` // why it ends
}

// CursorSeen is a session's place in a room.
type CursorSeen struct {
	Room   chat.RoomID `json:"room"`
	Cursor chat.Seq    `json:"cursor"`
	Behind int64       `json:"behind"`
}

// MaxCursorsSeen is how many of a session's rooms are shown at most.
const MaxCursorsSeen = 10
