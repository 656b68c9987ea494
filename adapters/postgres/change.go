package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// change appends a batch of any facts in two round trips. The first locks the rooms with the query
// lock and reads the rows that the proposals are about; the second writes the results. In between
// the ledger judges, and the locks keep others from changing anything.
func (s *Store) change(ctx context.Context, proposals []chat.Proposal, lock string) ([]ports.Outcome, error) {
	if err := ledger.Check(proposals); err != nil {
		return nil, err
	}
	conn, err := s.appends.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release() // closes the connection, and so rolls back, if a transaction is open
	l := newLoaded()
	batch := &roomBatch{s: s, room: proposals[0].Room}
	batch.Queue(beginTransaction)
	s.bound(batch)
	l.read(batch, lock, proposals)
	if err := conn.SendBatch(ctx, &batch.Batch).Close(); err != nil {
		return nil, s.undo(ctx, conn, err)
	}
	if l.stamp != s.stamp {
		return nil, s.strange(l.stamp)
	}
	outcomes := make([]ports.Outcome, len(proposals))
	for i := 0; i < len(proposals); {
		n := ledger.Together(proposals[i:])
		if err := l.append(proposals[i:i+n], outcomes[i:i+n]); err != nil {
			return nil, err
		}
		i += n
	}
	batch = &roomBatch{s: s, room: proposals[0].Room}
	l.write(batch)
	batch.Queue(endTransaction)
	if err := conn.SendBatch(ctx, &batch.Batch).Close(); err != nil {
		err = s.undo(ctx, conn, err)
		// The rooms' rows are locked already. So what is held is another row, and it is unknown of
		// which room, or a whole table.
		if isHeld(err) && !tableLocked(ctx, conn) {
			return heldAll(ctx, conn, proposals, l.exists), nil
		}
		return nil, err
	}
	if slices.ContainsFunc(outcomes, isHeldOutcome) {
		return tellHolders(ctx, conn, proposals, outcomes), nil
	}
	return outcomes, nil
}

// undo ends a transaction that failed with err, so that its connection can be used again. It
// returns an undoneError if the server is still in the transaction: then that was not committed. If
// it is not, the commit failed. That is certain of one server. An engine that distributes may have
// lost the answer of another one, and tells so by any code.
func (s *Store) undo(ctx context.Context, conn *pgxpool.Conn, err error) error {
	if _, refused := errors.AsType[*pgconn.PgError](err); !refused {
		return err
	}
	const inFailed = 'E'
	if conn.Conn().PgConn().TxStatus() == inFailed {
		err = &undoneError{err}
	} else if s.distributed {
		err = chat.Wrap(chat.Unavailable, err, "commit")
	}
	_, _ = conn.Exec(ctx, "rollback") // if it fails, the connection is still in a transaction, and is closed
	return err
}

// loaded has the rows that a batch is about: first as they were read, then as the batch changes
// them. A row that is not in the tables is nil or missing.
type loaded struct {
	stamp      string                   // of the database, as shardStamp has it
	locked     map[chat.RoomID]struct{} // the rooms that are locked for the batch
	rooms      map[chat.RoomID]*room
	used       map[usedKey]chat.Entry
	messages   map[place]*message
	reactions  map[place][]*reaction // all reactions on each message that is reacted to
	reactors   map[reactorKey]*reactor
	members    map[memberKey]*member
	unmarked   map[memberKey]struct{} // users whose read marks are removed
	forgotten  columns                // emoji whose reactions are deleted from messages
	moderators []memberKey            // moderators of rooms where one may resign; enough to tell
	left       map[memberKey]struct{} // users who left and have made no entry since
	slots      map[slotKey]*slot      // the slots that sets are about
	deleted    []place
	entries    []chat.Entry     // new
	columns    []ledger.Columns // of the new entries
}

type (
	usedKey struct {
		room   chat.RoomID
		author chat.UserID
		key    chat.Key
	}
	place struct {
		room chat.RoomID
		seq  chat.Seq
	}
	reactionKey struct {
		place
		emoji string
	}
	reactorKey struct {
		reactionKey
		user chat.UserID
	}
	memberKey struct {
		room chat.RoomID
		user chat.UserID
	}
)

type room struct {
	ledger.Room // with one time for all entries of the batch
	l           *loaded
	speaker     chat.UserID // the author of the last turn
	deleted     bool        // a message was deleted, so the turns may change after the write
	changed     bool
}

type message struct {
	ledger.Message
	body                string // the new body, if it was changed
	editedAt, deletedAt *time.Time
	reacted, slotted    bool
	changed             bool
}

type reaction struct {
	emoji   string // as it was first sent
	first   chat.Seq
	total   int
	changed bool
}

type reactor struct {
	removed, changed bool
	setBy            chat.Seq
}

type member struct {
	ledger.Place
	changed bool
}

