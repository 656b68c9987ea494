package work_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/work"
)

func TestOneWorkerDoesTasksInTheirOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		q := work.NewQueue()
		var done []int
		for i := range 10 { // some before there is a worker
			q.Put(func(context.Context) { done = append(done, i) })
		}
		go q.Run(ctx)
		synctest.Wait()
		q.Put(func(context.Context) { done = append(done, 10) })
		synctest.Wait()
		if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}; !slices.Equal(done, want) {
			t.Errorf("done is %v", done)
		}
		cancel()
		synctest.Wait()
		q.Put(func(context.Context) { t.Error("a task was done after the end") })
		synctest.Wait()
	})
}

func TestATaskThatWaitsHoldsUpNoOtherWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		q := work.NewQueue()
		for range 2 {
			go q.Run(ctx)
		}
		gate, done := make(chan struct{}), false
		q.Put(func(context.Context) { <-gate })
		q.Put(func(context.Context) { done = true })
		synctest.Wait()
		if !done {
			t.Error("the second task waits for the first")
		}
		close(gate)
		synctest.Wait()
	})
}

func TestWhoLeavesAWaitlistIsNotTaken(t *testing.T) {
	t.Parallel()
	w := work.NewWaitlist[string]()
	w.Put("a")
	b := w.Put("b")
	w.Put("c")
	w.Leave(b)
	w.Leave(nil)
	if !w.Wait(t.Context()) {
		t.Fatal("nobody waits")
	}
	if got := w.Take(1); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the first are %v", got)
	}
	if !w.Wait(t.Context()) { // another worker is woken for what is left
		t.Fatal("nobody waits any more")
	}
	if got := w.Take(5); !slices.Equal(got, []string{"c"}) {
		t.Errorf("the next are %v", got)
	}
	w.Leave(b) // again, and late
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if w.Wait(ctx) {
		t.Error("somebody waits still")
	}
}

func TestLaterDropsWhatIsNotDueAndWaitsForWhatIsBeingDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l work.Later
		var mu sync.Mutex
		var done []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			done = append(done, what)
		}
		l.Do(time.Second, func() { note("first") })
		l.Do(2*time.Second, func() {
			time.Sleep(time.Second)
			l.Do(time.Second, func() { note("after the end") })
			note("second")
		})
		l.Do(time.Hour, func() { note("never") })
		time.Sleep(2500 * time.Millisecond)
		began := time.Now()
		l.Close()
		if waited := time.Since(began); waited != 500*time.Millisecond {
			t.Errorf("closing took %v", waited)
		}
		l.Do(0, func() { note("too late") })
		time.Sleep(2 * time.Hour)
		if !slices.Equal(done, []string{"first", "second"}) {
			t.Errorf("done is %v", done)
		}
	})
}
