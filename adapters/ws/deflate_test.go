package ws

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const rsv1 = byte(deflatedBit)

// deflated compresses a text like a client.
func deflated(text string) string { return deflatedBy(flate.DefaultCompression, nil, text) }

// deflatedBy refers back to before too.
func deflatedBy(level int, before []byte, text string) string {
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, level, before)
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// packedWhole is a message that is compressed, in one frame.
func packedWhole(payload string) []byte { return masked(fin|rsv1|text, payload) }

// fragments cuts a compressed message into fragments of at most size bytes.
func fragments(payload string, size int) []byte {
	frames := masked(rsv1|text, payload[:min(size, len(payload))])
	for at := size; at < len(payload); at += size {
		frames = append(frames, masked(0, payload[at:min(at+size, len(payload))])...)
	}
	return append(frames, masked(fin, "")...)
}

// noise is a frame of n bytes that does not get smaller.
func noise(n int) string {
	random := make([]byte, n)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	filled := base64.StdEncoding.EncodeToString(random)
	frame := pad(n)
	at := strings.Index(frame, "xx")
	return frame[:at] + filled[:n-at-2] + frame[n-2:]
}

// stored returns a text in blocks that are not compressed, as deflate writes what gets larger.
func stored(text string) string { return deflatedBy(flate.NoCompression, nil, text) }

// deflateConformance covers the areas 12 and 13 of the Autobahn test suite: messages of many sizes,
// whole and in fragments, and what RFC 7692 demands beyond that.
func deflateConformance() []conformanceCase {
	hi := say("hi")
	cases := []conformanceCase{
		{"7.2.3.1 a message", packedWhole(deflated(hi)), `said "hi"`},
		{"7.2.3.2 a message in two fragments", join(masked(rsv1|text, deflated(hi)[:9]), masked(fin, deflated(hi)[9:])), `said "hi"`},
		{"7.2.3.2 a ping between fragments", join(masked(rsv1|text, deflated(hi)[:9]), pingFrame("p"), masked(fin, deflated(hi)[9:])), `pong "p", said "hi"`},
		{"7.2.3.2 empty fragments around", join(masked(rsv1|text, ""), masked(0, deflated(hi)), masked(fin, "")), `said "hi"`},
		{"7.2.3.3 a block without compression", packedWhole(stored(hi)), `said "hi"`},
		{"7.2.3.4 a last block", packedWhole(lastBlock(hi) + "\x00"), `said "hi"`},
		{"7.2.3.5 two blocks", packedWhole(deflated(hi[:9]) + "\x00\x00\xff\xff" + deflated(hi[9:])), `said "hi"`},
		{"7.2.3.6 an empty message", packedWhole("\x00"), "error bad_request"},
		{"nothing, which is no block", packedWhole(""), "close 1007"},
		{"messages that are not compressed, and others", join(whole(hi), packedWhole(deflated(say("a"))), whole(say("b")), packedWhole(deflated(hi))), `said "hi", said "a", said "b", said "hi"`},

		{"the bit on a continuation", join(masked(rsv1|text, deflated(hi)[:9]), masked(fin|rsv1, deflated(hi)[9:])), "close 1002"},
		{"the bit on a continuation alone", join(masked(text, hi[:9]), masked(fin|rsv1, hi[9:])), "close 1002"},
		{"the bit on a ping", masked(fin|rsv1|byte(opPing), ""), "close 1002"},
		{"the bit on a close frame", masked(fin|rsv1|byte(opClose), "\x03\xe8"), "close 1002"},
		{"the bit on a pong, after a good message", join(packedWhole(deflated(hi)), masked(fin|rsv1|byte(opPong), "")), `said "hi", close 1002`},
		{"the second reserved bit", masked(fin|rsv1|0x20|text, deflated(hi)), "close 1002"},
		{"the third reserved bit", masked(fin|rsv1|0x10|text, deflated(hi)), "close 1002"},
		{"the second reserved bit alone", masked(fin|0x20|text, hi), "close 1002"},
		{"a binary message", masked(fin|rsv1|byte(opBinary), deflated(hi)), "close 1003"},

		{"no deflate", packedWhole("\xff\xff\xff\xff"), "close 1007"},
		{"half of a message", packedWhole(deflated(pad(500))[:20]), "close 1007"},
		{"a text that is not compressed", packedWhole(hi), "close 1007"},
		{"a reference to the message before", join(packedWhole(deflated(pad(300))), packedWhole(deflatedBy(9, []byte(pad(300)), pad(300)))), "ok, close 1007"},
		{"UTF-8", packedWhole(deflated(say("κόσμε 𝄞"))), `said "κόσμε 𝄞"`},
		{"UTF-8 in fragments of a byte", fragments(deflated(say("κόσμε")), 1), `said "κόσμε"`},
		{"no UTF-8", packedWhole(deflated(say("\xed\xa0\x80"))), "close 1007"},
		{"a character that ends too early", packedWhole(deflated("\xce")), "close 1007"},

		{"the largest size", packedWhole(deflated(pad(65536))), "ok"},
		{"the largest size, that cannot be compressed", packedWhole(deflated(noise(65536))), "ok"},
		{"the largest size, not compressed", packedWhole(stored(noise(65536))), "ok"},
		{"a byte more", packedWhole(deflated(pad(65537))), "close 1009"},
		{"far more", packedWhole(deflated(pad(1 << 20))), "close 1009"},
		{"far more, in fragments", fragments(deflated(pad(1<<20)), 100), "close 1009"},
		{"too much before it is inflated", packedWhole(strings.Repeat("x", 70_000)), "close 1009"},
	}
	for _, size := range []int{50, 64, 256, 1024, 4096, 8192, 16384, 32768, 65535} {
		for name, message := range map[string]string{"alike": pad(size), "noise": noise(size)} {
			is := deflated(message)
			for _, level := range []int{flate.BestSpeed, flate.BestCompression, flate.HuffmanOnly} {
				cases = append(cases, conformanceCase{fmt.Sprintf("%s of %d bytes, level %d", name, size, level), packedWhole(deflatedBy(level, nil, message)), "ok"})
			}
			for _, part := range []int{max(1, len(is)/200), 256, 1024, 32768} {
				cases = append(cases, conformanceCase{fmt.Sprintf("%s of %d bytes in fragments of %d", name, size, part), fragments(is, part), "ok"})
			}
		}
	}
	return cases
}

