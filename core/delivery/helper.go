package delivery

import (
	"sync"
	"sync/atomic"
)

// shareFrom is how many readers the feeds that are due must have had in their last passes, so that
// a shard wakes its helper. One write takes about as long as that.
const shareFrom = 32

// helper is a second goroutine of a shard. It passes some of the feeds when several are due that
// have few readers each, as when a commit has brought entries to many small rooms. One feed is
// passed by one goroutine: with many readers it fills its time with writes, and what comes
// meanwhile shares them.
type helper struct {
	feeds   []*part      // to be passed now
	next    atomic.Int64 // the index of the first of them that nobody has taken
	begin   chan struct{}
	done    chan struct{} // of capacity one
	scratch []byte        // the helper's own
}

func newHelper() helper {
	return helper{begin: make(chan struct{}), done: make(chan struct{}, 1)}
}

// startHelper starts the helper, and returns how it is stopped.
func (w *shard) startHelper() (stop func()) {
	var running sync.WaitGroup
	running.Go(func() {
		for range w.helper.begin {
			w.passSome(&w.helper.scratch)
			w.helper.done <- struct{}{}
		}
	})
	return func() {
		close(w.helper.begin)
		running.Wait()
	}
}

// passAll passes feeds, and returns when all have been.
func (w *shard) passAll(feeds []*part) {
	if !worthSharing(feeds) {
		for _, p := range feeds {
			w.pass(p, &w.scratch)
		}
		return
	}
	w.helper.feeds = feeds
	w.helper.next.Store(0)
	w.helper.begin <- struct{}{}
	w.passSome(&w.scratch)
	<-w.helper.done
	w.helper.feeds = nil
}

func worthSharing(feeds []*part) bool {
	if len(feeds) < 2 {
		return false
	}
	readers := 0
	for _, p := range feeds {
		readers += len(p.readers) // of the last pass
	}
	return readers >= shareFrom
}

// passSome passes feeds until all have been taken.
func (w *shard) passSome(scratch *[]byte) {
	for {
		i := w.helper.next.Add(1) - 1
		if i >= int64(len(w.helper.feeds)) {
			return
		}
		w.pass(w.helper.feeds[i], scratch)
	}
}
