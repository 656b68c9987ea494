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

// kinds maps a SQLSTATE, or else its class (the first two characters), to the kind of error. All
// others are Internal: the statement is wrong, and would fail again. Meanings:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var kinds = map[string]chat.Kind{
	"08": chat.Unavailable, // connection exceptions
	"25": chat.Unavailable, // such as 25006: the server became a standby and accepts no writes
	// The role or its password is refused: for a running store, while a password is being changed.
	"28": chat.Unavailable,
	"40": chat.Unavailable, // rolled back: serialization failure, deadlock
	"53": chat.Unavailable, // no disk, memory or connection left
	"55": chat.Unavailable, // such as 55P03: a lock could not be got in time
	"57": chat.Unavailable, // canceled, shutting down, starting up
	"58": chat.Unavailable, // errors of the server's system: I/O errors

	// Somebody else inserted an entry without the room's lock; a repetition will find it.
	"23505": chat.Unavailable,
	"26000": chat.Unavailable, // a prepared statement does not exist any more
	"3D000": chat.Unavailable, // no such database: it may be being restored
	"22021": chat.Invalid,     // a character that the database's encoding does not have
	"22P05": chat.Invalid,
}

// failure gives the error of a call its kind, and adds what was being done. It is the only place
// that reads SQLSTATEs.
//
// Other errors than the server's (a broken connection, the end of the context) are Unavailable: it
// is unknown whether the server got the statement and executed it.
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
	case isOldPlan(refused):
		return chat.Wrap(chat.Unavailable, err, what)
	case kinds[refused.Code] != "":
		return chat.Wrap(kinds[refused.Code], err, what)
	case len(refused.Code) == 5 && kinds[refused.Code[:2]] != "":
		return chat.Wrap(kinds[refused.Code[:2]], err, what)
	}
	return chat.Wrap(chat.Internal, err, what)
}

// isOldPlan reports whether a migration made a cached plan invalid. The next call plans anew. The
// server tells that by the code of what it does not support, which no repetition mends; only the
// routine tells them apart, as messages may be in any language.
func isOldPlan(refused *pgconn.PgError) bool {
	return refused.Code == "0A000" && refused.Routine == "RevalidateCachedQuery"
}

// isRefusal reports whether the server refuses the user: then Open must not wait.
func isRefusal(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(refused.Code, "28")
}

// isLost reports whether an existing connection broke; another one may work.
func isLost(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(refused.Code, "57P0") // the server closes its connections
	}
	broken, ok := errors.AsType[*net.OpError](err)
	return ok && !broken.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func noRoom() error { return chat.Errorf(chat.NotFound, "there is no such room") }
