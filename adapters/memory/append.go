package memory

import (
	"bytes"
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Append implements ports.Log.
func (s *Store) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	if err := ended(ctx, "append"); err != nil {
		return nil, err
	}
	for i := range proposals {
		if err := chat.CheckFact(proposals[i].Fact); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := make([]ports.Outcome, len(proposals))
	for i := range proposals {
		if r := s.rooms[proposals[i].Room]; r != nil {
			outcomes[i] = r.append(&proposals[i])
		} else {
			outcomes[i].Err = chat.NoRoom(proposals[i].Room)
		}
	}
	return outcomes, nil
}

// append decides what becomes of a proposal, in the order of precedence that ports.Log gives, and does it.
func (r *room) append(p *chat.Proposal) ports.Outcome {
	if seq := r.keys[authorKey{p.Author.ID, p.Key}]; seq > 0 {
		return ports.Outcome{Status: ports.Duplicate, Entry: r.present(&r.log[seq-1], "")}
	}
	by := r.places[p.Author.ID].Member
	if err := p.Judge(r.Room, by); err != nil {
		return ports.Outcome{Err: err}
	}
	switch f := p.Fact.(type) {
	case chat.MemberChanged:
		return r.changeMember(p, f)
	case chat.RoomChanged:
		return r.changeRoom(p, f)
	}
	if r.Archived {
		return refused(chat.Conflict, "the room is archived")
	}
	if f, ok := p.Fact.(chat.Message); ok {
		return r.say(p, f)
	}
	m := r.messages[chat.Target(p.Fact)]
	if m == nil {
		return refused(chat.NotFound, "there is no such message")
	}
	if err := p.JudgeTarget(r.Room, by, r.log[chat.Target(p.Fact)-1].Author.ID); err != nil {
		return ports.Outcome{Err: err}
	}
	deleted := !m.DeletedAt.IsZero()
	switch f := p.Fact.(type) {
	case chat.Deleted:
		if deleted {
			return r.unchanged(m.deletedBy)
		}
		e := r.add(p, f)
		m.Body, m.Meta, m.DeletedAt, m.deletedBy = "", nil, e.At, e.Seq
		r.unsay(f.Target)
		return appended(e)
	case chat.Edited:
		if !deleted {
			return r.edit(p, f, m)
		}
	case chat.Reacted:
		if !deleted {
			return r.react(p, f, m)
		}
	}
	return refused(chat.Conflict, "the message is deleted")
}

func refused(kind chat.Kind, reason string) ports.Outcome {
	return ports.Outcome{Err: chat.Errorf(kind, "%s", reason)}
}

func appended(e chat.Entry) ports.Outcome { return ports.Outcome{Status: ports.Appended, Entry: e} }

func (r *room) unchanged(set chat.Seq) ports.Outcome {
	return ports.Outcome{Status: ports.Unchanged, Entry: chat.Entry{Room: r.ID, Seq: set}}
}

// add puts an entry at the end of the log.
func (r *room) add(p *chat.Proposal, fact chat.Fact) chat.Entry {
	r.Head++
	by := r.speakers[p.Author.ID]
	if by == nil {
		by = &speaker{}
		r.speakers[p.Author.ID] = by
	}
	by.left = false
	if _, ok := fact.(chat.Message); ok {
		r.Messages++
		r.said, by.said = append(r.said, r.Head), append(by.said, r.Head)
	}
	e := chat.Entry{Room: r.ID, Seq: r.Head, At: r.now(), Author: p.Author, Key: p.Key, Messages: r.Messages, Fact: fact}
	r.log = append(r.log, e)
	r.keys[authorKey{p.Author.ID, p.Key}] = e.Seq
	return e
}

// unsay takes a message from those that are counted.
func (r *room) unsay(seq chat.Seq) {
	without := func(said []chat.Seq) []chat.Seq {
		at, _ := slices.BinarySearch(said, seq)
		return slices.Delete(said, at, at+1)
	}
	by := r.speakers[r.log[seq-1].Author.ID]
	r.said, by.said = without(r.said), without(by.said)
}

func (r *room) say(p *chat.Proposal, f chat.Message) ports.Outcome {
	if f.ReplyTo != 0 && r.messages[f.ReplyTo] == nil {
		return refused(chat.NotFound, "there is no such message to reply to")
	}
	said := chat.Message{Body: f.Body, ReplyTo: f.ReplyTo, Meta: bytes.Clone(f.Meta)}
	e := r.add(p, chat.Message{})
	r.messages[e.Seq] = &message{Message: said}
	e.Fact = said
	return appended(e)
}

func (r *room) edit(p *chat.Proposal, f chat.Edited, m *message) ports.Outcome {
	e := r.add(p, chat.Edited{Target: f.Target})
	m.Body, m.EditedAt = f.Body, e.At
	e.Fact = f
	return appended(e)
}

func (r *room) react(p *chat.Proposal, f chat.Reacted, m *message) ports.Outcome {
	tallies := make([]chat.Tally, len(m.reactions))
	for i, of := range m.reactions {
		mine := of.by[p.Author.ID]
		tallies[i] = chat.Tally{Emoji: of.emoji, First: of.first, Total: of.count, Mine: mine.on, Set: mine.set}
	}
	is, err := f.React(tallies, p.Reactions)
	switch {
	case err != nil:
		return ports.Outcome{Err: err}
	case is.Same:
		return r.unchanged(is.Set)
	}
	m.reactions = slices.DeleteFunc(m.reactions, func(of *reaction) bool { return slices.Contains(is.Forget, of.emoji) })
	at := slices.IndexFunc(m.reactions, func(of *reaction) bool { return of.emoji == is.Fact.Emoji })
	if at < 0 {
		at = len(m.reactions)
		m.reactions = append(m.reactions, &reaction{emoji: is.Fact.Emoji, first: r.Head + 1, by: map[chat.UserID]reacted{}})
	}
	of := m.reactions[at]
	of.count = is.Fact.Count
	e := r.add(p, is.Fact)
	of.by[p.Author.ID] = reacted{on: !f.Removed, set: e.Seq}
	return appended(e)
}

// moderatedWithout reports whether somebody else than one user moderates the room.
func (r *room) moderatedWithout(but chat.UserID) bool {
	for user, place := range r.places {
		if place.Role == chat.Moderate && user != but {
			return true
		}
	}
	return false
}

func (r *room) changeMember(p *chat.Proposal, f chat.MemberChanged) ports.Outcome {
	was := r.places[f.User]
	f, same, err := f.Settle(was.Member, p.Author.ID)
	if err != nil {
		return ports.Outcome{Err: err}
	}
	if p.Resigns(was.Member) && !r.moderatedWithout(f.User) {
		return ports.Outcome{Err: chat.LastModerator()}
	}
	left := func() {
		delete(r.marks, f.User)
		if s := r.speakers[f.User]; s != nil {
			s.left = true
		}
	}
	if f.Change == chat.MemberLeft {
		left()
	}
	if same {
		return r.unchanged(was.set)
	}
	e := r.add(p, f)
	if f.Change == chat.MemberLeft {
		left() // also where leaving is the user's own entry
	}
	is := place{set: e.Seq}
	if f.Change != chat.MemberLeft {
		is.Member = f.Place()
		is.Since = e.At
	}
	r.places[f.User] = is
	return appended(e)
}

func (r *room) changeRoom(p *chat.Proposal, f chat.RoomChanged) ports.Outcome {
	is, of := f.Apply(r.Room)
	if is == r.Room {
		return r.unchanged(r.set[of])
	}
	r.Room = is
	e := r.add(p, f)
	r.set[of] = e.Seq
	return appended(e)
}

// newRoom makes an empty room.
func newRoom(given chat.Room) *room {
	r := &room{
		Room:     chat.Room{ID: given.ID, Name: given.Name, Public: given.Public},
		messages: map[chat.Seq]*message{},
		keys:     map[authorKey]chat.Seq{},
		places:   map[chat.UserID]place{},
		marks:    map[chat.UserID]chat.Seq{},
		speakers: map[chat.UserID]*speaker{},
	}
	r.CreatedAt = r.now()
	return r
}
