package ws

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/ports"
)

// conformance covers the areas of the Autobahn test suite for servers: what a client sends, and all
// that it sees. The table is used twice: with the parser alone, with the bytes cut into pieces of
// every length, and on real sockets.
func conformance() []conformanceCase {
	x := strings.Repeat("x", 70_000)
	hi := say("hi")
	return []conformanceCase{
		{"1 a message", whole(hi), `said "hi"`},
		{"1 an empty message", whole(""), "error bad_request"},
		{"1 lengths at the edges of the header's forms", join(whole(pad(125)), whole(pad(126)), whole(pad(127)), whole(pad(65535)), whole(pad(65536))), "ok, ok, ok, ok, ok"},
		{"1 two bytes in eight", []byte{fin | text, maskBit | 127, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, '{', '}'}, "close 1002"},
		{"1 two bytes in two", []byte{fin | text, maskBit | 126, 0, 2, 0, 0, 0, 0, '{', '}'}, "close 1002"},
		{"1 nothing in two", []byte{fin | text, maskBit | 126, 0, 0, 0, 0, 0, 0}, "close 1002"},
		{"1 125 bytes in two", []byte{fin | text, maskBit | 126, 0, 125, 0, 0, 0, 0}, "close 1002"},
		{"1 65,535 bytes in eight, as a fragment", []byte{text, maskBit | 127, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0}, "close 1002"},
		{"1 two bytes in two, after a good message", join(whole(hi), []byte{fin | text, maskBit | 126, 0, 2, 0, 0, 0, 0}), `said "hi", close 1002`},
		{"1 a binary message", masked(fin|byte(opBinary), hi), "close 1003"},
		{"1 an empty binary message", masked(fin|byte(opBinary), ""), "close 1003"},

		{"2 a ping", pingFrame(""), `pong ""`},
		{"2 a ping with a payload", pingFrame("hello"), `pong "hello"`},
		{"2 a ping with bytes that are no text", pingFrame("\x00\xff\xfe\x00"), `pong "\x00\xff\xfe\x00"`},
		{"2 a ping of 125 bytes", pingFrame(x[:125]), fmt.Sprintf("pong %q", x[:125])},
		{"2 a ping of 126 bytes", pingFrame(x[:126]), "close 1002"},
		{"2 a pong that nobody asked for", join(masked(fin|byte(opPong), ""), masked(fin|byte(opPong), "x"), whole(hi)), `said "hi"`},
		{"2 ten pings", bytes.Repeat(pingFrame("p"), 10), strings.TrimSuffix(strings.Repeat(`pong "p", `, 10), ", ")},

		{"3 a reserved bit", masked(fin|0x40|text, hi), "close 1002"},
		{"3 another reserved bit, after a good message", join(whole(hi), masked(fin|0x20|text, hi), pingFrame("")), `said "hi", close 1002`},
		{"3 all reserved bits, on a ping", masked(fin|0x70|byte(opPing), ""), "close 1002"},
		{"3 a reserved bit on a close frame", masked(fin|0x10|byte(opClose), ""), "close 1002"},

		{"4 a reserved opcode", masked(fin|0x3, hi), "close 1002"},
		{"4 a reserved opcode, empty", masked(fin|0x7, ""), "close 1002"},
		{"4 a reserved control opcode", join(whole(hi), masked(fin|0xb, "")), `said "hi", close 1002`},
		{"4 the last reserved opcode", masked(fin|0xf, "x"), "close 1002"},

		{"5 a fragmented ping", join(masked(byte(opPing), "a"), masked(fin, "b")), "close 1002"},
		{"5 a fragmented pong", masked(byte(opPong), "a"), "close 1002"},
		{"5 a message in two fragments", join(masked(text, hi[:9]), masked(fin, hi[9:])), `said "hi"`},
		{"5 a ping between fragments", join(masked(text, hi[:9]), pingFrame("p"), masked(fin, hi[9:])), `pong "p", said "hi"`},
		{"5 empty fragments around", join(masked(text, ""), masked(0, hi), masked(0, ""), masked(fin, "")), `said "hi"`},
		{"5 a message of empty fragments", join(masked(text, ""), masked(0, ""), masked(fin, "")), "error bad_request"},
		{"5 a continuation of nothing", masked(fin, hi), "close 1002"},
		{"5 a continuation after the end", join(whole(hi), masked(0, "x")), `said "hi", close 1002`},
		{"5 a message within a message", join(masked(text, "a"), masked(fin|text, "b")), "close 1002"},
		{"5 a binary message within a message", join(masked(text, "a"), masked(fin|byte(opBinary), "b")), "close 1002"},

		{"6 UTF-8", whole(say("κόσμε 𝄞")), `said "κόσμε 𝄞"`},
		{"6 UTF-8 cut between fragments", cut(say("κόσμε")), `said "κόσμε"`},
		{"6 a surrogate", whole("\xed\xa0\x80"), "close 1007"},
		{"6 an overlong form", whole("\xc0\xaf"), "close 1007"},
		{"6 beyond Unicode", whole("\xf4\x90\x80\x80"), "close 1007"},
		{"6 a character that ends too early", join(masked(text, "\xce"), masked(fin, "")), "close 1007"},
		{"6 a lone continuation byte, after good text", join(masked(text, "κόσμε"), masked(fin, "\x80")), "close 1007"},
		{"6 non-characters are characters", whole(say("\uffff\U0010ffff")), `said "\uffff\U0010ffff"`},

		{"7 a close with a code", join(whole(hi), closeFrame("\x03\xe8")), `said "hi", close 1000`},
		{"7 a close with a reason of 123 bytes", closeFrame("\x03\xe8" + x[:123]), "close 1000"},
		{"7 a close with nothing", closeFrame(""), "close"},
		{"7 two closes", join(closeFrame("\x03\xe8"), closeFrame("\x03\xe9")), "close 1000"},
		{"7 nothing counts behind a close", join(closeFrame("\x03\xe8"), whole(hi), pingFrame("")), "close 1000"},
		{"7 a close within a message", join(masked(text, "a"), closeFrame("\x03\xe8")), "close 1000"},
		{"7 half a code", closeFrame("\x03"), "close 1002"},
		{"7 a close of 126 bytes", closeFrame("\x03\xe8" + x[:124]), "close 1002"},
		{"7 a reason that is no UTF-8", closeFrame("\x03\xe8\xce\xba\xe1"), "close 1007"},

		{"9 a message of the largest size", whole(pad(65536)), "ok"},
		{"9 a message of a byte more", whole(pad(65537)), "close 1009"},
		{"9 a large message, known by its header", whole(x)[:14], "close 1009"},
		{"9 a large message, over fragments", join(masked(text, x[:40_000]), masked(fin, x[:40_000])), "close 1009"},
		{"9 a large message in small fragments", join(masked(text, "{"), bytes.Repeat(masked(0, x[:64]), 1024)), "close 1009"},
		{"9 the longest length", []byte{fin | text, maskBit | 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4}, "close 1009"},
		{"9 a length that cannot be", []byte{fin | text, maskBit | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, "close 1002"},
		{"9 the highest bit alone", []byte{fin | text, maskBit | 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4}, "close 1002"},
		{"9 empty fragments without end", join(masked(text, ""), bytes.Repeat(masked(0, ""), maxEmptyFrames)), "close 1002"},

		{"no mask", []byte{fin | text, 2, '{', '}'}, "close 1002"},
		{"a ping without a mask", []byte{fin | byte(opPing), 0}, "close 1002"},
		{"something else", []byte("GET / HTTP/1.1\r\n\r\n"), "close 1002"},
	}
}

type conformanceCase struct {
	name string
	sent []byte
	want string
}

// pad makes a frame of n bytes.
func pad(n int) string {
	const around = `{"type":"presence","room":"tea","x":""}`
	return around[:len(around)-2] + strings.Repeat("x", n-len(around)) + around[len(around)-2:]
}

// cut puts each byte of a message into a fragment of its own.
func cut(message string) []byte {
	frames := masked(text, message[:1])
	for i := 1; i < len(message)-1; i++ {
		frames = append(frames, masked(0, message[i:i+1])...)
	}
	return append(frames, masked(fin, message[len(message)-1:])...)
}

func closeCodes() (cases []conformanceCase) {
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, conformanceCase{fmt.Sprint("7 the code ", code), closeFrame(string([]byte{byte(code >> 8), byte(code)})), fmt.Sprint("close ", code)})
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, conformanceCase{fmt.Sprint("7 the code ", code), closeFrame(string([]byte{byte(code >> 8), byte(code)})), "close 1002"})
	}
	return cases
}

