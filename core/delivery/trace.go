package delivery

import (
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// delivery sums up, over all shards, how an entry of a trace reached the readers of this node.
type delivery struct {
	room  chat.RoomID
	seq   chat.Seq
	trace chat.Trace
	since time.Time // when the entry was published

	mu      sync.Mutex
	parts   int // how many have not passed it yet
	readers int
	behind  int
	first   time.Time
	last    time.Time
}

// trace begins a summary for each traced entry that is published now. a.mu is held.
func (a *Audience) trace(entries []feed.Traced) (traced []*delivery) {
	if len(entries) == 0 {
		return nil
	}
	now, parts := time.Now(), 0
	for i := range a.parts {
		if len(a.parts[i].followers) > 0 {
			parts++
		}
	}
	for _, e := range entries {
		d := &delivery{room: a.Room(), seq: e.Seq, trace: e.Trace, since: now, parts: parts}
		traced = append(traced, d)
	}
	return traced
}

// served counts a reader. A pass has moved its cursor to cursor.
func (d *delivery) served(cursor chat.Seq) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cursor >= d.seq {
		d.readers++
	} else {
		d.behind++
	}
}

// passed notes that a part's pass is over, and reports whether it was the last.
func (d *delivery) passed(p *part) (last bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if first := p.passing.first; !first.IsZero() && (d.first.IsZero() || first.Before(d.first)) {
		d.first = first
	}
	if p.ended.After(d.last) {
		d.last = p.ended
	}
	d.parts--
	return d.parts == 0
}

// summary returns the result, when all parts have passed.
func (d *delivery) summary() ports.Delivery {
	sum := ports.Delivery{
		Trace: d.trace, Room: d.room, Seq: d.seq, Readers: d.readers, Behind: d.behind, Slowest: d.last.Sub(d.since),
	}
	if !d.first.IsZero() {
		sum.First = d.first.Sub(d.since)
	}
	return sum
}

// trace returns the trace of one of a pass's entries, or "".
func (p *passing) trace() chat.Trace {
	if len(p.traced) == 0 {
		return ""
	}
	return p.traced[0].trace
}
