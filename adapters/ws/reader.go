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

// reader brings what a client sends to its session. It never waits for the client or for its own
// connection: where nothing more may be read for now it says so, and whoever drives it waits as its
// kind of connection does.
type reader struct {
	line        line
	session     ports.Session
	observer    ports.FaultObserver
	parser      parser
	messageTime time.Duration

	hold    hold // why nothing more is taken for now
	ended   bool // nothing that the client sends counts any more
	parting bool // the client has said its last, too: there is nothing to wait for but the session's own last

	due   time.Time // when what is under way must have come as a whole; zero while nothing is
	round uint      // the parser's rounds when due was set

	pong []byte // memory for answers to pings
}

// line is what a reader needs of its connection.
type line interface {
	// wakeBy has the reader told when due is past without what it waits for, by expire; a zero time
	// ends that.
	wakeBy(due time.Time)
	// owe counts bytes of pongs that the client has yet to take, and reports whether they are too
	// many.
	owe(n int) (tooMany bool)
}

// hold is what must happen before more is taken from a client.
type hold uint8

const (
	holdNone  hold = iota
	holdBusy       // the session resumes
	holdPongs      // the client takes some of what was written
)

func newReader(cfg *Config, l line, session ports.Session) *reader {
	r := new(reader)
	r.start(cfg, l, session)
	return r
}

// start makes a zero reader ready.
func (r *reader) start(cfg *Config, l line, session ports.Session) {
	r.line, r.session, r.observer, r.messageTime = l, session, cfg.Observer, cfg.MessageTime
	r.parser.most = cfg.FrameBytes
}

// hear takes bytes from the client, and returns those that must wait for what r.hold says. They may
// be changed.
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
	}
	r.limit()
	return data
}

func (r *reader) handle(e event) {
	switch e.kind {
	case message:
		// No context that ends with the connection: what was asked for is done even if its asker
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
	case pong, needMore: // Heard was told
	}
}

// answer answers a ping. So that a client that pings and does not read piles up nothing, nothing
// else of it is taken when too much is unread.
func (r *reader) answer(payload []byte) {
	r.pong = appendControl(r.pong[:0], opPong, payload)
	r.session.Reply(r.pong)
	if r.line.owe(len(r.pong)) {
		r.hold = holdPongs
	}
}

// limit bounds the time of a message, from its first byte on, whatever comes in between. It does
// not run while it is not the client that is waited for.
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

// expire ends the session of a client whose message takes too long, if it still does.
func (r *reader) expire() {
	if !r.due.IsZero() && !time.Now().Before(r.due) {
		code, _ := wire.CloseCode(ports.CloseSilent)
		r.finish(appendClose(nil, code, "a message took too long"), ports.CloseSilent)
	}
}

// hangUp ends the session of a client that sends no more and did not say so. It may still read what
// it asked for.
func (r *reader) hangUp() {
	r.parting = true
	r.finish(nil, ports.CloseGone)
	r.limit()
}

// idle reports whether the reader knows nothing that a new one would not.
func (r *reader) idle() bool { return !r.ended && r.hold == holdNone && r.parser.idle() }

// finish ends the session with a last frame of the transport's own.
func (r *reader) finish(frame []byte, reason ports.CloseReason) {
	r.ended = true
	r.session.Finish(frame, reason)
}

// panicked keeps a panic from the process, and its text from the client.
func (r *reader) panicked(v any) {
	r.observer.Fault(context.Background(), "read from a socket", fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	code, text := wire.CloseCode(ports.CloseInternal)
	r.finish(appendClose(nil, code, text), ports.CloseInternal)
	r.limit()
}

// maxPongs is how many bytes of pongs may wait for the client to read. Their client pays for more:
// nothing else of it is read meanwhile.
const maxPongs = 8 << 10

// debt counts the bytes of pongs since the client last took something.
type debt struct{ bytes atomic.Int32 }

func (d *debt) owe(n int) (tooMany bool) { return d.bytes.Add(int32(n)) > maxPongs }
func (d *debt) tooMany() bool            { return d.bytes.Load() > maxPongs }

// pay tells that the client took something, and reports whether a reader may wait for that.
func (d *debt) pay() (awaited bool) { return d.bytes.Load() > 0 && d.bytes.Swap(0) > maxPongs }
