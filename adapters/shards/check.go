package shards

import (
	"context"
	"time"

	"github.com/parley-chat/parley/ports"
)

// Check implements ports.Checker. It fails where all servers do: one that is away takes its rooms
// away, and no other node could serve them either. See Servers.
func (s *Store) Check(ctx context.Context) error {
	return s.soon(ctx, Server.Check)
}

// CheckWrite implements ports.WriteChecker: it fails where no server could write.
func (s *Store) CheckWrite(ctx context.Context) error {
	return s.soon(ctx, Server.CheckWrite)
}

// soonTime is how long other servers may take for an answer once one has answered without an error.
const soonTime = 250 * time.Millisecond

// soon asks all servers, and returns nil soon after one has answered without an error: one that is
// frozen does not hold it up.
func (s *Store) soon(ctx context.Context, ask func(Server, context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return s.any(func(_ int, server Server) error {
		err := ask(server, ctx)
		if err == nil {
			time.AfterFunc(soonTime, cancel)
		}
		return err
	})
}

// Servers returns the checkers of the servers, in their order.
func (s *Store) Servers() (list []ports.Checker) {
	for _, server := range s.all {
		list = append(list, server)
	}
	return list
}

// AwaitMap implements ports.Mapped.
func (s *Store) AwaitMap(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	_ = s.each(func(_ int, server Server) error {
		err := server.AwaitMap(ctx)
		cancel(err)
		return err
	})
	return context.Cause(ctx)
}

// Pool implements ports.Pooled, for the connections to all servers together.
func (s *Store) Pool() (sum ports.Pool) {
	for _, server := range s.all {
		now := server.Pool()
		sum.Idle += now.Idle
		sum.Acquired += now.Acquired
		sum.Constructing += now.Constructing
		sum.Most += now.Most
		sum.Waits += now.Waits
		sum.Waited += now.Waited
	}
	return sum
}
