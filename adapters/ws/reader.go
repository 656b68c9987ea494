package ws

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/ports"
)

// reader passes what a client sends to its session. It never waits. When it must not take more for
// now, it sets hold, and its caller waits in the way of its kind of connection.
type reader struct {
	line        line
	session     ports.Session
	observer    ports.SocketObserver
	parser      parser
	messageTime time.Duration

	hold    hold // why no more bytes are taken for now
	ended   bool // further bytes of the client are ignored
	parting bool // the client sends no more either: only the session's last frames are waited for

	due   time.Time // when the current message must be complete; zero: none has begun
	round uint      // the parser's rounds when due was set

	pong []byte // buffer of pongs
}

// line is what a reader needs of its connection.
type line interface {
	// wakeBy makes expire be called after due, unless wakeBy is called again before. A zero time
	// cancels it.
	wakeBy(due time.Time)
	// owe counts bytes of pongs that the client has not taken yet, and reports whether they are too
	// many.
	owe(n int) (tooMany bool)
}

// hold is what must happen before more bytes are taken from a client.
type hold uint8

const (
	holdNone  hold = iota
	holdBusy       // the session resumes
	holdPongs      // the client takes some written data
)

func newReader(cfg *Config, l line, session ports.Session, inflates bool) *reader {
	r := new(reader)
	r.start(cfg, l, session, inflates)
	return r
}

// start makes a zero reader ready. inflates is whether the client may compress what it sends.
func (r *reader) start(cfg *Config, l line, session ports.Session, inflates bool) {
	r.line, r.session, r.observer, r.messageTime = l, session, cfg.Observer, cfg.MessageTime
	r.parser.max, r.parser.inflates = cfg.FrameBytes, inflates
}

// hear takes bytes from the client, which it may change. It returns those that must wait for the
// end of r.hold.
func (r *reader) hear(data []byte) (rest []byte) {
	r.session.Heard()
	return r.take(data)
}

// proceed goes on with the rest after a hold.
func (r *reader) proceed(rest []byte) []byte {
	r.hold = holdNone
	return r.take(rest)
}

func (r *reader) take(data []byte) (rest []byte) {
	for len(data) > 0 && !r.ended && r.hold == holdNone {
		var e event
		e, data = r.parser.next(data)
		r.handle(e)
		r.parser.release()
	}
	r.limit()
	return data
}

func (r *reader) handle(e event) {
	switch e.kind {
	case message:
		if e.packed > 0 {
			r.observer.Compressed(ports.Compression{What: ports.Commands, Messages: 1, Plain: len(e.payload), Packed: e.packed})
		}
		// The context does not end with the connection: a command is carried out even if the client
		// goes.
		if !r.session.Command(context.Background(), wire.Decode(e.payload)) {
			r.hold = holdBusy
		}
	case ping:
		r.answer(e.payload)
	case closed:
		r.ended, r.parting = true, true
		r.session.Finish(closeAnswer(e.code), ports.CloseGone)
	case violation:
		r.finish(appendClose(nil, e.code, string(e.payload)), ports.CloseProtocol)
	case pong, needMore: // Heard was called for them
	}
}

// answer answers a ping. If too many pongs are unread, no more bytes are taken, so that a client
// that pings and does not read cannot fill the memory.
func (r *reader) answer(payload []byte) {
	r.pong = appendControl(r.pong[:0], opPong, payload)
	r.session.Reply(r.pong)
	if r.line.owe(len(r.pong)) {
		r.hold = holdPongs
	}
}

// limit bounds the time of a message from its first byte on, control frames included. The time does
// not run while something other than the client is waited for.
func (r *reader) limit() {
	switch {
	case r.ended || r.hold != holdNone || r.parser.idle():
		if !r.due.IsZero() {
			r.due = time.Time{}
			r.line.wakeBy(r.due)
		}
	case r.due.IsZero() || r.round != r.parser.rounds:
		r.due, r.round = time.Now().Add(r.messageTime), r.parser.rounds
		r.line.wakeBy(r.due)
	}
}

// expire ends the session if its client's message still takes too long.
func (r *reader) expire() {
	if !r.due.IsZero() && !time.Now().Before(r.due) {
		code, _ := wire.CloseCode(ports.CloseSilent)
		r.finish(appendClose(nil, code, "a message took too long"), ports.CloseSilent)
	}
}

// hangUp ends the session of a client that sends no more and sent no close frame. The client may
// still read its answers.
func (r *reader) hangUp() {
	r.parting = true
	r.finish(nil, ports.CloseGone)
	r.limit()
}

// idle reports whether the reader has no state, like a new one.
func (r *reader) idle() bool { return !r.ended && r.hold == holdNone && r.parser.idle() }

// finish ends the session with a last frame of the transport.
func (r *reader) finish(frame []byte, reason ports.CloseReason) {
	r.ended = true
	r.session.Finish(frame, reason)
}

// panicked handles a panic: the process goes on, and the client does not see the text.
func (r *reader) panicked(v any) {
	r.observer.Fault(context.Background(), "read from a socket", fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	code, text := wire.CloseCode(ports.CloseInternal)
	r.finish(appendClose(nil, code, text), ports.CloseInternal)
	r.limit()
}

// maxPongs is how many bytes of pongs may wait for the client. Beyond that nothing more is read
// from the client.
const maxPongs = 8 << 10

// debt counts the bytes of pongs since the client last took data.
type debt struct{ bytes atomic.Int32 }

func (d *debt) owe(n int) (tooMany bool) { return d.bytes.Add(int32(n)) > maxPongs }
func (d *debt) tooMany() bool            { return d.bytes.Load() > maxPongs }

// pay records that the client took data, and reports whether a reader may wait for that.
func (d *debt) pay() (awaited bool) { return d.bytes.Load() > 0 && d.bytes.Swap(0) > maxPongs }
