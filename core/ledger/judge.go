package ledger

import (
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Check returns an Internal error if one of the proposals can never be appended. Such a proposal
// has a Fact that is nil, a chat.Unknown, or a chat.Set of a type that this release does not know;
// or its Group does not allow it. A store calls Check first. If it fails, the store appends none of
// the proposals.
func Check(proposals []chat.Proposal) error {
	for i := range proposals {
		p := &proposals[i]
		kind, err := kindOf(p.Fact)
		switch {
		case err != nil:
			return err
		case p.Group == 0:
		case kind == KindMember:
			return chat.Errorf(chat.Internal, "a change of members cannot be in a group")
		case i > 0 && proposals[i-1].Group == p.Group && proposals[i-1].Room != p.Room:
			return chat.Errorf(chat.Internal, "a group is of more than one room")
		}
	}
	return nil
}

// Judge rules on a proposal to a room that exists. An error comes from rows; a refusal is a ruling.
func Judge(rows Rows, p *chat.Proposal) (Ruling, error) {
	earlier, used, err := rows.Used(p.Author.ID, p.Key)
	switch {
	case err != nil:
		return Ruling{}, err
	case used:
		return Repeat(p, earlier), nil
	}
	return JudgeNew(rows, p)
}

// JudgeNew is Judge without the check whether the key was used. It is for a store that looks for
// the key only when it saves, and after a refusal. If the store then finds the key, the ruling is
// void, and Repeat rules.
func JudgeNew(rows Rows, p *chat.Proposal) (Ruling, error) {
	kind, err := kindOf(p.Fact)
	if err != nil {
		return Ruling{}, err
	}
	rule := kinds[kind].rule
	by, err := rows.Place(p.Author.ID)
	if err != nil {
		return Ruling{}, err
	}
	c := matter{Proposal: p, rows: rows, room: rows.Room(), by: by.Member}
	asked := rule.terms(p)
	need, err := c.need(asked)
	if err != nil {
		return Ruling{}, err
	}
	if err := c.entitle(need); err != nil {
		return refused(err), nil
	}
	if c.room.Archived && !asked.archived {
		return refused(Archived()), nil
	}
	if asked.changes {
		target, found, err := rows.Message(chat.Target(p.Fact))
		if err != nil {
			return Ruling{}, err
		}
		c.target = target
		if err := c.mayChange(asked, found); err != nil {
			return refused(err), nil
		}
	}
	if changed := c.room.changed(); p.If != nil && *p.If != changed {
		return refused(chat.StaleChange(changed)), nil
	}
	return rule.ruling(c)
}

// Archived returns the refusal of a fact that an archived room does not take.
func Archived() *chat.Error { return chat.Errorf(chat.Conflict, "the room is archived") }

// A rule is what differs from one kind of fact to another.
type rule interface {
	// terms returns the conditions for a proposal of that kind.
	terms(p *chat.Proposal) terms
	// ruling rules on a proposal that meets the terms.
	ruling(c matter) (Ruling, error)
	// columns returns the columns of a fact, without Kind; fact is the reverse.
	columns(f chat.Fact) Columns
	fact(c *Columns) chat.Fact
}

// kindOf returns the kind of a fact, or an Internal error if the fact cannot be appended.
func kindOf(f chat.Fact) (Kind, error) {
	switch f := f.(type) {
	case chat.Message:
		if f.Silent {
			return KindSilent, nil
		}
		return KindMessage, nil
	case chat.Edited:
		return KindEdited, nil
	case chat.Deleted:
		return KindDeleted, nil
	case chat.Reacted:
		return KindReacted, nil
	case chat.MemberChanged:
		return KindMember, nil
	case chat.RoomChanged:
		return KindRoom, nil
	case chat.Set:
		if !f.Type.Known() {
			return 0, chat.Errorf(chat.Internal, "there are no sets of the type %q to append", f.Type)
		}
		return KindSet, nil
	}
	return 0, chat.Errorf(chat.Internal, "there are no facts of type %T to append", f)
}

// terms are the conditions for a proposal, in the order in which they are checked.
type terms struct {
	role     chat.Role    // which the author needs in the room
	setting  chat.SetType // the setting of the room that may say another role; empty: none
	archived bool         // an archived room takes the fact too
	changes  bool         // the fact is about a message, which must exist
	// The role that the author needs for somebody else's message. None: role is enough.
	others  chat.Role
	deleted bool // a deleted message takes the fact too
}

// matter is a proposal before the judge.
type matter struct {
	*chat.Proposal
	rows   Rows
	room   *Room
	by     chat.Member // the author's place
	target Message     // the message that the fact is about, if any
}

// entitle returns a refusal if the author does not have the role in the room now.
func (c matter) entitle(need chat.Role) error {
	if _, err := c.By.Entitle(c.room.Room, c.by, need); err != nil {
		return err
	}
	return nil
}

// mayChange returns a refusal if the author may not change the target under these terms.
func (c matter) mayChange(asked terms, found bool) error {
	if !found {
		return chat.Errorf(chat.NotFound, "there is no such message")
	}
	if c.target.Author != c.Author.ID {
		if err := c.entitle(asked.others); err != nil {
			return err
		}
	}
	if c.target.Deleted != 0 && !asked.deleted {
		return chat.Errorf(chat.Conflict, "the message is deleted")
	}
	return nil
}

// appends rules that the fact, in the form that the log keeps, becomes the room's next entry.
func (c matter) appends(fact chat.Fact) Ruling {
	messages := c.room.Messages
	if _, ok := fact.(chat.Message); ok {
		messages++
	}
	return Ruling{Outcome: ports.Outcome{Status: ports.Appended, Entry: chat.Entry{
		Room: c.Room, Seq: c.room.Head + 1, At: c.room.Now, Author: c.Author, Via: c.Via, Key: c.Key, Messages: messages, Fact: fact,
	}}}
}

// unchanged rules that the fact sets a value that is set already. The entry at set did that; 0
// means that no entry did.
func (c matter) unchanged(set chat.Seq) Ruling {
	return Ruling{Outcome: ports.Outcome{Status: ports.Unchanged, Entry: chat.Entry{Room: c.Room, Seq: set}}}
}
