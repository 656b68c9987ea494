package consuming

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

const (
	// A pair lingers behind a batch while less than a whole one is there: 1 ms for each pair of
	// this node that does so at the time, from 50 ms to 500 ms. So a steady stream of single
	// entries makes some 1,000 batches a second at most, however many rooms it is spread over.
	lingerEach, lingerMin, lingerMax = time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond

	// While so much is said in a second that whoever says it needs the cores, it lingers longer.
	// Most batches are whole then.
	busyRate, lingerBusy = 2000, 4 * time.Millisecond
)

// linger returns until when a pair that has just taken a batch waits for more. The pairs of a room
// wait together, so that they are served together: what one of them has read is read for all.
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

// lingers reports whether the pair waits for more behind a batch that it has just taken.
func (a *attempt) lingers() bool {
	left := time.Until(a.gather)
	if head, _ := a.r.headOf(a.room); left <= 0 || head-a.at >= chat.Seq(a.limits.Entries) {
		return false
	}
	a.r.retryIn(a.pair, left)
	return true
}
