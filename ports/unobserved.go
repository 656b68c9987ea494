package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

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

// Compressed ignores it.
func (Unobserved) Compressed(Compression) {}

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

// Took ignores it.
func (Unobserved) Took(string, int, time.Duration, TakeResult) {}

// Lagging ignores it.
func (Unobserved) Lagging([]ConsumerLag) {}

// Leasing ignores it.
func (Unobserved) Leasing(int, int) {}

// TookOver ignores it.
func (Unobserved) TookOver(int) {}

// Forgot ignores it.
func (Unobserved) Forgot(string) {}

// Streams ignores it.
func (Unobserved) Streams(StreamKind, int) {}
