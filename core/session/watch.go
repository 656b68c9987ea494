package session

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	watchEvery = time.Second
	countEvery = 5 * time.Second // how often the sessions that are behind are counted
)

// watchSessions looks at each session once a second, until ctx ends. It ends those that are silent
// or expired, and sends heartbeats.
func (h *Hub) watchSessions(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var counted time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			sessions := h.all()
			for _, s := range sessions {
				s.look(now)
			}
			if now.Sub(counted) >= countEvery {
				counted = now
				h.countBehind(sessions)
			}
			h.cfg.Observer.Joining(len(h.joins.passes), int(h.joins.waiting.Load()))
		}
	}
}

func (s *session) look(now time.Time) {
	cfg := &s.hub.cfg
	s.Lock()
	defer s.Unlock()
	if s.Closing() {
		return
	}
	if s.Paused() { // nothing is read from it; if it is dead, writes to it fail
		s.Heard()
	}
	heard := time.Unix(0, s.heard.Load())
	switch {
	case s.identity == nil && now.Sub(s.opened) >= cfg.AuthTime:
		s.Close(ports.CloseUnauthenticated, chat.Errorf(chat.Unauthenticated, "no token came within %v", cfg.AuthTime))
	case s.identity != nil && !now.Before(s.identity.Expires):
		s.Close(ports.CloseExpired, chat.Errorf(chat.Unauthenticated, "the token has expired"))
	// If the last ping was answered, another ping comes first.
	case now.Sub(heard) > 2*cfg.Heartbeat && heard.Before(s.pinged):
		s.Close(ports.CloseSilent, nil)
	case now.Sub(s.pinged) >= cfg.Heartbeat:
		s.pinged = now
		s.Put(ports.Heartbeat{})
	default:
		s.Retry()
	}
}

// countBehind tells the observer how many sessions are behind: they have not got an entry that was
// there at the last count. A session that gets it during the present pass is not behind.
func (h *Hub) countBehind(sessions []*session) {
	var behind int
	var entries, furthest int64
	for _, s := range sessions {
		s.Lock()
		n := s.Behind()
		s.Unlock()
		if n > 0 {
			behind++
			entries += n
			furthest = max(furthest, n)
		}
	}
	h.cfg.Observer.Behind(behind, entries, furthest)
	h.delivery.Counted()
}
