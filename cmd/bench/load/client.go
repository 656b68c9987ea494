//go:build linux || darwin

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// Handler receives the events of a connection.
type Handler interface {
	// Joined is called when the connection has joined its room: the last step of Dial.
	Joined(c *Client)
	// Message is called for each further message. m and its memory are valid only during the call.
	Message(c *Client, m *Message)
	// Closed is called when the connection has ended, other than by Client.Close. It is the last
	// call.
	Closed(c *Client, err error)
}

// Client is one connection, in one room.
type Client struct {
	Index   int // the caller's own
	Room    string
	Last    int // seq of the last entry; after Joined, the next one is Last+1
	Carried int // number of entries in the answer to the join

	// Both must be 0 at the end; they are counted by the entries' seqs.
	Lost, Twice int

	loop    *Loop
	host    string
	handler Handler
	fd      int
	user    string
	history int
	paused  bool
	waiting bool // until the socket takes more
	state   state
	part    []byte // the beginning of an incomplete frame
	out     []byte // bytes that the socket did not take
	window  []byte // the last texts that came compressed
	texts   uint64 // a hash of all texts so far
}

type state uint8

const (
	connecting state = iota
	upgrading
	upgraded
)

// NoJoin is a history with which Dial joins no room: Handler.Joined is called when the connection
// is made.
const NoJoin = -1

// Dial begins to connect as user, to join room, and to get its newest entries. Later errors are
// reported to h.
func (l *Loop) Dial(user, room string, history int, h Handler) (*Client, error) {
	server := l.servers[l.opened%len(l.servers)]
	fd, err := newSocket(server.to, l.opened)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	c := &Client{loop: l, host: server.host, handler: h, fd: fd, Room: room, user: user, history: history, waiting: true}
	c.out = c.request()
	l.opened++
	if err := unix.Connect(fd, server.to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := l.poll.set(fd, true, true, false); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("watch a socket: %w", err)
	}
	for len(l.clients) <= fd {
		l.clients = append(l.clients, nil)
	}
	l.clients[fd] = c
	l.live++
	return c, nil
}

