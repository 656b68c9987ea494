package bus

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Driver connects to one kind of server.
type Driver interface {
	// Groups returns into how many groups rooms are gathered, each with a connection of its own. It
	// may ask the servers, and is called before all other methods, until it succeeds.
	Groups(ctx context.Context) (int, error)
	// Group returns the group of a room, from 0. It may be called concurrently, and does not block.
	Group(room chat.RoomID) int
	// Dial connects a group. It returns soon after ctx ends, and gives up by itself after some
	// seconds. It is called for several groups at a time, but for each only after its last Conn was
	// closed. The connection of group 0 carries what is for all nodes as well: it is subscribed to
	// that, or will be once its first Ping returns.
	Dial(ctx context.Context, group int, events Events) (Conn, error)
	// Close frees what the connections shared, once all of them are closed. It is called once, by
	// Run.
	Close()
}

// Conn is one connection. It is of no more use after its first error. Receive is called by one
// goroutine again and again, Publish by another, and Subscribe, Unsubscribe and Ping by a third,
// one at a time; so an answer for Ping may come by Receive. Methods return when their ctx ends, if
// not before.
type Conn interface {
	// Subscribe returns once what concerns the rooms comes. They are of the connection's group.
	Subscribe(ctx context.Context, rooms []chat.RoomID) error
	// Unsubscribe ends that for rooms. It need not wait for the server.
	Unsubscribe(ctx context.Context, rooms []chat.RoomID) error
	// Receive returns the next packet that has come, which is the caller's. At the end its ctx
	// ends, and Close follows: by one of them it returns.
	Receive(ctx context.Context) (packet []byte, err error)
	// Publish sends messages in their order, or has the library send them. It is called for group 0
	// only, with messages about rooms of all groups, and fails where the server does not take them
	// within some seconds.
	Publish(ctx context.Context, messages []Message) error
	// Ping returns once the server has answered, and all that was subscribed to comes.
	Ping(ctx context.Context) error
	// Close sends what was published, as far as that takes no more than some seconds, and frees
	// what the connection has. It is called once, when no other method but Receive is under way.
	Close()
}

// Events takes from a Conn what no call of it returns. Its methods do not block, and may be called
// concurrently until Close returns.
type Events interface {
	// Missed tells that packets have come and are lost, while the connection goes on.
	Missed(why error)
	// Refused tells that the server does not allow something, while the connection goes on. Check
	// fails with it until the next connection.
	Refused(why error)
}

// Outbox holds what waits to be published, so that nobody waits for the server. It is bounded: what
// does not go in is lost, as a notice may be, and the error is ErrFull. Its methods may be called
// concurrently, and do not block.
type Outbox interface {
	// Announce and Tell take what the methods of ports.Bus are given.
	Announce(entries []chat.Entry) error
	Tell(notice ports.Notice) error
	// Wake has something in it when there may be messages to take.
	Wake() <-chan struct{}
	// Take returns all that waits, in the order in which it is to be published.
	Take() []Message
}

// OneGroup is the part of a Driver that has one connection for all rooms, and keeps nothing
// besides.
type OneGroup struct{}

// Groups implements Driver.
func (OneGroup) Groups(context.Context) (int, error) { return 1, nil }

// Group implements Driver.
func (OneGroup) Group(chat.RoomID) int { return 0 }

// Close implements Driver.
func (OneGroup) Close() {}
