package postgres

import (
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
)

// The statements of the second round trip, each for all rows of its table. In the arrays, an empty
// string and 0 stand for NULL where a column may be NULL.
const (
	entriesStatement = `
INSERT INTO entry (room_id, seq, at, author, author_name, key, messages, kind,
  body, reply_to, meta, target, emoji, removed, total, change, member, role, name, turn, via, type, data)
SELECT /*here*/room_id, seq, at, author, author_name, key, messages, kind,
  nullif(body, ''), nullif(reply_to, 0), meta, nullif(target, 0), nullif(emoji, ''), nullif(removed, false), nullif(total, 0),
  nullif(change, ''), nullif(member, ''), nullif(role, 0), nullif(name, ''), turn, nullif(via, ''), nullif(type, ''), data
FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::smallint[],
  $9::text[], $10::bigint[], $11::bytea[], $12::bigint[], $13::text[], $14::boolean[], $15::integer[], $16::text[], $17::text[],
  $18::smallint[], $19::text[], $20::boolean[], $21::text[], $22::text[], $23::bytea[])
AS p (room_id, seq, at, author, author_name, key, messages, kind,
  body, reply_to, meta, target, emoji, removed, total, change, member, role, name, turn, via, type, data)/*and here*/`

	spokeStatement = `
INSERT INTO spoke (room_id, user_id)
SELECT DISTINCT /*here*/p.room_id, p.user_id FROM unnest($1::text[], $2::text[]) p (room_id, user_id)/*and here*/
WHERE NOT EXISTS (SELECT FROM spoke s WHERE s.room_id = p.room_id/*in s.room_id*/ AND s.user_id = p.user_id AND s.listed)
ON CONFLICT (room_id, user_id) DO UPDATE SET listed = true`

	unlistStatement = `
UPDATE spoke s SET listed = false FROM unnest($1::text[], $2::text[]) AS p (room_id, user_id)
WHERE s.room_id = p.room_id/*in s.room_id*/ AND s.user_id = p.user_id AND s.listed`

	// A deleted message loses its body and meta. It keeps the time of its last edit, even of an
	// edit in the same batch.
	messagesStatement = `
UPDATE entry e SET
  body = CASE WHEN p.deleted_at IS NOT NULL THEN NULL WHEN p.edited_at IS NOT NULL THEN p.body ELSE e.body END,
  meta = CASE WHEN p.deleted_at IS NULL THEN e.meta END,
  edited_at = coalesce(p.edited_at, e.edited_at),
  deleted_at = coalesce(p.deleted_at, e.deleted_at),
  deleted_by = coalesce(nullif(p.deleted_by, 0), e.deleted_by),
  reacted = e.reacted OR p.reacted,
  slotted = e.slotted OR p.slotted
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::boolean[], $8::boolean[])
AS p (room_id, seq, body, edited_at, deleted_at, deleted_by, reacted, slotted)
WHERE e.room_id = p.room_id/*in e.room_id*/ AND e.seq = p.seq`

	forgetReactorsStatement = `
DELETE FROM reactor u USING unnest($1::text[], $2::bigint[], $3::text[]) AS p (room_id, target, emoji)
WHERE u.room_id = p.room_id/*in u.room_id*/ AND u.target = p.target AND u.emoji = p.emoji`

	forgetReactionsStatement = `
DELETE FROM reaction r USING unnest($1::text[], $2::bigint[], $3::text[]) AS p (room_id, target, emoji)
WHERE r.room_id = p.room_id/*in r.room_id*/ AND r.target = p.target AND r.emoji = p.emoji`

	reactionsStatement = `
INSERT INTO reaction (room_id, target, emoji, first_seq, total)
SELECT /*here*/room_id, target, emoji, first_seq, total
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::integer[]) AS p (room_id, target, emoji, first_seq, total)/*and here*/
ON CONFLICT (room_id, target, emoji) DO UPDATE SET total = excluded.total`

	reactorsStatement = `
INSERT INTO reactor (room_id, target, emoji, user_id, removed, set_by)
SELECT /*here*/room_id, target, emoji, user_id, removed, set_by
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::boolean[], $6::bigint[]) AS p (room_id, target, emoji, user_id, removed, set_by)/*and here*/
ON CONFLICT (room_id, target, emoji, user_id) DO UPDATE SET removed = excluded.removed, set_by = excluded.set_by`

	membersStatement = `
INSERT INTO member (room_id, user_id, role, banned, since, set_by)
SELECT /*here*/room_id, user_id, role, banned, since, set_by
FROM unnest($1::text[], $2::text[], $3::smallint[], $4::boolean[], $5::timestamptz[], $6::bigint[]) AS p (room_id, user_id, role, banned, since, set_by)/*and here*/
ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role, banned = excluded.banned, since = excluded.since, set_by = excluded.set_by`

	unmarkStatement = `
DELETE FROM mark m USING unnest($1::text[], $2::text[]) AS p (room_id, user_id)
WHERE m.room_id = p.room_id/*in m.room_id*/ AND m.user_id = p.user_id`

	roomsStatement = `
UPDATE room r SET name = p.name, public = p.public, archived = p.archived, head = p.head, messages = p.messages, last_at = p.last_at,
  name_set = p.name_set, public_set = p.public_set, archived_set = p.archived_set, speaker = p.speaker, speaker_head = p.head, pending = true,
  meta_set = p.meta_set
FROM unnest($1::text[], $2::text[], $3::boolean[], $4::boolean[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::bigint[], $9::bigint[], $10::bigint[],
  $11::text[], $12::bigint[])
AS p (room_id, name, public, archived, head, messages, last_at, name_set, public_set, archived_set, speaker, meta_set)
WHERE r.room_id = p.room_id/*in r.room_id*/`
)

