package pgbus

import (
	"sync"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	maxPayload = 7999                             // bytes of a NOTIFY's text; PostgreSQL's limit
	maxPacket  = maxPayload / 4 * 3               // bytes that fit in base64
	maxRooms   = 1 << 16                          // max heads that wait
	maxNotices = 1 << 14                          // max notices that wait
	maxHead    = 2 + chat.MaxRoomIDChars + 2 + 10 // max bytes of a head in a packet
)

// outbox holds what waits to be sent: the highest head of each room, and the latest of each signal
// and presence.
type outbox struct {
	place notices.Place
	wake  chan struct{}

	mu      sync.Mutex
	waiting waiting
}

type waiting struct {
	heads     map[chat.RoomID]chat.Seq
	signals   map[chat.SignalSlot]ports.Signalled
	presences map[presenceOf]ports.NodePresence
	toAll     []ports.Notice
}

// presenceOf identifies a presence: a later one with the same value replaces it.
type presenceOf struct {
	node ports.NodeID
	room chat.RoomID
}

var _ bus.Outbox = (*outbox)(nil)

func newOutbox(place notices.Place) *outbox {
	return &outbox{place: place, wake: make(chan struct{}, 1), waiting: nothing()}
}

func nothing() waiting {
	return waiting{
		heads: map[chat.RoomID]chat.Seq{}, signals: map[chat.SignalSlot]ports.Signalled{},
		presences: map[presenceOf]ports.NodePresence{},
	}
}

// Announce implements bus.Outbox: it keeps the heads of the rooms.
func (o *outbox) Announce(entries []chat.Entry) (err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	heads := o.waiting.heads
	for i := range entries {
		room, seq := entries[i].Room, entries[i].Seq
		if last, known := heads[room]; known || len(heads) < maxRooms {
			heads[room] = max(last, seq)
		} else {
			err = bus.ErrFull
		}
	}
	o.nudge()
	return err
}

// Tell implements bus.Outbox.
func (o *outbox) Tell(notice ports.Notice) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := &o.waiting
	if len(w.signals)+len(w.presences)+len(w.toAll) >= maxNotices {
		return bus.ErrFull
	}
	switch n := notice.(type) {
	case ports.Signalled:
		w.signals[n.Slot()] = n
	case ports.NodePresence:
		of := presenceOf{n.Node, n.Room}
		n.Ask = n.Ask || w.presences[of].Ask
		w.presences[of] = n
	default:
		w.toAll = append(w.toAll, notice)
	}
	o.nudge()
	return nil
}

func (o *outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Wake implements bus.Outbox.
func (o *outbox) Wake() <-chan struct{} { return o.wake }

// Take implements bus.Outbox. Messages for all nodes come first: so a ban is known when its entry
// arrives.
func (o *outbox) Take() (messages []bus.Message) {
	o.mu.Lock()
	w := o.waiting
	o.waiting = nothing()
	o.mu.Unlock()
	add := func(packet []byte) { messages = append(messages, bus.Message{Packet: packet}) }
	for _, n := range w.toAll {
		add(o.place.Fit(n, maxPacket))
	}
	packet := o.place.Packet()
	size := len(packet.Append(nil))
	for room, seq := range w.heads {
		packet.Heads = append(packet.Heads, notices.Head{Room: room, Seq: seq})
		if size += maxHead; size > maxPacket-2*maxHead {
			add(packet.Append(nil))
			packet.Heads, size = nil, size-len(packet.Heads)*maxHead
		}
	}
	if len(packet.Heads) > 0 {
		add(packet.Append(nil))
	}
	for _, n := range w.signals {
		add(o.place.Fit(n, maxPacket))
	}
	for _, n := range w.presences {
		add(o.place.Fit(n, maxPacket))
	}
	return messages
}
