package ledger

import (
	"bytes"

	"github.com/parley-chat/parley/core/chat"
)

type messageRule struct{}

// terms allows silent messages, which are unread for nobody, only to moderators and services.
func (messageRule) terms(p *chat.Proposal) terms {
	if p.Fact.(chat.Message).Silent && !p.By.Service {
		return terms{role: chat.Moderate}
	}
	return terms{role: chat.Write}
}

func (messageRule) ruling(c matter) (Ruling, error) {
	f := c.Fact.(chat.Message)
	if f.ReplyTo != 0 {
		// A reply to a deleted message is allowed.
		if _, found, err := c.rows.Message(f.ReplyTo); err != nil {
			return Ruling{}, err
		} else if !found {
			return refused(Unheard()), nil
		}
	}
	if c.IfHead != nil && *c.IfHead != c.room.Head {
		return refused(chat.HeadMoved(*c.IfHead, c.room.Head)), nil
	}
	if f.Meta == nil && f.Reactions == nil && f.Slots == nil && f.EditedAt.IsZero() && f.DeletedAt.IsZero() {
		return c.appends(c.Fact), nil // it has the form that the log keeps, and needs no copy
	}
	said := chat.Message{Body: f.Body, ReplyTo: f.ReplyTo, Silent: f.Silent}
	if len(f.Meta) > 0 {
		said.Meta = bytes.Clone(f.Meta) // the entry lives longer than the proposal
	}
	return c.appends(said), nil
}

// Unheard returns the refusal of a reply to something that is not a message.
func Unheard() *chat.Error {
	return chat.Errorf(chat.NotFound, "there is no such message to reply to")
}

func (messageRule) columns(f chat.Fact) Columns { return Columns{Message: f.(chat.Message)} }

func (messageRule) fact(c *Columns) chat.Fact {
	m := c.Message
	m.Silent = c.Kind == KindSilent
	return m
}
