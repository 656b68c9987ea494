package messaging

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// largeFor is how long the store is not asked again for the marks of a room that had too many.
	// Otherwise each user who joins it would cost a query that returns nothing.
	largeFor = time.Minute
	// markBytes is more than a mark takes in an answer without its user's id. JSON at most doubles
	// the bytes of an id.
	markBytes = 48
	// maxLarge bounds how many such rooms are remembered. If there are more, all are forgotten.
	maxLarge = 1 << 14
)

// largeRooms remembers the rooms whose marks are not told.
type largeRooms struct {
	mu    sync.Mutex
	until map[chat.RoomID]time.Time
}

func (l *largeRooms) has(room chat.RoomID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	until, ok := l.until[room]
	if ok && !time.Now().Before(until) {
		delete(l.until, room)
		return false
	}
	return ok
}

func (l *largeRooms) put(room chat.RoomID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil || len(l.until) >= maxLarge {
		l.until = map[chat.RoomID]time.Time{}
	}
	l.until[room] = time.Now().Add(largeFor)
}

// Marks implements ports.Reader.
func (s *Service) Marks(ctx context.Context, by chat.Identity, room chat.RoomID) ([]ports.ReadMark, error) {
	st, _, err := s.known(ctx, by, room, chat.Read, false)
	if err != nil {
		return nil, err
	}
	if !st.Room.Made() {
		return []ports.ReadMark{}, nil
	}
	if s.large.has(room) {
		return nil, nil
	}
	marks, all, err := s.cfg.Directory.Marks(ctx, room, ports.MaxMarks)
	if err != nil {
		return nil, err
	}
	if !all {
		s.large.put(room)
		return nil, nil
	}
	others, bytes := make([]ports.ReadMark, 0, len(marks)), answerHead
	for _, m := range marks {
		if m.User == by.User {
			continue
		}
		others = append(others, m)
		if bytes += markBytes + 2*len(m.User); bytes > s.cfg.AnswerBytes { // ids may be long
			return nil, nil
		}
	}
	return others, nil
}
