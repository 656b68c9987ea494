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

// polled is a client's connection after the handshake, without a goroutine of its own. When idle it
// is only this struct, and an entry in the poller's table. Each event (of its socket, Resume,
// Close, a timer) sets a bit of its state, and has one worker of the worker pool give it a turn.
// Only the owner of the turn reads, and closes the file at the end.
//
//	idle ──wake──► queued ──worker──► turn ──nothing to do──► idle
//	                 ▲                 │ └──it is over──► end
//	                 └──more to do─────┘
type polled struct {
	debt

	poller  *poller
	session ports.Session // nil if Open refused it
	state   atomic.Uint32
	wants   atomic.Pointer[waiter] // the write that waits

	mu   sync.Mutex  // held over each system call except those of the turn's owner
	fd   int32       // -1 once it is closed: the number may be used again
	mark uint32      // distinguishes the file from earlier ones of its number
	bye  *time.Timer // ends a goodbye that takes too long

	reading  *reading // nil if idle; belongs to the turn's owner
	deaf     bool     // what the client sends is dropped
	inflates bool     // the client may compress what it sends
}

// Bits of a polled connection's state.
const (
	taken    uint32 = 1 << iota // it is queued, has a turn, or is over: it must not be queued
	again                       // something has happened since the turn began
	readable                    // there may be something to read
	hungUp                      // the client sends no more, or the connection broke: a read tells which
	resumed                     // Resume was called
	closing                     // Close was called
	gone                        // there is nothing to wait for any more
	late                        // the message timer fired
)

// reading is the state that a connection has only while it is not idle.
type reading struct {
	reader
	rest   []byte      // bytes that wait for the end of r.hold
	lent   *[]byte     // the memory of rest, if it is the pool's
	timer  *time.Timer // of the current message
	halved bool        // the server's half is closed
}

// waiter is a write that waits for the client.
type waiter struct{ ready chan struct{} } // holds one

var (
	_ ports.Conn = (*polled)(nil)
	_ line       = (*polled)(nil)
)

// wake sets bits of the state, and queues the connection for a turn.
func (c *polled) wake(bits uint32) {
	if c.note(bits) {
		c.poller.workers.put(c)
	}
}

// note sets bits of the state. If it returns true, the caller must queue the connection.
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
		switch n, err := trySend(int(c.fd), p); {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}

// Write implements ports.Conn. Each progress of the client renews its time.
func (c *polled) Write(p []byte) error {
	// The poller reports only once that the socket can take data again. So it must know of the
	// waiter before the write that does not take all.
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

// writable wakes a write that waits.
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
		// Unsent data is dropped with the file. Otherwise the system would keep it for minutes.
		_ = syscall.SetsockoptLinger(int(c.fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		c.cut(closing)
	case ports.CloseGone:
		c.cut(closing)
	default:
		if c.bye != nil {
			c.bye.Stop()
		}
		c.bye = time.AfterFunc(goodbye, c.giveUp)
		c.wake(closing)
	}
}

// giveUp ends a goodbye. It may be called after the end of the connection.
func (c *polled) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		c.cut(0)
	}
}

// cut ends the connection for the client and for a write that waits, whatever the turn's owner is
// doing. c.mu must be held.
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
