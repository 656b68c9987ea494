package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Cursors keeps how far consumers have got in rooms, and finds the rooms where they may be behind.
// A room becomes pending when it is made, and with each new entry. It stays pending until Clear.
// Times are by the store's clock. It may be called concurrently.
type Cursors interface {
	// Pending returns pending rooms, up to limit of each share that is asked for: those after its
	// After, in the order of their ids (bytewise).
	Pending(ctx context.Context, asked []SharePlace, limit int) ([]PendingRoom, error)

	// Waiting returns cursors of these consumers in rooms of these shares whose Next has passed: up
	// to limit of each share, those with the earliest Next first.
	Waiting(ctx context.Context, shares []Share, consumers []string, limit int) ([]Cursor, error)

	// Load returns all cursors in these rooms, of any consumer, in no order.
	Load(ctx context.Context, rooms []chat.RoomID) ([]Cursor, error)

	// Move sets cursors in one durable commit, or in one of each part of the store, and returns one
	// result per move, in their order. The moves must be of different pairs. A move that is refused
	// does not affect the others.
	//
	// An error of Move itself means that the outcome is not known (Unavailable), or that no cursor
	// was moved. If such a move is repeated and was done the first time, its outcome is
	// MoveChanged.
	Move(ctx context.Context, moves []CursorMove) ([]CursorMoved, error)

	// Clear ends the pending state of rooms that still have the given heads, if the generation is
	// the present one. If somebody else has locked a room at that time, the room stays pending.
	// Clear does not wait for it.
	Clear(ctx context.Context, rooms []RoomHead, generation int64) error

	// Wake looks at rooms in the order of their ids, and makes some of them pending. These are
	// rooms to which an earlier release has appended, which does not know of pending rooms, and the
	// rooms that query asks for.
	Wake(ctx context.Context, query WakeQuery) (Woken, error)
}

// SharePlace asks for the rooms of a share that come after a room.
type SharePlace struct {
	Share Share
	After chat.RoomID // empty: from the first on
}

// PendingRoom is a room where consumers may be behind.
type PendingRoom struct {
	Room   chat.RoomID
	Head   chat.Seq
	LastAt time.Time     // the last entry's time, or when the room was made
	Quiet  time.Duration // since the last entry was appended
}

// RoomHead is a room's head.
type RoomHead struct {
	Room chat.RoomID
	Head chat.Seq
}

// Cursor is how far a consumer has got in a room.
type Cursor struct {
	Consumer string
	Room     chat.RoomID
	Seq      chat.Seq // the last entry that it has finished

	// The last batch whose bounds were fixed, if it is not finished.
	UpTo   chat.Seq // its last entry; 0: there is none
	Head   chat.Seq // the room's head when it was fixed
	Sealed []byte   // up to 32 bytes, or nil

	Tries   int       // how often the batch failed
	Since   time.Time // when it first failed; zero if Tries is 0
	Error   string    // why it last failed, up to 300 bytes
	Next    time.Time // when to look at the pair, even if the room is not pending; zero: never
	Stalled bool      // no more tries until an operator decides
}

// CursorMove sets a cursor, under a lease of its room's share.
type CursorMove struct {
	Lease Lease
	Was   *CursorState  // the present cursor; nil: there is none
	To    Cursor        // the new cursor; Since and Next are ignored
	Wait  time.Duration // until Next; 0: no Next
}

// CursorState identifies a state of a cursor, to see whether it has changed.
type CursorState struct{ Seq, UpTo chat.Seq }

// CursorMoved is the result of a move.
type CursorMoved struct {
	Outcome MoveOutcome
	// Head is the room's head at the move: all that was appended before Move was called is before
	// or at it. So a consumer learns whether it knows the present log of the room. It is 0 unless
	// the cursor was Moved.
	Head chat.Seq
}

// MoveOutcome is the outcome of a move.
type MoveOutcome uint8

// The outcomes of moves.
const (
	MoveLost    MoveOutcome = iota // the lease is not the present one: another node may have it
	MoveChanged                    // the cursor differs from Was, or nothing is known of it
	Moved
)

// WakeQuery asks to make rooms pending.
type WakeQuery struct {
	After chat.RoomID // rooms after it; empty: from the first on
	Limit int         // how many rooms to look at, at least 1
	Since *time.Time  // also rooms with an entry made at that time or later; nil: no others
}

// Woken is what Wake has done.
type Woken struct {
	Next  chat.RoomID // the After of the next call; empty at the end
	Count int         // rooms that have become pending
	Held  int         // rooms that somebody else had locked, which were left as they were
}

// Consumers knows which consumers there are, and changes their cursors for operators. It may be
// called concurrently.
type Consumers interface {
	// Begin notes that there is a consumer, or that its rooms must be walked again. It raises the
	// generation. From then on a Clear with an earlier generation has no effect.
	Begin(ctx context.Context, consumer string) error

	// Begun returns the consumers that have begun.
	Begun(ctx context.Context) (Begun, error)

	// Walked notes that all rooms in which the consumer has to begin are pending. It does nothing
	// for a consumer that has not begun.
	Walked(ctx context.Context, consumer string) error

	// Seek sets a consumer's cursor in a room, makes the pair be looked at, and forgets its
	// failures. The error is NotFound if there is no such room, and Invalid with the detail Ahead
	// if seq is beyond its head.
	Seek(ctx context.Context, consumer string, room chat.RoomID, seq chat.Seq) error

	// Stuck returns a consumer's cursors that have a Next or are Stalled, in the order of their
	// rooms' ids (bytewise): those after after, at most limit.
	Stuck(ctx context.Context, consumer string, after chat.RoomID, limit int) ([]Cursor, error)

	// Forget removes a consumer's cursors in rooms after after. If after is empty, it also removes
	// the note that the consumer has begun. It looks at limit cursors, of any consumer. next is the
	// after of the next call, and empty at the end.
	Forget(ctx context.Context, consumer string, after chat.RoomID, limit int) (next chat.RoomID, err error)
}

// Retries makes pairs be looked at before their time. It may be called concurrently.
type Retries interface {
	// Retry makes a consumer's pairs in these rooms be looked at soon: at random times within the
	// given duration from now, by the store's clock. It changes pairs that have failed and wait for
	// a later time. With anew it changes all that have failed, also those that are Stalled, and
	// forgets their failures. A batch that is fixed stays as it is. A pair that somebody else moves
	// at that time does not change, and Retry does not wait for it.
	Retry(ctx context.Context, consumer string, rooms []chat.RoomID, within time.Duration, anew bool) error
}

// Begun says which consumers have begun.
type Begun struct {
	Generation int64           // grows with each Begin
	Walked     map[string]bool // by name: whether Walked was called
}
