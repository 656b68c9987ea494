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

// limitMemory lets the heap have 90 % of a container's memory before the collector works harder,
// unless GOMEMLIMIT says otherwise.
func limitMemory(errOut io.Writer) {
	_, err := memlimit.Set()
	if err != nil && !errors.Is(err, memlimit.ErrNoCgroup) && !errors.Is(err, memlimit.ErrCgroupsNotSupported) {
		fmt.Fprintf(errOut, "parley: cannot tell how much memory this container may have (%v): consider to set GOMEMLIMIT\n", err)
	}
}

// trimEvery is how often trimMemory looks, and how long it must have been quiet.
const trimEvery = 5 * time.Second

// trimMemory gives back to the system what a crowd of clients has left behind, once it is quiet,
// until ctx ends. Left alone, Go's runtime keeps up to twice of what lives; a lower GOGC would keep
// less, at a tenth of the throughput of sends.
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

// heap is what trimming depends on.
type heap struct {
	allocated uint64 // bytes, ever
	resident  uint64 // bytes that the heap holds
}

// trimmer decides when to trim.
type trimmer struct{ last, trimmed heap }

// worth reports whether it is quiet and something has piled up since the last time: both are
// measured by what was allocated.
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
