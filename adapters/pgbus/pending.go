package pgbus

import (
	"encoding/base64"
	"sync"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	mostPayload = 7999                             // bytes of a NOTIFY's text; PostgreSQL's own limit
	mostPacket  = mostPayload / 4 * 3              // what goes into it in base64
	mostRooms   = 1 << 16                          // heads that wait to be told
	mostNotices = 1 << 14                          // notices that wait
	mostHead    = 2 + chat.MaxRoomIDChars + 2 + 10 // bytes of a head in a packet
)

// pending is what waits to be told: of each room, signal and presence the latest.
type pending struct {
	wake chan struct{}

	mu        sync.Mutex
	shut      bool
	heads     map[chat.RoomID]chat.Seq
	signals   map[chat.SignalSlot]ports.Signalled
	presences map[place]ports.NodePresence
	toAll     []ports.Notice
	trials    []trial
}

// trialMark begins a payload that proves that a connection listens; base64 has no such character.
const trialMark = "?"

// trial is a payload, and what is closed once it was told.
type trial struct {
	payload string
	sent    chan struct{}
}

// try has a trial told. What it returns is closed then; it is nil where nothing is told now.
func (p *pending) try(payload string) (sent <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return nil
	}
	t := trial{payload, make(chan struct{})}
	p.trials = append(p.trials, t)
	nudge(p.wake)
	return t.sent
}

type place struct {
	node ports.NodeID
	room chat.RoomID
}

func newPending() *pending { return &pending{wake: make(chan struct{}, 1), shut: true} }

// announce notes how far rooms reach.
func (p *pending) announce(entries []chat.Entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return notices.ErrShut
	}
	if p.heads == nil {
		p.heads = map[chat.RoomID]chat.Seq{}
	}
	var err error
	for i := range entries {
		room, seq := entries[i].Room, entries[i].Seq
		if last, known := p.heads[room]; known || len(p.heads) < mostRooms {
			p.heads[room] = max(last, seq)
		} else {
			err = notices.ErrFull
		}
	}
	nudge(p.wake)
	return err
}

func (p *pending) tell(notice ports.Notice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.shut:
		return notices.ErrShut
	case len(p.signals)+len(p.presences)+len(p.toAll) >= mostNotices:
		return notices.ErrFull
	}
	switch n := notice.(type) {
	case ports.Signalled:
		if p.signals == nil {
			p.signals = map[chat.SignalSlot]ports.Signalled{}
		}
		p.signals[n.Slot()] = n
	case ports.NodePresence:
		if p.presences == nil {
			p.presences = map[place]ports.NodePresence{}
		}
		at := place{n.Node, n.Room}
		n.Ask = n.Ask || p.presences[at].Ask
		p.presences[at] = n
	default:
		p.toAll = append(p.toAll, notice)
	}
	nudge(p.wake)
	return nil
}

func (p *pending) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = false
}

// close drops what waits, and takes nothing until open: it would be stale.
func (p *pending) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	p.heads, p.signals, p.presences, p.toAll, p.trials = nil, nil, nil, nil, nil
}

// take returns all that waits as payloads, and what is to be closed once they are told. What is for all nodes comes first: who was banned is so when the entry comes.
func (p *pending) take(at notices.Place) (payloads []string, sent []chan struct{}) {
	p.mu.Lock()
	heads, signals, presences, toAll, trials := p.heads, p.signals, p.presences, p.toAll, p.trials
	p.heads, p.signals, p.presences, p.toAll, p.trials = nil, nil, nil, nil, nil
	p.mu.Unlock()
	add := func(packet []byte) { payloads = append(payloads, base64.RawStdEncoding.EncodeToString(packet)) }
	for _, n := range toAll {
		add(at.Fit(n, mostPacket))
	}
	packet := at.Packet()
	size := len(packet.Append(nil))
	for room, seq := range heads {
		packet.Heads = append(packet.Heads, notices.Head{Room: room, Seq: seq})
		if size += mostHead; size > mostPacket-2*mostHead {
			add(packet.Append(nil))
			packet.Heads, size = nil, size-len(packet.Heads)*mostHead
		}
	}
	if len(packet.Heads) > 0 {
		add(packet.Append(nil))
	}
	for _, n := range signals {
		add(at.Fit(n, mostPacket))
	}
	for _, n := range presences {
		add(at.Fit(n, mostPacket))
	}
	for _, t := range trials {
		payloads, sent = append(payloads, t.payload), append(sent, t.sent)
	}
	return payloads, sent
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
