package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// scanner scans the current row of a query.
type scanner func(into ...any) error

// eachRow runs a query and calls each for each of its rows.
func eachRow(ctx context.Context, query *sql.Stmt, each func(scanner) error, args ...any) error {
	rows, err := query.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Read implements ports.Log.
func (s *Store) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	before := span.Before
	if before == 0 {
		before = chat.MaxSeq + 1
	}
	query := s.r.oldest
	if span.Newest {
		query = s.r.newest
	}
	p := page{bytes: span.Bytes}
	err := s.view(ctx, "read entries", func(tx *transaction) error {
		if span.Among != nil {
			return p.among(tx, s, room, span, before)
		}
		parts, err := s.parts(tx, room, span, before)
		if err != nil {
			return err
		}
		for _, part := range parts {
			err := tx.each(query, p.add, room, part[0], part[1]+1, span.Messages, span.Limit-len(p.entries))
			if err != nil && !errors.Is(err, errEnough) {
				return err
			}
			if err != nil || len(p.entries) == span.Limit {
				break
			}
		}
		if span.Newest {
			slices.Reverse(p.entries)
		}
		return p.complete(tx, s, span.Viewer)
	})
	if err != nil {
		return nil, err
	}
	for i := range p.entries {
		p.entries[i].Room = room
	}
	return span.Fit(p.entries), nil
}

// among reads the entries of a span that are named one by one.
func (p *page) among(tx *transaction, s *Store, room chat.RoomID, span ports.Span, before chat.Seq) error {
	seqs := slices.Compact(slices.Sorted(slices.Values(span.Among)))
	for _, seq := range seqs {
		if seq <= span.After || seq >= before {
			continue
		}
		var one page
		if err := tx.each(s.r.entry, one.add, room, seq); err != nil {
			return err
		}
		if err := one.complete(tx, s, span.Viewer); err != nil {
			return err
		}
		if p.entries = append(p.entries, one.entries...); len(p.entries) == span.Limit {
			break
		}
	}
	return nil
}

// complete adds to the page's messages what is kept beside them.
func (p *page) complete(tx *transaction, s *Store, viewer chat.UserID) error {
	if err := p.react(tx, s.r.reactions, viewer); err != nil {
		return err
	}
	return p.fold(tx, s.r.slots)
}

// parts returns which parts of a span to read, in the order in which they are wanted. Each part is
// a pair of seqs: it begins after the first, and ends with the second. If only messages are wanted,
// the parts have few other entries in them.
func (s *Store) parts(tx *transaction, room chat.RoomID, span ports.Span, before chat.Seq) (parts [][2]chat.Seq, err error) {
	if !span.Messages {
		return [][2]chat.Seq{{span.After, before - 1}}, nil
	}
	err = tx.each(s.r.messageParts, func(scan scanner) error {
		var part [2]chat.Seq
		if err := scan(&part[0], &part[1]); err != nil {
			return err
		}
		if last := len(parts) - 1; last >= 0 && parts[last][1] == part[0] {
			parts[last][1] = part[1]
		} else {
			parts = append(parts, part)
		}
		return nil
	}, room, span.After, before, span.Limit, span.Newest)
	if span.Newest {
		slices.Reverse(parts)
	}
	return parts, err
}

// Entry implements ports.Log.
func (s *Store) Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (chat.Entry, error) {
	var p page
	err := s.view(ctx, "read an entry", func(tx *transaction) error {
		if err := tx.each(s.r.entry, p.add, room, seq); err != nil {
			return err
		}
		return p.complete(tx, s, "")
	})
	switch {
	case err != nil:
		return chat.Entry{}, err
	case len(p.entries) == 0:
		return chat.Entry{}, chat.Errorf(chat.NotFound, "there is no such entry")
	}
	p.entries[0].Room = room
	return p.entries[0], nil
}

// page collects the entries of a read.
type page struct {
	room    int64
	entries []chat.Entry
	reacted []chat.Seq // messages that have reactions, or had some
	slotted []chat.Seq // messages that have slots, or had some
	bytes   int        // if not 0: how many more bytes fit
}

