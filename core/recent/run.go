package recent

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// run has the newest entries of a room, without holes. The Log's mu guards it.
type run struct {
	room    chat.RoomID
	first   chat.Seq // the seq of entries[0], or of the next entry if that is empty
	entries []*kept  // by reference, as entries come and go all the time
	changes int      // how often some of its entries were found to have changed
	turn    chan struct{}
}

type kept struct {
	chat.Entry
	form  ports.Form
	stale bool // it has changed
	anew  int  // the run's changes when it was read again; 0: it was not
}

// place is an entry of a run. Places are in the order in which the entries came.
type place struct {
	of    *run
	seq   chat.Seq
	bytes int
	at    time.Time
}

func (r *run) shift() {
	r.entries[0] = nil
	r.entries = r.entries[1:]
	r.first++
}

// end returns the seq after the last entry.
func (r *run) end() chat.Seq { return r.first + chat.Seq(len(r.entries)) }

// at returns an entry, or nil.
func (r *run) at(seq chat.Seq) *kept {
	if seq < r.first || seq >= r.end() {
		return nil
	}
	return r.entries[seq-r.first]
}

// lock waits until nobody else reads the log for the run.
func (r *run) lock(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *run) unlock() { <-r.turn }

// changed reports whether an entry of a page has changed since, or is not in the run any more.
func (r *run) changed(p *Page) bool {
	return slices.ContainsFunc(p.Entries, func(e chat.Entry) bool {
		k := r.at(e.Seq)
		return k == nil || k.stale || k.anew > p.changes
	})
}

// mark marks entries that an entry has changed. It may mark too many.
func (r *run) mark(by *chat.Entry) {
	if !changes(by) {
		return
	}
	for i := range r.entries {
		if touches(by, &r.entries[i].Entry) {
			r.entries[i].stale = true
		}
	}
	r.changes++
}

// changes reports whether an entry may change others.
func changes(by *chat.Entry) bool {
	switch by.Fact.(type) {
	case chat.Message, chat.MemberChanged, chat.RoomChanged:
		return false
	}
	return true
}

// touches reports whether an entry that changes others may change e.
func touches(by, e *chat.Entry) bool {
	target := by.Target()
	_, unknown := by.Fact.(chat.Unknown) // nobody knows what it changes
	_, set := e.Fact.(chat.Set)
	return unknown || target == 0 && set || target != 0 && (e.Seq == target || e.Target() == target)
}
