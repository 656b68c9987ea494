package ws

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parley-chat/parley/ports"
)

// polled is a client's connection after the handshake, without a goroutine of its own: while nothing happens it is this struct, and a
// place in the poller's table. What happens to it (its socket's events, Resume, Close, a timer) sets a bit of its state, and has one
// worker of the crew give it a turn. Whoever has the turn alone reads, and closes the file in the end.
//
//	idle ──wake──► queued ──worker──► turn ──nothing to do──► idle
//	                 ▲                 │ └──it is over──► end
//	                 └──more to do─────┘
type polled struct {
	debt

	poller  *poller
	session ports.Session // nil where there was no room for one
	state   atomic.Uint32
	wants   atomic.Pointer[waiter] // who waits to write

	mu   sync.Mutex  // held over each call of the system but those of the turn's owner
	fd   int32       // -1 once it is closed: the number may be another's
	mark uint32      // tells the file from earlier ones of its number
	bye  *time.Timer // ends a goodbye that takes too long

	reading *reading // nil while nothing is under way; the turn's owner's
}

// Bits of a polled connection's state.
const (
	taken    uint32 = 1 << iota // it is queued, has a turn, or is over: nobody needs to queue it
	again                       // something has happened since the turn began
	readable                    // there may be something to read
	hungUp                      // the client sends no more, or the connection broke: reading tells which
	resumed                     // Resume was called
	closing                     // Close was called
	gone                        // there is nobody to wait for any more
	late                        // a message may have taken too long
)

// reading is what a connection has only while something of its client is under way.
type reading struct {
	reader
	rest   []byte      // what r.hold keeps from being taken
	lent   *[]byte     // the memory of rest, where it is the pool's
	timer  *time.Timer // of the message under way
	halved bool        // we send no more
}

// waiter is a write that waits for the client.
type waiter struct{ ready chan struct{} } // holds one

var (
	_ ports.Conn = (*polled)(nil)
	_ line       = (*polled)(nil)
)

// wake notes what has happened, and has the connection get a turn.
func (c *polled) wake(bits uint32) {
	if c.note(bits) {
		c.poller.crew.put(c)
	}
}

// note is wake without the last step: that is the caller's when it returns true.
func (c *polled) note(bits uint32) bool { return c.state.Or(bits|again|taken)&taken == 0 }

// rest ends a turn, unless something has happened since it began.
func (c *polled) rest() bool {
	for {
		state := c.state.Load()
		if state&again != 0 {
			return false
		}
		if c.state.CompareAndSwap(state, state&^taken) {
			return true
		}
	}
}

// TryWrite implements ports.Conn.
func (c *polled) TryWrite(p []byte) (int, error) {
	n, err := c.write(p)
	if n > 0 && c.pay() {
		c.wake(0)
	}
	return n, err
}