// errEnough ends a page that has reached its limit of bytes.
var errEnough = errors.New("the page is full")

// entryRow is a row that the query entries returns.
type entryRow struct {
	chat.Entry
	ledger.Columns
	at, editedAt, deletedAt int64
	kind                    string
	reacted, slotted        bool
	data                    []byte // of a kind that only a later release knows
	gone                    bool   // the message that the entry is about is deleted
}

func (p *page) add(scan scanner) error {
	var r entryRow
	m := &r.Message
	if err := scan(&p.room, &r.Seq, &r.at, &r.Author.ID, &r.Author.Name, &r.Via, &r.Key, &r.Messages, &r.kind,
		&m.Body, &m.ReplyTo, &m.Meta, &r.editedAt, &r.deletedAt, &r.reacted,
		&r.Columns.Target, &r.Emoji, &r.Removed, &r.Total,
		&r.Change, &r.User, &r.Role, &r.Name, &r.Columns.Data, &r.slotted, &r.data, &r.gone); err != nil {
		return err
	}
	m.EditedAt, m.DeletedAt = stamp(r.editedAt), stamp(r.deletedAt)
	if r.settle(); r.Entry.Fact == nil {
		r.Entry.Fact = r.later()
	}
	if r.slotted {
		p.slotted = append(p.slotted, r.Seq)
	}
	if r.reacted {
		p.reacted = append(p.reacted, r.Seq)
	}
	p.entries = append(p.entries, r.Entry)
	if p.bytes > 0 {
		if p.bytes -= r.Size(); p.bytes <= 0 {
			return errEnough
		}
	}
	return nil
}

// settle completes the entry from its columns. If only a later release knows its kind, the entry
// has no fact.
func (r *entryRow) settle() {
	r.At, r.Kind = stamp(r.at), ledger.KindNamed(r.kind)
	if r.Kind == ledger.KindSet {
		r.set()
	}
	r.Entry.Fact, _ = r.Columns.Fact()
}

// set reads the members of a set from its row. If they are something else, the row is of a later
// release.
func (r *entryRow) set() {
	var ok bool
	if r.SetType, r.Columns.Slot, ok = wire.ReadSetMembers(r.data); !ok {
		r.Kind = 0
	}
	if r.gone { // the previous release may have left it there
		r.Columns.Data = nil
	}
}

// later returns the fact of an entry whose kind only a later release knows.
func (r *entryRow) later() chat.Fact {
	if r.gone {
		return wire.Unknown(r.kind, 0, r.Columns.Target, nil, nil)
	}
	return wire.Unknown(r.kind, 0, r.Columns.Target, r.data, map[string]any{
		"body": r.Message.Body, "reply_to": r.Message.ReplyTo, "meta": json.RawMessage(r.Message.Meta), "emoji": r.Emoji,
		"removed": r.Removed, "count": r.Total, "change": r.Change, "user": r.User, "role": r.Role,
		"name": r.Name,
	})
}

// react adds the reactions to the page's messages, as viewer sees them. The entries are ascending.
func (p *page) react(tx *transaction, query *sql.Stmt, viewer chat.UserID) error {
	if len(p.reacted) == 0 {
		return nil
	}
	first, last := slices.Min(p.reacted), slices.Max(p.reacted)
	at := 0
	return tx.each(query, func(scan scanner) error {
		var target chat.Seq
		var reaction chat.Reaction
		if err := scan(&target, &reaction.Emoji, &reaction.Count, &reaction.Me); err != nil {
			return err
		}
		for p.entries[at].Seq < target {
			at++
		}
		if message, ok := p.entries[at].Fact.(chat.Message); ok && p.entries[at].Seq == target {
			message.Reactions = append(message.Reactions, reaction)
			p.entries[at].Fact = message
		}
		return nil
	}, viewer, p.room, first, last)
}

// Heads implements ports.Log.
func (s *Store) Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error) {
	heads := make(map[chat.RoomID]chat.Seq, len(rooms))
	err := eachRow(ctx, s.r.heads, func(scan scanner) error {
		var id chat.RoomID
		var head chat.Seq
		err := scan(&id, &head)
		heads[id] = head
		return err
	}, list(rooms))
	if err != nil {
		return nil, within(ctx, err, "read heads")
	}
	return heads, nil
}

