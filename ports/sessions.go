package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Sessions takes live connections.
type Sessions interface {
	// Open begins a session on conn. If opening.Identity is nil, the first command must be Auth,
	// within 10 s. Until then the session may be closed to make a place for another one. Open fails
	// as Ready does. It also fails if none of the rooms of opening.Reads can be read. After a
	// failure conn is not used.
	Open(conn Conn, opening Opening) (Session, error)

	// Ready reports why Open would fail now, so that a connection can be refused before it is made.
	// The error is Unavailable if the node is draining or full, and RateLimited if that user has
	// too many connections. A node is full when sessions with a token have all its places. opening
	// is nil if there is a token that is not verified yet.
	Ready(opening *Opening) error

	// Disconnect ends the sessions of a user on this node, and returns how many.
	Disconnect(user chat.UserID) int

	// Drain refuses new sessions. It tells the present ones to reconnect, at times that are spread
	// over a part of ctx's remaining time. It sends their remaining answers and entries, and closes
	// them with CloseRestart. It returns when none is left or ctx has ended.
	Drain(ctx context.Context)
}

// Opening is what is known of a client when its connection is made.
//
// Open joins the rooms of Reads before it returns. If it can join none of them, it fails with the
// first error. It also fails if it cannot tell now whether it can join one. If it can join only
// some, the client is told of the others by FollowEnded.
type Opening struct {
	Identity *chat.Identity // nil: the token comes in a frame
	Join     *Join          // nil, or a room to join at once
	Reads    []Join         // the rooms of a client that gives no commands; it has an identity
	Via      string         // the kind of connection, for operators; empty: a socket
	Remote   string         // the client's address, for the log
	// Its IPv4 address or IPv6 /56: strangers of one network make way for each other.
	Network string
	Packing Packing // how its connection takes packed frames
	// What the client gets before all frames, in the same write as the first ones: the answer to
	// the handshake. If Open fails, it was not written.
	Head []byte
}

// Session is one connection's life. Its connection drives it: one call of Command, Reply or Closed
// at a time, in the order in which things came. Heard may be called at any time.
type Session interface {
	// ID names the session in logs and in its Welcome.
	ID() string

	// Command takes the client's next command. If it returns false, the connection must stop
	// reading until Conn.Resume. It may wait for the store.
	Command(ctx context.Context, command Command) (more bool)

	// Heard tells that something came from the client.
	Heard()

	// Reply takes a finished frame of the transport's own, such as an answer to a ping, to be
	// written in order with the rest. It is copied.
	Reply(frame []byte)

	// Finish ends the session with the transport's own last frame, which may be empty. It is for a
	// client that broke the transport's rules, closed the connection, or sends no more. Earlier
	// commands are answered first, unless that takes longer than a command may wait for the store.
	// No Command follows.
	Finish(closeFrame []byte, reason CloseReason)

	// Closed tells that the connection is gone. It is the last call, and returns when nothing uses
	// the Conn any more.
	Closed()
}