func newLoaded() *loaded {
	return &loaded{
		locked:    map[chat.RoomID]struct{}{},
		rooms:     map[chat.RoomID]*room{},
		used:      map[usedKey]chat.Entry{},
		messages:  map[place]*message{},
		reactions: map[place][]*reaction{},
		reactors:  map[reactorKey]*reactor{},
		members:   map[memberKey]*member{},
		unmarked:  map[memberKey]struct{}{},
		left:      map[memberKey]struct{}{},
		slots:     map[slotKey]*slot{},
	}
}

var roomsQuery = ofTurns(`
SELECT room_id, name, public, archived, head, messages, name_set, public_set, archived_set, meta_set, greatest((SELECT clock_timestamp()), last_at),
  coalesce(CASE speaker_head WHEN head THEN nullif(speaker, '') END, ` + speakerOf("r.room_id") + `, '')
FROM room r WHERE room_id = ANY($1::text[])/*in r.room_id*/`)

var usedQuery = `
SELECT p.room_id, p.author, p.key, u.seq, u.at,
  u.kind, coalesce(u.target, 0), coalesce(u.emoji, ''), coalesce(u.member, ''), coalesce(u.type, ''), u.data
FROM unnest($1::text[], $2::text[], $3::text[]) p (room_id, author, key)
JOIN LATERAL (` + sameKey("room_id, author, seq, at, kind, target, emoji, member, type, CASE WHEN kind = 7 THEN data END AS data") + `) u
  ON u.room_id = p.room_id AND u.author = p.author`

const (
	targetsQuery = `
SELECT e.room_id, e.seq, e.author, coalesce(e.deleted_by, 0)
FROM unnest($1::text[], $2::bigint[]) p (room_id, seq)
JOIN entry e ON e.room_id = p.room_id/*in e.room_id*/ AND e.seq = p.seq
WHERE e.kind IN (1, 8)`

	reactionsQuery = `
SELECT r.room_id, r.target, r.emoji, r.first_seq, r.total
FROM unnest($1::text[], $2::bigint[]) p (room_id, target)
JOIN reaction r ON r.room_id = p.room_id/*in r.room_id*/ AND r.target = p.target`

	reactorsQuery = `
SELECT u.room_id, u.target, u.emoji, u.user_id, u.removed, u.set_by
FROM unnest($1::text[], $2::bigint[], $3::text[]) p (room_id, target, user_id)
JOIN reaction r ON r.room_id = p.room_id/*in r.room_id*/ AND r.target = p.target
JOIN reactor u ON u.room_id = r.room_id/*in u.room_id*/ AND u.target = r.target AND u.emoji = r.emoji AND u.user_id = p.user_id`

	// The query reads so many moderators of each room that, whatever the proposals change, it is
	// known whether another one remains.
	moderatorsQuery = `
SELECT p.room_id, m.user_id
FROM unnest($1::text[], $2::bigint[]) p (room_id, n) CROSS JOIN LATERAL (
  SELECT user_id FROM member
  WHERE room_id = p.room_id/*in room_id*/ AND role = 3 AND (CASE WHEN role = 3 THEN user_id END) > ''
  ORDER BY (CASE WHEN role = 3 THEN user_id END) LIMIT p.n
) m`

	membersQuery = `
SELECT m.room_id, m.user_id, m.role, m.banned, m.since, m.set_by
FROM unnest($1::text[], $2::text[]) p (room_id, user_id)
JOIN member m ON m.room_id = p.room_id/*in m.room_id*/ AND m.user_id = p.user_id`
)

// read queues the queries of the first round trip. Under "read committed" each statement sees what
// was committed before it began. So the statements after the lock see all that earlier holders of
// the locks committed.
func (l *loaded) read(batch *roomBatch, lock string, proposals []chat.Proposal) {
	var rooms, authors, keys []string
	var targets, reactions, reactors, members columns
	var sets asked
	reacted := map[place]struct{}{}
	changed, resign := map[chat.RoomID]int{}, false
	for i := range proposals {
		p := &proposals[i]
		rooms = append(rooms, string(p.Room))
		authors = append(authors, string(p.Author.ID))
		keys = append(keys, string(p.Key))
		members.add(p.Room, 0, "", p.Author.ID)
		target := chat.Target(p.Fact)
		switch f := p.Fact.(type) {
		case chat.Message:
			target = f.ReplyTo
		case chat.Reacted:
			reactors.add(p.Room, f.Target, "", p.Author.ID)
			if _, listed := reacted[place{p.Room, f.Target}]; !listed {
				reacted[place{p.Room, f.Target}] = struct{}{}
				reactions.add(p.Room, f.Target, "", "")
			}
		case chat.MemberChanged:
			members.add(p.Room, 0, "", f.User)
			changed[p.Room]++
			resign = resign || f.User == p.Author.ID
		case chat.Set:
			sets.add(slotKey{place{p.Room, f.Target}, f.Type, f.Slot})
		}
		if target != 0 {
			targets.add(p.Room, target, "", "")
		}
	}
	batch.Queue(lock, rooms).Query(l.readLocked)
	batch.Queue(stampQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&l.stamp) })
	batch.Queue(roomsQuery, rooms).Query(l.readRooms)
	batch.Queue(usedQuery, rooms, authors, keys).Query(l.readUsed)
	if len(targets.rooms) > 0 {
		batch.Queue(targetsQuery, targets.rooms, targets.seqs).Query(l.readTargets)
	}
	if len(reactions.rooms) > 0 {
		batch.Queue(reactionsQuery, reactions.rooms, reactions.seqs).Query(l.readReactions)
		batch.Queue(reactorsQuery, reactors.rooms, reactors.seqs, reactors.users).Query(l.readReactors)
	}
	l.readSlots(batch, sets)
	batch.Queue(membersQuery, members.rooms, members.users).Query(l.readMembers)
	if resign {
		var in columns
		for room, n := range changed {
			in.add(room, chat.Seq(n+1), "", "")
		}
		batch.Queue(moderatorsQuery, in.rooms, in.seqs).Query(l.readModerators)
	}
}

