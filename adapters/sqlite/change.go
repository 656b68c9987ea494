package sqlite

import (
	"errors"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// save saves a ruling on a fact other than a message.
func (b *batch) save(r *roomRow, ruling *ledger.Ruling) error {
	r.follow(ruling)
	e := &ruling.Entry
	var errs []error
	if ruling.Status == ports.Appended {
		errs = append(errs, b.add(r, e))
	}
	if of := ruling.Rewrite; of != nil {
		errs = append(errs, b.rewrite(r, of, e))
	}
	if of := ruling.Reaction; of != nil {
		errs = append(errs, b.react(r, of, e))
	}
	if of := ruling.Slot; of != nil {
		errs = append(errs, b.set(r, of, e))
	}
	if of := ruling.Place; of != nil {
		k := memberKey{r.number, of.User}
		place := b.kept.places[k] // keeps whether they spoke
		place.Place = *of
		b.kept.places[k] = place
		errs = append(errs, b.exec(b.w.setMember, r.number, of.User, of.Role, of.Banned, r.at, of.Set, r.ID))
	}
	if ruling.Left != "" {
		errs = append(errs, b.leaves(r, ruling.Left))
	}
	return errors.Join(errs...)
}

// add puts an entry other than a message at the end of the log.
func (b *batch) add(r *roomRow, e *chat.Entry) error {
	c, err := ledger.ColumnsOf(e.Fact)
	if err != nil {
		return err
	}
	var data []byte
	if c.Kind == ledger.KindSet {
		data = wire.SetMembers(c.SetType, c.Slot)
	}
	return errors.Join(b.speaks(r, e.Author.ID), b.exec(b.w.change,
		r.number, e.Seq, r.at, e.Author.ID, e.Author.Name, e.Via, e.Key, e.Messages, c.Kind.String(),
		c.Target, c.Emoji, c.Removed, c.Total, c.Change, c.User, c.Role, c.Name, data))
}

// rewrite changes a message by the entry e.
func (b *batch) rewrite(r *roomRow, of *ledger.Rewrite, e *chat.Entry) error {
	if !of.Deleted {
		return b.exec(b.w.edit, of.Body, r.at, r.number, of.Message)
	}
	return errors.Join(
		b.exec(b.w.remove, r.at, e.Seq, r.number, of.Message), b.exec(b.w.unslot, r.number, of.Message), b.unturn(r, of.Message))
}

// react changes the reactions with an emoji by the entry e.
func (b *batch) react(r *roomRow, to *ledger.Reaction, e *chat.Entry) error {
	var errs []error
	for _, emoji := range to.Forget {
		errs = append(errs,
			b.exec(b.w.forgetReactors, r.number, to.Target, emoji), b.exec(b.w.forgetReaction, r.number, to.Target, emoji))
	}
	return errors.Join(append(errs,
		b.exec(b.w.reaction, r.number, to.Target, to.Emoji, e.Seq, to.Count),
		b.exec(b.w.setReactor, r.number, to.Target, to.Emoji, e.Author.ID, to.Removed, e.Seq),
		b.exec(b.w.reactedTo, r.number, to.Target))...)
}

// leaves removes the rows that keep the room in the list of a user who leaves it.
func (b *batch) leaves(r *roomRow, user chat.UserID) error {
	k := memberKey{r.number, user}
	place := b.kept.places[k]
	place.spoke = false
	b.kept.places[k] = place
	return errors.Join(b.exec(b.w.unmark, r.number, user), b.exec(b.w.unlist, r.number, user))
}
