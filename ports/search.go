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
	// One without tokens is found no more. All of it is one commit, at most MaxIndexed documents,
	// each of another message. Documents of a room that does not exist are passed over.
	Index(ctx context.Context, docs []SearchDoc) error

	// Find returns messages that have what the query asks for, the newest first: by time, then by
	// room bytewise, then by seq, each descending.
	Find(ctx context.Context, query FindQuery) ([]FoundMessage, error)
}

// Limits on what is indexed and found at a time.
const (
	MaxIndexed    = 500 // documents
	MaxDocTokens  = 8192
	MaxTokenBytes = 64
	MaxFindRooms  = 5000
	MaxFindTerms  = 64 // of All and None together
	MaxFound      = 200
)

// SearchDoc is what is to be found of a message.
type SearchDoc struct {
	Room   chat.RoomID
	Seq    chat.Seq
	Tokens []string // at most MaxDocTokens, each once, in any order; of valid UTF-8, 1–MaxTokenBytes bytes each, without NUL
}

// SearchTerm is a token, or all that begin with it. Tokens are compared bytewise.
type SearchTerm struct {
	Token  string
	Prefix bool
}

// FindQuery asks for messages in some rooms that have all terms of All and none of None. Of the
// public rooms a store may pass over some where there are more than MaxFindRooms: then it looks at
// those that were active last, as far as it knows.
type FindQuery struct {
	Rooms    []chat.RoomID // at most MaxFindRooms, each once
	Public   bool          // also in rooms that are public now
	But      []chat.RoomID // at most MaxFindRooms; of no meaning without Public
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

// Words splits texts into words to search by: messages and queries in the same way.
type Words interface {
	// Words appends the words of a text to dst, in their order. It may be called concurrently.
	Words(dst []Word, text string) []Word
}

// Word is a word of a text. Two are alike if their forms are the same. One that is asked for
// without accents is also like one that has some, if its Form is the other's Bare.
type Word struct {
	Form string // 1–MaxTokenBytes bytes: a longer word is cut
	Bare string // Form without accents; where there are none the same
	Part bool   // a character of a script without spaces between words
	Next bool   // it is a Part, and follows the Part before it directly

	From, To int // where it stands in the text, in bytes, from the beginning of a character to that of another
}

// Searcher finds messages for those who may read them.
type Searcher interface {
	// Search returns a page of the messages that the query asks for, the newest first. Each is as
	// it is now, in a room that the user may read now. Without Room these are the rooms where they
	// are a member, have a read mark or have made an entry, and those that the token names by id.
	//
	// A page may have fewer than Limit hits, or none: there may be more while there is a Next. What
	// was said a moment ago may lack: see SearchPage.
	Search(ctx context.Context, by chat.Identity, query Search) (SearchPage, error)
}

// Limits on searches.
const (
	MaxQueryChars = 200
	MaxQueryTerms = 10
	MaxHits       = 50 // of a page
	DefaultHits   = 20
	MaxHitMarks   = 50
	MaxCounted    = 200
)

// HasLink is Search.Has for messages with a link.
const HasLink = "link"

// SearchPage is some of the messages that were found.
type SearchPage struct {
	Hits []SearchHit
	Next string // the Cursor of the next page; empty at the end

	// Truncated is that the user has more rooms than are looked at: those were, that were active
	// last.
	Truncated bool

	OneRoom bool // a room was asked for

	// The index is written behind the log. Behind is how many entries it has yet to look at in the
	// rooms that were searched; of many rooms, in the MaxCounted that were active last. IndexedSeq
	// is up to which entry of the one room the page is complete; Indexed up to which time, zero
	// where that is not known.
	Behind     int64
	IndexedSeq chat.Seq
	Indexed    time.Time
}

func (SearchPage) answer() {}

// SearchHit is a message that was found.
type SearchHit struct {
	Entry chat.Entry // in its present form, with Me
	Marks []SearchMark
}

// SearchMark is a part of a body in which something is that was asked for: from one character up to
// another, counted from 0 as chat.MaxBodyChars counts them, in code points. At most MaxHitMarks are
// told of a message.
type SearchMark struct{ From, To int }
