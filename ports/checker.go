package ports

import (
	"context"
	"time"
)

// Checker tells, for readiness, whether a store or a bus can work now.
type Checker interface {
	// Check asks the store or the bus itself, over the connections that real work uses. It fails
	// with Unavailable, and changes nothing.
	Check(ctx context.Context) error
}

// WriteChecker is a store that can tell whether it could write now. Stores need not implement it.
type WriteChecker interface {
	// CheckWrite writes as much as a large message needs, over the connections that real work uses.
	// It leaves nothing that anybody sees. It fails with Unavailable. Call it when a write has
	// failed, to learn whether other writes would fail too. It may cost as much as a batch.
	CheckWrite(ctx context.Context) error
}

// Pooled is a store that keeps connections to its server. Stores need not implement it.
type Pooled interface {
	// Pool returns the state of the connections now. It is cheap, and may be called concurrently.
	Pool() Pool
}

// Mapped is a store of several servers, or one that can become that. Stores need not implement it.
type Mapped interface {
	// AwaitMap returns Conflict once rooms were spread over servers anew since the store was
	// opened: it refuses all writes then, and must be opened anew with the URLs of all servers.
	// Otherwise it returns the error of ctx once that ends.
	AwaitMap(ctx context.Context) error
}

// Pool describes a store's connections to its server: how many are in each state, and how many
// there may be (Most). It also has how often, and how long, calls have waited for one since the
// store was opened.
type Pool struct {
	Idle, Acquired, Constructing, Most int
	Waits                              int64
	Waited                             time.Duration
}

// Cached is a part that goes on with its last copy while its source is away, such as keys that are
// published elsewhere. Its Check asks nobody: it returns why the source did not answer the last
// time.
type Cached interface {
	// Since returns the time of the copy. It is zero while there is no copy. Then the part cannot
	// work.
	Since() time.Time
}
