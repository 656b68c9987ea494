package ws

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
)

func errorKind(err error) chat.Kind { return chat.AsError(err).Kind }

// cutEvery cuts into pieces of one size.
func cutEvery(size int) func(left int) int { return func(int) int { return size } }

// parse gives a parser a copy of data in pieces, and describes its events.
func parse(data []byte, size func(left int) int, maxBytes int) string {
	return parseBy(&parser{max: maxBytes}, data, size)
}

func parseBy(p *parser, data []byte, size func(left int) int) string {
	var found []string
	data = bytes.Clone(data)
	for len(data) > 0 {
		n := min(max(1, size(len(data))), len(data))
		piece := data[:n:n]
		data = data[n:]
		for len(piece) > 0 {
			var e event
			e, piece = p.next(piece)
			if words := describe(e); words != "" {
				found = append(found, words)
			}
		}
	}
	return strings.Join(found, ", ")
}

func TestParserKeepsNothingBetweenMessages(t *testing.T) {
	t.Parallel()
	p := parser{max: 1 << 20}
	rest := whole(pad(500_000))
	var e event
	for len(rest) > 0 {
		piece := rest[:min(1000, len(rest))]
		rest = rest[len(piece):]
		if e, _ = p.next(piece); p.idle() == (len(rest) > 0) {
			t.Fatalf("idle is %v with %d bytes to come", p.idle(), len(rest))
		}
	}
	if e.kind != message || string(e.payload) != pad(500_000) {
		t.Fatalf("got an event of kind %d with %d bytes", e.kind, len(e.payload))
	}
	if cap(p.message) > keptMessageBytes || cap(p.control) > 0 {
		t.Errorf("%d bytes are kept", cap(p.message)+cap(p.control))
	}
}

func TestParserMakesNoCopyOfWholeMessages(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	frame := join(whole(pad(1000)), pingFrame("p"), whole(""))
	data := make([]byte, len(frame))
	p := parser{max: 1 << 16}
	if n := testing.AllocsPerRun(100, func() {
		copy(data, frame)
		events := 0
		for rest := data; len(rest) > 0; events++ {
			_, rest = p.next(rest)
		}
		if events != 3 {
			t.Fatalf("%d events", events)
		}
	}); n > 0 {
		t.Errorf("parsing allocates %v times", n)
	}
}

func TestUnmasking(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		payload := strings.Repeat("0123456789", 4)[:n]
		for first := range n + 1 {
			for second := first; second <= n; second++ {
				frame := whole(payload)
				head := len(frame) - n
				p := parser{max: 100}
				var got []byte
				for _, piece := range [][]byte{frame[:head+first], frame[head+first : head+second], frame[head+second:]} {
					if e, _ := p.next(piece); e.kind == message {
						got = bytes.Clone(e.payload)
					}
				}
				if string(got) != payload {
					t.Fatalf("%d bytes cut at %d and %d: %q", n, first, second, got)
				}
			}
		}
	}
}

// FuzzParser checks that nothing makes a parser panic, that the size of the pieces makes no
// difference, and that the events are those of a simple implementation of RFC 6455.
func FuzzParser(f *testing.F) {
	for _, c := range conformance() {
		if len(c.sent) < 1000 {
			f.Add(c.sent, []byte{3, 1, 200})
		}
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		const maxBytes = 300
		at := 0
		got := parse(data, func(int) int {
			if len(sizes) == 0 {
				return 1
			}
			at++
			return int(sizes[at%len(sizes)])
		}, maxBytes)
		if atOnce := parse(data, cutEvery(len(data)), maxBytes); got != atOnce {
			t.Fatalf("in pieces: %s\nat once:   %s", got, atOnce)
		}
		if plain := plainly(data, maxBytes); got != plain {
			t.Fatalf("the parser: %s\nplainly:    %s", got, plain)
		}
	})
}

// plainly is a simple and slow parser: it has all bytes at once, and copies everything.
func plainly(data []byte, maxBytes int) string {
	var found []string
	var gathered []byte
	opened, empty := false, 0
	for {
		r, verdict := plainFrame(data, opened)
		if verdict != "" {
			return strings.Join(append(found, verdict), ", ")
		}
		if r.head == 0 { // the header is incomplete
			return strings.Join(found, ", ")
		}
		if r.op < 8 {
			if uint64(len(gathered))+r.size > uint64(maxBytes) {
				return strings.Join(append(found, "close 1009"), ", ")
			}
			if r.size == 0 && !r.fin {
				empty++
			}
			if empty > maxEmptyFrames {
				return strings.Join(append(found, "close 1002"), ", ")
			}
			opened = true
		}
		if uint64(len(data)-r.head) < r.size {
			return strings.Join(found, ", ")
		}
		payload := make([]byte, r.size)
		for i := range payload {
			payload[i] = data[r.head+i] ^ r.mask[i%4]
		}
		data = data[r.head+int(r.size):]
		e := event{payload: payload}
		switch r.op {
		case 8:
			return strings.Join(append(found, describe(closeEvent(payload))), ", ")
		case 9:
			e.kind = ping
		case 10:
			e.kind = pong
		default:
			if gathered = append(gathered, payload...); !r.fin {
				continue
			}
			if !utf8.Valid(gathered) {
				return strings.Join(append(found, "close 1007"), ", ")
			}
			e = event{kind: message, payload: gathered}
			opened, empty, gathered = false, 0, nil
		}
		if words := describe(e); words != "" {
			found = append(found, words)
		}
	}
}

type plainHeader struct {
	head int
	op   byte
	fin  bool
	size uint64
	mask [4]byte
}

func plainFrame(data []byte, opened bool) (h plainHeader, verdict string) {
	if len(data) < 2 {
		return h, ""
	}
	h.op, h.fin = data[0]&15, data[0]&0x80 != 0
	short := data[1] & 0x7f
	switch {
	case data[0]&0x70 != 0, h.op > 2 && h.op < 8, h.op > 10, data[1] < 0x80, h.op >= 8 && (!h.fin || short > 125), h.op == 0 && !opened,
		(h.op == 1 || h.op == 2) && opened:
		return h, "close 1002"
	case h.op == 2:
		return h, "close 1003"
	}
	length := map[byte]int{126: 2, 127: 8}[short]
	if len(data) < 2+length+4 {
		return plainHeader{}, ""
	}
	h.size = uint64(short)
	if length > 0 {
		h.size = 0
		for _, b := range data[2 : 2+length] {
			h.size = h.size<<8 | uint64(b)
		}
		if length == 2 && h.size < 126 || length == 8 && (h.size < 1<<16 || h.size >= 1<<63) {
			return h, "close 1002"
		}
	}
	h.head = 2 + length + 4
	copy(h.mask[:], data[2+length:])
	if h.size > 1<<62 { // so that sums do not overflow
		h.size = 1 << 62
	}
	return h, ""
}

func BenchmarkParser(b *testing.B) {
	for _, size := range []int{100, 1000, 4000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			frame := whole(pad(size))
			data := make([]byte, len(frame))
			p := parser{max: 1 << 16}
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				copy(data, frame)
				if e, _ := p.next(data); e.kind != message {
					b.Fatal(e.kind)
				}
			}
		})
	}
}
