package consuming

import (
	"context"
	"errors"
	"sync"

	"github.com/parley-chat/parley/ports"
)

const maxMoves = 500 // cursors that one write moves

// moves writes cursors in batches: each write takes what has gathered while the last one was under
// way. A pair has one move under way at most.
type moves struct {
	cursors ports.Cursors
	wake    chan struct{} // holds one: there are some

	mu      sync.Mutex
	waiting []moving
}

type moving struct {
	move ports.CursorMove
	done chan<- moved
}

type moved struct {
	outcome ports.MoveOutcome
	err     error
}

// move moves a cursor, durably, and waits for that.
func (m *moves) move(move ports.CursorMove) (ports.MoveOutcome, error) {
	done := make(chan moved, 1)
	m.mu.Lock()
	m.waiting = append(m.waiting, moving{move, done})
	m.mu.Unlock()
	nudge(m.wake)
	is := <-done
	return is.outcome, is.err
}

// all moves cursors, and returns an error where none is known to have moved. What became of each
// does not matter.
func (m *moves) all(list []ports.CursorMove) error {
	var wg sync.WaitGroup
	errs := make([]error, len(list))
	for i := range list {
		wg.Go(func() { _, errs[i] = m.move(list[i]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// run writes until ended is closed. Nobody may move anything after that.
func (m *moves) run(ended <-chan struct{}) {
	for {
		select {
		case <-m.wake:
		case <-ended:
			return
		}
		for batch := m.take(); len(batch) > 0; batch = m.take() {
			m.write(batch)
		}
	}
}

func (m *moves) take() []moving {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(len(m.waiting), maxMoves)
	batch := m.waiting[:n:n]
	if m.waiting = m.waiting[n:]; len(m.waiting) == 0 {
		m.waiting = nil
	}
	return batch
}

func (m *moves) write(batch []moving) {
	all := make([]ports.CursorMove, len(batch))
	for i := range batch {
		all[i] = batch[i].move
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	outcomes, err := m.cursors.Move(ctx, all)
	for i := range batch {
		if err != nil {
			batch[i].done <- moved{err: err}
			continue
		}
		batch[i].done <- moved{outcome: outcomes[i]}
	}
}
