//go:build unix && !linux

package proc_test

import (
	"syscall"
	"time"
)

// Threads do not matter on this system.
func threadID() int        { return 0 }
func awaitEndOfThread(int) {}

// cpuTime returns the CPU time of this process, as it measures it itself.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
