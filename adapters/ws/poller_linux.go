package ws

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/parley-chat/parley/ports"
)

// CanPoll reports whether connections can work without a goroutine each on this system.
const CanPoll = true

// poller passes socket events to polled connections. It has its own epoll. Each socket is added
// once, for all events, edge-triggered (epoll(7)). The runtime's poller watches that epoll, so that
// no thread waits in it. It starts with the first connection.
type poller struct {
	cfg     *Config
	workers workerPool

	mu      sync.Mutex
	file    *os.File  // of the epoll; nil: not started, or stopped
	fd      int       // of the epoll
	table   []*polled // by file
	marks   uint32    // the latest mark
	stopped bool      // no more connections are accepted
	running sync.WaitGroup
	leave   func() // called at the end of each connection
}

const (
	// 1<<31 is EPOLLET, which is negative in package syscall.
	edges        = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | 1<<31
	eventsAtOnce = 256
)

// poll makes the poller serve a connection. If it returns false, the connection is unchanged.
func (a *Adapter) poll(raw net.Conn, opening *ports.Opening, early []byte) bool {
	c := a.move(raw, &polled{inflates: opening.Packing != ports.Unpacked, session: &beginning{adapter: a, opening: opening, early: early}})
	if c == nil {
		return false
	}
	c.poller.workers.put(c) // whose stacks are large enough already
	return true
}

// pollDeaf is poll for a connection whose client only reads, and which has a session already. It
// returns nil if the connection is unchanged.
func (a *Adapter) pollDeaf(raw net.Conn, session ports.Session) ports.Conn {
	c := a.move(raw, &polled{session: session, deaf: true})
	if c == nil {
		return nil
	}
	if !c.rest() {
		c.poller.workers.put(c)
	}
	return c
}

// move moves a connection from the runtime's poller to this one, as c. Its first turn is taken. If
// it returns nil, the connection is unchanged.
func (a *Adapter) move(raw net.Conn, c *polled) *polled {
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return nil
	}
	p := &a.poller
	if err := p.start(a); err != nil {
		a.cfg.Observer.Fault(context.Background(), "begin to poll sockets", err)
		return nil
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return nil // too few files; it has passed, or will show again
	}
	a.live.Add()
	c.poller, c.fd = p, int32(fd)
	c.state.Store(taken)
	if err := p.add(c); err != nil {
		_ = syscall.Close(fd)
		a.live.Done()
		return nil
	}
	_ = tcp.Close()
	return c
}

// duplicate returns a new file for a socket. The socket's options stay; the runtime's file can be
// closed.
func duplicate(tcp *net.TCPConn) (int, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	var copied uintptr
	var failure syscall.Errno
	if err := raw.Control(func(fd uintptr) {
		copied, _, failure = syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return -1, err
	}
	if failure != 0 {
		return -1, failure
	}
	return int(copied), nil
}

// start starts the poller if it is not running.
func (p *poller) start(a *Adapter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.file != nil:
		return nil
	case p.stopped:
		return os.ErrClosed
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make an epoll: %w", err)
	}
	// Then NewFile makes the runtime watch it.
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return fmt.Errorf("prepare an epoll: %w", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("watch an epoll: %w", err)
	}
	p.cfg, p.file, p.fd, p.leave = &a.cfg, file, fd, a.live.Done
	p.workers.begin((*polled).turn)
	p.running.Go(func() { p.run(raw) })
	return nil
}

// stop ends the poller. There must be no connection left.
func (p *poller) stop() {
	p.mu.Lock()
	file := p.file
	p.file, p.stopped = nil, true
	p.mu.Unlock()
	if file != nil {
		_ = file.Close()
		p.running.Wait()
		p.workers.end()
	}
}

// run waits for events until the epoll is closed.
func (p *poller) run(raw syscall.RawConn) {
	events := make([]syscall.EpollEvent, eventsAtOnce)
	ready := make([]*polled, 0, eventsAtOnce)
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, _ := syscall.EpollWait(int(fd), events, 0)
			ready = p.pass(events[:max(n, 0)], ready)
			if n < len(events) {
				// All events were read. The runtime reports later ones, even if they happen before
				// it waits.
				return false
			}
		}
	})
}

// pass sets events at their connections, and adds those that need a turn to ready.
func (p *poller) pass(events []syscall.EpollEvent, ready []*polled) []*polled {
	ready = ready[:0]
	p.mu.Lock()
	for i := range events {
		e := &events[i]
		// A late event of a closed file may name a connection that has the same number now.
		c := p.table[e.Fd]
		if c == nil || c.mark != uint32(e.Pad) {
			continue
		}
		if e.Events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
			c.writable()
		}
		var bits uint32
		if e.Events&syscall.EPOLLIN != 0 {
			bits |= readable
		}
		if e.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
			bits |= hungUp
		}
		if bits != 0 && c.note(bits) {
			ready = append(ready, c)
		}
	}
	p.mu.Unlock()
	p.workers.put(ready...)
	clear(ready)
	return ready
}

// add begins to watch a connection's socket.
func (p *poller) add(c *polled) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks++
	c.mark = p.marks
	for int(c.fd) >= len(p.table) {
		p.table = append(p.table, nil)
	}
	p.table[c.fd] = c
	err := syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, int(c.fd), &syscall.EpollEvent{Events: edges, Fd: c.fd, Pad: int32(c.mark)})
	if err != nil {
		p.table[c.fd] = nil
	}
	return err
}

// remove removes a file and closes it. This ends the connection.
func (p *poller) remove(fd int) {
	p.mu.Lock()
	p.table[fd] = nil
	p.mu.Unlock()
	// Closing alone is not enough: a child that the process is starting may have a copy of the file
	// for a moment.
	_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, fd, nil)
	_ = syscall.Close(fd)
	p.leave()
}
