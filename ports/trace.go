package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// StepObserver follows what is done for one command or request through the service, as steps of a
// trace, and on to other programs. A context carries the step under way: see TraceOf.
type StepObserver interface {
	// Began tells that a step begins, below the one that ctx carries. A step that Begins starts a
	// trace where ctx carries none; any other is followed only as part of one. The context returned
	// carries the new step; where nobody follows it is ctx itself. The ending is never nil, and
	// whoever began the step ends it, once.
	Began(ctx context.Context, step Step) (context.Context, Ending)

	// Follows reports whether what is told of a trace is recorded. For one that is not, nothing
	// needs to be told.
	Follows(t chat.Trace) bool
}

// Step is one thing that is done.
type Step struct {
	Name   string       // what is done, of a closed set: send, check, append, …
	Begins bool         // the step is done for somebody outside, who asked for it
	Room   chat.RoomID  // where, or empty
	Count  int          // of what it is done to, such as the proposals of an append; 0: not known
	Links  []chat.Trace // other steps that it is done for
}

// Ending is how a step that somebody may follow ends, from any goroutine.
type Ending interface {
	// End tells that the step is done, or what kept it from being.
	End(err error)
}

// Delivery is how one entry reached its readers on this node.
type Delivery struct {
	Trace   chat.Trace // the entry's
	Room    chat.RoomID
	Seq     chat.Seq
	Readers int           // who got it live
	Behind  int           // who follow the room and will get it later: slow, or not that far yet
	First   time.Duration // to its first write to a reader, counted from when this node heard of it
	Slowest time.Duration // to its last
}

type traceKey struct{}

// WithTrace returns a context that carries a step of a trace.
func WithTrace(ctx context.Context, t chat.Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the step that ctx carries, or nothing.
func TraceOf(ctx context.Context) chat.Trace {
	t, _ := ctx.Value(traceKey{}).(chat.Trace)
	return t
}

// Unfollowed is the Ending of a step that nobody follows.
type Unfollowed struct{}

var _ Ending = Unfollowed{}

// End ignores it.
func (Unfollowed) End(error) {}
