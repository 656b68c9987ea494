package delivery

import (
	"errors"
	"slices"
	"sync"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

const (
	runBytes     = 64 << 10 // of one write, about
	maxOutbox    = 64 << 10 // bytes of unwritten answers at which a reader is full
	maxOwed      = 64       // answers yet to be given at which a reader is full
	maxSignals   = 128      // waiting; older ones are dropped
	roundsATurn  = 8        // writes to one reader before its shard turns to the next
	keepScratch  = 256 << 10
	pooledOutbox = 16 << 10
)

// pendingSignal is a signal with its frame, encoded once for all readers that get it.
type pendingSignal struct {
	chat.Signal
	origin string // the id of the reader that does not get it
	frame  []byte
	asked  bool // only those get it who asked
}

// replaceSignal adds sig at the end, and removes an earlier one of its slot.
func replaceSignal(list []pendingSignal, sig pendingSignal) []pendingSignal {
	for i := range list {
		if list[i].Slot() == sig.Slot() {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) >= maxSignals {
		list = append(list[:0], list[1:]...)
	}
	return append(list, sig)
}

// told is what all readers of a feed are told in one pass.
type told struct {
	signals []pendingSignal
	frames  []byte   // of all of them, in a row; it never changes
	seq     chat.Seq // the last entry that one of them speaks of
}

// join puts the frames in a row.
func (t *told) join() {
	if len(t.signals) == 1 {
		t.frames, t.seq = t.signals[0].frame, t.signals[0].Seq
		return
	}
	for i := range t.signals {
		t.frames = append(t.frames, t.signals[i].frame...)
		t.seq = max(t.seq, t.signals[i].Seq)
	}
}

// common returns what those are told who did not ask.
func (t *told) common() told {
	if !slices.ContainsFunc(t.signals, func(sig pendingSignal) bool { return sig.asked }) {
		return *t
	}
	var c told
	for _, sig := range t.signals {
		if !sig.asked {
			c.signals = append(c.signals, sig)
		}
	}
	c.join()
	return c
}

// of reports whether one of the signals is a reader's own.
func (t *told) of(reader string) bool {
	return slices.ContainsFunc(t.signals, func(sig pendingSignal) bool { return sig.origin == reader })
}

var outboxes = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// openOutbox sees to it that there is an outbox. The lock is held.
func (r *Reader) openOutbox() {
	if r.outbox == nil {
		r.lent = outboxes.Get().(*[]byte)
		r.outbox = *r.lent
	}
}

// put encodes a frame at the end of the outbox. The lock is held. queue or flush must follow.
func (r *Reader) put(f ports.Frame) {
	r.openOutbox()
	before := len(r.outbox)
	r.outbox = r.node.cfg.Encoder.Frame(r.outbox, f)
	if r.packing != ports.Unpacked && len(r.outbox)-before >= minPackedAnswer {
		r.pack(before)
	}
	r.owed += len(r.outbox) - before
}

// putRaw is put for bytes.
func (r *Reader) putRaw(p []byte) {
	r.openOutbox()
	r.outbox = append(r.outbox, p...)
	r.owed += len(p)
}

// signal queues a signal for the client. The lock is held.
func (r *Reader) signal(sig pendingSignal) {
	if sig.origin != r.id && !r.closing { // a signal of no room has no origin
		r.signals = replaceSignal(r.signals, sig)
	}
}

// tell queues what the readers of fl's feed are told, for flush. Where nothing else is due, it
// writes that at once, the same bytes to all, and reports true. The lock is held.
func (r *Reader) tell(fl *Follow, t *told) (wrote bool) {
	switch {
	case len(t.frames) == 0:
		return false
	case r.idle() && !fl.bounded && fl.cursor >= max(fl.View().Head, t.seq) && !t.of(r.id):
		r.write(t.frames, true, 0)
		return true
	}
	for _, sig := range t.signals {
		r.signal(sig)
	}
	return false
}

// idle reports whether nothing is due. The lock is held.
func (r *Reader) idle() bool {
	return !r.dead && !r.writing && !r.closing && len(r.outbox) == 0 && len(r.signals) == 0 && len(r.due) == 0
}

// want notes that fl may be behind its feed. The lock is held.
func (r *Reader) want(fl *Follow) {
	if !fl.due && !fl.fetching && !fl.held && !fl.gone {
		fl.due = true
		r.due = append(r.due, fl)
	}
}

// flush writes what is due until nothing is or the socket would block. It runs on the reader's
// shard, with the lock held. scratch is memory of the goroutine.
func (r *Reader) flush(scratch *[]byte) {
	if r.dead || r.writing {
		return
	}
	for range roundsATurn {
		owed := r.owed
		p, shared := r.gather(scratch)
		if len(p) == 0 {
			r.settle()
			return
		}
		if !r.write(p, shared, owed) {
			return
		}
		r.unpause()
	}
	r.queue()
}

// write writes p, of which the first owed bytes are answers, and reports whether all was written.
// If the socket would block, a goroutine goes on; shared says that p does not change meanwhile.
func (r *Reader) write(p []byte, shared bool, owed int) (whole bool) {
	n, err := r.conn.TryWrite(p)
	if err != nil {
		r.Kill(ports.CloseGone)
		return false
	}
	if n == len(p) {
		return true
	}
	rest := p[n:]
	if !shared {
		rest = append([]byte(nil), rest...)
	}
	r.writing, r.handed = true, max(owed-n, 0)
	r.running.Go(func() { r.writeBehind(rest) })
	return false
}

// writeBehind waits for a socket that would block, and serves its reader until nothing more is due.
// It gathers the next bytes only when the socket has taken the last ones.
func (r *Reader) writeBehind(rest []byte) {
	r.node.cfg.Observer.Blocked(1)
	defer r.node.cfg.Observer.Blocked(-1)
	var scratch []byte
	for {
		err := r.conn.Write(rest)
		r.Lock()
		if err == nil {
			r.handed = r.owed
			rest, _ = r.gather(&scratch)
			r.unpause()
		}
		if err != nil || len(rest) == 0 || r.dead {
			r.writing = false
			r.stopWriting(err)
			r.Unlock()
			return
		}
		r.Unlock()
	}
}

func (r *Reader) stopWriting(err error) {
	switch {
	case errors.Is(err, ports.ErrSlow):
		r.Kill(ports.CloseSlow)
	case err != nil:
		r.Kill(ports.CloseGone)
	default:
		r.settle()
	}
}

// settle is called when all that was due is written. The lock is held.
func (r *Reader) settle() {
	if r.closing {
		r.Kill(r.reason)
	}
}

// gather returns the next bytes for the connection: answers first, then entries, then signals. They
// count as handed over. They are memory of a ring, which never changes (then shared is true), or of
// *scratch. The lock is held.
func (r *Reader) gather(scratch *[]byte) (p []byte, shared bool) {
	if len(r.outbox) == 0 && len(r.signals) == 0 && len(r.due) == 1 && !r.closing {
		if p := r.entries(r.due[0], runBytes); len(p) > 0 {
			return p, true
		}
	}
	out := append((*scratch)[:0], r.outbox...)
	r.emptyOutbox()
	for !r.closing && len(r.due) > 0 && len(out) < runBytes {
		out = append(out, r.entries(r.due[0], runBytes-len(out))...)
	}
	out = r.takeSignals(out)
	if cap(out) <= keepScratch {
		*scratch = out
	}
	return out, false
}

// emptyOutbox gives the outbox's memory back, so that an idle reader holds none. The lock is held.
func (r *Reader) emptyOutbox() {
	if r.lent != nil && cap(r.outbox) <= pooledOutbox {
		*r.lent = r.outbox[:0]
		outboxes.Put(r.lent)
	}
	r.outbox, r.lent, r.owed = nil, nil, 0
}

// entries returns the ring's next bytes for fl, the first of the due list, and moves its cursor. It
// takes fl off the list when nothing more is due from the ring. If the ring does not reach back
// to the cursor, it queues fl for a worker that reads the log.
func (r *Reader) entries(fl *Follow, limit int) (p []byte) {
	v := fl.View()
	head := v.Head
	if fl.wary && fl.cursor < head {
		fl.Owner.Next()
	}
	if fl.bounded {
		head = min(head, fl.until)
	}
	switch {
	case fl.gone || fl.cursor >= head:
	case r.inRing(fl, v):
		if p, fl.cursor = r.run(v, fl.cursor, head, limit); fl.cursor < head {
			return p
		}
	default:
		fl.fetching = true
		fl.reading = r.node.reads.Put(fl)
	}
	fl.due = false
	r.due = append(r.due[:0], r.due[1:]...)
	if fl.ends && fl.cursor >= fl.until && !fl.gone {
		fl.Owner.Ended()
	}
	return p
}

// inRing reports whether the ring may serve the entries after the cursor of fl. The lock is held.
func (r *Reader) inRing(fl *Follow, v *feed.View) bool {
	return fl.cursor >= v.Floor && (fl.cursor >= v.Primed || len(r.sending) == 0)
}

// takeSignals appends the signals that are due to out. A signal about an entry waits until the
// client has got the entry. All wait while it is in doubt whether the client may read the room.
func (r *Reader) takeSignals(out []byte) []byte {
	kept := r.signals[:0]
	for _, sig := range r.signals {
		fl := r.follows.in(sig.Room)
		switch {
		case sig.Room == "" && !r.closing:
			out = append(out, sig.frame...)
		case fl == nil || r.closing:
		case fl.bounded, fl.cursor < sig.Seq:
			kept = append(kept, sig)
		default:
			out = append(out, sig.frame...)
		}
	}
	clear(r.signals[len(kept):])
	if r.signals = kept; len(kept) == 0 {
		r.signals = nil
	}
	return out
}
