package messaging

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/core/chat"
)

var alice, bob = chat.Identity{User: "alice"}, chat.Identity{User: "bob"}

// taken counts how often cost can be taken at once.
func taken(l *limiter, by chat.Identity, cost float64) (n int) {
	for n < 10_000 && l.take(by, cost) == nil {
		n++
	}
	return n
}

func TestTheBurstIsThereAtOnceAndComesBackWithTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Rate{PerSecond: 5, Burst: 20})
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{0, 20}, {0, 0}, {200 * time.Millisecond, 1}, {time.Second, 5}, {time.Hour, 20}} {
			time.Sleep(step.after)
			if got := taken(l, alice, costWrite); got != step.want {
				t.Errorf("%v later %d writes went, want %d", step.after, got, step.want)
			}
		}
	})
}

func TestAReadCostsATenthOfAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Rate{PerSecond: 1, Burst: 3})
		if got := taken(l, alice, costRead); got != 30 {
			t.Errorf("%d reads went, want 30", got)
		}
	})
}

func TestUsersDoNotShareALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Rate{PerSecond: 1, Burst: 3})
		if got := taken(l, alice, costWrite); got != 3 {
			t.Errorf("alice wrote %d times, want 3", got)
		}
		if got := taken(l, bob, costWrite); got != 3 {
			t.Errorf("bob wrote %d times after alice had, want 3", got)
		}
	})
}

func TestAdminsAndNoLimitAreNotLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if got := taken(newLimiter(Rate{PerSecond: 1, Burst: 3}), chat.Identity{User: "root", Admin: true}, costWrite); got != 10_000 {
			t.Errorf("an admin wrote %d times", got)
		}
		if got := taken(newLimiter(Rate{}), alice, costWrite); got != 10_000 {
			t.Errorf("without a limit alice wrote %d times", got)
		}
	})
}

func TestARateWithoutABurstLetsASecondsWorthThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for rate, want := range map[float64]int{0.1: 1, 1: 1, 2.5: 3, 10: 10} {
			if got := taken(newLimiter(Rate{PerSecond: rate}), alice, costWrite); got != want {
				t.Errorf("at %v a second %d writes went at once, want %d", rate, got, want)
			}
		}
	})
}

// TestWhoWaitsAsToldIsNotTurnedAwayAgain also checks that the wait is at most a millisecond longer
// than needed, as clients are told whole milliseconds.
func TestWhoWaitsAsToldIsNotTurnedAwayAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rate := Rate{PerSecond: rapid.Float64Range(0.05, 500).Draw(rt, "rate"), Burst: rapid.IntRange(1, 100).Draw(rt, "burst")}
		costs := rapid.SliceOfN(rapid.SampledFrom([]float64{costWrite, costRead}), 1, 300).Draw(rt, "costs")
		var failed error
		synctest.Test(t, func(*testing.T) { failed = waitsAsTold(newLimiter(rate), costs) })
		if failed != nil {
			rt.Fatal(failed)
		}
	})
}

func waitsAsTold(l *limiter, costs []float64) error {
	for i, cost := range costs {
		err := l.take(alice, cost)
		if err == nil {
			continue
		}
		e := chat.AsError(err)
		if !errors.Is(err, chat.RateLimited) || e.RetryAfter < time.Millisecond || e.RetryAfter%time.Millisecond != 0 {
			return fmt.Errorf("take %d: %w, wait %v", i, err, e.RetryAfter)
		}
		if early := e.RetryAfter - time.Millisecond - time.Microsecond; early > 0 {
			time.Sleep(early)
			if l.take(alice, cost) == nil {
				return fmt.Errorf("take %d went %v before the %v that it was told to wait", i, e.RetryAfter-early, e.RetryAfter)
			}
			time.Sleep(e.RetryAfter - early)
		} else {
			time.Sleep(e.RetryAfter)
		}
		if err := l.take(alice, cost); err != nil {
			return fmt.Errorf("take %d after waiting %v: %w, wait %v", i, e.RetryAfter, err, chat.AsError(err).RetryAfter)
		}
	}
	return nil
}

func TestBucketsOfTheQuietAreSweptAndThoseInDebtAreNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Rate{PerSecond: 0.5, Burst: 60})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go l.sweep(ctx)
		known := func() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.buckets) }
		for i := range 100 {
			l.take(chat.Identity{User: chat.UserID(fmt.Sprint("user", i))}, costWrite)
		}
		taken(l, alice, costWrite)
		if got := known(); got != 101 {
			t.Fatalf("%d buckets, want 101", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := known(); got != 1 {
			t.Errorf("after a minute there are %d buckets, want that of alice alone", got)
		}
		if got := taken(l, alice, costWrite); got != 30 {
			t.Errorf("the sweep changed what alice may do: %d writes, want 30", got)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := known(); got != 0 {
			t.Errorf("%d buckets are left of users who do nothing", got)
		}
	})
}
