package ports

import "github.com/parley-chat/parley/core/chat"

// Spread is a log to which several batches may be appended at once. It says which rooms go by one
// lane: their batches are appended one after the other. A store may do without; then it has one
// lane.
type Spread interface {
	// Lanes returns how many lanes there are. It does not change.
	Lanes() int

	// Lane returns the lane of a room, from 0 to Lanes-1. It is the same by all handles of the
	// store, on all nodes: batches of different lanes then have no room in common, and do not wait
	// for one another, wherever they come from. What it depends on is known only to the store, so
	// that nobody can choose rooms that go by one lane.
	Lane(room chat.RoomID) int

	// Apart returns how many lanes must stay apart, at least 1: lanes whose numbers differ by a
	// multiple of it may be appended in one batch, and others must not. It does not change.
	Apart() int
}
