package delivery

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/ports"
)

// shard writes to its readers, and never waits for one of them. It has one goroutine, and a helper.
type shard struct {
	index    int
	observer ports.DeliveryObserver
	linger   time.Duration // max
	wake     chan struct{} // of capacity one: there may be work
	packed   packedSum

	mu    sync.Mutex
	feeds []*part
	dirty []*Reader
	early []*Reader // have answers whose entries are about to come
	ready bool      // these entries have come

	// Only the shard's goroutine uses these.
	scratch   []byte
	lingering []*part       // moved, and wait a moment for more
	telling   time.Duration // what the signals that linger take: the last passes of their feeds

	helper helper
}

func newShard(index int, linger time.Duration, o ports.DeliveryObserver) *shard {
	return &shard{index: index, observer: o, linger: linger, wake: make(chan struct{}, 1), helper: newHelper()}
}

// queuePassing marks a part as having entries to pass on. since is when the oldest of them became
// durable. traced has those entries whose traces are followed.
func (w *shard) queuePassing(p *part, since time.Time, traced []*delivery) {
	w.mu.Lock()
	p.moved = true
	if p.since.IsZero() || since.Before(p.since) {
		p.since = since
	}
	p.traced = append(p.traced, traced...)
	w.queuePart(p)
	w.mu.Unlock()
	w.nudge()
}

// queueSignal gives a part's readers a signal; the latest of a slot wins.
func (w *shard) queueSignal(p *part, sig pendingSignal) {
	w.mu.Lock()
	p.signals = replaceSignal(p.signals, sig)
	w.queuePart(p)
	w.mu.Unlock()
	w.nudge()
}

func (w *shard) queuePart(p *part) {
	if !p.queued {
		p.queued = true
		w.feeds = append(w.feeds, p)
	}
}

// queueReader marks a reader that has something due.
func (w *shard) queueReader(r *Reader) {
	w.mu.Lock()
	if !r.queued {
		r.queued = true
		w.dirty = append(w.dirty, r)
	}
	w.mu.Unlock()
	w.nudge()
}

// queueEarly marks a reader that has an answer due whose entry is about to come. A pass over its
// room writes both together; where there is none, as while the room lingers, release has it
// written.
func (w *shard) queueEarly(r *Reader) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !r.queued && !r.early {
		r.early = true
		w.early = append(w.early, r)
	}
}

// release notes that the entries of early readers have come.
func (w *shard) release() {
	w.mu.Lock()
	w.ready = len(w.early) > 0
	ready := w.ready
	w.mu.Unlock()
	if ready {
		w.nudge()
	}
}

// takeEarly moves the early readers whose entries have come into list. w.mu is held.
func (w *shard) takeEarly(list []*Reader) []*Reader {
	if list = list[:0]; !w.ready {
		return list
	}
	list, w.early, w.ready = w.early, list, false
	for _, r := range list {
		r.early = false
	}
	return list
}

func (w *shard) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run serves the shard's readers until ctx ends.
func (w *shard) run(ctx context.Context) {
	stop := w.startHelper()
	defer stop()
	var feeds, due []*part
	var dirty, early []*Reader
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-timer.C:
		}
		for {
			w.mu.Lock()
			feeds, w.feeds = w.feeds, feeds[:0]
			for _, p := range feeds {
				p.queued, p.urgent = false, !p.since.IsZero() || len(p.signals) >= maxSignals/2
				p.came, p.moved = p.moved, false
			}
			dirty, early = w.takeDirty(dirty), w.takeEarly(early)
			w.mu.Unlock()
			over := w.rested()
			if len(feeds)+len(dirty)+len(early)+len(over) == 0 || ctx.Err() != nil {
				break
			}
			// These come first: they have answers due, and the answer to a send goes before its
			// entry.
			w.flush(dirty)
			due = due[:0]
			for _, p := range feeds {
				if !w.lingers(p) {
					due = w.take(due, p)
				}
			}
			for _, p := range over {
				if !p.due.IsZero() { // zero: it was taken just now
					due = w.take(due, p)
				}
			}
			w.passAll(due)
			w.flush(early)
			clear(due)
			clear(feeds)
			clear(dirty)
			clear(early)
		}
		if len(w.lingering) > 0 {
			first := slices.MinFunc(w.lingering, func(a, b *part) int { return a.due.Compare(b.due) })
			timer.Reset(time.Until(first.due))
		}
	}
}

func (w *shard) flush(readers []*Reader) {
	for _, r := range readers {
		r.Lock()
		r.flush(&w.scratch)
		r.Unlock()
	}
}

// take puts a feed that does not linger, or no longer, on the list.
func (w *shard) take(list []*part, p *part) []*part {
	w.telling -= p.telling
	p.telling, p.due = 0, time.Time{}
	return append(list, p)
}

const (
	minLinger = 500 * time.Microsecond // less is not worth a timer
	// If the writes of the last pass had more entries than this, a feed lingers less.
	enoughAWrite = 2
	// Signals of a room take at most a hundredth of a shard's time, and those of all rooms together
	// a tenth. Otherwise, when a crowd comes, each of its members would be told of every other one.
	signalShare  = 99
	signalsShare = 9
	signalLinger = 500 * time.Millisecond // max
)

