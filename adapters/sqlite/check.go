package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/ports"
)

var _ ports.WriteChecker = (*Store)(nil)

// probeBytes is the size of a large message.
const probeBytes = 64 << 10

// CheckWrite implements ports.WriteChecker. It tests whether the files are in their place, and
// three ways to be full: the file may not grow, nothing can be committed, or the disk has no space
// (which a commit alone may not find, because it may reuse a part of the WAL).
func (s *Store) CheckWrite(ctx context.Context) error {
	payload := make([]byte, probeBytes)
	_, _ = rand.Read(payload) // it never fails
	for _, try := range []func() error{
		func() error { return s.tryBegin(ctx) },
		func() error { return s.tryEntry(ctx, payload) },
		func() error { return s.tryCommit(ctx) },
		func() error { return tryFile(s.path, payload) },
	} {
		if err := try(); err != nil {
			return unavailable(ctx, err, "try to write")
		}
	}
	return nil
}

// tryEntry adds an entry, of a room whose id no client can use, and rolls it back.
func (s *Store) tryEntry(ctx context.Context, payload []byte) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // as intended
	const room = "INSERT INTO room (number, id, name, public, archived, created_at, head, last_at, messages, name_set, public_set, archived_set)" +
		" VALUES (-1, '~', '', 0, 0, 0, 0, 0, 0, 0, 0, 0)"
	const entry = "INSERT INTO entry (room, seq, at, author, author_name, key, messages, kind, meta) VALUES (-1, 1, 0, '', '', '', 0, 'message', ?)"
	if _, err := tx.ExecContext(ctx, room); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, entry, payload)
	return err
}

// tryCommit writes SQLite's user_version, unchanged.
func (s *Store) tryCommit(ctx context.Context) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back; else the first error counts
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}

// tryFile writes and removes a temporary file beside a file.
func tryFile(beside string, payload []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(beside), filepath.Base(beside)+"-probe-*") // 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if _, err := file.Write(payload); err != nil {
		return err
	}
	return file.Sync()
}
