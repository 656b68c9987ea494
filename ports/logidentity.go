package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// LogIdentity knows which log a store keeps. It may be called concurrently.
type LogIdentity interface {
	// LogID returns the log's id. It is random, made with the store, the same for all users of the
	// store, and stays until RenewLog.
	LogID(ctx context.Context) (chat.LogID, error)

	// RenewLog gives the log another id, durably, and returns it. Cursors and other notes about the
	// log are not valid any more then. It is for a store that was restored to an older state.
	// Nothing else changes.
	RenewLog(ctx context.Context) (chat.LogID, error)
}
