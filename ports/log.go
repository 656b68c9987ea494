package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Log keeps the entries of all rooms: the truth that everything else follows.
type Log interface {
	// Append records proposals in one durable commit, or where the store has several parts, in one
	// of each: when it returns without an error, what it appended survives a crash of everything.
	// It returns one outcome per proposal, in their order; proposals to one room take effect in
	// that order.
	//
	// A room's entries are numbered 1, 2, 3, … in commit order without holes: whoever can read n
	// can read all entries before it. A proposal that fails has an error in its outcome and does
	// not affect the others. The outcome is the first of these that applies (core/ledger checks
	// them for all stores):
	//   - There is no such room: NotFound.
	//   - An entry with that (room, author, key) exists, perhaps from earlier in the same call:
	//     Duplicate if the entry is what is proposed, otherwise Conflict. It is what is proposed if
	//     it is of the same kind (a Message may be Silent or not) and about the same thing,
	//     whatever its value: an Edited or Deleted of that target, a Reacted of that target with
	//     that emoji, a Set of that type, target and slot, a MemberChanged of that user. An entry
	//     of a kind that this release does not know may be the same too.
	//   - The author may not do that, as the room and their place in it are now: Forbidden, or
	//     NotFound if they may not know of the room (see chat.Rights.Entitle). A change of the room
	//     or of its members needs Moderate. Leaving needs nothing. A Set needs what its
	//     chat.SetTerms and the room's settings say. Everything else needs Write. So no entry of a
	//     user comes after one that took the right to it: their ban, their removal from a private
	//     room, the lowering of their role, or the hiding of a public room.
	//   - The room is archived: Conflict. But it takes MemberChanged, RoomChanged, a Set of the
	//     types room.*, and a Set by chat.System that unsets a slot.
	//   - Message.ReplyTo, or the target of Edited, Deleted, Reacted or a Set on a message, is not
	//     a message: NotFound.
	//   - Proposal.IfHead is given, and is not the room's head: Conflict, with the detail Moved.
	//   - The target of Deleted is another user's, and the author does not moderate: Forbidden.
	//   - The target of Edited, Reacted or Set is deleted: Conflict.
	//   - Proposal.If names another entry than the one that changed the room last: Conflict, with
	//     the detail Stale.
	//   - A Set breaks a rule of its type: Invalid.
	//   - A banned user proposes MemberLeft for themselves: Forbidden, as nobody leaves a ban.
	//   - By MemberChanged the room's last moderator, who does not moderate by their token, would
	//     end their own role: Conflict.
	//   - Reacted has one more emoji than the message may have (chat.Proposal.Reactions): Conflict.
	//   - What it sets is set already: Unchanged. This applies to Deleted of a deleted message,
	//     Reacted, MemberChanged, RoomChanged, a Set to the same bytes, and a Set by chat.System
	//     that unsets what is not due. Edited with the same body is still a change.
	//   - A Set would make more slots hold a value, or larger ones, than chat.Cap allows: Conflict.
	//
	// Proposals of one chat.Proposal.Group take effect together or not at all. Each is judged as if
	// those before it were recorded. If one is refused, so are all others except Duplicates: with a
	// Conflict of the detail UndoneWith. Their entries follow each other.
	//
	// Emoji with one chat.EmojiID are one reaction. It is shown as it was first sent, also in the
	// entries. A message remembers emoji that nobody reacts with any more, as many as it may have.
	// For an emoji that it has forgotten, Unchanged names no entry.
	//
	// The caller must check that only a message's author edits it. MemberChanged with MemberJoined
	// or MemberRole sets the role, and the entry says which of the two it was. MemberLeft also
	// removes the user's read mark, even if it is Unchanged.
	//
	// Somebody else may hold a room's lock, such as a transaction outside the service, or a node
	// that froze. That does not hold up other rooms: Append waits for it only a moment. Then all
	// proposals to that room are Held, and none of them was stored. They may be proposed again,
	// before anything else to that room. A store without such locks never returns Held. Of a Group
	// either all proposals are Held, or none.
	//
	// Append keeps nothing of the slice. Its caller uses it again.
	//
	// An error of Append itself means that the outcome is not known (Unavailable), or that nothing
	// was appended (any other kind). The same proposals may be appended again: their keys make that
	// safe.
	Append(ctx context.Context, proposals []chat.Proposal) ([]Outcome, error)

	// Read returns the entries of a span in ascending order, in their present form. They come from
	// one consistent view, in which a deleted message has neither body nor meta. A room that does
	// not exist has no entries.
	//
	// A Set has its data only while its slot still holds what it set. Data that a later set has
	// replaced, or a deletion has removed, is stored nowhere. A Set of a type that only a later
	// release knows is read as it is stored.
	//
	// An entry of a kind that only a later release knows is read as chat.Unknown, with its seq,
	// author and time. It is not a message. If it is about a deleted message, it has no Data.
	Read(ctx context.Context, room chat.RoomID, span Span) ([]chat.Entry, error)

	// Entry returns one entry in its present form, or NotFound. Me is not set in its reactions.
	Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (chat.Entry, error)

	// Heads returns the last seq of each room that exists, in one query. Its error may be a
	// Partial.
	Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error)
}

// Outcome is the result for one proposal.
type Outcome struct {
	Status Status
	// Entry depends on the status. For Appended it is the new entry, as every reader gets it. For
	// Duplicate it is the earlier one, with at least Room, Seq and At. For Unchanged it has Room,
	// and the Seq of the entry that set the value; 0 if no entry did.
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
	After  chat.Seq // entries after it
	Before chat.Seq // entries before it; 0: no bound
	Limit  int      // how many entries at most, at least 1
	Newest bool     // if there are more than Limit: the newest, and not the oldest
	// Not nil: only these entries, at most MaxPage; then Messages and Newest are false.
	Among    []chat.Seq
	Messages bool        // messages only; the store finds them without reading all other entries
	Bytes    int         // not 0: the entry at which the sum of Sizes reaches this is the last one
	Viewer   chat.UserID // the user whose own reactions are marked; empty: nobody's are
}

// Fit cuts entries, which are ascending, to Bytes. With Newest it keeps the newest ones.
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
