package ports

import (
	"errors"

	"github.com/parley-chat/parley/core/chat"
)

// Conn is one live client's connection, as its session sees it. A session makes one call of
// TryWrite or Write at a time, and none after Close.
type Conn interface {
	// TryWrite writes as many bytes of p as it can without waiting, and returns how many. They are
	// fewer than len(p) if the client does not keep up. They are 0 if this kind of connection
	// cannot write without waiting. An error means that the connection is gone. p is not kept.
	TryWrite(p []byte) (int, error)

	// Write writes all of p, and waits for the client. It fails with ErrSlow if the client takes
	// nothing for 10 s, and with another error if the connection is gone. p is not kept.
	Write(p []byte) error

	// Resume tells that the session takes commands again, after Session.Command returned false. It
	// does not block.
	Resume()

	// Close ends the connection. It does so at once after ErrSlow, or if the connection is gone
	// already. Otherwise the client has a moment to answer the close frame, which was the last
	// write. It does not block, and may be called in any state.
	Close(reason CloseReason)
}

// ErrSlow is returned by Conn.Write when a write made no progress for 10 s.
var ErrSlow = errors.New("the client takes nothing")

// CloseReason is why a session ends.
type CloseReason uint8

// The reasons. Package wire has the close code for each.
const (
	CloseGone            CloseReason = iota // the client went, or its connection broke
	CloseRestart                            // the node goes away
	CloseRenewed                            // the log is another one, and clients must start anew
	CloseUnauthenticated                    // no token in time, or a bad one
	CloseExpired                            // the token expired
	CloseRevoked                            // the token was revoked
	CloseDisconnected                       // an operator ended it
	CloseSilent                             // nothing heard for two heartbeats
	CloseSlow                               // a write made no progress for 10 s
	CloseBadRequests                        // too many bad requests in a row
	// The client goes on although it was told that it is over the limit.
	CloseFlooding
	CloseInternal // a fault of the service
	CloseProtocol // the client broke the transport's rules
)

var closeReasons = [...]string{
	CloseGone: "gone", CloseRestart: "restart", CloseRenewed: "renewed", CloseUnauthenticated: "unauthenticated", CloseExpired: "expired",
	CloseRevoked:      "revoked",
	CloseDisconnected: "disconnected", CloseSilent: "silent", CloseSlow: "slow",
	CloseBadRequests: "bad_requests", CloseFlooding: "flooding", CloseInternal: "internal", CloseProtocol: "protocol",
}

// String returns the reason's name, for logs and metrics.
func (r CloseReason) String() string { return closeReasons[r] }

// Encoder encodes frames in the form that connections take, with transport headers. So an entry is
// encoded once for all its readers. The result depends only on the arguments, and keeps nothing of
// them. Both methods append to dst and return it.
type Encoder interface {
	// Entry encodes an entry.
	Entry(dst []byte, entry *chat.Entry) []byte
	// Frame encodes any other frame.
	Frame(dst []byte, frame Frame) []byte
}

// Packer packs encoded frames: it makes them smaller, for connections that take packed ones. The
// result depends only on the arguments. If a frame cannot be packed, or would hardly get smaller,
// it is appended as it is, and packed is false. Both methods append to dst and return it.
type Packer interface {
	// Alone packs a frame by itself.
	Alone(dst, frame []byte) (_ []byte, packed bool)
	// Chained packs a frame that follows the frames in before. These are all frames of its chain so
	// far. A client that unpacks it must have unpacked these just before it, also packed by
	// Chained.
	Chained(dst, before, frame []byte) (_ []byte, packed bool)
	// ChainBytes returns how large a chain may be, in bytes of its frames.
	ChainBytes() int
}

// Packing says which packed frames a connection takes.
type Packing uint8

// The ways.
const (
	Unpacked      Packing = iota // none
	PackedAlone                  // frames that were packed by themselves
	PackedChained                // frames of chains too
)
