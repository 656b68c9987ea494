package notices

import (
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Split makes packets of entries, as few as possible, of at most maxBytes bytes and of one room
// each. A room's entries stay in order. An entry that is too large for a packet is sent as a head.
// send owns what it gets.
func (at Place) Split(
	entries []chat.Entry, maxBytes int, send func(room chat.RoomID, packet []byte),
) {
	if len(entries) == 0 {
		return
	}
	header := at.Packet()
	w := writer{header: header.Append(nil), maxBytes: maxBytes, send: send}
	first := open{room: entries[0].Room}
	others := map[chat.RoomID]int{} // index of the room in rest
	var rest []open
	for i := range entries {
		e := &entries[i]
		o := &first
		if e.Room != first.room {
			at, known := others[e.Room]
			if !known {
				at = len(rest)
				others[e.Room] = at
				rest = append(rest, open{room: e.Room})
			}
			o = &rest[at]
		}
		w.add(o, e)
	}
	w.flush(&first, len(first.packet))
	for i := range rest {
		w.flush(&rest[i], len(rest[i].packet))
	}
}

// writer writes the packets of a batch.
type writer struct {
	header   []byte
	maxBytes int
	send     func(chat.RoomID, []byte)
}

// open is a packet of a room that is not full yet.
type open struct {
	room   chat.RoomID
	packet []byte
}

func (w *writer) add(o *open, e *chat.Entry) {
	if o.packet == nil {
		o.packet = slices.Clone(w.header)
	}
	before := len(o.packet)
	o.packet = nested(o.packet, packetEntry, func(b []byte) []byte { return appendEntry(b, e) })
	if len(o.packet) <= w.maxBytes {
		return
	}
	w.flush(o, before)
	if len(o.packet) > w.maxBytes {
		alone := Packet{Heads: []Head{{o.room, e.Seq}}}
		o.packet = alone.Append(slices.Clone(w.header))
		w.flush(o, len(o.packet))
	}
}

// flush sends the first bytes of a packet, and begins the next one with the rest.
func (w *writer) flush(o *open, upTo int) {
	if upTo <= len(w.header) {
		return
	}
	full := o.packet
	o.packet = append(slices.Clone(w.header), full[upTo:]...)
	w.send(o.room, full[:upTo:upTo])
}

// Fit returns the packet with a notice, of at most maxBytes bytes: a presence that is larger loses
// users from the end, and keeps its total.
func (at Place) Fit(notice ports.Notice, maxBytes int) []byte {
	p := at.Packet()
	p.Notice = notice
	b := p.Append(nil)
	presence, ok := notice.(ports.NodePresence)
	for ok && len(b) > maxBytes && len(presence.Users) > 0 {
		keep := min(len(presence.Users)*maxBytes/len(b), len(presence.Users)-1)
		presence.Users = presence.Users[:keep]
		p.Notice = presence
		b = p.Append(b[:0])
	}
	return b
}
