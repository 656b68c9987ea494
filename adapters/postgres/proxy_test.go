package postgres_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a store and its server, and cuts a connection when a marked text comes by.
type proxy struct {
	url    string // of the server, through the proxy
	marker []byte
	armed  atomic.Pointer[cut]
}

// cut is where a connection breaks.
type cut struct {
	// behind: the server has answered the request with the marked text, and so committed it, and
	// the answer is lost. Otherwise the request is lost.
	behind bool
	done   chan struct{} // closed when it is cut
}

// startProxy starts a proxy before the server that database is on.
func startProxy(t *testing.T, database, marker string) *proxy {
	t.Helper()
	p := &proxy{marker: []byte(marker)}
	p.url = between(t, database, p.serve)
	return p
}

// between returns a URL. It calls serve with each connection that is made to it and the address of
// the server that database is on.
func between(t *testing.T, database string, serve func(client net.Conn, server string)) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(client, server) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait() // the store, which was opened later, is closed by now, and its connections with it
	})
	return u.String()
}

// arm makes the next marked text break its connection.
func (p *proxy) arm(behind bool) *cut {
	c := &cut{behind: behind, done: make(chan struct{})}
	p.armed.Store(c)
	return c
}

func (p *proxy) serve(client net.Conn, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		client.Close()
		return
	}
	var lost atomic.Pointer[cut]
	var wg sync.WaitGroup
	wg.Go(func() {
		answer(server, client, &lost)
		client.Close()
	})
	p.ask(client, server, &lost)
	server.Close()
	wg.Wait()
}

// ask passes on what the client sends, and sets lost when an answer is to be lost.
func (p *proxy) ask(client, server net.Conn, lost *atomic.Pointer[cut]) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if c := p.armed.Load(); c != nil && bytes.Contains(buffer[:n], p.marker) && p.armed.CompareAndSwap(c, nil) {
			if !c.behind {
				close(c.done)
				return
			}
			lost.Store(c)
		}
		if _, failed := server.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

// answer passes on what the server sends. An answer that is to be lost is read to its end and
// dropped; then it stops.
func answer(server, client net.Conn, lost *atomic.Pointer[cut]) {
	buffer := make([]byte, 1<<16)
	var unsaid []byte
	for {
		n, err := server.Read(buffer)
		if c := lost.Load(); c != nil {
			if unsaid = append(unsaid, buffer[:n]...); bytes.HasSuffix(unsaid, readyForQuery) {
				close(c.done)
				return
			}
		} else if _, failed := client.Write(buffer[:n]); failed != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

// readyForQuery is the message that ends a server's answer when no transaction is open.
var readyForQuery = []byte{'Z', 0, 0, 0, 5, 'I'}
