package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/parley-chat/parley/core/chat"
)

// HeldError says that another store with a Config.Holder has the file open. Its kind is Conflict.
type HeldError struct {
	By string // the other store's Holder; empty: unknown
}

func (e *HeldError) Error() string {
	if e.By == "" {
		return "another service has the file"
	}
	return "another service has the file: " + e.By
}

// Unwrap returns the kind.
func (e *HeldError) Unwrap() error { return chat.Conflict }

// claim keeps others from claiming a store's file. Like the lock of migrations, its lock is on a
// small database beside the store: SQLite's locks work on every system, and end with their process.
// That database also names the holder, so that those who are refused can read it.
type claim struct {
	db   *sql.DB
	conn *sql.Conn
}

// claimFile claims the store at path, or fails with HeldError.
func claimFile(ctx context.Context, path, holder string) (_ *claim, err error) {
	lock := path + ".service-lock"
	if err := makeFile(lock); err != nil {
		return nil, err
	}
	// A holder keeps the lock, or needs a moment to write its name.
	query := url.Values{"_pragma": {"busy_timeout(250)"}}
	db, err := sql.Open("sqlite", fileURL(lock)+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	c := &claim{db: db}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if c.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	err = c.hold(ctx, holder)
	if isBusy(err) {
		by, _ := c.holder(ctx) // if it fails, the error names no holder
		return nil, &HeldError{by}
	}
	if err != nil {
		return nil, fmt.Errorf("claim the store by the file %s: %w", lock, err)
	}
	return c, nil
}

// resolve follows all symbolic links of a path, and makes the file if it does not exist.
func resolve(path string) (string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeFile(path); err != nil {
			return "", err
		}
		if target, err := os.Readlink(path); err == nil { // to a file that does not exist yet
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(path), target)
			}
			return resolve(target)
		}
	}
	return filepath.EvalSymlinks(path)
}

// only returns the name of an existing file, which is no folder. If the file has a second name (a
// hard link) it fails: processes that open it by different names see neither each other's locks nor
// SQLite's journal.
func only(path string) (string, error) {
	target, err := resolve(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s is a folder: name a file in it", target)
	}
	if names(info) > 1 {
		return "", fmt.Errorf("%s has another name (a hard link): using it by both names could damage the database; copy the file, or remove the other name", target)
	}
	return target, nil
}

// hold writes the holder's name, commits it so that others can read it, and then takes the lock. If
// several processes do so at once, one of them may get the lock while another's name is there. It
// then writes its own name again.
func (c *claim) hold(ctx context.Context, holder string) error {
	for {
		told := c.tell(ctx, holder)
		if isBusy(told) {
			return told
		}
		if _, err := c.conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
			return err
		}
		if told != nil { // even on a full disk one may hold it
			return nil //nolint:nilerr // then the holder is not named
		}
		if by, err := c.holder(ctx); err != nil || by == holder {
			return err
		}
		if _, err := c.conn.ExecContext(ctx, `ROLLBACK`); err != nil {
			return err
		}
	}
}

func (c *claim) tell(ctx context.Context, holder string) error {
	tx, err := c.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after the commit there is nothing to take back
	for _, statement := range []string{`CREATE TABLE IF NOT EXISTS holder (name TEXT NOT NULL)`, `DELETE FROM holder`} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO holder (name) VALUES (?)`, holder); err != nil {
		return err
	}
	return tx.Commit()
}

func (c *claim) holder(ctx context.Context) (name string, err error) {
	err = c.conn.QueryRowContext(ctx, `SELECT name FROM holder`).Scan(&name)
	return name, err
}

// Close releases the file.
func (c *claim) Close() error {
	var err error
	if c.conn != nil {
		err = c.conn.Close()
	}
	return errors.Join(err, c.db.Close())
}

func isBusy(err error) bool {
	code, ok := errors.AsType[*driver.Error](err)
	return ok && code.Code()&0xff == lib.SQLITE_BUSY
}
