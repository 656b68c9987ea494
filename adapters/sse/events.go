package sse

import (
	"bytes"
	"strconv"
	"sync"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// events is the Conn of a stream of server-sent events (the HTML standard, "Server-sent events").
//
// It makes an event of each frame, and tells the session which frames the client has received
// completely. If the client has received only a part of a frame's event, events remembers how many
// bytes. The session writes that frame again, it becomes the same event, and the rest of it is
// sent. So events keeps no bytes.
type events struct {
	link
	form    form
	session ports.Session // it is set once the line is there

	// Only one call of the session at a time uses these.
	cursors cursors
	head    []byte // of the answer, until it is written
	begun   bool   // the head was written, or is about to be
	sent    int    // bytes of the first frame's event that the client has received
	left    int    // how many rooms are not followed any more
}

var _ ports.Conn = (*events)(nil)

// form makes events of frames. For the same frame and cursors the event is always the same.
type form interface {
	// event appends the event of a frame. moved says that the frame has moved a cursor. rest are
	// further frames that are due now.
	event(dst []byte, f frame, c *cursors, moved bool, rest []byte) []byte
}

// step is one frame that is being written, with what is needed to undo its effect.
type step struct {
	in, out int // where the frame and its event end
	room    int // the room whose cursor it moved; -1: none
	before  chat.Seq
	leaves  bool // it says that a room is not followed any more
}

const batchBytes = 32 << 10 // of events that are written at once, approximately

// scratch is memory that one write needs.
type scratch struct {
	out   []byte
	steps []step
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// TryWrite implements ports.Conn.
func (e *events) TryWrite(p []byte) (int, error) {
	line := e.now()
	if line == nil {
		return 0, nil
	}
	return e.push(p, line.TryWrite)
}

// Write implements ports.Conn.
func (e *events) Write(p []byte) error {
	line, err := e.wait()
	if err != nil {
		return err
	}
	_, err = e.push(p, func(out []byte) (int, error) {
		if err := line.Write(out); err != nil {
			return 0, err
		}
		return len(out), nil
	})
	return err
}

// push writes the events of frames. It returns how many bytes of p are done.
func (e *events) push(p []byte, write func([]byte) (int, error)) (done int, err error) {
	s := scratches.Get().(*scratch)
	defer func() {
		if cap(s.out) <= 4*batchBytes {
			scratches.Put(s)
		}
	}()
	for done < len(p) {
		if err := e.encode(s, p, done); err != nil {
			return done, err
		}
		n, err := 0, error(nil)
		if out := s.out[e.sent:]; len(out) > 0 {
			n, err = write(out)
		}
		if n > 0 {
			e.session.Heard() // taking data is the only sign of life of this client
		}
		whole := e.settle(s, e.sent+n)
		if e.left >= len(e.cursors.rooms) {
			return done, e.finish()
		}
		if whole > 0 {
			done = s.steps[whole-1].in
		}
		if err != nil || whole < len(s.steps) {
			return done, err
		}
	}
	return done, nil
}

// encode makes events of the frames in p after from, for one write.
func (e *events) encode(s *scratch, p []byte, from int) error {
	s.out, s.steps = s.out[:0], s.steps[:0]
	for at := from; at < len(p) && len(s.out) < batchBytes; {
		f, size, err := nextFrame(p[at:])
		if err != nil {
			return err
		}
		at += size
		is := step{in: at, room: -1}
		if !e.begun {
			e.begun = true
			s.out = append(s.out, e.head...)
		}
		room, to, moves := moved(f, &e.cursors)
		if moves {
			is.room, is.before = room, e.cursors.at[room]
			e.cursors.at[room] = to
		}
		is.leaves = f.op == opText && bytes.Equal(wire.TypeOf(f.payload), typeLeft)
		s.out = e.form.event(s.out, f, &e.cursors, moves, p[at:])
		is.out = len(s.out)
		s.steps = append(s.steps, is)
	}
	return nil
}

// settle undoes the frames whose events the client has not received completely. got is how many
// bytes it has received. It returns how many frames are complete.
func (e *events) settle(s *scratch, got int) (whole int) {
	for whole < len(s.steps) && s.steps[whole].out <= got {
		if s.steps[whole].leaves {
			e.left++
		}
		whole++
	}
	for i := len(s.steps) - 1; i >= whole; i-- {
		if room := s.steps[i].room; room >= 0 {
			e.cursors.at[room] = s.steps[i].before
		}
	}
	e.sent = got
	if whole > 0 {
		e.head = nil
		e.sent -= s.steps[whole-1].out
	} else if e.head != nil {
		e.begun = false
	}
	return whole
}

var (
	typeLeft  = []byte("left")
	typeDrain = []byte("drain")
)

// moved returns which cursor a frame moves, and to where.
func moved(f frame, c *cursors) (room int, to chat.Seq, moves bool) {
	if f.op != opText {
		return 0, 0, false
	}
	if name, seq, ok := wire.PlaceOf(f.payload); ok {
		room = c.find(name)
		return room, seq, room >= 0
	}
	if at, ok := wire.JoinedOf(f.payload); ok {
		room = c.find([]byte(at.Room))
		return room, at.From - 1, room >= 0
	}
	return 0, 0, false
}

// plain is the form of the service's own streams: an event is a frame of protocol v1. If it moves a
// cursor, it has an id.
type plain struct{}

func (plain) event(dst []byte, f frame, c *cursors, moved bool, _ []byte) []byte {
	switch f.op {
	case opPing:
		return append(dst, ": ping\n\n"...)
	case opClose:
		return appendEnd(dst, f.payload)
	case opText:
	default:
		return dst
	}
	if moved {
		dst = append(c.appendID(append(dst, "id: "...)), '\n')
	} else if after, ok := bytes.CutPrefix(f.payload, []byte(`{"type":"drain","reconnect_in_ms":`)); ok {
		dst = appendRetry(dst, afterDrain(after))
	}
	return append(appendData(dst, f.payload), '\n')
}

// appendData appends text as lines of data. A frame has line breaks only in JSON that clients gave,
// between its parts.
func appendData(dst, text []byte) []byte {
	for {
		dst = append(dst, "data: "...)
		i := bytes.IndexAny(text, "\r\n")
		if i < 0 {
			return append(append(dst, text...), '\n')
		}
		dst = append(append(dst, text[:i]...), '\n')
		text = text[i+1:]
	}
}

// appendEnd appends the event of a close frame. Its payload is a code, perhaps followed by a
// reason.
func appendEnd(dst, payload []byte) []byte {
	if len(payload) < 2 {
		return dst
	}
	code := int64(payload[0])<<8 | int64(payload[1])
	dst = append(dst, `data: {"type":"close","code":`...)
	dst = strconv.AppendInt(dst, code, 10)
	dst = append(dst, `,"message":`...)
	// Reasons are the service's own, without special characters.
	dst = strconv.AppendQuote(dst, string(payload[2:]))
	return append(dst, "}\n\n"...)
}

func appendRetry(dst []byte, ms int) []byte {
	return append(strconv.AppendInt(append(dst, "retry: "...), int64(ms), 10), '\n')
}

const (
	// How long a client waits before it connects again; a random time of up to as much is added.
	retryMS = 2000
	// The same after a drain, which is spread already; up to four times that is random.
	drainMS = 250
)

// afterDrain returns how long a client waits after its stream was ended by a drain. digits is the
// random time in the drain frame.
func afterDrain(digits []byte) int {
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' || n > 1<<20 {
			break
		}
		n = 10*n + int(c-'0')
	}
	return drainMS + n%(3*drainMS)
}
