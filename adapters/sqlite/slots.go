package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// The statements for slots. If the previous release has deleted a message, that may still have
// slots. They do not count any more.
const (
	standsQuery = ` AND NOT EXISTS (SELECT 1 FROM entry t WHERE t.room = s.room AND t.seq = s.target AND t.deleted_by IS NOT NULL)`

	pinnedQuery = `
		SELECT count(*) FROM slot s INDEXED BY slot_pinned WHERE s.room = ? AND s.type = 'pinned'` + standsQuery

	pinsQuery = `
		SELECT s.target, s.set_by FROM slot s INDEXED BY slot_pinned
		WHERE s.room = (SELECT number FROM room WHERE id = ?) AND s.type = 'pinned' AND s.set_by < ?` + standsQuery + `
		ORDER BY s.set_by DESC LIMIT ?`

	duePinsQuery = `
		SELECT r.id, s.target, s.set_by, s.due FROM slot s INDEXED BY slot_due JOIN room r ON r.number = s.room
		WHERE s.due <= ? AND s.type = 'pinned'` + standsQuery + `
		ORDER BY s.due LIMIT ?`

	// A join in the other order would read all slots.
	roomSlotsQuery = `
		SELECT r.id, s.type, s.slot, s.set_by, s.data
		FROM (SELECT DISTINCT value FROM json_each(?1)) a CROSS JOIN room r ON r.id = a.value CROSS JOIN slot s ON s.room = r.number AND s.target = 0
		WHERE json_array_length(?2) = 0 OR s.type IN (SELECT value FROM json_each(?2))
		ORDER BY r.id, s.type, s.slot`
)

// Slot implements ledger.Rows.
func (r rows) Slot(target chat.Seq, of chat.SetType, name string) (is chat.Slot, held bool, _ error) {
	is = chat.Slot{Type: of, Slot: name}
	held, err := found(r.b.row(r.b.w.slot, r.number, target, of, name).Scan(&is.SetBy, &is.Data))
	if !held {
		return chat.Slot{}, false, err
	}
	return is, true, nil
}

// Slots implements ledger.Rows.
func (r rows) Slots(target chat.Seq) (all []ledger.SlotSize, _ error) {
	err := r.b.each(r.b.w.slots, func(scan scanner) error {
		var is ledger.SlotSize
		err := scan(&is.Type, &is.Bytes)
		all = append(all, is)
		return err
	}, r.number, target)
	return all, err
}

// Pins implements ledger.Rows.
func (r rows) Pins() (n int, _ error) {
	err := r.b.row(r.b.w.pinned, r.number).Scan(&n)
	return n, err
}

// set makes a slot hold the value that the entry e has set, or none.
func (b *batch) set(r *roomRow, to *ledger.Slot, e *chat.Entry) error {
	if to.Data == nil {
		return b.exec(b.w.unsetSlot, r.number, to.Target, to.Type, to.Set.Slot)
	}
	var due sql.NullInt64
	if !to.Due.IsZero() {
		due = sql.NullInt64{Int64: to.Due.UnixMicro(), Valid: true}
	}
	return errors.Join(
		b.exec(b.w.setSlot, r.number, to.Target, to.Type, to.Set.Slot, e.Seq, r.at, due, to.Data),
		b.exec(b.w.slotted, r.number, to.Target))
}

// fold adds their slots to the page's messages. The entries are ascending.
func (p *page) fold(tx *transaction, query *sql.Stmt) error {
	if len(p.slotted) == 0 {
		return nil
	}
	first, last := slices.Min(p.slotted), slices.Max(p.slotted)
	at := 0
	return tx.each(query, func(scan scanner) error {
		var target chat.Seq
		var is chat.Slot
		if err := scan(&target, &is.Type, &is.Slot, &is.SetBy, &is.Data); err != nil {
			return err
		}
		for at < len(p.entries)-1 && p.entries[at].Seq < target {
			at++
		}
		message, ok := p.entries[at].Fact.(chat.Message)
		if ok && p.entries[at].Seq == target && message.DeletedAt.IsZero() {
			message.Slots = append(message.Slots, is)
			p.entries[at].Fact = message
		}
		return nil
	}, p.room, first, last)
}

// RoomSlots implements ports.Slots.
func (s *Store) RoomSlots(ctx context.Context, rooms []chat.RoomID, types ...chat.SetType) (map[chat.RoomID][]chat.Slot, error) {
	all := map[chat.RoomID][]chat.Slot{}
	if types == nil {
		types = []chat.SetType{}
	}
	err := eachRow(ctx, s.r.roomSlots, func(scan scanner) error {
		var id chat.RoomID
		var is chat.Slot
		err := scan(&id, &is.Type, &is.Slot, &is.SetBy, &is.Data)
		all[id] = append(all[id], is)
		return err
	}, list(rooms), list(types))
	if err != nil {
		return nil, within(ctx, err, "read slots")
	}
	return all, nil
}

// Pins implements ports.Slots.
func (s *Store) Pins(ctx context.Context, room chat.RoomID, before chat.Seq, limit int) (pins []ports.PinnedMessage, _ error) {
	if before == 0 {
		before = chat.MaxSeq + 1
	}
	err := eachRow(ctx, s.r.pins, func(scan scanner) error {
		var p ports.PinnedMessage
		err := scan(&p.Message, &p.SetBy)
		pins = append(pins, p)
		return err
	}, room, before, limit)
	return pins, within(ctx, err, "list pins")
}

// DuePins implements ports.Slots.
func (s *Store) DuePins(ctx context.Context, limit int) (due []ports.DuePin, _ error) {
	err := eachRow(ctx, s.r.duePins, func(scan scanner) error {
		var p ports.DuePin
		var at int64
		err := scan(&p.Room, &p.Message, &p.SetBy, &at)
		p.Due = time.UnixMicro(at).UTC()
		due = append(due, p)
		return err
	}, now(), limit)
	return due, within(ctx, err, "look for pins that are due")
}
