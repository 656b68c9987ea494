package work

import (
	"context"
	"sync"
	"time"
)

// Limits lends contexts that end after a while, as those of context.WithTimeout do, for callers
// that need many: one that was given back in time is lent again, with its timer. The zero value is
// ready. Its methods may be called concurrently.
type Limits struct{ idle sync.Pool }

// Limit is a context that is lent. It ends with context.Canceled, and its cause is then
// context.DeadlineExceeded.
type Limit struct {
	context.Context // for its values
	limits          *Limits
	until           time.Time
	of              *limit
}

// limit is the part of a Limit that is lent again.
type limit struct {
	ctx   context.Context
	timer *time.Timer // cancels ctx
}

// Begin lends a context that ends after a while, with the values of ctx. It does not end when ctx
// does. The caller must call End once, when neither it nor anybody whom it gave the context uses
// it, or what was derived from it, any more.
func (l *Limits) Begin(ctx context.Context, after time.Duration) (context.Context, *Limit) {
	of, _ := l.idle.Get().(*limit)
	if of == nil {
		of = newLimit(after)
	} else {
		of.timer.Reset(after)
	}
	lent := &Limit{Context: ctx, limits: l, until: time.Now().Add(after), of: of}
	return lent, lent
}

func newLimit(after time.Duration) *limit {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &limit{ctx, time.AfterFunc(after, func() { cancel(context.DeadlineExceeded) })}
}

// End gives the context back. One that has ended meanwhile is not lent again.
func (l *Limit) End() {
	if l.of.timer.Stop() {
		l.limits.idle.Put(l.of)
	}
}

// Deadline implements context.Context.
func (l *Limit) Deadline() (time.Time, bool) { return l.until, true }

// Done implements context.Context.
func (l *Limit) Done() <-chan struct{} { return l.of.ctx.Done() }

// Err implements context.Context.
func (l *Limit) Err() error { return l.of.ctx.Err() }

// Value implements context.Context. What the context package looks for in it is that of the part
// that ends: so contexts that are derived need no goroutine.
func (l *Limit) Value(key any) any {
	if v := l.of.ctx.Value(key); v != nil {
		return v
	}
	return l.Context.Value(key)
}
