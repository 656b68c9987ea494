package sse

import (
	"errors"
	"net"
	"sync"

	"github.com/parley-chat/parley/ports"
)

// link connects a session with its client. The session may write before the HTTP server has given
// up the client's connection. Then it waits.
type link struct {
	mu    sync.Mutex
	line  ports.Conn    // nil until the HTTP server has given it up
	there chan struct{} // closed when line is there, or will never come; nil after that
	over  bool          // it was closed before line was there
	done  bool          // the client has received everything
}

func newLink() link { return link{there: make(chan struct{})} }

// now returns the line, or nil if it is not there yet.
func (l *link) now() ports.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.line
}

// wait returns the line once it is there.
func (l *link) wait() (ports.Conn, error) {
	l.mu.Lock()
	there := l.there
	l.mu.Unlock()
	if there != nil {
		<-there
	}
	if line := l.now(); line != nil {
		return line, nil
	}
	return nil, net.ErrClosed
}

// attach sets the line. If the link was closed meanwhile, it closes the line.
func (l *link) attach(line ports.Conn) {
	l.mu.Lock()
	over := l.over
	if !over {
		l.line = line
		close(l.there)
		l.there = nil
	}
	l.mu.Unlock()
	if over {
		line.Close(ports.CloseGone)
	}
}

// errDone ends the session of a client that has received everything.
var errDone = errors.New("the answer is complete")

// finish notes that the client has received everything, and returns the error that ends the
// session.
func (l *link) finish() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
	return errDone
}

// Resume implements ports.Conn: nothing is read.
func (l *link) Resume() {}

// Close implements ports.Conn. If the client has received everything, it has a moment to read it.
func (l *link) Close(reason ports.CloseReason) {
	l.mu.Lock()
	line := l.line
	if reason == ports.CloseGone && l.done {
		reason = ports.CloseRestart
	}
	if line == nil && !l.over {
		l.over = true
		close(l.there)
		l.there = nil
	}
	l.mu.Unlock()
	if line != nil {
		line.Close(reason)
	}
}
