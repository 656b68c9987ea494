package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// HookAdmin makes and changes hooks. Admins may do so with all of them; a moderator of a room with
// those of that room. To anybody else a hook is NotFound, or what they want Forbidden. The Hooks
// that it returns have no Secrets and no Keys.
type HookAdmin interface {
	// NewHook makes a hook. Its secret is shown this once. It is a Conflict where the service has
	// no key to keep secrets under, and where there are too many (see Hooks.MakeHook); and so
	// are a key pair and signals, here and in SetHook, where not all nodes know of them.
	NewHook(ctx context.Context, by chat.Identity, wish HookWish) (HookMade, error)

	// ListHooks returns the hooks of a room, or, to an admin who names none, all.
	ListHooks(ctx context.Context, by chat.Identity, room chat.RoomID) ([]Hook, error)

	// Hook returns one.
	Hook(ctx context.Context, by chat.Identity, id chat.HookID) (Hook, error)

	// SetHook changes one. With change.Rotate it has a new secret, which is shown this once, and a
	// new key pair if it has one; for a day parcels are signed with those before too.
	SetHook(ctx context.Context, by chat.Identity, id chat.HookID, change HookChange) (HookMade, error)

	// DropHook removes one, and where it has got to.
	DropHook(ctx context.Context, by chat.Identity, id chat.HookID) error

	// TestHook posts a parcel that tells nothing to a hook's URL, once, and returns what came of
	// it. Nothing else comes of it: no cursor moves, no command is done, no failure is counted, and
	// a hook that is paused stays so. It is a Conflict for a hook that pulls, and where the secrets
	// cannot be read, and RateLimited where somebody tests too often or too many do at once.
	TestHook(ctx context.Context, by chat.Identity, id chat.HookID) (HookTest, error)
}

// HookCursors shows and moves how far hooks have come, and hands out what a hook pulls.
type HookCursors interface {
	// Seek sends a hook to a place: it begins anew behind that. A room that it does not follow, and
	// a place beyond the head, are Invalid.
	SeekHook(ctx context.Context, by chat.Identity, id chat.HookID, seek HookSeek) error

	// SkipHook gives entries up: the hook goes on behind To. It is a Conflict where it is there
	// already, and beyond the head. Who, what and why is logged.
	SkipHook(ctx context.Context, by chat.Identity, id chat.HookID, skip HookSkip) error

	// RetryHook has a hook tried now where it waits or has stalled, in a room or, where that is
	// empty, in all: its failures there are forgotten. A room that it does not follow is Invalid; a
	// hook that is paused is a Conflict.
	RetryHook(ctx context.Context, by chat.Identity, id chat.HookID, room chat.RoomID) error

	// HookBehind tells how far a hook is behind, and where it waits to try again or has ceased to:
	// rooms in the order of their ids, those behind after. limit is 1–200.
	HookBehind(ctx context.Context, by chat.Identity, id chat.HookID, after chat.RoomID, limit int) (HookLag, error)

	// PullHook waits until there is something for a hook of the kind HookPull, or wait is over, and
	// returns batches, of limit entries together at most. For LeaseTime nobody else gets them;
	// then, unless they were acknowledged, they come again. It is a Conflict for another kind of
	// hook, and for one that is paused, and RateLimited where too many wait at once.
	PullHook(ctx context.Context, by HookCaller, id chat.HookID, wait time.Duration, limit int) ([]HookBatch, error)

	// AckHook says that a batch was taken, or up to where, and what the bot is to do. It returns
	// how far the hook is in that room. A batch that was acknowledged already is no error.
	AckHook(ctx context.Context, by HookCaller, id chat.HookID, ack HookAck) (chat.Seq, error)
}

// HookWish is a hook to be made.
type HookWish struct {
	Room   chat.RoomID // by a moderator, for that room; empty: by an admin
	Kind   HookKind
	URL    string
	Filter HookFilter
	Now    bool      // begins with what is recorded from now on
	From   time.Time // or with entries made at that time or later; zero: with the first
	Bot    chat.Author
	Role   chat.Role // of its bot; None: Write
	Pair   bool      // it has a key pair: its parcels are also signed with ed25519
	// Signals is that it is told signals, too, but for those that Types leaves out: at most once
	// each, and not at all where that is not possible at once.
	Signals bool
}

// HookMade is a hook, and its secret where that is new.
type HookMade struct {
	Hook
	Secret string // whsec_…; empty: as it was
}

// HookChange is what to set of a hook; what is nil stays.
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
	Pair    *bool // whether it has a key pair; one that it has is given up at once
}

// HookTest is what came of a test.
type HookTest struct {
	Status int           // of the answer; 0: there was none
	Took   time.Duration // until it was read
	Body   string        // the beginning of the answer's body, up to MaxTestChars; to admins only
	Error  string        // why the test failed; empty: it did not
}

// MaxTestChars is how much is shown of the answer to a test.
const MaxTestChars = 500

// HookSeek is where to send a hook.
type HookSeek struct {
	Room  chat.RoomID // empty: all of its rooms, and then to a time
	After *chat.Seq   // behind that entry
	At    time.Time   // before the first entry that was made at that time or later; zero with no After: to the start
}

// HookSkip is what to give up.
type HookSkip struct {
	Room chat.RoomID
	To   chat.Seq
	Why  string // 1–200 characters, for the log
}

// HookLag is where a hook is behind.
type HookLag struct {
	Entries int64         // that it has yet to take, or to pass over
	Count   int           // of rooms where it is behind
	Stalled int           // of them
	Oldest  time.Duration // how old the oldest of the entries is
	Partial bool          // not all was looked at: it is more than that

	Rooms []HookRoomLag // where it waits, or has stalled
	Next  chat.RoomID   // the after of the next page; empty at the end
}

// HookRoomLag is how a hook stands in a room where it waits.
type HookRoomLag struct {
	Room    chat.RoomID
	Seq     chat.Seq // done up to here
	Head    chat.Seq
	UpTo    chat.Seq  // the last entry of the batch that it tries
	Tries   int       // that failed
	Since   time.Time // when the first did; zero: none
	Next    time.Time // when it is tried again; zero: it has stalled
	Error   string    // why the last one did
	Stalled bool
}

// HookCaller is who pulls: a hook's owner by its secret, or somebody who may change it.
type HookCaller struct {
	By     chat.Identity
	Secret string // not empty: that counts
}

// HookAck acknowledges a batch.
type HookAck struct {
	ID     string // of the batch
	Answer func(room chat.RoomID) (HookAnswer, error)
}

// LeaseTime is how long a batch is kept for who pulled it.
const LeaseTime = 30 * time.Second
