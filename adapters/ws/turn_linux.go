package ws

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/parley-chat/parley/ports"
)

// beginning stands for the session until the first turn, which opens that.
type beginning struct {
	ports.Session // nil
	adapter       *Adapter
	opening       *ports.Opening
	early         []byte
}

// begin opens the session, in the first turn. It may wait for the store.
func (c *polled) begin(b *beginning) (more bool) {
	session, err := b.adapter.cfg.Sessions.Open(c, *b.opening)
	c.session = session
	switch {
	case err == nil:
		if len(b.early) > 0 {
			c.hear(b.early, nil)
		}
	case b.adapter.turnAway(c, b.opening.Head, err):
		c.startReading().ended = true
	default:
		c.state.Or(gone | again)
	}
	return !c.rest()
}

// turn does a part of the connection's work without waiting for the client. The part is small, so
// that other connections get their turns. turn reports whether the connection wants another one.
func (c *polled) turn() (more bool) {
	if b, first := c.session.(*beginning); first {
		return c.begin(b)
	}
	switch c.step() {
	case stepMore:
		return true
	case stepOver, stepEnd:
		c.end()
		return false
	}
	return !c.rest()
}

// step is the result of a part of a turn.
type step uint8

const (
	stepDone step = iota // nothing to do until the next event
	stepMore             // there may be more to do
	stepOver             // the connection is over
	stepEnd              // the client sends no more
)

func (c *polled) step() step {
	r := c.reading
	state := c.state.And(^(again | late))
	switch {
	case state&gone != 0:
		return stepOver
	case r == nil && c.deaf && state&closing != 0:
		c.startReading().ended = true
		return stepMore
	case r == nil:
		return c.read(state)
	case r.ended:
		return c.part(state)
	case r.hold != holdNone:
		return c.proceed(state)
	case state&late != 0:
		if r.expire(); r.ended {
			return stepMore
		}
	}
	return c.read(state)
}

// receive reads once if there may be something to read. A read that does not fill the buffer has
// emptied the socket, and the poller reports later bytes. That the client has hung up is reported
// only once.
func (c *polled) receive(state uint32) (lent *[]byte, n int, next step) {
	if state&(readable|hungUp) == 0 {
		return nil, 0, stepDone
	}
	lent = readBuffers.Get().(*[]byte)
	c.state.And(^readable)
	n, err := tryReceive(int(c.fd), *lent)
	switch {
	case n > 0 && (n == len(*lent) || state&hungUp != 0):
		c.state.Or(readable)
		return lent, n, stepMore
	case n > 0:
		return lent, n, stepDone
	}
	readBuffers.Put(lent)
	switch {
	case errors.Is(err, syscall.EINTR):
		c.state.Or(readable)
		return nil, 0, stepMore
	case errors.Is(err, syscall.EAGAIN):
		return nil, 0, stepDone
	case err == nil:
		return nil, 0, stepEnd
	}
	return nil, 0, stepOver
}

func (c *polled) read(state uint32) step {
	lent, n, next := c.receive(state)
	if c.deaf {
		if lent != nil {
			readBuffers.Put(lent)
		}
		return next
	}
	if n > 0 && c.hear((*lent)[:n], lent) {
		return stepMore
	}
	if next == stepEnd && c.session != nil {
		c.mu.Lock()
		c.bye = time.AfterFunc(lastAnswers, c.giveUp)
		c.mu.Unlock()
		c.startReading().hangUp()
		return stepMore
	}
	return next
}

// hear passes to the reader what the client sent; lent is its memory, if that is the pool's. It
// returns true if the reader does not simply want more.
func (c *polled) hear(data []byte, lent *[]byte) (held bool) {
	r := c.startReading()
	r.rest, r.lent = data, lent
	return c.bring(true)
}

// bring passes the rest to the reader: fresh bytes, or bytes that were held back. Then it releases
// memory that is not needed any more.
func (c *polled) bring(fresh bool) (held bool) {
	r := c.reading
	defer func() {
		if v := recover(); v != nil {
			r.panicked(v)
		}
		held = r.ended || r.hold != holdNone
		switch {
		case r.idle():
			c.stopReading()
		case r.ended || r.hold == holdNone:
			r.drop()
		}
	}()
	if fresh {
		r.rest = r.hear(r.rest)
	} else {
		r.rest = r.proceed(r.rest)
	}
	return held
}

// drop gives back the memory of the rest.
func (r *reading) drop() {
	if r.rest = nil; r.lent != nil {
		readBuffers.Put(r.lent)
		r.lent = nil
	}
}

// proceed goes on when the reader's hold, or the connection, is over.
func (c *polled) proceed(state uint32) step {
	r := c.reading
	switch {
	case state&closing != 0:
		r.ended = true
		return stepMore
	case r.hold == holdBusy && state&resumed == 0, r.hold == holdPongs && c.tooMany():
		return stepDone
	case r.hold == holdBusy:
		c.state.And(^resumed)
	}
	c.bring(false)
	return stepMore
}

// part waits for Close when the client's bytes are ignored. Then it reads and drops them until the
// client goes or its time is over. A connection that is closed with unread bytes is reset, and the
// client might not see the close frame.
func (c *polled) part(state uint32) step {
	r := c.reading
	switch {
	case state&closing == 0:
		return stepDone
	case r.parting:
		return stepOver
	case !r.halved:
		r.halved = true
		_ = syscall.Shutdown(int(c.fd), syscall.SHUT_WR)
	}
	lent, _, next := c.receive(state)
	if lent != nil {
		readBuffers.Put(lent)
	}
	return next
}

// end closes the connection. Nothing may use it after that.
func (c *polled) end() {
	c.state.Or(closing | gone)
	c.writable()
	if c.session != nil {
		c.session.Closed()
	}
	if c.reading != nil {
		c.stopReading()
	}
	c.mu.Lock()
	fd := c.fd
	c.fd = -1
	if c.bye != nil {
		c.bye.Stop()
	}
	c.mu.Unlock()
	c.poller.remove(int(fd))
}

var readings = sync.Pool{New: func() any { return new(reading) }}

func (c *polled) startReading() *reading {
	if c.reading == nil {
		c.reading = readings.Get().(*reading)
		c.reading.start(c.poller.cfg, c, c.session, c.inflates)
	}
	return c.reading
}

// stopReading releases what only an incomplete message needs. The parser's buffer is used again by
// others.
func (c *polled) stopReading() {
	r := c.reading
	c.reading = nil
	if r.timer != nil {
		r.timer.Stop()
	}
	r.drop()
	r.parser.release()
	kept := r.parser.message[:0]
	if cap(kept) > keptMessageBytes {
		kept = nil
	}
	*r = reading{reader: reader{parser: parser{message: kept}, pong: r.pong}}
	readings.Put(r)
}
