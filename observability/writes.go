package observability

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// writes is what became of what the store was to keep: a store may answer reads while its disk is
// full.
type writes struct {
	failed atomic.Pointer[error] // why the last one failed; nil: it did not
}

// note takes what became of one. A caller that gave up tells nothing of the store.
func (w *writes) note(err error) {
	switch {
	case err == nil:
		if w.failed.Load() != nil {
			w.failed.Store(nil)
		}
	case ours(chat.AsError(err).Kind) && !errors.Is(err, context.Canceled):
		w.failed.Store(&err)
	}
}

// writingStore is a store's checker that knows what became of writes, too.
type writingStore struct {
	ports.Checker
	writes *writes
}

// Store returns a checker for a store that fails also while writes do: once one failed that went
// through the Log or the Directory of this observer, and until one succeeds. A store that can say
// by itself whether it could write (ports.WriteChecker) is asked that meanwhile: so it is known
// without traffic when the fault is over, and a write that failed for another reason does no harm.
func (o *Observer) Store(s ports.Checker) ports.Checker { return writingStore{s, &o.writes} }

const cannotWrite = "the store cannot be written: nothing new is kept"

// Check implements ports.Checker.
func (s writingStore) Check(ctx context.Context) error {
	if err := s.Checker.Check(ctx); err != nil {
		return err
	}
	failed := s.writes.failed.Load()
	if failed == nil {
		return nil
	}
	cause := *failed
	if store, ok := s.Checker.(ports.WriteChecker); ok {
		if cause = store.CheckWrite(ctx); cause == nil {
			s.writes.failed.CompareAndSwap(failed, nil)
			return nil
		}
	}
	return &chat.Error{Kind: chat.Unavailable, Reason: cannotWrite, Cause: fmt.Errorf(cannotWrite+": %w", cause)}
}
