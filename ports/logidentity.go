package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// LogIdentity knows which log a store keeps. It may be called concurrently.
type LogIdentity interface {
	// LogID returns the log's id. It is made at random with the store, is the same for all who use
	// that, and stays until RenewLog.
	LogID(ctx context.Context) (chat.LogID, error)

	// RenewLog gives the log another id, durably, and returns it: what was noted of the log before,
	// cursors above all, is not to be relied on any more, as it is when a store was restored to an
	// older state. Nothing else changes.
	RenewLog(ctx context.Context) (chat.LogID, error)
}
