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
	faultQuiet     = time.Second // how long a fault that was logged is only counted when it comes again, at first,
	faultMostQuiet = time.Minute // and in the end: twice as long each time that it did
	faultKinds     = 256         // most faults told apart at once; beyond, those of one task count as the same
)

// faults logs each fault once, and how often it came again, so that a store that is away does not
// fill the disk with the same line.
type faults struct {
	log *slog.Logger

	mu    sync.Mutex
	known map[faultKey]*fault
}

type faultKey struct{ while, err string }

// fault is one that was logged and may come again.
type fault struct {
	id      string
	quiet   time.Duration // between its lines
	repeats int           // since its last line
	timer   *time.Timer   // until the next
}

func newFaults(log *slog.Logger) *faults {
	return &faults{log: log, known: map[faultKey]*fault{}}
}

// report logs a fault, unless it was logged lately, and returns the id that finds it in the log.
func (f *faults) report(ctx context.Context, while string, err error) string {
	id, again := f.note(ports.TraceOf(ctx).ID(), faultKey{while, err.Error()})
	if !again {
		f.log.ErrorContext(ctx, "fault", "while", while, "error", err, "id", id)
	}
	return id
}

// note remembers a fault; again says that the id given is in the log already.
func (f *faults) note(traceID string, key faultKey) (id string, again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.known[key]; !ok && len(f.known) >= faultKinds {
		key.err = "" // one of many
	}
	if last, ok := f.known[key]; ok {
		last.repeats++
		return last.id, true
	}
	if id = traceID; id == "" {
		id = rand.Text()[:12] // 60 bits: enough to find a line
	}
	one := &fault{id: id, quiet: faultQuiet}
	one.timer = time.AfterFunc(one.quiet, func() { f.goOn(key, one) })
	f.known[key] = one
	return id, false
}

// goOn is called when a fault has been quiet in the log for long enough: it tells how often it came
// again, or forgets it.
func (f *faults) goOn(key faultKey, one *fault) {
	f.mu.Lock()
	repeats := one.repeats
	one.repeats = 0
	switch {
	case f.known[key] != one: // told and forgotten meanwhile
		repeats = 0
	case repeats == 0:
		delete(f.known, key)
	default:
		one.quiet = min(2*one.quiet, faultMostQuiet)
		one.timer.Reset(one.quiet)
	}
	f.mu.Unlock()
	f.tell(key, one, repeats)
}

func (f *faults) tell(key faultKey, one *fault, repeats int) {
	switch {
	case repeats == 0:
	case key.err == "":
		f.log.Error("more faults of other kinds", "while", key.while, "id", one.id, "repeats", repeats)
	default:
		f.log.Error("fault again", "while", key.while, "error", key.err, "id", one.id, "repeats", repeats)
	}
}

// flush tells what was counted and not told yet, and forgets all: for the end.
func (f *faults) flush() {
	f.mu.Lock()
	known, repeats := f.known, map[faultKey]int{}
	for key, one := range known {
		one.timer.Stop()
		repeats[key], one.repeats = one.repeats, 0
	}
	f.known = map[faultKey]*fault{}
	f.mu.Unlock()
	for key, one := range known {
		f.tell(key, one, repeats[key])
	}
}
