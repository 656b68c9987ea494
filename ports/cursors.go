package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Cursors keeps how far consumers have got in rooms, and finds the rooms where they may be behind.
// A room is pending from when it is made, and from each entry that is appended to it, until Clear.
// Times are by the store's clock. It may be called concurrently.
type Cursors interface {
	// Pending returns rooms that are pending: of each share that is asked for up to limit, in the
	// order of their ids (bytewise), those behind a room.
	Pending(ctx context.Context, asked []SharePlace, limit int) ([]PendingRoom, error)

	// Waiting returns cursors of those consumers in rooms of those shares whose time to be looked
	// at has come, up to limit of each share, those first whose time came first.
	Waiting(ctx context.Context, shares []Share, consumers []string, limit int) ([]Cursor, error)

	// Load returns all cursors in these rooms, of any consumer, in no order.
	Load(ctx context.Context, rooms []chat.RoomID) ([]Cursor, error)

	// Move sets cursors in one durable commit, and returns one outcome a move, in their order. It
	// names a pair once. A move that is refused spoils none of the others.
	//
	// An error of Move itself means that nothing is known of the outcome (Unavailable), or that no
	// cursor was moved. A move that is made again after that is Changed where it was done before.
	Move(ctx context.Context, moves []CursorMove) ([]MoveOutcome, error)

	// Clear makes rooms pending no more whose head is still that one, if the generation is the
	// present one. A room that somebody else holds just then stays pending, and nobody waits for
	// it.
	Clear(ctx context.Context, rooms []RoomHead, generation int64) error

	// Wake looks at rooms in the order of their ids and makes pending those that have to be: those
	// to which a release appended that does not know of pending rooms, and those that query names.
	Wake(ctx context.Context, query WakeQuery) (Woken, error)
}

// SharePlace asks for the rooms of a share behind one of them.
type SharePlace struct {
	Share Share
	After chat.RoomID // empty: from the first on
}

// PendingRoom is a room where consumers may be behind.
type PendingRoom struct {
	Room   chat.RoomID
	Head   chat.Seq
	LastAt time.Time     // the last entry's time, or when the room was made
	Quiet  time.Duration // for how long nothing was appended
}

// RoomHead tells how far a room's log reaches.
type RoomHead struct {
	Room chat.RoomID
	Head chat.Seq
}

// Cursor is how far a consumer has got in a room.
type Cursor struct {
	Consumer string
	Room     chat.RoomID
	Seq      chat.Seq // up to which it has done with the entries

	// The batch that was fixed last and is not done.
	UpTo   chat.Seq // its last entry; 0: there is none
	Head   chat.Seq // the room's head when it was fixed
	Sealed []byte   // up to 32 bytes, or nil

	Tries   int       // how often that failed
	Since   time.Time // when it first did, by the store: zero where Tries is 0
	Error   string    // why it did last, up to 300 bytes
	Next    time.Time // when the pair is to be looked at, though the room may not be pending; zero: never
	Stalled bool      // nothing is tried any more until somebody says how it goes on
}

// CursorMove sets a cursor, under a lease of its room's share.
type CursorMove struct {
	Lease Lease
	Was   *CursorState  // how the cursor is; nil: there is none
	To    Cursor        // as it is from now on; Since and Next do not count
	Wait  time.Duration // until Next; 0: no Next
}

// CursorState tells whether a cursor is still as it was read.
type CursorState struct{ Seq, UpTo chat.Seq }

// MoveOutcome is what became of a move.
type MoveOutcome uint8

// The outcomes of moves.
const (
	MoveLost    MoveOutcome = iota // the lease is not the present one: another node may have it
	MoveChanged                    // the cursor is not as Was says
	Moved
)

// WakeQuery asks to make rooms pending.
type WakeQuery struct {
	After chat.RoomID // rooms behind it; empty: from the first on
	Limit int         // look at so many, at least 1
	Since *time.Time  // also those with an entry that is not older; nil: none
}

// Woken is what Wake has done.
type Woken struct {
	Next  chat.RoomID // the After of the next call; empty: that were all
	Count int         // rooms that are pending now and were not
	Held  int         // rooms that somebody else held, so that they stay as they are
}

// Consumers knows which consumers there are, and what is to be done with their cursors on demand.
// It may be called concurrently.
type Consumers interface {
	// Begin notes that there is a consumer. Where it is new that moves the generation on; no Clear
	// of an earlier one has an effect after it.
	Begin(ctx context.Context, consumer string) error

	// Begun returns the consumers that have begun.
	Begun(ctx context.Context) (Begun, error)

	// Walked notes that all rooms are pending that the consumer has to begin with. Of one that has
	// not begun it notes nothing.
	Walked(ctx context.Context, consumer string) error

	// Seek sets a consumer's cursor in a room, and has it looked at: what it failed at is
	// forgotten. It is NotFound where there is no such room, and Invalid with the detail Ahead
	// beyond its head.
	Seek(ctx context.Context, consumer string, room chat.RoomID, seq chat.Seq) error

	// Stuck returns a consumer's cursors that have a Next or are Stalled, in the order of their
	// rooms' ids (bytewise), those behind after, at most limit.
	Stuck(ctx context.Context, consumer string, after chat.RoomID, limit int) ([]Cursor, error)

	// Forget drops a consumer: that it has begun, if after is empty, and its cursors in rooms
	// behind after. It looks at limit cursors, of whichever consumer; next is the after of the next
	// call, empty at the end.
	Forget(ctx context.Context, consumer string, after chat.RoomID, limit int) (next chat.RoomID, err error)
}

// Begun is which consumers have begun.
type Begun struct {
	Generation int64           // grows with each that begins
	Walked     map[string]bool // by name: whether Walked was noted
}
