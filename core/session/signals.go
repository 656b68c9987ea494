package session

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/presence"
	"github.com/parley-chat/parley/ports"
)

var _ presence.Readers = (*Hub)(nil)

// Hear implements ports.Listener.
func (h *Hub) Hear(notice ports.Notice) {
	switch n := notice.(type) {
	case ports.Signalled:
		if n.Kind != chat.SignalTyping {
			h.Spread(n.Signal, "")
		} else if f := h.delivery.Get(n.Room); f != nil {
			h.presence.Types(n.Signal, f.View().Head, "")
		}
	case ports.NodePresence, ports.Alive:
		h.presence.Hear(n)
	case ports.StandingChanged:
		h.made(n)
	case ports.MemberAdded:
		h.added(n)
	case ports.ProfileChanged:
		h.watchers.hear(n)
	case ports.Disconnected:
		h.chores.Put(func(context.Context) { h.Disconnect(n.User) })
	}
}

// Tell passes on a signal that arose on this node: to this node's readers of its room, except the
// session origin; to the other nodes; and to Config.Arose. It does not wait.
func (h *Hub) Tell(signal chat.Signal, origin string) {
	h.Spread(signal, origin)
	h.Arose(signal)
	if h.cfg.Bus == nil {
		return
	}
	select {
	case h.outgoing <- signal:
	default: // signals may be lost, and nobody waits for the bus
	}
}

// Arose implements presence.Readers.
func (h *Hub) Arose(signal chat.Signal) {
	if h.cfg.Arose != nil {
		h.cfg.Arose(signal)
	}
}

// Spread gives a signal to this node's readers of its room, except the session origin. It does not
// wait.
func (h *Hub) Spread(signal chat.Signal, origin string) {
	h.delivery.Spread(signal, origin, false)
}

// SpreadAsked implements presence.Readers.
func (h *Hub) SpreadAsked(signal chat.Signal, origin string) {
	h.delivery.Spread(signal, origin, true)
}

// passSignals hands signals to the bus until ctx ends.
func (h *Hub) passSignals(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case signal := <-h.outgoing:
			if err := h.cfg.Bus.Tell(ctx, ports.Signalled{Signal: signal}); err != nil {
				h.cfg.Observer.Fault(ctx, "pass a signal on", err)
			}
		}
	}
}
