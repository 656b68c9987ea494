package shards

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// behind is what a server has yet to take over from the first one. That of the first is empty.
type behind struct {
	mu     sync.Mutex
	leases map[ports.Share]granted // by share the latest
	taken  map[ports.Share]int64   // fences that it took over
	raised int64                   // the generation that it has, as far as is known
}

// granted is a lease of a node.
type granted struct {
	ports.Lease
	node ports.NodeID
}

// grant notes leases that the first server gave to a node, for the others to take over.
func (s *Store) grant(node ports.NodeID, leases []ports.Lease) {
	for _, b := range s.behind[1:] {
		b.mu.Lock()
		for _, l := range leases {
			if max(b.leases[l.Share].Fence, b.taken[l.Share]) < l.Fence {
				b.leases[l.Share] = granted{l, node}
			}
		}
		b.mu.Unlock()
	}
}

// ungrant drops what is not taken over yet of leases that a node gives back.
func (s *Store) ungrant(node ports.NodeID, gone func(ports.Share) bool) {
	for _, b := range s.behind[1:] {
		b.mu.Lock()
		maps.DeleteFunc(b.leases, func(share ports.Share, g granted) bool { return g.node == node && gone(share) })
		b.mu.Unlock()
	}
}

// catchUp has a server take over the leases that it has not yet. Nothing may rely on a lease there
// before that.
func (s *Store) catchUp(ctx context.Context, i int) error {
	b := s.behind[i]
	b.mu.Lock()
	var leases []ports.Lease
	var nodes []ports.NodeID
	for _, g := range b.leases {
		leases, nodes = append(leases, g.Lease), append(nodes, g.node)
	}
	b.mu.Unlock()
	if len(leases) == 0 {
		return nil
	}
	if err := s.all[i].Hold(ctx, leases, nodes); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range leases {
		b.taken[l.Share] = max(b.taken[l.Share], l.Fence)
		if b.leases[l.Share].Fence == l.Fence {
			delete(b.leases, l.Share)
		}
	}
	return nil
}

// ofShares asks all servers for what is theirs of some shares. What is of a server that is away is
// left out, unless all are: it is found once the server is back.
func ofShares[T any](ctx context.Context, s *Store, ask func(ctx context.Context, server Server) ([]T, error)) ([]T, error) {
	return present(ctx, s, func(ctx context.Context, i int, server Server) ([]T, error) {
		if err := s.catchUp(ctx, i); err != nil {
			return nil, err
		}
		return ask(ctx, server)
	})
}

// limited returns a list without what is more than limit of a share.
func limited[T any](list []T, limit int, room func(*T) chat.RoomID) []T {
	counts := map[ports.Share]int{}
	return slices.DeleteFunc(list, func(of T) bool {
		share := ports.ShareOf(room(&of))
		counts[share]++
		return counts[share] > limit
	})
}

// Pending implements ports.Cursors.
func (s *Store) Pending(ctx context.Context, asked []ports.SharePlace, limit int) ([]ports.PendingRoom, error) {
	all, err := ofShares(ctx, s, func(ctx context.Context, server Server) ([]ports.PendingRoom, error) {
		return server.Pending(ctx, asked, limit)
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b ports.PendingRoom) int { return cmp.Compare(a.Room, b.Room) })
	return limited(all, limit, func(is *ports.PendingRoom) chat.RoomID { return is.Room }), nil
}

// Waiting implements ports.Cursors.
func (s *Store) Waiting(ctx context.Context, shares []ports.Share, consumers []string, limit int) ([]ports.Cursor, error) {
	all, err := ofShares(ctx, s, func(ctx context.Context, server Server) ([]ports.Cursor, error) {
		return server.Waiting(ctx, shares, consumers, limit)
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b ports.Cursor) int { return a.Next.Compare(b.Next) })
	return limited(all, limit, func(c *ports.Cursor) chat.RoomID { return c.Room }), nil
}

// Load implements ports.Cursors.
func (s *Store) Load(ctx context.Context, rooms []chat.RoomID) ([]ports.Cursor, error) {
	return gather(s, rooms, func(i int, server Server, rooms []chat.RoomID) ([]ports.Cursor, error) {
		if err := s.catchUp(ctx, i); err != nil {
			return nil, err
		}
		return server.Load(ctx, rooms)
	})
}

