package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// FeatureSearch is that messages can be searched for.
const FeatureSearch = "search"

// SearchIndex knows which messages have which tokens. It is written behind the log and may lag, so
// what it finds is a hint: who asks reads each message anew, and looks whether it matches still and
// may be read.
type SearchIndex interface {
	// Index has these documents found from now on, each in place of what was there for its message.
	// One without tokens is found no more. All of it is one commit, at most MaxIndexed documents.
	// Documents of a room that does not exist are passed over.
	Index(ctx context.Context, docs []SearchDoc) error

	// Find returns messages that have what the query asks for, the newest first: by time, then by
	// room bytewise, then by seq, each descending.
	Find(ctx context.Context, query FindQuery) ([]FoundMessage, error)
}

// Limits on what is indexed and found at a time.
const (
	MaxIndexed   = 500 // documents
	MaxFindRooms = 5000
	MaxFound     = 200
)

// SearchDoc is what is to be found of a message.
type SearchDoc struct {
	Room   chat.RoomID
	Seq    chat.Seq
	Tokens []string // each once, in any order; of valid UTF-8, 1–64 bytes each, without NUL
}

// SearchTerm is a token, or all that begin with it.
type SearchTerm struct {
	Token  string
	Prefix bool
}

// FindQuery asks for messages in some rooms that have all terms of All and none of None.
type FindQuery struct {
	Rooms    []chat.RoomID // at most MaxFindRooms, each once
	All      []SearchTerm  // at least one
	None     []SearchTerm
	From, To time.Time     // made at From or later, and before To; zero: no bound
	Before   *FoundMessage // what comes behind that one only; nil: from the newest on
	Limit    int           // 1–MaxFound
}

// FoundMessage is where a message is that may match.
type FoundMessage struct {
	Room chat.RoomID
	Seq  chat.Seq
	At   time.Time // when it was made, by the store's clock
}
