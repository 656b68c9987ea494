package observability

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

const (
	hotSlots    = 256
	hotHalfLife = 30 * time.Second
	// Weights grow with time. They are scaled down before a float64 loses precision.
	hotRescale = 1 << 9 * hotHalfLife
)

// hottest finds the rooms with the most deliveries lately, in bounded memory for any number of
// rooms. It is a Space-Saving sketch (Metwally, Agrawal, El Abbadi: Efficient Computation of
// Frequent and Top-k Elements in Data Streams, 2005) whose counts decay (Cormode et al.: Forward
// Decay, 2009), with a half-life of half a minute. A room with more than 1/256 of all deliveries is
// always known. A count may be too high, by at most its Error.
type hottest struct {
	mu    sync.Mutex
	began time.Time // reference time of the weights
	rooms []hot     // a slice, so that finding the coldest is fast
	at    map[chat.RoomID]int
}

type hot struct {
	weight, wrong float64
	room          chat.RoomID
}

// HotRoom is a room and its rate of deliveries on this node.
type HotRoom struct {
	Room      chat.RoomID `json:"room"`
	PerSecond float64     `json:"deliveries_per_second"` // lately
	Error     float64     `json:"error"`                 // max by which the rate may be too high
}

func newHottest() *hottest {
	return &hottest{began: time.Now(), rooms: make([]hot, 0, hotSlots), at: make(map[chat.RoomID]int, hotSlots)}
}

// note counts deliveries.
func (h *hottest) note(room chat.RoomID, deliveries int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if now.Sub(h.began) > hotRescale {
		h.rescale(now)
	}
	weight := float64(deliveries) * h.grown(now)
	if i, known := h.at[room]; known {
		h.rooms[i].weight += weight
		return
	}
	if len(h.rooms) < hotSlots {
		h.at[room] = len(h.rooms)
		h.rooms = append(h.rooms, hot{weight: weight, room: room})
		return
	}
	i := h.coldest()
	coldest := h.rooms[i].weight
	delete(h.at, h.rooms[i].room)
	h.at[room] = i
	h.rooms[i] = hot{coldest + weight, coldest, room}
}

// grown returns the weight of one delivery at now.
func (h *hottest) grown(now time.Time) float64 {
	return math.Exp2(float64(now.Sub(h.began)) / float64(hotHalfLife))
}

// rescale makes now the reference time, and forgets the rooms without weight.
func (h *hottest) rescale(now time.Time) {
	by := h.grown(now)
	kept := h.rooms[:0]
	clear(h.at)
	for _, one := range h.rooms {
		if one.weight, one.wrong = one.weight/by, one.wrong/by; one.weight >= 1e-6 {
			h.at[one.room] = len(kept)
			kept = append(kept, one)
		}
	}
	h.rooms, h.began = kept, now
}

func (h *hottest) coldest() (at int) {
	for i := range h.rooms {
		if h.rooms[i].weight < h.rooms[at].weight {
			at = i
		}
	}
	return at
}

// top returns up to n rooms, the hottest first.
func (h *hottest) top(n int) []HotRoom {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A steady rate has the weight rate × half-life / ln 2.
	unit := h.grown(time.Now()) * hotHalfLife.Seconds() / math.Ln2
	list := make([]HotRoom, 0, len(h.rooms))
	for _, one := range h.rooms {
		if perSecond := one.weight / unit; perSecond >= 0.01 {
			list = append(list, HotRoom{one.room, perSecond, one.wrong / unit})
		}
	}
	slices.SortFunc(list, func(a, b HotRoom) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), cmp.Compare(a.Room, b.Room))
	})
	return list[:min(n, len(list))]
}

// Hottest returns up to n rooms (at most 256), with the most deliveries on this node in about the
// last minute first.
func (o *Observer) Hottest(n int) []HotRoom { return o.hottest.top(n) }
