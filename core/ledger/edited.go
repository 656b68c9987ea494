package ledger

import "github.com/parley-chat/parley/core/chat"

type editedRule struct{}

// terms does not require that the message is the author's own: callers of ports.Log check that.
func (editedRule) terms(*chat.Proposal) terms { return terms{role: chat.Write, changes: true} }

func (editedRule) ruling(c matter) (Ruling, error) {
	f := c.Fact.(chat.Edited)
	r := c.appends(f)
	r.Rewrite = &Rewrite{Message: f.Target, Body: f.Body}
	return r, nil
}

func (editedRule) columns(f chat.Fact) Columns { return Columns{Target: chat.Target(f)} }

func (editedRule) fact(c *Columns) chat.Fact {
	return chat.Edited{Target: c.Target, Body: c.Message.Body}
}
