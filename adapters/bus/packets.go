package bus

import (
	"sync/atomic"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// MaxPacket is the max size of a packet in bytes, if the server allows that.
	MaxPacket = 256 << 10
	// MaxWaiting is how many bytes of packets may wait in a queue.
	MaxWaiting = 16 << 20
)

// Packets is an Outbox of packets that carry the entries themselves, each of one room.
type Packets struct {
	*Queue

	place     notices.Place
	maxPacket atomic.Int64
}

var _ Outbox = (*Packets)(nil)

// NewPackets returns an empty outbox of a place.
func NewPackets(place notices.Place) *Packets {
	p := &Packets{Queue: NewQueue(MaxWaiting), place: place}
	p.Limit(MaxPacket)
	return p
}

// Limit bounds the size of later packets to maxBytes bytes.
func (p *Packets) Limit(maxBytes int) { p.maxPacket.Store(int64(min(maxBytes, MaxPacket))) }

// Announce implements Outbox.
func (p *Packets) Announce(entries []chat.Entry) (err error) {
	p.place.Split(entries, int(p.maxPacket.Load()), func(room chat.RoomID, packet []byte) {
		if full := p.Put(Message{Room: room, Packet: packet}); full != nil {
			err = full
		}
	})
	return err
}

// Tell implements Outbox.
func (p *Packets) Tell(notice ports.Notice) error {
	packet := p.place.Fit(notice, int(p.maxPacket.Load()))
	return p.Put(Message{Room: notice.About(), Packet: packet})
}
