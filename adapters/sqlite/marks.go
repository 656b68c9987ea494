package sqlite

import (
	"context"
	"sync"

	"github.com/parley-chat/parley/core/chat"
)

// marks gathers read marks while the last ones are being written, so that many readers of a busy room cost one commit and not
// one each.
type marks struct {
	writing sync.WaitGroup // the goroutine that writes them, while there are any

	mu     sync.Mutex
	queue  []*mark
	active bool // that goroutine takes what is queued
}

// mark is a read mark on its way.
type mark struct {
	room chat.RoomID
	user chat.UserID
	seq  chat.Seq

	done     chan struct{} // closed when the fields below are set
	standing chat.Standing
	err      error
}

// Mark implements ports.Directory. A mark that is there already costs no write.
func (s *Store) Mark(ctx context.Context, room chat.RoomID, user chat.UserID, seq chat.Seq) (chat.Standing, error) {
	const what = "move a read mark"
	standing, err := s.Standing(ctx, room, user)
	if err != nil || 0 < seq && seq <= standing.Read {
		return standing, err
	}
	m := &mark{room: room, user: user, seq: seq, done: make(chan struct{})}
	if s.marks.add(m) {
		s.marks.writing.Go(s.writeMarks)
	}
	select {
	case <-m.done:
		return m.standing, within(ctx, m.err, what)
	case <-ctx.Done():
		return chat.Standing{}, within(ctx, ctx.Err(), what)
	}
}

// add queues m. first is true when nobody takes what is queued: then the caller sees to it.
func (q *marks) add(m *mark) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first, q.active = !q.active, true
	q.queue = append(q.queue, m)
	return first
}

// take returns what is queued, or nothing, and then is not active any more.
func (q *marks) take() []*mark {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.queue
	q.queue = nil
	q.active = len(taken) > 0
	return taken
}

// writeMarks writes what is queued until nothing is. Nobody's context ends it, as it works for all who wait.
func (s *Store) writeMarks() {
	for {
		batch := s.marks.take()
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*busyTimeout)
		err := s.write(ctx, "move read marks", func(tx *transaction) error {
			for _, m := range batch {
				if err := m.move(tx, &s.w); err != nil {
					return err
				}
			}
			return nil
		})
		cancel()
		for _, m := range batch {
			if err != nil {
				m.err = err
			}
			close(m.done)
		}
	}
}

// move moves one mark and notes the standing after that, or why it may not be moved. An error that it returns is the store's.
func (m *mark) move(tx *transaction, w *writeStatements) (err error) {
	if err := tx.exec(w.mark, m.room, m.user, m.seq); err != nil {
		return err
	}
	m.standing, err = scanStanding(tx.row(w.standing, m.user, m.room).Scan, m.user)
	if err == nil && m.seq > m.standing.Room.Head {
		m.standing, m.err = chat.Standing{}, chat.Errorf(chat.Invalid, "seq must not be beyond the room's head, %d", m.standing.Room.Head)
	}
	return err
}