func TestParserConforms(t *testing.T) {
	t.Parallel()
	for _, c := range append(conformance(), closeCodes()...) {
		for _, size := range []int{1, 2, 3, 7, 4096, 1 << 20} {
			if got := parse(c.sent, cutEvery(size), 64<<10); got != c.want {
				t.Errorf("%s, in pieces of %d:\ngot  %.200s\nwant %.200s", c.name, size, got, c.want)
			}
		}
	}
}

func TestSocketConforms(t *testing.T) {
	t.Parallel()
	each(t, allWays(t), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by)
		for _, c := range append(conformance(), closeCodes()...) {
			t.Run(c.name, func(t *testing.T) {
				p, session := (&service{t: t, dial: s.dial}).joins(h)
				p.conforms(c)
				receive(t, "the session's end", session.closed)
			})
		}
	})
}

// conforms sends, sees all, and then goes, like a client. If the case does not end the connection,
// it sends a close frame.
func (p *peer) conforms(c conformanceCase) {
	p.t.Helper()
	defer p.Close()
	sent, want := c.sent, c.want
	if !strings.Contains(want, "close") {
		sent, want = join(sent, closeFrame("\x0b\xb8")), want+", close 3000"
	}
	p.sends(sent)
	last := want[strings.LastIndex(want, "close"):]
	if got := p.seesAll(last); got != want {
		p.t.Errorf("got  %.200s\nwant %.200s", got, want)
	}
	if _, halves := p.Conn.(interface{ CloseWrite() error }); halves {
		p.wants("end") // if the server can half-close, it need not wait for the client
	}
}

