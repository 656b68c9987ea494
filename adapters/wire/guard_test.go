package wire

import (
	"testing"

	"github.com/parley-chat/parley/ports"
)

// TestGuardASendOnTheWireAllocatesLittle counts the wire's allocations of a send: the command and
// its four texts, and none for the answer and the entry.
func TestGuardASendOnTheWireAllocatesLittle(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	dst := make([]byte, 0, 4096)
	var ok ports.Frame = &ports.OK{ID: "c0ffee-17", Answer: ports.Sent{Receipt: ports.Receipt{Room: "general", Seq: 123456, At: noon}}}
	for what, row := range map[string]struct {
		max float64
		do  func()
	}{
		"decoding a send":   {5, func() { Decode(benchSend) }},
		"encoding its ok":   {0, func() { dst = AppendFrame(dst[:0], ok) }},
		"encoding an entry": {0, func() { dst = AppendEntry(dst[:0], &entries[0].entry) }},
	} {
		if n := testing.AllocsPerRun(100, row.do); n > row.max {
			t.Errorf("%s allocates %v times, want at most %v", what, n, row.max)
		}
	}
}

func BenchmarkAppendOK(b *testing.B) {
	var dst []byte
	var ok ports.Frame = &ports.OK{ID: "c0ffee-17", Answer: ports.Sent{Receipt: ports.Receipt{Room: "general", Seq: 123456, At: noon}}}
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendFrame(dst[:0], ok)
	}
}
