package chat

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the kind of a failure. The set is closed, and the edges map it to codes. A Kind is an
// error itself, so that errors.Is(err, chat.NotFound) works.
type Kind string

// The kinds. Their strings are the codes of the protocol.
const (
	// BadRequest is for a command that cannot be read at all.
	BadRequest Kind = "bad_request"
	// UnknownType is for a command that this version does not have.
	UnknownType Kind = "unknown_type"
	// Invalid is for a value that breaks a rule. The reason names the field.
	Invalid Kind = "invalid"
	// Unauthenticated is for a token that is missing, bad, expired or revoked.
	Unauthenticated Kind = "unauthenticated"
	// Forbidden is for something that the user may not do in the room.
	Forbidden Kind = "forbidden"
	// NotFound is for a room or an entry that does not exist, or that the user may not know of.
	NotFound Kind = "not_found"
	// Conflict is for a change that the present state does not allow.
	Conflict Kind = "conflict"
	// RateLimited is for a command over a limit. RetryAfter says when to try again.
	RateLimited Kind = "rate_limited"
	// Unavailable means that a store, bus or key server cannot be reached. It is unknown whether a
	// change was stored. A retry with the same key is safe, and its answer tells.
	Unavailable Kind = "unavailable"
	// Internal is for a fault of the service itself.
	Internal Kind = "internal"
)

func (k Kind) Error() string { return string(k) }

// Error is a failure with its kind, a reason that is safe to show to a client, and perhaps a cause
// that never leaves the process.
type Error struct {
	Kind       Kind
	Reason     string
	RetryAfter time.Duration // 0: not known
	Detail     Detail        // empty if programs need only the kind
	Head       Seq           // with Ahead and Moved: the room's last entry
	Cause      error         // for the log, or nil
}

// Detail tells programs more than the kind does, where they need more.
type Detail string

// Ahead is the detail of an Invalid cursor that lies beyond the room's last entry: it belongs to
// another history.
const Ahead Detail = "ahead"

// OtherLog is the detail of an Invalid cursor that belongs to another log: the client must start
// anew.
const OtherLog Detail = "other_log"

// CursorOfOther is the error for a cursor of another log than the present one.
func CursorOfOther(log LogID) *Error {
	e := Errorf(Invalid, "the cursor is of another log than %s: drop what you have, and start anew without a cursor", log)
	e.Detail = OtherLog
	return e
}

// Moved is the detail of a Conflict: the room's last entry is not the one that it should have been.
const Moved Detail = "moved"

// HeadMoved is the error for a proposal that requires the room's last entry to be wanted, when it
// is head.
func HeadMoved(wanted, head Seq) *Error {
	e := Errorf(Conflict, "if_head is %d, but the room's last entry is %d", wanted, head)
	e.Detail, e.Head = Moved, head
	return e
}

// Stale is the detail of a Conflict: the client named a version that is not the present one.
const Stale Detail = "stale"

// StaleVersion is the error for a change that names another version than the present one.
func StaleVersion(is int64) *Error {
	e := Errorf(Conflict, "it has been changed meanwhile: its version is %d", is)
	e.Detail = Stale
	return e
}

// NotThere is the error for a change that requires something to exist that does not.
func NotThere() *Error {
	e := Errorf(Conflict, "there is nothing yet that it would change")
	e.Detail = Stale
	return e
}

// StaleChange is the error for a change of a room that has changed since.
func StaleChange(changed Seq) *Error {
	e := Errorf(Conflict, "the room has changed since: its last change is %d", changed)
	e.Detail = Stale
	return e
}

// UndoneWith is the detail of a Conflict. Nothing is wrong with the change itself. But it takes
// effect together with another change or not at all, and that one was refused.
const UndoneWith Detail = "undone"

// Undone is the error for a change that was not done because another one was refused: the one with
// that index.
func Undone(because int) *Error {
	e := Errorf(Conflict, "nothing of it was done, because of commands[%d]", because)
	e.Detail = UndoneWith
	return e
}

// CursorAhead is the error for a cursor that lies beyond the room's head.
func CursorAhead(after, head Seq) *Error {
	e := Errorf(Invalid, "after is %d, but the room's last entry is %d", after, head)
	e.Detail, e.Head = Ahead, head
	return e
}

// Errorf makes an error of a kind; the text is the reason that a client may see.
func Errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Reason: fmt.Sprintf(format, args...)}
}

// Wrap gives a kind to err. what says what the adapter was doing when it met err. An err that has a
// kind already keeps it. The new reason is a fixed text for the kind, and never has err's text.
func Wrap(k Kind, err error, what string) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s: %w", what, err)
	if hasKind(err) {
		return wrapped
	}
	return &Error{Kind: k, Reason: k.words(), Cause: wrapped}
}

func hasKind(err error) bool {
	if _, ok := errors.AsType[*Error](err); ok {
		return true
	}
	_, ok := errors.AsType[Kind](err)
	return ok
}

func (k Kind) words() string {
	switch k {
	case Unavailable:
		return "the service cannot reach a part that it needs; try again"
	case Internal:
		return "a fault of the service"
	default:
		return string(k)
	}
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return string(e.Kind) + ": " + e.Cause.Error()
	}
	return string(e.Kind) + ": " + e.Reason
}

// Is makes errors.Is(err, kind) true for the error's own kind.
func (e *Error) Is(target error) bool { k, ok := target.(Kind); return ok && k == e.Kind }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// AsError returns err's *Error. An error without a kind becomes an Internal one that hides it.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return &Error{Kind: k, Reason: k.words(), Cause: err}
	}
	return &Error{Kind: Internal, Reason: Internal.words(), Cause: err}
}
