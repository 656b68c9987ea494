package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// StepObserver follows the work for one command or request through the service, as steps of a
// trace, and on to other programs. A context carries the current step: see TraceOf.
type StepObserver interface {
	// Began tells that a step begins, as a child of the step that ctx carries. If ctx carries none,
	// the step is followed only if it Begins, and then starts a trace. The returned context carries
	// the new step; if the step is not followed, it is ctx itself. The ending is never nil. Whoever
	// began the step ends it, once.
	Began(ctx context.Context, step Step) (context.Context, Ending)

	// Follows reports whether a trace is recorded. If not, nothing needs to be told of it.
	Follows(t chat.Trace) bool
}

// Step is one piece of work.
type Step struct {
	Name   string      // of a closed set: send, check, append, …
	Begins bool        // the step answers somebody outside
	Room   chat.RoomID // or empty
	// How many things it is done to, such as the proposals of an append. 0: not known.
	Count int
	Links []chat.Trace // other steps that it is done for
}

// Ending ends a step, from any goroutine.
type Ending interface {
	// End tells that the step is done, or why it failed.
	End(err error)
}

// Delivery is how one entry reached its readers on this node.
type Delivery struct {
	Trace   chat.Trace // the entry's
	Room    chat.RoomID
	Seq     chat.Seq
	Readers int           // who got it live
	Behind  int           // followers who will get it later, as they are slow or behind
	First   time.Duration // from when this node heard of it to its first write to a reader
	Slowest time.Duration // from when this node heard of it to its last write
}

type traceKey struct{}

// WithTrace returns a context that carries a step of a trace.
func WithTrace(ctx context.Context, t chat.Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the step that ctx carries, or "".
func TraceOf(ctx context.Context) chat.Trace {
	t, _ := ctx.Value(traceKey{}).(chat.Trace)
	return t
}

// Unfollowed is the Ending of a step that nobody follows.
type Unfollowed struct{}

var _ Ending = Unfollowed{}

// End ignores it.
func (Unfollowed) End(error) {}
