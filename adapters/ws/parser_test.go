package ws

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// heard writes down what a parser tells.
type heard struct {
	log  []string
	stop int // messages after which to stop once; 0: never
}

func (h *heard) message(text []byte) bool {
	h.log = append(h.log, fmt.Sprintf("message %q", text))
	h.stop--
	return h.stop != 0
}
func (h *heard) ping(p []byte) { h.log = append(h.log, fmt.Sprintf("ping %q", p)) }
func (h *heard) closed(code uint16, reason []byte) {
	h.log = append(h.log, fmt.Sprintf("close %d %q", code, reason))
}

// client makes a client's frame: flags and opcode, payload, masked.
func client(first byte, payload string) []byte {
	mask := [4]byte{1, 2, 3, 250}
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i&3])
	}
	return b
}

const (
	fin  = 0x80
	text = byte(opText)
)

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// parse feeds a copy of data in pieces of a size, going on where the parser stops.
func parse(data []byte, size, most int) string {
	h := &heard{}
	p := parser{most: most}
	data = bytes.Clone(data)
	for len(data) > 0 {
		piece := data[:min(size, len(data))]
		data = data[len(piece):]
		for len(piece) > 0 {
			rest, stopped, err := p.feed(piece, h)
			if err != nil {
				return strings.Join(append(h.log, fmt.Sprintf("violation %d", err.code)), ", ")
			}
			if stopped && strings.HasPrefix(h.log[len(h.log)-1], "close") {
				return strings.Join(h.log, ", ")
			}
			piece = rest
		}
	}
	return strings.Join(h.log, ", ")
}

// TestParser goes through what the Autobahn suite asks of a server's reading (areas 1–7 and 9), frame by frame.
func TestParser(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70000)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"a message", client(fin|text, "hello"), `message "hello"`},
		{"an empty message", client(fin|text, ""), `message ""`},
		{"lengths at the edges", join(client(fin|text, long[:125]), client(fin|text, long[:126]), client(fin|text, long[:127])),
			fmt.Sprintf("message %q, message %q, message %q", long[:125], long[:126], long[:127])},
		{"fragments, with a ping between", join(client(text, "a"), client(fin|byte(opPing), "p"), client(0, "b"), client(fin, "c")), `ping "p", message "abc"`},
		{"UTF-8 cut between fragments", join(client(text, "\xc3"), client(fin, "\xa9")), `message "é"`},
		{"a ping of 125 bytes", client(fin|byte(opPing), long[:125]), fmt.Sprintf("ping %q", long[:125])},
		{"a pong nobody asked for", join(client(fin|byte(opPong), "x"), client(fin|text, "a")), `message "a"`},
		{"a close with a code and a reason", client(fin|byte(opClose), "\x03\xe8bye"), `close 1000 "bye"`},
		{"a close without", client(fin|byte(opClose), ""), `close 1005 ""`},
		{"a close with a code of ours", client(fin|byte(opClose), "\x11\x30"), `close 4400 ""`},
		{"nothing counts behind a close", join(client(fin|byte(opClose), ""), client(fin|text, "a")), `close 1005 ""`},

		{"a close with half a code", client(fin|byte(opClose), "\x03"), "violation 1002"},
		{"a close with a code that may not be sent", client(fin|byte(opClose), "\x03\xed"), "violation 1002"},
		{"a close with a code of nobody", client(fin|byte(opClose), "\x07\xd0"), "violation 1002"},
		{"a close whose reason is not UTF-8", client(fin|byte(opClose), "\x03\xe8\xff"), "violation 1007"},
		{"a ping that is too long", client(fin|byte(opPing), long[:126]), "violation 1002"},
		{"a fragmented ping", client(byte(opPing), "x"), "violation 1002"},
		{"reserved bits", client(fin|0x40|text, "x"), "violation 1002"},
		{"a reserved opcode", client(fin|0x3, "x"), "violation 1002"},
		{"a reserved control opcode", client(fin|0xb, "x"), "violation 1002"},
		{"a continuation of nothing", client(fin, "x"), "violation 1002"},
		{"a message within a message", join(client(text, "a"), client(fin|text, "b")), "violation 1002"},
		{"no mask", []byte{fin | text, 1, 'x'}, "violation 1002"},
		{"binary", client(fin|byte(opBinary), "x"), "violation 1003"},
		{"no UTF-8", client(fin|text, "\xed\xa0\x80"), "violation 1007"},
		{"UTF-8 that ends too early", client(fin|text, "\xc3"), "violation 1007"},
		{"too large, known from the header", client(fin|text, long)[:14], "violation 1009"},
		{"too large over fragments", join(client(text, long[:40000]), client(fin, long[:40000])), "violation 1009"},
		{"a length that cannot be", []byte{fin | text, 0x80 | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, "violation 1002"},
		{"empty fragments without end", join(client(text, ""), bytes.Repeat(client(0, ""), mostEmptyFrames+1)), "violation 1002"},
	} {
		for _, size := range []int{1, 2, 3, 7, 4096, 1 << 20} {
			if got := parse(c.data, size, 65536); got != c.want {
				t.Errorf("%s, in pieces of %d:\ngot  %.200s\nwant %.200s", c.name, size, got, c.want)
			}
		}
	}
}

func TestTheLargestMessageIsTaken(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("é", 1<<15)
	if got := parse(client(fin|text, body), 1000, 1<<16); got != fmt.Sprintf("message %q", body) {
		t.Errorf("got %.100s", got)
	}
	if got := parse(client(fin|text, body+"x"), 1000, 1<<16); got != "violation 1009" {
		t.Errorf("one byte more: %.100s", got)
	}
}

func TestAParserStopsAndGoesOn(t *testing.T) {
	t.Parallel()
	h := &heard{stop: 1}
	p := parser{most: 100}
	data := join(client(fin|text, "a"), client(fin|text, "b"))
	rest, stopped, err := p.feed(data, h)
	if err != nil || !stopped || len(h.log) != 1 || len(rest) != 7 {
		t.Fatalf("stopped %v, left %d, told %v, %v", stopped, len(rest), h.log, err)
	}
	if _, stopped, err = p.feed(rest, h); err != nil || stopped || len(h.log) != 2 || !p.idle() {
		t.Fatalf("stopped %v, told %v, %v", stopped, h.log, err)
	}
}

// FuzzParser finds that how the bytes are cut makes no difference, and nothing makes a parser panic.
func FuzzParser(f *testing.F) {
	f.Add(join(client(fin|text, "hello"), client(text, "a"), client(fin|byte(opPing), "p"), client(fin, "b"), client(fin|byte(opClose), "")), 3)
	f.Add([]byte{0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		size = 1 + int(uint(size)%64)
		whole := parse(data, len(data)+1, 1000)
		if pieces := parse(data, size, 1000); pieces != whole {
			t.Fatalf("in pieces of %d:\n%s\nwhole:\n%s", size, pieces, whole)
		}
	})
}

func TestUnmasking(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		payload := strings.Repeat("0123456789", 4)[:n]
		for cut := range n + 1 {
			frame := client(fin|text, payload)
			h := &heard{}
			p := parser{most: 100}
			head := len(frame) - n
			if _, _, err := p.feed(frame[:head+cut], h); err != nil {
				t.Fatal(err)
			}
			if _, _, err := p.feed(frame[head+cut:], h); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("message %q", payload); len(h.log) != 1 || h.log[0] != want {
				t.Fatalf("%d cut at %d: %v", n, cut, h.log)
			}
		}
	}
}
