package postgres

import (
	"maps"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// append lets the judge rule on a proposal, or on those of a group. It puts the rulings into the
// rows that will be written.
func (l *loaded) append(proposals []chat.Proposal, outcomes []ports.Outcome) error {
	id := proposals[0].Room
	r := l.rooms[id]
	_, locked := l.locked[id] // if not, it was perhaps made after the locks were taken
	if r == nil || !locked {
		for i := range outcomes {
			if outcomes[i].Status = ports.Held; r == nil {
				outcomes[i] = ports.Outcome{Err: chat.NoRoom(id)}
			}
		}
		return nil
	}
	if len(proposals) == 1 {
		ruling, err := ledger.Judge(rows{r}, &proposals[0])
		if err != nil {
			return err
		}
		outcomes[0] = ruling.Outcome
		return l.save(r, &ruling)
	}
	rulings, err := ledger.JudgeTogether(rows{r}, proposals)
	for i := range rulings {
		outcomes[i] = rulings[i].Outcome
		if err := l.save(r, &rulings[i]); err != nil {
			return err
		}
	}
	return err
}

// save applies a ruling to the loaded rows.
func (l *loaded) save(r *room, ruling *ledger.Ruling) error {
	r.Follow(ruling)
	e := &ruling.Entry
	if ruling.Status == ports.Appended {
		if err := l.add(r, e); err != nil {
			return err
		}
	}
	if of := ruling.Rewrite; of != nil {
		l.rewrite(r, of, e)
	}
	if of := ruling.Reaction; of != nil {
		l.react(of, e)
	}
	if of := ruling.Slot; of != nil {
		l.set(of, e)
	}
	if of := ruling.Place; of != nil {
		l.members[memberKey{r.ID, of.User}] = &member{Place: *of, changed: true}
	}
	if ruling.Left != "" {
		k := memberKey{r.ID, ruling.Left}
		l.unmarked[k], l.left[k] = struct{}{}, struct{}{}
	}
	return nil
}

// add puts an entry at the end of its room's log.
func (l *loaded) add(r *room, e *chat.Entry) error {
	columns, err := ledger.ColumnsOf(e.Fact)
	if err != nil {
		return err
	}
	r.changed = true
	if _, ok := e.Fact.(chat.Message); ok {
		l.messages[place{r.ID, e.Seq}] = &message{Message: ledger.Message{Author: e.Author.ID}}
	}
	l.used[usedKey{r.ID, e.Author.ID, e.Key}] = *e
	delete(l.left, memberKey{r.ID, e.Author.ID})
	l.entries, l.columns = append(l.entries, *e), append(l.columns, columns)
	return nil
}

// rewrite changes a message by the entry e.
func (l *loaded) rewrite(r *room, of *ledger.Rewrite, e *chat.Entry) {
	at := place{r.ID, of.Message}
	m, when := l.messages[at], e.At
	m.body, m.changed = of.Body, true
	if !of.Deleted {
		m.editedAt = &when
		return
	}
	m.deletedAt, m.Deleted = &when, e.Seq
	l.unslot(at)
	l.deleted = append(l.deleted, at)
	r.deleted = true
}

// react changes the reactions with an emoji by the entry e.
func (l *loaded) react(to *ledger.Reaction, e *chat.Entry) {
	at := place{e.Room, to.Target}
	for _, emoji := range to.Forget {
		l.forget(reactionKey{at, emoji})
	}
	of := l.reaction(at, to.Emoji, e.Seq)
	of.total, of.changed = to.Count, true
	l.reactors[reactorKey{reactionKey{at, to.Emoji}, e.Author.ID}] = &reactor{removed: to.Removed, setBy: e.Seq, changed: true}
	m := l.messages[at]
	m.reacted, m.changed = true, true
}

// reaction returns the row of an emoji on a message, and makes it if there is none.
func (l *loaded) reaction(at place, emoji string, first chat.Seq) *reaction {
	for _, of := range l.reactions[at] {
		if of.emoji == emoji {
			return of
		}
	}
	of := &reaction{emoji: emoji, first: first}
	l.reactions[at] = append(l.reactions[at], of)
	return of
}

// forget deletes all rows of an emoji on a message. Rows that the batch adds later are new.
func (l *loaded) forget(k reactionKey) {
	l.forgotten.add(k.room, k.seq, k.emoji, "")
	l.reactions[k.place] = slices.DeleteFunc(l.reactions[k.place], func(of *reaction) bool { return of.emoji == k.emoji })
	maps.DeleteFunc(l.reactors, func(of reactorKey, _ *reactor) bool { return of.reactionKey == k })
}
