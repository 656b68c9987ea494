package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Append implements ports.Log. The transaction begins as the only one that writes, so that what it reads stays true until it
// commits; readers see all of it or nothing.
func (s *Store) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	for i := range proposals {
		if err := chat.CheckFact(proposals[i].Fact); err != nil {
			return nil, err
		}
	}
	outcomes := make([]ports.Outcome, len(proposals))
	err := s.write(ctx, "append to the log", func(tx *transaction) error {
		b := &batch{transaction: tx, w: &s.w, now: now()}
		if err := b.load(proposals); err != nil {
			return err
		}
		for i := range proposals {
			var err error
			if outcomes[i], err = b.append(&proposals[i]); err != nil {
				return err
			}
		}
		return b.saveRooms()
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// batch is one call of Append under way.
type batch struct {
	*transaction
	w     *writeStatements
	now   int64
	rooms map[chat.RoomID]*roomRow // nil: there is no such room
	known map[memberKey]memberRow  // those whom the batch is about
}

type memberKey struct {
	room int64
	user chat.UserID
}

// memberRow is a user's place; its member is zero, but for the user, for who has none.
type memberRow struct {
	chat.Member
	setBy chat.Seq
	spoke bool // made an entry, and has not left since
}

// roomRow is a room's row, as the batch changes it.
type roomRow struct {
	chat.Room
	number  int64
	lastAt  int64
	setBy   [chat.RoomProperties]chat.Seq
	speaker chat.UserID // whose turn is the last one; empty: not known
	changed bool
}

// load reads the rooms of the proposals, and what places their authors and members have.
func (b *batch) load(proposals []chat.Proposal) error {
	b.rooms = make(map[chat.RoomID]*roomRow)
	var ids []any
	for i := range proposals {
		if _, listed := b.rooms[proposals[i].Room]; !listed {
			b.rooms[proposals[i].Room] = nil
			ids = append(ids, proposals[i].Room)
		}
	}
	if err := b.eachOf(b.w.rooms, func(scan scanner) error {
		r := &roomRow{}
		err := scan(&r.number, &r.ID, &r.Name, &r.Public, &r.Archived, &r.Head, &r.lastAt, &r.Messages,
			&r.setBy[chat.RoomName], &r.setBy[chat.RoomVisibility], &r.setBy[chat.RoomLife], &r.speaker)
		b.rooms[r.ID] = r
		return err
	}, ids, 1); err != nil {
		return err
	}
	return b.loadMembers(proposals)
}

func (b *batch) loadMembers(proposals []chat.Proposal) error {
	b.known = make(map[memberKey]memberRow, len(proposals))
	wanted := make([]any, 0, 2*len(proposals))
	want := func(room chat.RoomID, user chat.UserID) {
		r := b.rooms[room]
		if r == nil {
			return
		}
		k := memberKey{r.number, user}
		if _, listed := b.known[k]; !listed {
			b.known[k] = memberRow{Member: chat.Member{User: user}, spoke: true}
			wanted = append(wanted, k.room, user)
		}
	}
	for i := range proposals {
		p := &proposals[i]
		want(p.Room, p.Author.ID)
		if f, ok := p.Fact.(chat.MemberChanged); ok {
			want(p.Room, f.User)
		}
	}
	return b.eachOf(b.w.members, func(scan scanner) error {
		var k memberKey
		var m memberRow
		err := scan(&k.room, &m.User, &m.Role, &m.Banned, &m.setBy, &m.spoke)
		k.user = m.User
		b.known[k] = m
		return err
	}, wanted, 2)
}

// append decides what becomes of a proposal, in the order of precedence that ports.Log gives, and does it.
func (b *batch) append(p *chat.Proposal) (ports.Outcome, error) {
	r := b.rooms[p.Room]
	if r == nil {
		return ports.Outcome{Err: chat.NoRoom(p.Room)}, nil
	}
	if f, ok := p.Fact.(chat.Message); ok {
		return b.say(r, p, f)
	}
	if earlier, used, err := b.earlier(r, p); used || err != nil {
		return earlier, err
	}
	if err := p.Judge(r.Room, b.place(r, p.Author.ID)); err != nil {
		return ports.Outcome{Err: err}, nil //nolint:nilerr // it is that proposal's, and spoils no other's
	}
	switch f := p.Fact.(type) {
	case chat.MemberChanged:
		return b.changeMember(r, p, f)
	case chat.RoomChanged:
		return b.changeRoom(r, p, f)
	}
	if r.Archived {
		return ports.Outcome{Err: isArchived()}, nil
	}
	return b.changeMessage(r, p)
}

func isArchived() error { return chat.Errorf(chat.Conflict, "the room is archived") }

// earlier returns the outcome of a proposal whose key is used.
func (b *batch) earlier(r *roomRow, p *chat.Proposal) (_ ports.Outcome, used bool, _ error) {
	var at int64
	e := chat.Entry{Room: p.Room, Author: p.Author, Key: p.Key}
	err := b.row(b.w.key, r.number, p.Author.ID, p.Key).Scan(&e.Seq, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return ports.Outcome{}, false, nil
	}
	e.At = stamp(at)
	return ports.Outcome{Status: ports.Duplicate, Entry: e}, err == nil, err
}

// place returns what place a user has in a room.
func (b *batch) place(r *roomRow, user chat.UserID) chat.Member {
	return b.known[memberKey{r.number, user}].Member
}

func refused(kind chat.Kind, reason string) (ports.Outcome, error) {
	return ports.Outcome{Err: chat.Errorf(kind, "%s", reason)}, nil
}

func appended(e chat.Entry, err error) (ports.Outcome, error) {
	return ports.Outcome{Status: ports.Appended, Entry: e}, err
}

func unchanged(r *roomRow, setBy chat.Seq) (ports.Outcome, error) {
	return ports.Outcome{Status: ports.Unchanged, Entry: chat.Entry{Room: r.ID, Seq: setBy}}, nil
}

// next makes the room's next entry.
func (b *batch) next(r *roomRow, p *chat.Proposal, fact chat.Fact) chat.Entry {
	r.Head++
	if _, ok := fact.(chat.Message); ok {
		r.Messages++
	}
	r.lastAt = max(r.lastAt, b.now)
	r.changed = true
	return chat.Entry{Room: r.ID, Seq: r.Head, At: stamp(r.lastAt), Author: p.Author, Key: p.Key, Messages: r.Messages, Fact: fact}
}

// say appends a message. That its key is used shows when its row is to go in: so it is looked for only then, and for what is refused.
func (b *batch) say(r *roomRow, p *chat.Proposal, f chat.Message) (ports.Outcome, error) {
	refusal, err := b.refuses(r, p, f)
	if err != nil {
		return ports.Outcome{}, err
	}
	if refusal == nil {
		if e, isNew, err := b.addMessage(r, p, f); isNew || err != nil {
			return appended(e, err)
		}
	}
	if earlier, used, err := b.earlier(r, p); used || err != nil {
		return earlier, err
	}
	return ports.Outcome{Err: refusal}, nil
}

// refuses says why a message whose key is new may not be said, and fails only where the store does.
func (b *batch) refuses(r *roomRow, p *chat.Proposal, f chat.Message) (refusal, err error) {
	if refusal := p.Judge(r.Room, b.place(r, p.Author.ID)); refusal != nil {
		return refusal, nil
	}
	if r.Archived {
		return isArchived(), nil
	}
	if f.ReplyTo == 0 {
		return nil, nil
	}
	_, _, err = b.target(r, f.ReplyTo)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Errorf(chat.NotFound, "there is no such message to reply to"), nil
	}
	return nil, err
}

// addMessage puts a message at the end of the log, unless its key is used.
func (b *batch) addMessage(r *roomRow, p *chat.Proposal, f chat.Message) (e chat.Entry, isNew bool, err error) {
	was := *r
	turn, err := b.turns(r, p.Author.ID)
	if err != nil {
		return e, false, err
	}
	e = b.next(r, p, chat.Message{Body: f.Body, ReplyTo: f.ReplyTo, Meta: f.Meta})
	isNew, err = b.changes(b.w.message,
		r.number, e.Seq, r.lastAt, e.Author.ID, e.Author.Name, e.Key, e.Messages, f.Body, f.ReplyTo, f.Meta, turn)
	if !isNew || err != nil {
		*r = was
		return e, false, err
	}
	return e, true, b.speaks(r, p.Author.ID)
}

// speaks notes that a user has made an entry.
func (b *batch) speaks(r *roomRow, user chat.UserID) error {
	k := memberKey{r.number, user}
	m := b.known[k]
	if m.spoke {
		return nil
	}
	m.spoke = true
	b.known[k] = m
	return b.exec(b.w.spoke, r.number, user, r.ID)
}

// add puts an entry that is no message at the end of the log.
func (b *batch) add(r *roomRow, p *chat.Proposal, fact chat.Fact) (chat.Entry, error) {
	e := b.next(r, p, fact)
	args := []any{r.number, e.Seq, r.lastAt, e.Author.ID, e.Author.Name, e.Key, e.Messages}
	switch f := fact.(type) {
	case chat.Edited:
		args = append(args, "edited", f.Target, nil, nil, nil, nil, nil, nil, nil)
	case chat.Deleted:
		args = append(args, "deleted", f.Target, nil, nil, nil, nil, nil, nil, nil)
	case chat.Reacted:
		args = append(args, "reacted", f.Target, f.Emoji, f.Removed, f.Count, nil, nil, nil, nil)
	case chat.MemberChanged:
		args = append(args, "member", nil, nil, nil, nil, f.Change, f.User, f.Role, nil)
	case chat.RoomChanged:
		args = append(args, "room", nil, nil, nil, nil, f.Change, nil, nil, f.Name)
	}
	return e, errors.Join(b.speaks(r, p.Author.ID), b.exec(b.w.change, args...))
}

// saveRooms writes back what the batch changed of the rooms' rows.
func (b *batch) saveRooms() error {
	for _, r := range b.rooms {
		if r == nil || !r.changed {
			continue
		}
		if err := b.exec(b.w.updateRoom, r.Name, r.Public, r.Archived, r.Head, r.lastAt, r.Messages,
			r.setBy[chat.RoomName], r.setBy[chat.RoomVisibility], r.setBy[chat.RoomLife], r.speaker, r.number); err != nil {
			return err
		}
	}
	return nil
}

func now() int64 { return time.Now().UnixMicro() }

// stamp returns a time as a row has it; 0 is the zero time.
func stamp(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}
