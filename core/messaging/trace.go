package messaging

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// follow begins the step of a trace in which a batch is appended. The work is done once, so its
// step belongs to the trace of the first draft that has one. It has links to the other traces. Each
// of those has a step of its own, with a link to the first.
func (j *journal) follow(ctx context.Context, batch []draft) (context.Context, ports.Ending) {
	traces := j.traced(batch)
	if len(traces) == 0 {
		return ctx, ports.Unfollowed{}
	}
	step := ports.Step{Name: "append", Count: len(batch), Links: traces}
	shared, ending := j.cfg.Observer.Began(ports.WithTrace(ctx, traces[0]), step)
	endings := endings{ending}
	step.Links = []chat.Trace{ports.TraceOf(shared)}
	for _, trace := range traces[1:] {
		_, ending := j.cfg.Observer.Began(ports.WithTrace(ctx, trace), step)
		endings = append(endings, ending)
	}
	return shared, endings
}

// traced returns the traces of a batch that are followed.
func (j *journal) traced(batch []draft) (traces []chat.Trace) {
	for i := range batch {
		if t := batch[i].trace; t != "" && j.cfg.Observer.Follows(t) {
			traces = append(traces, t)
		}
	}
	return traces
}

// endings end several steps together.
type endings []ports.Ending

// End implements ports.Ending.
func (e endings) End(err error) {
	for _, one := range e {
		one.End(err)
	}
}
