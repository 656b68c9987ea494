package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/ports"
)

// shard writes to its sessions, one after the other, and never waits for one of them.
type shard struct {
	index    int
	observer ports.Observer
	wake     chan struct{} // holds one: there may be work

	mu       sync.Mutex
	feeds    []*part
	dirty    []*session
	sessions map[*session]struct{}

	// Only the shard's goroutine uses these.
	readers []*follow
	scratch []byte
}

func newShard(index int, o ports.Observer) *shard {
	return &shard{index: index, observer: o, wake: make(chan struct{}, 1), sessions: map[*session]struct{}{}}
}

// queueFeed marks a feed's part as moved at the time of since.
func (w *shard) queueFeed(p *part, since time.Time) {
	w.mu.Lock()
	if p.since.IsZero() {
		p.since = since
	}
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

// queueSession marks a session that has something due.
func (w *shard) queueSession(s *session) {
	w.mu.Lock()
	if !s.queued {
		s.queued = true
		w.dirty = append(w.dirty, s)
	}
	w.mu.Unlock()
	w.nudge()
}

func (w *shard) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run serves the shard's sessions until ctx ends.
func (w *shard) run(ctx context.Context) {
	var feeds []*part
	var dirty []*session
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for {
			w.mu.Lock()
			feeds, w.feeds = w.feeds, feeds[:0]
			dirty, w.dirty = w.dirty, dirty[:0]
			for _, s := range dirty {
				s.queued = false
			}
			w.mu.Unlock()
			if len(feeds)+len(dirty) == 0 || ctx.Err() != nil {
				break
			}
			// Sessions first: what they have due is an answer, and an answer to a send goes before the entry.
			for _, s := range dirty {
				s.mu.Lock()
				s.flush(w)
				s.mu.Unlock()
			}
			for _, p := range feeds {
				w.pass(p)
			}
			clear(feeds)
			clear(dirty)
		}
	}
}

// pass gives each reader of a feed on this shard what is due.
func (w *shard) pass(p *part) {
	w.mu.Lock()
	p.queued = false
	since, signals := p.since, p.signals
	p.since, p.signals = time.Time{}, nil
	w.mu.Unlock()

	p.feed.mu.Lock()
	w.readers = append(w.readers[:0], p.followers...)
	p.feed.mu.Unlock()

	var readers, entries int
	for _, fl := range w.readers {
		s := fl.session
		s.mu.Lock()
		if !fl.gone {
			for _, sig := range signals {
				s.signal(sig)
			}
			s.want(fl)
			before := fl.cursor
			s.flush(w)
			if n := int(fl.cursor - before); n > 0 {
				readers++
				entries = max(entries, n)
			}
		}
		s.mu.Unlock()
	}
	clear(w.readers)
	if readers > 0 && !since.IsZero() {
		w.observer.FannedOut(p.feed.room, readers, entries, time.Since(since))
	}
}
