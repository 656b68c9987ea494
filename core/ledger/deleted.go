package ledger

import "github.com/parley-chat/parley/core/chat"

type deletedRule struct{}

func (deletedRule) terms(*chat.Proposal) terms {
	return terms{role: chat.Write, changes: true, others: chat.Moderate, deleted: true}
}

func (deletedRule) ruling(c matter) (Ruling, error) {
	f := c.Fact.(chat.Deleted)
	if c.target.Deleted != 0 {
		return c.unchanged(c.target.Deleted), nil
	}
	r := c.appends(f)
	r.Rewrite = &Rewrite{Message: f.Target, Deleted: true}
	return r, nil
}

func (deletedRule) columns(f chat.Fact) Columns { return Columns{Target: chat.Target(f)} }

func (deletedRule) fact(c *Columns) chat.Fact { return chat.Deleted{Target: c.Target} }
