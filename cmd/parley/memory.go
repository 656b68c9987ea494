package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// gcPercent has garbage collected when the heap has grown by half, and not only when it has doubled: what lives in it is a million small
// things that sessions hold for hours, and deliveries leave no garbage.
const gcPercent = 50

// tuneMemory sets what the environment does not tell Go's runtime by GOGC and GOMEMLIMIT: in a container the heap may have 90 % of
// its memory, before the collector works harder.
func tuneMemory(errOut io.Writer) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	_, err := memlimit.Set()
	if err != nil && !errors.Is(err, memlimit.ErrNoCgroup) && !errors.Is(err, memlimit.ErrCgroupsNotSupported) {
		fmt.Fprintf(errOut, "parley: cannot tell how much memory this container may have (%v): consider to set GOMEMLIMIT\n", err)
	}
}