// columns has the keys of rows, column by column. Each query uses those that it needs.
type columns struct {
	rooms []string
	seqs  []int64
	emoji []string
	users []string
}

func (c *columns) add(room chat.RoomID, seq chat.Seq, emoji string, user chat.UserID) {
	c.rooms = append(c.rooms, string(room))
	c.seqs = append(c.seqs, int64(seq))
	c.emoji = append(c.emoji, emoji)
	c.users = append(c.users, string(user))
}

func (l *loaded) readLocked(rows pgx.Rows) error {
	var id chat.RoomID
	_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
		l.locked[id] = struct{}{}
		return nil
	})
	return err
}

func (l *loaded) exists(room chat.RoomID) bool { return l.rooms[room] != nil }

func (l *loaded) readRooms(rows pgx.Rows) error {
	r := room{l: l}
	_, err := pgx.ForEachRow(rows, []any{
		&r.ID, &r.Name, &r.Public, &r.Archived, &r.Head, &r.Messages,
		&r.Set[ledger.Name], &r.Set[ledger.Visibility], &r.Set[ledger.Life], &r.Set[ledger.Metadata], &r.Now, &r.speaker,
	}, func() error {
		is := r
		is.Now = is.Now.UTC()
		l.rooms[is.ID] = &is
		return nil
	})
	return err
}

func (l *loaded) readUsed(rows pgx.Rows) error {
	var k usedKey
	var e chat.Entry
	var c ledger.Columns
	var later laterKind
	_, err := pgx.ForEachRow(rows, []any{
		&k.room, &k.author, &k.key, &e.Seq, &e.At, &c.Kind, &c.Target, &c.Emoji, &c.User, &later.name, &later.data,
	}, func() error {
		is := c
		if is.Kind == ledger.KindSet {
			later.set(&is)
		}
		fact, _ := is.Fact()
		l.used[k] = chat.Entry{Room: k.room, Seq: e.Seq, At: e.At.UTC(), Author: chat.Author{ID: k.author}, Key: k.key, Fact: fact}
		return nil
	})
	return err
}

func (l *loaded) readTargets(rows pgx.Rows) error {
	var at place
	var m ledger.Message
	_, err := pgx.ForEachRow(rows, []any{&at.room, &at.seq, &m.Author, &m.Deleted}, func() error {
		l.messages[at] = &message{Message: m}
		return nil
	})
	return err
}

func (l *loaded) readReactions(rows pgx.Rows) error {
	var at place
	var r reaction
	_, err := pgx.ForEachRow(rows, []any{&at.room, &at.seq, &r.emoji, &r.first, &r.total}, func() error {
		is := r
		l.reactions[at] = append(l.reactions[at], &is)
		return nil
	})
	return err
}

func (l *loaded) readReactors(rows pgx.Rows) error {
	var k reactorKey
	var r reactor
	_, err := pgx.ForEachRow(rows, []any{&k.room, &k.seq, &k.emoji, &k.user, &r.removed, &r.setBy}, func() error {
		l.reactors[k] = &reactor{removed: r.removed, setBy: r.setBy}
		return nil
	})
	return err
}

func (l *loaded) readModerators(rows pgx.Rows) error {
	var k memberKey
	_, err := pgx.ForEachRow(rows, []any{&k.room, &k.user}, func() error {
		l.moderators = append(l.moderators, k)
		return nil
	})
	return err
}

func (l *loaded) readMembers(rows pgx.Rows) error {
	var room chat.RoomID
	var m ledger.Place
	_, err := pgx.ForEachRow(rows, []any{&room, &m.User, &m.Role, &m.Banned, &m.Since, &m.Set}, func() error {
		is := m
		is.Since = is.Since.UTC()
		l.members[memberKey{room, is.User}] = &member{Place: is}
		return nil
	})
	return err
}
