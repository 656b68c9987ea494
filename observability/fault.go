package observability

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/parley-chat/parley/ports"
)

const (
	faultQuiet = time.Second // how long a fault that was logged is only counted when it comes again
	faultKinds = 256         // most faults told apart at once; beyond, those of one task count as the same
)

// faults logs each fault once, so that a store that is away does not fill the disk with the same line.
type faults struct {
	log *slog.Logger

	mu    sync.Mutex
	known map[faultKey]*fault
}

type faultKey struct{ while, err string }

// fault is one that was logged lately.
type fault struct {
	id      string
	at      time.Time
	repeats int // since it was logged
}

func newFaults(log *slog.Logger) *faults {
	return &faults{log: log, known: map[faultKey]*fault{}}
}

// report logs a fault, unless it was logged a moment ago, and returns the id that finds it in the log.
func (f *faults) report(ctx context.Context, while string, err error) string {
	id, repeats, logged := f.note(ports.TraceOf(ctx).ID(), faultKey{while, err.Error()}, time.Now())
	if logged {
		return id
	}
	args := []any{"while", while, "error", err, "id", id}
	if repeats > 0 {
		args = append(args, "repeats", repeats)
	}
	f.log.ErrorContext(ctx, "fault", args...)
	return id
}

// note remembers a fault. logged says that the id given is in the log already; repeats is how often the fault came since it was
// logged the last time, for the line to come.
func (f *faults) note(traceID string, key faultKey, now time.Time) (id string, repeats int, logged bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.known[key]; !ok && len(f.known) >= faultKinds {
		f.forget(now)
		if len(f.known) >= faultKinds {
			key.err = ""
		}
	}
	last, ok := f.known[key]
	if ok && now.Sub(last.at) < faultQuiet {
		last.repeats++
		return last.id, 0, true
	}
	if ok {
		repeats = last.repeats
	}
	if id = traceID; id == "" {
		id = rand.Text()[:12] // 60 bits: enough to find a line
	}
	f.known[key] = &fault{id: id, at: now}
	return id, repeats, false
}

// forget drops what came no more. f.mu is held.
func (f *faults) forget(now time.Time) {
	for key, last := range f.known {
		if now.Sub(last.at) >= faultQuiet {
			delete(f.known, key)
		}
	}
}
