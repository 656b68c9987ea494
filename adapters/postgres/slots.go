package postgres

import (
	"context"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// If the previous release has deleted a message, that may still have slots. They do not count any
// more. The condition is a scalar subquery: a join might be planned to read the whole room.
const stands = ` AND (SELECT t.deleted_by FROM entry t WHERE t.room_id = s.room_id/*in t.room_id*/ AND t.seq = s.target) IS NULL`

const (
	// The slots that are set on each target that sets are proposed for. Only slots that are asked
	// for, and settings, come with their values.
	slotsQuery = `
SELECT s.room_id, s.target, s.type, s.slot, s.set_by, octet_length(s.slot) + octet_length(s.data),
  CASE WHEN s.type LIKE 'room.may\_%' OR EXISTS (
    SELECT FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) a (room_id, target, type, slot)
    WHERE a.room_id = s.room_id AND a.target = s.target AND a.type = s.type AND a.slot = s.slot
  ) THEN s.data END
FROM (
  SELECT room_id, target FROM unnest($1::text[], $2::bigint[]) a (room_id, target) UNION SELECT room_id, 0 FROM unnest($1::text[]) a (room_id)
) p JOIN slot s ON s.room_id = p.room_id/*in s.room_id*/ AND s.target = p.target`

	// The pins of rooms, on messages that are not deleted.
	pinnedQuery = `
SELECT s.room_id, s.target, s.type, s.slot, s.set_by, octet_length(s.slot) + octet_length(s.data), s.data
FROM (SELECT DISTINCT unnest($1::text[]) AS room_id) p JOIN slot s ON s.room_id = p.room_id/*in s.room_id*/ AND s.type = 'pinned'
  AND (CASE WHEN s.type = 'pinned' THEN s.set_by END) > 0` + stands

	setSlotsStatement = `
INSERT INTO slot (room_id, target, type, slot, set_by, at, due, data)
SELECT /*here*/room_id, target, type, slot, set_by, at, due, data
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::bytea[])
  AS p (room_id, target, type, slot, set_by, at, due, data)/*and here*/
ON CONFLICT (room_id, target, type, slot) DO UPDATE SET set_by = excluded.set_by, at = excluded.at, due = excluded.due, data = excluded.data`

	unsetSlotsStatement = `
DELETE FROM slot s USING unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS p (room_id, target, type, slot)
WHERE s.room_id = p.room_id/*in s.room_id*/ AND s.target = p.target AND s.type = p.type AND s.slot = p.slot`

	unslotStatement = `
DELETE FROM slot s USING unnest($1::text[], $2::bigint[]) AS p (room_id, target)
WHERE s.room_id = p.room_id/*in s.room_id*/ AND s.target = p.target`
)

type slotKey struct {
	place
	of   chat.SetType
	slot string
}

// slot is the value of a slot. If data is nil and it was changed, the slot is empty.
type slot struct {
	ledger.SlotSize
	setBy   chat.Seq
	data    []byte // nil if it was not asked for
	at, due time.Time
	changed bool
}

func (s *slot) holds() bool { return !s.changed || s.data != nil }

// asked has slots, column by column.
type asked struct {
	columns
	types, slots []string
}

func (c *asked) add(k slotKey) {
	c.columns.add(k.room, k.seq, "", "")
	c.types = append(c.types, string(k.of))
	c.slots = append(c.slots, k.slot)
}

// readSlots queues the queries for the slots that the judge needs for sets.
func (l *loaded) readSlots(batch *roomBatch, c asked) {
	if len(c.rooms) == 0 {
		return
	}
	batch.Queue(slotsQuery, c.rooms, c.seqs, c.types, c.slots).Query(l.takeSlots)
	for _, of := range c.types {
		if chat.SetType(of) == chat.Pinned {
			batch.Queue(pinnedQuery, c.rooms).Query(l.takeSlots)
			return
		}
	}
}

func (l *loaded) takeSlots(rows pgx.Rows) error {
	var k slotKey
	var s slot
	_, err := pgx.ForEachRow(rows, []any{&k.room, &k.seq, &k.of, &k.slot, &s.setBy, &s.Bytes, &s.data}, func() error {
		is := s
		is.Type = k.of
		l.slots[k] = &is
		return nil
	})
	return err
}

// Slot implements ledger.Rows.
func (r rows) Slot(target chat.Seq, of chat.SetType, name string) (is chat.Slot, held bool, _ error) {
	s := r.l.slots[slotKey{place{r.ID, target}, of, name}]
	if s == nil || !s.holds() {
		return is, false, nil
	}
	return chat.Slot{Type: of, Slot: name, SetBy: s.setBy, Data: s.data}, true, nil
}

// Slots implements ledger.Rows.
func (r rows) Slots(target chat.Seq) (all []ledger.SlotSize, _ error) {
	for k, s := range r.l.slots {
		if k.place == (place{r.ID, target}) && s.holds() {
			all = append(all, s.SlotSize)
		}
	}
	return all, nil
}

// Pins implements ledger.Rows.
func (r rows) Pins() (n int, _ error) {
	for k, s := range r.l.slots {
		if k.room == r.ID && k.of == chat.Pinned && s.holds() {
			n++
		}
	}
	return n, nil
}

// set makes a slot hold the value that the entry e has set, or none.
func (l *loaded) set(to *ledger.Slot, e *chat.Entry) {
	k := slotKey{place{e.Room, to.Target}, to.Type, to.Set.Slot}
	l.slots[k] = &slot{
		SlotSize: ledger.SlotSize{Type: to.Type, Bytes: len(to.Set.Slot) + len(to.Data)},
		setBy:    e.Seq, data: to.Data, at: e.At, due: to.Due, changed: true,
	}
	if m := l.messages[k.place]; m != nil {
		m.slotted, m.changed = true, true
	}
}

// unslot empties all slots of a message.
func (l *loaded) unslot(at place) {
	for k := range l.slots {
		if k.place == at {
			delete(l.slots, k)
		}
	}
}

func (l *loaded) writeSlots(batch *roomBatch) {
	var set, unset asked
	var gone columns
	var setBy []int64
	var ats []time.Time
	var dues []*time.Time
	var datas [][]byte
	for k, s := range l.slots {
		switch {
		case !s.changed:
		case s.data == nil:
			unset.add(k)
		default:
			set.add(k)
			setBy = append(setBy, int64(s.setBy))
			ats = append(ats, s.at)
			datas = append(datas, s.data)
			var due *time.Time
			if !s.due.IsZero() {
				due = &s.due
			}
			dues = append(dues, due)
		}
	}
	for _, at := range l.deleted {
		gone.add(at.room, at.seq, "", "")
	}
	if len(unset.rooms) > 0 {
		batch.Queue(unsetSlotsStatement, unset.rooms, unset.seqs, unset.types, unset.slots)
	}
	if len(set.rooms) > 0 {
		batch.Queue(setSlotsStatement, set.rooms, set.seqs, set.types, set.slots, setBy, ats, dues, datas)
	}
	if len(gone.rooms) > 0 {
		batch.Queue(unslotStatement, gone.rooms, gone.seqs)
	}
}

const roomSlotsQuery = `
SELECT s.room_id, s.type, s.slot, s.set_by, s.data
FROM (SELECT DISTINCT unnest($1::text[]) AS room_id) p JOIN slot s ON s.room_id = p.room_id/*in s.room_id*/ AND s.target = 0
WHERE cardinality($2::text[]) = 0 OR s.type = ANY($2::text[])
ORDER BY s.room_id, s.type, s.slot`

// RoomSlots implements ports.Slots.
func (s *Store) RoomSlots(ctx context.Context, rooms []chat.RoomID, types ...chat.SetType) (all map[chat.RoomID][]chat.Slot, err error) {
	of := make([]string, len(types))
	for i, t := range types {
		of[i] = string(t)
	}
	if s.apart(len(rooms), ids(rooms)) {
		return s.roomSlotsApart(ctx, rooms, types...)
	}
	err = s.read(ctx, "read slots", func(ctx context.Context) error {
		all = map[chat.RoomID][]chat.Slot{}
		query, args := s.about(first(len(rooms), ids(rooms)), roomSlotsQuery, texts(rooms), of)
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		var id chat.RoomID
		var is chat.Slot
		_, err = pgx.ForEachRow(rows, []any{&id, &is.Type, &is.Slot, &is.SetBy, &is.Data}, func() error {
			all[id] = append(all[id], is)
			return nil
		})
		return err
	})
	return all, err
}

// roomSlotsApart is RoomSlots, room by room.
func (s *Store) roomSlotsApart(ctx context.Context, rooms []chat.RoomID, types ...chat.SetType) (map[chat.RoomID][]chat.Slot, error) {
	var mu sync.Mutex
	all := make(map[chat.RoomID][]chat.Slot, len(rooms))
	err := s.eachRoom(ctx, len(rooms), ids(rooms), func(ctx context.Context, part *ofRoom) error {
		slots, err := s.RoomSlots(ctx, []chat.RoomID{part.room}, types...)
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

const pinsQuery = `
SELECT s.target, s.set_by FROM slot s
WHERE s.room_id = $1 AND s.type = 'pinned' AND (CASE WHEN s.type = 'pinned' THEN s.set_by END) < $2::bigint` + stands + `
ORDER BY (CASE WHEN s.type = 'pinned' THEN s.set_by END) DESC LIMIT $3::bigint`

// Pins implements ports.Slots.
func (s *Store) Pins(ctx context.Context, room chat.RoomID, before chat.Seq, limit int) (pins []ports.PinnedMessage, err error) {
	bound := int64(before)
	if bound == 0 {
		bound = math.MaxInt64
	}
	err = s.read(ctx, "list pins", func(ctx context.Context) error {
		query, args := s.about(room, pinsQuery, string(room), bound, limit)
		pins, err = queryAll(ctx, s.pool, query, args,
			func(row pgx.CollectableRow) (p ports.PinnedMessage, err error) {
				err = row.Scan(&p.Message, &p.SetBy)
				return p, err
			})
		return err
	})
	return pins, err
}

const duePinsQuery = `
SELECT s.room_id, s.target, s.set_by, s.due FROM slot s
WHERE s.due <= (SELECT clock_timestamp()) AND s.type = 'pinned'/*own s.room_id*/` + stands + `
ORDER BY s.due LIMIT $1::bigint`

// DuePins implements ports.Slots.
func (s *Store) DuePins(ctx context.Context, limit int) (due []ports.DuePin, err error) {
	if s.distributed {
		return s.duePinsScattered(ctx, limit)
	}
	err = s.read(ctx, "look for pins that are due", func(ctx context.Context) error {
		due, err = queryAll(ctx, s.pool, s.own(duePinsQuery), []any{limit}, scanDue)
		return err
	})
	return due, err
}

func scanDue(row pgx.CollectableRow) (p ports.DuePin, err error) {
	err = row.Scan(&p.Room, &p.Message, &p.SetBy, &p.Due)
	p.Due = p.Due.UTC()
	return p, err
}
