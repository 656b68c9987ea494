package nats_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fake is a server that can misbehave on demand.
type fake struct {
	mute  bool                     // it sends nothing at all
	next  func(reply func(string)) // replaces the answer to one ping, the next after armed is set
	armed atomic.Bool

	listener           net.Listener
	wg                 sync.WaitGroup
	conns, subs, pings atomic.Int64

	mu      sync.Mutex
	open    []net.Conn
	connect string // the CONNECT of the last client
}

func (f *fake) start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.listener = listener
	f.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.open = append(f.open, conn)
			f.mu.Unlock()
			f.wg.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		f.mu.Lock()
		for _, conn := range f.open {
			conn.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return "nats://" + listener.Addr().String()
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	f.conns.Add(1)
	if f.mute {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	reply := func(s string) { _, _ = io.WriteString(conn, s+"\r\n") }
	reply(`INFO {"server_id":"fake","version":"2.15.2","proto":1,"headers":true,"max_payload":1048576}`)
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, rest, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "CONNECT":
			f.mu.Lock()
			f.connect = rest
			f.mu.Unlock()
		case "SUB":
			f.subs.Add(1)
		case "PUB":
			var subject string
			var size int64
			_, _ = fmt.Sscan(rest, &subject, &size)
			_, _ = io.CopyN(io.Discard, in, size+2)
		case "PING":
			f.pings.Add(1)
			if f.armed.CompareAndSwap(true, false) {
				f.next(reply)
			} else {
				reply("PONG")
			}
		}
	}
}
