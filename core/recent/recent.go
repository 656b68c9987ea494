package recent

import (
	"context"
	"slices"
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
	log   ports.Log
	limit int // in bytes

	mu    sync.Mutex
	runs  map[chat.RoomID]*run
	order []place // the entries that are kept, the oldest first
	bytes int     // of the entries in order
}

// Page is what a Read returns.
type Page struct {
	Entries []chat.Entry  // not to be changed
	Forms   []*ports.Form // one for each of Entries, shared by all who read the entry; or nil

	of      *run // nil: it was read from the log
	changes int
	upTo    chat.Seq // the room's head when it was read, or an earlier one
}

// New returns a Log. It keeps entries of so many bytes at most; 0: 16 MiB.
func New(log ports.Log, bytes int) *Log {
	if bytes <= 0 {
		bytes = stdBytes
	}
	return &Log{log: log, limit: bytes, runs: map[chat.RoomID]*run{}}
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

// Read returns what ports.Log.Read would return when the room had this head, or a later one. The
// span has no Newest, Messages, Among or Viewer. If the present head is not known yet, see Holds.
func (l *Log) Read(ctx context.Context, room chat.RoomID, span ports.Span, head chat.Seq) (Page, error) {
	r := l.near(room, span)
	if r == nil {
		return l.direct(ctx, room, span, head)
	}
	if err := r.lock(ctx); err != nil {
		return Page{}, err
	}
	defer r.unlock()
	wanted := head
	for range maxPages {
		l.mu.Lock()
		page, is := l.have(r, room, span, wanted)
		l.mu.Unlock()
		switch is {
		case there:
			return page, nil
		case stale:
			return l.renew(ctx, r, room, span, head)
		case elsewhere:
			return l.direct(ctx, room, span, head)
		}
		got, err := l.extend(ctx, r, room, span)
		switch {
		case err != nil:
			return Page{}, err
		case got.gone:
			return Page{Entries: got.entries, upTo: head}, nil
		case got.all:
			wanted = 0 // the log does not reach so far
		}
	}
	l.mu.Lock()
	l.drop(r)
	l.mu.Unlock()
	return l.direct(ctx, room, span, head)
}

// Holds reports whether the entries of a page had not changed when the room had this head, or a
// later one. It asks the log if its entries up to head are not at hand. If it cannot tell, it
// returns false.
func (l *Log) Holds(ctx context.Context, room chat.RoomID, p *Page, head chat.Seq) (bool, error) {
	if len(p.Entries) == 0 {
		return true, nil
	}
	if p.of == nil {
		return l.holdsSince(ctx, room, p, head)
	}
	if is := l.held(room, p, head); is != behind {
		return is == there, nil
	}
	if err := p.of.lock(ctx); err != nil {
		return false, err
	}
	defer p.of.unlock()
	for range maxPages {
		if is := l.held(room, p, head); is != behind {
			return is == there, nil
		}
		got, err := l.extend(ctx, p.of, room, ports.Span{})
		if err != nil {
			return false, err
		}
		if got.all {
			head = 0
		}
	}
	return false, nil
}

// held is Holds as far as it is known without asking the log.
func (l *Log) held(room chat.RoomID, p *Page, head chat.Seq) answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.runs[room] != p.of:
		return elsewhere
	case p.of.changes != p.changes && p.of.changed(p):
		return stale
	case p.of.end() <= head:
		return behind
	}
	return there
}

// holdsSince is Holds for a page that was read from the log.
func (l *Log) holdsSince(ctx context.Context, room chat.RoomID, p *Page, head chat.Seq) (bool, error) {
	if p.upTo >= head {
		return true, nil
	}
	since, err := l.log.Read(ctx, room, ports.Span{After: p.upTo, Limit: pageEntries, Bytes: pageBytes})
	if err != nil || full(since, pageEntries, pageBytes) && since[len(since)-1].Seq < head {
		return false, err
	}
	for i := range since {
		if changes(&since[i]) && slices.ContainsFunc(p.Entries, func(e chat.Entry) bool { return touches(&since[i], &e) }) {
			return false, nil
		}
	}
	return true, nil
}

func (l *Log) direct(ctx context.Context, room chat.RoomID, span ports.Span, head chat.Seq) (Page, error) {
	entries, err := l.log.Read(ctx, room, span)
	return Page{Entries: entries, upTo: head}, err
}

