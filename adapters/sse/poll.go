package sse

import (
	"bytes"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// poll is the Conn of a request that waits for entries. When the first entries have come, or its
// time is over, it answers with what it has. Then its session ends.
type poll struct {
	link
	session ports.Session // it is set once the line is there
	respond func(page) []byte
	// Bytes of entries in an answer, approximately.
	most int

	// Only one call of the session at a time uses these.
	page   page
	answer []byte // with done: the part that is not written yet
	done   bool   // the answer is made

	ending sync.Mutex
	late   *time.Timer // ends the wait
	ended  bool
}

var _ ports.Conn = (*poll)(nil)

// page is what a poll has received.
type page struct {
	cursors cursors
	entries []byte // frames, with commas between them
	left    []byte // frames of rooms that cannot be read, with commas
	// Rooms where entries after the cursor were left out.
	truncated []chat.RoomID
}

// begin starts the time of the wait.
func (l *poll) begin(wait time.Duration) {
	l.ending.Lock()
	defer l.ending.Unlock()
	if !l.ended {
		l.late = time.AfterFunc(wait, func() { l.session.Reply(nudge) })
	}
}

// TryWrite implements ports.Conn.
func (l *poll) TryWrite(p []byte) (int, error) {
	line := l.now()
	if line == nil {
		return 0, nil
	}
	n, err := l.take(p)
	if err != nil || !l.done {
		return n, err
	}
	if n, err = line.TryWrite(l.answer); err != nil {
		return 0, err
	}
	if l.answer = l.answer[n:]; len(l.answer) > 0 {
		return 0, nil // then the session calls Write
	}
	return 0, l.finish()
}

// Write implements ports.Conn.
func (l *poll) Write(p []byte) error {
	line, err := l.wait()
	if err != nil {
		return err
	}
	if _, err := l.take(p); err != nil || !l.done {
		return err
	}
	if err := line.Write(l.answer); err != nil {
		return err
	}
	return l.finish()
}

// take adds frames to the page. When the page is complete it makes the answer.
func (l *poll) take(p []byte) (n int, err error) {
	l.session.Heard()
	over := l.done
	for n < len(p) && !over {
		f, size, err := nextFrame(p[n:])
		if err != nil {
			return n, err
		}
		n += size
		over = l.page.add(f, l.most)
	}
	if !l.done && (over || len(l.page.entries) > 0) {
		l.done, l.answer = true, l.respond(l.page)
	}
	return n, nil
}

// add adds a frame, and reports whether the page is complete.
func (g *page) add(f frame, most int) (complete bool) {
	if f.op != opText {
		return f.op != opPing // a ping is not the end; a nudge and a close are
	}
	if room, to, moves := moved(f, &g.cursors); moves {
		g.cursors.at[room] = to
	}
	if at, ok := wire.JoinedOf(f.payload); ok && at.Truncated {
		g.truncated = append(g.truncated, at.Room)
		return false
	}
	if _, _, ok := wire.PlaceOf(f.payload); ok {
		g.entries = appendItem(g.entries, f.payload)
		return len(g.entries) >= most
	}
	switch kind := wire.TypeOf(f.payload); {
	case bytes.Equal(kind, typeLeft):
		g.left = appendItem(g.left, f.payload)
	case bytes.Equal(kind, typeDrain):
		return true
	}
	return false
}

func appendItem(dst, item []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	return append(dst, item...)
}

// Close implements ports.Conn.
func (l *poll) Close(reason ports.CloseReason) {
	l.ending.Lock()
	l.ended = true
	if l.late != nil {
		l.late.Stop()
	}
	l.ending.Unlock()
	l.link.Close(reason)
}

// appendPage appends a page as the JSON that answers a poll.
func appendPage(dst []byte, log chat.LogID, g *page) []byte {
	dst = append(dst, `{"log":`...)
	dst = strconv.AppendQuote(dst, string(log))
	dst = append(dst, `,"id":"`...)
	dst = g.cursors.appendID(dst)
	dst = append(dst, `","entries":[`...)
	dst = append(append(dst, g.entries...), ']')
	if len(g.truncated) > 0 {
		dst = append(dst, `,"truncated":[`...)
		for i, room := range g.truncated {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendQuote(dst, string(room))
		}
		dst = append(dst, ']')
	}
	if len(g.left) > 0 {
		dst = append(append(append(dst, `,"left":[`...), g.left...), ']')
	}
	return append(dst, '}')
}
