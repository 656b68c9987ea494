package hooks

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	signalsKept  = 100 // max signals that wait for a hook on this node; also the max of a parcel
	signalsEvery = 250 * time.Millisecond
	signalsTime  = 5 * time.Second // for the endpoint's answer
	// Pause after a parcel that was not taken. It doubles with each further one.
	signalsRest  = time.Second
	signalsRests = time.Minute      // the longest such pause, unless the endpoint asks for another
	stalledEvery = 10 * time.Second // how often the rooms where a hook has stalled are read
	signalsAlone = time.Hour        // the longest pause that an endpoint can ask for
	// signalsMarker stands where the ids of batches have a room; no room has this id.
	signalsMarker = "~signals."
)

// signalTypes are the types of signals that hooks are told.
var signalTypes = []string{"typing", "presence", "read"}

// typeOfSignal returns a signal's type, or "" if no hook is told such signals.
func typeOfSignal(s chat.Signal) string {
	switch s.Kind {
	case chat.SignalTyping:
		return "typing"
	case chat.SignalPresence:
		return "presence"
	case chat.SignalRead:
		return "read"
	}
	return ""
}

// Signals gathers the signals that arise on this node, for the hooks that ask for them. A Service
// tells it which hooks these are, and posts what was gathered. Make one with NewSignals.
type Signals struct {
	asked atomic.Pointer[[]*gathering] // nil: no hook asks
	due   chan *gathering              // those that have signals, and that nobody posts yet

	mu  sync.Mutex
	all map[chat.HookID]*gathering // also hooks that are told nothing for now
}

// NewSignals returns a Signals for which no hook has asked yet.
func NewSignals() *Signals {
	return &Signals{due: make(chan *gathering, ports.MaxHooks), all: map[chat.HookID]*gathering{}}
}

// gathering has the signals that one hook has yet to be told.
type gathering struct {
	mu      sync.Mutex
	h       ports.Hook
	rooms   []chat.RoomPattern
	open    bool               // the hook is to be told signals
	waiting []ports.HookSignal // at most one of each slot; the oldest is first
	posting bool               // somebody posts what waits, or is about to
	failed  int                // parcels that failed in a row
	rests   time.Time          // nothing is gathered until then
	dropped int                // signals that were dropped and not counted yet

	// Only the goroutine that posts uses these.
	stalled map[chat.RoomID]bool
	looked  time.Time // when stalled was last read
}

// Arose takes a signal that arose on this node. It does not wait. If no hook asks for signals it
// does nothing. It may be called concurrently.
func (g *Signals) Arose(signal chat.Signal) {
	asked := g.asked.Load()
	if asked == nil {
		return
	}
	name, now := typeOfSignal(signal), time.Now()
	for _, one := range *asked {
		one.put(name, ports.HookSignal{Signal: signal, At: now}, g.due)
	}
}

// put adds a signal, and removes an earlier one of its slot. If there are too many, the oldest is
// dropped.
func (q *gathering) put(name string, s ports.HookSignal, due chan<- *gathering) {
	q.mu.Lock()
	defer q.mu.Unlock()
	types := q.h.Filter.Types
	switch {
	case !q.open, name == "", len(types) > 0 && !slices.Contains(types, name):
		return
	case s.User == q.h.Bot.ID && !q.h.Filter.Own, !follows(q.rooms, s.Room):
		return
	case s.At.Before(q.rests):
		q.dropped++
		return
	}
	same := func(is ports.HookSignal) bool { return is.Slot() == s.Slot() }
	if i := slices.IndexFunc(q.waiting, same); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	} else if len(q.waiting) == signalsKept {
		q.waiting = slices.Delete(q.waiting, 0, 1)
		q.dropped++
	}
	q.waiting = append(q.waiting, s)
	if q.posting {
		return
	}
	select {
	case due <- q:
		q.posting = true
	default: // the channel is full: the next signal tries again
	}
}

// take returns the signals that wait, and the hook. If none waits, posting ends.
func (q *gathering) take() (h ports.Hook, signals []ports.HookSignal) {
	q.mu.Lock()
	defer q.mu.Unlock()
	signals, q.waiting = q.waiting, nil
	q.posting = len(signals) > 0
	return q.h, signals
}

// fares notes the result of a parcel. alone is how long the endpoint asked to be left alone; 0: it
// did not ask.
func (q *gathering) fares(taken bool, alone time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if taken {
		q.failed = 0
		return
	}
	rest := min(signalsRest<<min(q.failed, 10), signalsRests)
	q.failed++
	q.rests = time.Now().Add(max(rest, min(alone, signalsAlone)))
	q.empty()
}

