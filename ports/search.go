package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// FeatureSearch says that messages can be searched for.
const FeatureSearch = "search"

// SearchIndex knows which messages have which tokens. It is written later than the log, so it may
// lag. What it finds is only a hint: the caller must read each message again, and check that it
// still matches and may be read.
type SearchIndex interface {
	// Index makes messages be found by these documents from now on. A document replaces the earlier
	// one of its message. A message whose document has no tokens is not found any more. All
	// documents are written in one commit: at most MaxIndexed, each of another message. Documents
	// of a room that does not exist are ignored.
	Index(ctx context.Context, docs []SearchDoc) error

	// Find returns messages that match the query, the newest first: by time, then by room
	// (bytewise), then by seq, each descending.
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

// SearchDoc says by which tokens a message is found.
type SearchDoc struct {
	Room chat.RoomID
	Seq  chat.Seq
	// At most MaxDocTokens, each once, in any order; of valid UTF-8, 1–MaxTokenBytes bytes each,
	// without NUL.
	Tokens []string
}

// SearchTerm is a token, or the beginning of tokens. Tokens are compared bytewise.
type SearchTerm struct {
	Token  string
	Prefix bool
}

// FindQuery asks for messages in some rooms that have all terms of All and none of None. If there
// are more than MaxFindRooms public rooms, a store may leave some out. Then it looks at those that
// were active last, as far as it knows.
type FindQuery struct {
	Rooms  []chat.RoomID // at most MaxFindRooms, each once
	Public bool          // in public rooms too
	// But not in these, at most MaxFindRooms; it has no meaning without Public.
	But      []chat.RoomID
	All      []SearchTerm // at least one
	None     []SearchTerm
	From, To time.Time     // made at From or later, and before To; zero: no bound
	Before   *FoundMessage // only messages that come after this one; nil: from the newest on
	Limit    int           // 1–MaxFound
}

// FoundMessage is the place of a message that may match.
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

// Word is a word of a text. Two words are alike if their forms are the same. A word of a query
// without accents is also like a word with accents whose Bare is its Form.
type Word struct {
	Form string // 1–MaxTokenBytes bytes: a longer word is cut
	Bare string // Form without accents; the same if it has none
	Part bool   // it is one character of a script that has no spaces between words
	Next bool   // it is a Part, and directly follows the Part before it

	// Where it stands in the text, in bytes. Both are at the beginning of a character.
	From, To int
}

// Searcher finds messages for those who may read them.
type Searcher interface {
	// Search returns a page of the messages that match the query, the newest first. Each is in its
	// present form, in a room that the user may read now. Without Room it searches the rooms where
	// they are a member, have a read mark or have made an entry, and those that the token names by
	// id.
	//
	// A page may have fewer than Limit hits, or none. As long as there is a Next, there may be
	// more. A message that was sent a moment ago may be missing: see SearchPage.
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

// HasLink is the value of Search.Has for messages with a link.
const HasLink = "link"

// SearchPage is some of the messages that were found.
type SearchPage struct {
	Hits []SearchHit
	Next string // the Cursor of the next page; empty at the end

	// Truncated says that the user has more rooms than a search looks at. It has looked at those
	// that were active last.
	Truncated bool

	OneRoom bool // the query named one room

	// The index is written later than the log. Behind is how many entries it has yet to look at in
	// the rooms that were searched; if these are many, in the MaxCounted that were active last. If
	// one room was searched, the page is complete up to the entry IndexedSeq. Otherwise it is
	// complete up to the time Indexed; zero means that this is not known.
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

// SearchMark is a part of a body that matches the query: from one character up to another. They are
// counted from 0 in code points, as chat.MaxBodyChars counts. A hit has at most MaxHitMarks.
type SearchMark struct{ From, To int }