// request is the handshake.
func (c *Client) request() []byte {
	d := c.loop.Dialect
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		d.Path(c.Room, c.history), c.host)
	if c.loop.Compress {
		b = append(b, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"...)
	}
	for _, line := range d.Header(c.user) {
		b = append(append(b, line...), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// begin sends the first commands of a connection. Not all servers accept them together with the
// handshake.
func (c *Client) begin() {
	joining := c.joining()
	for _, payload := range [][]byte{c.loop.Dialect.Open(nil, c.user), joining} {
		if len(payload) > 0 {
			c.out = appendFrame(c.out, opText, payload)
		}
	}
	c.writable()
	if len(joining) == 0 && c.Open() {
		c.join(&Message{})
	}
}

// joining returns the command to join; empty if none is needed.
func (c *Client) joining() []byte {
	if c.history == NoJoin {
		return nil
	}
	return c.loop.Dialect.Join(nil, JoinID, c.Room, c.history)
}

// Send sends a message. Ids begin after JoinID.
func (c *Client) Send(id int, body string) {
	c.loop.buf = c.loop.Dialect.Send(c.loop.buf[:0], id, c.Room, body)
	c.write(opText, c.loop.buf)
	c.loop.buf = c.loop.buf[:cap(c.loop.buf)]
}

// Text sends any payload.
func (c *Client) Text(payload []byte) { c.write(opText, payload) }

// Pause stops reading until Resume.
func (c *Client) Pause(paused bool) {
	c.paused = paused
	c.watch()
}

// Close closes the connection; its handler is not told.
func (c *Client) Close() {
	if c.Open() {
		c.loop.clients[c.fd] = nil
		c.loop.live--
		_ = unix.Close(c.fd)
	}
}

// Open reports whether the connection is open.
func (c *Client) Open() bool { return c.fd < len(c.loop.clients) && c.loop.clients[c.fd] == c }

func (c *Client) end(err error) {
	if c.Open() {
		c.Close()
		c.handler.Closed(c, err)
	}
}

func (c *Client) write(op byte, payload []byte) {
	c.out = appendFrame(c.out, op, payload)
	if !c.waiting {
		c.writable()
	}
}

// writable writes pending bytes.
func (c *Client) writable() {
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			n = 0
		case err != nil:
			c.end(fmt.Errorf("write: %w", err))
			return
		}
		c.out = c.out[n:]
		if n == 0 {
			break
		}
	}
	if c.state == connecting {
		c.state = upgrading
	}
	if len(c.out) == 0 && cap(c.out) > 1<<12 {
		c.out = nil
	} else if len(c.out) == 0 {
		c.out = c.out[:0:cap(c.out)]
	}
	if was := c.waiting; was != (len(c.out) > 0) {
		c.waiting = !was
		c.watch()
	}
}

func (c *Client) watch() {
	if err := c.loop.poll.set(c.fd, !c.paused, c.waiting, true); err != nil {
		c.end(fmt.Errorf("watch a socket: %w", err))
	}
}

// readable reads once. The rest is read in the next round, so that no connection holds up others.
func (c *Client) readable() {
	kept := copy(c.loop.buf, c.part)
	n, err := unix.Read(c.fd, c.loop.buf[kept:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case err == nil && n == 0:
		err = io.EOF
	}
	if err != nil {
		c.end(fmt.Errorf("read: %w", err))
		return
	}
	c.loop.now = c.loop.Clock()
	c.part = c.part[:0]
	// Handlers may send, which uses the buffer after these bytes.
	whole := c.loop.buf
	c.loop.buf = whole[kept+n:]
	rest := c.hear(whole[:kept+n])
	c.loop.buf = whole
	switch {
	case len(rest) >= len(whole):
		c.end(errors.New("a frame is larger than the generator takes"))
	case len(rest) > 0:
		c.part = append(c.part, rest...)
	default:
		c.part = nil
	}
}

// hear handles received bytes, and returns an incomplete frame.
func (c *Client) hear(b []byte) (rest []byte) {
	if c.state != upgraded {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			return b
		}
		status, _, _ := strings.Cut(string(b[:end]), "\r\n")
		if !strings.HasPrefix(status, "HTTP/1.1 101 ") {
			c.end(fmt.Errorf("the handshake was answered %q: %s", status, b[end+4:]))
			return nil
		}
		c.state = upgraded
		b = b[end+4:]
		c.begin()
	}
	for {
		op, payload, size := nextFrame(b)
		switch {
		case !c.Open(): // its handler has closed it
			return nil
		case size == 0:
			return b
		case size < 0:
			c.end(errors.New("the server sent an invalid frame"))
			return nil
		}
		b = b[size:]
		c.loop.Received += int64(size)
		c.frame(op, payload)
		if !c.Open() {
			return nil
		}
	}
}

func (c *Client) frame(op byte, payload []byte) {
	if op&compressed != 0 {
		text, err := c.loop.inflating.text(c, payload)
		if err != nil {
			c.end(err)
			return
		}
		op, payload = op&^compressed, text
	}
	switch op {
	case opText:
		for len(payload) > 0 {
			c.loop.message, payload = c.loop.Dialect.Next(payload)
			c.message(&c.loop.message)
		}
	case opPing:
		c.write(opPong, payload)
	case opClose:
		c.end(fmt.Errorf("the server closed: % x %q", payload[:min(2, len(payload))], payload[min(2, len(payload)):]))
	}
}

func (c *Client) message(m *Message) {
	switch m.Kind {
	case Entry:
		c.check(m.Seq)
		c.handler.Message(c, m)
	case Joined:
		c.join(m)
	case PingDue:
		if answer := c.loop.Dialect.Ping(nil, m.Body); len(answer) > 0 {
			c.write(opText, answer)
		}
	case Opened:
	default:
		c.handler.Message(c, m)
	}
}

func (c *Client) join(m *Message) {
	c.Last, c.Carried = m.Seq, m.History
	if m.History == 0 {
		c.Last = max(m.Seq-c.history, 0)
	}
	c.handler.Joined(c)
}

// check compares an entry's seq with the one before it.
func (c *Client) check(seq int) {
	switch {
	case seq <= c.Last:
		c.Twice++
		return
	case seq > c.Last+1:
		c.Lost += seq - c.Last - 1
	}
	c.Last = seq
}
