package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// limitMemory sets Go's memory limit to 90 % of a container's memory, unless GOMEMLIMIT is set.
func limitMemory(errOut io.Writer) {
	_, err := memlimit.Set()
	if err != nil && !errors.Is(err, memlimit.ErrNoCgroup) && !errors.Is(err, memlimit.ErrCgroupsNotSupported) {
		fmt.Fprintf(errOut, "parley: cannot tell how much memory this container may have (%v): consider to set GOMEMLIMIT\n", err)
	}
}

// trimEvery is how often trimMemory checks, and how long the service must have been quiet.
const trimEvery = 5 * time.Second

// trimMemory returns memory to the system when the service is quiet after many clients, until ctx
// ends. By itself Go's runtime keeps up to twice the live heap; a lower GOGC would keep less, but
// costs a tenth of the throughput of sends.
func trimMemory(ctx context.Context) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	var t trimmer
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if t.worth(readHeap()) {
				debug.FreeOSMemory()
			}
		}
	}
}

// heap has the measures that trimming depends on.
type heap struct {
	allocated uint64 // bytes, since the start
	resident  uint64 // bytes that the heap holds
}

// trimmer decides when to trim.
type trimmer struct{ last, trimmed heap }

// worth reports whether the service is quiet and memory has accumulated since the last trim. Both
// are measured by allocations.
func (t *trimmer) worth(now heap) bool {
	quiet := now.allocated-t.last.allocated < now.resident/50
	t.last = now
	if !quiet || now.allocated-t.trimmed.allocated < now.resident/4 {
		return false
	}
	t.trimmed = now
	return true
}

func readHeap() heap {
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64() + s[2].Value.Uint64() + s[3].Value.Uint64()}
}
