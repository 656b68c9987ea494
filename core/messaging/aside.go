package messaging

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// maxAsking is how many asides ask the log at once. Each may use a connection for as long as
	// the log waits for a room.
	maxAsking = 2
	// maxAsides is how many rooms of a lane may be aside.
	maxAsides = 1024
	// asideShare bounds the drafts of one aside to MaxQueue/asideShare. All asides of a lane
	// together have at most MaxQueue.
	asideShare = 8
	// asideLasts is how long a room stays aside after its last draft, so that the next one does not
	// hold up other rooms. It is also how often the observer is told again.
	asideLasts = 10 * time.Second

	firstAsk = 25 * time.Millisecond // pauses between two tries
	lastAsk  = 250 * time.Millisecond
)

// aside is a room that somebody else holds, with its drafts. It has left its lane, which goes on.
// It returns there when it can be written to again.
type aside struct {
	room  chat.RoomID
	since time.Time
	told  time.Time     // when the observer was told last
	wake  chan struct{} // of capacity one: there may be drafts
	queue []draft       // guarded by the lane's mu
}

func roomHeld() error {
	return &chat.Error{Kind: chat.Unavailable, Reason: "the room is locked in the store; try again", RetryAfter: retryAfter}
}

// setAside moves held drafts, which a batch of the lane gave back, out of the lane, with all later
// drafts of their rooms.
func (j *journal) setAside(ctx context.Context, l *lane, held []draft, listener ports.Listener) {
	if len(held) == 0 {
		return
	}
	if ctx.Err() != nil { // they have had their one try
		fail(held, roomHeld())
		return
	}
	var made []*aside
	var refused []draft
	now := time.Now()
	l.mu.Lock()
	for _, d := range held {
		a := l.asides[d.proposal.Room]
		switch {
		case a == nil && len(l.asides) >= maxAsides:
			refused = append(refused, d)
			continue
		case a == nil:
			a = &aside{room: d.proposal.Room, since: now, told: now, wake: make(chan struct{}, 1)}
			l.asides[a.room] = a
			made = append(made, a)
		}
		l.putAside(a, d)
	}
	stays := l.queue[:0]
	for _, d := range l.queue {
		if a := l.asides[d.proposal.Room]; a != nil {
			l.putAside(a, d)
		} else {
			stays = append(stays, d)
		}
	}
	clear(l.queue[len(stays):])
	l.queue = stays
	l.mu.Unlock()
	j.cfg.Observer.Queued(len(held) - len(refused))
	fail(refused, roomHeld())
	for _, a := range made {
		j.cfg.Observer.Held(a.room, 0, l.why(a))
		j.asides.Go(func() { j.driveAside(ctx, l, a, listener) })
	}
}

// putAside puts a draft after the others of its room. l.mu is held.
func (l *lane) putAside(a *aside, d draft) {
	a.queue = append(a.queue, d)
	l.aside++
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// why returns why the first draft of an aside waits.
func (l *lane) why(a *aside) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.queue[0].held
}

// driveAside tries to write the drafts of an aside, in order, until the room is free.
func (j *journal) driveAside(ctx context.Context, l *lane, a *aside, listener ports.Listener) {
	defer func() { j.cfg.Observer.Held(a.room, time.Since(a.since), nil) }()
	for pause := firstAsk; ; {
		batch := l.takeAside(a, j.cfg.MaxBatch)
		j.cfg.Observer.Queued(-len(batch))
		if len(batch) == 0 {
			if !l.await(ctx, a) {
				return
			}
			continue
		}
		stopping := ctx.Err() != nil
		held, err := j.askAside(ctx, batch, listener)
		switch {
		case stopping && (len(held) > 0 || err != nil): // that was the last try
			fail(held, roomHeld())
			j.failAside(l, a)
			return
		case len(held) == 0 && l.release(a):
			return
		case len(held) == 0:
			pause = firstAsk
			continue
		}
		l.putBack(a, held)
		j.cfg.Observer.Queued(len(held))
		if time.Since(a.told) >= asideLasts {
			a.told = time.Now()
			j.cfg.Observer.Held(a.room, time.Since(a.since), held[0].held)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, lastAsk)
	}
}

func (j *journal) askAside(ctx context.Context, batch []draft, listener ports.Listener) ([]draft, error) {
	j.asking <- struct{}{}
	defer func() { <-j.asking }()
	return j.commit(ctx, batch, listener)
}

// takeAside takes up to limit drafts that may be committed together.
func (l *lane) takeAside(a *aside, limit int) []draft {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := together(a.queue, limit)
	batch := a.queue[:n:n]
	a.queue = slices.Clone(a.queue[n:])
	l.aside -= n
	return batch
}

// putBack puts drafts back before all others of their room.
func (l *lane) putBack(a *aside, held []draft) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.queue = append(held, a.queue...)
	l.aside += len(held)
}

// await waits for drafts. It returns false when none came for asideLasts, or ctx has ended. Then
// the room is back in its lane.
func (l *lane) await(ctx context.Context, a *aside) bool {
	timer := time.NewTimer(asideLasts)
	defer timer.Stop()
	select {
	case <-a.wake:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return !l.release(a)
}

// release gives a room back to its lane, unless something waits aside.
func (l *lane) release(a *aside) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(a.queue) > 0 {
		return false
	}
	delete(l.asides, a.room)
	return true
}

// failAside refuses all drafts of an aside, and gives the room back.
func (j *journal) failAside(l *lane, a *aside) {
	l.mu.Lock()
	left := a.queue
	a.queue = nil
	l.aside -= len(left)
	delete(l.asides, a.room)
	l.mu.Unlock()
	j.cfg.Observer.Queued(-len(left))
	fail(left, roomHeld())
}
