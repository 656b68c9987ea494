package delivery

import (
	"context"
	"maps"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	watchEvery  = time.Second
	countEvery  = 5 * time.Second        // how often the sessions that are behind are counted
	feedIdle    = 30 * time.Second       // how long a feed that nobody follows stays open
	confirmWait = 200 * time.Millisecond // a head that a feed is behind of counts when it still is after that
	headsAtOnce = 1000                   // rooms in one question to the log
	mostIdle    = 4096                   // feeds that nobody follows; while there are more, they are closed at the next look
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
			h.sweepFeeds(now)
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
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, f := range h.feeds {
		f.counted.Store(int64(f.view.Load().head))
	}
}

// behind returns how many entries the session has yet to get in the rooms where it lacks one that was there at the last count.
func (s *session) behind() (entries int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fl := range s.follows {
		if !fl.bounded && int64(fl.cursor) < fl.feed.counted.Load() {
			entries += int64(fl.feed.view.Load().head - fl.cursor)
		}
	}
	return entries
}

// sweepFeeds closes the feeds that nobody follows any more, and empties rings that serve nobody when memory runs short.
func (h *Hub) sweepFeeds(now time.Time) {
	short := h.budget.used.Load() > h.budget.most/4*3
	h.mu.Lock()
	wait := feedIdle
	if h.idle > mostIdle { // somebody goes through very many rooms
		wait = watchEvery
	}
	h.idle = 0
	for room, f := range h.feeds {
		f.mu.Lock()
		idle := f.refs == 0
		stale, late := idle && now.Sub(f.idle) >= wait, now.Sub(f.idle) >= 10*feedIdle
		quiet := f.ring.now.head == f.quiet
		f.quiet = f.ring.now.head
		f.mu.Unlock()
		stale = stale && h.presence.Close(room, late)
		if stale || short && (idle || quiet) {
			f.forget()
		}
		if stale {
			delete(h.feeds, room)
			h.unfollow(room) // under the lock: who opens the room again follows it after this
		} else if idle {
			h.idle++
		}
	}
	open := len(h.feeds)
	h.mu.Unlock()
	h.cfg.Observer.Feeds(open, h.budget.used.Load())
	h.cfg.Observer.Joining(len(h.joins.passes), int(h.joins.waiting.Load()))
}

// watchHeads compares the feeds with the log until ctx ends, so that a notice that was lost delays an entry by seconds. A head that
// a feed does not have yet is mostly just on its way from the journal: it counts when it has not come a moment later. A log that ends
// before where a feed was already has lost something.
func (h *Hub) watchHeads(ctx context.Context) {
	timer := time.NewTimer(h.cfg.AntiEntropy)
	defer timer.Stop()
	var behind map[*feed]chat.Seq
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.deaf:
		case <-timer.C:
		}
		for f, head := range behind {
			if f.reaches(head) {
				h.seek(f, 0, true)
			}
		}
		behind = h.findBehind(ctx)
		wait := h.cfg.AntiEntropy
		if len(behind) > 0 {
			wait = confirmWait
		}
		timer.Reset(wait)
	}
}

// findBehind asks the log which followed feeds are behind it.
func (h *Hub) findBehind(ctx context.Context) map[*feed]chat.Seq {
	h.mu.RLock()
	open := maps.Clone(h.feeds)
	h.mu.RUnlock()
	behind := map[*feed]chat.Seq{}
	rooms := make([]chat.RoomID, 0, min(len(open), headsAtOnce))
	ask := func() bool {
		was := make([]chat.Seq, len(rooms)) // before the log is asked: what is told of meanwhile it may not have said
		for i, room := range rooms {
			was[i] = open[room].view.Load().head
		}
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		heads, err := h.cfg.Log.Heads(ctx, rooms)
		if err != nil {
			h.cfg.Observer.Fault(ctx, "compare feeds with the log", err)
			return false
		}
		for i, room := range rooms {
			f, head := open[room], heads[room]
			switch {
			case head > f.view.Load().head:
				behind[f] = head
			case head < was[i]:
				h.suspect(f)
			}
		}
		rooms = rooms[:0]
		return true
	}
	for room := range open {
		if rooms = append(rooms, room); len(rooms) == headsAtOnce && !ask() {
			return behind
		}
	}
	if len(rooms) > 0 {
		ask()
	}
	return behind
}
