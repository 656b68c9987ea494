package proc_test

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

func threadID() int { return syscall.Gettid() }

// awaitEndOfThread returns when a thread of this process has ended.
func awaitEndOfThread(id int) {
	for {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", id)); err != nil {
			return
		}
		runtime.Gosched()
	}
}

// cpuTime returns the CPU time of this process, as it measures it itself.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
