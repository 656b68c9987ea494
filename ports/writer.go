package ports

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
)

// Writer records what users say and change.
type Writer interface {
	// Write checks that by may make the change and records it. done is called exactly once: with
	// the receipt when the change is durable, or with an error. It may be called before Write
	// returns and from any goroutine, and must not block. Changes of one caller to one room take
	// effect in the order of the calls.
	//
	// A Send to a room that does not exist makes it as a public room, if the service makes rooms in
	// this way and the user may. If somebody else makes the room at the same time, both use the one
	// that exists then. The error is RateLimited for somebody who makes too many.
	//
	// Write itself waits only for the room's state and for the making of a room. ctx bounds that
	// wait, but not the recording. done is called before any Listener hears of the entry.
	Write(ctx context.Context, by chat.Identity, change Change, done func(Receipt, error))

	// WriteTogether records changes of one room in their order, in one commit: all of them, or
	// none. It waits for that, and returns the result of each. If one is refused, so are all others
	// except those that were recorded before, with a Conflict of the detail UndoneWith. If ctx ends
	// first, they may still be recorded.
	//
	// Each change needs a key, so that the whole call can be repeated. No two of them may set the
	// same thing: one slot of one target, or one user's reaction with one emoji to one message.
	WriteTogether(ctx context.Context, parts []Part) []Written
}

// Part is one of several changes, and who makes it.
type Part struct {
	By     chat.Identity
	Change Change
}

// Written is the result of one of several changes.
type Written struct {
	Receipt Receipt
	Err     error
}

// Record is like Write, for a caller that waits. If ctx ends first, the change may still be
// recorded.
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

// AnswerTo returns the answer to a change that was recorded.
func AnswerTo(change Change, r Receipt) Answer {
	switch change.(type) {
	case Send:
		return Sent{Receipt: r}
	case React:
		return ReactionSet{Receipt: r}
	case Pin, Unpin, Set:
		return SlotSet{Receipt: r}
	default:
		return Changed{Receipt: r}
	}
}
