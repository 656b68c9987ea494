package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Observer is told what happens, in the domain's words, so that the core needs no metrics, traces
// or logs. It is all that the parts of the service tell; each part asks for what it tells itself.
// The methods of all of these never block and never fail, and may be called concurrently. Embed
// Unobserved to hear only some of it.
type Observer interface {
	JournalObserver
	FeedObserver
	DeliveryObserver
	PresenceObserver
	SessionObserver
	SendObserver
	RequestObserver
	TokenObserver
}

// FaultObserver hears what goes wrong inside.
type FaultObserver interface {
	// Fault tells of something that went wrong inside and that no answer to a client reports in
	// full: while is what was being done. It is logged there and nowhere else. The id returned
	// finds it in the log and is safe to show to a client.
	Fault(ctx context.Context, while string, err error) (id string)
}

// JournalObserver hears how what is said gets into the log.
type JournalObserver interface {
	FaultObserver
	StepObserver

	// Appended tells of one batch: how many proposals, how long from the call to the outcome, and
	// the error of the whole batch. ctx carries the trace of one of them, if any has one.
	Appended(ctx context.Context, proposals int, took time.Duration, err error)
	// Held tells that somebody else holds a room in the log, so that nothing is written to it, for
	// how long that has been so, and who does, as far as is known: first, every few seconds while
	// anybody wants to write, and once with a nil error when that is over.
	Held(room chat.RoomID, lasted time.Duration, err error)
	// Queued tells how many proposals began (> 0) or ceased (< 0) to wait in the journal.
	Queued(change int)
}

// FeedObserver hears how feeds keep up with the log.
type FeedObserver interface {
	FaultObserver

	// Follows reports whether what is told of a trace is recorded. For one that is not, nothing
	// needs to be told.
	Follows(t chat.Trace) bool
	// Feeds tells, every second, how many feeds are open, and how many bytes their rings hold.
	Feeds(open int, ringBytes int64)
	// Missed tells that a feed found entries that no notice told of.
	Missed(room chat.RoomID, entries int)
}

// DeliveryObserver hears how entries reach connections.
type DeliveryObserver interface {
	FeedObserver

	// FannedOut tells that a writer shard passed a room's newest entries to its readers.
	FannedOut(f FanOut)
	// Delivered tells how an entry of a trace that is followed reached the readers of this node.
	Delivered(d Delivery)
	// CaughtUp tells that a reader was served entries from the store.
	CaughtUp(entries int, took time.Duration)
	// Blocked tells that a connection began (1) or ceased (-1) to hold up its writes.
	Blocked(change int)
}

// PresenceObserver hears what nodes know of each other.
type PresenceObserver interface {
	FaultObserver

	// Peers tells, every second, how many other nodes are heard on the bus.
	Peers(n int)
}

// SessionObserver hears of connections and what they ask. What they are told is delivered, and who
// they are is present: it hears of that, too.
type SessionObserver interface {
	DeliveryObserver
	PresenceObserver
	SendObserver
	StepObserver

	SessionOpened(session string, user chat.UserID, remote string)
	SessionClosed(session string, user chat.UserID, reason CloseReason, lived time.Duration)
	// Commanded tells that a command was answered: err is nil or has a chat.Kind; took is from its
	// arrival to its answer. ctx carries the command's trace, if it has one.
	Commanded(ctx context.Context, session string, ask Ask, err error, took time.Duration)
	// Behind tells, every few seconds, how many sessions had entries due that they could not be
	// given yet, how many entries that is in all, and how many it is for the one that is furthest
	// behind.
	Behind(sessions int, entries, most int64)
	// Joining tells, every second, how many joins ask the store now, and how many wait for their
	// turn.
	Joining(now, waiting int)
}

// SendObserver hears of messages that clients ask to be said, whichever way they come.
type SendObserver interface {
	// Sent tells that a client was answered: err is nil where the message is durable, or has a
	// chat.Kind. A send that could not be read is one too.
	Sent(err error)
}

// RequestObserver hears of HTTP requests.
type RequestObserver interface {
	FaultObserver

	// Requested tells that a request came, with the trace that ctx carries, if the client gave one.
	// The context returned is for all that is done for it. answered is called once, with the
	// route's pattern and the status.
	Requested(ctx context.Context, method, path string) (_ context.Context, answered func(route string, status int))
}

// TokenObserver hears of tokens.
type TokenObserver interface {
	FaultObserver

	// TokenRefused tells that a token was refused, and why: a word of a closed set.
	TokenRefused(reason string)
}

// FanOut is one pass of a writer shard over a room's readers. Times are counted from the commit of
// the oldest entry that the pass was for: by this process' clock where it was made here, otherwise
// from its At, which is the store's clock, so that what a notice or a comparison with the log
// brings late counts as late. They are never negative, and at most a minute longer than the pass.
type FanOut struct {
	Room    chat.RoomID
	Readers int           // who got entries, at least 1
	Entries int           // that a reader got, at most
	First   time.Duration // to the first write to a reader
	Last    time.Duration // to the last
	Trace   chat.Trace    // of one of the entries, or empty
}