// lastBlock compresses a text, and ends the stream.
func lastBlock(text string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func TestParserConformsWithCompression(t *testing.T) {
	t.Parallel()
	for _, c := range append(conformance(), deflateConformance()...) {
		if c.name == "3 a reserved bit" {
			continue // it has a meaning now
		}
		for _, size := range []int{1, 3, 4096, 1 << 20} {
			if got := parseBy(&parser{max: 64 << 10, inflates: true}, c.sent, cutEvery(size)); got != c.want {
				t.Errorf("%s, in pieces of %d:\ngot  %.200s\nwant %.200s", c.name, size, got, c.want)
			}
		}
	}
	for _, c := range deflateConformance() {
		if got := parse(c.sent, cutEvery(1<<20), 64<<10); !strings.HasSuffix(got, "close 1002") && !strings.HasPrefix(c.name, "too much") {
			t.Errorf("%s, though it was not agreed: got %.200s", c.name, got)
		}
	}
}

func TestSocketConformsWithCompression(t *testing.T) {
	t.Parallel()
	each(t, allWays(t), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by, with(func(c *Config) { c.Compress = true }))
		for _, c := range deflateConformance() {
			t.Run(c.name, func(t *testing.T) {
				p := (&service{t: t, dial: s.dial}).connect()
				a := p.shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice", "Sec-WebSocket-Extensions", "permessage-deflate"))
				if got := a.header.Get("Sec-WebSocket-Extensions"); a.status != http.StatusSwitchingProtocols || got != "permessage-deflate; client_no_context_takeover" {
					t.Fatalf("the handshake: %d, with the extension %q", a.status, got)
				}
				session := receive(t, "the session", h.opened)
				p.conforms(c)
				receive(t, "the session's end", session.closed)
			})
		}
	})
}

