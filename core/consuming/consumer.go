package consuming

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/recent"
	"github.com/parley-chat/parley/ports"
)

// Consumer follows the logs of rooms. It takes the entries of a room in order, and its cursor there
// moves on only after success. So each entry comes at least once. A batch that comes again has the
// same bounds as before.
//
// All methods may be called concurrently, for different rooms. Only Take may wait for anything or
// call the Runner: the Runner holds a lock while it calls the others. What a consumer says of
// itself may change while it runs: see Runner.Set.
type Consumer interface {
	// Name names its cursors, for ever: 1 to MaxName characters of a-z 0-9 . _ - :
	Name() string

	// Wants reports whether the consumer follows a room.
	Wants(room chat.RoomID) bool

	// From says where the consumer begins in a room in which it has no cursor yet. It never
	// changes.
	From() From

	// Limits returns bounds for the consumer's batches, and for how many it takes at once.
	Limits() Limits

	// Filter reports whether the consumer takes an entry. Other entries only move its cursor. Take
	// is not called for a batch without entries.
	Filter(e *chat.Entry) bool

	// Seal returns what is to be stored with a batch's bounds before its first attempt, such as a
	// digest of what will be sent. It has at most MaxSeal bytes, or is nil.
	Seal(b Batch) []byte

	// Take takes a batch. It has Limits.Time for that; then ctx ends. It returns how far it got.
	// After an error the batch is tried again (see Retry, Left and Pause). Of each room one batch
	// is taken at a time.
	Take(ctx context.Context, b Batch) (Taken, error)
}

// Limits on consumers.
const (
	MaxName  = 64
	MaxSeal  = 32
	MaxError = 300 // bytes that are stored of the text of a failure
)

// From is where a consumer begins in a room. The zero value is Start.
type From struct{ at time.Time }

// Start returns the place before the first entry.
func Start() From { return From{} }

// At returns the place before the first entry that was made at t or later, by the store's clock.
func At(t time.Time) From { return From{t.UTC()} }

// Time returns the time given to At, or the zero time for Start.
func (f From) Time() time.Time { return f.at }

// Limits bounds what a consumer is given. A value that is zero becomes the default, and one beyond
// its bound becomes the bound.
type Limits struct {
	Entries int // max entries of a batch: 1–100; 0: 100
	// Max bytes of their bodies, meta and data, but at least one entry. Up to 1 MiB. 0: 256 KiB.
	Bytes int
	// How long to wait for more entries if there are fewer than Entries. Up to 1 min. 0: no wait at
	// first, and 50–500 ms after another batch.
	Gather time.Duration
	Rooms  int           // batches under way at once, each of another room; up to 64; 0: 16
	Time   time.Duration // for one attempt; up to 5 min; 0: 15 s
	Rests  string        // why it is to be given nothing for now, for operators; empty: it is not
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
// are fixed and stored before the first attempt. So they are the same at each later attempt, also
// on another node. Entries are read again each time, in their present form: an entry that was
// deleted meanwhile comes without its text.
type Batch struct {
	Room        chat.RoomID
	First, Last chat.Seq     // the run; it may have entries that the consumer does not take
	Head        chat.Seq     // the room's last entry when the run was fixed
	Entries     []chat.Entry // those that the consumer takes, ascending; not to be changed
	// Has a place for each of Entries, which all consumers that take the entry share; or nil.
	Forms  []*ports.Form
	Sealed []byte     // what Consumer.Seal returned; nil while Seal is called
	Tries  int        // how many attempts have failed
	Trace  chat.Trace // of the last entry that is news on this node, or empty

	page recent.Page // the page that Entries are part of
}

// Taken is how far a consumer got.
type Taken struct {
	// UpTo is the last entry that the consumer has done with: from Batch.First to Batch.Last. The
	// entries after it come again, as a batch of their own. If UpTo is before First, the attempt
	// has failed.
	UpTo chat.Seq
}

// All returns what Take returns for a batch that was taken as a whole.
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

// Left is an error that leaves a batch to somebody else, who moves the cursor by Runner.Seek. It
// does not count as a failure. Until the cursor moves, Take is called again from time to time, and
// may return Left again.
type Left struct {
	For time.Duration // when Take is called again; bounded to 24 h; 0: 1 h
}

func (Left) Error() string { return "it is left to somebody else" }

// Pause is an error that concerns the consumer as a whole, and not only this batch. It does not
// count as a failure of the room. The consumer is not tried in any room for a while. A consumer
// that wants to rest for longer says so in its Limits.
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

// errNothing is the failure of a consumer that returns neither an error nor an entry that it took.
var errNothing = errors.New("the consumer took nothing, and did not say why")

// CheckName returns an Invalid error if a consumer cannot have that name.
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
