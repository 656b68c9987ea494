package ledger

import "github.com/parley-chat/parley/core/chat"

type memberRule struct{}

// terms lets everybody leave, whatever their role.
func (memberRule) terms(p *chat.Proposal) terms {
	f := p.Fact.(chat.MemberChanged)
	if f.Change == chat.MemberLeft && f.User == p.Author.ID {
		return terms{role: chat.None, archived: true}
	}
	return terms{role: chat.Moderate, archived: true}
}

func (memberRule) ruling(c matter) (Ruling, error) {
	f := c.Fact.(chat.MemberChanged)
	was, err := c.rows.Place(f.User)
	if err != nil {
		return Ruling{}, err
	}
	if f.Change == chat.MemberLeft && f.User == c.Author.ID && was.Banned {
		return refused(chat.Errorf(chat.Forbidden, "you are banned from the room")), nil
	}
	f = settle(f, was.Member)
	is := chat.Member{User: f.User, Role: f.Role, Banned: f.Change == chat.MemberBanned}
	if c.resigns(was.Member, is) {
		if others, err := c.rows.Moderated(f.User); err != nil {
			return Ruling{}, err
		} else if !others {
			return refused(chat.Errorf(chat.Conflict, "you are the room's last moderator: make somebody else one first")), nil
		}
	}
	var r Ruling
	if was.Role == is.Role && was.Banned == is.Banned {
		r = c.unchanged(was.Set)
	} else {
		r = c.appends(f)
		is.Since = r.Entry.At
		r.Place = &Place{Member: is, Set: r.Entry.Seq}
	}
	if f.Change == chat.MemberLeft {
		r.Left = f.User
	}
	return r, nil
}

// settle returns a change of a member in the form that the log keeps: a user without a role joins,
// one who has a role gets another.
func settle(f chat.MemberChanged, was chat.Member) chat.MemberChanged {
	switch {
	case f.Change == chat.MemberLeft || f.Change == chat.MemberBanned:
		f.Role = chat.None
	case was.Role == chat.None:
		f.Change = chat.MemberJoined
	default:
		f.Change = chat.MemberRole
	}
	return f
}

// resigns reports whether the author stops being a moderator by the proposal, and does not moderate
// by their token either. The last moderator of a room may not do that.
func (c matter) resigns(was, is chat.Member) bool {
	return is.User == c.Author.ID && was.Role == chat.Moderate && is.Role != chat.Moderate &&
		!c.By.Admin && !c.By.Granted.May(chat.Moderate)
}

func (memberRule) columns(f chat.Fact) Columns {
	is := f.(chat.MemberChanged)
	return Columns{User: is.User, Change: string(is.Change), Role: is.Role}
}

func (memberRule) fact(c *Columns) chat.Fact {
	return chat.MemberChanged{User: c.User, Change: chat.MemberChange(c.Change), Role: c.Role}
}
