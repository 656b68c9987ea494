//go:build linux || darwin

package load

import (
	"container/heap"
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Loop drives the connections to one server.
type Loop struct {
	Dialect  Dialect
	Compress bool  // clients offer to get compressed messages
	Received int64 // bytes, of all frames

	servers []server // connections take turns
	poll    *poller
	clients []*Client // by socket
	opened  int       // sockets, in total
	live    int
	buf     []byte
	message Message // for the handlers' calls
	began   time.Time
	now     time.Duration
	timers  timers
	stopped bool
	failure error

	inflating inflating
}

// New returns a loop for the server at addr, "127.0.0.1:8080".
func New(addr string, d Dialect) (*Loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, fmt.Errorf("make a poller: %w", err)
	}
	l := &Loop{Dialect: d, poll: p, buf: make([]byte, 256<<10), began: time.Now(), inflating: inflating{texts: map[packed]inflated{}}}
	if err := l.Also(addr); err != nil {
		p.close()
		return nil, err
	}
	return l, nil
}

// server is a server to connect to.
type server struct {
	host string
	to   unix.Sockaddr
}

// Also adds another node of the same service. The i-th of all connections goes to the server i
// modulo n, in the order in which they were added.
func (l *Loop) Also(addr string) error {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return err
	}
	s := server{host: addr, to: &unix.SockaddrInet6{Port: tcp.Port, Addr: [16]byte(tcp.IP.To16())}}
	if v4 := tcp.IP.To4(); v4 != nil {
		s.to = &unix.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(v4)}
	}
	l.servers = append(l.servers, s)
	return nil
}

// Close closes all connections without telling their handlers.
func (l *Loop) Close() {
	for _, c := range l.clients {
		if c != nil {
			_ = unix.Close(c.fd)
		}
	}
	l.clients, l.live = nil, 0
	l.poll.close()
}

// Now returns the time since the loop was made, at the latest read.
func (l *Loop) Now() time.Duration { return l.now }

// Clock returns the time since the loop was made.
func (l *Loop) Clock() time.Duration { return time.Since(l.began) }

// Segments returns how many TCP segments with data the connections have received that are open; 0:
// unknown. A server's write of up to some 64 KB to this machine is one segment, unless it had to
// wait for the client.
func (l *Loop) Segments() (n int64) {
	for _, c := range l.clients {
		if c != nil {
			n += segments(c.fd)
		}
	}
	return n
}

// Live returns the number of connections.
func (l *Loop) Live() int { return l.live }

// Stop makes Run return, also a later Run.
func (l *Loop) Stop() { l.stopped = true }

// Fail makes Run return err, or the first error of several.
func (l *Loop) Fail(err error) {
	if l.failure == nil {
		l.failure = err
	}
	l.stopped = true
}

// Run serves the connections and timers until Stop, Fail or the end of ctx, whose error it then
// returns.
func (l *Loop) Run(ctx context.Context) error {
	defer func() { l.stopped, l.failure = false, nil }()
	for !l.stopped {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := l.poll.wait(l.fire(), l.ready); err != nil {
			return fmt.Errorf("wait for sockets: %w", err)
		}
	}
	return l.failure
}

// patience bounds a wait, so that the end of a context is noticed.
const patience = 50 // ms

// fire runs the timers that are due, and returns the milliseconds to the next one.
func (l *Loop) fire() int {
	for len(l.timers) > 0 && !l.stopped {
		l.now = l.Clock()
		if wait := l.timers[0].at - l.now; wait > 0 {
			return int(min((wait+time.Millisecond-1)/time.Millisecond, patience))
		}
		heap.Pop(&l.timers).(timer).do() //nolint:forcetypeassert // there is nothing else in it
	}
	if l.stopped {
		return 0
	}
	return patience
}

// At calls do when Clock reaches at.
func (l *Loop) At(at time.Duration, do func()) { heap.Push(&l.timers, timer{at, do}) }

// After calls do after a while.
func (l *Loop) After(d time.Duration, do func()) { l.At(l.Clock()+d, do) }

func (l *Loop) ready(fd int, read, write bool) {
	if c := l.clients[fd]; c != nil && write {
		c.writable()
	}
	if c := l.clients[fd]; c != nil && read {
		c.readable()
	}
}

type timer struct {
	at time.Duration
	do func()
}

// timers is a heap.
type timers []timer

// Len implements heap.Interface.
func (t *timers) Len() int { return len(*t) }

// Less implements heap.Interface.
func (t *timers) Less(i, j int) bool { return (*t)[i].at < (*t)[j].at }

// Swap implements heap.Interface.
func (t *timers) Swap(i, j int) { (*t)[i], (*t)[j] = (*t)[j], (*t)[i] }

// Push implements heap.Interface.
func (t *timers) Push(x any) { *t = append(*t, x.(timer)) } //nolint:forcetypeassert // heap's own

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