func TestOffersOfCompression(t *testing.T) {
	t.Parallel()
	const agreed = "permessage-deflate; client_no_context_takeover"
	for offer, want := range map[string]struct {
		answer  string
		packing ports.Packing
	}{
		"permessage-deflate":                                                                           {agreed, ports.PackedChained},
		"permessage-deflate; client_max_window_bits":                                                   {agreed, ports.PackedChained},
		"permessage-deflate;client_max_window_bits=8":                                                  {agreed, ports.PackedChained},
		`permessage-deflate; client_max_window_bits="15"`:                                              {agreed, ports.PackedChained},
		"permessage-deflate; client_no_context_takeover":                                               {agreed, ports.PackedChained},
		"permessage-deflate; server_no_context_takeover":                                               {agreed + "; server_no_context_takeover", ports.PackedAlone},
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover":                   {agreed + "; server_no_context_takeover", ports.PackedAlone},
		"permessage-deflate; server_max_window_bits=15":                                                {agreed + "; server_max_window_bits=15", ports.PackedChained},
		"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12":                     {agreed + "; server_max_window_bits=12", ports.PackedChained},
		`permessage-deflate; server_max_window_bits="13"`:                                              {agreed + "; server_max_window_bits=13", ports.PackedChained},
		"permessage-deflate; server_max_window_bits=11":                                                {},
		"permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits":     {agreed, ports.PackedChained},
		"permessage-deflate; server_max_window_bits=8, permessage-deflate; server_no_context_takeover": {agreed + "; server_no_context_takeover", ports.PackedAlone},
		"x-webkit-deflate-frame, permessage-deflate":                                                   {agreed, ports.PackedChained},
		`odd; a="b, permessage-deflate; c", permessage-deflate; server_no_context_takeover`:            {agreed + "; server_no_context_takeover", ports.PackedAlone},
		"permessage-bzip2":                                                           {},
		"permessage-deflate; odd":                                                    {},
		"permessage-deflate; odd=1, permessage-deflate":                              {agreed, ports.PackedChained},
		"permessage-deflate; client_max_window_bits; client_max_window_bits":         {},
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover": {},
		"permessage-deflate; server_no_context_takeover=1":                           {},
		"permessage-deflate; client_no_context_takeover=true":                        {},
		"permessage-deflate; server_max_window_bits":                                 {},
		"permessage-deflate; server_max_window_bits=":                                {},
		"permessage-deflate; server_max_window_bits=16":                              {},
		"permessage-deflate; server_max_window_bits=7":                               {},
		"permessage-deflate; server_max_window_bits=012":                             {},
		"permessage-deflate; server_max_window_bits=+12":                             {},
		"permessage-deflate; client_max_window_bits=16":                              {},
		"permessage-deflate; client_max_window_bits=0":                               {},
		"permessage-deflate;":                                                        {},
		"permessage-deflate=1":                                                       {},
		";":                                                                          {},
		"\"":                                                                         {},
		"":                                                                           {},
	} {
		h := newHub()
		for _, on := range []bool{true, false} {
			s := serve(t, h, with(func(c *Config) { c.Compress = on }))
			p := s.connect()
			a := p.shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice", "Sec-WebSocket-Extensions", offer))
			if !on {
				want.answer, want.packing = "", ports.Unpacked
			}
			got := receive(t, "the session", h.opened).opening.Packing
			if answer := a.header.Get("Sec-WebSocket-Extensions"); a.status != http.StatusSwitchingProtocols || answer != want.answer || got != want.packing {
				t.Errorf("%s, on is %t: %d, %q and %d; want %q and %d", offer, on, a.status, answer, got, want.answer, want.packing)
			}
			p.Close()
		}
	}
	t.Run("offers over several lines", func(t *testing.T) {
		t.Parallel()
		h := newHub()
		p := serve(t, h, with(func(c *Config) { c.Compress = true })).connect()
		a := p.shakes("GET /ws HTTP/1.1", headers("Sec-WebSocket-Extensions", "odd\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"))
		if got := a.header.Get("Sec-WebSocket-Extensions"); got != agreed+"; server_no_context_takeover" {
			t.Errorf("got %q", got)
		}
	})
}

// A bomb of 48 KB stands for 48 MB.
func TestABombIsNotInflated(t *testing.T) { //nolint:paralleltest // it looks at the memory of the whole process
	bomb := packedWhole(deflated(say(strings.Repeat("x", 48<<20))))
	if len(bomb) > 50_000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	for _, w := range tcp() {
		h := newHub()
		s := serve(t, h, w.option, with(func(c *Config) { c.Compress = true }))
		p := s.connect()
		p.shakes("GET /ws HTTP/1.1", headers("Authorization", "Bearer alice", "Sec-WebSocket-Extensions", "permessage-deflate"))
		session := receive(t, "the session", h.opened)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p.sends(bomb)
		p.wants("close 1009")
		runtime.ReadMemStats(&after)
		p.Close()
		receive(t, "the session's end", session.closed)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%s: %d KiB were allocated", w.name, grown>>10)
		}
	}
}

// reader unpacks frames like a client, with the smallest window that there may be.
type unpacker struct {
	t      *testing.T
	window []byte
	keeps  bool // the window, between messages
}

