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
		l := limits.Begin(parent, time.Minute)
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
		l.End()
	})
}

func TestALimitThatHasEndedIsNotLentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var limits work.Limits
		for i := range 10 {
			l := limits.Begin(t.Context(), time.Minute)
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
			l.End()
		}
	})
}

func TestWhatIsDerivedFromALimitNeedsNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var limits work.Limits
		l := limits.Begin(t.Context(), time.Minute)
		defer l.End()
		before := runtime.NumGoroutine()
		for range 50 {
			_, cancel := context.WithCancel(l)
			defer cancel()
		}
		if n := runtime.NumGoroutine() - before; n >= 50 {
			t.Errorf("50 contexts began %d goroutines", n)
		}
	})
}
