package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Log keeps the entries of all rooms: the truth that everything else follows.
type Log interface {
	// Append records proposals in one durable commit: when it returns without an error, what it
	// appended survives a crash of everything. It returns one outcome a proposal, in their order;
	// proposals to one room take effect in that order.
	//
	// A room's entries are numbered 1, 2, 3, … in commit order without holes: whoever can read n
	// can read all below it. A proposal that fails has its own error in its outcome and spoils
	// nobody else's. In this order of precedence, which core/ledger keeps for all stores:
	//   - no such room: NotFound;
	//   - an entry with that (room, author, key) exists, also earlier in the same call: Duplicate,
	//     whatever else holds;
	//   - the author may not do that as the room and their place in it are now: Forbidden, or NotFound
	//     for who may not know of the room (see chat.Rights.Entitle). To change the room or its members
	//     takes Moderate, to leave takes nothing, and all else takes Write. So nothing of a user comes
	//     behind their ban, behind their removal from a private room, behind the lowering of their
	//     role, or behind the hiding of a public room;
	//   - the room is archived: Conflict (but MemberChanged and RoomChanged go through);
	//   - Message.ReplyTo, or the target of Edited, Deleted or Reacted, is no message: NotFound;
	//   - the target of Deleted is another's, and the author does not moderate: Forbidden;
	//   - the target of Edited or Reacted is deleted: Conflict;
	//   - MemberLeft by the user that it names, who is banned: Forbidden, as nobody leaves a ban;
	//   - MemberChanged by which the last moderator of the room, who does not moderate by their token,
	//     would cease to be one by themselves: Conflict;
	//   - Reacted with one more emoji than the message may have (see chat.Proposal.Reactions): Conflict;
	//   - what it sets is set already (Deleted of a deleted message, Reacted, MemberChanged,
	//     RoomChanged): Unchanged. Edited with the same body is a change all the same.
	//
	// Emoji with one chat.EmojiID are one reaction, which is shown as it was first sent, also in
	// the entries. Of emoji that nobody reacts with any more a message remembers as many as it may
	// have. Unchanged names no entry that is of an emoji which the message remembers no longer.
	//
	// That a message is edited by its author only is the caller's to know. MemberChanged with
	// MemberJoined or MemberRole sets the role, and the entry says which of the two it was.
	// MemberLeft also takes the user's read mark, even where it is Unchanged.
	//
	// A room that somebody else holds, such as a transaction beside the service or a node that
	// froze, holds up no other room: Append waits for it for a moment only. Then all proposals to
	// that room are Held: nothing of them was stored. They may be proposed again, before anything
	// else to that room. A store where nobody can hold a room alone has no such outcomes.
	//
	// An error of Append itself means that nothing is known of the outcome (Unavailable), or that
	// nothing was appended (any other kind). The same proposals may be appended again: their keys
	// make that safe.
	Append(ctx context.Context, proposals []chat.Proposal) ([]Outcome, error)

	// Read returns the entries of a span in ascending order, in their present form. The entries
	// come from one consistent view: nothing deleted, neither body nor meta, comes with a view in
	// which it is deleted. A room that does not exist has no entries.
	//
	// An entry of a kind that a later release appends is read as chat.Unknown, at its place and
	// with its author and time: it is no message. One about a message that is deleted comes without
	// its Data.
	Read(ctx context.Context, room chat.RoomID, span Span) ([]chat.Entry, error)

	// Entry returns one entry in its present form, without reactions' Me, or NotFound.
	Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (chat.Entry, error)

	// Heads returns the last seq of each of the rooms that exists, in one query.
	Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error)
}

// Outcome is what became of one proposal.
type Outcome struct {
	Status Status
	// Entry is, for Appended, the new entry as every reader gets it; for Duplicate, the earlier one
	// (Room, Seq and At at least); for Unchanged, Room and the Seq of the entry that set it so, 0
	// where no entry did.
	Entry chat.Entry
	Err   error // for Refused: why, with a chat.Kind; for Held: Unavailable, and as its cause who holds the room, as far as is known
}

// Status is what sort of outcome it is.
type Status uint8

// The outcomes.
const (
	Refused   Status = iota // Err says why; nothing was stored
	Appended                // a new entry
	Duplicate               // the key was used: nothing was stored
	Unchanged               // it is so already: nothing was stored
	Held                    // somebody else holds the room: nothing was stored, and it may be proposed again
)

// Span asks for a part of a room's log.
type Span struct {
	After    chat.Seq    // entries behind it
	Before   chat.Seq    // entries before it; 0: no bound
	Limit    int         // at most so many, at least 1
	Newest   bool        // of more than Limit the newest, instead of the oldest
	Messages bool        // messages only, found among whatever other entries by looking at few of them
	Bytes    int         // not 0: nothing more behind the entry with which the entries together have Size so many; one at least
	Viewer   chat.UserID // whose own reactions are marked; empty: nobody's
}

// Fit returns the entries of the span, ascending, up to where Bytes says that they end: counted
// from the newest where Newest is set.
func (s Span) Fit(entries []chat.Entry) []chat.Entry {
	bytes := 0
	for i := range entries {
		at := i
		if s.Newest {
			at = len(entries) - 1 - i
		}
		if bytes += entries[at].Size(); s.Bytes > 0 && bytes >= s.Bytes {
			if s.Newest {
				return entries[at:]
			}
			return entries[:at+1]
		}
	}
	return entries
}