// Move implements ports.Cursors. It is one commit on each server. If moves are for several servers
// and one of them is away, its moves are MoveChanged, as nothing is known of their cursors.
func (s *Store) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	p := part(s, moves, func(m *ports.CursorMove) chat.RoomID { return m.To.Room })
	moved := make([]ports.CursorMoved, len(moves))
	err := s.some(p.has, func(i int, server Server) error {
		err := s.catchUp(ctx, i)
		var part []ports.CursorMoved
		if err == nil {
			part, err = server.Move(ctx, p.parts[i])
		}
		if err != nil && p.count() == 1 {
			return err
		}
		for n, at := range p.places[i] {
			if moved[at].Outcome = ports.MoveChanged; err == nil {
				moved[at] = part[n]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return moved, nil
}

// Clear implements ports.Cursors.
func (s *Store) Clear(ctx context.Context, rooms []ports.RoomHead, generation int64) error {
	p := part(s, rooms, func(is *ports.RoomHead) chat.RoomID { return is.Room })
	return s.some(p.has, func(i int, server Server) error { return server.Clear(ctx, p.parts[i], generation) })
}

// Wake implements ports.Cursors. Rooms behind the end of the page that ends first are looked at
// again by the next call. A server knows the generation before its rooms become pending, so that
// nobody who does not know it clears them.
func (s *Store) Wake(ctx context.Context, query ports.WakeQuery) (sum ports.Woken, err error) {
	all, nexts := make([]ports.Woken, len(s.all)), make([]chat.RoomID, len(s.all))
	err = s.each(func(i int, server Server) (err error) {
		if err := s.raise(ctx, i); err != nil {
			return err
		}
		all[i], err = server.Wake(ctx, query)
		nexts[i] = all[i].Next
		return err
	})
	for i := range all {
		sum.Count += all[i].Count
		sum.Held += all[i].Held
	}
	sum.Next = earliest(nexts)
	return sum, err
}

// Begin implements ports.Consumers. A server that is away learns of it before its rooms become
// pending for the consumer: see Wake.
func (s *Store) Begin(ctx context.Context, consumer string) error {
	if err := s.first.Begin(ctx, consumer); err != nil {
		return s.named(0, err)
	}
	_, err := s.Begun(ctx)
	return err
}

// saw notes a generation, unless a later one is known.
func (s *Store) saw(generation int64) {
	for {
		was := s.generation.Load()
		if was >= generation || s.generation.CompareAndSwap(was, generation) {
			return
		}
	}
}

// raise has a server take over the generation, as far as it is known.
func (s *Store) raise(ctx context.Context, i int) error {
	generation, b := s.generation.Load(), s.behind[i]
	b.mu.Lock()
	low := i > 0 && b.raised < generation
	b.mu.Unlock()
	if !low {
		return nil
	}
	if err := s.all[i].Raise(ctx, generation); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.raised = max(b.raised, generation)
	return nil
}

// Begun implements ports.Consumers. Rooms of a server that has not taken over the generation stay
// pending until it has.
func (s *Store) Begun(ctx context.Context) (ports.Begun, error) {
	begun, err := s.first.Begun(ctx)
	if err != nil {
		return begun, s.named(0, err)
	}
	s.saw(begun.Generation)
	ctx, cancel := context.WithTimeout(ctx, awayTime)
	defer cancel()
	_ = s.each(func(i int, _ Server) error { return s.raise(ctx, i) }) // it is tried again
	return begun, nil
}

// Walked implements ports.Consumers.
func (s *Store) Walked(ctx context.Context, consumer string) error {
	return s.named(0, s.first.Walked(ctx, consumer))
}

// Seek implements ports.Consumers.
func (s *Store) Seek(ctx context.Context, consumer string, room chat.RoomID, seq chat.Seq) error {
	return s.named(s.at(room), s.of(room).Seek(ctx, consumer, room, seq))
}

// Stuck implements ports.Consumers.
func (s *Store) Stuck(ctx context.Context, consumer string, after chat.RoomID, limit int) ([]ports.Cursor, error) {
	lists := make([][]ports.Cursor, len(s.all))
	err := s.each(func(i int, server Server) (err error) {
		lists[i], err = server.Stuck(ctx, consumer, after, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := flat(lists)
	slices.SortStableFunc(all, func(a, b ports.Cursor) int { return cmp.Compare(a.Room, b.Room) })
	return all[:min(len(all), limit)], nil
}

// Forget implements ports.Consumers.
func (s *Store) Forget(ctx context.Context, consumer string, after chat.RoomID, limit int) (chat.RoomID, error) {
	nexts := make([]chat.RoomID, len(s.all))
	err := s.each(func(i int, server Server) (err error) {
		nexts[i], err = server.Forget(ctx, consumer, after, limit)
		return err
	})
	return earliest(nexts), err
}

// Retry implements ports.Retries.
func (s *Store) Retry(ctx context.Context, consumer string, rooms []chat.RoomID, within time.Duration, anew bool) error {
	p := part(s, rooms, self)
	return s.some(p.has, func(i int, server Server) error { return server.Retry(ctx, consumer, p.parts[i], within, anew) })
}

// Renew implements ports.Leases.
func (s *Store) Renew(ctx context.Context, node ports.NodeID, lives time.Duration) (ports.Tenure, error) {
	is, err := s.first.Renew(ctx, node, lives)
	s.grant(node, is.Leases) // also those of a call of Acquire whose outcome was lost
	return is, s.named(0, err)
}

// Acquire implements ports.Leases. A server that is away takes the leases over before they are
// relied on there.
func (s *Store) Acquire(ctx context.Context, node ports.NodeID) ([]ports.Lease, error) {
	more, err := s.first.Acquire(ctx, node)
	if err != nil || len(more) == 0 {
		return more, s.named(0, err)
	}
	s.grant(node, more)
	ctx, cancel := context.WithTimeout(ctx, awayTime)
	defer cancel()
	_ = s.each(func(i int, _ Server) error { return s.catchUp(ctx, i) })
	return more, nil
}

// Release implements ports.Leases. On a server that is away the shares are the node's still, which
// moves nothing there, until another node has them.
func (s *Store) Release(ctx context.Context, node ports.NodeID, shares []ports.Share) error {
	s.ungrant(node, func(share ports.Share) bool { return slices.Contains(shares, share) })
	return s.giveBack(func(server Server) error { return server.Release(ctx, node, shares) })
}

// Leave implements ports.Leases, as Release does.
func (s *Store) Leave(ctx context.Context, node ports.NodeID) error {
	s.ungrant(node, func(ports.Share) bool { return true })
	return s.giveBack(func(server Server) error { return server.Leave(ctx, node) })
}

// giveBack gives leases back on all servers, on the first one last.
func (s *Store) giveBack(on func(server Server) error) error {
	_ = s.some(func(i int) bool { return i > 0 }, func(_ int, server Server) error { return on(server) })
	return s.named(0, on(s.first))
}
