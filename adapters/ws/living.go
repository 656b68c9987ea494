package ws

import "sync"

// living counts connections. Unlike those of a sync.WaitGroup, the first may come while somebody
// waits: the HTTP server lets go of a connection when it likes.
type living struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when none is left; nil: nobody waits
}

// Go counts a connection, and serves it by a goroutine until serve returns.
func (l *living) Go(serve func()) {
	l.Add()
	go func() {
		defer l.Done()
		serve()
	}()
}

// Add counts a connection.
func (l *living) Add() {
	l.mu.Lock()
	l.n++
	l.mu.Unlock()
}

// Done takes a connection out.
func (l *living) Done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n--; l.n == 0 && l.none != nil {
		close(l.none)
		l.none = nil
	}
}

// Wait returns when none is left.
func (l *living) Wait() {
	for {
		l.mu.Lock()
		if l.n == 0 {
			l.mu.Unlock()
			return
		}
		if l.none == nil {
			l.none = make(chan struct{})
		}
		none := l.none
		l.mu.Unlock()
		<-none
	}
}
