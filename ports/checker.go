package ports

import "context"

// Checker tells whether a part can do its work now: a store or a bus, for readiness.
type Checker interface {
	// Check asks the part itself, over the way that real work takes, and fails with Unavailable. It changes nothing.
	Check(ctx context.Context) error
}
