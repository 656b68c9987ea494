package consuming

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

const (
	// After a batch a pair lingers while less than a whole batch is there: 1 ms for each pair of
	// this node that lingers at the time, but at least 50 ms and at most 500 ms. So a steady stream
	// of single entries makes at most some 1,000 batches a second, however many rooms it is spread
	// over.
	lingerEach, lingerMin, lingerMax = time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond

	// From busyRate appended entries a second on, those who send need the cores. Then a pair
	// lingers for longer. Most batches are full then.
	busyRate, lingerBusy = 2000, 4 * time.Millisecond
)

// linger returns until when a pair that has just taken a batch waits for more. The pairs of a room
// wait until the same time. Then they are served together, and what one of them reads is read for
// all.
func (r *Runner) linger(rm *room) time.Time {
	now, each := time.Now(), lingerEach
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rate.PerSecond() >= busyRate {
		each = lingerBusy
	}
	d := max(lingerMin, min(lingerMax, each*time.Duration(r.lingering.Add(1))))
	r.later.Do(d, func() { r.lingering.Add(-1) })
	if left := rm.gather.Sub(now); left < d/2 || left > d {
		rm.gather = now.Add(d)
	}
	return rm.gather
}

// lingers reports whether the pair waits for more after a batch that it has just taken.
func (a *attempt) lingers() bool {
	left := time.Until(a.gather)
	if head, _ := a.r.headOf(a.room); left <= 0 || head-a.at >= chat.Seq(a.limits.Entries) {
		return false
	}
	a.r.retryIn(a.pair, left)
	return true
}