// Standing implements ports.Directory.
func (s *Store) Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Standing, error) {
	standing, err := scanStanding(s.r.standing.QueryRowContext(ctx, user, room).Scan, user)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Standing{}, noRoom()
	}
	return standing, within(ctx, err, "read a standing")
}

// Places implements ports.Directory.
func (s *Store) Places(ctx context.Context, asked []ports.Place) ([]chat.Standing, error) {
	standings := make([]chat.Standing, len(asked))
	query, args := s.placesOf(asked)
	err := eachRow(ctx, query, func(scan scanner) error {
		var at int
		standing, err := scanStanding(scan, "", &at)
		if err != nil {
			return err
		}
		if standing.Member != (chat.Member{}) {
			standing.Member.User = asked[at].User
		}
		standings[at] = standing
		return nil
	}, args...)
	if err != nil {
		return nil, within(ctx, err, "read standings")
	}
	return standings, nil
}

// placesOf returns how to read places. Each user who writes needs one, now and then.
func (s *Store) placesOf(asked []ports.Place) (query *sql.Stmt, args []any) {
	if len(asked) == 1 {
		return s.r.place, []any{asked[0].Room, asked[0].User}
	}
	pairs := make([][2]string, len(asked))
	for i, p := range asked {
		pairs[i] = [2]string{string(p.Room), string(p.User)}
	}
	return s.r.places, []any{list(pairs)}
}

// scanStanding scans the columns of standingOf, and the columns after them into more.
func scanStanding(scan scanner, user chat.UserID, more ...any) (st chat.Standing, err error) {
	var createdAt, since int64
	err = scan(append([]any{
		&st.Room.ID, &st.Room.Name, &st.Room.Public, &st.Room.Archived, &createdAt, &st.Room.Head, &st.Room.Messages, &st.Room.Changed,
		&st.Member.Role, &st.Member.Banned, &since, &st.Read, &st.Unread,
	}, more...)...)
	st.Room.CreatedAt = stamp(createdAt)
	if st.Member.Role != chat.None || st.Member.Banned {
		st.Member.User, st.Member.Since = user, stamp(since)
	}
	return st, err
}

// Rooms implements ports.Directory.
func (s *Store) Rooms(ctx context.Context, query ports.RoomsQuery) (page []chat.Standing, next chat.RoomID, err error) {
	err = s.view(ctx, "list rooms", func(tx *transaction) error {
		mine := slices.Clone(query.Next())
		list, args := s.r.roomsOf, []any{query.User, query.After, query.Limit}
		if query.All {
			list, args = s.r.rooms, args[1:]
		}
		if err := tx.each(list, func(scan scanner) error {
			var id chat.RoomID
			err := scan(&id)
			mine = append(mine, id)
			return err
		}, args...); err != nil {
			return err
		}
		slices.Sort(mine)
		mine = slices.Compact(mine)
		if len(mine) >= query.Limit {
			mine = mine[:query.Limit]
			next = mine[query.Limit-1]
		}
		for _, id := range mine {
			st, err := scanStanding(tx.row(s.r.standing, query.User, id).Scan, query.User)
			switch {
			case errors.Is(err, sql.ErrNoRows) || err == nil && st.Member.Banned && !query.All:
			case err != nil:
				return err
			default:
				page = append(page, st)
			}
		}
		return nil
	})
	return page, next, err
}

// Members implements ports.Directory.
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error) {
	var members []chat.Member
	err := eachRow(ctx, s.r.members, func(scan scanner) error {
		var m chat.Member
		var since int64
		err := scan(&m.User, &m.Role, &m.Banned, &since)
		m.Since = stamp(since)
		members = append(members, m)
		return err
	}, room, after, limit)
	return members, within(ctx, err, "list members")
}

// list encodes values for json_each. Ids and keys are valid UTF-8, and come back as they were.
func list[T any](values []T) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // cannot fail for strings and numbers
	}
	return string(text)
}
