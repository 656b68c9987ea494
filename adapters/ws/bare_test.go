//go:build unix

package ws

import (
	"syscall"
	"testing"
)

// bareClient is a client's socket as a plain file descriptor.
type bareClient int

func dialBare(tb testing.TB, port int) bareClient {
	tb.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		tb.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		tb.Fatal(err)
	}
	return bareClient(fd)
}

func (c bareClient) write(tb testing.TB, p []byte) {
	tb.Helper()
	if n, err := syscall.Write(int(c), p); err != nil || n < len(p) {
		tb.Fatalf("wrote %d bytes, then %v", n, err)
	}
}

// read waits until something comes, such as the answer to a handshake.
func (c bareClient) read(tb testing.TB) {
	tb.Helper()
	var p [1024]byte
	if n, err := syscall.Read(int(c), p[:]); err != nil || n == 0 {
		tb.Fatalf("read %d bytes, then %v", n, err)
	}
}

func (c bareClient) close() { _ = syscall.Close(int(c)) }
