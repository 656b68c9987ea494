package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Backup copies the store in the file from to a new file. The copy is a snapshot. Other processes
// may go on using the store. The copy has everything that was acknowledged before the call, and of
// each later batch all or nothing. When Backup returns, the copy was checked from end to end, is on
// the disk, and needs no other file beside it. After an error there is no copy.
//
// The log in the copy has an identity of its own: a restored copy is an older state, and will give
// the seqs of later entries a second time. A copy that is restored twice needs Store.RenewLog.
//
// Only its owner may read the copy. An existing file is never overwritten; that is a Conflict.
// During the copy the store's WAL file (-wal) cannot shrink, and grows with each write.
func Backup(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return chat.Wrap(chat.NotFound, err, "there is no store to copy")
	}
	if _, err := os.Lstat(to); err == nil {
		return chat.Wrap(chat.Conflict, &fs.PathError{Op: "copy to", Path: to, Err: fs.ErrExist}, "a copy is not written over another file")
	}
	return within(ctx, backup(ctx, from, to), "copy the store")
}

func backup(ctx context.Context, from, to string) error {
	// The file's name says that it may be incomplete.
	part, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".*.part")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // after the rename there is nothing to remove
	defer part.Close()
	if err := on(from, "rw", func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `VACUUM INTO ?`, part.Name())
		return err
	}); err != nil {
		return err
	}
	if err := on(part.Name(), "rw", func(db *sql.DB) error { return renewCopy(ctx, db) }); err != nil {
		return err
	}
	if err := on(part.Name(), "ro", func(db *sql.DB) error { return whole(ctx, db) }); err != nil {
		return err
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// renewCopy gives the log in a copy a new identity. If the schema is too old to have one, the
// migration that adds it makes one.
func renewCopy(ctx context.Context, db *sql.DB) error {
	var identified bool
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'log')`).Scan(&identified); err != nil || !identified {
		return err
	}
	_, err := db.ExecContext(ctx, `UPDATE log SET id = ?, made_at = ?`, chat.NewLogID(), time.Now().UnixMicro())
	return err
}

// on opens a file that must exist.
func on(path, mode string, do func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", dsn(path)+"&mode="+mode)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

// whole makes SQLite check all of a database, and fails if it finds an error.
func whole(ctx context.Context, db *sql.DB) error {
	var found string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("the copy is damaged, and perhaps the store too: %s", found)
	}
	return nil
}
