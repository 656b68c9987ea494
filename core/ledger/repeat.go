package ledger

import (
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Repeat rules on a proposal whose key was used for an earlier entry. If the entry is what is
// proposed, by what it is about and not by its value, the proposal is a Duplicate. Otherwise it is
// a Conflict: what is proposed is not in the log, and its author must learn that.
//
// An entry whose fact is not known (nil, or chat.Unknown) may be the same: a later release may have
// made it of the same command.
func Repeat(p *chat.Proposal, earlier chat.Entry) Ruling {
	is, known := subjectOf(earlier.Fact)
	if asked, _ := subjectOf(p.Fact); known && asked != is {
		return refused(KeyTaken(earlier.Seq))
	}
	return Ruling{Outcome: ports.Outcome{Status: ports.Duplicate, Entry: earlier}}
}

// KeyTaken returns the refusal of a proposal whose key was used for another thing.
func KeyTaken(seq chat.Seq) *chat.Error {
	return chat.Errorf(chat.Conflict, "key was used for entry %d, which is something else", seq)
}

// subject is what a fact is about. Two facts about the same differ at most in the value: the text
// of a message, the data of a slot, the role of a member.
type subject struct {
	kind   Kind
	target chat.Seq
	emoji  string
	user   chat.UserID
	of     chat.SetType
	slot   string
}

// subjectOf returns what a fact is about, or false if this release does not know.
func subjectOf(fact chat.Fact) (is subject, known bool) {
	switch f := fact.(type) {
	case chat.Message: // silent or not
		is = subject{kind: KindMessage}
	case chat.Edited:
		is = subject{kind: KindEdited, target: f.Target}
	case chat.Deleted:
		is = subject{kind: KindDeleted, target: f.Target}
	case chat.Reacted: // its entry may have another form of the emoji
		is = subject{kind: KindReacted, target: f.Target, emoji: chat.EmojiID(f.Emoji)}
	case chat.MemberChanged: // its entry may have another Change
		is = subject{kind: KindMember, user: f.User}
	case chat.RoomChanged:
		is = subject{kind: KindRoom}
	case chat.Set:
		is = subject{kind: KindSet, target: f.Target, of: f.Type, slot: f.Slot}
	default:
		return is, false
	}
	return is, true
}
