package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/parley-chat/parley/core/chat"
)

// advice tells operators, in the log, what to do, by SQLite's primary result code. These errors are
// Unavailable: the cause may go away, and then the same call succeeds. All others are Internal.
var advice = map[int]string{
	lib.SQLITE_FULL:      "the disk is full: free some space",
	lib.SQLITE_IOERR:     "the disk has an I/O error: see the system's log, and whether the disk is full or was unmounted",
	lib.SQLITE_BUSY:      "another process holds the file: see what else has it open",
	lib.SQLITE_LOCKED:    "another connection holds the file: see what else has it open",
	lib.SQLITE_CANTOPEN:  "the file cannot be opened: see that its folder exists and is writable for this user, and the limit of open files",
	lib.SQLITE_READONLY:  "the file cannot be written: see its permissions, and whether its file system is mounted read-only",
	lib.SQLITE_PERM:      "the file may not be used: see its permissions",
	lib.SQLITE_NOMEM:     "there is too little memory",
	lib.SQLITE_NOLFS:     "the file system does not support such large files",
	lib.SQLITE_INTERRUPT: "it was interrupted",
}

// failure gives an error its kind. It is the only place that reads SQLite's codes.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if code, ok := errors.AsType[*driver.Error](err); ok {
		if words, ok := advice[code.Code()&0xff]; ok {
			return chat.Wrap(chat.Unavailable, err, words)
		}
		if c := code.Code() & 0xff; c == lib.SQLITE_CORRUPT || c == lib.SQLITE_NOTADB {
			return chat.Wrap(chat.Internal, err, "the file is damaged: restore it from a backup")
		}
		return chat.Wrap(chat.Internal, err, "SQLite")
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return chat.Wrap(chat.Unavailable, err, "reach the store")
	}
	return chat.Wrap(chat.Internal, err, "use the store")
}

// within gives the error of a call its kind and adds what was being done. If the call's context has
// ended, that is the cause, whatever error the driver returned.
func within(ctx context.Context, err error, what string) error {
	_, known := errors.AsType[*chat.Error](err)
	switch {
	case err == nil || known:
		return err
	case ctx.Err() != nil:
		return chat.Wrap(chat.Unavailable, errors.Join(ctx.Err(), err), what)
	}
	return failure(fmt.Errorf("%s: %w", what, err))
}

// unavailable is within for checks of whether the store works: all their errors are Unavailable.
func unavailable(ctx context.Context, err error, what string) error {
	err = within(ctx, err, what)
	if err == nil || errors.Is(err, chat.Unavailable) {
		return err
	}
	return &chat.Error{Kind: chat.Unavailable, Reason: "the store does not work", Cause: err}
}
