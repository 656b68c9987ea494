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

// CanPoll reports whether connections can do without a goroutine each on this system.
const CanPoll = true

// poller tells polled connections what happens to their sockets. It has an epoll of its own, told
// of each socket once and for all that can happen to it, edge by edge (epoll(7)); the runtime's
// poller watches that epoll, so that no thread waits in it. It begins with the first connection.
type poller struct {
	cfg     *Config
	workers workerPool

	mu      sync.Mutex
	file    *os.File  // of the epoll; nil: not begun, or stopped
	fd      int       // of the epoll
	table   []*polled // by file
	marks   uint32    // the latest that was given
	stopped bool      // no more connections are taken
	running sync.WaitGroup
	leave   func() // tells that a connection is over
}

const (
	edges        = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | 1<<31 // EPOLLET, which syscall has as a negative number
	eventsAtOnce = 256
)

// poll takes a connection out of the runtime's hands; where it returns false, nothing has been done
// to it.
func (a *Adapter) poll(raw net.Conn, opening *ports.Opening, early []byte) bool {
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return false
	}
	p := &a.poller
	if err := p.start(a); err != nil {
		a.cfg.Observer.Fault(context.Background(), "begin to poll sockets", err)
		return false
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return false // a lack of files that has passed, or shows again
	}
	a.live.Add(1)
	c := &polled{poller: p, fd: int32(fd)}
	c.state.Store(taken)
	if err := p.add(c); err != nil {
		_ = syscall.Close(fd)
		a.live.Done()
		return false
	}
	_ = tcp.Close()
	go c.begin(a, opening, early)
	return true
}

// duplicate returns a file of our own for a socket. What was set on the socket stays set; the
// runtime's file can be closed.
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

// start begins the poller if it has not begun.
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
	if err := syscall.SetNonblock(fd, true); err != nil { // for NewFile to have the runtime watch it
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

// stop ends the poller. No connection is left.
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
				// Everything was told. What happens from here on the runtime tells, even if it
				// happens before it waits.
				return false
			}
		}
	})
}

// pass notes events at their connections, and queues those that are to have a turn.
func (p *poller) pass(events []syscall.EpollEvent, ready []*polled) []*polled {
	ready = ready[:0]
	p.mu.Lock()
	for i := range events {
		e := &events[i]
		// An event that was under way when its file was closed may name one that has the number
		// now.
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

// remove forgets a file, closes it, and with it the connection is over.
func (p *poller) remove(fd int) {
	p.mu.Lock()
	p.table[fd] = nil
	p.mu.Unlock()
	// Closing the file would do, if no child that the process is about to start had a copy of it
	// for a moment.
	_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, fd, nil)
	_ = syscall.Close(fd)
	p.leave()
}