// write queues the second round trip: the changed rows of each table.
func (l *loaded) write(batch *roomBatch) {
	l.writeEntries(batch)
	l.writeMessages(batch)
	l.writeReactions(batch)
	l.writeSlots(batch)
	l.writeMembers(batch)
	l.writeRooms(batch)
}

// insertion has new entries, column by column.
type insertion struct {
	kinds, roles            []int16
	ats                     []time.Time
	seqs, messages          []int64
	replies, targets        []int64
	totals                  []int32
	removed, turns          []bool
	metas, datas            [][]byte
	rooms, authors          []string
	names, keys             []string
	bodies, emoji           []string
	changes, members, named []string
	vias                    []string
	types                   []string // of kinds that the previous release does not know
}

func (l *loaded) writeEntries(batch *roomBatch) {
	if len(l.entries) == 0 {
		return
	}
	var c insertion
	for i := range l.entries {
		e := &l.entries[i]
		c.add(e, l.columns[i])
		c.turns = append(c.turns, l.rooms[e.Room].turns(e))
	}
	batch.Queue(entriesStatement, c.rooms, c.seqs, c.ats, c.authors, c.names, c.keys, c.messages, c.kinds,
		c.bodies, c.replies, c.metas, c.targets, c.emoji, c.removed, c.totals, c.changes, c.members, c.roles, c.named, c.turns, c.vias, c.types, c.datas)
	batch.Queue(spokeStatement, c.rooms, c.authors)
}

// turns reports whether an entry begins a turn, and updates the room's last speaker. If the same
// batch deletes the message, turnStatement mends that later.
func (r *room) turns(e *chat.Entry) bool {
	if m, ok := e.Fact.(chat.Message); !ok || m.Silent || e.Author.ID == r.speaker {
		return false
	}
	r.speaker = e.Author.ID
	return true
}

func (c *insertion) add(e *chat.Entry, is ledger.Columns) {
	c.rooms = append(c.rooms, string(e.Room))
	c.seqs = append(c.seqs, int64(e.Seq))
	c.ats = append(c.ats, e.At)
	c.authors = append(c.authors, string(e.Author.ID))
	c.names = append(c.names, e.Author.Name)
	c.keys = append(c.keys, string(e.Key))
	c.messages = append(c.messages, e.Messages)
	c.kinds = append(c.kinds, int16(is.Kind))
	c.bodies = append(c.bodies, is.Message.Body)
	c.replies = append(c.replies, int64(is.Message.ReplyTo))
	c.metas = append(c.metas, is.Message.Meta)
	c.targets = append(c.targets, int64(is.Target))
	c.emoji = append(c.emoji, is.Emoji)
	c.removed = append(c.removed, is.Removed)
	c.totals = append(c.totals, int32(is.Total))
	c.changes = append(c.changes, is.Change)
	c.members = append(c.members, string(is.User))
	c.roles = append(c.roles, int16(is.Role))
	c.named = append(c.named, is.Name)
	c.vias = append(c.vias, e.Via)
	var name string
	var data []byte
	if is.Kind == ledger.KindSet {
		name, data = is.Kind.String(), wire.SetMembers(is.SetType, is.Slot)
	}
	c.types = append(c.types, name)
	c.datas = append(c.datas, data)
}

