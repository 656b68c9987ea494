package memory

import (
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// Append implements ports.Log.
func (s *Store) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	if err := ended(ctx, "append"); err != nil {
		return nil, err
	}
	if err := ledger.Check(proposals); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := make([]ports.Outcome, len(proposals))
	for i := 0; i < len(proposals); {
		n := ledger.Together(proposals[i:])
		if err := s.append(proposals[i:i+n], outcomes[i:i+n]); err != nil {
			return nil, err
		}
		i += n
	}
	return outcomes, nil
}

// append appends one proposal, or those of a group.
func (s *Store) append(proposals []chat.Proposal, outcomes []ports.Outcome) error {
	r := s.rooms[proposals[0].Room]
	if r == nil {
		for i := range outcomes {
			outcomes[i].Err = chat.NoRoom(proposals[0].Room)
		}
		return nil
	}
	r.Now = r.now()
	if len(proposals) == 1 {
		ruling, err := ledger.Judge(rows{r}, &proposals[0])
		if err != nil {
			return err
		}
		r.save(&ruling)
		outcomes[0] = ruling.Outcome
		return nil
	}
	rulings, err := ledger.JudgeTogether(rows{r}, proposals)
	for i := range rulings {
		r.save(&rulings[i])
		outcomes[i] = rulings[i].Outcome
	}
	return err
}

// save saves a ruling.
func (r *room) save(ruling *ledger.Ruling) {
	r.Follow(ruling)
	e := &ruling.Entry
	if ruling.Status == ports.Appended {
		r.add(e)
	}
	if of := ruling.Rewrite; of != nil {
		r.rewrite(of, e)
	}
	if of := ruling.Reaction; of != nil {
		r.messages[of.Target].react(of, e)
	}
	if of := ruling.Slot; of != nil {
		r.set(of, e)
	}
	if of := ruling.Place; of != nil {
		is := *of
		if is.Role == chat.None && !is.Banned {
			is.Member = chat.Member{}
		}
		r.places[of.User] = is
	}
	if ruling.Left != "" {
		delete(r.marks, ruling.Left)
		if by := r.speakers[ruling.Left]; by != nil {
			by.left = true
		}
	}
}

// add puts an entry at the end of the log. A message's body may change, so it is kept apart.
func (r *room) add(e *chat.Entry) {
	by := r.speakers[e.Author.ID]
	if by == nil {
		by = &speaker{}
		r.speakers[e.Author.ID] = by
	}
	by.left = false
	is := *e
	switch f := e.Fact.(type) {
	case chat.Message:
		r.messages[e.Seq] = &message{Message: f}
		if !f.Silent {
			r.said, by.said = append(r.said, e.Seq), append(by.said, e.Seq)
		}
		is.Fact = chat.Message{}
	case chat.Edited:
		is.Fact = chat.Edited{Target: f.Target}
	case chat.Set:
		f.Data = nil
		is.Fact = f
	}
	r.log = append(r.log, is)
	r.pending = true
	r.keys[authorKey{e.Author.ID, e.Key}] = e.Seq
}

// rewrite changes a message by the entry e.
func (r *room) rewrite(of *ledger.Rewrite, e *chat.Entry) {
	m := r.messages[of.Message]
	m.Body = of.Body
	if !of.Deleted {
		m.EditedAt = e.At
		return
	}
	m.Meta, m.DeletedAt, m.deletedBy = nil, e.At, e.Seq
	delete(r.slots, of.Message)
	if !m.Silent {
		r.unsay(of.Message)
	}
}

// unsay removes a message from those that are counted.
func (r *room) unsay(seq chat.Seq) {
	without := func(said []chat.Seq) []chat.Seq {
		at, _ := slices.BinarySearch(said, seq)
		return slices.Delete(said, at, at+1)
	}
	by := r.speakers[r.log[seq-1].Author.ID]
	r.said, by.said = without(r.said), without(by.said)
}

// react changes the reactions with an emoji by the entry e.
func (m *message) react(to *ledger.Reaction, e *chat.Entry) {
	m.reactions = slices.DeleteFunc(m.reactions, func(of *reaction) bool { return slices.Contains(to.Forget, of.emoji) })
	at := slices.IndexFunc(m.reactions, func(of *reaction) bool { return of.emoji == to.Emoji })
	if at < 0 {
		at = len(m.reactions)
		m.reactions = append(m.reactions, &reaction{emoji: to.Emoji, first: e.Seq, by: map[chat.UserID]reacted{}})
	}
	of := m.reactions[at]
	of.count = to.Count
	of.by[e.Author.ID] = reacted{on: !to.Removed, set: e.Seq}
}

// newRoom makes an empty room.
func newRoom(given chat.Room) *room {
	r := &room{
		Room:     ledger.Room{Room: chat.Room{ID: given.ID, Name: given.Name, Public: given.Public}},
		messages: map[chat.Seq]*message{},
		keys:     map[authorKey]chat.Seq{},
		places:   map[chat.UserID]ledger.Place{},
		marks:    map[chat.UserID]chat.Seq{},
		speakers: map[chat.UserID]*speaker{},
		pending:  true,
		slots:    map[chat.Seq][]slot{},
	}
	r.CreatedAt = r.now()
	return r
}
