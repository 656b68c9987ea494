package messaging

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// marker moves read marks in batches, as the journal appends entries. Each batch has the marks that
// came while the last one was committed. Their order does not matter: of several marks of a user in
// a room the furthest counts. So it needs no lanes, only one batch at a time.
type marker struct {
	cfg  Config
	wake chan struct{} // of capacity one: there may be marks, or the marker closes

	mu     sync.Mutex
	queue  []marking
	closed bool
}

// marking is a read mark on its way.
type marking struct {
	ports.ReadMark
	since time.Time
	done  chan<- ports.MarkOutcome // has room for the outcome
}

// heldPause is the pause before a mark that somebody else has locked is tried again.
const heldPause = 20 * time.Millisecond

func newMarker(cfg Config) *marker { return &marker{cfg: cfg, wake: make(chan struct{}, 1)} }

// move moves a mark, and waits until the move is durable.
func (m *marker) move(ctx context.Context, mark ports.ReadMark) (ports.MarkOutcome, error) {
	done := make(chan ports.MarkOutcome, 1)
	if err := m.submit(marking{mark, time.Now(), done}); err != nil {
		return ports.MarkOutcome{}, err
	}
	select {
	case o := <-done:
		return o, o.Err
	case <-ctx.Done():
		return ports.MarkOutcome{}, chat.Wrap(chat.Unavailable, ctx.Err(), "wait for a read mark")
	}
}

func (m *marker) submit(one marking) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return &chat.Error{Kind: chat.Unavailable, Reason: "this node is going away; try again", RetryAfter: retryAfter}
	case len(m.queue) >= m.cfg.MaxQueue:
		return &chat.Error{Kind: chat.Unavailable, Reason: "too many read marks wait to be written; try again", RetryAfter: retryAfter}
	}
	m.queue = append(m.queue, one)
	m.nudge()
	return nil
}

func (m *marker) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take moves up to limit marks into batch. open is false when the marker is closed and empty.
func (m *marker) take(batch []marking, limit int) (_ []marking, open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(limit, len(m.queue))
	batch = append(batch[:0], m.queue[:n]...)
	rest := copy(m.queue, m.queue[n:])
	clear(m.queue[rest:])
	m.queue = m.queue[:rest]
	return batch, !m.closed || n > 0
}

func (m *marker) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.nudge()
}

// run moves marks until ctx ends and everything that was queued before is answered.
func (m *marker) run(ctx context.Context) {
	closed := context.AfterFunc(ctx, m.close)
	defer closed()
	retry := time.NewTimer(heldPause)
	defer retry.Stop()
	var batch, held []marking
	pausing := true // until retry fires
	for {
		select {
		case <-m.wake:
		case <-retry.C:
			held, pausing = m.commit(ctx, held), false
		}
		for {
			var open bool
			if batch, open = m.take(batch, m.cfg.MaxBatch); !open {
				m.commit(ctx, held)
				return
			}
			if len(batch) == 0 {
				break
			}
			held = append(held, m.commit(ctx, batch)...)
			clear(batch)
		}
		if len(held) > 0 && !pausing {
			pausing = true
			retry.Reset(heldPause)
		}
	}
}

// commit moves a batch and answers each of its marks, except those that somebody else has locked
// and that may be tried again. It returns these.
func (m *marker) commit(ctx context.Context, batch []marking) (held []marking) {
	if len(batch) == 0 {
		return nil
	}
	outcomes, err := m.mark(ctx, batch)
	if err != nil && !errors.Is(err, chat.Unavailable) && len(batch) > 1 {
		// One mark that the store cannot take must not affect the others. Halving the batch finds
		// it.
		half := len(batch) / 2
		held = m.commit(ctx, batch[:half])
		return append(held, m.commit(ctx, batch[half:])...)
	}
	for i := range batch {
		o := ports.MarkOutcome{Err: err}
		if err == nil {
			o = outcomes[i]
		}
		again := err == nil && errors.Is(o.Err, chat.Unavailable) && ctx.Err() == nil && time.Since(batch[i].since) < m.cfg.RetryFor
		if again {
			held = append(held, batch[i])
			continue
		}
		if errors.Is(o.Err, chat.Unavailable) {
			o.Err = withRetryAfter(o.Err)
		}
		batch[i].done <- o
	}
	return held
}

// mark tries once. It tries even if ctx has ended, so that what waits then is still moved.
func (m *marker) mark(ctx context.Context, batch []marking) ([]ports.MarkOutcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.cfg.AppendTimeout)
	defer cancel()
	marks := make([]ports.ReadMark, len(batch))
	for i := range batch {
		marks[i] = batch[i].ReadMark
	}
	outcomes, err := m.cfg.Directory.Mark(ctx, marks)
	if err == nil && len(outcomes) != len(marks) {
		err = chat.Errorf(chat.Internal, "the store gave %d outcomes for %d marks", len(outcomes), len(marks))
	}
	if err != nil {
		m.cfg.Observer.Fault(ctx, "move read marks", err)
	}
	return outcomes, err
}