// lingers reports whether a feed that has moved waits until p.due, so that later entries share its
// writes. The number of writes is what limits a shard. A feed lingers for as long as its last pass
// took, counted from the end of that pass. So a feed that was quiet for that long does not linger,
// nor does one with few readers. A feed with many readers is written to for at most half of the
// time. If only signals are due, it lingers longer, as they are not urgent. A feed that has
// lingered in vain goes without for a while.
func (w *shard) lingers(p *part) bool {
	linger := min(p.took, w.linger)
	if p.entries > enoughAWrite { // its writes are well shared already
		linger = linger * enoughAWrite / time.Duration(p.entries)
	}
	if !p.urgent {
		linger = min(max(signalShare*p.took, signalsShare*w.telling), signalLinger)
	}
	if linger < minLinger || len(p.left) > 0 {
		return false
	}
	waits := !p.due.IsZero()
	if due := p.ended.Add(linger); time.Now().Before(due) {
		if p.urgent && !p.waits(p.came) {
			return false
		}
		if p.due = due; !waits {
			w.lingering = append(w.lingering, p)
		}
		if !p.urgent && p.telling == 0 {
			p.telling = p.took
			w.telling += p.telling
		}
		return true
	}
	return false
}

// rested returns the feeds that have lingered long enough.
func (w *shard) rested() (over []*part) {
	if len(w.lingering) == 0 {
		return nil
	}
	now := time.Now()
	kept := w.lingering[:0]
	for _, p := range w.lingering {
		switch {
		case p.due.IsZero(): // something more urgent came, and it was served
		case p.due.After(now):
			kept = append(kept, p)
		default:
			over = append(over, p)
		}
	}
	clear(w.lingering[len(kept):])
	w.lingering = kept
	return over
}

// takeDirty moves a turn's worth of the dirty readers into list. w.mu is held.
func (w *shard) takeDirty(list []*Reader) []*Reader {
	n := min(len(w.dirty), readersATurn)
	list = append(list[:0], w.dirty[:n]...)
	rest := copy(w.dirty, w.dirty[n:])
	clear(w.dirty[rest:])
	w.dirty = w.dirty[:rest]
	for _, r := range list {
		r.queued = false
	}
	return list
}

// readersATurn is how many readers of one room a shard serves before it turns to others, so that a
// huge room does not hold up other rooms.
const readersATurn = 1024

// pass gives each reader of a feed on this shard what is due, in turns. The shard's goroutine and
// its helper may each pass another feed at the same time. scratch is the goroutine's.
func (w *shard) pass(p *part, scratch *[]byte) {
	w.mu.Lock()
	if len(p.left) == 0 {
		p.passing = passing{since: p.since, traced: p.traced, told: told{signals: p.signals}}
		p.since, p.traced, p.signals = time.Time{}, nil, nil
	}
	w.mu.Unlock()
	if len(p.left) == 0 {
		p.passing.told.join()
		p.passing.common = p.passing.told.common()
		p.began = time.Now()
		p.waited()
		p.audience.mu.Lock()
		p.readers = append(p.readers[:0], p.followers...)
		p.audience.mu.Unlock()
		p.left = p.readers
	}
	turn := p.left[:min(len(p.left), readersATurn)]
	p.left = p.left[len(turn):]
	for _, fl := range turn {
		w.serve(p, fl, scratch)
	}
	if len(p.left) == 0 {
		p.ended = time.Now()
		p.took, p.entries = p.ended.Sub(p.began), p.passing.entries
		clear(p.readers) // so that readers that ended can be freed
		w.tell(p)
	}
	w.mu.Lock()
	if len(p.left) > 0 || !p.since.IsZero() || len(p.signals) > 0 {
		w.queuePart(p)
	}
	w.mu.Unlock()
}

// tell tells the observer of a finished pass.
func (w *shard) tell(p *part) {
	w.packed.tell(w.observer)
	if pass := &p.passing; pass.readers > 0 && !pass.since.IsZero() {
		w.observer.FannedOut(ports.FanOut{
			Room: p.audience.Room(), Readers: pass.readers, Entries: pass.entries, Trace: pass.trace(),
			First: pass.first.Sub(pass.since), Last: p.ended.Sub(pass.since),
		})
	}
	for _, d := range p.passing.traced {
		if d.passed(p) {
			w.observer.Delivered(d.summary())
		}
	}
}

func (w *shard) serve(p *part, fl *Follow, scratch *[]byte) {
	r := fl.Reader
	r.Lock()
	defer r.Unlock()
	if fl.gone {
		return
	}
	before, t := fl.cursor, &p.passing.common
	if fl.asked {
		t = &p.passing.told
	}
	if !r.tell(fl, t) {
		r.want(fl)
		r.flush(scratch)
	}
	if n := int(fl.cursor - before); n > 0 {
		if p.passing.readers == 0 {
			p.passing.first = time.Now()
		}
		p.passing.readers++
		p.passing.entries = max(p.passing.entries, n)
	}
	for _, d := range p.passing.traced {
		d.served(fl.cursor)
	}
}
