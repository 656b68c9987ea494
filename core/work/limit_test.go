package work_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/work"
)

type named struct{}

func TestALimitEndsAfterAWhileAndNotWithItsParent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var limits work.Limits
		parent, cancel := context.WithCancel(context.WithValue(t.Context(), named{}, "tea"))
		cancel()
		began := time.Now()
		l, limit := limits.Begin(parent, time.Minute)
		if until, ok := l.Deadline(); !ok || !until.Equal(began.Add(time.Minute)) || l.Err() != nil || l.Value(named{}) != "tea" {
			t.Errorf("it ends at %v (%v), with %v, and has the value %v", until, ok, l.Err(), l.Value(named{}))
		}
		derived, stop := context.WithCancel(l)
		defer stop()
		<-derived.Done()
		if took := time.Since(began); took != time.Minute || !errors.Is(l.Err(), context.Canceled) ||
			!errors.Is(context.Cause(derived), context.DeadlineExceeded) {
			t.Errorf("it ended after %v with %v, because of %v", took, l.Err(), context.Cause(derived))
		}
		limit.End()
	})
}

func TestALimitThatHasEndedIsNotLentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var limits work.Limits
		for i := range 10 {
			l, limit := limits.Begin(t.Context(), time.Minute)
			if l.Err() != nil {
				t.Fatalf("the limit %d was lent when it had ended", i)
			}
			time.Sleep(50 * time.Second) // nor does the time of one count for the next
			if i%3 == 2 {
				time.Sleep(10 * time.Second)
				synctest.Wait()
			}
			if ended := l.Err() != nil; ended != (i%3 == 2) {
				t.Fatalf("the limit %d: %v", i, l.Err())
			}
			limit.End()
		}
	})
}

func TestWhatIsDerivedFromALimitNeedsNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var limits work.Limits
		l, limit := limits.Begin(t.Context(), time.Minute)
		defer limit.End()
		before := runtime.NumGoroutine()
		cancels := make([]context.CancelFunc, 50)
		for i := range cancels {
			_, cancels[i] = context.WithCancel(l)
		}
		if n := runtime.NumGoroutine() - before; n >= len(cancels) {
			t.Errorf("%d contexts began %d goroutines", len(cancels), n)
		}
		for _, cancel := range cancels {
			cancel()
		}
	})
}
