package postgres

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.WriteChecker = (*Store)(nil)

// probeBytes is the size of a large message. The bytes are random, so that compression cannot make
// them smaller.
const probeBytes = 64 << 10

const (
	// probeRooms writes all rows that an entry needs, in a room whose id no client can use. It is
	// rolled back.
	probeRooms = `INSERT INTO room (created_at, last_at, public, room_id, name) VALUES (now(), now(), false, '~', '');
		UPDATE room SET head = 1 WHERE room_id = '~';
		INSERT INTO spoke (room_id, user_id) VALUES ('~', '')`
	probeEntry = `INSERT INTO entry (seq, at, messages, kind, room_id, author, key, author_name, meta)
		VALUES (1, now(), 0, 1, '~', '', '', '', $1)`
	// probeHere is what is tried where an engine distributes rooms: some of them may be away, and
	// the store is not.
	probeHere = `INSERT INTO usr (user_id, name, avatar, v, as_of, said_name, said_avatar, custom) VALUES ('~', '', '', 0, now(), '', '', $1)`
	// probeCommit writes only to the WAL. So its commit waits for the disk, and for a standby if
	// the server has a synchronous one.
	probeCommit = `SELECT pg_logical_emit_message(true, 'parley', 'can this be written?')`
)

// CheckWrite implements ports.WriteChecker.
func (s *Store) CheckWrite(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.tryWrite(ctx)
	if err == nil {
		_, err = s.pool.Exec(ctx, probeCommit)
		if missing(err) {
			err = nil // a missing function or right says nothing about the disk
		}
	}
	if err != nil {
		return &chat.Error{Kind: chat.Unavailable, Reason: "the store takes no writes now", Cause: failure(ctx, err, "try to write")}
	}
	return nil
}

// tryWrite writes what it then rolls back.
func (s *Store) tryWrite(ctx context.Context) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return err
	}
	probe := probeHere
	if !s.distributed {
		probe = probeEntry
		_, err = tx.Exec(ctx, probeRooms, pgx.QueryExecModeSimpleProtocol)
	}
	if err == nil {
		payload := make([]byte, probeBytes)
		_, _ = rand.Read(payload) // it never fails
		_, err = tx.Exec(ctx, probe, payload)
	}
	return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
}

// missing reports whether the server lacks a function, or this user may not call it.
func missing(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refused.Code == "42883" || refused.Code == "42501" || refused.Code == "0A000")
}
