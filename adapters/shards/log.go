package shards

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// Lanes implements ports.Spread.
func (s *Store) Lanes() int { return s.lanes * len(s.all) }

// Apart implements ports.Spread. Lanes of one server may go together.
func (s *Store) Apart() int { return len(s.all) }

// Lane implements ports.Spread. All rooms of a lane are of one server.
func (s *Store) Lane(room chat.RoomID) int {
	at := s.at(room)
	return s.all[at].Lane(room)*len(s.all) + at
}

// Append implements ports.Log. Proposals to rooms of one server are one commit there. If a batch is
// for several servers and one of them is away, nothing is known of the outcome of the whole batch.
// Batches of one lane are for one server.
func (s *Store) Append(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	p := part(s, proposals, func(p *chat.Proposal) chat.RoomID { return p.Room })
	if p.count() < 2 {
		return s.appendTo(ctx, p, proposals)
	}
	if err := ledger.Check(proposals); err != nil {
		return nil, err
	}
	outcomes := make([]ports.Outcome, len(proposals))
	err := s.some(p.has, func(i int, server Server) error {
		part, err := server.Append(ctx, p.parts[i])
		if err != nil && chat.AsError(err).Kind == chat.Unavailable {
			return err
		}
		for n, at := range p.places[i] {
			if outcomes[at].Err = err; err == nil { // otherwise nothing was stored there
				outcomes[at] = part[n]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// appendTo appends what is for one server at most.
func (s *Store) appendTo(ctx context.Context, p parted[chat.Proposal], proposals []chat.Proposal) ([]ports.Outcome, error) {
	for i, server := range s.all {
		if p.has(i) {
			outcomes, err := server.Append(ctx, proposals)
			return outcomes, s.named(i, err)
		}
	}
	return s.first.Append(ctx, proposals)
}

// Read implements ports.Log.
func (s *Store) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	entries, err := s.of(room).Read(ctx, room, span)
	return entries, s.named(s.at(room), err)
}

// Entry implements ports.Log.
func (s *Store) Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (chat.Entry, error) {
	entry, err := s.of(room).Entry(ctx, room, seq)
	return entry, s.named(s.at(room), err)
}

// Heads implements ports.Log.
func (s *Store) Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error) {
	var mu sync.Mutex
	all := make(map[chat.RoomID]chat.Seq, len(rooms))
	p := part(s, rooms, self)
	err := s.partly(p.has, func(i int, server Server) error {
		heads, err := server.Heads(ctx, p.parts[i])
		mu.Lock()
		defer mu.Unlock()
		maps.Copy(all, heads)
		return err
	})
	if err != nil && !ports.IsPartial(err) {
		return nil, err
	}
	return all, err
}

// RoomSlots implements ports.Slots.
func (s *Store) RoomSlots(ctx context.Context, rooms []chat.RoomID, types ...chat.SetType) (map[chat.RoomID][]chat.Slot, error) {
	var mu sync.Mutex
	all := make(map[chat.RoomID][]chat.Slot, len(rooms))
	p := part(s, rooms, self)
	err := s.partly(p.has, func(i int, server Server) error {
		slots, err := server.RoomSlots(ctx, p.parts[i], types...)
		mu.Lock()
		defer mu.Unlock()
		maps.Copy(all, slots)
		return err
	})
	if err != nil && !ports.IsPartial(err) {
		return nil, err
	}
	return all, err
}

// Pins implements ports.Slots.
func (s *Store) Pins(ctx context.Context, room chat.RoomID, before chat.Seq, limit int) ([]ports.PinnedMessage, error) {
	pins, err := s.of(room).Pins(ctx, room, before, limit)
	return pins, s.named(s.at(room), err)
}

// DuePins implements ports.Slots. Those of servers that are away are left out until they are back.
func (s *Store) DuePins(ctx context.Context, limit int) ([]ports.DuePin, error) {
	due, err := present(ctx, s, func(ctx context.Context, _ int, server Server) ([]ports.DuePin, error) {
		return server.DuePins(ctx, limit)
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(due, func(a, b ports.DuePin) int { return a.Due.Compare(b.Due) })
	return due[:min(len(due), limit)], nil
}
