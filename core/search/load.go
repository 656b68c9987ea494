package search

import (
	"sync"
	"time"
)

// busyRate is how many entries a second are so many that the indexer leaves time to those who make
// them.
const busyRate = 200

// fullRate is how many are so many that those who make them are taken to need all that there is.
const fullRate = 3000

// Load knows how much is being said on a node. The zero value is ready.
type Load struct {
	mu     sync.Mutex
	second int64 // the present one
	is     int   // entries in it
	was    int   // and in the one before
}

// Add counts entries that were appended.
func (l *Load) Add(entries int) {
	now := time.Now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	l.is += entries
}

// Rate returns how many entries were appended in this second, or in the one before if they were
// more.
func (l *Load) Rate() int {
	now := time.Now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	return max(l.is, l.was)
}

func (l *Load) turn(now int64) {
	switch now - l.second {
	case 0:
		return
	case 1:
		l.was = l.is
	default:
		l.was = 0
	}
	l.second, l.is = now, 0
}
