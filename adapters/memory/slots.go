package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// slot is a slot that holds a value.
type slot struct {
	chat.Slot
	due time.Time
}

func compareSlots(a, b chat.Slot) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Slot, b.Slot))
}

// find returns the place of a slot among those of a target. If the slot is empty, it returns where
// it would be.
func (r *room) find(target chat.Seq, of chat.SetType, name string) (at int, held bool) {
	return slices.BinarySearchFunc(r.slots[target], chat.Slot{Type: of, Slot: name}, func(is slot, want chat.Slot) int {
		return compareSlots(is.Slot, want)
	})
}

// set makes a slot hold the value that the entry e has set, or none.
func (r *room) set(to *ledger.Slot, e *chat.Entry) {
	all := r.slots[to.Target]
	at, held := r.find(to.Target, to.Type, to.Set.Slot)
	if held {
		all = slices.Delete(all, at, at+1)
	}
	if to.Data != nil {
		is := slot{chat.Slot{Type: to.Type, Slot: to.Set.Slot, SetBy: e.Seq, Data: to.Data}, to.Due}
		all = slices.Insert(all, at, is)
	}
	if len(all) == 0 {
		delete(r.slots, to.Target)
		return
	}
	r.slots[to.Target] = all
}

// presentSet returns a set as it is read: with its data only while the slot still holds it.
func (r *room) presentSet(f chat.Set, seq chat.Seq) chat.Set {
	if at, held := r.find(f.Target, f.Type, f.Slot); held && r.slots[f.Target][at].SetBy == seq {
		f.Data = r.slots[f.Target][at].Data
	}
	return f
}

// slotsOf returns the slots that are set on a message, or on the room (0), of the given types, or
// of all types if none is given.
func (r *room) slotsOf(target chat.Seq, types ...chat.SetType) (all []chat.Slot) {
	for _, is := range r.slots[target] {
		if len(types) == 0 || slices.Contains(types, is.Type) {
			all = append(all, is.Slot)
		}
	}
	return all
}

// Slot implements ledger.Rows.
func (r rows) Slot(target chat.Seq, of chat.SetType, name string) (is chat.Slot, held bool, _ error) {
	at, held := r.find(target, of, name)
	if held {
		is = r.slots[target][at].Slot
	}
	return is, held, nil
}

// Slots implements ledger.Rows.
func (r rows) Slots(target chat.Seq) (all []ledger.SlotSize, _ error) {
	for _, is := range r.slots[target] {
		all = append(all, ledger.SlotSize{Type: is.Type, Bytes: len(is.Slot.Slot) + len(is.Data)})
	}
	return all, nil
}

// Pins implements ledger.Rows. Deleted messages have no slots.
func (r rows) Pins() (int, error) { return len(r.pins()), nil }

// RoomSlots implements ports.Slots.
func (s *Store) RoomSlots(ctx context.Context, rooms []chat.RoomID, types ...chat.SetType) (map[chat.RoomID][]chat.Slot, error) {
	if err := ended(ctx, "read slots"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := map[chat.RoomID][]chat.Slot{}
	for _, id := range rooms {
		if r := s.rooms[id]; r != nil && len(r.slots[0]) > 0 {
			all[id] = r.slotsOf(0, types...)
		}
	}
	return all, nil
}

// pins returns the room's pins with their messages, in any order.
func (r *room) pins() (all []ports.DuePin) {
	for target := range r.slots {
		if at, held := r.find(target, chat.Pinned, ""); held {
			is := r.slots[target][at]
			all = append(all, ports.DuePin{Room: r.ID, PinnedMessage: ports.PinnedMessage{Message: target, SetBy: is.SetBy}, Due: is.due})
		}
	}
	return all
}

// Pins implements ports.Slots.
func (s *Store) Pins(ctx context.Context, id chat.RoomID, before chat.Seq, limit int) ([]ports.PinnedMessage, error) {
	if err := ended(ctx, "list pins"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.rooms[id]
	if r == nil {
		return nil, nil
	}
	var pins []ports.PinnedMessage
	for _, p := range r.pins() {
		if before == 0 || p.SetBy < before {
			pins = append(pins, p.PinnedMessage)
		}
	}
	slices.SortFunc(pins, func(a, b ports.PinnedMessage) int { return cmp.Compare(b.SetBy, a.SetBy) })
	return pins[:min(limit, len(pins))], nil
}

// DuePins implements ports.Slots. It goes through all rooms.
func (s *Store) DuePins(ctx context.Context, limit int) ([]ports.DuePin, error) {
	if err := ended(ctx, "look for pins that are due"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := time.Now()
	var due []ports.DuePin
	for _, r := range s.rooms {
		for _, p := range r.pins() {
			if !p.Due.IsZero() && !p.Due.After(now) {
				due = append(due, p)
			}
		}
	}
	slices.SortStableFunc(due, func(a, b ports.DuePin) int { return a.Due.Compare(b.Due) })
	return due[:min(limit, len(due))], nil
}
