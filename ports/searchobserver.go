package ports

import "time"

// SearchObserver hears of searches.
type SearchObserver interface {
	// Searched tells of one search that was not refused by its limit: how many hits it has, how
	// long it took, and its error, which is nil or has a chat.Kind.
	Searched(hits int, took time.Duration, err error)
}

// Searched ignores it.
func (Unobserved) Searched(int, time.Duration, error) {}
