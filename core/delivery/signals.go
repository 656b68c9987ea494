package delivery

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// presenceTold is the size of a room, in present users, up to which each arrival and departure is told: above it the telling
	// would grow with the square of the room.
	presenceTold = 200
	// presenceShown is how many users a presence answer names.
	presenceShown = 200
)

// Hear implements ports.Listener.
func (h *Hub) Hear(notice ports.Notice) {
	if n, ok := notice.(ports.Signalled); ok {
		h.spread(n.Signal, nil)
	}
}

// tell passes a signal on to this node's readers but origin, and to the other nodes.
func (h *Hub) tell(signal chat.Signal, origin *session) {
	h.spread(signal, origin)
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
	sig := pendingSignal{Signal: signal, origin: origin, frame: h.cfg.Encoder.Frame(nil, ports.SignalFrame{Signal: signal})}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, w := range h.shards {
		if len(f.parts[i].followers) > 0 {
			w.queueSignal(&f.parts[i], sig)
		}
	}
}

func (h *Hub) tellPresence(f *feed, user chat.UserID, on bool, origin *session) {
	f.mu.Lock()
	many := len(f.present) > presenceTold
	f.mu.Unlock()
	if !many {
		h.tell(chat.Signal{Room: f.room, User: user, Kind: chat.SignalPresence, On: on}, origin)
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

// present returns who follows a room on this node.
func (h *Hub) present(room chat.RoomID) ports.Present {
	answer := ports.Present{Room: room, Users: []chat.Author{}}
	f := h.feed(room)
	if f == nil {
		return answer
	}
	f.mu.Lock()
	for id, p := range f.present {
		answer.Users = append(answer.Users, chat.Author{ID: id, Name: p.name})
	}
	f.mu.Unlock()
	answer.Total = len(answer.Users)
	slices.SortFunc(answer.Users, func(a, b chat.Author) int { return cmp.Compare(a.ID, b.ID) })
	answer.Users = answer.Users[:min(len(answer.Users), presenceShown)]
	return answer
}
