package delivery

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Hear implements ports.Listener.
func (h *Hub) Hear(notice ports.Notice) {
	switch n := notice.(type) {
	case ports.Signalled:
		if n.Kind != chat.SignalTyping {
			h.spread(n.Signal, nil)
		} else if f := h.feed(n.Room); f != nil {
			h.typed(n.Signal, f, nil)
		}
	case ports.NodePresence:
		h.attended(n)
	case ports.Alive:
		h.presences.alive(n, time.Now())
	case ports.StandingChanged:
		h.made(n)
	case ports.MemberAdded:
		h.added(n)
	case ports.Disconnected:
		h.chores.put(func(context.Context) { h.Disconnect(n.User) })
	}
}

// tell passes a signal on to this node's readers but origin, and to the other nodes.
func (h *Hub) tell(signal chat.Signal, origin *session) {
	h.spread(signal, origin)
	h.pass(signal)
}

// pass passes a signal on to the other nodes.
func (h *Hub) pass(signal chat.Signal) {
	if h.cfg.Bus == nil {
		return
	}
	select {
	case h.outgoing <- signal:
	default: // signals may be lost, and nobody waits for the bus
	}
}

func (h *Hub) spread(signal chat.Signal, origin *session) {
	f := h.feed(signal.Room)
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	h.signal(f, signal, origin)
}

// signal passes a signal on to the readers of a feed but origin. The feed's mu is held.
func (h *Hub) signal(f *feed, signal chat.Signal, origin *session) {
	if !f.followed() {
		return
	}
	sig := pendingSignal{Signal: signal, origin: origin, frame: h.cfg.Encoder.Frame(nil, ports.SignalFrame{Signal: signal})}
	for i, w := range h.shards {
		if len(f.parts[i].followers) > 0 {
			w.queueSignal(&f.parts[i], sig)
		}
	}
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
