//go:build unix

package server

import "syscall"

// maxSessions is derived from the limit on open files. It leaves some for the store, the listeners
// and connections that are being refused. The Go runtime has already raised the soft limit to the
// hard one.
func maxSessions() int {
	const spare, fallback, highest = 256, 768, 1 << 20
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fallback
	}
	if limit.Cur > highest {
		return highest
	}
	open := int(limit.Cur)
	return max(min(open-spare, open/10*9), open/2)
}
