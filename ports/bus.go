package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Bus tells the nodes that follow a room what was appended to it elsewhere. It is best effort: notices may be lost, doubled or
// reordered, and cost latency then, never entries, as the log is the truth. A node does not hear its own notices.
type Bus interface {
	// Run keeps the bus connected, reconnecting by itself, and tells listener what comes, until ctx ends. It is called once.
	// The listener is called from one goroutine or several, and does not block.
	Run(ctx context.Context, listener Listener) error

	// Follow makes notices about room come, from before it returns until Unfollow. A bus that is disconnected remembers to
	// follow, and returns no error. Unfollow does not block.
	Follow(ctx context.Context, room chat.RoomID) error
	Unfollow(room chat.RoomID)

	// Announce tells the other nodes of new entries, ascending per room. It does not wait for them; what cannot be sent now is
	// dropped, and the error is for the records.
	Announce(ctx context.Context, entries []chat.Entry) error

	// Signal passes a signal on to the other nodes, as Announce does.
	Signal(ctx context.Context, signal chat.Signal) error
}

// Listener hears what happens in rooms: from the bus, and from the journal of its own node. Its methods do not block and may be
// called concurrently.
type Listener interface {
	// Entries tells of entries as they were appended, ascending per room. It may tell of entries known already.
	Entries(entries []chat.Entry)
	// Head tells that a room's log reaches to seq at least, where the bus does not carry the entries themselves.
	Head(room chat.RoomID, seq chat.Seq)
	// Signal tells of a signal.
	Signal(signal chat.Signal)
	// Deaf tells that notices may have been missed until now, about any room.
	Deaf()
}
