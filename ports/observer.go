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
	DeliveryObserver
	JournalObserver

	// Fault tells of something that went wrong inside and that no answer to a client reports in full: while is what was being
	// done. It is logged there and nowhere else. The id returned finds it in the log and is safe to show to a client.
	Fault(ctx context.Context, while string, err error) (id string)
}

// SessionObserver hears of connections and what they ask.
type SessionObserver interface {
	SessionOpened(session string, user chat.UserID, remote string)
	SessionClosed(session string, user chat.UserID, reason CloseReason, lived time.Duration)
	// Commanded tells that a command was answered: err is nil or has a chat.Kind; took is from its arrival to its answer.
	Commanded(session string, ask Ask, err error, took time.Duration)
}

// DeliveryObserver hears how entries reach connections.
type DeliveryObserver interface {
	// FannedOut tells that a writer shard passed a room's newest entries to its readers: how many readers got how many entries
	// each at most, and how long after the commit the last of them was written.
	FannedOut(room chat.RoomID, readers, entries int, took time.Duration)
	// CaughtUp tells that a reader was served entries from the store.
	CaughtUp(entries int, took time.Duration)
	// Blocked tells that a connection began (1) or ceased (-1) to hold up its writes.
	Blocked(change int)
	// Feeds tells how many feeds are open, and how many bytes their rings hold.
	Feeds(open int, ringBytes int64)
	// Missed tells that a feed found entries that no notice told of.
	Missed(room chat.RoomID, entries int)
}

// JournalObserver hears of appends.
type JournalObserver interface {
	// Appended tells of one batch: how many proposals, how long from the call to the outcome, and the error of the whole batch.
	Appended(proposals int, took time.Duration, err error)
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
func (Unobserved) Commanded(string, Ask, error, time.Duration) {}

// FannedOut ignores it.
func (Unobserved) FannedOut(chat.RoomID, int, int, time.Duration) {}

// CaughtUp ignores it.
func (Unobserved) CaughtUp(int, time.Duration) {}

// Blocked ignores it.
func (Unobserved) Blocked(int) {}

// Feeds ignores it.
func (Unobserved) Feeds(int, int64) {}

// Missed ignores it.
func (Unobserved) Missed(chat.RoomID, int) {}

// Appended ignores it.
func (Unobserved) Appended(int, time.Duration, error) {}

// Queued ignores it.
func (Unobserved) Queued(int) {}

// Fault ignores it.
func (Unobserved) Fault(context.Context, string, error) string { return "" }
