package main

import "testing"

func TestMemoryIsTrimmedOnceItIsQuiet(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	var tr trimmer
	for i, step := range []struct {
		allocated, resident uint64
		want                bool
		why                 string
	}{
		{100 * mib, 80 * mib, false, "a crowd comes"},
		{300 * mib, 160 * mib, false, "it goes on coming"},
		{301 * mib, 160 * mib, true, "it is quiet"},
		{302 * mib, 70 * mib, false, "nothing has piled up since"},
		{303 * mib, 70 * mib, false, "still nothing"},
		{350 * mib, 100 * mib, false, "some more come"},
		{351 * mib, 100 * mib, true, "it is quiet again"},
	} {
		if got := tr.worth(heap{step.allocated, step.resident}); got != step.want {
			t.Errorf("step %d (%s): trimmed is %v", i, step.why, got)
		}
	}
}

func TestTheHeapIsRead(t *testing.T) {
	t.Parallel()
	if h := readHeap(); h.allocated == 0 || h.resident == 0 {
		t.Errorf("the runtime tells %+v", h)
	}
}
