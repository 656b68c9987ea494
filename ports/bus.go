package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Bus tells the nodes that follow a room what was appended to it elsewhere, and what else nodes
// tell each other. It is best effort: notices may be lost, doubled or reordered, and cost latency
// then, never entries, as the log is the truth. A node does not hear its own notices, and none of
// nodes that keep another log, who may use the same servers by mistake: their rooms are other
// rooms. What comes from a node that does not say which log it keeps, as those of earlier releases
// do not, it hears.
type Bus interface {
	// Run keeps the bus connected, reconnecting by itself, and tells listener what comes, until ctx
	// ends. It is called once. The listener is called from one goroutine or several, and does not
	// block. A bus that cannot be reached is no error: Run goes on trying.
	Run(ctx context.Context, listener Listener) error

	// Follow makes what concerns room come, from before it returns until Unfollow. A bus that is
	// disconnected, or does not run yet, remembers to follow, and returns no error. It may wait for
	// the bus's server, as long as ctx allows. Unfollow does not block. Rooms are followed once at
	// a time: Follow is not called again for a room before Unfollow.
	Follow(ctx context.Context, room chat.RoomID) error
	Unfollow(room chat.RoomID)

	// Announce tells the other nodes that follow the rooms of new entries, ascending per room. It
	// does not wait for them; what cannot be sent now is dropped, and the error is for the records.
	// The entries are the caller's again when it returns.
	Announce(ctx context.Context, entries []chat.Entry) error

	// Tell passes a notice on, as Announce does: one about a room to the nodes that follow it, any
	// other to all nodes.
	Tell(ctx context.Context, notice Notice) error
}

// Listener hears what happens in rooms: from the bus, and from the journal of its own node. Its
// methods do not block and may be called concurrently.
type Listener interface {
	// Entries tells of entries as they were appended, ascending per room. It may tell of entries
	// known already. The slice is the caller's again when it returns.
	Entries(entries []chat.Entry)
	// Head tells that a room's log reaches to seq at least, where the bus does not carry the
	// entries themselves.
	Head(room chat.RoomID, seq chat.Seq)
	// Hear tells of a notice.
	Hear(notice Notice)
	// Deaf tells that notices may have been missed until now, about any room.
	Deaf()
}

// Audience is a Listener that knows who follows rooms on its own node.
type Audience interface {
	Listener
	// Followed reports whether somebody on this node follows the room, or did until a moment ago.
	Followed(room chat.RoomID) bool
}

// NodeID names one run of a node: another each time that it starts.
type NodeID string

// Notice is what nodes tell each other besides entries: Signalled and NodePresence, which are about
// a room, or Alive, StandingChanged, MemberAdded, Disconnected and Revoked, which are for all
// nodes.
type Notice interface {
	// About returns the room that the notice is about, or nothing: then it is for all nodes.
	About() chat.RoomID
}

// Signalled passes on a signal of typing or reading. Presence is not told by signals between nodes.
type Signalled struct{ chat.Signal }

// NodePresence is who follows a room on a node: all of it, so that a later one replaces an earlier
// one, and one that was lost matters only until the next.
type NodePresence struct {
	Node    NodeID
	Room    chat.RoomID
	Version uint64        // of the node's presences in the room, which grows; one that came late is of no use
	Users   []chat.Author // each once, ascending by ID; a bus may carry fewer where they are many
	Total   int           // how many users they are in all
	Ask     bool          // the node has begun to follow the room, and asks the others who is there
}

// Alive is told by each node once a second.
type Alive struct {
	Node  NodeID
	Going bool // it stops: nothing comes from it any more
	Ask   bool // it has missed notices, and asks the others for all of their presences in the rooms that it may follow

	Features []string // what it can do beyond protocol v1 as it was first published; a node of an earlier release tells none
}

// StandingChanged tells that a user, or everybody where User is empty, stands in a room otherwise
// than before.
type StandingChanged struct {
	Room   chat.RoomID
	User   chat.UserID
	Opened bool // the room has been made, public: who had it open as one that was not there may go on
}

// MemberAdded tells that somebody has made another a member of a room: for the one who was added,
// wherever they are.
type MemberAdded struct {
	Room chat.RoomID
	User chat.UserID
	By   chat.Author
	Role chat.Role
}

// Disconnected tells that an administrator ended the user's sessions, wherever they are.
type Disconnected struct{ User chat.UserID }

// Revoked tells that the user's tokens that were issued up to Until are good no more.
type Revoked struct {
	User  chat.UserID
	Until time.Time
}

// About implements Notice.
func (s Signalled) About() chat.RoomID { return s.Room }

// About implements Notice.
func (p NodePresence) About() chat.RoomID { return p.Room }

// About implements Notice.
func (Alive) About() chat.RoomID { return "" }

// About implements Notice.
func (StandingChanged) About() chat.RoomID { return "" }

// About implements Notice.
func (MemberAdded) About() chat.RoomID { return "" }

// About implements Notice.
func (Disconnected) About() chat.RoomID { return "" }

// About implements Notice.
func (Revoked) About() chat.RoomID { return "" }
