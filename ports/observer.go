package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Observer is told what happens, in the domain's words, so that the core needs no metrics, traces or logs. Its methods never
// block and never fail. Embed Unobserved to hear only a part.
type Observer interface {
	SessionObserver
	SendObserver
	DeliveryObserver
	JournalObserver
	RequestObserver
	TokenObserver
	TraceObserver

	// Fault tells of something that went wrong inside and that no answer to a client reports in full: while is what was being
	// done. It is logged there and nowhere else. The id returned finds it in the log and is safe to show to a client.
	Fault(ctx context.Context, while string, err error) (id string)
}

// SessionObserver hears of connections and what they ask.
type SessionObserver interface {
	SessionOpened(session string, user chat.UserID, remote string)
	SessionClosed(session string, user chat.UserID, reason CloseReason, lived time.Duration)
	// Commanded tells that a command was answered: err is nil or has a chat.Kind; took is from its arrival to its answer. ctx
	// carries the command's trace, if it has one.
	Commanded(ctx context.Context, session string, ask Ask, err error, took time.Duration)
}

// SendObserver hears of messages that clients ask to be said, whichever way they come.
type SendObserver interface {
	// Sent tells that a client was answered: err is nil where the message is durable, or has a chat.Kind. A send that could not be
	// read is one too.
	Sent(err error)
}

// RequestObserver hears of HTTP requests.
type RequestObserver interface {
	// Requested tells that a request came, with the trace that ctx carries, if the client gave one. The context returned is for all
	// that is done for it. answered is called once, with the route's pattern and the status.
	Requested(ctx context.Context, method, path string) (_ context.Context, answered func(route string, status int))
}

// TokenObserver hears of tokens.
type TokenObserver interface {
	// TokenRefused tells that a token was refused, and why: a word of a closed set.
	TokenRefused(reason string)
}

// DeliveryObserver hears how entries reach connections.
type DeliveryObserver interface {
	// FannedOut tells that a writer shard passed a room's newest entries to its readers.
	FannedOut(f FanOut)
	// Behind tells, every few seconds, how many sessions had entries due that they could not be given yet, how many entries that
	// is in all, and how many it is for the one that is furthest behind.
	Behind(sessions int, entries, most int64)
	// CaughtUp tells that a reader was served entries from the store.
	CaughtUp(entries int, took time.Duration)
	// Blocked tells that a connection began (1) or ceased (-1) to hold up its writes.
	Blocked(change int)
	// Feeds tells how many feeds are open, and how many bytes their rings hold.
	Feeds(open int, ringBytes int64)
	// Joining tells, every second, how many joins ask the store now, and how many wait for their turn.
	Joining(now, waiting int)
	// Missed tells that a feed found entries that no notice told of.
	Missed(room chat.RoomID, entries int)
	// Peers tells, every second, how many other nodes are heard on the bus.
	Peers(n int)
}

// FanOut is one pass of a writer shard over a room's readers. Times are counted from the commit of the oldest entry that the pass was
// for: by this process' clock where it was made here, otherwise from its At, which is the store's clock, so that what a notice or a
// comparison with the log brings late counts as late. They are never negative, and at most a minute longer than the pass.
type FanOut struct {
	Room    chat.RoomID
	Readers int           // who got entries, at least 1
	Entries int           // that a reader got, at most
	First   time.Duration // to the first write to a reader
	Last    time.Duration // to the last
	Trace   chat.Trace    // of one of the entries, or empty
}

// JournalObserver hears of appends.
type JournalObserver interface {
	// Appended tells of one batch: how many proposals, how long from the call to the outcome, and the error of the whole batch. ctx
	// carries the trace of one of them, if any has one.
	Appended(ctx context.Context, proposals int, took time.Duration, err error)
	// Held tells that somebody else holds a room in the log, so that nothing is written to it, for how long that has been so, and who
	// does, as far as is known: first, every few seconds while anybody wants to write, and once with a nil error when that is over.
	Held(room chat.RoomID, lasted time.Duration, err error)
	// Queued tells how many proposals began (> 0) or ceased (< 0) to wait in the journal.
	Queued(change int)
}

// Unobserved is an Observer that ignores everything.
type Unobserved struct{}

var _ Observer = Unobserved{}

// SessionOpened ignores it.
func (Unobserved) SessionOpened(string, chat.UserID, string) {}

// SessionClosed ignores it.
func (Unobserved) SessionClosed(string, chat.UserID, CloseReason, time.Duration) {}

// Commanded ignores it.
func (Unobserved) Commanded(context.Context, string, Ask, error, time.Duration) {}

// Sent ignores it.
func (Unobserved) Sent(error) {}

// Requested ignores it.
func (Unobserved) Requested(ctx context.Context, _, _ string) (context.Context, func(string, int)) {
	return ctx, func(string, int) {}
}

// TokenRefused ignores it.
func (Unobserved) TokenRefused(string) {}

// FannedOut ignores it.
func (Unobserved) FannedOut(FanOut) {}

// Behind ignores it.
func (Unobserved) Behind(int, int64, int64) {}

// Began ignores it.
func (Unobserved) Began(ctx context.Context, _ Step) (context.Context, Ending) {
	return ctx, Unfollowed{}
}

// Follows is false: nothing is followed.
func (Unobserved) Follows(chat.Trace) bool { return false }

// Delivered ignores it.
func (Unobserved) Delivered(Delivery) {}

// CaughtUp ignores it.
func (Unobserved) CaughtUp(int, time.Duration) {}

// Blocked ignores it.
func (Unobserved) Blocked(int) {}

// Feeds ignores it.
func (Unobserved) Feeds(int, int64) {}

// Joining ignores it.
func (Unobserved) Joining(int, int) {}

// Missed ignores it.
func (Unobserved) Missed(chat.RoomID, int) {}

// Peers ignores it.
func (Unobserved) Peers(int) {}

// Appended ignores it.
func (Unobserved) Appended(context.Context, int, time.Duration, error) {}

// Held ignores it.
func (Unobserved) Held(chat.RoomID, time.Duration, error) {}

// Queued ignores it.
func (Unobserved) Queued(int) {}

// Fault ignores it.
func (Unobserved) Fault(context.Context, string, error) string { return "" }
