package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// RoomLister shows a user's rooms in one call each page: in an order of the user's choice, with the
// last message of each.
type RoomLister interface {
	// List returns a page of the rooms that Rooms.Mine tells of. With a Cursor, which is the Next
	// of the page before, it goes on in the view that the first page was of: each room of that view
	// comes once, whatever is said, joined or left meanwhile. Left out are those that the user may
	// read no more, and where Sort is SortName a room that is renamed meanwhile stands where its
	// new name puts it. A cursor that is none, or of another user, Sort or log, is Invalid.
	//
	// A page is cut by bytes as one of a log is, so that it may have fewer than Limit rooms, or
	// none: there are more while there is a Next.
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
	Rooms     []ListedRoom
	Next      string // the Cursor of the next page; empty at the end
	Truncated bool   // the user has more rooms than are looked at, which are the first by their ids
}

// ListedRoom is a room as one user sees it, with the last thing said in it.
type ListedRoom struct {
	RoomView
	Active time.Time   // with SortActive: when, as of the view, its last entry was made, or else the room
	Last   *chat.Entry // the last message, in its present form with Me; nil where there is none
}

// RoomSort is what rooms are sorted by. Of two that are alike in that, the one with the lower id
// (bytewise) comes first.
type RoomSort uint8

// The orders.
const (
	SortID     RoomSort = iota // by their ids, bytewise
	SortActive                 // by their last entries, the latest first
	SortName                   // by their names, or ids where they have none: bytewise, A–Z as a–z
)

// MaxListed is how many of a user's rooms a list looks at. Of who has more it looks at the first by
// their ids.
const MaxListed = 5000

// RoomLists knows a user's rooms in other orders than that of their ids. Stores keep no index for
// that, as each entry would have to move a room in it: they go through the rooms of the one user.
type RoomLists interface {
	// Order returns the first query.Limit of the rooms that Directory.Rooms tells of, and of those
	// from which the user is banned, in an order. cut is not empty where there are more than
	// query.Max of them: then it looks at those up to that id only.
	Order(ctx context.Context, query OrderQuery) (keys []RoomKey, cut chat.RoomID, err error)

	// Sights returns how a user sees rooms: one sight a room, in their order. What is unread is
	// counted. A room that does not exist has the zero RoomSight.
	Sights(ctx context.Context, user chat.UserID, rooms []chat.RoomID) ([]RoomSight, error)
}

// OrderQuery asks for rooms of a user in an order.
type OrderQuery struct {
	User    chat.UserID
	Granted []chat.RoomID // other rooms to look at, ascending
	Sort    RoomSort
	Max     int         // look at so many at most, the first by their ids; at least 1
	UpTo    chat.RoomID // look at no ids behind it; empty: at all
	Limit   int         // at most so many, at least 1
	Behind  *RoomKey    // only rooms that come behind it in the order; nil: from the first

	// With SortActive, rooms as they were at a time: by their last entries up to it, or else by
	// when they were made. Zero: as they are.
	AsOf time.Time
	But  []chat.RoomID // with SortActive: not these
}

// RoomKey is where a room stands in an order.
type RoomKey struct {
	Room chat.RoomID
	At   time.Time // SortActive: when its last entry was made, or else the room
	Name string    // SortName: what it is sorted by
}

// RoomSight is a room as a store shows it to a user.
type RoomSight struct {
	chat.Standing
	Last *chat.Entry // as in ListedRoom; it may be younger than the standing
}
