package bus

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Driver connects to one kind of server.
type Driver interface {
	// Groups returns the number of groups of rooms; each group has its own connection. It may ask
	// the servers. It is called before all other methods, until it succeeds.
	Groups(ctx context.Context) (int, error)
	// Group returns the group of a room, from 0. It may be called concurrently, and does not block.
	Group(room chat.RoomID) int
	// Dial connects a group. It returns soon after ctx ends, and gives up by itself after some
	// seconds. It is called for several groups at a time, but for each only after its last Conn was
	// closed. The connection of group 0 also carries packets for all nodes: it is subscribed to
	// them at the latest when its first Ping returns.
	Dial(ctx context.Context, group int, events Events) (Conn, error)
	// Close releases what the connections shared, after all of them are closed. It is called once,
	// by Run.
	Close()
}

// Conn is one connection. It must not be used after its first error, except to close it. One
// goroutine calls Receive again and again, another one Publish, and a third one Subscribe,
// Unsubscribe and Ping, one at a time; so the answer of a Ping may arrive in Receive. Methods
// return at the latest when their ctx ends.
type Conn interface {
	// Subscribe returns once packets about the rooms are delivered. The rooms are of the
	// connection's group.
	Subscribe(ctx context.Context, rooms []chat.RoomID) error
	// Unsubscribe ends this for rooms. It need not wait for the server.
	Unsubscribe(ctx context.Context, rooms []chat.RoomID) error
	// Receive returns the next packet, which the caller owns. At the end ctx ends and Close is
	// called: it must return after one of the two.
	Receive(ctx context.Context) (packet []byte, err error)
	// Publish sends messages in their order, or makes the library send them. It is called only for
	// group 0, with messages about rooms of all groups. It fails if the server does not take them
	// within some seconds.
	Publish(ctx context.Context, messages []Message) error
	// Ping returns once the server has answered, and all subscriptions work.
	Ping(ctx context.Context) error
	// Close sends what was published, if that takes no more than some seconds, and releases the
	// connection. It is called once, when no other method than Receive is under way.
	Close()
}

// Events receives from a Conn events that no call returns. Its methods do not block, and may be
// called concurrently until Close returns.
type Events interface {
	// Missed reports that packets were lost, while the connection goes on.
	Missed(why error)
	// Refused reports that the server does not allow something, while the connection goes on. Check
	// fails with this error until the next connection.
	Refused(why error)
}

// Outbox holds messages to publish, so that callers do not wait for the server. It is bounded: if
// it is full, a message is lost, as notices may be, and the error is ErrFull. Its methods may be
// called concurrently, and do not block.
type Outbox interface {
	// Announce and Tell take the arguments of the methods of ports.Bus.
	Announce(entries []chat.Entry) error
	Tell(notice ports.Notice) error
	// Wake receives a value when there may be messages to take.
	Wake() <-chan struct{}
	// Take removes and returns all messages, in the order in which they are to be published.
	Take() []Message
}

// OneGroup is a part of a Driver that has one connection for all rooms, and no shared state.
type OneGroup struct{}

// Groups implements Driver.
func (OneGroup) Groups(context.Context) (int, error) { return 1, nil }

// Group implements Driver.
func (OneGroup) Group(chat.RoomID) int { return 0 }

// Close implements Driver.
func (OneGroup) Close() {}
