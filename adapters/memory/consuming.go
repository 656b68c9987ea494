package memory

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var (
	_ ports.Cursors   = (*Store)(nil)
	_ ports.Consumers = (*Store)(nil)
	_ ports.Retries   = (*Store)(nil)
	_ ports.Leases    = (*Store)(nil)
)

// consuming has what the store knows of consumers.
type consuming struct {
	cursors    map[pairKey]*ports.Cursor
	walked     map[string]bool // only of those that have begun
	generation int64
	leases     [ports.Shares]ports.Lease // From is the node that holds it
	nodes      map[ports.NodeID]time.Time
}

type pairKey struct {
	room     chat.RoomID
	consumer string
}

func newConsuming() consuming {
	c := consuming{cursors: map[pairKey]*ports.Cursor{}, walked: map[string]bool{}, nodes: map[ports.NodeID]time.Time{}}
	for i := range c.leases {
		c.leases[i].Share = ports.Share(i)
	}
	return c
}

func stamp() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Pending implements ports.Cursors. It goes through all rooms.
func (s *Store) Pending(ctx context.Context, asked []ports.SharePlace, limit int) ([]ports.PendingRoom, error) {
	if err := ended(ctx, "read pending rooms"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	places := map[ports.Share]chat.RoomID{}
	for _, a := range asked {
		places[a.Share] = a.After
	}
	found := map[ports.Share][]ports.PendingRoom{}
	for id, r := range s.rooms {
		share := ports.ShareOf(id)
		if after, ok := places[share]; ok && r.pending && id > after {
			at := r.lastEntry()
			found[share] = append(found[share], ports.PendingRoom{Room: id, Head: r.Head, LastAt: at, Quiet: max(0, stamp().Sub(at))})
		}
	}
	var all []ports.PendingRoom
	for _, rooms := range found {
		slices.SortStableFunc(rooms, func(a, b ports.PendingRoom) int { return cmp.Compare(a.Room, b.Room) })
		all = append(all, rooms[:min(limit, len(rooms))]...)
	}
	return all, nil
}

// lastEntry returns the last entry's time, or when the room was made.
func (r *room) lastEntry() time.Time {
	if len(r.log) == 0 {
		return r.CreatedAt
	}
	return r.log[len(r.log)-1].At
}

// Waiting implements ports.Cursors.
func (s *Store) Waiting(ctx context.Context, shares []ports.Share, consumers []string, limit int) ([]ports.Cursor, error) {
	if err := ended(ctx, "read cursors that wait"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := stamp()
	due := s.consuming.sorted(func(c *ports.Cursor) bool {
		return !c.Next.IsZero() && !c.Next.After(now) && slices.Contains(shares, ports.ShareOf(c.Room)) && slices.Contains(consumers, c.Consumer)
	}, func(a, b ports.Cursor) int { return a.Next.Compare(b.Next) })
	found := map[ports.Share]int{}
	return slices.DeleteFunc(due, func(c ports.Cursor) bool {
		found[ports.ShareOf(c.Room)]++
		return found[ports.ShareOf(c.Room)] > limit
	}), nil
}

// sorted returns copies of the cursors that are wanted.
func (c *consuming) sorted(wanted func(*ports.Cursor) bool, by func(a, b ports.Cursor) int) (list []ports.Cursor) {
	for _, cursor := range c.cursors {
		if wanted(cursor) {
			is := *cursor
			is.Sealed = bytes.Clone(is.Sealed)
			list = append(list, is)
		}
	}
	slices.SortStableFunc(list, by)
	return list
}

func byRoom(a, b ports.Cursor) int {
	return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.Consumer, b.Consumer))
}

