package delivery_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-chat/parley/ports"
)

// TestReadersThatStopCostTheirCursorsOnly puts 20 MB past each of 200 readers that take nothing: 4 GB, were it queued for them.
//
//nolint:paralleltest // it looks at the memory of the whole process
func TestReadersThatStopCostTheirCursorsOnly(t *testing.T) {
	const stopped, messages = 200, 5000
	w := newWorld(t, 1)
	alice, quick := w.connects("alice"), w.connects("quick")
	for i := range stopped {
		w.connectsTo(0, fmt.Sprint("stopped", i), 2048).asks(ports.Join{Room: "tea"})
	}
	alice.joins("tea")
	quick.joins("tea")
	before := heap()
	body := strings.Repeat("x", 4000)
	for range messages {
		alice.asks(ports.Send{Room: "tea", Body: body})
		alice.hears("ok")
		quick.hears("entry")
	}
	alice.skipped, quick.skipped = nil, nil
	// The log itself is in memory here, 20 MB of it and as much again for its slices.
	grown := int64(heap()) - int64(before)
	if most := int64(64<<20 + stopped*96<<10); grown > most {
		t.Errorf("the heap grew by %d MiB, want at most %d", grown>>20, most>>20)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
