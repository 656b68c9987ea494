package recent

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	stdBytes = 16 << 20
	maxRun   = 1024 // max entries of a room that are kept
	keptFor  = 10 * time.Second

	// entryBytes is about the memory that an entry takes, without what its Size counts.
	entryBytes = 640

	pageEntries, pageBytes = 100, 256 << 10 // max size of a read of what comes after a run
	maxPages               = 3
)

// Log reads rooms of a log near their heads. Its methods may be called concurrently. Make one with
// New.
type Log struct {
	log    ports.Log
	limit  int // in bytes
	within time.Duration

	mu    sync.Mutex
	runs  map[chat.RoomID]*run
	ticks uint64  // counts reads, to order them
	order []place // the entries that are kept, the oldest first
	bytes int     // of the entries in order
}

// run has the newest entries of a room, without holes. The Log's mu guards it.
type run struct {
	first   chat.Seq // the seq of entries[0], or of the next entry if that is empty
	entries []kept
	changes int       // how often some of its entries were found to have changed
	seen    uint64    // the tick of a read that found all entries after the run
	seenAt  time.Time // when that read began
	turn    chan struct{}
}

type kept struct {
	chat.Entry
	form  *ports.Form
	stale bool // it has changed
}

// place is an entry of a run. Places are in the order in which the entries came.
type place struct {
	of    *run
	room  chat.RoomID
	seq   chat.Seq
	bytes int
	at    time.Time
}

// Page is what a Read returns.
type Page struct {
	Entries []chat.Entry  // not to be changed
	Forms   []*ports.Form // one for each of Entries, shared by all who read the entry; or nil

	of      *run
	changes int
}

// New returns a Log. It keeps entries of at most so many bytes; 0: 16 MiB. Read returns entries as
// they were in the log when Read was called, or at most within before. Entries that this node has
// appended always count at once.
func New(log ports.Log, bytes int, within time.Duration) *Log {
	if bytes <= 0 {
		bytes = stdBytes
	}
	return &Log{log: log, limit: bytes, within: within, runs: map[chat.RoomID]*run{}}
}

// Add takes a new entry of a room, in the form that every reader gets. The entries of a room come
// in ascending order. Missing entries between them are read when they are needed.
func (l *Log) Add(e *chat.Entry) {
	if e.Fact == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[e.Room]
	if r == nil {
		r = l.begin(e.Room, e.Seq)
	}
	if e.Seq == r.end() {
		l.put(r, e)
	}
}

// Clear forgets everything, as when the store keeps another log now.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.runs)
	l.order, l.bytes = nil, 0
}

// Prune forgets entries that have been kept for long.
func (l *Log) Prune() {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := time.Now().Add(-keptFor)
	for len(l.order) > 0 && l.order[0].at.Before(before) {
		l.evict()
	}
	if len(l.order) == 0 {
		l.order = nil
	}
}

// Read returns what ports.Log.Read would return, for a span without Newest, Messages, Among or
// Viewer. See New for how old that may be.
func (l *Log) Read(ctx context.Context, room chat.RoomID, span ports.Span) (Page, error) {
	r, asked := l.near(room, span)
	if r == nil {
		return l.direct(ctx, room, span)
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return Page{}, ctx.Err()
	}
	defer func() { <-r.turn }()
	for range maxPages {
		l.mu.Lock()
		page, is := l.have(r, room, span, asked)
		l.mu.Unlock()
		switch is {
		case there:
			return page, nil
		case stale:
			return l.renew(ctx, r, room, span)
		case elsewhere:
			return l.direct(ctx, room, span)
		}
		page, whole, err := l.extend(ctx, r, room, span)
		if err != nil || whole {
			return page, err
		}
	}
	l.mu.Lock()
	l.drop(room, r)
	l.mu.Unlock()
	return l.direct(ctx, room, span)
}

// Changed reports whether an entry of a page is known to have changed since the page was read. It
// does not ask the log.
func (l *Log) Changed(p *Page) bool {
	if p.of == nil || len(p.Entries) == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.of.changes == p.changes {
		return false
	}
	for i := range p.Entries {
		if k := p.of.at(p.Entries[i].Seq); k != nil && k.stale {
			return true
		}
	}
	return false
}

func (l *Log) direct(ctx context.Context, room chat.RoomID, span ports.Span) (Page, error) {
	entries, err := l.log.Read(ctx, room, span)
	return Page{Entries: entries}, err
}

// near returns the room's run if it reaches the beginning of span, or if one can begin there;
// otherwise nil. asked is the tick of this read.
func (l *Log) near(room chat.RoomID, span ports.Span) (r *run, asked uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ticks++
	r = l.runs[room]
	switch {
	case r == nil || span.After >= r.end():
		if span.Before != 0 {
			return nil, l.ticks
		}
		return l.begin(room, span.After+1), l.ticks
	case span.After+1 < r.first:
		return nil, l.ticks
	}
	return r, l.ticks
}

type answer uint8

const (
	there     answer = iota
	stale            // it is there, but has changed
	elsewhere        // the run does not have it any more
	behind           // the log must be read from the run's end on
)