// Load implements ports.Cursors.
func (s *Store) Load(ctx context.Context, rooms []chat.RoomID) ([]ports.Cursor, error) {
	if err := ended(ctx, "read cursors"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	asked := make(map[chat.RoomID]bool, len(rooms))
	for _, id := range rooms {
		asked[id] = true
	}
	return s.consuming.sorted(func(c *ports.Cursor) bool { return asked[c.Room] }, byRoom), nil
}

// Move implements ports.Cursors.
func (s *Store) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	if err := ended(ctx, "move cursors"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]ports.CursorMoved, len(moves))
	for i := range moves {
		all[i].Outcome = s.consuming.move(&moves[i])
		if r := s.rooms[moves[i].To.Room]; r != nil && all[i].Outcome == ports.Moved {
			all[i].Head = r.Head
		}
	}
	return all, nil
}

func (c *consuming) move(m *ports.CursorMove) ports.MoveOutcome {
	if l := c.leases[m.Lease.Share]; l.Fence != m.Lease.Fence || l.From == "" {
		return ports.MoveLost
	}
	key := pairKey{m.To.Room, m.To.Consumer}
	was := c.cursors[key]
	if (was == nil) != (m.Was == nil) || was != nil && *m.Was != (ports.CursorState{Seq: was.Seq, UpTo: was.UpTo}) {
		return ports.MoveChanged
	}
	to := m.To
	to.Sealed = bytes.Clone(to.Sealed)
	to.Since, to.Next = time.Time{}, time.Time{}
	if to.Tries > 0 {
		if to.Since = stamp(); was != nil && was.Tries > 0 {
			to.Since = was.Since
		}
	}
	if m.Wait > 0 {
		to.Next = stamp().Add(m.Wait)
	}
	c.cursors[key] = &to
	return ports.Moved
}

