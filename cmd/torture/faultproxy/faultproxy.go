// Package faultproxy is a TCP proxy that can be told to cut, stall or delay connections.
package faultproxy

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Proxy passes connections on to a server. Its methods may be called concurrently.
type Proxy struct {
	listener net.Listener
	server   string
	ctx      context.Context // of New, for connections to the server; Close ends it
	wg       sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	cut     bool
	stalled bool
	delay   time.Duration
	conns   map[net.Conn]struct{}
}

// New returns a proxy to a server's host:port, at an address of its own.
func New(ctx context.Context, server string) (*Proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Proxy{listener: listener, server: server, ctx: context.WithoutCancel(ctx), conns: map[net.Conn]struct{}{}}
	p.changed = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	return p, nil
}

// Addr returns the proxy's own host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut breaks all connections, and refuses new ones until Mend.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	p.drop()
}

// Stall holds all bytes back until Mend: connections stay, and new ones are accepted.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = true
}

// Delay delays bytes, in their order, until Mend.
func (p *Proxy) Delay(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = by
}

// Mend ends Cut, Stall and Delay. Bytes that were held back are sent.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.stalled, p.delay = false, false, 0
	p.changed.Broadcast()
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Cut()
	p.wg.Wait()
}

// drop closes all connections. p.mu must be held.
func (p *Proxy) drop() {
	for conn := range p.conns {
		conn.Close()
	}
	p.changed.Broadcast()
}

func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.carry(near) })
	}
}

func (p *Proxy) carry(near net.Conn) {
	defer near.Close()
	if !p.hold(near) {
		return
	}
	defer p.release(near)
	far, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(p.ctx, "tcp", p.server)
	if err != nil {
		return
	}
	defer far.Close()
	if !p.hold(far) {
		return
	}
	defer p.release(far)
	var wg sync.WaitGroup
	wg.Go(func() { p.pass(far, near) })
	p.pass(near, far)
	wg.Wait()
}

func (p *Proxy) hold(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

func (p *Proxy) release(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// pass passes bytes on until one end is closed, and then closes the other.
func (p *Proxy) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p.wait()
			if _, failed := to.Write(buffer[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait holds back what was read while the proxy stalls or delays. Chunks wait one after the other,
// so that a delay also reduces the throughput.
func (p *Proxy) wait() {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	time.Sleep(delay)
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled && !p.cut {
		p.changed.Wait()
	}
}
