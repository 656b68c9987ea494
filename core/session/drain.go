package session

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	drainEach = 2 * time.Millisecond   // of the window for reconnects, per session
	drainMin  = 250 * time.Millisecond // min window, so that even few sessions can finish
	drainLook = 20 * time.Millisecond
	drainLast = 500 * time.Millisecond // for sessions that are not gone in time, to be told why

	maxRenewed = 10 * time.Second // max window for the reconnects after Anew
)

// Drain implements ports.Sessions. Reconnect times are spread evenly over a window that grows with
// the number of sessions, up to half the time there is.
func (h *Hub) Drain(ctx context.Context) {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
	leaving := h.announceDrain(ctx)
	tick := time.NewTicker(drainLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.abort()
			return
		case now := <-tick.C:
			for s, at := range leaving {
				if !now.Before(at) && s.depart() {
					delete(leaving, s)
				}
			}
			if len(h.all()) == 0 {
				return
			}
		}
	}
}

func (h *Hub) announceDrain(ctx context.Context) map[*session]time.Time {
	now := time.Now()
	sessions := h.all()
	window := max(drainMin, time.Duration(len(sessions))*drainEach)
	if deadline, ok := ctx.Deadline(); ok {
		window = max(min(window, deadline.Sub(now)/2), 1)
	}
	leaving := make(map[*session]time.Time, len(sessions))
	for _, s := range sessions {
		after := rand.N(window) + time.Millisecond
		leaving[s] = now.Add(after)
		s.announce(after)
	}
	return leaving
}

func (s *session) announce(after time.Duration) {
	s.Lock()
	defer s.Unlock()
	s.Put(ports.Drain{ReconnectIn: after})
}

// depart closes a session unless it has something under way.
func (s *session) depart() bool {
	s.Lock()
	defer s.Unlock()
	if s.Owes() > 0 && !s.Closing() {
		return false
	}
	s.Close(ports.CloseRestart, nil)
	return true
}

// abort ends the sessions that are not gone in time. They are told why, and have a moment to read
// it.
func (h *Hub) abort() {
	for _, s := range h.all() {
		s.shut(ports.CloseRestart, nil)
	}
	for last := time.Now().Add(drainLast); len(h.all()) > 0 && time.Now().Before(last); {
		time.Sleep(drainLook)
	}
	for _, s := range h.all() {
		s.Lock()
		s.Kill(ports.CloseSlow)
		s.Unlock()
	}
}

// Anew starts everything anew, because the store keeps another log. Entries of the old feeds are
// not served any more. Sessions end and are told to reconnect, so that their clients learn the new
// log's id. It does not wait for the store.
func (h *Hub) Anew() {
	h.delivery.Anew(func() {
		sessions := h.all()
		window := min(max(drainMin, time.Duration(len(sessions))*drainEach), maxRenewed)
		for _, s := range sessions {
			s.renew(rand.N(window) + time.Millisecond)
		}
	})
}

// renew ends a session, whose client must start anew. A session without an identity was not told a
// log, and goes on.
func (s *session) renew(after time.Duration) {
	s.Lock()
	defer s.Unlock()
	if s.identity != nil && !s.Closing() {
		s.Put(ports.Drain{ReconnectIn: after})
		s.Close(ports.CloseRenewed, nil)
	}
}

// all returns the present sessions, so that the hub's lock is not held while theirs are taken.
func (h *Hub) all() []*session {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Keys(h.sessions))
}

// Expel ends the sessions whose tokens a revocation covers. It does not wait for that.
func (h *Hub) Expel(r chat.Revocation) {
	h.chores.Put(func(context.Context) { h.expel(r) })
}

func (h *Hub) expel(r chat.Revocation) {
	for _, s := range h.all() {
		s.Lock()
		if s.identity != nil && r.Covers(*s.identity) {
			s.Close(ports.CloseRevoked, errExpelled)
		}
		s.Unlock()
	}
}

var errExpelled = chat.Errorf(chat.Unauthenticated, "the token was revoked")

// Disconnect implements ports.Sessions.
func (h *Hub) Disconnect(user chat.UserID) (ended int) {
	for _, s := range h.all() {
		s.Lock()
		if s.identity != nil && s.identity.User == user && !s.Closing() {
			s.Close(ports.CloseDisconnected, nil)
			ended++
		}
		s.Unlock()
	}
	return ended
}
