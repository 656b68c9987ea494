package server

import (
	"io"
	"sync"
)

// inTurn lets one write after the other to what may not take two at once: log lines, and what
// development mode says.
type inTurn struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (w *inTurn) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
