package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Observer is told what happens, in the domain's words. So the core needs no metrics, traces or
// logs. It joins the observers of all parts; each part uses only its own. The methods of all of
// them never block and never fail, and may be called concurrently. To implement only some of them,
// embed Unobserved.
type Observer interface {
	JournalObserver
	FeedObserver
	DeliveryObserver
	PresenceObserver
	SessionObserver
	SendObserver
	RequestObserver
	StreamObserver
	TokenObserver
	ConsumingObserver
	HookObserver
	SearchObserver
}

// FaultObserver hears of internal errors.
type FaultObserver interface {
	// Fault tells of an internal error that no answer to a client reports in full. while says what
	// was being done. The observer logs the error, and nobody else does. The returned id finds it
	// in the log, and is safe to show to a client.
	Fault(ctx context.Context, while string, err error) (id string)
}

// JournalObserver hears how proposals get into the log.
type JournalObserver interface {
	FaultObserver
	StepObserver

	// Appended tells of one batch: how many proposals it has, how long it took, and the error of
	// the whole batch. ctx carries the trace of one of them, if any has one.
	Appended(ctx context.Context, proposals int, took time.Duration, err error)
	// Held tells that somebody else holds a room in the log, so that nothing can be written to it,
	// and for how long. err names the holder, if known. It comes at the start, every few seconds
	// while anybody wants to write, and once with a nil error at the end.
	Held(room chat.RoomID, lasted time.Duration, err error)
	// Queued tells how many proposals began (> 0) or stopped (< 0) waiting in the journal.
	Queued(change int)
}

// FeedObserver hears how feeds keep up with the log.
type FeedObserver interface {
	FaultObserver

	// Follows reports whether a trace is recorded. If not, nothing needs to be told of it.
	Follows(t chat.Trace) bool
	// Feeds tells, every second, how many feeds are open, and how many bytes their rings hold.
	Feeds(open int, ringBytes int64)
	// Missed tells that a feed found entries that no notice told of.
	Missed(room chat.RoomID, entries int)
}

// DeliveryObserver hears how entries reach connections.
type DeliveryObserver interface {
	FeedObserver
	CompressionObserver

	// FannedOut tells that a writer shard passed a room's newest entries to its readers.
	FannedOut(f FanOut)
	// Delivered tells how an entry of a followed trace reached the readers of this node.
	Delivered(d Delivery)
	// CaughtUp tells that a reader was served entries from the store.
	CaughtUp(entries int, took time.Duration)
	// Blocked tells that a connection began (1) or stopped (-1) to hold up its writes.
	Blocked(change int)
}

// PresenceObserver hears what nodes know of each other.
type PresenceObserver interface {
	FaultObserver

	// Peers tells, every second, how many other nodes are heard on the bus.
	Peers(n int)
}

// SessionObserver hears of connections and their commands. It includes the observers of delivery
// and presence, which sessions use.
type SessionObserver interface {
	DeliveryObserver
	PresenceObserver
	SendObserver
	StepObserver

	SessionOpened(session string, user chat.UserID, remote string)
	SessionClosed(session string, user chat.UserID, reason CloseReason, lived time.Duration)
	// Commanded tells that a command was answered. err is nil or has a chat.Kind; took is the time
	// from arrival to answer. ctx carries the command's trace, if it has one.
	Commanded(ctx context.Context, session string, ask Ask, err error, took time.Duration)
	// Behind tells, every few seconds, how many sessions are behind, how many entries they have yet
	// to get in all, and how many of these the session has that is furthest behind.
	Behind(sessions int, entries, furthest int64)
	// Joining tells, every second, how many joins ask the store now, and how many wait for their
	// turn.
	Joining(now, waiting int)
}

// SendObserver hears of clients' sends, over WebSocket and HTTP alike.
type SendObserver interface {
	// Sent tells that a send was answered. err is nil if the message is durable, or has a
	// chat.Kind. A send that could not be decoded counts too.
	Sent(err error)
}

// CompressionObserver hears what compression saves.
type CompressionObserver interface {
	// Compressed tells that something was sent or received compressed.
	Compressed(c Compression)
}

// SocketObserver hears of sockets.
type SocketObserver interface {
	FaultObserver
	CompressionObserver
}

// RequestObserver hears of HTTP requests.
type RequestObserver interface {
	FaultObserver
	CompressionObserver

	// Requested tells that a request came. ctx carries the client's trace, if it gave one. The
	// returned context is for all work on the request. The caller calls answered once, with the
	// route's pattern and the status.
	Requested(ctx context.Context, method, path string) (_ context.Context, answered func(route string, status int))
}

// StreamObserver hears of clients that read without a socket. Their sessions are reported like all
// others.
type StreamObserver interface {
	FaultObserver

	// Streams tells that a stream or a poll of a kind began (1) or ended (-1).
	Streams(kind StreamKind, change int)
}

// StreamKind is how a client without a socket reads.
type StreamKind uint8

// The kinds of streams.
const (
	StreamEvents      StreamKind = iota // server-sent events
	StreamPoll                          // a request that waits for entries
	StreamDurable                       // server-sent events of the Durable Streams protocol
	StreamDurablePoll                   // a request of that protocol that waits
)

var streamKinds = [...]string{StreamEvents: "events", StreamPoll: "poll", StreamDurable: "durable_events", StreamDurablePoll: "durable_poll"}

// String returns the kind's name, for logs and metrics.
func (k StreamKind) String() string { return streamKinds[k] }

// TokenObserver hears of tokens.
type TokenObserver interface {
	FaultObserver

	// TokenRefused tells that a token was refused. The reason is one of a closed set of words.
	TokenRefused(reason string)
}

// FanOut is one pass of a writer shard over a room's readers. Times are counted from the commit of
// the oldest entry of the pass. If this process has recorded the entry, the time is by its own
// clock. Otherwise it is the entry's At, by the store's clock, so that an entry that comes late
// counts as late. Times are never negative, and at most a minute longer than the pass.
type FanOut struct {
	Room    chat.RoomID
	Readers int           // who got entries, at least 1
	Entries int           // the highest number that a reader got
	First   time.Duration // to the first write to a reader
	Last    time.Duration // to the last
	Trace   chat.Trace    // of one of the entries, or empty
}

// Compression is what was sent or received compressed.
type Compression struct {
	What     Compressed
	Messages int
	Plain    int // bytes before compression
	Packed   int // bytes as sent
}

// Compressed is a kind of traffic that may be compressed.
type Compressed string

// The kinds.
const (
	Entries  Compressed = "entries"  // to readers; each entry counts once for each reader
	Answers  Compressed = "answers"  // to commands
	Commands Compressed = "commands" // of clients
	Pages    Compressed = "pages"    // by HTTP
)