func (u *unpacker) unpacks(frame []byte) string {
	u.t.Helper()
	size, head := payloadSize(frame)
	if len(frame) != head+size {
		u.t.Fatalf("a frame of %d bytes says that it has %d", len(frame), head+size)
	}
	if frame[0] == finBit|byte(opText) {
		return string(frame[head:])
	}
	if frame[0] != finBit|deflatedBit|byte(opText) {
		u.t.Fatalf("a frame begins with %#x", frame[0])
	}
	if !u.keeps {
		u.window = nil
	}
	stream := append(bytes.Clone(frame[head:]), tail...)
	text, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(stream), u.window))
	if err != nil {
		u.t.Fatalf("a frame cannot be inflated: %v", err)
	}
	u.window = append(u.window, text...)
	u.window = u.window[max(0, len(u.window)-packWindow):]
	return string(text)
}

// frames of texts of many sizes and kinds.
func someFrames() (frames [][]byte) {
	for i, size := range []int{50, 200, 210, 200, 3000, 230, 240, 126, 125, 70_000, 220, 4096, 4000, 90, 5000, 300, 255, 256, 65_600} {
		body := pad(size)
		if i%3 == 0 {
			body = noise(size)
		}
		frames = append(frames, sealText(append(make([]byte, len(reserved)), body...), 0))
	}
	return frames
}

func TestFramesArePackedAlone(t *testing.T) {
	t.Parallel()
	u := &unpacker{t: t}
	for _, frame := range someFrames() {
		want := string(textIn(t, frame))
		got, packed := Packer{}.Alone([]byte("before"), frame)
		got, kept := bytes.CutPrefix(got, []byte("before"))
		if !kept || packed != (got[0]&deflatedBit != 0) || len(got) > len(frame) || packed && len(want) < 256 || !packed && !bytes.Equal(got, frame) {
			t.Errorf("%d bytes: packed is %t, %d bytes", len(want), packed, len(got))
		}
		if text := u.unpacks(got); text != want {
			t.Errorf("%d bytes: another text comes out", len(want))
		}
	}
}

func TestFramesArePackedInChains(t *testing.T) {
	t.Parallel()
	frames := someFrames()
	for first := range frames {
		u := &unpacker{t: t, keeps: true, window: bytes.Repeat([]byte("what came before"), 300)}
		var before []byte
		for _, frame := range frames[first:] {
			if len(before) > 0 && len(before)+len(frame) > (Packer{}).ChainBytes() {
				before = nil
			}
			got, packed := Packer{}.Chained(nil, before, frame)
			if !packed || len(got) > len(frame)+20+len(frame)/200 {
				t.Errorf("packed is %t, %d bytes of %d", packed, len(got), len(frame))
			}
			if text := u.unpacks(got); text != string(textIn(t, frame)) {
				t.Fatal("another text comes out")
			}
			before = append(before, frame...)
		}
	}
}

// A chain of messages that people write has less than half of their bytes.
func TestAChainIsSmall(t *testing.T) {
	t.Parallel()
	var before []byte
	plain, packed := 0, 0
	for i := range 16 {
		e := entryOf(i)
		frame := Encoder{}.Entry(nil, &e)
		is, _ := Packer{}.Chained(nil, before, frame)
		plain, packed, before = plain+len(frame), packed+len(is), append(before, frame...)
	}
	if ratio := float64(packed) / float64(plain); ratio > 0.45 {
		t.Errorf("%d bytes become %d, that is %.2f", plain, packed, ratio)
	}
}

// A small text gets fixed codes, which make it no larger than codes of its own, whatever it has in
// common with what was before.
func TestSmallTextsArePackedByFixedCodes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	alphabets := []string{"a", "ab", `{"type":"entry",}`, "abcdefghijklmnopqrstuvwxyz \u00e4\u6771", string([]byte{0, 143, 144, 200, 255})}
	var p packing
	tried, small, fixedBytes, ownBytes := 0, 0, 0, 0
	for range 4000 {
		text := make([]byte, 1+r.IntN(fixedText))
		if r.IntN(2) == 0 {
			text = text[:1+r.IntN(min(len(text), 80))]
		}
		p.before = p.before[:0]
		for range r.IntN(packWindow - len(text) + 1) {
			alphabet := alphabets[r.IntN(len(alphabets))]
			p.before = append(p.before, alphabet[r.IntN(len(alphabet))])
		}
		for n := 0; n < len(text); {
			if r.IntN(3) > 0 && len(p.before) > 0 {
				from := r.IntN(len(p.before))
				n += copy(text[n:], p.before[from:min(len(p.before), from+1+r.IntN(300))])
			}
			if n < len(text) {
				text[n] = byte(r.IntN(256))
				n++
			}
		}
		tried++
		got := p.repeats(text)
		if got == nil {
			continue
		}
		small++
		fixedBytes += len(got)
		back, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(append(bytes.Clone(got), tail...)), p.before))
		if err != nil || !bytes.Equal(back, text) {
			t.Fatalf("%d bytes behind %d come back as others: %v", len(text), len(p.before), err)
		}
		p.deflate(text)
		ownBytes += p.out.Len()
	}
	if small < tried/10 || fixedBytes > ownBytes {
		t.Errorf("%d of %d have fixed codes, and %d bytes; with codes of their own they have %d", small, tried, fixedBytes, ownBytes)
	}
	t.Logf("%d of %d are small: %d bytes, with codes of their own %d", small, tried, fixedBytes, ownBytes)
}

