package notices

import (
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Split makes packets of entries, of one room each, in the order in which their rooms come first: as few as go into most bytes each. An
// entry that does not go into one alone is told as a head. What send gets is its own.
func Split(from ports.NodeID, entries []chat.Entry, most int, send func(room chat.RoomID, packet []byte)) {
	for len(entries) > 0 {
		room := entries[0].Room
		others := func(e chat.Entry) bool { return e.Room != room }
		if !slices.ContainsFunc(entries, others) { // mostly
			splitRoom(from, entries, most, send)
			return
		}
		var mine []chat.Entry
		mine, entries = part(entries, room)
		splitRoom(from, mine, most, send)
	}
}

// part returns the entries of room, and the others.
func part(entries []chat.Entry, room chat.RoomID) (mine, others []chat.Entry) {
	for i := range entries {
		if entries[i].Room == room {
			mine = append(mine, entries[i])
		} else {
			others = append(others, entries[i])
		}
	}
	return mine, others
}

func splitRoom(from ports.NodeID, entries []chat.Entry, most int, send func(chat.RoomID, []byte)) {
	header := text(nil, packetFrom, string(from))
	packet := slices.Clone(header)
	room := entries[0].Room
	flush := func(upTo int, rest []byte) {
		if upTo > len(header) {
			send(room, packet[:upTo:upTo])
			packet = append(slices.Clone(header), rest...)
		}
	}
	for i := range entries {
		e := &entries[i]
		before := len(packet)
		packet = nested(packet, packetEntry, func(b []byte) []byte { return appendEntry(b, e) })
		if len(packet) <= most {
			continue
		}
		flush(before, packet[before:])
		if len(packet) > most {
			alone := Packet{From: from, Heads: []Head{{room, e.Seq}}}
			packet = alone.Append(nil)
			flush(len(packet), nil)
		}
	}
	flush(len(packet), nil)
}

// Fit returns a packet with a notice, in at most so many bytes: a presence that is larger loses users from the end, and keeps its total.
func Fit(from ports.NodeID, notice ports.Notice, most int) []byte {
	p := Packet{From: from, Notice: notice}
	b := p.Append(nil)
	presence, ok := notice.(ports.NodePresence)
	for ok && len(b) > most && len(presence.Users) > 0 {
		keep := min(len(presence.Users)*most/len(b), len(presence.Users)-1)
		presence.Users = presence.Users[:keep]
		p.Notice = presence
		b = p.Append(b[:0])
	}
	return b
}
