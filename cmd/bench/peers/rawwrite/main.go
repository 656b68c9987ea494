//go:build linux

// Command rawwrite is the lower bound for a comparison: a server that only writes. It keeps all
// sockets, and writes each message from any of them as a finished frame to all, in a simple loop of
// write calls, on one thread. It stores nothing and has no rooms. If a socket does not take a frame
// at once, it reports that and ends.
package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8000", "where to listen")
	merge := flag.Bool("merge", false, "write what came in one round by one call for each socket, instead of each message by its own")
	flag.Parse()
	runtime.LockOSThread()
	if err := run(*addr, *merge); err != nil {
		log.Fatal(err)
	}
}

type server struct {
	poll   int
	merge  bool
	socket map[int]*socket
	all    []int // upgraded ones
	seq    int
	round  []byte // frames of this round
}

type socket struct {
	upgraded bool
	in       []byte
}

func run(addr string, merge bool) error {
	listener, err := listen(addr)
	if err != nil {
		return err
	}
	s := &server{merge: merge, socket: map[int]*socket{}}
	if s.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if err := s.watch(listener); err != nil {
		return err
	}
	fmt.Println("ready", addr)
	events, buf := make([]unix.EpollEvent, 256), make([]byte, 64<<10)
	for {
		n, err := unix.EpollWait(s.poll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == listener {
				err = s.accept(listener)
			} else {
				err = s.read(int(e.Fd), buf)
			}
			if err != nil {
				return err
			}
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
}

func listen(addr string) (int, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return 0, err
	}
	return fd, unix.Listen(fd, 4096)
}

func (s *server) watch(fd int) error {
	return unix.EpollCtl(s.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (s *server) accept(listener int) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
		s.socket[fd] = &socket{}
		if err := s.watch(fd); err != nil {
			return err
		}
	}
}

func (s *server) read(fd int, buf []byte) error {
	n, err := unix.Read(fd, buf)
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if n <= 0 {
		s.drop(fd)
		return nil
	}
	c := s.socket[fd]
	c.in = append(c.in, buf[:n]...)
	if !c.upgraded {
		if err := s.upgrade(fd, c); err != nil || !c.upgraded {
			return err
		}
	}
	for {
		payload, size := frame(c.in)
		if size == 0 {
			return nil
		}
		if err := s.take(fd, payload); err != nil {
			return err
		}
		c.in = c.in[size:]
	}
}

func (s *server) drop(fd int) {
	_ = unix.Close(fd)
	delete(s.socket, fd)
	for i, other := range s.all {
		if other == fd {
			s.all = append(s.all[:i], s.all[i+1:]...)
			break
		}
	}
}

// upgrade answers the handshake once it is complete.
func (s *server) upgrade(fd int, c *socket) error {
	end := bytes.Index(c.in, []byte("\r\n\r\n"))
	if end < 0 {
		return nil
	}
	_, key, ok := bytes.Cut(c.in[:end+2], []byte("Sec-WebSocket-Key: "))
	if !ok {
		s.drop(fd)
		return nil
	}
	key, _, _ = bytes.Cut(key, []byte("\r\n"))
	sum := sha1.Sum(append(key[:len(key):len(key)], "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	c.in, c.upgraded = c.in[end+4:], true
	s.all = append(s.all, fd)
	return write(fd, fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:])))
}

// frame returns the payload of a client's frame, unmasked in place, and the frame's size; 0 if it
// is incomplete.
func frame(b []byte) (payload []byte, size int) {
	if len(b) < 6 {
		return nil, 0
	}
	head, n := 2, int(b[1]&0x7f)
	if n == 126 {
		head, n = 4, int(binary.BigEndian.Uint16(b[2:]))
	}
	if len(b) < head+4+n {
		return nil, 0
	}
	mask := [4]byte(b[head:])
	payload = b[head+4 : head+4+n]
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	return payload, head + 4 + n
}

// take acknowledges {"id":"7","body":"…"} and adds it to the round.
func (s *server) take(fd int, payload []byte) error {
	_, rest, _ := bytes.Cut(payload, []byte(`"id":"`))
	id, rest, _ := bytes.Cut(rest, []byte(`"`))
	_, rest, ok := bytes.Cut(rest, []byte(`"body":"`))
	body, _, _ := bytes.Cut(rest, []byte(`"`))
	if !ok {
		s.drop(fd)
		return nil
	}
	if err := write(fd, appendText(nil, fmt.Appendf(nil, `{"type":"ok","id":"%s"}`, id))); err != nil {
		return err
	}
	s.seq++
	// Of the same length as a message of Parley.
	entry := append([]byte(`{"type":"message","room":"bench","seq":`), strconv.Itoa(s.seq)...)
	entry = time.Now().UTC().AppendFormat(append(entry, `,"at":"`...), "2006-01-02T15:04:05.000000Z")
	entry = append(append(entry, `","author":{"id":"user0","name":"user0"},"body":"`...), body...)
	s.round = appendText(s.round, append(entry, `","key":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}`...))
	if s.merge {
		return nil
	}
	return s.flush()
}

func appendText(dst, payload []byte) []byte {
	dst = append(dst, 0x81)
	if len(payload) < 126 {
		dst = append(dst, byte(len(payload)))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(len(payload)))
	}
	return append(dst, payload...)
}

// flush writes the round to everybody.
func (s *server) flush() error {
	if len(s.round) == 0 {
		return nil
	}
	for _, fd := range s.all {
		if err := write(fd, s.round); err != nil {
			return err
		}
	}
	s.round = s.round[:0]
	return nil
}

// write makes one system call. It fails if the socket does not take all bytes.
func write(fd int, p []byte) error {
	n, err := unix.Write(fd, p)
	if err == nil && n < len(p) || errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("a socket took %d of %d bytes: this server is for clients that keep up", max(n, 0), len(p))
	}
	return nil // it is gone, which reading tells
}
