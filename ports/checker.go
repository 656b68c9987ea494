package ports

import (
	"context"
	"time"
)

// Checker tells, for readiness, whether a store or a bus can work now.
type Checker interface {
	// Check asks the part itself, over the connections that real work uses. It fails with
	// Unavailable, and changes nothing.
	Check(ctx context.Context) error
}

// WriteChecker is a store that can tell whether it could write now. A store may do without.
type WriteChecker interface {
	// CheckWrite writes as much as a large message needs, over the connections that real work uses,
	// and leaves nothing that anybody sees. It fails with Unavailable. Call it when a write has
	// failed, to learn whether others would fail too: it may cost as much as a batch.
	CheckWrite(ctx context.Context) error
}

// Pooled is a store that keeps connections to its server. A store may do without.
type Pooled interface {
	// Pool returns the state of the connections now. It is cheap, and may be called concurrently.
	Pool() Pool
}

// Pool is a store's connections to its server: how many are in each state, how many there may be
// (Most), and how often and how long calls have waited for one since the store was opened.
type Pool struct {
	Idle, Acquired, Constructing, Most int
	Waits                              int64
	Waited                             time.Duration
}

// Cached is a part that works with the last copy from its source while that is away, such as keys
// that are published elsewhere. Its Check returns why the source did not answer the last time, and
// asks nobody.
type Cached interface {
	// Since returns the time of the copy. It is zero while there is none, and the part cannot work.
	Since() time.Time
}
