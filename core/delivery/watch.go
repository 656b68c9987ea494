package delivery

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

// watchSessions looks at each session once a second, until ctx ends: is it silent, expired, due a heartbeat?
func (h *Hub) watchSessions(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var sessions []*session
	var counted time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, w := range h.shards {
				w.mu.Lock()
				for s := range w.sessions {
					sessions = append(sessions, s)
				}
				w.mu.Unlock()
			}
			for _, s := range sessions {
				s.look(now)
			}
			if now.Sub(counted) >= countEvery {
				counted = now
				h.countBehind(sessions)
			}
			clear(sessions)
			sessions = sessions[:0]
			h.cfg.Observer.Joining(len(h.joins.passes), int(h.joins.waiting.Load()))
		}
	}
}

func (s *session) look(now time.Time) {
	cfg := &s.hub.cfg
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return
	}
	if s.paused { // nothing is read from it: whether it takes what is written tells of its life
		s.Heard()
	}
	heard := time.Unix(0, s.heard.Load())
	switch {
	case s.identity == nil && now.Sub(s.opened) >= cfg.AuthTime:
		s.close(ports.CloseUnauthenticated, chat.Errorf(chat.Unauthenticated, "no token came within %v", cfg.AuthTime))
	case s.identity != nil && !now.Before(s.identity.Expires):
		s.close(ports.CloseExpired, chat.Errorf(chat.Unauthenticated, "the token has expired"))
	case now.Sub(heard) > 2*cfg.Heartbeat && heard.Before(s.pinged): // who has answered the last ping is due another one
		s.close(ports.CloseSilent, nil)
	case now.Sub(s.pinged) >= cfg.Heartbeat:
		s.pinged = now
		s.put(ports.Heartbeat{})
		s.hub.queue(s)
	case len(s.due) > 0:
		s.hub.queue(s) // the log could not be read
	}
}

// countBehind tells how many of the sessions are behind: have not got an entry that was there the last time. Those that get it by the
// pass under way are not.
func (h *Hub) countBehind(sessions []*session) {
	var behind int
	var entries, most int64
	for _, s := range sessions {
		if n := s.behind(); n > 0 {
			behind++
			entries += n
			most = max(most, n)
		}
	}
	h.cfg.Observer.Behind(behind, entries, most)
	for _, f := range h.feeds.All() {
		audienceOf(f).counted.Store(int64(f.View().Head))
	}
}

// behind returns how many entries the session has yet to get in the rooms where it lacks one that was there at the last count.
func (s *session) behind() (entries int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fl := range s.follows {
		if !fl.bounded && int64(fl.cursor) < fl.counted.Load() {
			entries += int64(fl.View().Head - fl.cursor)
		}
	}
	return entries
}
