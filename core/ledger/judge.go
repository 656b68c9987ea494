package ledger

import (
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Check refuses, as Internal, proposals of which one has a fact that is not to be appended, such as
// nil or chat.Unknown. A store asks it before all else, and appends none of them then.
func Check(proposals []chat.Proposal) error {
	for i := range proposals {
		if _, err := kindOf(proposals[i].Fact); err != nil {
			return err
		}
	}
	return nil
}

// Judge says what becomes of a proposal to a room that exists. An error is that of rows.
func Judge(rows Rows, p *chat.Proposal) (Ruling, error) {
	earlier, used, err := rows.Used(p.Author.ID, p.Key)
	switch {
	case err != nil:
		return Ruling{}, err
	case used:
		return Duplicate(earlier), nil
	}
	return JudgeNew(rows, p)
}

// JudgeNew is Judge where nobody has used the key. It is for a store that looks for the key only
// when it saves, and after a refusal: if it finds the key then, the ruling is void, and the
// proposal is a Duplicate.
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
	if err := c.entitle(asked.role); err != nil {
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
	return rule.ruling(c)
}

// Archived says that an archived room takes no such fact.
func Archived() *chat.Error { return chat.Errorf(chat.Conflict, "the room is archived") }

// A rule is all that is particular to a kind of fact.
type rule interface {
	// terms says what must hold for a proposal of that kind.
	terms(p *chat.Proposal) terms
	// ruling says what it comes to where that holds.
	ruling(c matter) (Ruling, error)
	// columns returns the fact as a row has it, but for its kind; fact is the way back.
	columns(f chat.Fact) Columns
	fact(c *Columns) chat.Fact
}

// kindOf returns the kind of a fact, or an Internal error where it is none to append.
func kindOf(f chat.Fact) (Kind, error) {
	switch f.(type) {
	case chat.Message:
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
	}
	return 0, chat.Errorf(chat.Internal, "there are no facts of type %T to append", f)
}

// terms is what must hold for a proposal, in the order in which it is asked.
type terms struct {
	role     chat.Role // the author has it in the room
	archived bool      // the room may be archived
	changes  bool      // the fact is about a message, which there must be
	others   chat.Role // the author has it, if the message is another's; None: role is enough
	deleted  bool      // the message may be deleted
}

// matter is a proposal before the judge.
type matter struct {
	*chat.Proposal
	rows   Rows
	room   *Room
	by     chat.Member // the author's place
	target Message     // which the fact is about, if it is about one
}

// entitle refuses where the author has not that role in the room as it is now.
func (c matter) entitle(need chat.Role) error {
	if _, err := c.By.Entitle(c.room.Room, c.by, need); err != nil {
		return err
	}
	return nil
}

// mayChange refuses where the message that the fact is about may not be changed so.
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

// appends rules that the fact, as the log has it, becomes the room's next entry.
func (c matter) appends(fact chat.Fact) Ruling {
	messages := c.room.Messages
	if _, ok := fact.(chat.Message); ok {
		messages++
	}
	return Ruling{Outcome: ports.Outcome{Status: ports.Appended, Entry: chat.Entry{
		Room: c.Room, Seq: c.room.Head + 1, At: c.room.Now, Author: c.Author, Key: c.Key, Messages: messages, Fact: fact,
	}}}
}

// unchanged rules that what the fact sets is set already, as the entry at set did; 0: none did.
func (c matter) unchanged(set chat.Seq) Ruling {
	return Ruling{Outcome: ports.Outcome{Status: ports.Unchanged, Entry: chat.Entry{Room: c.Room, Seq: set}}}
}
