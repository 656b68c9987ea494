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

// probeBytes is what a large message takes; random, so that it cannot be kept in less.
const probeBytes = 64 << 10

const (
	// probeRooms is all that an entry comes with, in a room that no client can name; it is taken
	// back.
	probeRooms = `INSERT INTO room (created_at, last_at, public, room_id, name) VALUES (now(), now(), false, '~', '');
		UPDATE room SET head = 1 WHERE room_id = '~';
		INSERT INTO used_key (seq, at, room_id, author, key) VALUES (1, now(), '~', '', '');
		INSERT INTO spoke (room_id, user_id) VALUES ('~', '')`
	probeEntry = `INSERT INTO entry (seq, at, messages, kind, room_id, author, key, author_name, meta)
		VALUES (1, now(), 0, 1, '~', '', '', '', $1)`
	// probeCommit writes to the WAL and nowhere else, so that its commit waits for the disk, and
	// for a standby where one is waited for.
	probeCommit = `SELECT pg_logical_emit_message(true, 'parley', 'can this be written?')`
)

// CheckWrite implements ports.WriteChecker.
func (s *Store) CheckWrite(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.tryEntry(ctx)
	if err == nil {
		_, err = s.pool.Exec(ctx, probeCommit)
		if missing(err) {
			err = nil // what is not there or not allowed tells nothing of the disk
		}
	}
	if err != nil {
		return &chat.Error{Kind: chat.Unavailable, Reason: "the store takes no writes now", Cause: failure(ctx, err, "try to write")}
	}
	return nil
}

func (s *Store) tryEntry(ctx context.Context) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err = tx.Exec(ctx, probeRooms, pgx.QueryExecModeSimpleProtocol); err == nil {
		payload := make([]byte, probeBytes)
		_, _ = rand.Read(payload) // it never fails
		_, err = tx.Exec(ctx, probeEntry, payload)
	}
	return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
}

// missing reports whether the server lacks a function or keeps it from this user.
func missing(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refused.Code == "42883" || refused.Code == "42501" || refused.Code == "0A000")
}