func (c *polled) write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 || c.state.Load()&gone != 0 {
		return 0, net.ErrClosed
	}
	for {
		switch n, err := syscall.Write(int(c.fd), p); {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}

// Write implements ports.Conn. Whatever the client takes renews its time.
func (c *polled) Write(p []byte) error {
	// The poller tells when the socket comes to take something again, and tells it once: it must know of the waiter before the try
	// that takes too little.
	w := &waiter{ready: make(chan struct{}, 1)}
	c.wants.Store(w)
	defer c.wants.Store(nil)
	stalled := time.NewTimer(c.poller.cfg.WriteStall)
	defer stalled.Stop()
	for {
		n, err := c.TryWrite(p)
		if err != nil {
			return err
		}
		if p = p[n:]; len(p) == 0 {
			return nil
		}
		if n > 0 {
			stalled.Reset(c.poller.cfg.WriteStall)
		}
		select {
		case <-w.ready:
		case <-stalled.C:
			return ports.ErrSlow
		}
	}
}

// writable tells a write that waits to look again.
func (c *polled) writable() {
	if w := c.wants.Load(); w != nil {
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}
}

// Resume implements ports.Conn.
func (c *polled) Resume() { c.wake(resumed) }

// Close implements ports.Conn.
func (c *polled) Close(reason ports.CloseReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load()&closing != 0 || c.fd < 0 {
		return
	}
	switch reason {
	case ports.CloseSlow:
		// What it has not taken is dropped with the file, and not kept by the system for minutes.
		_ = syscall.SetsockoptLinger(int(c.fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		c.cut(closing)
	case ports.CloseGone:
		c.cut(closing)
	default:
		c.bye = time.AfterFunc(goodbye, c.giveUp)
		c.wake(closing)
	}
}

// giveUp ends a goodbye. It may come when the connection is over already.
func (c *polled) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		c.cut(0)
	}
}

// cut ends the connection for its client and whoever waits for it, whatever the turn's owner is doing. c.mu is held.
func (c *polled) cut(bits uint32) {
	_ = syscall.Shutdown(int(c.fd), syscall.SHUT_RDWR)
	c.wake(gone | bits)
	c.writable()
}

// wakeBy implements line.
func (c *polled) wakeBy(due time.Time) {
	r := c.reading
	switch {
	case due.IsZero():
		r.timer.Stop()
	case r.timer == nil:
		r.timer = time.AfterFunc(time.Until(due), func() { c.wake(late) })
	default:
		r.timer.Reset(time.Until(due))
	}
}

// begin is the start of a connection's life, and its first turn. It may wait for the store.
func (c *polled) begin(a *Adapter, opening *ports.Opening, early []byte) {
	session, err := a.cfg.Sessions.Open(c, *opening)
	switch {
	case err == nil:
		if c.session = session; len(early) > 0 {
			c.hear(early, nil)
		}
	case a.turnAway(c, err):
		c.startReading().ended = true
	default:
		c.state.Or(gone | again)
	}
	if !c.rest() {
		c.poller.crew.put(c)
	}
}

// turn lets the connection do what it can without waiting for its client: a little, so that others get theirs. It reports whether
// the connection wants another turn.
func (c *polled) turn() (more bool) {
	switch c.step() {
	case stepMore:
		return true
	case stepOver:
		c.end()
		return false
	}
	return !c.rest()
}

// step is what a turn came to.
type step uint8

const (
	stepDone step = iota // nothing is left to do before something happens
	stepMore             // there may be more to do
	stepOver             // the connection is
)

func (c *polled) step() step {
	r := c.reading
	state := c.state.And(^(again | late))
	switch {
	case state&gone != 0:
		return stepOver
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

// receive reads once if there may be something to read. A read that does not fill the buffer has emptied the socket: what comes later,
// the poller tells. That the client has hung up it has told for good.
func (c *polled) receive(state uint32) (lent *[]byte, n int, next step) {
	if state&(readable|hungUp) == 0 {
		return nil, 0, stepDone
	}
	lent = readBuffers.Get().(*[]byte)
	c.state.And(^readable)
	n, err := syscall.Read(int(c.fd), *lent)
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
	}
	return nil, 0, stepOver
}

func (c *polled) read(state uint32) step {
	lent, n, next := c.receive(state)
	if n > 0 && c.hear((*lent)[:n], lent) {
		return stepMore
	}
	return next
}

// hear brings the reader what the client sent, in memory of the pool or in none that is lent. It returns true when the reader does not
// just want more.
func (c *polled) hear(data []byte, lent *[]byte) (held bool) {
	r := c.startReading()
	r.rest, r.lent = data, lent
	return c.bring(true)
}

// bring has the reader take the rest, which is fresh or what it held back, and lets go of what is not needed any more.
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

// proceed goes on once the reader's hold is over, or the connection is.
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

// part waits for Close when nothing that the client sends counts any more, and then reads it to no use until the client goes or its time
// is over: a connection that is closed with bytes unread is reset, and the client might never see the close frame.
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

// end closes the connection. Nothing uses it any more.
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
		c.reading.start(c.poller.cfg, c, c.session)
	}
	return c.reading
}

// stopReading lets go of what only a message under way needs. The parser's buffer serves others.
func (c *polled) stopReading() {
	r := c.reading
	c.reading = nil
	if r.timer != nil {
		r.timer.Stop()
	}
	r.drop()
	kept := r.parser.message[:0]
	if cap(kept) > keptMessageBytes {
		kept = nil
	}
	*r = reading{reader: reader{parser: parser{message: kept}, pong: r.pong}}
	readings.Put(r)
}
