package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Writer records what users say and change.
type Writer interface {
	// Write checks that by may make the change and records it. done is called exactly once, with
	// the receipt when the change is durable, or with the error that kept it from being; perhaps
	// before Write returns, from any goroutine, and it must not block. Changes of one caller to one
	// room take effect in the order of the calls.
	//
	// A Send to a room that does not exist makes it, public, where the service makes rooms so and
	// the user may; of two at once, and of a room that somebody else makes meanwhile, the one that
	// is there counts for both. RateLimited is who makes too many.
	//
	// Write itself waits for a look at the room and for its making at most; ctx bounds that, and
	// not the recording. done comes before any Listener hears of the entry.
	Write(ctx context.Context, by chat.Identity, change Change, done func(Receipt, error))
}

// Record is Write for a caller that waits. When ctx ends first the change may still be recorded.
func Record(ctx context.Context, w Writer, by chat.Identity, change Change) (Receipt, error) {
	type result struct {
		receipt Receipt
		err     error
	}
	done := make(chan result, 1)
	w.Write(ctx, by, change, func(r Receipt, err error) { done <- result{r, err} })
	select {
	case r := <-done:
		return r.receipt, r.err
	case <-ctx.Done():
		return Receipt{}, chat.Wrap(chat.Unavailable, ctx.Err(), "wait for the log")
	}
}
