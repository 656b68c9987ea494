package notices

import (
	"sync"

	"github.com/parley-chat/parley/core/chat"
)

// Message is a packet that waits to be sent: to those who follow Room, or to all nodes where that is empty.
type Message struct {
	Room   chat.RoomID
	Packet []byte
}

// Queue holds what a bus has yet to send, so that nobody waits for its server. It is bounded: what does not go in is lost, as a notice may
// be. Its methods may be called concurrently.
type Queue struct {
	most int
	wake chan struct{}

	mu      sync.Mutex
	waiting []Message
	bytes   int
	shut    bool
}

// NewQueue returns a queue for at most so many bytes of packets. It takes nothing until it is opened.
func NewQueue(most int) *Queue { return &Queue{most: most, wake: make(chan struct{}, 1), shut: true} }

// ErrFull is what Put returns where there is no room; ErrShut where nothing is taken now.
var (
	ErrFull = chat.Errorf(chat.Unavailable, "more is told than the bus takes")
	ErrShut = chat.Errorf(chat.Unavailable, "the bus cannot be reached")
)

// Put adds a message, or fails with Unavailable.
func (q *Queue) Put(m Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.shut:
		return ErrShut
	case q.bytes+len(m.Packet) > q.most:
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

// Ready fails, as Put does, while nothing is taken.
func (q *Queue) Ready() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shut {
		return ErrShut
	}
	return nil
}

// Open lets messages in.
func (q *Queue) Open() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shut = false
}

// Shut lets none in, and drops those that wait: once there is somebody to send them to again they are stale.
func (q *Queue) Shut() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shut, q.waiting, q.bytes = true, nil, 0
}

// Wake has something in it when there may be messages to take.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Take returns all messages that wait, in their order.
func (q *Queue) Take() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting, q.bytes = nil, 0
	return all
}
