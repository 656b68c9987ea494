package sqlite

import (
	"context"
	"database/sql"
)

// consumerWrites are the writer's statements for consumers.
type consumerWrites struct {
	holds, insertCursor, moveCursor, clear, wake *sql.Stmt
	begin, generate, walked, head, seek          *sql.Stmt
	forget, roomsBehind, forgetCursor            *sql.Stmt
	retry, retryAnew                             *sql.Stmt

	setShare, forgetNodes, renewNode, nodes, leases *sql.Stmt
	freeLeases, takeLease, release                  *sql.Stmt
	leaveNode, releaseAll, vacate                   *sql.Stmt
}

// living is true if the node of a lease l lives at the time ?2.
const living = `SELECT 1 FROM lease_node n WHERE n.node = l.node AND n.until > ?2`

func (w *consumerWrites) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, map[**sql.Stmt]string{
		&w.holds: `SELECT EXISTS (SELECT 1 FROM lease WHERE share = ? AND fence = ? AND node <> '')`,
		&w.insertCursor: `
			INSERT INTO hook_cursor (room, consumer, seq, upto, head, sealed, tries, since, next_at, stalled, error)
			SELECT number, ?2, ?3, ?4, ?5, ?6, ?7, iif(?7 > 0, ?8, 0), ?9, ?10, ?11 FROM room WHERE id = ?1
			ON CONFLICT DO NOTHING`,
		&w.moveCursor: `
			UPDATE hook_cursor SET seq = ?3, upto = ?4, head = ?5, sealed = ?6, since = iif(?7 > 0, iif(tries > 0, since, ?8), 0), tries = ?7,
				next_at = ?9, stalled = ?10, error = ?11
			WHERE room = (SELECT number FROM room WHERE id = ?1) AND consumer = ?2 AND seq = ?12 AND upto = ?13`,
		&w.clear: `
			UPDATE room SET pending = 0, quiet_head = head
			WHERE id = ?1 AND head = ?2 AND pending AND (SELECT generation FROM consumer WHERE name = '') = ?3`,
		&w.wake: `UPDATE room SET pending = 1 WHERE number = ? AND NOT pending`,

		&w.begin:    `INSERT INTO consumer (name) VALUES (?) ON CONFLICT DO UPDATE SET walked = 0`,
		&w.generate: `UPDATE consumer SET generation = generation + 1 WHERE name = ''`,
		&w.walked:   `UPDATE consumer SET walked = 1 WHERE name = ?`,
		&w.head:     `SELECT head FROM room WHERE id = ?`,
		&w.seek: `
			INSERT INTO hook_cursor (room, consumer, seq, upto, head, sealed, tries, since, next_at, stalled, error)
			SELECT number, ?2, ?3, 0, 0, NULL, 0, 0, ?4, 0, '' FROM room WHERE id = ?1
			ON CONFLICT DO UPDATE SET seq = excluded.seq, upto = 0, head = 0, sealed = NULL, tries = 0, since = 0, next_at = excluded.next_at,
				stalled = 0, error = ''`,
		&w.retry: `
			UPDATE hook_cursor SET next_at = ?3
			WHERE room = (SELECT number FROM room WHERE id = ?1) AND consumer = ?2 AND tries > 0 AND NOT stalled AND next_at > ?4`,
		&w.retryAnew: `
			UPDATE hook_cursor SET next_at = ?3, tries = 0, since = 0, error = '', stalled = 0
			WHERE room = (SELECT number FROM room WHERE id = ?1) AND consumer = ?2 AND tries > 0`,
		&w.forget:       `DELETE FROM consumer WHERE name = ?`,
		&w.roomsBehind:  `SELECT number, id FROM room WHERE id > ? ORDER BY id LIMIT ?`,
		&w.forgetCursor: `DELETE FROM hook_cursor WHERE room = ? AND consumer = ?`,

		&w.setShare:    `UPDATE room SET share = ?2 WHERE id = ?1`,
		&w.forgetNodes: `DELETE FROM lease_node WHERE until < ?`,
		&w.renewNode:   `INSERT INTO lease_node (node, until) VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until`,
		&w.nodes:       `SELECT count(*) FROM lease_node WHERE until > ?`,
		&w.leases:      `SELECT share, fence FROM lease WHERE node = ? ORDER BY share`,
		&w.freeLeases: `
			SELECT l.share, l.fence, l.node FROM lease l
			WHERE EXISTS (SELECT 1 FROM lease_node WHERE node = ?1 AND until > ?2) AND NOT EXISTS (` + living + `)
			ORDER BY l.share
			LIMIT max(0, (SELECT (255 + count(*)) / max(count(*), 1) FROM lease_node WHERE until > ?2) - (SELECT count(*) FROM lease WHERE node = ?1))`,
		&w.takeLease:  `UPDATE lease SET fence = ?2, node = ?3 WHERE share = ?1`,
		&w.release:    `UPDATE lease SET node = '' WHERE node = ? AND share = ?`,
		&w.leaveNode:  `DELETE FROM lease_node WHERE node = ?`,
		&w.releaseAll: `UPDATE lease SET node = '' WHERE node = ?`,
		&w.vacate:     `UPDATE lease SET node = '' WHERE node <> ''`,
	})
}

// consumerReads are the readers' statements for consumers.
type consumerReads struct {
	somePending, pending, waiting, cursors, walk *sql.Stmt
	begun, stuck, shareless, free                *sql.Stmt
}

func (r *consumerReads) prepare(ctx context.Context, db *sql.DB) error {
	return prepareAll(ctx, db, map[**sql.Stmt]string{
		&r.somePending: `SELECT EXISTS (SELECT 1 FROM room WHERE pending)`,
		&r.pending: `
			SELECT id, head, last_at FROM room INDEXED BY room_pending WHERE pending AND share = ? AND id > ? ORDER BY id LIMIT ?`,
		&r.waiting: cursors + `
			WHERE c.next_at <= ? AND c.consumer IN (SELECT value FROM json_each(?)) ORDER BY c.next_at LIMIT 10000`,
		&r.cursors: cursors + ` WHERE r.id IN (SELECT value FROM json_each(?)) ORDER BY r.id, c.consumer`,
		&r.walk: `
			SELECT number, id, NOT pending AND (head <> quiet_head OR head > 0 AND last_at >= ?3) FROM room WHERE id > ?1 ORDER BY id LIMIT ?2`,
		&r.begun:     `SELECT name, walked, generation FROM consumer`,
		&r.stuck:     cursors + ` WHERE c.consumer = ? AND (c.next_at IS NOT NULL OR c.stalled) AND r.id > ? ORDER BY r.id LIMIT ?`,
		&r.shareless: `SELECT id FROM room INDEXED BY room_pending WHERE pending AND share IS NULL LIMIT ?`,
		&r.free:      `SELECT EXISTS (SELECT 1 FROM lease l WHERE NOT EXISTS (SELECT 1 FROM lease_node n WHERE n.node = l.node AND n.until > ?))`,
	})
}
