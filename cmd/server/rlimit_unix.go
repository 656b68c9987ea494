//go:build unix

package server

import "syscall"

// maxSessions leaves a part of the files that the process may open to the store, the listeners and
// connections that were sent away. The Go runtime has raised the soft limit to the hard one
// already.
func maxSessions() int {
	const spare, fallback, most = 256, 768, 1 << 20
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fallback
	}
	if limit.Cur > most {
		return most
	}
	open := int(limit.Cur)
	return max(min(open-spare, open/10*9), open/2)
}
