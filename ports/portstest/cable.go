package portstest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Cable is a TCP proxy to a server, whose connections can be cut.
type Cable struct {
	listener net.Listener
	server   string
	wg       sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

var _ Link = (*Cable)(nil)

// NewCable starts a cable to a server's host:port. It ends with the test.
func NewCable(t *testing.T, server string) *Cable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cable{listener: listener, server: server, conns: map[net.Conn]struct{}{}}
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		listener.Close()
		c.Cut()
		c.wg.Wait()
	})
	return c
}

// Addr returns the near end's host:port.
func (c *Cable) Addr() string { return c.listener.Addr().String() }

// Cut implements Link.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for conn := range c.conns {
		conn.Close()
	}
}

// Mend implements Link.
func (c *Cable) Mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
}

func (c *Cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.wg.Go(func() { c.carry(near) })
	}
}

func (c *Cable) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer far.Close()
	if !c.hold(near, far) {
		return
	}
	defer c.release(near, far)
	var wg sync.WaitGroup
	copying := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // it ends when either end does
		to.Close()
	}
	wg.Go(func() { copying(far, near) })
	copying(near, far)
	wg.Wait()
}

func (c *Cable) hold(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return false
	}
	for _, conn := range conns {
		c.conns[conn] = struct{}{}
	}
	return true
}

func (c *Cable) release(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		delete(c.conns, conn)
	}
}
