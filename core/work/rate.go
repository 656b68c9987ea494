package work

import (
	"sync"
	"time"
)

// Rate counts how much is done in a second. The zero value is ready. Its methods may be called
// concurrently.
type Rate struct {
	mu     sync.Mutex
	second int64 // the present second
	is     int   // what was done in it
	was    int   // what was done in the second before
}

// Add counts what was done.
func (r *Rate) Add(n int) {
	now := time.Now().Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	r.is += n
}

// PerSecond returns how much was done in this second, or in the one before if that was more.
func (r *Rate) PerSecond() int {
	now := time.Now().Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	return max(r.is, r.was)
}

func (r *Rate) turn(now int64) {
	switch now - r.second {
	case 0:
		return
	case 1:
		r.was = r.is
	default:
		r.was = 0
	}
	r.second, r.is = now, 0
}
