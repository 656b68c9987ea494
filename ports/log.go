package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Log keeps the entries of all rooms: the truth that everything else follows.
type Log interface {
	// Append records proposals in one durable commit: when it returns without an error, what it
	// appended survives a crash of everything. It returns one outcome per proposal, in their order;
	// proposals to one room take effect in that order.
	//
	// A room's entries are numbered 1, 2, 3, … in commit order without holes: whoever can read n
	// can read all below it. A proposal that fails has an error in its outcome and does not affect
	// the others. The first of these that holds is the outcome (core/ledger checks it for all
	// stores):
	//   - no such room: NotFound;
	//   - an entry with that (room, author, key) exists, also earlier in the same call: Duplicate if
	//     it is what is proposed, otherwise Conflict. It is, whatever its value, if it is of the same
	//     kind (a Message may be Silent or not) and about the same: an Edited or Deleted of that
	//     target, a Reacted of that target with that emoji, a Set of that type, target and slot, a
	//     MemberChanged of that user. An entry of a kind that this release does not know may be the
	//     same;
	//   - the author may not do that as the room and their place in it are now: Forbidden, or
	//     NotFound if they may not know of the room (see chat.Rights.Entitle). A change of the room
	//     or of its members needs Moderate, leaving needs nothing, a Set needs what its chat.SetTerms
	//     and the room's settings say, and everything else needs Write. So no entry of a user comes after one that took the right to it: their ban, their removal
	//     from a private room, the lowering of their role, or the hiding of a public room;
	//   - the room is archived: Conflict (but MemberChanged, RoomChanged, a Set of the types
	//     room.*, and unsetting by chat.System go through);
	//   - Message.ReplyTo, or the target of Edited, Deleted, Reacted or a Set on a message, is not a
	//     message: NotFound;
	//   - Proposal.IfHead is given, and is not the room's head: Conflict, with the detail Moved;
	//   - the target of Deleted is another's, and the author does not moderate: Forbidden;
	//   - the target of Edited, Reacted or Set is deleted: Conflict;
	//   - Proposal.If names another entry than the one that changed the room last: Conflict, with the
	//     detail Stale;
	//   - Set that breaks a rule of its type: Invalid;
	//   - MemberLeft by the user that it names, who is banned: Forbidden, as nobody leaves a ban;
	//   - MemberChanged by which the room's last moderator, who does not moderate by their token,
	//     would end their own role: Conflict;
	//   - Reacted with one more emoji than the message may have (chat.Proposal.Reactions): Conflict;
	//   - what it sets is set already (Deleted of a deleted message, Reacted, MemberChanged,
	//     RoomChanged, Set to the same bytes, unsetting by chat.System of what is not due): Unchanged.
	//     Edited with the same body is still a change;
	//   - Set makes more slots hold a value, or larger ones, than chat.Cap allows: Conflict.
	//
	// Proposals of one chat.Proposal.Group take effect together or not at all, each judged as if
	// those before it were recorded. If one is refused, the others are a Conflict with the detail
	// UndoneWith, but for those that are Duplicates. Their entries follow each other.
	//
	// Emoji with one chat.EmojiID are one reaction. It is shown as it was first sent, also in the
	// entries. Of emoji that nobody reacts with any more a message remembers as many as it may
	// have. For a forgotten emoji, Unchanged names no entry.
	//
	// The caller must check that only a message's author edits it. MemberChanged with MemberJoined
	// or MemberRole sets the role, and the entry says which of the two it was. MemberLeft also
	// removes the user's read mark, even where it is Unchanged.
	//
	// Somebody else may hold a room's lock, such as a transaction outside the service, or a node
	// that froze. That does not hold up other rooms: Append waits for it only a moment. Then all
	// proposals to that room are Held, and none of them was stored. They may be proposed again,
	// before anything else to that room. A store without such locks never returns Held.
	//
	// Of a Group all proposals are Held, or none.
	//
	// Append keeps nothing of the slice, which its caller uses again.
	//
	// An error of Append itself means that the outcome is not known (Unavailable), or that nothing
	// was appended (any other kind). The same proposals may be appended again: their keys make that
	// safe.
	Append(ctx context.Context, proposals []chat.Proposal) ([]Outcome, error)

	// Read returns the entries of a span in ascending order, in their present form. They come from
	// one consistent view, in which a deleted message has neither body nor meta. A room that does
	// not exist has no entries.
	//
	// A Set comes with its data only while its slot holds what it set: what a later one or a
	// deletion took is stored nowhere any more. One of a type that a later release sets is read as
	// it stands.
	//
	// An entry of a kind that a later release appends is read as chat.Unknown, with its seq, author
	// and time. It is not a message. If it is about a deleted message, it has no Data.
	Read(ctx context.Context, room chat.RoomID, span Span) ([]chat.Entry, error)

	// Entry returns one entry in its present form, or NotFound. Its reactions have no Me.
	Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (chat.Entry, error)

	// Heads returns the last seq of each room that exists, in one query.
	Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error)
}

// Outcome is the result for one proposal.
type Outcome struct {
	Status Status
	// Entry is, for Appended, the new entry as every reader gets it; for Duplicate, the earlier one
	// (at least Room, Seq and At); for Unchanged, Room and the Seq of the entry that set the value,
	// 0 where no entry did.
	Entry chat.Entry
	Err   error // Refused: with a chat.Kind. Held: Unavailable; its cause names the holder if known
}

// Status is the kind of an outcome.
type Status uint8

// The outcomes.
const (
	Refused   Status = iota // Err says why; nothing was stored
	Appended                // a new entry
	Duplicate               // the key was used: nothing was stored
	Unchanged               // the value is set already: nothing was stored
	Held                    // somebody else holds the room: nothing was stored; propose it again
)

// Span asks for a part of a room's log.
type Span struct {
	After    chat.Seq    // entries behind it
	Before   chat.Seq    // entries before it; 0: no bound
	Limit    int         // how many entries at most, at least 1
	Newest   bool        // of more than Limit the newest, instead of the oldest
	Among    []chat.Seq  // not nil: of these entries only, at most MaxPage; Messages and Newest are false then
	Messages bool        // messages only; the store finds them without reading all other entries
	Bytes    int         // not 0: the entry with which the sum of Sizes reaches this is the last
	Viewer   chat.UserID // whose own reactions are marked; empty: nobody's
}

// Fit cuts entries, which are ascending, to Bytes. It counts from the newest where Newest is set.
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
