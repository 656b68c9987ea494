package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
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
	keys  map[scopedKey]place      // the keys of the batch that are used
	known map[memberKey]memberRow  // the places of those whom the batch is about
}

type memberKey struct {
	room int64
	user chat.UserID
}

// memberRow is a user's place; its member is zero, but for the user, for who has none.
type memberRow struct {
	chat.Member
	setBy chat.Seq
}

// roomRow is a room's row, as the batch changes it.
type roomRow struct {
	chat.Room
	number  int64
	lastAt  int64
	setBy   [chat.RoomProperties]chat.Seq
	speaker chat.UserID              // whose turn is the last one; empty: not known
	spoke   map[chat.UserID]struct{} // who is known to have made an entry, and not to have left since
	changed bool
}

type scopedKey struct {
	room   int64
	author chat.UserID
	key    chat.Key
}

// place is where an entry is, and since when.
type place struct {
	seq chat.Seq
	at  int64
}

// load reads the rooms of the proposals, which of their keys are used, and what places their authors and members have.
func (b *batch) load(proposals []chat.Proposal) error {
	b.rooms = make(map[chat.RoomID]*roomRow)
	var ids []chat.RoomID
	for i := range proposals {
		if _, listed := b.rooms[proposals[i].Room]; !listed {
			b.rooms[proposals[i].Room] = nil
			ids = append(ids, proposals[i].Room)
		}
	}
	if err := b.each(b.w.rooms, func(scan scanner) error {
		r := &roomRow{}
		err := scan(&r.number, &r.ID, &r.Name, &r.Public, &r.Archived, &r.Head, &r.lastAt, &r.Messages, &r.setBy[chat.RoomName], &r.setBy[chat.RoomVisibility], &r.setBy[chat.RoomLife])
		b.rooms[r.ID] = r
		return err
	}, list(ids)); err != nil {
		return err
	}
	if err := b.loadMembers(proposals); err != nil {
		return err
	}
	keys := make([][3]any, 0, len(proposals))
	for i := range proposals {
		if r := b.rooms[proposals[i].Room]; r != nil {
			keys = append(keys, [3]any{r.number, proposals[i].Author.ID, proposals[i].Key})
		}
	}
	b.keys = make(map[scopedKey]place, len(keys))
	return b.each(b.w.keys, func(scan scanner) error {
		var key scopedKey
		var at place
		err := scan(&key.room, &key.author, &key.key, &at.seq, &at.at)
		b.keys[key] = at
		return err
	}, list(keys))
}

func (b *batch) loadMembers(proposals []chat.Proposal) error {
	b.known = make(map[memberKey]memberRow)
	var wanted [][2]any
	want := func(room chat.RoomID, user chat.UserID) {
		r := b.rooms[room]
		if r == nil {
			return
		}
		k := memberKey{r.number, user}
		if _, listed := b.known[k]; !listed {
			b.known[k] = memberRow{Member: chat.Member{User: user}}
			wanted = append(wanted, [2]any{k.room, user})
		}
	}
	for i := range proposals {
		p := &proposals[i]
		want(p.Room, p.Author.ID)
		if f, ok := p.Fact.(chat.MemberChanged); ok {
			want(p.Room, f.User)
		}
	}
	return b.each(b.w.members, func(scan scanner) error {
		var k memberKey
		var m memberRow
		err := scan(&k.room, &m.User, &m.Role, &m.Banned, &m.setBy)
		k.user = m.User
		b.known[k] = m
		return err
	}, list(wanted))
}

// list encodes values for json_each. Ids and keys are valid UTF-8, and come back as they were.
func list[T any](values []T) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(text)
}

// append decides what becomes of a proposal, in the order of precedence that ports.Log gives, and does it.
func (b *batch) append(p *chat.Proposal) (ports.Outcome, error) {
	r := b.rooms[p.Room]
	if r == nil {
		return ports.Outcome{Err: chat.NoRoom(p.Room)}, nil
	}
	if at, used := b.keys[scopedKey{r.number, p.Author.ID, p.Key}]; used {
		return ports.Outcome{Status: ports.Duplicate, Entry: chat.Entry{Room: p.Room, Seq: at.seq, At: stamp(at.at), Author: p.Author, Key: p.Key}}, nil
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
		return refused(chat.Conflict, "the room is archived")
	}
	if f, ok := p.Fact.(chat.Message); ok {
		return b.say(r, p, f)
	}
	return b.changeMessage(r, p)
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
	b.keys[scopedKey{r.number, p.Author.ID, p.Key}] = place{r.Head, r.lastAt}
	return chat.Entry{Room: r.ID, Seq: r.Head, At: stamp(r.lastAt), Author: p.Author, Key: p.Key, Messages: r.Messages, Fact: fact}
}

func (b *batch) say(r *roomRow, p *chat.Proposal, f chat.Message) (ports.Outcome, error) {
	if f.ReplyTo != 0 {
		if _, _, err := b.target(r, f.ReplyTo); errors.Is(err, sql.ErrNoRows) {
			return refused(chat.NotFound, "there is no such message to reply to")
		} else if err != nil {
			return ports.Outcome{}, err
		}
	}
	turn, err := b.turns(r, p.Author.ID)
	if err != nil {
		return ports.Outcome{}, err
	}
	e := b.next(r, p, chat.Message{Body: f.Body, ReplyTo: f.ReplyTo, Meta: f.Meta})
	return appended(e, errors.Join(b.speaks(r, p.Author.ID), b.exec(b.w.message,
		r.number, e.Seq, r.lastAt, e.Author.ID, e.Author.Name, e.Key, e.Messages, f.Body, f.ReplyTo, f.Meta, turn)))
}

// speaks notes that a user has made an entry.
func (b *batch) speaks(r *roomRow, user chat.UserID) error {
	if _, known := r.spoke[user]; known {
		return nil
	}
	if r.spoke == nil {
		r.spoke = map[chat.UserID]struct{}{}
	}
	r.spoke[user] = struct{}{}
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
			r.setBy[chat.RoomName], r.setBy[chat.RoomVisibility], r.setBy[chat.RoomLife], r.number); err != nil {
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
