package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Revocations remembers whose tokens are good no more. It may be called concurrently.
type Revocations interface {
	// Revoke makes the user's tokens that were issued up to until good no more, durably, and
	// returns what holds from now on: a later time that was there already stays. Times are kept to
	// the microsecond.
	Revoke(ctx context.Context, user chat.UserID, until time.Time) (chat.Revocation, error)

	// Revoked returns up to limit revocations, the latest of each user, that were made or moved
	// behind a place, and the place up to which it has looked; from the place 0 on these are all.
	// Places are in the order in which the revocations became visible: who goes on from the last
	// one misses none.
	Revoked(ctx context.Context, behind int64, limit int) (list []chat.Revocation, place int64, err error)
}
