package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// writeStatements are those of the writer's connection, prepared once.
type writeStatements struct {
	rooms, members                           lookup
	insertRoom, moveRoom, wakeRoom, setRoom  *sql.Stmt
	key, message, change                     *sql.Stmt
	target, edit, remove                     *sql.Stmt
	tallies, setReactor, reaction, reactedTo *sql.Stmt
	forgetReactors, forgetReaction           *sql.Stmt
	setMember, moderated                     *sql.Stmt
	mark, unmark, marked                     *sql.Stmt
	spoke, unlist, turn, around, speaker     *sql.Stmt
	revoke, renew                            *sql.Stmt
	hooks, hookCount, version                *sql.Stmt
	makeHook, changeHook, removeHook         *sql.Stmt
	leaseRoom, returnRoom                    *sql.Stmt

	consumerWrites
	slot, slots, pinned                 *sql.Stmt
	setSlot, unsetSlot, slotted, unslot *sql.Stmt
}

func (w *writeStatements) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, map[**sql.Stmt]string{
		&w.rooms.one: roomsQuery(1), &w.rooms.many: roomsQuery(atOnce),
		&w.members.one: knownQuery(1), &w.members.many: knownQuery(atOnce),
		&w.key: `
			SELECT seq, at, kind, coalesce(target, 0), coalesce(emoji, ''), coalesce(member, ''), CASE kind WHEN 'set' THEN data END
			FROM entry WHERE room = ? AND author = ? AND key = ?`,
		&w.insertRoom: `
			INSERT INTO room (id, name, public, archived, created_at, head, last_at, messages, name_set, public_set, archived_set, share)
			VALUES (?1, ?2, ?3, 0, ?4, 0, ?4, 0, 0, 0, 0, ?5) ON CONFLICT (id) DO NOTHING RETURNING number`,
		// Setting a column rewrites each index that has it, even if the value stays the same.
		&w.moveRoom: moveRoom + ` WHERE number = ?1`,
		&w.wakeRoom: moveRoom + `, pending = 1 WHERE number = ?1`,
		&w.setRoom: `
			UPDATE room SET name = ?2, public = ?3, archived = ?4, name_set = ?5, public_set = ?6, archived_set = ?7, meta_set = ?8
			WHERE number = ?1`,
		&w.message: `
			INSERT INTO entry (room, seq, at, author, author_name, via, key, messages, kind, body, reply_to, meta, turn)
			VALUES (?, ?, ?, ?, ?, nullif(?, ''), ?, ?, ?, ?, nullif(?, 0), ?, ?)
			ON CONFLICT (room, author, key) DO NOTHING`,
		&w.change: `
			INSERT INTO entry (room, seq, at, author, author_name, via, key, messages, kind, target, emoji, removed, total, change, member, role, name, data)
			VALUES (?, ?, ?, ?, ?, nullif(?, ''), ?, ?, ?,
				nullif(?, 0), nullif(?, ''), nullif(?, 0), nullif(?, 0), nullif(?, ''), nullif(?, ''), nullif(?, 0), nullif(?, ''), ?)`,
		&w.target: `SELECT author, coalesce(deleted_by, 0) FROM entry WHERE room = ? AND seq = ? AND kind IN ('message', 'silent')`,
		&w.edit:   `UPDATE entry SET body = ?, edited_at = ? WHERE room = ? AND seq = ?`,
		&w.remove: `UPDATE entry SET body = NULL, meta = NULL, deleted_at = ?, deleted_by = ? WHERE room = ? AND seq = ?`,
		&w.tallies: `
			SELECT r.emoji, r.first, r.total, coalesce(NOT u.removed, 0), coalesce(u.set_by, 0)
			FROM reaction r LEFT JOIN reactor u ON u.room = r.room AND u.target = r.target AND u.emoji = r.emoji AND u.user = ?
			WHERE r.room = ? AND r.target = ?`,
		&w.setReactor: `INSERT OR REPLACE INTO reactor (room, target, emoji, user, removed, set_by) VALUES (?, ?, ?, ?, ?, ?)`,
		&w.reaction: `
			INSERT INTO reaction (room, target, emoji, first, total) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET total = excluded.total`,
		&w.forgetReactors: `DELETE FROM reactor WHERE room = ? AND target = ? AND emoji = ?`,
		&w.forgetReaction: `DELETE FROM reaction WHERE room = ? AND target = ? AND emoji = ?`,
		&w.reactedTo:      `UPDATE entry SET reacted = 1 WHERE room = ? AND seq = ? AND reacted IS NULL`,
		&w.slot:           `SELECT set_by, data FROM slot WHERE room = ? AND target = ? AND type = ? AND slot = ?`,
		&w.slots:          `SELECT type, length(slot) + length(data) FROM slot WHERE room = ? AND target = ?`,
		&w.pinned:         pinnedQuery,
		&w.setSlot: `
			INSERT INTO slot (room, target, type, slot, set_by, at, due, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (room, target, type, slot) DO UPDATE SET set_by = excluded.set_by, at = excluded.at, due = excluded.due, data = excluded.data`,
		&w.unsetSlot: `DELETE FROM slot WHERE room = ? AND target = ? AND type = ? AND slot = ?`,
		&w.slotted:   `UPDATE entry SET slotted = 1 WHERE room = ? AND seq = ? AND slotted IS NULL`,
		&w.unslot:    `DELETE FROM slot WHERE room = ? AND target = ?`,
		&w.moderated: moderatedQuery,
		&w.setMember: `INSERT OR REPLACE INTO member (room, user, role, banned, since, set_by, id) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		// A mark that does not move is not written.
		&w.mark: `
			INSERT INTO mark (room, user, seq, id) SELECT number, ?2, ?3, id FROM room WHERE id = ?1 AND head >= ?3
			ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE seq < excluded.seq`,
		&w.unmark: `DELETE FROM mark WHERE room = ? AND user = ?`,
		&w.marked: markedQuery,
		&w.spoke: `
			INSERT INTO spoke (room, user, id) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET listed = 1 WHERE NOT listed`,
		&w.unlist: `UPDATE spoke SET listed = 0 WHERE room = ? AND user = ? AND listed`,
		&w.turn:   `UPDATE entry SET turn = ? WHERE room = ? AND seq = ?`,
		&w.around: aroundQuery, &w.speaker: speakerQuery,
		// A row that exists is not changed if it revokes for longer.
		&w.revoke: `
			INSERT INTO revocation (user, until, place) VALUES (?1, ?2, (SELECT coalesce(max(place), 0) + 1 FROM revocation))
			ON CONFLICT (user) DO UPDATE SET
				place = CASE WHEN until < excluded.until THEN excluded.place ELSE place END, until = max(until, excluded.until)
			RETURNING until`,
		&w.renew: `
			INSERT INTO log (one, id, made_at) VALUES (1, ?1, ?2)
			ON CONFLICT (one) DO UPDATE SET id = excluded.id, made_at = excluded.made_at`,
		&w.version: `PRAGMA data_version`,
		&w.hooks:   hooksQuery, &w.hookCount: hookCountQuery,
		&w.makeHook: makeHookStatement, &w.changeHook: changeHookStatement, &w.removeHook: removeHookStatement,
		&w.leaseRoom: leaseRoomStatement, &w.returnRoom: returnRoomStatement,
	})
}

const moveRoom = `UPDATE room SET head = ?2, last_at = ?3, messages = ?4, speaker = ?5, speaker_head = ?2`

// roomsQuery reads n rooms.
func roomsQuery(n int) string {
	return `
		SELECT number, id, name, public, archived, head, last_at, messages, name_set, public_set, archived_set, meta_set,
			CASE speaker_head WHEN head THEN speaker ELSE '' END, pending
		FROM room WHERE id IN (` + keys(n, "?") + `)`
}

// knownQuery reads n users in rooms, by room number and user. It returns those who have a place
// there, or are not listed as users who spoke there.
func knownQuery(n int) string {
	return `
		WITH p (room, user) AS (VALUES ` + keys(n, "(?, ?)") + `)
		SELECT p.room, p.user, coalesce(m.role, 0), coalesce(m.banned, 0), coalesce(m.set_by, 0), coalesce(s.listed, 0)
		FROM p LEFT JOIN member m ON m.room = p.room AND m.user = p.user LEFT JOIN spoke s ON s.room = p.room AND s.user = p.user
		WHERE p.room IS NOT NULL AND (m.room IS NOT NULL OR s.listed IS NOT 1)`
}

// readStatements are those of the readers' pool, prepared once for each of its connections.
type readStatements struct {
	oldest, newest, messageParts *sql.Stmt
	reactions, entry, heads      *sql.Stmt
	standing, place, places      *sql.Stmt
	rooms, roomsOf, marks        *sql.Stmt
	members, check               *sql.Stmt
	revoked, logID, hooks        *sql.Stmt

	consumerReads
	slots, roomSlots *sql.Stmt
	pins, duePins    *sql.Stmt
}

// entries selects the columns of scanEntry. An edit has the present body of its target. A set has
// the data of its slot, if this very entry has set it. A deleted message may still have its meta,
// as the previous release deleted only the body.
const entries = `
	SELECT e.room, e.seq, e.at, e.author, e.author_name, coalesce(e.via, ''), e.key, e.messages, e.kind,
		coalesce(CASE e.kind WHEN 'edited' THEN (SELECT t.body FROM entry t WHERE t.room = e.room AND t.seq = e.target) ELSE e.body END, ''),
		coalesce(e.reply_to, 0), CASE WHEN e.deleted_by IS NULL THEN e.meta END, coalesce(e.edited_at, 0), coalesce(e.deleted_at, 0), coalesce(e.reacted, 0),
		coalesce(e.target, 0), coalesce(e.emoji, ''), coalesce(e.removed, 0), coalesce(e.total, 0),
		coalesce(e.change, ''), coalesce(e.member, ''), coalesce(e.role, 0), coalesce(e.name, ''),
		CASE e.kind WHEN 'set' THEN (SELECT s.data FROM slot s WHERE s.room = e.room AND s.set_by = e.seq) END, coalesce(e.slotted, 0),
		e.data, e.target IS NOT NULL AND e.kind NOT IN ('edited', 'deleted', 'reacted') AND EXISTS (
			SELECT 1 FROM entry t WHERE t.room = e.room AND t.seq = e.target AND t.deleted_by IS NOT NULL)
	FROM entry e WHERE e.room = (SELECT number FROM room WHERE id = ?)`

// messageParts selects the parts of a span of the room ?1 that hold up to ?4 wanted messages, the
// newest if ?5: (from behind, up to), ascending. Each entry has the number of messages up to it. So
// the query halves the span again and again and drops halves without wanted messages, until a part
// has messages only, or few entries. To find a message among n other entries it reads about log2(n)
// of them. It needs no index, which each message would have to be written to.
const messageParts = `
	WITH RECURSIVE ends AS MATERIALIZED (
		SELECT f.room, f.seq - 1 AS lo, f.messages - (f.kind IN ('message', 'silent')) AS lom, l.seq AS hi, l.messages AS him
		FROM room r
		JOIN entry f ON f.room = r.number AND f.seq = (SELECT seq FROM entry WHERE room = r.number AND seq > ?2 AND seq < ?3 ORDER BY seq LIMIT 1)
		JOIN entry l ON l.room = r.number AND l.seq = (SELECT seq FROM entry WHERE room = r.number AND seq > ?2 AND seq < ?3 ORDER BY seq DESC LIMIT 1)
		WHERE r.id = ?1
	), wanted AS MATERIALIZED (
		SELECT iif(?5, max(him - ?4, lom), lom) AS behind, iif(?5, him, min(lom + ?4, him)) AS upto FROM ends
	), part (lo, hi, lom, him) AS (
		SELECT lo, hi, lom, him FROM ends
		UNION ALL
		SELECT iif(upper, m.seq, p.lo), iif(upper, p.hi, m.seq), iif(upper, m.messages, p.lom), iif(upper, p.him, m.messages)
		FROM part p CROSS JOIN wanted w CROSS JOIN ends CROSS JOIN entry m ON m.room = ends.room AND m.seq = (p.lo + p.hi) / 2
			CROSS JOIN (SELECT 0 AS upper UNION ALL SELECT 1)
		WHERE p.hi - p.lo > 32 AND p.hi - p.lo > p.him - p.lom
			AND iif(upper, p.him, m.messages) > max(w.behind, iif(upper, m.messages, p.lom)) AND iif(upper, m.messages, p.lom) < w.upto
	)
	SELECT iif(hi - lo = him - lom, lo + max(behind - lom, 0), lo), iif(hi - lo = him - lom, hi - max(him - upto, 0), hi)
	FROM part CROSS JOIN wanted WHERE hi - lo <= 32 OR hi - lo = him - lom ORDER BY 1`

const span = ` AND e.seq > ? AND e.seq < ? AND (e.kind IN ('message', 'silent') OR NOT ?) ORDER BY e.seq`

// changed is the entry that last changed the room r itself.
const changed = `max(r.name_set, r.public_set, r.archived_set, r.meta_set)`

// placeOf selects the columns of scanStanding without the unread messages.
var placeOf = `
	SELECT r.id, r.name, r.public, r.archived, r.created_at, r.head, r.messages, ` + changed + `,
		coalesce(m.role, 0), coalesce(m.banned, 0), coalesce(m.since, 0), coalesce(k.seq, 0), 0`

// standingOf selects the columns of scanStanding, for the user ?1.
var standingOf = `
	SELECT r.id, r.name, r.public, r.archived, r.created_at, r.head, r.messages, ` + changed + `,
		coalesce(m.role, 0), coalesce(m.banned, 0), coalesce(m.since, 0), coalesce(k.seq, 0), ` + unread + standingTables

const standingTables = `
	FROM room r LEFT JOIN member m ON m.room = r.number AND m.user = ?1 LEFT JOIN mark k ON k.room = r.number AND k.user = ?1`

// roomsOfQuery merges the sources of a user's rooms; each of them is read in the order of its
// index.
const roomsOfQuery = `
	SELECT id FROM member INDEXED BY member_by_user WHERE user = ?1 AND id > ?2 AND role > 0
	UNION SELECT id FROM mark INDEXED BY mark_by_user WHERE user = ?1 AND id > ?2
	UNION SELECT id FROM spoke INDEXED BY spoke_by_user WHERE user = ?1 AND id > ?2 AND listed
	ORDER BY id LIMIT ?3`

// moderatedQuery tells whether a room has a moderator other than a user.
const moderatedQuery = `SELECT EXISTS (SELECT 1 FROM member INDEXED BY member_moderating WHERE room = ?1 AND role = 3 AND user <> ?2)`

const membersQuery = `
	SELECT user, role, banned, since FROM member INDEXED BY member_in
	WHERE room = (SELECT number FROM room WHERE id = ?1) AND user > ?2 AND (role > 0 OR banned) ORDER BY user LIMIT ?3`

func (r *readStatements) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, map[**sql.Stmt]string{
		&r.oldest:       entries + span + ` LIMIT ?`,
		&r.newest:       entries + span + ` DESC LIMIT ?`,
		&r.messageParts: messageParts,
		&r.entry:        entries + ` AND e.seq = ?`,
		&r.reactions: `
			SELECT r.target, r.emoji, r.total, EXISTS (SELECT 1 FROM reactor u
				WHERE u.room = r.room AND u.target = r.target AND u.emoji = r.emoji AND u.user = ?1 AND NOT u.removed)
			FROM reaction r WHERE r.room = ?2 AND r.target BETWEEN ?3 AND ?4 AND r.total > 0 ORDER BY r.target, r.first`,
		&r.slots: `
			SELECT target, type, slot, set_by, data FROM slot WHERE room = ? AND target BETWEEN ? AND ? ORDER BY target, type, slot`,
		&r.roomSlots: roomSlotsQuery, &r.pins: pinsQuery, &r.duePins: duePinsQuery,
		&r.heads:    `SELECT id, head FROM room WHERE id IN (SELECT value FROM json_each(?))`,
		&r.standing: standingOf + ` WHERE r.id = ?2`,
		&r.place: placeOf + `, 0
			FROM room r LEFT JOIN member m ON m.room = r.number AND m.user = ?2 LEFT JOIN mark k ON k.room = r.number AND k.user = ?2
			WHERE r.id = ?1`,
		// A join in the other order would read every room.
		&r.places: placeOf + `, a.key
			FROM json_each(?1) a CROSS JOIN room r ON r.id = a.value ->> 0
			LEFT JOIN member m ON m.room = r.number AND m.user = a.value ->> 1
			LEFT JOIN mark k ON k.room = r.number AND k.user = a.value ->> 1`,
		&r.rooms:   `SELECT id FROM room WHERE id > ? ORDER BY id LIMIT ?`,
		&r.marks:   marksQuery,
		&r.roomsOf: roomsOfQuery, &r.members: membersQuery,
		&r.revoked: `SELECT user, until, place FROM revocation WHERE place > ? ORDER BY place LIMIT ?`,
		&r.logID:   `SELECT id FROM log`,
		&r.hooks:   hooksQuery,
		&r.check:   `SELECT count(*) FROM (SELECT 1 FROM room LIMIT 1)`,
	})
}

func prepareAll(ctx context.Context, db *sql.DB, statements map[**sql.Stmt]string) error {
	for at, text := range statements {
		prepared, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // it ends with its database
		if err != nil {
			return fmt.Errorf("prepare %q: %w", text, err)
		}
		*at = prepared
	}
	return nil
}
