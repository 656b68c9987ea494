package ws

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// staffed runs a test in a bubble with a worker pool, which must end.
func staffed(t *testing.T, turn func(*polled) bool, test func(t *testing.T, w *workerPool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var w workerPool
		w.begin(turn)
		test(t, &w)
		w.end()
	})
}

func (w *workerPool) count() (all, current, waiting int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all, len(w.current), w.waiting
}

func several(n int) []*polled {
	list := make([]*polled, n)
	for i := range list {
		list[i] = &polled{fd: int32(i)}
	}
	return list
}

func TestTurnsThatWaitHoldUpNobody(t *testing.T) {
	t.Parallel()
	var release chan struct{} // of the bubble
	var done atomic.Int32
	turn := func(c *polled) bool {
		if c.fd < 1000 {
			<-release
		}
		done.Add(1)
		return false
	}
	staffed(t, turn, func(t *testing.T, w *workerPool) {
		release = make(chan struct{})
		list := several(1200)
		began := time.Now()
		w.put(list...)
		for done.Load() < 200 {
			time.Sleep(moment)
		}
		if took := time.Since(began); took > 20*moment {
			t.Errorf("those behind 1,000 that wait got their turns after %v", took)
		}
		close(release)
		synctest.Wait()
		if n := done.Load(); n != 1200 {
			t.Errorf("%d turns are done, want 1200", n)
		}
		if all, current, waiting := w.count(); all != w.spare || current != all || waiting != all {
			t.Errorf("when all is done there are %d workers, %d current, %d waiting; want %d", all, current, waiting, w.spare)
		}
	})
}

// TestAFewTurnsThatWaitAreMadeUpFor has some workers stuck for good; as many as usual go on.
func TestAFewTurnsThatWaitAreMadeUpFor(t *testing.T) {
	t.Parallel()
	var release chan struct{} // of the bubble
	var working, highest atomic.Int32
	turn := func(c *polled) bool {
		if c.fd < 10 {
			<-release
			return false
		}
		n := working.Add(1)
		for m := highest.Load(); n > m && !highest.CompareAndSwap(m, n); m = highest.Load() {
			continue
		}
		time.Sleep(moment / 2)
		working.Add(-1)
		return false
	}
	staffed(t, turn, func(t *testing.T, w *workerPool) {
		release = make(chan struct{})
		w.put(several(10)...)
		w.put(several(10 + 20*w.usual)[10:]...)
		time.Sleep(100 * moment)
		if n := int(highest.Load()); n != w.usual {
			t.Errorf("%d worked at once, want %d", n, w.usual)
		}
		close(release)
		synctest.Wait()
	})
}

func TestTurnsAreGivenInOrderAndByOneWorkerAtATime(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	having := map[*polled]bool{}
	left := map[*polled]int{}
	turn := func(c *polled) bool {
		mu.Lock()
		if having[c] {
			t.Error("a connection has two turns at once")
		}
		having[c] = true
		mu.Unlock()
		time.Sleep(moment / 10)
		mu.Lock()
		defer mu.Unlock()
		having[c] = false
		left[c]--
		return left[c] > 0
	}
	staffed(t, turn, func(t *testing.T, w *workerPool) {
		for _, c := range several(500) {
			mu.Lock()
			left[c] = 20
			mu.Unlock()
			w.put(c)
		}
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		for c, n := range left {
			if n != 0 {
				t.Errorf("connection %d has %d turns to come", c.fd, n)
			}
		}
	})
}

// TestOneThatAlwaysHasMoreToDoStandsInLine has a single worker, a connection that floods, and
// others.
func TestOneThatAlwaysHasMoreToDoStandsInLine(t *testing.T) {
	t.Parallel()
	var order []int32
	turn := func(c *polled) bool {
		order = append(order, c.fd)
		return c.fd == 0 && len(order) < 8
	}
	staffed(t, turn, func(t *testing.T, w *workerPool) {
		w.wanted = 1
		w.put(several(4)...)
		synctest.Wait()
		if want := []int32{0, 1, 2, 3, 0, 0, 0, 0}; !slices.Equal(order, want) {
			t.Errorf("turns went to %v, want %v", order, want)
		}
	})
}

// TestAWorkerThatWasStuckLeavesNothingBehind has a stuck worker replaced by another, which waits,
// while the stuck one's connection needs another turn.
func TestAWorkerThatWasStuckLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	var release chan struct{}
	var turns [2]atomic.Int32
	turn := func(c *polled) bool {
		if turns[c.fd].Add(1) == 1 && c.fd == 0 {
			<-release
			return true
		}
		return false
	}
	staffed(t, turn, func(t *testing.T, w *workerPool) {
		release = make(chan struct{})
		w.usual, w.wanted = 1, 1
		w.put(several(2)...)
		time.Sleep(10 * moment)
		if turns[1].Load() != 1 {
			t.Error("nobody took the place of the worker that was stuck")
		}
		close(release)
		synctest.Wait()
		if n := turns[0].Load(); n != 2 {
			t.Errorf("a connection got %d turns, want 2", n)
		}
	})
}

func TestTheQueueKeepsOrderAndNoMemory(t *testing.T) {
	t.Parallel()
	list := several(5000)
	var q queue
	in, out := 0, 0
	for round := range 200 { // it grows and shrinks, and is empty only at the end
		for range 50 - round%40 {
			if in < len(list) {
				q.push(list[in])
				in++
			}
		}
		for range 20 {
			if q.len() > 1 {
				if got := q.pop(); got != list[out] {
					t.Fatalf("got %d, want %d", got.fd, out)
				}
				out++
			}
		}
	}
	if got, want := q.len(), in-out; got != want {
		t.Errorf("%d are in it, want %d", got, want)
	}
	for q.len() > 0 {
		if got := q.pop(); got != list[out] {
			t.Fatalf("got %d, want %d", got.fd, out)
		}
		out++
	}
	if cap(q.list) > keptQueue {
		t.Errorf("an empty queue keeps room for %d", cap(q.list))
	}
}
