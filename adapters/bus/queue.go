package bus

import (
	"sync"

	"github.com/parley-chat/parley/core/chat"
)

// Message is a packet that waits to be sent: to nodes that follow Room, or to all nodes if Room is
// empty.
type Message struct {
	Room   chat.RoomID
	Packet []byte
}

// Queue holds packets that wait. It is bounded: if it is full, a packet is lost, as notices may be.
// Its methods may be called concurrently.
type Queue struct {
	maxBytes int
	wake     chan struct{}

	mu      sync.Mutex
	waiting []Message
	bytes   int
}

// NewQueue returns a queue for at most maxBytes bytes of packets.
func NewQueue(maxBytes int) *Queue {
	return &Queue{maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// ErrFull is the error of Put if there is no room.
var ErrFull = chat.Errorf(chat.Unavailable, "there are more messages than the bus can send")

// Put adds a message, or fails with Unavailable.
func (q *Queue) Put(m Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(m.Packet) > q.maxBytes {
		return ErrFull
	}
	q.waiting = append(q.waiting, m)
	q.bytes += len(m.Packet)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// Wake receives a value when there may be messages to take.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Take returns all messages that wait, in their order.
func (q *Queue) Take() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting, q.bytes = nil, 0
	return all
}