// TestHandshakePacketMayBringFrames sends everything in one write: the handshake and the frames
// after it.
func TestHandshakePacketMayBringFrames(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by)
		many := bytes.Repeat(whole(say("early")), 300) // more than the server's buffer of 16 KiB
		p, _ := s.joins(h, join(whole(say("first")), many, closeFrame("\x03\xe8"))...)
		want := `said "first", ` + strings.Repeat(`said "early", `, 300) + "close 1000, end"
		if got := p.seesAll("end"); got != want {
			t.Errorf("got %.300s", got)
		}
	})
}

// TestBytesMayComeOneByOne sends frames a byte at a time.
func TestBytesMayComeOneByOne(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by)
		p, _ := s.joins(h)
		for _, b := range join(whole(say("a")), masked(text, say("b")[:5]), pingFrame("p"), masked(fin, say("b")[5:])) {
			p.sends([]byte{b})
		}
		p.wants(`said "a"`, `pong "p"`, `said "b"`)
	})
}

// describe describes an event like the answer that its client would see.
func describe(e event) string {
	switch e.kind {
	case ping:
		return fmt.Sprintf("pong %q", e.payload)
	case closed:
		if e.code == 0 {
			return "close"
		}
		return fmt.Sprint("close ", e.code)
	case violation:
		return fmt.Sprint("close ", e.code)
	case message:
		switch ask := wire.Decode(e.payload).Ask.(type) {
		case ports.Send:
			return fmt.Sprintf("said %q", ask.Body)
		case ports.Malformed:
			return "error " + string(errorKind(ask.Err))
		}
		return "ok"
	}
	return ""
}