// Clear implements ports.Cursors.
func (s *Store) Clear(ctx context.Context, rooms []ports.RoomHead, generation int64) error {
	if err := ended(ctx, "clear pending rooms"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, is := range rooms {
		if r := s.rooms[is.Room]; r != nil && r.Head == is.Head && s.consuming.generation == generation {
			r.pending = false
		}
	}
	return nil
}

// Wake implements ports.Cursors. No earlier release has ever appended to a memory.
func (s *Store) Wake(ctx context.Context, query ports.WakeQuery) (woken ports.Woken, err error) {
	if err := ended(ctx, "look through rooms"); err != nil {
		return woken, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []chat.RoomID
	for id := range s.rooms {
		if id > query.After {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if len(ids) >= query.Limit {
		ids = ids[:query.Limit]
		woken.Next = ids[query.Limit-1]
	}
	for _, id := range ids {
		r := s.rooms[id]
		if query.Since != nil && r.Head > 0 && !r.pending && !r.lastEntry().Before(*query.Since) {
			r.pending = true
			woken.Count++
		}
	}
	return woken, nil
}

// Begin implements ports.Consumers.
func (s *Store) Begin(ctx context.Context, consumer string) error {
	if err := ended(ctx, "begin a consumer"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consuming.walked[consumer] = false
	s.consuming.generation++
	return nil
}

// Begun implements ports.Consumers.
func (s *Store) Begun(ctx context.Context) (ports.Begun, error) {
	if err := ended(ctx, "read consumers"); err != nil {
		return ports.Begun{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ports.Begun{Generation: s.consuming.generation, Walked: maps.Clone(s.consuming.walked)}, nil
}

// Walked implements ports.Consumers.
func (s *Store) Walked(ctx context.Context, consumer string) error {
	if err := ended(ctx, "note a walk"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, begun := s.consuming.walked[consumer]; begun {
		s.consuming.walked[consumer] = true
	}
	return nil
}

// Seek implements ports.Consumers.
func (s *Store) Seek(ctx context.Context, consumer string, room chat.RoomID, seq chat.Seq) error {
	if err := ended(ctx, "set a cursor"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[room]
	switch {
	case r == nil:
		return chat.NoRoom(room)
	case seq > r.Head:
		return chat.CursorAhead(seq, r.Head)
	}
	s.consuming.cursors[pairKey{room, consumer}] = &ports.Cursor{Consumer: consumer, Room: room, Seq: seq, Next: stamp()}
	return nil
}

// Stuck implements ports.Consumers.
func (s *Store) Stuck(ctx context.Context, consumer string, after chat.RoomID, limit int) ([]ports.Cursor, error) {
	if err := ended(ctx, "read cursors"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := s.consuming.sorted(func(c *ports.Cursor) bool {
		return c.Consumer == consumer && c.Room > after && (c.Stalled || !c.Next.IsZero())
	}, byRoom)
	return list[:min(limit, len(list))], nil
}

// Forget implements ports.Consumers.
func (s *Store) Forget(ctx context.Context, consumer string, after chat.RoomID, limit int) (next chat.RoomID, err error) {
	if err := ended(ctx, "forget a consumer"); err != nil {
		return after, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if after == "" {
		delete(s.consuming.walked, consumer)
	}
	list := s.consuming.sorted(func(c *ports.Cursor) bool { return c.Room > after && c.Consumer == consumer }, byRoom)
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].Room
	}
	for _, c := range list {
		delete(s.consuming.cursors, pairKey{c.Room, consumer})
	}
	return next, nil
}

// Retry implements ports.Retries.
func (s *Store) Retry(ctx context.Context, consumer string, rooms []chat.RoomID, within time.Duration, anew bool) error {
	if err := ended(ctx, "have pairs tried again"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := stamp()
	for _, id := range rooms {
		c := s.consuming.cursors[pairKey{id, consumer}]
		switch {
		case c == nil || c.Tries == 0 || !anew && (c.Stalled || !c.Next.After(now.Add(within))):
			continue
		case anew:
			c.Tries, c.Since, c.Error, c.Stalled = 0, time.Time{}, "", false
		}
		c.Next = now.Add(rand.N(within + 1))
	}
	return nil
}

// Renew implements ports.Leases.
func (s *Store) Renew(ctx context.Context, node ports.NodeID, lives time.Duration) (is ports.Tenure, err error) {
	if err := ended(ctx, "renew leases"); err != nil {
		return is, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, now := &s.consuming, stamp()
	for other, until := range c.nodes {
		if now.Sub(until) > time.Hour {
			delete(c.nodes, other)
		}
	}
	c.nodes[node] = now.Add(lives)
	for _, l := range &c.leases {
		if l.From == node {
			is.Leases = append(is.Leases, ports.Lease{Share: l.Share, Fence: l.Fence})
		}
	}
	is.Nodes = c.living(now)
	return is, nil
}

func (c *consuming) lives(node ports.NodeID, now time.Time) bool { return c.nodes[node].After(now) }

func (c *consuming) living(now time.Time) (n int) {
	for node := range c.nodes {
		if c.lives(node, now) {
			n++
		}
	}
	return n
}

// Acquire implements ports.Leases.
func (s *Store) Acquire(ctx context.Context, node ports.NodeID) (more []ports.Lease, err error) {
	if err := ended(ctx, "acquire leases"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, now := &s.consuming, stamp()
	if !c.lives(node, now) {
		return nil, nil
	}
	nodes := c.living(now)
	lacks := (ports.Shares + nodes - 1) / nodes
	for _, l := range &c.leases {
		if l.From == node {
			lacks--
		}
	}
	for i := range c.leases {
		l := &c.leases[i]
		if lacks <= 0 {
			break
		}
		if l.From == "" || !c.lives(l.From, now) {
			more = append(more, ports.Lease{Share: l.Share, Fence: l.Fence + 1, From: l.From})
			l.Fence, l.From = l.Fence+1, node
			lacks--
		}
	}
	return more, nil
}

// Release implements ports.Leases.
func (s *Store) Release(ctx context.Context, node ports.NodeID, shares []ports.Share) error {
	if err := ended(ctx, "give back leases"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, share := range shares {
		if l := &s.consuming.leases[share]; l.From == node {
			l.From = ""
		}
	}
	return nil
}

// Leave implements ports.Leases.
func (s *Store) Leave(ctx context.Context, node ports.NodeID) error {
	if err := ended(ctx, "give back leases"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.consuming.nodes, node)
	for i := range s.consuming.leases {
		if l := &s.consuming.leases[i]; l.From == node {
			l.From = ""
		}
	}
	return nil
}