// have returns the entries of a span that the run has. mu is held.
func (l *Log) have(r *run, room chat.RoomID, span ports.Span, asked uint64) (page Page, is answer) {
	switch {
	case l.runs[room] != r || span.After+1 < r.first || span.After >= r.end():
		return page, elsewhere
	case r.seen <= asked && (span.After+1 == r.end() || time.Since(r.seenAt) >= l.within):
		return page, behind
	}
	from, bytes := int(span.After+1-r.first), 0
	many := min(span.Limit, len(r.entries)-from)
	page = Page{Entries: make([]chat.Entry, 0, many), Forms: make([]*ports.Form, 0, many), of: r, changes: r.changes}
	for i := from; i < from+many; i++ {
		k := &r.entries[i]
		if span.Before != 0 && k.Seq >= span.Before {
			break
		}
		if k.stale {
			return Page{}, stale
		}
		page.Entries, page.Forms = append(page.Entries, k.Entry), append(page.Forms, k.form)
		if bytes += k.Size(); span.Bytes > 0 && bytes >= span.Bytes {
			break
		}
	}
	return page, there
}

// extend reads what comes after the run. whole reports that the page is the answer to the span.
// Then the run is dropped, as more comes after the page, or as there is nothing.
func (l *Log) extend(ctx context.Context, r *run, room chat.RoomID, span ports.Span) (page Page, whole bool, err error) {
	l.mu.Lock()
	l.ticks++
	began, at, last := l.ticks, time.Now(), r.end()-1
	l.mu.Unlock()
	ask := ports.Span{After: last, Limit: pageEntries, Bytes: pageBytes}
	if fresh := span.After == last && span.Before == 0; fresh {
		ask, whole = span, true
	}
	found, err := l.log.Read(ctx, room, ask)
	l.mu.Lock()
	defer l.mu.Unlock()
	full := len(found) >= ask.Limit || ask.Bytes > 0 && sum(found) >= ask.Bytes
	if err != nil || whole && full || len(found) == 0 && len(r.entries) == 0 {
		l.drop(room, r)
		return Page{Entries: found}, true, err
	}
	for i := range found {
		if found[i].Seq == r.end() {
			l.put(r, &found[i])
		}
	}
	if !full {
		r.seen, r.seenAt = began, at
	}
	return Page{}, false, nil
}

func sum(entries []chat.Entry) (bytes int) {
	for i := range entries {
		bytes += entries[i].Size()
	}
	return bytes
}

// renew reads a span with entries that have changed, and keeps what it has read.
func (l *Log) renew(ctx context.Context, r *run, room chat.RoomID, span ports.Span) (Page, error) {
	l.mu.Lock()
	changes := r.changes
	l.mu.Unlock()
	page, err := l.direct(ctx, room, span)
	if err != nil {
		return page, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs[room] != r || r.changes != changes {
		return page, nil
	}
	page.of, page.changes = r, changes
	page.Forms = make([]*ports.Form, len(page.Entries))
	for i := range page.Entries {
		e := &page.Entries[i]
		page.Forms[i] = new(ports.Form)
		if k := r.at(e.Seq); k != nil {
			*k = kept{Entry: *e, form: page.Forms[i]}
		}
	}
	return page, nil
}

// begin begins a run, and replaces the room's previous one. mu is held.
func (l *Log) begin(room chat.RoomID, first chat.Seq) *run {
	r := &run{first: first, turn: make(chan struct{}, 1)}
	l.runs[room] = r
	return r
}

// drop forgets a run. mu is held.
func (l *Log) drop(room chat.RoomID, r *run) {
	if l.runs[room] == r {
		delete(l.runs, room)
	}
}

// put adds the next entry to a run. mu is held.
func (l *Log) put(r *run, e *chat.Entry) {
	r.changed(e)
	r.entries = append(r.entries, kept{Entry: *e, form: new(ports.Form)})
	// Twice the size, as it may be kept in its encoded form too.
	is := place{of: r, room: e.Room, seq: e.Seq, bytes: entryBytes + 2*e.Size(), at: time.Now()}
	l.order = append(l.order, is)
	for l.bytes += is.bytes; l.bytes > l.limit; {
		l.evict()
	}
	if len(r.entries) > maxRun {
		r.shift()
	}
}

// evict forgets the oldest entry. mu is held.
func (l *Log) evict() {
	is := l.order[0]
	l.order[0] = place{}
	l.order = l.order[1:]
	l.bytes -= is.bytes
	if len(is.of.entries) > 0 && is.of.first == is.seq {
		is.of.shift()
	}
	if len(is.of.entries) == 0 {
		l.drop(is.room, is.of)
	}
}

func (r *run) shift() {
	r.entries[0] = kept{}
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
	return &r.entries[seq-r.first]
}

// changed marks entries that an entry has changed. It may mark too many.
func (r *run) changed(by *chat.Entry) {
	switch by.Fact.(type) {
	case chat.Message, chat.MemberChanged, chat.RoomChanged:
		return
	}
	target := by.Target()
	_, unknown := by.Fact.(chat.Unknown) // nobody knows what it changes
	for i := range r.entries {
		k := &r.entries[i]
		_, set := k.Fact.(chat.Set)
		if unknown || target == 0 && set || target != 0 && (k.Seq == target || k.Target() == target) {
			k.stale = true
		}
	}
	r.changes++
}
