package postgres

import (
	"bytes"
	"maps"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// append decides what becomes of a proposal, in the order of precedence that ports.Log gives, and does it in the ledger.
func (l *ledger) append(p *chat.Proposal) ports.Outcome {
	r := l.rooms[p.Room]
	if r == nil {
		return ports.Outcome{Err: chat.NoRoom(p.Room)}
	}
	if _, ok := l.locked[p.Room]; !ok { // or it was made since
		return ports.Outcome{Status: ports.Held}
	}
	if earlier, ok := l.used[usedKey{p.Room, p.Author.ID, p.Key}]; ok {
		return ports.Outcome{Status: ports.Duplicate, Entry: earlier}
	}
	is, by := r.is(p.Room), l.place(p.Room, p.Author.ID)
	if err := p.Judge(is, by); err != nil {
		return ports.Outcome{Err: err}
	}
	switch f := p.Fact.(type) {
	case chat.MemberChanged:
		return l.changeMember(r, p, f)
	case chat.RoomChanged:
		return l.changeRoom(r, p, f)
	}
	if r.archived {
		return refused(chat.Conflict, "the room is archived")
	}
	if f, ok := p.Fact.(chat.Message); ok {
		return l.say(r, p, f)
	}
	target := place{p.Room, chat.Target(p.Fact)}
	m := l.messages[target]
	if m == nil {
		return refused(chat.NotFound, "there is no such message")
	}
	if err := p.JudgeTarget(is, by, m.author); err != nil {
		return ports.Outcome{Err: err}
	}
	switch f := p.Fact.(type) {
	case chat.Deleted:
		if m.deletedBy != 0 {
			return unchanged(p, m.deletedBy)
		}
		e := l.add(r, p, f)
		m.body, m.deletedAt, m.deletedBy, m.changed = "", &e.At, e.Seq, true
		l.deleted = append(l.deleted, target)
		r.deleted = true
		return appended(e)
	case chat.Edited:
		if m.deletedBy == 0 {
			e := l.add(r, p, f)
			m.body, m.editedAt, m.changed = f.Body, &e.At, true
			return appended(e)
		}
	case chat.Reacted:
		if m.deletedBy == 0 {
			return l.react(r, p, f, m)
		}
	}
	return refused(chat.Conflict, "the message is deleted")
}

// is returns the room as far as it counts for what may be done there.
func (r *room) is(id chat.RoomID) chat.Room {
	return chat.Room{ID: id, Name: r.name, Public: r.public, Archived: r.archived}
}

// place returns what place a user has in a room.
func (l *ledger) place(room chat.RoomID, user chat.UserID) chat.Member {
	if m := l.members[memberKey{room, user}]; m != nil {
		return chat.Member{User: user, Role: m.role, Banned: m.banned}
	}
	return chat.Member{User: user}
}

func appended(e chat.Entry) ports.Outcome { return ports.Outcome{Status: ports.Appended, Entry: e} }

func unchanged(p *chat.Proposal, set chat.Seq) ports.Outcome {
	return ports.Outcome{Status: ports.Unchanged, Entry: chat.Entry{Room: p.Room, Seq: set}}
}

// add puts an entry at the end of its room's log.
func (l *ledger) add(r *room, p *chat.Proposal, fact chat.Fact) chat.Entry {
	r.head++
	r.changed = true
	if _, ok := fact.(chat.Message); ok {
		r.messages++
	}
	e := chat.Entry{Room: p.Room, Seq: r.head, At: r.now, Author: p.Author, Key: p.Key, Messages: r.messages, Fact: fact}
	l.used[usedKey{p.Room, p.Author.ID, p.Key}] = e
	delete(l.left, memberKey{p.Room, p.Author.ID})
	l.entries = append(l.entries, e)
	return e
}

func (l *ledger) say(r *room, p *chat.Proposal, f chat.Message) ports.Outcome {
	if f.ReplyTo != 0 && l.messages[place{p.Room, f.ReplyTo}] == nil {
		return refused(chat.NotFound, "there is no such message to reply to")
	}
	e := l.add(r, p, chat.Message{Body: f.Body, ReplyTo: f.ReplyTo, Meta: bytes.Clone(givenMeta(f.Meta))})
	l.messages[place{p.Room, e.Seq}] = &message{author: p.Author.ID}
	return appended(e)
}

func (l *ledger) react(r *room, p *chat.Proposal, f chat.Reacted, m *message) ports.Outcome {
	at := place{p.Room, f.Target}
	tallies := make([]chat.Tally, len(l.reactions[at]))
	for i, of := range l.reactions[at] {
		tallies[i] = chat.Tally{Emoji: of.emoji, First: of.first, Total: of.total}
		if mine := l.reactors[reactorKey{reactionKey{at, of.emoji}, p.Author.ID}]; mine != nil {
			tallies[i].Mine, tallies[i].Set = !mine.removed, mine.setBy
		}
	}
	is, err := f.React(tallies, p.Reactions)
	switch {
	case err != nil:
		return ports.Outcome{Err: err}
	case is.Same:
		return unchanged(p, is.Set)
	}
	for _, emoji := range is.Forget {
		l.forget(reactionKey{at, emoji})
	}
	of := l.reaction(at, is.Fact.Emoji, r.head+1)
	of.total, of.changed = is.Fact.Count, true
	e := l.add(r, p, is.Fact)
	l.reactors[reactorKey{reactionKey{at, is.Fact.Emoji}, p.Author.ID}] = &reactor{removed: f.Removed, setBy: e.Seq, changed: true}
	m.reacted, m.changed = true, true
	return appended(e)
}

// reaction returns what is kept of an emoji on a message, and begins to keep it where nothing is.
func (l *ledger) reaction(at place, emoji string, first chat.Seq) *reaction {
	for _, of := range l.reactions[at] {
		if of.emoji == emoji {
			return of
		}
	}
	of := &reaction{emoji: emoji, first: first}
	l.reactions[at] = append(l.reactions[at], of)
	return of
}

// forget drops all that is kept of an emoji on a message. What the batch adds later is new.
func (l *ledger) forget(k reactionKey) {
	l.forgotten.add(k.room, k.seq, k.emoji, "")
	l.reactions[k.place] = slices.DeleteFunc(l.reactions[k.place], func(of *reaction) bool { return of.emoji == k.emoji })
	maps.DeleteFunc(l.reactors, func(of reactorKey, _ *reactor) bool { return of.reactionKey == k })
}

func (l *ledger) changeMember(r *room, p *chat.Proposal, f chat.MemberChanged) ports.Outcome {
	k := memberKey{p.Room, f.User}
	was := l.members[k]
	if was == nil {
		was = &member{}
	}
	f, same, err := f.Settle(l.place(p.Room, f.User), p.Author.ID)
	if err != nil {
		return ports.Outcome{Err: err}
	}
	if p.Resigns(l.place(p.Room, f.User)) && !l.moderatedWithout(p.Room, f.User) {
		return ports.Outcome{Err: chat.LastModerator()}
	}
	if f.Change == chat.MemberLeft {
		l.unmarked[k], l.left[k] = struct{}{}, struct{}{}
	}
	if same {
		return unchanged(p, was.setBy)
	}
	e := l.add(r, p, f)
	if f.Change == chat.MemberLeft {
		l.left[k] = struct{}{} // also where leaving is the user's own entry
	}
	l.members[k] = &member{role: f.Role, banned: f.Change == chat.MemberBanned, since: e.At, setBy: e.Seq, changed: true}
	return appended(e)
}

// moderatedWithout reports whether somebody else than one user moderates a room: as the batch has made it.
func (l *ledger) moderatedWithout(room chat.RoomID, but chat.UserID) bool {
	for k, m := range l.members {
		if k.room == room && k.user != but && m.role == chat.Moderate {
			return true
		}
	}
	for _, k := range l.moderators {
		if _, changed := l.members[k]; !changed && k.room == room && k.user != but {
			return true
		}
	}
	return false
}

func (l *ledger) changeRoom(r *room, p *chat.Proposal, f chat.RoomChanged) ports.Outcome {
	was := r.is(p.Room)
	is, of := f.Apply(was)
	if is == was {
		return unchanged(p, r.setBy[of])
	}
	r.name, r.public, r.archived = is.Name, is.Public, is.Archived
	e := l.add(r, p, f)
	r.setBy[of] = e.Seq
	return appended(e)
}
