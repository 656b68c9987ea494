package redis

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/core/chat"
)

const maxPipeline = 500 // max packets in one pipeline

// subscriber is a connection that subscribes to channels of one hash slot or, if not sharded, to
// all channels. The server's answers arrive between the messages, in the order of the commands.
type subscriber struct {
	*driver
	on, off   string        // commands
	publisher *publisher    // nil: it only subscribes
	begun     chan struct{} // closed once there is a connection, made for the first command
	conn      *conn
	owed      atomic.Int64  // answers
	answered  chan struct{} // holds one: none is owed

	mu      sync.Mutex
	leaving map[string]int // how many answers to unsubscribing are owed, by channel
}

func newSubscriber(d *driver) *subscriber {
	s := &subscriber{
		driver: d, on: "SUBSCRIBE", off: "UNSUBSCRIBE",
		begun: make(chan struct{}), answered: make(chan struct{}, 1), leaving: map[string]int{},
	}
	if d.sharded {
		s.on, s.off = "SSUBSCRIBE", "SUNSUBSCRIBE"
	}
	return s
}

// connect connects to the server that has the slot of a channel or, if not sharded, to any server.
func (s *subscriber) connect(ctx context.Context, channel string) (err error) {
	if !s.sharded {
		s.conn, err = s.servers.dialAny(ctx)
		return err
	}
	addr, err := s.servers.owner(ctx, channel)
	if err != nil {
		return err
	}
	s.conn, err = s.servers.dial(ctx, addr)
	return err
}

// subscribe subscribes to channels, and connects first if there is no connection.
func (s *subscriber) subscribe(ctx context.Context, channels []string) error {
	if s.conn == nil {
		if err := s.connect(ctx, channels[0]); err != nil {
			s.servers.forget()
			return err
		}
		close(s.begun)
	}
	return s.ask(len(channels), s.on, redis.Args{}.AddFlat(channels)...)
}

// ask sends a command that has the given number of answers.
func (s *subscriber) ask(answers int, command string, args ...any) error {
	s.owed.Add(int64(answers))
	if err := s.conn.Send(command, args...); err != nil {
		return err
	}
	return s.conn.Flush()
}

// settle waits until no answer is owed.
func (s *subscriber) settle(ctx context.Context) error {
	for s.owed.Load() > 0 {
		select {
		case <-s.answered:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Subscribe implements bus.Conn.
func (s *subscriber) Subscribe(ctx context.Context, rooms []chat.RoomID) error {
	if err := s.subscribe(ctx, s.channels(rooms)); err != nil {
		return err
	}
	return s.settle(ctx)
}

// Unsubscribe implements bus.Conn.
func (s *subscriber) Unsubscribe(_ context.Context, rooms []chat.RoomID) error {
	channels := s.channels(rooms)
	s.mu.Lock()
	for _, channel := range channels {
		s.leaving[channel]++
	}
	s.mu.Unlock()
	return s.ask(len(channels), s.off, redis.Args{}.AddFlat(channels)...)
}

// Ping implements bus.Conn.
func (s *subscriber) Ping(ctx context.Context) error {
	if s.publisher != nil {
		if _, _, err := s.servers.ask(ctx, "PING"); err != nil {
			return err
		}
	}
	if s.conn == nil {
		return nil
	}
	if err := s.ask(1, "PING"); err != nil {
		return err
	}
	return s.settle(ctx)
}

// Receive implements bus.Conn.
func (s *subscriber) Receive(ctx context.Context) ([]byte, error) {
	select {
	case <-s.begun:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		packet, message, err := s.hear()
		if err != nil {
			s.servers.forget()
			return nil, err
		}
		if message {
			return packet, nil
		}
		if s.owed.Add(-1) == 0 {
			select {
			case s.answered <- struct{}{}:
			default:
			}
		}
	}
}

// hear reads the next message or answer, and returns the packet if it is a message.
func (s *subscriber) hear() (packet []byte, message bool, err error) {
	// No timeout: pings detect a dead server.
	said, err := redis.Values(redis.ReceiveWithTimeout(s.conn.Conn, 0))
	if err != nil || len(said) < 3 {
		return nil, false, err
	}
	kind, _ := redis.String(said[0], nil)
	switch kind {
	case "message", "smessage":
		packet, err = redis.Bytes(said[2], nil)
		return packet, true, err
	case "unsubscribe", "sunsubscribe":
		channel, _ := redis.String(said[1], nil)
		if !s.left(channel) {
			return nil, false, errMoved
		}
	}
	return nil, false, nil
}

// left records that the server has ended a subscription, and reports whether that was requested.
func (s *subscriber) left(channel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving[channel] == 0 {
		return false
	}
	if s.leaving[channel]--; s.leaving[channel] == 0 {
		delete(s.leaving, channel)
	}
	return true
}

// Publish implements bus.Conn.
func (s *subscriber) Publish(ctx context.Context, messages []bus.Message) error {
	for batch := range slices.Chunk(messages, maxPipeline) {
		packets := make([]packet, len(batch))
		for i, m := range batch {
			packets[i] = packet{s.channel(m.Room), m.Packet}
		}
		if err := s.pipeline(ctx, packets); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

func (s *subscriber) pipeline(ctx context.Context, packets []packet) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return s.publisher.publish(ctx, packets)
}

// Close implements bus.Conn.
func (s *subscriber) Close() {
	if s.publisher != nil {
		s.publisher.close()
	}
	if s.conn != nil {
		s.conn.close()
	}
}
