package ws

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/ports"
)

// mostPongs is how many bytes of pongs may wait for the client to read. Their client pays for more: nothing else of it is read
// meanwhile.
const mostPongs = 8 << 10

// reader brings what a client sends to its session.
type reader struct {
	conn     *conn
	session  ports.Session
	observer ports.Observer
	source   source
	parser   parser

	ended bool // nothing that the client sends counts any more

	messageTime time.Duration
	due         time.Time // when what is under way must have come as a whole; zero while nothing is
	round       uint      // the parser's rounds when due was set

	pong    []byte
	pongs   int    // bytes of pongs since the client last took something
	pongsAt uint64 // the count of writes then
}

func newReader(cfg Config, c *conn, session ports.Session) *reader {
	return &reader{
		conn: c, session: session, observer: cfg.Observer, source: newSource(c),
		parser: parser{most: cfg.FrameBytes}, messageTime: cfg.MessageTime,
	}
}

// run reads until the connection or the session ends, beginning with what was there early.
func (r *reader) run(early []byte) {
	if len(early) > 0 {
		r.hear(early)
	}
	for !r.ended {
		data, err := r.source.next()
		if len(data) > 0 {
			r.hear(data)
			r.source.release()
		}
		switch {
		case r.ended:
		case isTimeout(err) && !r.conn.isClosing():
			code, _ := wire.CloseCode(ports.CloseSilent)
			r.finish(appendClose(nil, code, "a message took too long"), ports.CloseSilent)
		case err != nil:
			return
		}
	}
	if !r.conn.parting.Load() {
		r.conn.discard()
	}
}

// hear takes bytes from the client.
func (r *reader) hear(data []byte) {
	r.session.Heard()
	for len(data) > 0 && !r.ended {
		var e event
		e, data = r.parser.next(data)
		r.handle(e)
	}
	r.limit()
}

func (r *reader) handle(e event) {
	switch e.kind {
	case message:
		// No context that ends with the connection: what was asked for is done even if its asker goes.
		if !r.session.Command(context.Background(), wire.Decode(e.payload)) {
			r.pause()
		}
	case ping:
		r.answer(e.payload)
	case closed:
		r.ended = true
		r.session.Finish(closeAnswer(e.code), ports.CloseGone)
		r.conn.await()
	case violation:
		r.finish(appendClose(nil, e.code, string(e.payload)), ports.CloseProtocol)
	case pong, needMore: // Heard was told
	}
}

// pause waits until the session takes commands again. Time does not run for what of the next message was read or not.
func (r *reader) pause() {
	select {
	case <-r.conn.resumed:
		r.stopClock()
	case <-r.conn.closing:
		r.ended = true
	}
}

// answer answers a ping. So that a client that pings and does not read piles up nothing, it waits when too much is unread.
func (r *reader) answer(payload []byte) {
	r.pong = appendControl(r.pong[:0], opPong, payload)
	r.session.Reply(r.pong)
	if n := r.conn.wrote.Load(); n != r.pongsAt {
		r.pongs, r.pongsAt = 0, n
	}
	if r.pongs += len(r.pong); r.pongs > mostPongs {
		r.conn.awaitWrite(r.pongsAt)
		r.stopClock()
	}
}

// limit bounds the time of a message, from its first byte on, whatever comes in between.
func (r *reader) limit() {
	switch {
	case r.ended:
	case r.parser.idle():
		r.stopClock()
	case r.due.IsZero() || r.round != r.parser.rounds:
		r.due, r.round = time.Now().Add(r.messageTime), r.parser.rounds
		_ = r.conn.raw.SetReadDeadline(r.due)
	}
}

func (r *reader) stopClock() {
	if !r.due.IsZero() {
		r.due = time.Time{}
		_ = r.conn.raw.SetReadDeadline(r.due)
	}
}

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
	r.conn.discard()
}
