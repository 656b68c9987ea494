package proc

import (
	"bytes"
	"strings"
	"sync"
)

const (
	keptLines = 100
	keptBytes = 4096 // of a line
)

// lines keeps the end of a process's output. Writes must follow one another; String may be called
// at any time.
type lines struct {
	ready chan struct{}          // closed when isReady has returned true
	asked func(line string) bool // nil after that; used by the writer only

	mu   sync.Mutex
	last []string // a ring of whole lines
	next int      // index of the next one, once the ring is full
	open []byte   // the incomplete line
}

func newLines(isReady func(string) bool) *lines {
	l := &lines{ready: make(chan struct{}), asked: isReady}
	if isReady == nil {
		close(l.ready)
	}
	return l
}

// Write implements io.Writer. It never fails.
func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		part, rest, ended := bytes.Cut(b, []byte("\n"))
		if line := l.add(part, ended); ended && l.asked != nil && l.asked(line) {
			l.asked = nil
			close(l.ready)
		}
		b = rest
	}
	return n, nil
}

// add adds to the open line, and closes and returns it if it has ended.
func (l *lines) add(part []byte, ended bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, part[:min(len(part), keptBytes-len(l.open))]...)
	if !ended {
		return ""
	}
	line := strings.TrimSuffix(string(l.open), "\r")
	l.open = l.open[:0]
	if len(l.last) < keptLines {
		l.last = append(l.last, line)
	} else {
		l.last[l.next] = line
		l.next = (l.next + 1) % keptLines
	}
	return line
}

// String returns the kept lines, with the incomplete one.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append(append([]string(nil), l.last[l.next:]...), l.last[:l.next]...)
	if len(l.open) > 0 {
		all = append(all, string(l.open))
	}
	return strings.Join(all, "\n")
}
