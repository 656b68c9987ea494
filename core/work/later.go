package work

import (
	"sync"
	"time"
)

// Later does things after a while, until it is closed. Its methods may be called concurrently. The
// zero value is ready.
type Later struct {
	mu     sync.Mutex
	closed bool
	timers map[*time.Timer]struct{}
	done   sync.WaitGroup
}

// Do calls do after a while, in a goroutine of its own, unless l is closed before.
func (l *Later) Do(after time.Duration, do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if l.timers == nil {
		l.timers = map[*time.Timer]struct{}{}
	}
	l.done.Add(1)
	var t *time.Timer
	t = time.AfterFunc(after, func() {
		defer l.done.Done()
		l.mu.Lock()
		delete(l.timers, t)
		l.mu.Unlock()
		do()
	})
	l.timers[t] = struct{}{}
}

// Close drops calls that are not due yet, and waits for those that run. There are none after it.
func (l *Later) Close() {
	l.mu.Lock()
	l.closed = true
	for t := range l.timers {
		if t.Stop() {
			l.done.Done()
		}
	}
	l.timers = nil
	l.mu.Unlock()
	l.done.Wait()
}
