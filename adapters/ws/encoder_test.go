package ws

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/wire"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func entry(body int) *chat.Entry {
	return &chat.Entry{
		Room: "tea", Seq: 1, At: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Author: chat.Author{ID: "alice", Name: "Alice"},
		Fact: chat.Message{Body: strings.Repeat("x", body)},
	}
}

// split takes a server's frame apart.
func split(t *testing.T, frame []byte) (first byte, size int, payload []byte) {
	t.Helper()
	switch n := int(frame[1]); n {
	case 126:
		return frame[0], int(frame[2])<<8 | int(frame[3]), frame[4:]
	case 127:
		for _, b := range frame[2:10] {
			size = size<<8 | int(b)
		}
		return frame[0], size, frame[10:]
	default:
		return frame[0], n, frame[2:]
	}
}

func TestEntriesAreTextFrames(t *testing.T) {
	t.Parallel()
	for _, body := range []int{1, 300, 4000, 70_000} {
		e := entry(body)
		frame, kept := bytes.CutPrefix(Encoder{}.Entry([]byte("before"), e), []byte("before"))
		if !kept {
			t.Fatalf("%d: what was there is gone", body)
		}
		want := wire.AppendEntry(nil, e)
		if first, size, payload := split(t, frame); first != 0x81 || size != len(want) || !bytes.Equal(payload, want) {
			t.Errorf("%d: the frame begins with %#x, says %d bytes and has %d of %d", body, first, size, len(payload), len(want))
		}
	}
}

func TestHeadersAreAsShortAsCanBe(t *testing.T) {
	t.Parallel()
	for size, header := range map[int]int{0: 2, 1: 2, 125: 2, 126: 4, 127: 4, 65535: 4, 65536: 10, 70_000: 10} {
		payload := bytes.Repeat([]byte("x"), size)
		frame := sealText(append([]byte("before----"), payload...), len("before"))
		frame, kept := bytes.CutPrefix(frame, []byte("before"))
		first, told, got := split(t, frame)
		if !kept || first != 0x81 || told != size || !bytes.Equal(got, payload) || len(frame)-size != header {
			t.Errorf("%d: the frame begins with %#x, says %d bytes, has %d and a header of %d", size, first, told, len(got), len(frame)-size)
		}
	}
}

func TestFramesOfEachKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		frame ports.Frame
		want  []byte
	}{
		{ports.Heartbeat{}, []byte{0x89, 0}},
		{ports.CloseFrame{Reason: ports.CloseRestart}, append([]byte{0x88, 26, 0x03, 0xf4}, "going away for a restart"...)},
		{ports.CloseFrame{Reason: ports.CloseGone}, []byte{0x88, 2, 0x03, 0xe8}},
		{&ports.OK{ID: "1", Answer: ports.TypingNoted{}}, append([]byte{0x81, 22}, `{"type":"ok","id":"1"}`...)},
	} {
		if got := (Encoder{}).Frame([]byte("before"), c.frame); !bytes.Equal(got, append([]byte("before"), c.want...)) {
			t.Errorf("%T: %q", c.frame, got)
		}
	}
	for reason := ports.CloseGone; reason <= ports.CloseProtocol; reason++ {
		if frame := (Encoder{}).Frame(nil, ports.CloseFrame{Reason: reason}); int(frame[1]) != len(frame)-2 || frame[1] > maxControl {
			t.Errorf("%v: %x", reason, frame)
		}
	}
}

func TestEncodingAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	for _, size := range []int{10, 1000, 66000} {
		e := entry(size)
		dst := make([]byte, 0, 70_000)
		if n := testing.AllocsPerRun(100, func() { dst = Encoder{}.Entry(dst[:0], e) }); n > 0 {
			t.Errorf("an entry of %d bytes allocates %v times", size, n)
		}
	}
}

func BenchmarkEncoder(b *testing.B) {
	for _, size := range []int{10, 200, 4000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			e := entry(size)
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = Encoder{}.Entry(dst[:0], e)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}
