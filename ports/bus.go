package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Bus carries what nodes tell each other: new entries of a room to the nodes that follow it, and
// notices. It is best effort. Notices may be lost, doubled or reordered. That costs latency but
// never entries, as the log is the truth. A node does not hear its own notices. Nor does it hear
// those of nodes with another log, which may use the same servers by mistake: their rooms are other
// rooms. It does hear nodes that do not say which log they have, as nodes of earlier releases do.
type Bus interface {
	// Run keeps the bus connected and tells listener what comes, until ctx ends. It is called once.
	// It calls the listener from one goroutine or several; the listener does not block. If the bus
	// cannot be reached, Run goes on trying, and returns no error.
	Run(ctx context.Context, listener Listener) error

	// Follow subscribes to a room until Unfollow. When it returns, the subscription works already.
	// A bus that is disconnected, or does not run yet, subscribes later, and returns no error.
	// Follow may wait for the bus's server, as long as ctx allows. Unfollow does not block. Follow
	// is not called again for a room before Unfollow.
	Follow(ctx context.Context, room chat.RoomID) error
	Unfollow(room chat.RoomID)

	// Announce tells the other nodes that follow the rooms about new entries, ascending per room.
	// It does not wait for those nodes. What cannot be sent now is dropped; the error is only for
	// logging. Announce keeps nothing of entries.
	Announce(ctx context.Context, entries []chat.Entry) error

	// Tell sends a notice, as Announce does: one about a room to the nodes that follow it, any
	// other to all nodes.
	Tell(ctx context.Context, notice Notice) error
}

// Listener hears what happens in rooms: from the bus, and from the journal of its own node. Its
// methods do not block and may be called concurrently.
type Listener interface {
	// Entries tells of appended entries, ascending per room. Some of them may be known already. The
	// listener does not keep the slice. Whoever appended them on this node was answered just
	// before, and a listener may hold back the answer until this call. If entries of such an answer
	// cannot come at once, the call comes without them, and later again.
	Entries(entries []chat.Entry)
	// Head tells that a room's log reaches at least to seq, where the bus does not carry the
	// entries themselves.
	Head(room chat.RoomID, seq chat.Seq)
	// Hear tells of a notice.
	Hear(notice Notice)
	// Deaf tells that notices of any kind, about any room, may have been lost until now.
	Deaf()
}

// Audience is a Listener that knows which rooms are followed on its own node, and what the other
// nodes can do.
type Audience interface {
	Listener
	// Has reports whether this node, and all others that live as far as is known, have a feature.
	Has(feature string) bool
	// Followed reports whether somebody on this node follows the room, or did until a moment ago.
	Followed(room chat.RoomID) bool
}

// NodeID names one run of a node. It changes each time that the node starts.
type NodeID string

// Notice is what nodes tell each other besides entries. Signalled and NodePresence are about a
// room. Alive, Writing, StandingChanged, MemberAdded, ProfileChanged, HooksChanged, Disconnected,
// Revoked and Grown are for all nodes.
type Notice interface {
	// About returns the room that the notice is about, or "" if it is for all nodes.
	About() chat.RoomID
}

// Signalled carries a signal of typing or reading. For presence nodes use NodePresence.
type Signalled struct{ chat.Signal }

// NodePresence has everybody who follows a room on a node. A later one replaces an earlier one, so
// a lost one matters only until the next.
type NodePresence struct {
	Node NodeID
	Room chat.RoomID
	// Grows with each one about the room; if it is lower than before, ignore it.
	Version uint64
	Users   []chat.Author // each once, ascending by ID; a bus may leave out some if there are many
	Total   int           // how many users there are in all
	Ask     bool          // the node has begun to follow the room, and asks the others who is there
}

// Alive is what each node tells once a second.
type Alive struct {
	Node  NodeID
	Going bool // the node stops, and this is its last notice
	Ask   bool // the node has missed notices, and asks the others for all presences in its rooms

	Features []string // beyond the first published protocol v1; empty from an earlier release
}

// Writing is told by each node that appends much, once a second while it does.
type Writing struct{ Node NodeID }

// StandingChanged tells that a user's standing in a room has changed. If User is empty, everybody's
// may have.
type StandingChanged struct {
	Room   chat.RoomID
	User   chat.UserID
	Opened bool // the room was made, and is public: sessions that followed it as Unmade go on
}

// MemberAdded tells a user, on any node, that somebody made them a member of a room.
type MemberAdded struct {
	Room chat.RoomID
	User chat.UserID
	By   chat.Author
	Role chat.Role
}

// ProfileChanged tells that a user's profile has a new version.
type ProfileChanged struct {
	User    chat.UserID
	Version int64 // from 1
}

// Disconnected tells all nodes to end the user's sessions, as an administrator asked.
type Disconnected struct{ User chat.UserID }

// Revoked tells that the user's tokens that were issued up to Until are not valid any more.
type Revoked struct {
	User  chat.UserID
	Until time.Time
}

// Grown tells how far the logs of rooms reach at least. It is for the nodes that run the consumers
// of these rooms' shares. It names each room once, and at most MaxGrown rooms.
type Grown struct{ Rooms []RoomHead }

// MaxGrown is how many rooms a Grown may name. So many fit into a message of any bus.
const MaxGrown = 64

// About implements Notice.
func (s Signalled) About() chat.RoomID { return s.Room }

// About implements Notice.
func (p NodePresence) About() chat.RoomID { return p.Room }

// About implements Notice.
func (Alive) About() chat.RoomID { return "" }

// About implements Notice.
func (Writing) About() chat.RoomID { return "" }

// About implements Notice.
func (StandingChanged) About() chat.RoomID { return "" }

// About implements Notice.
func (MemberAdded) About() chat.RoomID { return "" }

// About implements Notice.
func (ProfileChanged) About() chat.RoomID { return "" }

// About implements Notice.
func (Disconnected) About() chat.RoomID { return "" }

// About implements Notice.
func (Revoked) About() chat.RoomID { return "" }

// About implements Notice.
func (Grown) About() chat.RoomID { return "" }
