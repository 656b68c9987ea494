package ports

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Share is one of the parts of all rooms that nodes divide among them to run consumers.
type Share uint8

// Shares is how many shares there are.
const Shares = 256

// ShareOf returns the share that a room is of. It is the first byte of a hash that databases have
// too, so that they can find a share's rooms, whichever release made them.
func ShareOf(room chat.RoomID) Share {
	sum := sha256.Sum256([]byte(room))
	return Share(sum[0])
}

// Leases knows which node runs the consumers of which share. A node holds a share from Acquire
// until it gives it back, or until another takes it over because the node was not heard of. All
// times are by the store's clock. It may be called concurrently.
type Leases interface {
	// Renew tells that a node lives, until so long from now, and returns what it holds. One that
	// comes too late still holds what nobody else has taken meanwhile.
	Renew(ctx context.Context, node NodeID, lives time.Duration) (Tenure, error)

	// Acquire takes shares that no living node holds: as many as the node lacks of its part, which
	// is 256 divided by the number of nodes that live, rounded up. Each gets the next fence.
	// Several may call it at once: a share goes to one of them. A node that does not live gets
	// none.
	Acquire(ctx context.Context, node NodeID) ([]Lease, error)

	// Release gives back shares, for others to take at once. Those that the node does not hold stay
	// as they are.
	Release(ctx context.Context, node NodeID, shares []Share) error

	// Leave tells that the node lives no more, and gives back all that it holds.
	Leave(ctx context.Context, node NodeID) error
}

// Lease is a hold on a share. Its fence is larger than that of any lease of the share before.
type Lease struct {
	Share Share
	Fence int64
	From  NodeID // of Acquire: the node that fell silent and held it before; empty: none did
}

// Tenure is what a node holds.
type Tenure struct {
	Leases []Lease // ascending by share
	Nodes  int     // how many live, itself among them
}
