package chat_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

var kinds = []chat.Kind{
	chat.BadRequest, chat.UnknownType, chat.Invalid, chat.Unauthenticated, chat.Forbidden, chat.NotFound, chat.Conflict,
	chat.RateLimited, chat.Unavailable, chat.Internal,
}

// isOnly checks that errors.Is finds one kind in err and no other.
func isOnly(t *testing.T, err error, want chat.Kind) {
	t.Helper()
	for _, kind := range kinds {
		if got := errors.Is(err, kind); got != (kind == want) {
			t.Errorf("%v (%#v) is %s: %t", err, err, kind, got)
		}
	}
}

func TestAnErrorIsOfItsOwnKindOnly(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		isOnly(t, chat.Errorf(kind, "so it is with %d", 7), kind)
		isOnly(t, fmt.Errorf("on the way: %w", chat.Errorf(kind, "so it is")), kind)
		isOnly(t, kind, kind)
	}
}

var errDriver = errors.New("dial tcp 10.0.0.7: password=hunter2")

func TestWrapGivesAKindAndHidesTheCause(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		err := chat.Wrap(kind, errDriver, "read entries")
		isOnly(t, err, kind)
		if !errors.Is(err, errDriver) || !strings.Contains(err.Error(), "read entries: "+errDriver.Error()) {
			t.Errorf("%v does not tell the log what happened", err)
		}
		if reason := chat.AsError(err).Reason; reason == "" || strings.Contains(reason, "hunter2") {
			t.Errorf("a client sees %q", reason)
		}
	}
}

func TestWrapKeepsAKindThatIsThere(t *testing.T) {
	t.Parallel()
	reasoned := &chat.Error{Kind: chat.RateLimited, Reason: "too much", RetryAfter: time.Second}
	for _, row := range []struct {
		sentence string
		err      error
		want     chat.Kind
	}{
		{"an error's", reasoned, chat.RateLimited},
		{"an error's that was wrapped", fmt.Errorf("below: %w", reasoned), chat.RateLimited},
		{"a bare kind", chat.NotFound, chat.NotFound},
		{"a bare kind that was wrapped", fmt.Errorf("below: %w", chat.Conflict), chat.Conflict},
		{"one of several errors", errors.Join(errDriver, chat.Errorf(chat.Conflict, "no")), chat.Conflict},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			err := chat.Wrap(chat.Unavailable, row.err, "append")
			isOnly(t, err, row.want)
			if !errors.Is(err, row.err) || !strings.HasPrefix(err.Error(), "append: ") {
				t.Errorf("%v does not say what was being done", err)
			}
			if got := chat.AsError(err).Kind; got != row.want {
				t.Errorf("as an Error it is %s", got)
			}
		})
	}
	if got := chat.AsError(chat.Wrap(chat.Internal, reasoned, "send")); *got != *reasoned {
		t.Errorf("the reason or the time to wait is lost: %+v", got)
	}
}

func TestWrapOfNothingIsNothing(t *testing.T) {
	t.Parallel()
	if err := chat.Wrap(chat.Internal, nil, "idle"); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestAsErrorHidesWhatHasNoKind(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{errDriver, fmt.Errorf("below: %w", errDriver), context.DeadlineExceeded} {
		err := chat.AsError(cause)
		isOnly(t, err, chat.Internal)
		if err.Reason == "" || strings.Contains(err.Reason, cause.Error()) {
			t.Errorf("a client sees %q of %v", err.Reason, cause)
		}
		if !errors.Is(err, cause) {
			t.Errorf("the log does not see %v", cause)
		}
	}
}

func TestAsErrorGivesABareKindWordsToShow(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		err := chat.AsError(fmt.Errorf("%w: %w", kind, errDriver))
		isOnly(t, err, kind)
		if err.Reason == "" || strings.Contains(err.Reason, "hunter2") {
			t.Errorf("a client sees %q", err.Reason)
		}
	}
}