func TestOnlyTextIsPacked(t *testing.T) {
	t.Parallel()
	for _, frame := range [][]byte{Encoder{}.Frame(nil, ports.Heartbeat{}), Encoder{}.Frame(nil, ports.CloseFrame{}), sealText(make([]byte, len(reserved)), 0)} {
		if got, packed := (Packer{}).Alone(nil, frame); packed || !bytes.Equal(got, frame) {
			t.Errorf("alone, %x becomes %x", frame, got)
		}
		if got, packed := (Packer{}).Chained(nil, nil, frame); packed || !bytes.Equal(got, frame) {
			t.Errorf("in a chain, %x becomes %x", frame, got)
		}
	}
}

func textIn(t *testing.T, frame []byte) []byte {
	t.Helper()
	text, ok := textOf(frame)
	if !ok {
		t.Fatal("a frame without text")
	}
	return text
}

func FuzzInflate(f *testing.F) {
	for _, s := range []string{deflated(say("hi")), stored("hi"), lastBlock("x") + "\x00", "\xff", deflated(pad(1000))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 300
		i := inflaters.Get().(*inflater)
		defer i.giveBack()
		got, err := i.inflate(data, limit)
		want, failed := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(append(bytes.Clone(data), tail...))), limit+1))
		switch {
		case len(want) > limit:
			if !errors.Is(err, errTooLarge) {
				t.Fatalf("got %v, want too large", err)
			}
		case (err == nil) != (failed == nil) || err == nil && !bytes.Equal(got, want):
			t.Fatalf("got %q %v, want %q %v", got, err, want, failed)
		}
	})
}

func BenchmarkPacker(b *testing.B) {
	var run []byte
	for i := range 16 {
		e := entryOf(i)
		run = Encoder{}.Entry(run, &e)
	}
	e := entryOf(16)
	frame := Encoder{}.Entry(nil, &e)
	var dst []byte
	b.Run("a frame of a chain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dst, _ = Packer{}.Chained(dst[:0], run, frame)
		}
		b.ReportMetric(float64(len(dst))/float64(len(frame)), "ratio")
	})
	b.Run("the first frame of a chain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dst, _ = Packer{}.Chained(dst[:0], nil, frame)
		}
		b.ReportMetric(float64(len(dst))/float64(len(frame)), "ratio")
	})
	page := sealText(wire.AppendFrame(append([]byte(nil), reserved[:]...), pageOf(50)), 0)
	b.Run("a page of 50", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dst, _ = Packer{}.Alone(dst[:0], page)
		}
		b.ReportMetric(float64(len(dst))/float64(len(page)), "ratio")
	})
	i := inflaters.Get().(*inflater)
	small := []byte(deflated(say("Shall we meet at noon?")))
	b.Run("inflate a command", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = i.inflate(small, 1<<16)
		}
	})
}

var sayings = strings.Split("Good morning everyone|Shall we meet at noon?|I have pushed the fix for the login page|ok|Thanks, I will have a look at it this afternoon|"+
	"Does anybody know why the build is red?|It was the cache again|lol|The customer wants it by Friday, so let us skip the second part for now|👍", "|")

// entryOf is a message as people write it.
func entryOf(i int) chat.Entry {
	who := []string{"alice", "bob", "carol"}[i%3]
	return chat.Entry{
		Room: "general", Seq: chat.Seq(1200 + i), At: time.Date(2026, 11, 29, 9, 30, i*7%60, i*123456789%1e9, time.UTC),
		Author: chat.Author{ID: chat.UserID(who), Name: strings.ToUpper(who[:1]) + who[1:]}, Key: chat.NewKey(),
		Fact: chat.Message{Body: sayings[i%len(sayings)]},
	}
}

func pageOf(n int) *ports.OK {
	page := ports.Page{Room: "general", Head: 1300, More: true}
	for i := range n {
		page.Entries = append(page.Entries, entryOf(i))
	}
	return &ports.OK{ID: "7", Answer: page}
}