// near returns the room's run if it reaches the beginning of span, or if one can begin there;
// otherwise nil.
func (l *Log) near(room chat.RoomID, span ports.Span) *run {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[room]
	switch {
	case r == nil || span.After >= r.end():
		if span.Before != 0 {
			return nil
		}
		return l.begin(room, span.After+1)
	case span.After+1 < r.first:
		return nil
	}
	return r
}

type answer uint8

const (
	there     answer = iota
	stale            // it is there, but has changed
	elsewhere        // the run does not have it any more
	behind           // the log must be read from the run's end on
)

// have returns the entries of a span that the run has. mu is held.
func (l *Log) have(r *run, room chat.RoomID, span ports.Span, head chat.Seq) (page Page, is answer) {
	switch {
	case l.runs[room] != r || span.After+1 < r.first || span.After >= r.end():
		return page, elsewhere
	case r.end() <= head:
		return page, behind
	}
	from, bytes := int(span.After+1-r.first), 0
	many := min(span.Limit, len(r.entries)-from)
	page = Page{Entries: make([]chat.Entry, 0, many), Forms: make([]*ports.Form, 0, many), of: r, changes: r.changes}
	for i := from; i < from+many; i++ {
		k := r.entries[i]
		if span.Before != 0 && k.Seq >= span.Before {
			break
		}
		if k.stale {
			return Page{}, stale
		}
		page.Entries, page.Forms = append(page.Entries, k.Entry), append(page.Forms, &k.form)
		if bytes += k.Size(); span.Bytes > 0 && bytes >= span.Bytes {
			break
		}
	}
	return page, there
}

// extension is the result of extend.
type extension struct {
	entries []chat.Entry
	gone    bool // the run was dropped, and the entries are the answer to the span
	all     bool // the run has all that the log had
}

// extend reads what comes after the run. The run is dropped if the span begins there and more comes
// after its entries, and if there is nothing.
func (l *Log) extend(ctx context.Context, r *run, room chat.RoomID, span ports.Span) (got extension, err error) {
	l.mu.Lock()
	last := r.end() - 1
	l.mu.Unlock()
	ask, whole := ports.Span{After: last, Limit: pageEntries, Bytes: pageBytes}, false
	if span.Limit > 0 && span.After == last && span.Before == 0 {
		ask, whole = span, true
	}
	got.entries, err = l.log.Read(ctx, room, ask)
	l.mu.Lock()
	defer l.mu.Unlock()
	more := full(got.entries, ask.Limit, ask.Bytes)
	if err != nil || whole && more || len(got.entries) == 0 && len(r.entries) == 0 {
		l.drop(r)
		got.gone = true
		return got, err
	}
	for i := range got.entries {
		if got.entries[i].Seq == r.end() {
			l.put(r, &got.entries[i])
		}
	}
	got.all = !more
	return got, nil
}

// full reports whether a read returned as much as was asked for.
func full(entries []chat.Entry, limit, bytes int) bool {
	return len(entries) >= limit || bytes > 0 && sum(entries) >= bytes
}

func sum(entries []chat.Entry) (bytes int) {
	for i := range entries {
		bytes += entries[i].Size()
	}
	return bytes
}

// renew reads a span with entries that have changed, and keeps what it has read.
func (l *Log) renew(ctx context.Context, r *run, room chat.RoomID, span ports.Span, head chat.Seq) (Page, error) {
	l.mu.Lock()
	changes := r.changes
	l.mu.Unlock()
	page, err := l.direct(ctx, room, span, head)
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
		k := &kept{Entry: *e, anew: changes}
		page.Forms[i] = &k.form
		if r.at(e.Seq) != nil {
			r.entries[e.Seq-r.first] = k
		}
	}
	return page, nil
}

// begin begins a run, and replaces the room's previous one. mu is held.
func (l *Log) begin(room chat.RoomID, first chat.Seq) *run {
	r := &run{room: room, first: first, turn: make(chan struct{}, 1)}
	l.runs[room] = r
	return r
}

// drop forgets a run. mu is held.
func (l *Log) drop(r *run) {
	if l.runs[r.room] == r {
		delete(l.runs, r.room)
	}
}

// put adds the next entry to a run. mu is held.
func (l *Log) put(r *run, e *chat.Entry) {
	r.mark(e)
	r.entries = append(r.entries, &kept{Entry: *e})
	// Twice the size, as it may be kept in its encoded form too.
	is := place{of: r, seq: e.Seq, bytes: entryBytes + 2*e.Size(), at: time.Now()}
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
		l.drop(is.of)
	}
}
