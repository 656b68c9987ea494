package delivery

import (
	"errors"
	"sync"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

const (
	runBytes     = 64 << 10 // about the most that one write takes
	mostOutbox   = 64 << 10 // bytes of answers unwritten at which a session takes no more commands
	mostSending  = 64       // changes under way at which a session takes no more commands
	mostSignals  = 128      // signals waiting; older ones make way
	roundsATurn  = 8        // writes to one session before its shard turns to the next
	keepScratch  = 256 << 10
	pooledOutbox = 16 << 10
)

// pendingSignal is a signal with its frame, encoded once for all who get it.
type pendingSignal struct {
	chat.Signal
	origin string // the id of the session that does not get it
	frame  []byte
}

// replaceSignal puts sig in the place of an earlier one of its slot, or behind the others.
func replaceSignal(list []pendingSignal, sig pendingSignal) []pendingSignal {
	for i := range list {
		if list[i].Slot() == sig.Slot() {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) >= mostSignals {
		list = append(list[:0], list[1:]...)
	}
	return append(list, sig)
}

var outboxes = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// put encodes a frame into the outbox, behind what is there. s.mu is held; queueSession or flush must follow.
func (s *session) put(f ports.Frame) {
	if s.outbox == nil {
		s.outbox = *outboxes.Get().(*[]byte)
	}
	before := len(s.outbox)
	s.outbox = s.hub.cfg.Encoder.Frame(s.outbox, f)
	s.owed += len(s.outbox) - before
}

// unwritten returns how many bytes of answers the client has not taken yet: what it asked for, and not what it follows. s.mu is held.
func (s *session) unwritten() int { return s.owed + s.handed }

// full reports whether the session takes no more commands before its client has taken what they are answered with. It is asked before an
// answer is made: so a session holds one large answer at most. s.mu is held.
func (s *session) full() bool {
	return len(s.outbox) >= mostOutbox || s.unwritten() >= mostOutbox || s.changes >= mostSending
}

// signal takes a signal for the client. s.mu is held.
func (s *session) signal(sig pendingSignal) {
	if sig.origin != s.id && !s.closing {
		s.signals = replaceSignal(s.signals, sig)
	}
}

// want notes that fl may be behind its feed. s.mu is held.
func (s *session) want(fl *follow) {
	if !fl.due && !fl.fetching && !fl.held && !fl.gone {
		fl.due = true
		s.due = append(s.due, fl)
	}
}

// flush writes what is due until nothing is or the socket would block. It runs on the session's shard, with s.mu held.
func (s *session) flush(w *shard) {
	if s.dead || s.writing {
		return
	}
	for range roundsATurn {
		owed := s.owed
		p, shared := s.gather(&w.scratch)
		if len(p) == 0 {
			s.settle()
			return
		}
		n, err := s.conn.TryWrite(p)
		if err != nil {
			s.kill(ports.CloseGone)
			return
		}
		if n < len(p) {
			rest := p[n:]
			if !shared {
				rest = append([]byte(nil), rest...)
			}
			s.writing, s.handed = true, max(owed-n, 0)
			s.writers.Go(func() { s.writeBehind(rest) })
			return
		}
		s.unpause()
	}
	w.queueSession(s)
}

// writeBehind waits for a socket that would block, and serves its session until nothing is due any more. What comes meanwhile for
// the session is not gathered before the socket takes it.
func (s *session) writeBehind(rest []byte) {
	s.hub.cfg.Observer.Blocked(1)
	defer s.hub.cfg.Observer.Blocked(-1)
	var scratch []byte
	for {
		err := s.conn.Write(rest)
		s.mu.Lock()
		if err == nil {
			s.handed = s.owed
			rest, _ = s.gather(&scratch)
			s.unpause()
		}
		if err != nil || len(rest) == 0 || s.dead {
			s.writing = false
			s.stopWriting(err)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

func (s *session) stopWriting(err error) {
	switch {
	case errors.Is(err, ports.ErrSlow):
		s.kill(ports.CloseSlow)
	case err != nil:
		s.kill(ports.CloseGone)
	default:
		s.settle()
	}
}

// settle is called when all that was due is written. s.mu is held.
func (s *session) settle() {
	if s.closing {
		s.kill(s.reason)
	}
}

// gather returns the next bytes for the connection: answers first, then entries, then signals. What it returns counts as handed
// over. It is memory of a ring, which never changes (then shared is true), or *scratch. s.mu is held.
func (s *session) gather(scratch *[]byte) (p []byte, shared bool) {
	if len(s.outbox) == 0 && len(s.signals) == 0 && len(s.due) == 1 && !s.closing {
		if p := s.entries(s.due[0], runBytes); len(p) > 0 {
			return p, true
		}
	}
	out := append((*scratch)[:0], s.outbox...)
	s.emptyOutbox()
	for !s.closing && len(s.due) > 0 && len(out) < runBytes {
		out = append(out, s.entries(s.due[0], runBytes-len(out))...)
	}
	out = s.takeSignals(out)
	if cap(out) <= keepScratch {
		*scratch = out
	}
	return out, false
}

// emptyOutbox gives the outbox's memory back, so that an idle session holds none. s.mu is held.
func (s *session) emptyOutbox() {
	if 0 < cap(s.outbox) && cap(s.outbox) <= pooledOutbox {
		b := s.outbox[:0]
		outboxes.Put(&b)
	}
	s.outbox, s.owed = nil, 0
}

// entries returns the ring's next bytes for fl, the first of the due list, and moves its cursor; nothing where there are none. It
// takes fl off the list when nothing more is due from the ring, and has a worker read the log where the ring does not reach back.
func (s *session) entries(fl *follow, most int) (p []byte) {
	v := fl.View()
	head := v.Head
	if fl.unmade && fl.cursor < head {
		s.hub.doubt(fl, fl.cursor)
	}
	if fl.bounded {
		head = min(head, fl.until)
	}
	switch {
	case fl.gone || fl.cursor >= head:
	case s.inRing(fl, v):
		if p, fl.cursor = v.Run(fl.cursor, head, most); fl.cursor < head {
			return p
		}
	default:
		fl.fetching = true
		fl.reading = s.hub.reads.Put(fl)
	}
	fl.due = false
	s.due = append(s.due[:0], s.due[1:]...)
	if fl.refused != nil && fl.cursor >= fl.until && !fl.gone {
		s.dismiss(fl)
	}
	return p
}

// inRing reports whether the ring may serve what comes behind the cursor of fl. s.mu is held.
func (s *session) inRing(fl *follow, v *feed.View) bool {
	return fl.cursor >= v.Floor && (fl.cursor >= v.Primed || len(s.sending) == 0)
}

// takeSignals moves the signals whose time has come behind out: not those about entries that the client has not got,
// nor any while it is in doubt whether it may hear them.
func (s *session) takeSignals(out []byte) []byte {
	kept := s.signals[:0]
	for _, sig := range s.signals {
		fl := s.follows.in(sig.Room)
		switch {
		case fl == nil || s.closing:
		case fl.bounded, fl.cursor < sig.Seq:
			kept = append(kept, sig)
		default:
			out = append(out, sig.frame...)
		}
	}
	clear(s.signals[len(kept):])
	if s.signals = kept; len(kept) == 0 {
		s.signals = nil
	}
	return out
}
