package ports

import (
	"context"
	"time"
)

// Checker tells whether a part can do its work now: a store or a bus, for readiness.
type Checker interface {
	// Check asks the part itself, over the way that real work takes, and fails with Unavailable. It changes nothing.
	Check(ctx context.Context) error
}

// Pooled is a store that keeps connections to its server. A store may do without.
type Pooled interface {
	// Pool tells how the connections are now. It is cheap, and may be called concurrently.
	Pool() Pool
}

// Pool is a store's connections to its server: how many there are of each state and may be in all, and how often and for how long
// calls have waited for one since the store was opened.
type Pool struct {
	Idle, Acquired, Constructing, Most int
	Waits                              int64
	Waited                             time.Duration
}
