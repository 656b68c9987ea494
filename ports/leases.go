package ports

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Share is a part of all rooms. Nodes divide the shares among them to run consumers.
type Share uint8

// Shares is how many shares there are.
const Shares = 256

// ShareOf returns a room's share. It is the first byte of a hash that databases can compute too, so
// that they find a share's rooms, whichever release made them.
func ShareOf(room chat.RoomID) Share {
	sum := sha256.Sum256([]byte(room))
	return Share(sum[0])
}

// Leases knows which node runs the consumers of which share. A node holds a share from Acquire
// until it gives it back, or until another node takes it over because this one was silent. All
// times are by the store's clock. It may be called concurrently.
type Leases interface {
	// Renew tells that a node lives, for that long from now, and returns the shares that it holds.
	// A node that is late still holds the shares that no other node has taken meanwhile.
	Renew(ctx context.Context, node NodeID, lives time.Duration) (Tenure, error)

	// Acquire takes shares that no living node holds, until the node has its part: 256 divided by
	// the number of nodes that live, rounded up. Each share gets its next fence. If several nodes
	// call it at once, a share goes to one of them. A node that does not live gets none.
	Acquire(ctx context.Context, node NodeID) ([]Lease, error)

	// Release gives back shares, which others can take at once. Shares that the node does not hold
	// do not change.
	Release(ctx context.Context, node NodeID, shares []Share) error

	// Leave tells that the node does not live any more, and gives back all that it holds.
	Leave(ctx context.Context, node NodeID) error
}

// Lease is a node's hold on a share. Its fence is larger than that of any earlier lease of the
// share.
type Lease struct {
	Share Share
	Fence int64
	From  NodeID // of Acquire: the silent node that held it before; empty: none did
}

// Tenure is what a node holds.
type Tenure struct {
	Leases []Lease // ascending by share
	Nodes  int     // how many live, with this one
}
