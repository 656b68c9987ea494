package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Revocations remembers which tokens are revoked. It may be called concurrently.
type Revocations interface {
	// Revoke revokes the user's tokens that were issued up to until, durably. It returns what is in
	// force now: if a later time was stored already, that stays. Times are kept to the microsecond.
	Revoke(ctx context.Context, user chat.UserID, until time.Time) (chat.Revocation, error)

	// Revoked returns up to limit revocations that were made or changed after a place, the latest
	// of each user. It also returns the place up to which it has looked. Place 0 is before all.
	// Places are in the order in which revocations became visible. So a caller who continues from
	// the returned place misses none.
	Revoked(ctx context.Context, behind int64, limit int) (list []chat.Revocation, place int64, err error)
}
