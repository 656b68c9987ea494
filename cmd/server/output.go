package server

import (
	"io"
	"sync"
)

// inTurn serializes writes to an output that may not allow concurrent ones: log lines, and the text
// of development mode.
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
