package session

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// joinLimiter lets so many joins ask the store at once, so that a wave of them leaves some of it
// for what is said. The others wait for their turn; while very many do, the node takes no more
// connections.
type joinLimiter struct {
	passes  chan struct{}
	waiting atomic.Int64
}

// crowd is how many joins may wait for each that is under way before new connections are sent
// elsewhere.
const crowd = 32

func newJoinLimiter(limit int) *joinLimiter { return &joinLimiter{passes: make(chan struct{}, limit)} }

// enter waits for a pass, which leave gives back.
func (l *joinLimiter) enter(ctx context.Context) error {
	select {
	case l.passes <- struct{}{}:
		return nil
	default:
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	select {
	case l.passes <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &chat.Error{Kind: chat.Unavailable, Reason: "too many are joining; try again", RetryAfter: later()}
	}
}

func (l *joinLimiter) leave() { <-l.passes }

// crowded reports whether as many wait as may.
func (l *joinLimiter) crowded() bool { return l.waiting.Load() >= int64(crowd*cap(l.passes)) }

// later is when to try again: at another time for each, as all of them together would find it as
// full as before.
func later() time.Duration { return time.Second + rand.N(4*time.Second) }
