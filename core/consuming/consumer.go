package consuming

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/recent"
	"github.com/parley-chat/parley/ports"
)

// Consumer follows the logs of rooms: what it takes of a room comes in order, and its cursor there
// moves on only after success. So each entry comes at least once, and a batch that comes again has
// the bounds that it had before.
//
// All methods may be called concurrently, for different rooms, and none but Take waits for
// anything, or calls the Runner: it holds a lock meanwhile. What a consumer says of itself may
// change while it runs: see Runner.Set.
type Consumer interface {
	// Name names its cursors, for ever: 1 to MaxName characters of a-z 0-9 . _ - :
	Name() string

	// Wants reports whether it follows a room.
	Wants(room chat.RoomID) bool

	// From says where it begins in a room where it has no cursor yet. It is the same for as long as
	// it lives.
	From() From

	// Limits bounds its batches and how many it takes at once.
	Limits() Limits

	// Filter reports whether it takes an entry. Others only move its cursor: there is no Take where
	// none is left.
	Filter(e *chat.Entry) bool

	// Seal returns what is to be kept with a batch's bounds at its first attempt, before that: a
	// digest of what will be sent, say. It is MaxSeal bytes at most, or nil.
	Seal(b Batch) []byte

	// Take takes a batch, within Limits.Time, after which ctx ends. It returns how far it got; an
	// error means that it is tried again (see Retry, Pause). Of a room one batch is taken at a
	// time.
	Take(ctx context.Context, b Batch) (Taken, error)
}

// Limits on consumers.
const (
	MaxName  = 64
	MaxSeal  = 32
	MaxError = 300 // bytes that are kept of the text of a failure
)

// From is where a consumer begins in a room. The zero value is Start.
type From struct{ at time.Time }

// Start is before the first entry.
func Start() From { return From{} }

// At is before the first entry that was made at that time or later, by the store's clock.
func At(t time.Time) From { return From{t.UTC()} }

// Time returns the time of At, or zero for Start.
func (f From) Time() time.Time { return f.at }

// Limits bounds what a consumer is given. What is zero, or beyond a bound, is what stands here.
type Limits struct {
	Entries int           // of a batch that it takes: 1–100; 0: 100
	Bytes   int           // of their bodies, meta and data; one entry at least; up to 1 MiB; 0: 256 KiB
	Gather  time.Duration // how long to wait for more entries where there are fewer than Entries; up to 1 min; 0: 50–500 ms behind another batch
	Rooms   int           // batches under way at once, each of another room; up to 64; 0: 16
	Time    time.Duration // of one attempt; up to 5 min; 0: 15 s
	Rests   string        // why it is given nothing for now, for operators; empty: it is given what there is
}

const (
	maxEntries, stdEntries = 100, 100
	maxBytes, stdBytes     = 1 << 20, 256 << 10
	maxGather              = time.Minute
	maxInFlight, stdRooms  = 64, 16
	maxTime, stdTime       = 5 * time.Minute, 15 * time.Second
)

func (l Limits) bounded() Limits {
	l.Entries = bounded(l.Entries, stdEntries, maxEntries)
	l.Bytes = bounded(l.Bytes, stdBytes, maxBytes)
	l.Gather = max(0, min(l.Gather, maxGather))
	l.Rooms = bounded(l.Rooms, stdRooms, maxInFlight)
	l.Time = bounded(l.Time, stdTime, maxTime)
	return l
}

func bounded[T int | time.Duration](v, std, limit T) T {
	if v <= 0 {
		return std
	}
	return min(v, limit)
}

// Batch is a run of a room's entries that a consumer is to take. Room, First, Last, Head and Sealed
// are fixed before its first attempt and stored, so that they are the same at each further one,
// also on another node. Entries are read anew, in present form: what was deleted meanwhile comes
// without its text.
type Batch struct {
	Room        chat.RoomID
	First, Last chat.Seq      // the run; entries that the consumer does not take may lie in it
	Head        chat.Seq      // the room's last entry when the run was fixed
	Entries     []chat.Entry  // those of the run that it takes, ascending; not to be changed
	Forms       []*ports.Form // a place for each of Entries that others share who take it too; or nil
	Sealed      []byte        // what Consumer.Seal gave; nil in its own call
	Tries       int           // how many attempts have failed
	Trace       chat.Trace    // of the last entry that is news on this node, or empty

	page recent.Page // that Entries are of
}

// Taken is how far a consumer got.
type Taken struct {
	// UpTo is the last entry that it has done with: from Batch.First to Batch.Last. What is behind
	// it comes again, as a batch of its own. Nothing before First counts as an error.
	UpTo chat.Seq
}

// All is what to return for a batch that was taken as a whole.
func (b *Batch) All() Taken { return Taken{b.Last} }

// Retry is an error that says when the batch may be tried again. It counts as a failure like any
// other.
type Retry struct {
	After time.Duration // bounded to 24 h; 0: as for other errors
	Cause error
}

func (r Retry) Error() string { return reasonOf(r.Cause, "to be tried again") }

// Unwrap returns the cause.
func (r Retry) Unwrap() error { return r.Cause }

// Left is an error that leaves a batch to somebody else, who moves the cursor by Runner.Seek. It is
// no failure. Until then the batch is taken again from time to time, to be left again.
type Left struct {
	For time.Duration // bounded to 24 h; 0: 1 h
}

func (Left) Error() string { return "it is left to somebody else" }

// Pause is an error that concerns the consumer as a whole, and not this batch: nothing is counted
// as a failure of the room, and no room is tried for a while. A consumer that is to rest for longer
// says so in its Limits.
type Pause struct {
	For   time.Duration // bounded to 1 h; 0: 5 s
	Cause error
}

func (p Pause) Error() string { return reasonOf(p.Cause, "the consumer pauses") }

// Unwrap returns the cause.
func (p Pause) Unwrap() error { return p.Cause }

func reasonOf(cause error, otherwise string) string {
	if cause == nil {
		return otherwise
	}
	return cause.Error()
}

// errNothing is for a consumer that returns neither an error nor an entry that it took.
var errNothing = errors.New("the consumer took nothing, and did not say why")

// CheckName returns an Invalid error where a consumer cannot have that name.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName {
		return chat.Errorf(chat.Invalid, "a consumer's name must have 1 to %d characters", MaxName)
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && c != '.' && c != '_' && c != '-' && c != ':' {
			return chat.Errorf(chat.Invalid, "a consumer's name may have the characters a-z 0-9 . _ - : only")
		}
	}
	return nil
}
