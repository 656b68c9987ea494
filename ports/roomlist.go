package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// RoomLister lists a user's rooms, in an order of the user's choice, each with its last message.
// Each page is one call.
type RoomLister interface {
	// List returns a page of the rooms that Rooms.Mine returns. A Cursor is the Next of the page
	// before. With it, List goes on in the same view as the first page: each room of that view
	// comes once, whatever is said, joined or left meanwhile. Rooms that the user may not read any
	// more are left out. With SortName, a room that is renamed meanwhile stands where its new name
	// puts it. The error is Invalid for a text that is no cursor, and for a cursor of another user,
	// Sort or log.
	//
	// A page is also limited by bytes, as a page of a log is. So it may have fewer than Limit
	// rooms, or none. As long as there is a Next, there are more. Its error may be a Partial.
	List(ctx context.Context, by chat.Identity, query ListQuery) (RoomListPage, error)
}

// ListQuery asks for a page of the user's rooms.
type ListQuery struct {
	Sort   RoomSort
	Cursor string // empty: the first page
	Limit  int    // 1–200
}

// RoomListPage is some of the user's rooms, in the order asked for.
type RoomListPage struct {
	Rooms []ListedRoom
	Next  string // the Cursor of the next page; empty at the end
	// The user has more rooms than a list looks at. Those with the lowest ids were looked at.
	Truncated bool
}

// ListedRoom is a room as one user sees it, with the last thing said in it.
type ListedRoom struct {
	RoomView
	// With SortActive: when its last entry was made, as of the view. If it has none: when the room
	// was made.
	Active time.Time
	Last   *chat.Entry // the last message, in its present form and with Me; nil: there is none
}

// RoomSort is what rooms are sorted by. If two are equal, the one with the lower id (bytewise)
// comes first.
type RoomSort uint8

// The orders.
const (
	SortID     RoomSort = iota // by their ids, bytewise
	SortActive                 // by their last entries, the latest first
	// By their names, or by ids if they have none: bytewise, with A–Z like a–z.
	SortName
)

// MaxListed is how many of a user's rooms a list looks at. If the user has more, it looks at those
// with the lowest ids.
const MaxListed = 5000

// RoomLists returns a user's rooms in other orders than that of their ids. Stores keep no index for
// that, as each entry would move a room in it. They go through all rooms of the one user instead.
type RoomLists interface {
	// Order returns the first query.Limit rooms in an order: of those that Directory.Rooms returns,
	// and those from which the user is banned. If there are more than query.Max of them, it looks
	// only at those up to the id cut. Otherwise cut is empty. Its error may be a Partial.
	Order(ctx context.Context, query OrderQuery) (keys []RoomKey, cut chat.RoomID, err error)

	// Sights returns one sight for each of the rooms, in their order: how a user sees it. Unread is
	// counted. For a room that does not exist the sight is zero. Its error may be a Partial.
	Sights(ctx context.Context, user chat.UserID, rooms []chat.RoomID) ([]RoomSight, error)
}

// OrderQuery asks for rooms of a user in an order.
type OrderQuery struct {
	User    chat.UserID
	Granted []chat.RoomID // other rooms to look at, ascending
	Sort    RoomSort
	Max     int         // look at so many rooms at most, those with the lowest ids; at least 1
	UpTo    chat.RoomID // look at no ids after it; empty: no bound
	Limit   int         // max rooms to return, at least 1
	Behind  *RoomKey    // only rooms that come after it in the order; nil: from the first on

	// With SortActive: rooms as they were at that time, ordered by their last entries up to it, or
	// by when they were made. Zero: as they are now.
	AsOf time.Time
	But  []chat.RoomID // with SortActive: leave these out
}

// RoomKey is the place of a room in an order.
type RoomKey struct {
	Room chat.RoomID
	// SortActive: when its last entry was made. If it has none: when the room was made.
	At   time.Time
	Name string // SortName: what it is sorted by
}

// RoomSight is a room as a store shows it to a user.
type RoomSight struct {
	chat.Standing
	Last *chat.Entry // as in ListedRoom; it may be newer than the standing
}
