// Package freeaddr finds addresses for servers that tests and measurements start.
package freeaddr

import (
	"errors"
	"math/rand/v2"
	"net"
)

// Ports are chosen from low up to high. Systems choose from above for connections that a program
// makes (32768 on Linux, 49152 elsewhere), so that none of these takes a port before a server
// listens at it, or while it is started again.
const low, high = 15000, 32000

// Find returns an address of this machine, as "127.0.0.1:15000", that nobody listens at. It is
// chosen at random: another one who looks at the same time hardly finds the same. Several may call
// it at once.
func Find() (string, error) {
	for range 100 {
		addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: low + rand.IntN(high-low)}
		listener, err := net.ListenTCP("tcp", addr)
		if err != nil {
			continue
		}
		return addr.String(), listener.Close()
	}
	return "", errors.New("no free address was found: of 100 ports from 15000 to 32000 each is taken")
}

// T is what Must needs of a test.
type T interface {
	Helper()
	Fatal(args ...any)
}

// Must is Find for tests: t fails where none is found.
func Must(t T) string {
	t.Helper()
	addr, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
