package ports

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Frame is what a client gets besides entries: a Welcome, *OK, Failure, SignalFrame, Added,
// ProfileFrame, FollowEnded, Drain, Heartbeat or CloseFrame.
type Frame interface{ frame() }

// Welcome is the first frame once a session is authenticated.
type Welcome struct {
	Session   string
	User      chat.Author
	Heartbeat time.Duration
	Expires   time.Time  // when the token expires
	Log       chat.LogID // cursors of another log are not valid; empty: not known
	Features  []string   // of this node and all others, beyond the first published protocol v1
	Limits    Limits
}

// Limits are the limits of a session that its client is told.
type Limits struct {
	FrameBytes  int  // of a frame that the client sends
	AnswerBytes int  // of a frame that the client gets
	Rooms       int  // that are joined at once
	Replay      int  // entries that a join replays from its cursor
	Reactions   int  // different emoji on a message at once
	People      bool // the client may ask for MaxUsers users at once, and watches MaxWatched
	Search      bool // the client may search
}

// OK answers a command that succeeded.
type OK struct {
	ID     string // the command's; empty only for the join that opened the connection
	Answer Answer
}

// Failure answers a command that failed.
type Failure struct {
	ID  string // the command's, or empty
	Err error
}

// SignalFrame passes a signal on.
type SignalFrame struct{ Signal chat.Signal }

// Added tells a user that somebody has made them a member of a room. It may be lost.
type Added struct{ MemberAdded }

// ProfileFrame tells of a user whose profile has changed. It may be lost. Of two about one user,
// the one with the higher version is enough.
type ProfileFrame struct{ chat.Profile }

// FollowEnded tells that the session stopped following a room although its client did not leave it,
// and why.
type FollowEnded struct {
	Room chat.RoomID
	Err  error
}

// Drain tells that the node goes away, and when to connect again.
type Drain struct{ ReconnectIn time.Duration }

// Heartbeat asks the client for a sign of life.
type Heartbeat struct{}

// CloseFrame is the last frame of a session.
type CloseFrame struct{ Reason CloseReason }

func (Welcome) frame()      {}
func (*OK) frame()          {}
func (Failure) frame()      {}
func (SignalFrame) frame()  {}
func (FollowEnded) frame()  {}
func (Added) frame()        {}
func (ProfileFrame) frame() {}
func (Drain) frame()        {}
func (Heartbeat) frame()    {}
func (CloseFrame) frame()   {}

// Answer is what an OK carries: Authenticated, Joined, Left, Sent, Changed, ReactionSet, SlotSet,
// Page, SearchPage, Marked, TypingNoted, Present, ProfilePage or Pong.
type Answer interface{ answer() }

// Authenticated answers Auth.
type Authenticated struct{ User chat.Author }

// Joined answers Join.
type Joined struct {
	Room      chat.RoomID
	Log       chat.LogID // as in Welcome
	Head      chat.Seq   // the room's last entry
	From      chat.Seq   // the first entry that follows
	Truncated bool       // the cursor was further back than the service replays
	Role      chat.Role
	Read      chat.Seq
	Marks     []ReadMark // of the other users; nil: not told, as they are too many
}

// Left answers Leave.
type Left struct{ Room chat.RoomID }

// Receipt says which entry of the log has a change.
type Receipt struct {
	Room      chat.RoomID
	Seq       chat.Seq
	At        time.Time
	Duplicate bool      // the key was used before: this is the earlier entry
	Unchanged bool      // the value was set already: nothing was stored
	Made      *RoomMade // the send made its room; nil otherwise
}

// RoomMade tells of a room that the first message in it made.
type RoomMade struct {
	Moderator chat.UserID // its maker; empty if their token does not let them moderate it
}

// Sent answers Send.
type Sent struct{ Receipt }

// Changed answers Edit and Delete.
type Changed struct{ Receipt }

// ReactionSet answers React.
type ReactionSet struct{ Receipt }

// SlotSet answers Pin, Unpin and Set.
type SlotSet struct{ Receipt }

// Page answers History: entries in ascending order, and whether there are more in the direction
// asked for.
type Page struct {
	Room    chat.RoomID
	Log     chat.LogID // as in Welcome
	Head    chat.Seq
	Entries []chat.Entry
	More    bool
}

// Marked answers Mark.
type Marked struct {
	Room   chat.RoomID
	Read   chat.Seq
	Unread int64
}

// TypingNoted answers Typing.
type TypingNoted struct{}

// Present answers Presence: who is in the room now, in the order of their ids. Users may be fewer
// than Total.
type Present struct {
	Room  chat.RoomID
	Users []chat.Author
	Total int
}

// Pong answers Ping.
type Pong struct{ Now time.Time }

func (Authenticated) answer() {}
func (Joined) answer()        {}
func (Left) answer()          {}
func (Sent) answer()          {}
func (Changed) answer()       {}
func (ReactionSet) answer()   {}
func (SlotSet) answer()       {}
func (Page) answer()          {}
func (Marked) answer()        {}
func (TypingNoted) answer()   {}
func (Present) answer()       {}
func (ProfilePage) answer()   {}
func (Pong) answer()          {}
