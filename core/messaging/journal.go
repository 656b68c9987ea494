package messaging

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// retryAfter is what a client is told to wait when the log is out of reach or the journal is full.
const retryAfter = time.Second

// journal commits proposals in batches: each lane takes what gathered while its last commit was under way.
type journal struct {
	cfg       Config
	standings *standings
	seed      maphash.Seed
	lanes     []*lane
}

// draft is a proposal on its way into the log.
type draft struct {
	proposal chat.Proposal
	done     func(ports.Outcome, error)
}

type lane struct {
	wake chan struct{} // holds one: there may be drafts, or the lane closes

	mu     sync.Mutex
	queue  []draft
	closed bool
}

func newJournal(cfg Config, st *standings) *journal {
	j := &journal{cfg: cfg, standings: st, seed: maphash.MakeSeed(), lanes: make([]*lane, cfg.Lanes)}
	for i := range j.lanes {
		j.lanes[i] = &lane{wake: make(chan struct{}, 1)}
	}
	return j
}

// submit queues d, or answers at once that it cannot.
func (j *journal) submit(d draft) {
	l := j.lanes[maphash.String(j.seed, string(d.proposal.Room))%uint64(len(j.lanes))]
	l.mu.Lock()
	var refused error
	switch {
	case l.closed:
		refused = &chat.Error{Kind: chat.Unavailable, Reason: "this node is going away; try again", RetryAfter: retryAfter}
	case len(l.queue) >= j.cfg.MaxQueue:
		refused = &chat.Error{Kind: chat.Unavailable, Reason: "too much waits to be written; try again", RetryAfter: retryAfter}
	default:
		l.queue = append(l.queue, d)
	}
	l.mu.Unlock()
	if refused != nil {
		d.done(ports.Outcome{}, refused)
		return
	}
	j.cfg.Observer.Queued(1)
	l.nudge()
}

func (l *lane) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take moves up to most drafts into batch. open is false when the lane is closed and empty.
func (l *lane) take(batch []draft, most int) (_ []draft, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(most, len(l.queue))
	batch = append(batch[:0], l.queue[:n]...)
	rest := copy(l.queue, l.queue[n:])
	clear(l.queue[rest:])
	l.queue = l.queue[:rest]
	return batch, !l.closed || n > 0
}

func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.nudge()
}

// run drives the lanes until ctx ends and everything that was queued by then is answered.
func (j *journal) run(ctx context.Context, listener ports.Listener) {
	var wg sync.WaitGroup
	for _, l := range j.lanes {
		wg.Go(func() { j.drive(ctx, l, listener) })
	}
	<-ctx.Done()
	for _, l := range j.lanes {
		l.close()
	}
	wg.Wait()
}

func (j *journal) drive(ctx context.Context, l *lane, listener ports.Listener) {
	var batch []draft
	for range l.wake {
		for {
			var open bool
			if batch, open = l.take(batch, j.cfg.MaxBatch); !open {
				return
			}
			if len(batch) == 0 {
				break
			}
			j.cfg.Observer.Queued(-len(batch))
			j.commit(ctx, batch, listener)
			clear(batch)
		}
	}
}

// commit appends a batch, answers each of its drafts, and then tells who listens.
func (j *journal) commit(ctx context.Context, batch []draft, listener ports.Listener) {
	proposals := make([]chat.Proposal, len(batch))
	for i := range batch {
		proposals[i] = batch[i].proposal
	}
	outcomes, err := j.append(ctx, proposals)
	if err != nil && len(batch) > 1 && !errors.Is(err, chat.Unavailable) {
		// One proposal that the log cannot take must not spoil the others: each goes alone.
		for i := range batch {
			j.commit(ctx, batch[i:i+1], listener)
		}
		return
	}
	entries := make([]chat.Entry, 0, len(outcomes))
	for i := range outcomes {
		if outcomes[i].Status == ports.Appended {
			entries = append(entries, outcomes[i].Entry)
		}
	}
	j.standings.learn(entries)
	for i := range batch {
		if err != nil {
			batch[i].done(ports.Outcome{}, err)
		} else {
			batch[i].done(outcomes[i], outcomes[i].Err)
		}
	}
	j.announce(ctx, entries, listener)
}

func (j *journal) announce(ctx context.Context, entries []chat.Entry, listener ports.Listener) {
	if len(entries) == 0 {
		return
	}
	listener.Entries(entries)
	if j.cfg.Bus == nil {
		return
	}
	if err := j.cfg.Bus.Announce(ctx, entries); err != nil {
		j.cfg.Observer.Fault(ctx, "announce entries", err)
	}
}

// append retries what could not reach the log, or whose outcome is unknown: the keys make that safe. Once ctx has ended, each
// batch has one try.
func (j *journal) append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	started := time.Now()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		outcomes, err := j.appendOnce(ctx, proposals)
		if err == nil {
			return outcomes, nil
		}
		if !errors.Is(err, chat.Unavailable) || time.Since(started)+pause > j.cfg.RetryFor {
			return nil, withRetryAfter(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, withRetryAfter(err)
		}
	}
}

// appendOnce tries once, for as long as one try may take: what waits at the end of ctx is written all the same.
func (j *journal) appendOnce(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.cfg.AppendTimeout)
	defer cancel()
	began := time.Now()
	outcomes, err := j.cfg.Log.Append(ctx, proposals)
	if err == nil && len(outcomes) != len(proposals) {
		err = chat.Errorf(chat.Internal, "the log gave %d outcomes for %d proposals", len(outcomes), len(proposals))
	}
	j.cfg.Observer.Appended(len(proposals), time.Since(began), err)
	if err != nil {
		j.cfg.Observer.Fault(ctx, "append to the log", err)
	}
	return outcomes, err
}

func withRetryAfter(err error) error {
	e := *chat.AsError(err)
	if e.Kind == chat.Unavailable && e.RetryAfter == 0 {
		e.RetryAfter = retryAfter
	}
	return &e
}