// empty drops the signals that wait. q.mu is held.
func (q *gathering) empty() {
	q.dropped += len(q.waiting)
	q.waiting = nil
}

// is sets the hook. It returns how many signals were dropped since the last call.
func (q *gathering) is(h ports.Hook, open bool) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h.URL != q.h.URL || open && !q.open {
		q.failed, q.rests = 0, time.Time{}
	}
	if q.h, q.rooms, q.open = h, roomsOf(h), open; !open {
		q.empty()
	}
	dropped, q.dropped = q.dropped, 0
	return dropped
}

// set sets the hooks. It returns how many signals were dropped since the last call.
func (g *Signals) set(list []ports.Hook) (dropped int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var asked []*gathering
	left := map[chat.HookID]*gathering{}
	for _, h := range list {
		q := g.all[h.ID]
		if q == nil && !h.Signals {
			continue
		}
		if q == nil {
			q = &gathering{}
		}
		left[h.ID] = q
		delete(g.all, h.ID)
		open := h.Signals && h.Kind == ports.HookPush && h.Paused == ""
		if dropped += q.is(h, open); open {
			asked = append(asked, q)
		}
	}
	for _, q := range g.all { // hooks that are gone
		dropped += q.is(ports.Hook{}, false)
	}
	g.all = left
	if asked == nil {
		g.asked.Store(nil)
	} else {
		g.asked.Store(&asked)
	}
	return dropped
}

// tellSignals posts the gathered signals until ctx ends. Each hook gets one parcel at a time.
func (s *Service) tellSignals(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { s.cfg.Signals.set(nil) }()
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-s.cfg.Signals.due:
			wg.Go(func() { s.tellOf(ctx, q) })
		}
	}
}

// tellOf posts the signals that wait for a hook, until none waits.
func (s *Service) tellOf(ctx context.Context, q *gathering) {
	for {
		h, signals := q.take()
		if len(signals) == 0 {
			return
		}
		next := time.NewTimer(signalsEvery)
		s.post(ctx, q, h, signals)
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		}
	}
}

// post posts a parcel of signals, once.
func (s *Service) post(ctx context.Context, q *gathering, h ports.Hook, signals []ports.HookSignal) {
	ctx, cancel := context.WithTimeout(ctx, signalsTime)
	defer cancel()
	all := len(signals)
	if s.cfg.Runner.Idles(nameOf(h)) {
		signals = nil
	} else {
		s.stalls(ctx, q, h)
		signals = slices.DeleteFunc(signals, func(one ports.HookSignal) bool { return q.stalled[one.Room] })
	}
	fate := ports.HookSignalDropped
	if len(signals) > 0 && s.mayRead(ctx, h) == nil {
		if p, err := s.parcel(h); err == nil {
			p.ID, p.Body = idBeside(h.ID, signalsMarker), s.cfg.PackSignals(nil, h.ID, signals)
			fate = s.deliverSignals(ctx, q, p)
		}
	}
	s.cfg.Observer.HookSignals(fate, len(signals))
	s.cfg.Observer.HookSignals(ports.HookSignalDropped, all-len(signals))
}

// stalls reads from time to time in which rooms a hook has stalled. If that fails, it keeps what it
// has read before.
func (s *Service) stalls(ctx context.Context, q *gathering, h ports.Hook) {
	if time.Since(q.looked) < stalledEvery {
		return
	}
	q.looked = time.Now()
	stuck, err := s.cfg.Consumers.Stuck(ctx, nameOf(h), "", stuckAtOnce)
	if err != nil {
		return
	}
	q.stalled = map[chat.RoomID]bool{}
	for _, c := range stuck {
		if c.Stalled {
			q.stalled[c.Room] = true
		}
	}
}

func (s *Service) deliverSignals(ctx context.Context, q *gathering, p ports.Parcel) ports.HookFate {
	// Only the status of the answer counts.
	p.Read = func([]byte) (ports.HookAnswer, error) { return ports.HookAnswer{}, nil }
	receipt, err := s.cfg.Courier.Deliver(ctx, p)
	if taken := resultOf(receipt, err) == ports.HookOK; !taken {
		q.fares(false, receipt.RetryAfter)
		return ports.HookSignalFailed
	}
	q.fares(true, 0)
	return ports.HookSignalTold
}
