package search

import (
	"context"
	"strings"
	"time"

	"github.com/parley-chat/parley/ports"
)

// consumers begins the names of all consumers that write or wrote an index.
const consumers = "search:"

// Tidy forgets the cursors of consumers that do not write an index any more: those of earlier
// releases, and the present one if search is turned off. Otherwise all rooms would stay pending for
// them.
type Tidy struct {
	Consumers ports.Consumers
	Runner    interface {
		Forget(ctx context.Context, consumer string) error
	}
	Observer ports.FaultObserver
	Own      bool          // the present consumer runs
	Wait     time.Duration // between two attempts
}

// Run tidies until ctx ends.
func (t Tidy) Run(ctx context.Context) error {
	for sleep(ctx, t.Wait) {
		if err := t.tidy(ctx); err != nil && ctx.Err() == nil {
			t.Observer.Fault(ctx, "forget who wrote a search index", err)
		}
	}
	return nil
}

func (t Tidy) tidy(ctx context.Context) error {
	begun, err := t.Consumers.Begun(ctx)
	if err != nil {
		return err
	}
	for name := range begun.Walked {
		if strings.HasPrefix(name, consumers) && (name != Consumer || !t.Own) {
			if err := t.Runner.Forget(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}
