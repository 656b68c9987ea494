package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gomodule/redigo/redis"
)

const slots = 16384 // of a cluster

// servers are the servers of a bus: one, or a cluster.
type servers struct {
	addrs              []string // of the URL: one, or some of a cluster
	cluster            bool
	username, password string
	name               string      // of the connections
	tls                *tls.Config // nil: no TLS

	asking chan *conn // holds one: the connection for requests, or nil

	mu     sync.Mutex
	ranges []slotRange // of the cluster; nil: unknown
	closed bool
}

// slotRange is a range of slots of one server.
type slotRange struct {
	first, last int64
	addr        string
}

var errClosed = errors.New("the bus has ended")

func (s *servers) open() *servers {
	s.asking = make(chan *conn, 1)
	s.asking <- nil
	return s
}

// close closes the connection for requests after the current one.
func (s *servers) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	if c := <-s.asking; c != nil {
		c.close()
	}
	s.asking <- nil
}

// conn is a connection to a server.
type conn struct {
	redis.Conn
	raw  net.Conn
	addr string
}

// close closes the connection, even while others use it.
func (c *conn) close() { _ = c.raw.Close() }

// until closes the connection when ctx ends, unless unhook is called before. unhook waits for a
// close that is under way.
func (c *conn) until(ctx context.Context) (unhook func()) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(closed); c.close() })
	return func() {
		if !stop() {
			<-closed
		}
	}
}

// do sends a command and waits for the answer until ctx ends.
func (c *conn) do(ctx context.Context, command string, args ...any) (any, error) {
	unhook := c.until(ctx)
	defer unhook()
	answer, err := c.Do(command, args...)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return answer, err
}

// dial connects to a server.
func (s *servers) dial(ctx context.Context, addr string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	var dialer interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	} = &net.Dialer{}
	if s.tls != nil {
		dialer = &tls.Dialer{Config: s.tls}
	}
	raw, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &conn{redis.NewConn(raw, answerTime, answerTime), raw, addr}
	if err := s.greet(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// greet authenticates and sets the connection's name.
func (s *servers) greet(ctx context.Context, c *conn) error {
	var login []any
	switch {
	case s.username != "" && s.password != "":
		login = []any{s.username, s.password}
	case s.password != "":
		login = []any{s.password}
	}
	if login != nil {
		if _, err := c.do(ctx, "AUTH", login...); err != nil {
			return err
		}
	}
	_, err := c.do(ctx, "CLIENT", "SETNAME", s.name)
	if _, refused := errors.AsType[redis.Error](err); refused && login != nil {
		return nil // the user may not set a name; it is not needed
	}
	return err
}

// dialAny connects to any server that can be reached.
func (s *servers) dialAny(ctx context.Context) (*conn, error) {
	s.mu.Lock()
	addrs := slices.Clone(s.addrs)
	for _, r := range s.ranges {
		if !slices.Contains(addrs, r.addr) {
			addrs = append(addrs, r.addr)
		}
	}
	s.mu.Unlock()
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	var failed error
	for _, addr := range addrs {
		c, err := s.dial(ctx, addr)
		if err == nil {
			return c, nil
		}
		failed = err
	}
	return nil, failed
}

// ask sends a command to any server, on a connection that is kept for this purpose.
func (s *servers) ask(ctx context.Context, command string, args ...any) (answer any, addr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var c *conn
	select {
	case c = <-s.asking:
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	defer func() { s.asking <- c }()
	for range 2 { // the server may have closed the kept connection
		kept := c != nil
		if !kept {
			if c, err = s.dialAny(ctx); err != nil {
				c = nil
				return nil, "", err
			}
		}
		addr = c.addr
		answer, err = c.do(ctx, command, args...)
		if c.Err() == nil {
			return answer, addr, err
		}
		c.close()
		c = nil
		if !kept {
			break
		}
	}
	return answer, addr, err
}

// owner returns the server that has a channel's slot. It asks the cluster if that is unknown.
func (s *servers) owner(ctx context.Context, channel string) (string, error) {
	if !s.cluster {
		return s.addrs[0], nil
	}
	s.mu.Lock()
	ranges := s.ranges
	s.mu.Unlock()
	if ranges == nil {
		answer, addr, err := s.ask(ctx, "CLUSTER", "SLOTS")
		if err != nil {
			return "", err
		}
		ranges = readSlots(answer, addr)
		s.mu.Lock()
		s.ranges = ranges
		s.mu.Unlock()
	}
	slot := slotOf(channel)
	for _, r := range ranges {
		if r.first <= slot && slot <= r.last {
			return r.addr, nil
		}
	}
	s.forget()
	return "", fmt.Errorf("no server of the cluster has slot %d", slot)
}

// forget drops the known slots, so that they are asked for anew.
func (s *servers) forget() {
	s.mu.Lock()
	s.ranges = nil
	s.mu.Unlock()
}

// readSlots reads the answer to CLUSTER SLOTS, of the server at an address: ranges, each with its
// servers, the first of which is the master. A server without a host is the one that was asked.
func readSlots(answer any, asked string) []slotRange {
	ranges := []slotRange{}
	all, _ := answer.([]any)
	for _, one := range all {
		fields, _ := one.([]any)
		if len(fields) < 3 {
			continue
		}
		first, _ := fields[0].(int64)
		last, _ := fields[1].(int64)
		master, _ := fields[2].([]any)
		if len(master) < 2 {
			continue
		}
		host, _ := master[0].([]byte)
		port, _ := master[1].(int64)
		if len(host) == 0 || string(host) == "?" {
			own, _, _ := net.SplitHostPort(asked)
			host = []byte(own)
		}
		ranges = append(ranges, slotRange{first, last, net.JoinHostPort(string(host), strconv.FormatInt(port, 10))})
	}
	return ranges
}

// slotOf returns the slot of a channel: that of the text in its braces, or of the whole name
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
func slotOf(channel string) int64 {
	if _, rest, found := strings.Cut(channel, "{"); found {
		if tag, _, found := strings.Cut(rest, "}"); found && tag != "" {
			channel = tag
		}
	}
	var crc uint16 // CRC-16/XMODEM
	for _, b := range []byte(channel) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int64(crc) % slots
}

// hasMoved reports whether an error says that another server has the slot.
func hasMoved(err error) bool {
	said, is := errors.AsType[redis.Error](err)
	return is && (strings.HasPrefix(string(said), "MOVED ") || strings.HasPrefix(string(said), "ASK "))
}
