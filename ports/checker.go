package ports

import (
	"context"
	"time"
)

// Checker tells whether a part can do its work now: a store or a bus, for readiness.
type Checker interface {
	// Check asks the part itself, over the way that real work takes, and fails with Unavailable. It
	// changes nothing.
	Check(ctx context.Context) error
}

// WriteChecker is a store that can tell whether it could write now. A store may do without.
type WriteChecker interface {
	// CheckWrite writes what a large message takes, over the way that real work takes, and leaves
	// nothing behind that anybody sees. It fails with Unavailable. It is for when a write has
	// failed, to learn whether others would too: it may cost what a batch does.
	CheckWrite(ctx context.Context) error
}

// Pooled is a store that keeps connections to its server. A store may do without.
type Pooled interface {
	// Pool tells how the connections are now. It is cheap, and may be called concurrently.
	Pool() Pool
}

// Pool is a store's connections to its server: how many there are of each state and may be in all,
// and how often and for how long calls have waited for one since the store was opened.
type Pool struct {
	Idle, Acquired, Constructing, Most int
	Waits                              int64
	Waited                             time.Duration
}

// Cached is a part that goes on with what it got last while its source is away: keys that are
// published elsewhere. Its Check tells why the source did not answer the last time, and asks
// nobody.
type Cached interface {
	// Since returns when what the part goes on with was got; zero while there is nothing yet, and
	// the part can do no work.
	Since() time.Time
}
