package freeaddr_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/parley-chat/parley/adapters/freeaddr"
)

func TestAnAddressIsBelowThoseOfConnections(t *testing.T) {
	t.Parallel()
	for range 50 {
		addr := freeaddr.Must(t)
		_, port, err := net.SplitHostPort(addr)
		if n, _ := strconv.Atoi(port); err != nil || n < 15000 || n >= 32000 {
			t.Fatalf("%s, %v", addr, err)
		}
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
	}
}
