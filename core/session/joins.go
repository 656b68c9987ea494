package session

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// joinLimiter bounds how many joins ask the store at once, so that a wave of joins leaves capacity
// for messages. The others wait for their turn. While very many wait, the node takes no more
// connections.
type joinLimiter struct {
	passes  chan struct{}
	waiting atomic.Int64
}

// crowd is how many joins may wait per pass. With more, new connections are refused.
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

// crowded reports whether too many wait.
func (l *joinLimiter) crowded() bool { return l.waiting.Load() >= int64(crowd*cap(l.passes)) }

// later returns how long a client should wait before it tries again. It is random: clients that all
// come back together would be refused again.
func later() time.Duration { return time.Second + rand.N(4*time.Second) }
