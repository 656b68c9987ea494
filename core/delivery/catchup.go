package delivery

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

const (
	fetchEntries = 200 // entries that one look into the log serves at most
	storeTime    = feed.StoreTime
)

// serveReaders serves from the log those who wait for it, until ctx ends.
func (h *Hub) serveReaders(ctx context.Context) {
	for h.reads.Wait(ctx) {
		for next := h.reads.Take(1); len(next) > 0 && ctx.Err() == nil; next = h.reads.Take(1) {
			h.fetch(ctx, next[0])
		}
	}
}

// fetch serves a reader from the log: the entries behind its cursor, as many as one write takes.
func (h *Hub) fetch(ctx context.Context, fl *follow) {
	s := fl.session
	s.mu.Lock()
	v := fl.View()
	cursor, viewer, over := fl.cursor, fl.who.ID, fl.gone || s.closing
	if inRing := s.inRing(fl, v); over || inRing { // somebody else has just read for the ring what this one waits for
		fl.fetching = false
		s.want(fl)
		s.mu.Unlock()
		h.queue(s)
		return
	}
	s.mu.Unlock()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	entries, err := h.cfg.Log.Read(ctx, fl.Room(), h.fetchSpan(v, cursor, viewer))
	if err == nil && (len(entries) == 0 || entries[0].Seq != cursor+1) {
		err = chat.Errorf(chat.Internal, "the log does not go on behind %d in %s", cursor, fl.Room())
	}
	if err == nil {
		fl.Prime(v, entries)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fl.fetching = false
	if fl.gone || s.closing {
		return
	}
	if err != nil {
		h.cfg.Observer.Fault(ctx, "serve a reader from the log", err)
		s.want(fl) // the next look at the sessions tries again
		return
	}
	h.cfg.Observer.CaughtUp(s.serve(fl, entries), time.Since(began))
	s.want(fl)
	h.queue(s)
}

// fetchSpan returns what to read for a reader: about what one write takes; or, where that reaches up to the ring, what may be put before it,
// so that the next reader need not read it.
func (h *Hub) fetchSpan(v *feed.View, cursor chat.Seq, viewer chat.UserID) ports.Span {
	span := ports.Span{After: cursor, Limit: fetchEntries, Bytes: runBytes, Viewer: viewer}
	if cursor+fetchEntries >= v.Floor {
		span.Bytes = max(h.cfg.RingBytes, runBytes)
	}
	return span
}

// serve puts entries of the log into the outbox, until it holds a write's worth, and returns how many. s.mu is held.
func (s *session) serve(fl *follow, entries []chat.Entry) (served int) {
	if s.outbox == nil {
		s.outbox = *outboxes.Get().(*[]byte)
	}
	for i := range entries {
		e := &entries[i]
		if e.Seq != fl.cursor+1 || fl.bounded && e.Seq > fl.until || len(s.outbox) >= runBytes {
			break
		}
		if e.Key != "" && s.sending[sendKey{e.Room, e.Key}] > 0 && e.Author.ID == fl.who.ID {
			// The log has what this session's client has no answer for yet: the answer goes first.
			fl.held = true
			break
		}
		s.outbox = s.hub.cfg.Encoder.Entry(s.outbox, e)
		fl.cursor = e.Seq
		served++
		if chat.EndsReading(e.Fact, fl.who.ID) {
			s.hub.recheck(fl, e.Seq)
		}
	}
	return served
}
