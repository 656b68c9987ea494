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
	faultQuiet    = time.Second // at first, how long repetitions of a logged fault are only counted;
	faultMaxQuiet = time.Minute // doubled each time that it came again, up to this
	// Max faults that are distinguished; beyond, faults of one task count as the same.
	faultKinds = 256
)

// faults logs each fault once, and later how often it came again, so that an unreachable store does
// not fill the disk with equal lines.
type faults struct {
	say   func(text string, args ...any)
	sayOf func(ctx context.Context, text string, args ...any)

	mu    sync.Mutex
	known map[faultKey]*fault
}

type faultKey struct{ while, err string }

// fault is a logged fault that may come again.
type fault struct {
	id      string
	quiet   time.Duration // between its lines
	repeats int           // since its last line
	timer   *time.Timer   // until its next line
}

func newFaults(log *slog.Logger) *faults {
	return &faults{say: log.Error, sayOf: log.ErrorContext, known: map[faultKey]*fault{}}
}

// newRefusals makes faults of those who ask, which are warnings.
func newRefusals(log *slog.Logger) *faults {
	return &faults{say: log.Warn, sayOf: log.WarnContext, known: map[faultKey]*fault{}}
}

// report logs a fault, unless it was logged lately, and returns the id under which it is in the
// log.
func (f *faults) report(ctx context.Context, while string, err error) string {
	id, again := f.note(ports.TraceOf(ctx).ID(), faultKey{while, err.Error()})
	if !again {
		f.sayOf(ctx, "fault", "while", while, "error", err, "id", id)
	}
	return id
}

// note records a fault; again reports that the returned id is already in the log.
func (f *faults) note(traceID string, key faultKey) (id string, again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.known[key]; !ok && len(f.known) >= faultKinds {
		key.err = "" // there are too many: count it under its task
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

// goOn is called at the end of a fault's quiet time. It logs how often the fault came again, or
// forgets the fault if it did not.
func (f *faults) goOn(key faultKey, one *fault) {
	f.mu.Lock()
	repeats := one.repeats
	one.repeats = 0
	switch {
	case f.known[key] != one: // logged and forgotten meanwhile
		repeats = 0
	case repeats == 0:
		delete(f.known, key)
	default:
		one.quiet = min(2*one.quiet, faultMaxQuiet)
		one.timer.Reset(one.quiet)
	}
	f.mu.Unlock()
	f.tell(key, one, repeats)
}

func (f *faults) tell(key faultKey, one *fault, repeats int) {
	switch {
	case repeats == 0:
	case key.err == "":
		f.say("more faults of other kinds", "while", key.while, "id", one.id, "repeats", repeats)
	default:
		f.say("fault again", "while", key.while, "error", key.err, "id", one.id, "repeats", repeats)
	}
}

// flush logs all counts that were not logged yet, and forgets all faults. It is for the end.
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
