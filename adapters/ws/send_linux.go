package ws

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// trySend and tryReceive are write and read for a socket that never blocks, with two differences.
//
// They are calls for sockets (sendto, recvfrom). A write of a file also looks at what watches the
// file, and at its place in a file system, which a socket does not have.
//
// And the runtime does not know of them. Otherwise its monitor, seeing that a write to a socket
// takes as long as a blocking call, would take the processor away from the goroutine, give it to
// another thread, and have the goroutine queue for one again. So a goroutine that writes to many
// sockets goes on until the runtime preempts it, and a collection waits for at most one write.
//
// They allocate nothing.

// trySend writes as much of p as the socket takes at once.
func trySend(fd int, p []byte) (int, error) {
	return call(unix.SYS_SENDTO, fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// tryReceive reads what has come, up to the length of p. 0 without an error is the end.
func tryReceive(fd int, p []byte) (int, error) {
	return call(unix.SYS_RECVFROM, fd, p, unix.MSG_DONTWAIT)
}

func call(number uintptr, fd int, p []byte, flags uintptr) (int, error) {
	start := unsafe.Pointer(unsafe.SliceData(p)) //nolint:gosec // the call takes an address
	n, _, failure := syscall.RawSyscall6(number, uintptr(fd), uintptr(start), uintptr(len(p)), flags, 0, 0)
	if failure != 0 {
		return 0, failure
	}
	return int(n), nil
}