func (l *loaded) writeMessages(batch *roomBatch) {
	var keys columns
	var bodies []string
	var edited, deleted []*time.Time
	var deletedBy []int64
	var reacted, slotted []bool
	for at, m := range l.messages {
		if !m.changed {
			continue
		}
		keys.add(at.room, at.seq, "", "")
		bodies = append(bodies, m.body)
		edited = append(edited, m.editedAt)
		deleted = append(deleted, m.deletedAt)
		deletedBy = append(deletedBy, int64(m.Deleted))
		reacted = append(reacted, m.reacted)
		slotted = append(slotted, m.slotted)
	}
	if len(bodies) > 0 {
		batch.Queue(messagesStatement, keys.rooms, keys.seqs, bodies, edited, deleted, deletedBy, reacted, slotted)
	}
	for _, at := range l.deleted {
		batch.Queue(turnStatement, string(at.room), int64(at.seq))
	}
}

func (l *loaded) writeReactions(batch *roomBatch) {
	var ofs, bys columns
	var first, setBy []int64
	var totals []int32
	var removed []bool
	for at, all := range l.reactions {
		for _, r := range all {
			if r.changed {
				ofs.add(at.room, at.seq, r.emoji, "")
				first = append(first, int64(r.first))
				totals = append(totals, int32(r.total))
			}
		}
	}
	for k, r := range l.reactors {
		if r.changed {
			bys.add(k.room, k.seq, k.emoji, k.user)
			removed = append(removed, r.removed)
			setBy = append(setBy, int64(r.setBy))
		}
	}
	if gone := l.forgotten; len(gone.rooms) > 0 { // before reactions that were added again
		batch.Queue(forgetReactorsStatement, gone.rooms, gone.seqs, gone.emoji)
		batch.Queue(forgetReactionsStatement, gone.rooms, gone.seqs, gone.emoji)
	}
	if len(totals) > 0 {
		batch.Queue(reactionsStatement, ofs.rooms, ofs.seqs, ofs.emoji, first, totals)
		batch.Queue(reactorsStatement, bys.rooms, bys.seqs, bys.emoji, bys.users, removed, setBy)
	}
}

func (l *loaded) writeMembers(batch *roomBatch) {
	var keys, gone, left columns
	var roles []int16
	var banned []bool
	var since []time.Time
	var setBy []int64
	for k, m := range l.members {
		if m.changed {
			keys.add(k.room, 0, "", k.user)
			roles = append(roles, int16(m.Role))
			banned = append(banned, m.Banned)
			since = append(since, m.Since)
			setBy = append(setBy, int64(m.Set))
		}
	}
	for k := range l.unmarked {
		gone.add(k.room, 0, "", k.user)
	}
	for k := range l.left {
		left.add(k.room, 0, "", k.user)
	}
	if len(roles) > 0 {
		batch.Queue(membersStatement, keys.rooms, keys.users, roles, banned, since, setBy)
	}
	if len(gone.rooms) > 0 {
		batch.Queue(unmarkStatement, gone.rooms, gone.users)
	}
	if len(left.rooms) > 0 {
		batch.Queue(unlistStatement, left.rooms, left.users)
	}
}

func (l *loaded) writeRooms(batch *roomBatch) {
	var ids, names, speakers []string
	var public, archived []bool
	var heads, messages, nameSet, publicSet, archivedSet, metaSet []int64
	var lastAt []time.Time
	for id, r := range l.rooms {
		if !r.changed {
			continue
		}
		ids = append(ids, string(id))
		names = append(names, r.Name)
		public = append(public, r.Public)
		archived = append(archived, r.Archived)
		heads = append(heads, int64(r.Head))
		messages = append(messages, r.Messages)
		lastAt = append(lastAt, r.Now)
		nameSet = append(nameSet, int64(r.Set[ledger.Name]))
		publicSet = append(publicSet, int64(r.Set[ledger.Visibility]))
		archivedSet = append(archivedSet, int64(r.Set[ledger.Life]))
		metaSet = append(metaSet, int64(r.Set[ledger.Metadata]))
		speaker := string(r.speaker)
		if r.deleted {
			speaker = "" // unknown
		}
		speakers = append(speakers, speaker)
	}
	if len(ids) > 0 {
		batch.Queue(roomsStatement, ids, names, public, archived, heads, messages, lastAt, nameSet, publicSet, archivedSet, speakers, metaSet)
	}
}
