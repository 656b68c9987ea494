package observability

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// writes tracks whether writes to the store succeed: a store may answer reads while its disk is
// full.
type writes struct {
	failed atomic.Pointer[error] // error of the last write; nil: it succeeded
}

// note records the result of a write. A canceled call says nothing about the store.
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

// writingStore is a store's checker that also considers writes.
type writingStore struct {
	ports.Checker
	writes *writes
}

// Store returns a checker for a store that also fails while writes fail: after a failed write
// through the Log or the Directory of this observer, until one succeeds. Meanwhile, if the store is
// a ports.WriteChecker, it is asked whether it can write. So the end of the fault is noticed even
// without traffic, and a write that failed for another reason has no effect.
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
