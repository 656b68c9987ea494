package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/core/chat"
)

// kinds gives the kind of error that a SQLSTATE, or else its class (the first two characters),
// means. What is in neither is Internal: the statement is wrong, and would be so again. Meanings:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var kinds = map[string]chat.Kind{
	"08": chat.Unavailable, // connection exceptions
	"25": chat.Unavailable, // among them 25006: a primary that has become a standby takes no writes
	"28": chat.Unavailable, // the role or its password is refused: for a running store a password that is being changed
	"40": chat.Unavailable, // rolled back: serialization failure, deadlock
	"53": chat.Unavailable, // no disk, memory or connection left
	"55": chat.Unavailable, // among them 55P03: a lock was not to be had in time
	"57": chat.Unavailable, // canceled, shutting down, starting up
	"58": chat.Unavailable, // the server's own system fails: I/O errors

	"0A000": chat.Unavailable, // a cached plan that a migration made invalid; the next call plans anew
	"23505": chat.Unavailable, // a key that somebody else was quicker with, by a way around the room's lock; repeating tells
	"26000": chat.Unavailable, // a prepared statement that is gone
	"3D000": chat.Unavailable, // no such database: one that is being restored
	"22021": chat.Invalid,     // a character that the database's encoding does not have
	"22P05": chat.Invalid,
}

// failure gives the error of a call its kind, and says what was being done. It is the one place
// where SQLSTATEs are read.
//
// An error that is not the server's (a broken connection, an end of the context) is Unavailable:
// what the server made of a statement that it may have got is not known.
func failure(ctx context.Context, err error, what string) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*chat.Error](err); known {
		return err
	}
	if ctx.Err() != nil {
		return chat.Wrap(chat.Unavailable, errors.Join(ctx.Err(), err), what)
	}
	var scan pgx.ScanArgError
	refused, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.As(err, &scan):
		return chat.Wrap(chat.Internal, err, what)
	case !ok:
		return chat.Wrap(chat.Unavailable, err, what)
	case kinds[refused.Code] != "":
		return chat.Wrap(kinds[refused.Code], err, what)
	case len(refused.Code) == 5 && kinds[refused.Code[:2]] != "":
		return chat.Wrap(kinds[refused.Code[:2]], err, what)
	}
	return chat.Wrap(chat.Internal, err, what)
}

// isRefusal says whether the server does not let the user in: no reason to wait when the store is
// opened.
func isRefusal(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(refused.Code, "28")
}

// isLost says whether a connection broke that was there before; another one may do.
func isLost(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(refused.Code, "57P0") // the server ends its connections
	}
	broken, ok := errors.AsType[*net.OpError](err)
	return ok && !broken.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func noRoom() error { return chat.Errorf(chat.NotFound, "there is no such room") }
