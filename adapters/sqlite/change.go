package sqlite

import (
	"database/sql"
	"errors"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// target returns who wrote a message and which entry deleted it, 0 for none, or sql.ErrNoRows where there is no such message.
func (b *batch) target(r *roomRow, seq chat.Seq) (wrote chat.UserID, deletedBy chat.Seq, err error) {
	err = b.row(b.w.target, r.number, seq).Scan(&wrote, &deletedBy)
	return wrote, deletedBy, err
}

// changeMessage edits, deletes or reacts to a message.
func (b *batch) changeMessage(r *roomRow, p *chat.Proposal) (ports.Outcome, error) {
	wrote, deletedBy, err := b.target(r, chat.Target(p.Fact))
	if errors.Is(err, sql.ErrNoRows) {
		return refused(chat.NotFound, "there is no such message")
	}
	if err != nil {
		return ports.Outcome{}, err
	}
	if err := p.JudgeTarget(r.Room, b.place(r, p.Author.ID), wrote); err != nil {
		return ports.Outcome{Err: err}, nil //nolint:nilerr // it is that proposal's, and spoils no other's
	}
	switch f := p.Fact.(type) {
	case chat.Deleted:
		if deletedBy != 0 {
			return unchanged(r, deletedBy)
		}
		e, err := b.add(r, p, f)
		return appended(e, errors.Join(err, b.exec(b.w.remove, r.lastAt, e.Seq, r.number, f.Target), b.unturn(r, f.Target)))
	case chat.Edited:
		if deletedBy == 0 {
			e, err := b.add(r, p, f)
			return appended(e, errors.Join(err, b.exec(b.w.edit, f.Body, r.lastAt, r.number, f.Target)))
		}
	case chat.Reacted:
		if deletedBy == 0 {
			return b.react(r, p, f)
		}
	}
	return refused(chat.Conflict, "the message is deleted")
}

func (b *batch) react(r *roomRow, p *chat.Proposal, f chat.Reacted) (ports.Outcome, error) {
	var tallies []chat.Tally
	if err := b.each(b.w.tallies, func(scan scanner) error {
		var t chat.Tally
		err := scan(&t.Emoji, &t.First, &t.Total, &t.Mine, &t.Set)
		tallies = append(tallies, t)
		return err
	}, p.Author.ID, r.number, f.Target); err != nil {
		return ports.Outcome{}, err
	}
	is, refused := f.React(tallies, p.Reactions)
	switch {
	case refused != nil:
		return ports.Outcome{Err: refused}, nil //nolint:nilerr // it is that proposal's, and spoils no other's
	case is.Same:
		return unchanged(r, is.Set)
	}
	for _, emoji := range is.Forget {
		if err := errors.Join(b.exec(b.w.forgetReactors, r.number, f.Target, emoji), b.exec(b.w.forgetReaction, r.number, f.Target, emoji)); err != nil {
			return ports.Outcome{}, err
		}
	}
	if err := b.exec(b.w.reaction, r.number, f.Target, is.Fact.Emoji, r.Head+1, is.Fact.Count); err != nil {
		return ports.Outcome{}, err
	}
	e, err := b.add(r, p, is.Fact)
	return appended(e, errors.Join(err,
		b.exec(b.w.setReactor, r.number, f.Target, is.Fact.Emoji, p.Author.ID, f.Removed, e.Seq),
		b.exec(b.w.reactedTo, r.number, f.Target)))
}

func (b *batch) changeMember(r *roomRow, p *chat.Proposal, f chat.MemberChanged) (ports.Outcome, error) {
	k := memberKey{r.number, f.User}
	was := b.known[k]
	f, same, forbidden := f.Settle(was.Member, p.Author.ID)
	if forbidden != nil {
		return ports.Outcome{Err: forbidden}, nil //nolint:nilerr // it is that proposal's, and spoils no other's
	}
	if p.Resigns(was.Member) {
		var others bool
		if err := b.row(b.w.moderated, r.number, f.User).Scan(&others); err != nil {
			return ports.Outcome{}, err
		}
		if !others {
			return ports.Outcome{Err: chat.LastModerator()}, nil
		}
	}
	if same {
		outcome, _ := unchanged(r, was.setBy)
		return outcome, b.leaves(r, f)
	}
	e, err := b.add(r, p, f)
	place := b.known[k] // they may have spoken with that
	place.Member, place.setBy = f.Place(), e.Seq
	b.known[k] = place
	return appended(e, errors.Join(err, b.leaves(r, f), // also where leaving is the user's own entry
		b.exec(b.w.setMember, r.number, f.User, f.Role, f.Change == chat.MemberBanned, r.lastAt, e.Seq, r.ID)))
}

// leaves takes what keeps a room in the list of who leaves it.
func (b *batch) leaves(r *roomRow, f chat.MemberChanged) error {
	if f.Change != chat.MemberLeft {
		return nil
	}
	k := memberKey{r.number, f.User}
	place := b.known[k]
	place.spoke = false
	b.known[k] = place
	return errors.Join(b.exec(b.w.unmark, r.number, f.User), b.exec(b.w.unlist, r.number, f.User))
}

func (b *batch) changeRoom(r *roomRow, p *chat.Proposal, f chat.RoomChanged) (ports.Outcome, error) {
	is, of := f.Apply(r.Room)
	if is == r.Room {
		return unchanged(r, r.setBy[of])
	}
	r.Room = is
	e, err := b.add(r, p, f)
	r.setBy[of] = e.Seq
	return appended(e, err)
}
