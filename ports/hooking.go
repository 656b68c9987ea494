package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// HookAdmin makes and changes hooks. Admins may do so with all hooks, and a moderator of a room
// with the hooks of that room. For anybody else a hook is NotFound, or the request is Forbidden.
// The Hooks that it returns have no Secrets and no Keys.
type HookAdmin interface {
	// NewHook makes a hook. Its secret is shown only this once. The error is a Conflict if the
	// service has no key to encrypt secrets, or if there are too many hooks (see Hooks.MakeHook).
	// Here and in SetHook it is also a Conflict to ask for a key pair or for signals while not all
	// nodes support them.
	NewHook(ctx context.Context, by chat.Identity, wish HookWish) (HookMade, error)

	// ListHooks returns the hooks of a room. For an admin who names no room it returns all.
	ListHooks(ctx context.Context, by chat.Identity, room chat.RoomID) ([]Hook, error)

	// Hook returns one hook.
	Hook(ctx context.Context, by chat.Identity, id chat.HookID) (Hook, error)

	// SetHook changes a hook. With change.Rotate the hook gets a new secret, which is shown only
	// this once. If it has a key pair, it gets a new one too. For a day parcels are also signed
	// with the previous secret and key.
	SetHook(ctx context.Context, by chat.Identity, id chat.HookID, change HookChange) (HookMade, error)

	// DropHook removes a hook and its cursors.
	DropHook(ctx context.Context, by chat.Identity, id chat.HookID) error

	// TestHook posts a parcel without content to a hook's URL, once, and returns the result. It has
	// no other effect: no cursor moves, no command is done, no failure is counted, and a paused
	// hook stays paused. The error is a Conflict if the hook is one that pulls, or if its secrets
	// cannot be read. It is RateLimited if the user tests too often, or if too many tests are under
	// way.
	TestHook(ctx context.Context, by chat.Identity, id chat.HookID) (HookTest, error)
}

// HookCursors shows and moves the cursors of hooks, and returns what a hook pulls.
type HookCursors interface {
	// SeekHook moves a hook's cursor: the hook goes on after that place. The error is Invalid if
	// the hook does not follow the room, or if the place is beyond the head.
	SeekHook(ctx context.Context, by chat.Identity, id chat.HookID, seek HookSeek) error

	// SkipHook gives up entries: the hook goes on after To. The error is a Conflict if the hook is
	// there already, or if To is beyond the head. Who did it, in which room and why is logged.
	SkipHook(ctx context.Context, by chat.Identity, id chat.HookID, skip HookSkip) error

	// RetryHook makes a hook try again now where it waits or has stalled: in one room, or in all if
	// room is empty. Its failures there are forgotten. The error is Invalid if the hook does not
	// follow the room, and a Conflict if the hook is paused.
	RetryHook(ctx context.Context, by chat.Identity, id chat.HookID, room chat.RoomID) error

	// HookBehind tells how far a hook is behind, and where it waits to try again or has stalled:
	// rooms in the order of their ids, those after after. limit is 1–200.
	HookBehind(ctx context.Context, by chat.Identity, id chat.HookID, after chat.RoomID, limit int) (HookLag, error)

	// PullHook waits until a hook of the kind HookPull has something to pull, or until wait is
	// over. It returns batches, with at most limit entries together. For LeaseTime nobody else gets
	// these batches. After that they come again, unless they were acknowledged. The error is a
	// Conflict for another kind of hook, and for a paused one. It is RateLimited if too many
	// requests wait at once.
	PullHook(ctx context.Context, by HookCaller, id chat.HookID, wait time.Duration, limit int) ([]HookBatch, error)

	// AckHook acknowledges a batch, or the first part of it, and does the commands for the bot. It
	// returns how far the hook is in that room. Acknowledging a batch twice is no error.
	AckHook(ctx context.Context, by HookCaller, id chat.HookID, ack HookAck) (chat.Seq, error)
}

// HookWish describes a hook to be made.
type HookWish struct {
	Room   chat.RoomID // made by a moderator, for that room; empty: made by an admin
	Kind   HookKind
	URL    string
	Filter HookFilter
	Now    bool      // the hook begins with entries from now on
	From   time.Time // or with entries made at that time or later; zero: with the first one
	Bot    chat.Author
	Role   chat.Role // of its bot; None: Write
	Pair   bool      // the hook gets a key pair: its parcels are also signed with ed25519
	// Signals says that the hook is also told signals, except those that Types leaves out. Each is
	// told at most once. It is dropped if it cannot be told at once.
	Signals bool
}

// HookMade is a hook, with its secret if that is new.
type HookMade struct {
	Hook
	Secret string // whsec_…; empty: it has not changed
}

// HookChange says what to change in a hook. A nil field leaves the value as it is.
type HookChange struct {
	URL     *string
	Types   *[]string
	Own     *bool
	Batch   *int
	Wait    *time.Duration
	Role    *chat.Role
	Paused  *bool
	Rotate  bool
	Signals *bool
	Pair    *bool // whether it has a key pair; false removes the present one at once
}

// HookTest is the result of a test.
type HookTest struct {
	Status int           // of the answer; 0: there was none
	Took   time.Duration // until the answer was read
	Body   string        // the beginning of the answer's body, up to MaxTestChars; to admins only
	Error  string        // why the test failed; empty: it succeeded
}

// MaxTestChars is how many characters of the answer to a test are shown.
const MaxTestChars = 500

// HookSeek says where to move a hook's cursor.
type HookSeek struct {
	Room  chat.RoomID // empty: all of its rooms, and only with At
	After *chat.Seq   // after that entry
	// Before the first entry that was made at that time or later. Zero with no After: the start.
	At time.Time
}

// HookSkip says what to give up.
type HookSkip struct {
	Room chat.RoomID
	To   chat.Seq
	Why  string // 1–200 characters, for the log
}

// HookLag says how far a hook is behind.
type HookLag struct {
	Entries int64         // that it has yet to take or pass over
	Count   int           // of rooms where it is behind
	Stalled int           // those of them where it has stalled
	Oldest  time.Duration // how old the oldest of the entries is
	// Not everything was looked at: it is behind by more than that.
	Partial bool

	Rooms []HookRoomLag // where it waits, or has stalled
	Next  chat.RoomID   // the after of the next page; empty at the end
}

// HookRoomLag is the state of a hook in a room where it waits.
type HookRoomLag struct {
	Room    chat.RoomID
	Seq     chat.Seq // the last entry that it has done with
	Head    chat.Seq
	UpTo    chat.Seq  // the last entry of the batch that it tries
	Tries   int       // how many tries failed
	Since   time.Time // when the first one failed; zero: none did
	Next    time.Time // when it is tried again; zero: it has stalled
	Error   string    // why the last one failed
	Stalled bool
}

// HookCaller is who pulls: a client with the hook's secret, or a user who may change the hook.
type HookCaller struct {
	By     chat.Identity
	Secret string // if it is set, By does not count
}

// HookAck acknowledges a batch.
type HookAck struct {
	ID     string // of the batch
	Answer func(room chat.RoomID) (HookAnswer, error)
}

// LeaseTime is how long a pulled batch is kept for the one who pulled it.
const LeaseTime = 30 * time.Second
