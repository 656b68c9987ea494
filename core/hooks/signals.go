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
	signalsKept   = 100 // that wait for a hook on this node; also the most of a parcel
	signalsEvery  = 250 * time.Millisecond
	signalsTime   = 5 * time.Second  // for an answer
	signalsRest   = time.Second      // after a parcel that was not taken; twice as long after each further one
	signalsRests  = time.Minute      // the longest, unless the endpoint says another time
	stalledEvery  = 10 * time.Second // how often is looked where a hook that is told signals has stalled
	signalsAlone  = time.Hour        // the longest if it does
	signalsMarker = "~signals."      // where other parcels name a room, and no room is named so
)

// signalTypes are the types of signals that hooks are told.
var signalTypes = []string{"typing", "presence", "read"}

// typeOfSignal returns a signal's type, or nothing where no hook is told it.
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

// Signals gathers the signals that arise on this node for the hooks that ask for them. A Service
// says which these are, and posts what was gathered. Make one with NewSignals.
type Signals struct {
	asked atomic.Pointer[[]*gathering] // nil: no hook asks
	due   chan *gathering              // have something, and nobody who posts it

	mu  sync.Mutex
	all map[chat.HookID]*gathering // also of hooks that are told nothing for now
}

// NewSignals returns a Signals for which no hook asks yet.
func NewSignals() *Signals {
	return &Signals{due: make(chan *gathering, ports.MaxHooks), all: map[chat.HookID]*gathering{}}
}

// gathering is what one hook has yet to be told.
type gathering struct {
	mu      sync.Mutex
	h       ports.Hook
	rooms   []chat.RoomPattern
	open    bool               // the hook is to be told signals
	waiting []ports.HookSignal // one of a slot; the oldest is the first
	posting bool               // somebody posts what waits, or is about to
	failed  int                // parcels in a row
	rests   time.Time          // until then nothing is gathered
	dropped int                // that were not counted yet

	// These are of who posts.
	stalled map[chat.RoomID]bool
	looked  time.Time // for those
}

// Arose takes a signal that arose on this node. It does not wait, and where no hook asks for
// signals it does nothing. It may be called concurrently.
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

// put keeps a signal in the place of an earlier one of its slot. Where there are too many, the
// oldest is dropped.
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
	default: // more than there may be hooks are due: the next signal tries again
	}
}

// take returns what waits, with the hook that is to be told; and ends the posting where nothing
// does.
func (q *gathering) take() (h ports.Hook, signals []ports.HookSignal) {
	q.mu.Lock()
	defer q.mu.Unlock()
	signals, q.waiting = q.waiting, nil
	q.posting = len(signals) > 0
	return q.h, signals
}

// fares notes how a parcel ended: how long the endpoint wants to be left alone then, if it says so.
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

// empty drops what waits. q.mu is held.
func (q *gathering) empty() {
	q.dropped += len(q.waiting)
	q.waiting = nil
}

// is takes a hook as it is now, and returns how many signals were dropped since it was asked last.
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

// set takes the hooks that there are, and returns how many signals were dropped since the last
// time.
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
	for _, q := range g.all { // of hooks that are gone
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

// tellSignals posts what is gathered until ctx ends: of each hook one parcel at a time.
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

// tellOf posts what waits for a hook, until nothing does.
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

// stalls looks where a hook has stalled, now and then; where that cannot be read, what was known
// counts.
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
	p.Read = func([]byte) (ports.HookAnswer, error) { return ports.HookAnswer{}, nil } // it asks for nothing
	receipt, err := s.cfg.Courier.Deliver(ctx, p)
	if taken := resultOf(receipt, err) == ports.HookOK; !taken {
		q.fares(false, receipt.RetryAfter)
		return ports.HookSignalFailed
	}
	q.fares(true, 0)
	return ports.HookSignalTold
}
