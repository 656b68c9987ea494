package work

import (
	"context"
	"sync"
	"time"
)

// Limits lends contexts that end after a while, like those of context.WithTimeout. It is for
// callers that need many: a context that is given back in time is lent again, with its timer. The
// zero value is ready. Its methods may be called concurrently.
type Limits struct{ idle sync.Pool }

// Limit is a context that is lent. When its time is over, its error is context.Canceled, and its
// cause context.DeadlineExceeded.
type Limit struct {
	context.Context // for its values
	limits          *Limits
	until           time.Time
	of              *limit
}

// limit is the part of a Limit that is used again.
type limit struct {
	ctx   context.Context
	timer *time.Timer // cancels ctx
}

// Begin lends a context that ends after a while. It has the values of ctx, but does not end when
// ctx does. The caller must call End exactly once. By then nobody may use the context, or one
// derived from it, any more.
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

// End gives the context back. If it has ended meanwhile, it is not lent again.
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

// Value implements context.Context. The context package looks for a value of its own, to derive
// contexts without a goroutine. For that the part that ends is asked.
func (l *Limit) Value(key any) any {
	if v := l.of.ctx.Value(key); v != nil {
		return v
	}
	return l.Context.Value(key)
}
