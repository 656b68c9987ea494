package delivery

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

const (
	fetchEntries = 200 // max entries of one read of the log
	storeTime    = feed.StoreTime
)

// serveReaders serves the readers that wait for the log, until ctx ends.
func (n *Node) serveReaders(ctx context.Context) {
	for n.reads.Wait(ctx) {
		for next := n.reads.Take(1); len(next) > 0 && ctx.Err() == nil; next = n.reads.Take(1) {
			n.fetch(ctx, next[0])
		}
	}
}

// fetch serves a reader from the log: the entries after its cursor, up to one write's worth.
func (n *Node) fetch(ctx context.Context, fl *Follow) {
	r := fl.Reader
	r.Lock()
	v := fl.View()
	cursor, viewer, over := fl.cursor, fl.Who.ID, fl.gone || r.closing
	// Then another reader's fetch has just primed the ring.
	if inRing := r.inRing(fl, v); over || inRing {
		fl.fetching = false
		r.want(fl)
		r.Unlock()
		r.queue()
		return
	}
	r.Unlock()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	entries, err := n.cfg.Log.Read(ctx, fl.Room(), n.fetchSpan(v, cursor, viewer))
	if err == nil && (len(entries) == 0 || entries[0].Seq != cursor+1) {
		err = chat.Errorf(chat.Internal, "the log has no entry after %d in %s", cursor, fl.Room())
	}
	if err == nil {
		fl.Prime(v, entries)
	}
	r.Lock()
	defer r.Unlock()
	fl.fetching = false
	if fl.gone || r.closing {
		return
	}
	if err != nil {
		n.cfg.Observer.Fault(ctx, "serve a reader from the log", err)
		r.want(fl) // for a Retry
		return
	}
	n.cfg.Observer.CaughtUp(r.serve(fl, entries), time.Since(began))
	r.want(fl)
	r.queue()
}

// fetchSpan returns what to read for a reader: about as much as one write takes. If that reaches up
// to the ring, it returns as much as the ring may be primed with, so that the next reader need not
// read it.
func (n *Node) fetchSpan(v *feed.View, cursor chat.Seq, viewer chat.UserID) ports.Span {
	span := ports.Span{After: cursor, Limit: fetchEntries, Bytes: runBytes, Viewer: viewer}
	if cursor+fetchEntries >= v.Floor {
		span.Bytes = max(n.cfg.RingBytes, runBytes)
	}
	return span
}

// serve puts entries of the log into the outbox, until it holds a write's worth, and returns how
// many. The lock is held.
func (r *Reader) serve(fl *Follow, entries []chat.Entry) (served int) {
	r.openOutbox()
	for i := range entries {
		e := &entries[i]
		if e.Seq != fl.cursor+1 || fl.bounded && e.Seq > fl.until || len(r.outbox) >= runBytes {
			break
		}
		if e.Key != "" && r.sending[sendKey{e.Room, e.Key}] > 0 && e.Author.ID == fl.Who.ID {
			// This client has no answer for this send yet: the answer goes first.
			fl.held = true
			break
		}
		r.outbox = r.node.cfg.Encoder.Entry(r.outbox, e)
		fl.cursor = e.Seq
		served++
		fl.Owner.Served(e)
	}
	return served
}
