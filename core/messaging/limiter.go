package messaging

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Rate is how much a user may do: PerSecond in the long run, and Burst at once. A write costs 1, a
// read or a signal a tenth of that. A page of rooms that are not ordered by id costs half of it.
// PerSecond 0 or less: no limit. Burst 0: PerSecond, rounded up, but at least 1.
type Rate struct {
	PerSecond float64
	Burst     int
}

const (
	costWrite  = 1.0
	costOne    = 1.0 // of an act with a limiter of its own, such as making a room
	costRead   = 0.1
	costList   = 0.5 // of a list that goes through all rooms of a user
	costSearch = 1.0 // of a search by a service; for users a limiter of its own counts searches
	// crumb is less than any cost, and more than the rounding errors of floating point.
	crumb = 1e-9
)

// limiter has a token bucket for each user that did something lately, or for each service. Sessions
// and requests of a user share it, and so does all that a service does, for itself and for others.
// Admins are not limited: they are a product's back end.
type limiter struct {
	rate     Rate
	reason   string // of the error when it refuses
	services bool   // it limits services only; otherwise users only

	mu      sync.Mutex
	buckets map[chat.UserID]*bucket
}

type bucket struct {
	level float64
	at    time.Time
}

func newLimiter(rate Rate) *limiter {
	if rate.Burst <= 0 {
		rate.Burst = max(1, int(math.Ceil(rate.PerSecond)))
	}
	return &limiter{rate: rate, reason: "you do too much at once; wait a moment", buckets: map[chat.UserID]*bucket{}}
}

// take takes cost from the user's bucket, or returns RateLimited with the time until there is
// enough, in whole milliseconds.
func (l *limiter) take(by chat.Identity, cost float64) error {
	if !l.limits(by) {
		return nil
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[payer(by)]
	if !ok {
		b = &bucket{level: float64(l.rate.Burst), at: now}
		l.buckets[payer(by)] = b
	}
	b.level = l.levelAt(b, now)
	b.at = now
	if b.level+crumb >= cost {
		b.level -= cost
		return nil
	}
	wait := math.Ceil((cost - b.level) / l.rate.PerSecond * 1000)
	return &chat.Error{
		Kind: chat.RateLimited, Reason: l.reason,
		RetryAfter: time.Duration(wait) * time.Millisecond,
	}
}

func (l *limiter) limits(by chat.Identity) bool {
	return l.rate.PerSecond > 0 && !by.Admin && by.Service() == l.services
}

// payer returns the user, or service, whose bucket is charged.
func payer(by chat.Identity) chat.UserID {
	if by.Service() {
		return chat.UserID(by.Client)
	}
	return by.User
}

// give gives back what was taken for an act that failed.
func (l *limiter) give(by chat.Identity, cost float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets[payer(by)]; ok && l.limits(by) {
		b.level = min(float64(l.rate.Burst), b.level+cost)
	}
}

func (l *limiter) levelAt(b *bucket, now time.Time) float64 {
	return min(float64(l.rate.Burst), b.level+now.Sub(b.at).Seconds()*l.rate.PerSecond)
}

// sweep drops the buckets that are full again, until ctx ends.
func (l *limiter) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.mu.Lock()
			for user, b := range l.buckets {
				if l.levelAt(b, now) >= float64(l.rate.Burst) {
					delete(l.buckets, user)
				}
			}
			l.mu.Unlock()
		}
	}
}
